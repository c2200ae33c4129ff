from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from django_ecomai import recommend
from django_ecomai.recommend import config
from django_ecomai.runs import live


@pytest.fixture(autouse=True)
def cold_process(tmp_path: Path, settings: Any) -> Iterator[None]:
    """A process that has loaded nothing, a shop of its own, and an artifact folder of its own."""
    # The example shop draws cards of its own; here the package's are looked at.
    own = Path(recommend.__file__).parent / "templates"
    settings.TEMPLATES = [{**settings.TEMPLATES[0], "DIRS": [own]}]
    settings.ECOMAI = {
        **settings.ECOMAI,
        "ADAPTER": "tests.recommend.factories.MirrorShop",
        "CONSENT": "django_ecomai.events.consent.always",
        "ARTIFACT_DIR": str(tmp_path / "artifacts"),
        "DISPATCH": "inline",
        "LIVE_CHECK_SECONDS": 60,
    }
    config.forget()
    live.live_reset()
    yield
    config.forget()
    live.live_reset()


@pytest.fixture
def ecomai(ecomai_setting: Any) -> Any:
    """``ecomai(KEY=value)`` changes settings for one test."""
    return ecomai_setting
