"""A shop elsewhere: nothing of it in this project but a key."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from typing import Any

import pytest
from django.test import Client

from django_ecomai.ingest.models import ApiKey, Scope
from django_ecomai.ingest.services import key_make

HEADLESS = "django_ecomai.adapters.headless.HeadlessAdapter"


@pytest.fixture(autouse=True)
def headless(ecomai_setting: Callable[..., None]) -> None:
    """The project's only adapter reads nothing."""
    ecomai_setting(ADAPTER=HEADLESS, CURRENCY="EUR")


class Sender:
    """A program with a key."""

    def __init__(self, key: ApiKey, text: str) -> None:
        self.key, self.text = key, text
        self.client = Client(headers={"authorization": f"Bearer {text}"})

    def send(self, table: str, *rows: Any, status: int = 200, **headers: str) -> dict[str, Any]:
        """``POST`` rows as JSON and return the answer."""
        body = json.dumps({"rows": list(rows)})
        return self.send_raw(table, body, "application/json", status=status, **headers)

    def send_lines(self, table: str, *rows: Any, status: int = 200, **headers: str) -> dict[str, Any]:
        """``POST`` rows as NDJSON; texts and bytes go as they are."""
        lines = [row if isinstance(row, str | bytes) else json.dumps(row) for row in rows]
        body = b"\n".join(line.encode() if isinstance(line, str) else line for line in lines)
        return self.send_raw(table, body, "application/x-ndjson", status=status, **headers)

    def send_raw(self, table: str, body: Any, kind: str, *, status: int = 200, **headers: str) -> dict[str, Any]:
        """``POST`` any body."""
        answer = self.client.post(f"/ecomai/api/ingest/{table}/", body, content_type=kind, headers=headers)
        assert answer.status_code == status, answer.content
        return answer.json()

    def get(self, path: str, status: int = 200, **parameters: Any) -> dict[str, Any]:
        """``GET`` with query parameters."""
        answer = self.client.get(f"/ecomai/api/ingest/{path}", parameters)
        assert answer.status_code == status, answer.content
        return answer.json()


@pytest.fixture
def make_sender(db: None) -> Callable[..., Sender]:
    """Make further programs."""

    def make(name: str = "Storefront", scopes: Iterable[str] = Scope.values, **more: Any) -> Sender:
        return Sender(*key_make(name=name, scopes=scopes, **more))

    return make


@pytest.fixture
def shop(make_sender: Callable[..., Sender]) -> Sender:
    """A program that may everything in the only shop."""
    return make_sender()


def verdicts(answer: dict[str, Any]) -> list[str]:
    """``accepted``, ``duplicate`` or the reason, row by row."""
    return [one.get("reason") or one["status"] for one in answer["verdicts"]]
