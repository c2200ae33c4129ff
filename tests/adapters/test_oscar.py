"""``OscarAdapter`` named in a project without Oscar; in a shop of Oscar's it is tested by ``tests/oscar``."""

from __future__ import annotations

from typing import Any

import pytest

from django_ecomai.adapters.checks import adapter_check
from django_ecomai.adapters.oscar import OscarAdapter
from django_ecomai.adapters.rows import Behaviour
from django_ecomai.events.receivers import behaviour_connect, behaviour_tell
from django_ecomai.mirror.receivers import live_connect


def test_the_check_says_what_to_type(settings: Any) -> None:
    settings.ECOMAI = {**settings.ECOMAI, "ADAPTER": "django_ecomai.adapters.oscar.OscarAdapter"}

    messages = [one for one in adapter_check() if "catalogue.Product" in one.msg]

    assert [one.id for one in messages] == ["ecomai.E011"]
    assert "pip install 'django-ecomai[oscar]'" in messages[0].msg


def test_the_project_starts_all_the_same(settings: Any, caplog: pytest.LogCaptureFixture) -> None:
    settings.ECOMAI = {**settings.ECOMAI, "ADAPTER": "django_ecomai.adapters.oscar.OscarAdapter"}

    live_connect()
    behaviour_connect()

    assert "could not be connected" in caplog.text


def test_without_a_request_nobody_can_be_asked_and_nothing_is_recorded(monkeypatch: pytest.MonkeyPatch) -> None:
    tracked: list[Any] = []
    monkeypatch.setattr("django_ecomai.events.receivers.event_track", lambda **event: tracked.append(event))

    behaviour_tell(Behaviour(name="search", query="lantern"))

    assert tracked == []


def test_a_subclass_keeps_what_it_does_not_name() -> None:
    class Mine(OscarAdapter):
        product_fields = {"title": "slug"}

    mapping = Mine().mapping("product")

    assert (mapping["title"], mapping["created_at"]) == ("slug", "date_created")
    assert OscarAdapter().mapping("product")["title"] == "get_title"
