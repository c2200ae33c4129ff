"""Registries: names, clashes, and messages that say what exists."""

from __future__ import annotations

import dataclasses
import uuid

import pytest
from hypothesis import given
from hypothesis import strategies as st

from django_ecomai.core import registry
from django_ecomai.core.registry import Card, Finding, JobKind, PersonalData, Registry


def test_items_come_back_in_order_of_registration() -> None:
    colours: Registry[str] = Registry("colour")
    assert colours.register("red", "#f00") == "#f00"
    colours.register("blue", "#00f")
    assert colours.names() == ["red", "blue"]
    assert list(colours.items()) == [("red", "#f00"), ("blue", "#00f")]
    assert colours.get("blue") == "#00f"
    assert "red" in colours and "green" not in colours and 3 not in colours


def test_a_name_belongs_to_one_object() -> None:
    things: Registry[object] = Registry("thing")
    first = object()
    things.register("a", first)
    things.register("a", first)  # an app whose ready() runs twice
    with pytest.raises(ValueError, match=r"A thing named 'a' is registered already\."):
        things.register("a", object())
    assert things.get("a") is first


def test_an_unknown_name_is_answered_with_what_exists() -> None:
    things: Registry[int] = Registry("thing")
    with pytest.raises(LookupError, match=r"No thing named 'x'\. Registered: none\."):
        things.get("x")
    things.register("b", 1)
    things.register("a", 2)
    with pytest.raises(LookupError, match=r"Registered: a, b\."):
        things.get("x")


def test_unregister_forgets_and_forgives() -> None:
    things: Registry[int] = Registry("thing")
    things.register("a", 1)
    things.unregister("a")
    things.unregister("a")
    things.register("a", 2)
    assert things.get("a") == 2


def test_a_registry_may_change_while_it_is_read() -> None:
    things: Registry[int] = Registry("thing")
    things.register("a", 1)
    things.register("b", 2)
    for name, item in things.items():
        assert things.get(name) == item
        things.unregister(name)
    assert things.names() == []


@given(st.lists(st.text(), unique=True))
def test_every_text_is_a_name(names: list[str]) -> None:
    things: Registry[int] = Registry("thing")
    for number, name in enumerate(names):
        things.register(name, number)
    assert things.names() == names


def test_entries_are_frozen() -> None:
    finding = Finding(level="ok", title="Fine")
    assert (finding.detail, finding.next_step, finding.url_name, finding.data) == ("", "", "", {})
    assert Finding(level="ok", title="").data is not finding.data
    kind = JobKind(execute=print, label="Train")
    assert (kind.help, kind.schedule) == ("", "")
    card = Card(title="T", template="t.html", context=lambda request: {})
    assert (card.permission, card.order) == ("", 100)
    declared = PersonalData(
        label="Visits", purpose="analytics", export=lambda subject: iter(()), erase=lambda subject: 0
    )
    for entry, name in [(finding, "level"), (kind, "label"), (card, "title"), (declared, "purpose")]:
        with pytest.raises(dataclasses.FrozenInstanceError):
            setattr(entry, name, "changed")


def test_the_house_has_its_registries() -> None:
    for name in ("job_kinds", "doctor_checks", "dashboard_cards", "personal_data"):
        shared = getattr(registry, name)
        assert isinstance(shared, Registry)
        assert str(uuid.uuid4()) not in shared
