"""Alerts, the e-mail of the morning, checks, and stock as a hint for recommendations."""

from __future__ import annotations

from typing import Any

import pytest
from django.core import mail
from django.utils import timezone
from django.utils.translation import override

from django_ecomai.inventory.alerts import is_sudden
from django_ecomai.inventory.checks import check_inventory
from django_ecomai.inventory.diagnosis import diagnose
from django_ecomai.inventory.services import suggestions_decide
from django_ecomai.inventory.steering import stock_weights
from django_ecomai.recommend import steering
from django_ecomai.runs.models import Run
from django_ecomai.runs.services import run_now
from django_ecomai.testing import product_make

from .factories import DAY, suggestion_make, supplier_make

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    ("weeks", "sudden"),
    [
        ([3, 4, 5, 4, 3, 4, 20], True),
        ([3, 4, 5, 4, 3, 4, 6], False),
        ([0, 0, 0, 0, 0, 0, 4], False),  # too few pieces
        ([0, 40, 0, 38, 0, 41, 44], False),  # always in bursts
        ([2, 30], False),  # too little past
        ([], False),
    ],
)
def test_sudden_demand(weeks: list[float], sudden: bool) -> None:
    assert is_sudden(weeks) is sudden


def test_the_mail_names_each_alert_once_and_leaves_out_what_waits(settings: Any) -> None:
    settings.ECOMAI = {**settings.ECOMAI, "INVENTORY_ALERTS": ["buyer@example.com"]}
    assert "no mail" in run_now(kind="inventory.alert").message
    suggestion_make(product_make(title="Gone lantern"), status="stocked_out", alerts=["stock_out"])
    suggestion_make(
        product_make(title="Pile of mugs"), status="surplus", quantity=0, raw_quantity=0, alerts=["surplus"]
    )
    later = suggestion_make(product_make(title="Known lamp"), alerts=["sudden_demand"])
    suggestions_decide(suggestions=[later], action="snooze", until=DAY.replace(day=28))
    run = run_now(kind="inventory.alert")
    assert run.state == Run.State.DONE and "1 address" in run.message
    (letter,) = mail.outbox
    assert letter.to == ["buyer@example.com"]
    assert "Gone lantern" in letter.body and "Pile of mugs" in letter.body and "Known lamp" not in letter.body
    assert "Target level 24" in letter.body


def test_nobody_is_told_when_nobody_is_named() -> None:
    suggestion_make(alerts=["stock_out"])
    assert "is empty" in run_now(kind="inventory.alert").message
    assert mail.outbox == []


@pytest.mark.parametrize(("value", "wrong"), [([], 0), (["a@example.com"], 0), ("a@example.com", 1), (["nobody"], 1)])
def test_addresses_are_checked(settings: Any, value: Any, wrong: int) -> None:
    settings.ECOMAI = {**settings.ECOMAI, "INVENTORY_ALERTS": value}
    assert len(check_inventory(None)) == wrong


def test_the_doctor_says_what_is_next() -> None:
    assert [one.level for one in diagnose()] == ["info"]
    product = product_make(stock=3)
    assert [str(one.title) for one in diagnose()] == [
        "What to order has not been worked out yet",
        "There are no suppliers",
    ]
    row = suggestion_make(product, supplier_make())
    (finding,) = diagnose()
    assert finding.level == "warning" and "days old" in str(finding.title)
    row.made_at = timezone.now()
    row.save()
    assert [one.level for one in diagnose()] == ["ok"]


def test_stock_steers_recommendations_behind_its_switch(settings: Any, django_assert_num_queries: Any) -> None:
    suggestion_make(product_make(external_id="gone"), status="stocked_out")
    suggestion_make(product_make(external_id="much"), status="surplus")
    suggestion_make(product_make(external_id="fine"), status="ok")
    steering.forget()
    with django_assert_num_queries(0):
        assert steering.weights_of_others("") == {}
    settings.ECOMAI = {**settings.ECOMAI, "INVENTORY_STEERS": True}
    steering.forget()
    with django_assert_num_queries(5):  # one per status, two of them the savepoint
        assert steering.weights_of_others("") == {"gone": 0.25, "much": 1.5}
        assert steering.weights_of_others("") == {"gone": 0.25, "much": 1.5}
    steering.forget()


def test_steering_reads_so_many_products_and_no_more(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.ECOMAI = {**settings.ECOMAI, "INVENTORY_STEERS": True}
    monkeypatch.setattr("django_ecomai.inventory.steering.MOST_PRODUCTS", 2)
    for number in range(5):
        suggestion_make(product_make(external_id=f"p{number}"), status="stocked_out", demand_day=number)
    assert stock_weights("") == {"p4": 0.25, "p3": 0.25}
    assert stock_weights("other") == {}


def test_an_app_that_fails_steers_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    from django_ecomai.core.registry import product_weights

    monkeypatch.setattr(product_weights, "_items", {"broken": lambda channel: 1 / 0, "odd": lambda channel: {
        "a": float("nan"), "b": -1.0, "c": 1e9, "d": 0.5}})  # fmt: skip
    steering.forget()
    assert steering.weights_of_others("") == {"c": steering.MOST, "d": 0.5}
    steering.forget()


def test_the_reason_is_told_in_the_language_of_the_reader() -> None:
    row = suggestion_make()
    with override("de"):
        assert "Zielbestand 24" in row.why
    assert "Target level 24" in row.why
