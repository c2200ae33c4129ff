"""Export and erasure of what the log knows about a person."""

from __future__ import annotations

import json
from typing import Any

import pytest

from django_ecomai.core.persons import Subject
from django_ecomai.core.registry import personal_data
from django_ecomai.events.models import Event, VisitorIdentity
from django_ecomai.events.selectors import visitor_history
from django_ecomai.events.services import visitor_link

from .factories import ago, make_event

pytestmark = pytest.mark.django_db


def subject(**who: Any) -> Any:
    return Subject(**{name: frozenset(map(str, ids)) for name, ids in who.items()})


@pytest.fixture
def people() -> None:
    """Two customers: ``c`` with a phone of his own, and a tablet that both use."""
    make_event(product="own", customer_id="c", at=ago(minutes=5), properties={"a": 1}, quantity=2)
    make_event(product="phone", visitor_id="phone", at=ago(minutes=4))
    make_event(product="tablet", visitor_id="tablet", at=ago(minutes=3))
    make_event(product="other", customer_id="d", at=ago(minutes=2))
    make_event(product="elsewhere", customer_id="c", channel="shop-2")
    visitor_link(visitor_id="phone", customer_id="c")
    visitor_link(visitor_id="tablet", customer_id="c")
    visitor_link(visitor_id="tablet", customer_id="d")


@pytest.mark.usefixtures("people")
def test_the_export_is_json_and_only_the_subjects() -> None:
    declared = personal_data.get("events")
    rows = list(declared.export(subject(customer_ids={"c"})))
    json.dumps(rows)
    assert [row["product_id"] for row in rows if row["kind"] == "event"] == ["own", "phone"]
    assert rows[0]["properties"] == {"a": 1}
    assert rows[0]["quantity"] == "2.000"
    assert {row["visitor_id"] for row in rows if row["kind"] == "known_visitor"} == {"phone", "tablet"}


@pytest.mark.usefixtures("people")
def test_the_erasure_leaves_others_alone(shared_cache: Any) -> None:
    assert visitor_history(channel="", customer_id="c").items != []
    erased = personal_data.get("events").erase(subject(customer_ids={"c"}, user_ids={5}))
    assert erased == 4  # two events, two links
    assert sorted(Event.objects.values_list("product_id", flat=True)) == ["elsewhere", "other", "tablet"]
    # What was done on the tablet does not become the other's: somebody, nobody knows who, used it too.
    assert sorted(VisitorIdentity.objects.values_list("visitor_id", "customer_id")) == [("tablet", ""), ("tablet", "d")]
    other = personal_data.get("events").export(subject(customer_ids={"d"}))
    assert [row["product_id"] for row in other if row["kind"] == "event"] == ["other"]
    assert visitor_history(channel="", customer_id="c").items == []


@pytest.mark.usefixtures("people")
def test_an_anonymous_visitor_can_be_erased_by_his_id() -> None:
    assert personal_data.get("events").erase(subject(visitor_ids={"tablet"})) == 3
    assert not Event.objects.filter(visitor_id="tablet").exists()


@pytest.mark.usefixtures("people")
def test_nobody_is_nobody() -> None:
    before = Event.objects.count()
    assert list(personal_data.get("events").export(subject())) == []
    assert personal_data.get("events").erase(subject(customer_ids={""}, visitor_ids={""})) == 0
    assert Event.objects.count() == before
