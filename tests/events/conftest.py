"""Consent, shared caches and what the browser's requests look like."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from django.core.cache import caches
from django.test import Client

from django_ecomai.events import limits
from django_ecomai.events.tokens import page_token

CHROME = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/130.0.0.0 Safari/537.36"
CAPTURE = "/ecomai/capture/"


@pytest.fixture(autouse=True)
def _fresh_partitions(fresh_partitions: None) -> None:
    """Here every test writes events."""


@pytest.fixture(autouse=True)
def _within_one_minute(monkeypatch: pytest.MonkeyPatch) -> None:
    """Limits count by the minute: no test may begin in one and end in the next."""
    monkeypatch.setattr(limits, "time", SimpleNamespace(time=lambda: 1_800_000_030.0))


@pytest.fixture
def shared_cache(settings: Any, tmp_path: Path) -> Any:
    """A cache that several processes could share."""
    settings.CACHES = {
        "default": {"BACKEND": "django.core.cache.backends.filebased.FileBasedCache", "LOCATION": str(tmp_path)}
    }
    return caches["default"]


class Browser(Client):
    """A test client that sends what a browser's beacon sends."""

    def __init__(self, **headers: str) -> None:
        sent = {"User-Agent": CHROME, "Sec-Fetch-Site": "same-origin", **headers}
        super().__init__(headers=sent)

    def capture(self, *events: Any, token: Any = None, **kwargs: Any) -> Any:
        """Send a batch."""
        body = json.dumps({"token": page_token() if token is None else token, "events": list(events)})
        return self.post(CAPTURE, body, content_type="text/plain;charset=UTF-8", **kwargs)


@pytest.fixture
def browser() -> Browser:
    """A visitor's browser."""
    return Browser()


@pytest.fixture
def broken_cache(settings: Any) -> None:
    """A cache server that is gone."""
    settings.CACHES = {"default": {"BACKEND": "tests.events.broken.BrokenCache"}}
