"""What every test of this folder gets."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from django_ecomai.privacy import model_care, refusing
from django_ecomai.runs.live import live_reset
from tests.events.conftest import shared_cache as shared_cache

from .factories import Shop, shop_fill


@pytest.fixture(autouse=True)
def _own_folder(
    settings: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fresh_partitions: None
) -> Iterator[None]:
    """Models and the log of erasures of one test; nothing that the process remembered of another's database.

    No page of the shop is under way when a test erases.
    """
    settings.ECOMAI = {**settings.ECOMAI, "ARTIFACT_DIR": str(tmp_path / "artifacts"), "LIVE_CHECK_SECONDS": 0.000001}
    monkeypatch.setattr(model_care, "GRACE", timedelta(0))
    refusing.forget()
    live_reset()
    yield
    refusing.forget()
    live_reset()


@pytest.fixture
def ecomai(ecomai_setting: Callable[..., None]) -> Callable[..., None]:
    """Under its short name."""
    return ecomai_setting


@pytest.fixture
def shop(db: None) -> Shop:
    """Every capability filled."""
    return shop_fill()
