from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from django_ecomai.runs import live


@pytest.fixture(autouse=True)
def artifact_dir(tmp_path: Path, settings: pytest.FixtureRequest) -> Iterator[Path]:
    """Each test has an artifact folder of its own and a process that has loaded nothing."""
    folder = tmp_path / "artifacts"
    settings.ECOMAI = {  # type: ignore[attr-defined]
        **settings.ECOMAI,  # type: ignore[attr-defined]
        "ARTIFACT_DIR": str(folder),
        "DISPATCH": "inline",
        "LIVE_CHECK_SECONDS": 0.000001,
    }
    live.live_reset()
    yield folder
    live.live_reset()
