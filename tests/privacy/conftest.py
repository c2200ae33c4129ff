"""What every test of this folder gets."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from django_ecomai.events import partitions
from django_ecomai.privacy import model_care, refusing
from django_ecomai.runs.live import live_reset
from tests.events.conftest import shared_cache as shared_cache

from .factories import Shop, shop_fill


@pytest.fixture(autouse=True)
def _own_folder(settings: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Models and the log of erasures of one test; nothing that the process remembered of another's database.

    No page of the shop is under way when a test erases.
    """
    settings.ECOMAI = {**settings.ECOMAI, "ARTIFACT_DIR": str(tmp_path / "artifacts"), "LIVE_CHECK_SECONDS": 0.000001}
    monkeypatch.setattr(model_care, "GRACE", timedelta(0))
    partitions.forget()
    refusing.forget()
    live_reset()
    yield
    partitions.forget()
    refusing.forget()
    live_reset()


@pytest.fixture
def ecomai(settings: Any) -> Callable[..., None]:
    """Change keys of ``ECOMAI`` for one test."""

    def change(**values: Any) -> None:
        settings.ECOMAI = {**settings.ECOMAI, **values}

    return change


@pytest.fixture
def shop(db: None) -> Shop:
    """Every capability filled."""
    return shop_fill()
