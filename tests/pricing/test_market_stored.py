"""Where the shop stands: counted at each view while that is quick, else as the last job stored it, with its time."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from django_ecomai.pricing import market_stored
from django_ecomai.pricing.market_stored import market_numbers, market_numbers_latest, market_numbers_shown
from django_ecomai.runs.models import Run
from django_ecomai.runs.services import run_now
from django_ecomai.testing import category_make, product_make
from tests.clients import read

from .market import match_make, offer_make

pytestmark = pytest.mark.django_db
PAGE = "admin:ecomai_pricing_competitoroffer_market"


def lamp_make(price: str, *offers: str) -> None:
    product = product_make(title=f"Lamp {price}", price=price, categories=[category_make(name="Lamps")])
    for asked in offers:
        match_make(product, offer_make(price=Decimal(asked)))


@pytest.fixture
def many(monkeypatch: pytest.MonkeyPatch) -> None:
    """As if there were too many to be counted at each view."""
    monkeypatch.setattr(market_stored, "FEW", 1)


def test_what_is_stored_is_read_as_it_was() -> None:
    lamp_make("10", "8", "9")
    counted = market_numbers(channel="")
    Run.objects.create(
        kind="pricing.match", state="done", finished_at=counted.at, metrics={"market": counted.as_dict()}
    )
    assert market_numbers_latest(channel="") == counted
    assert (counted.positions, counted.alerts) == ({"premium": 1}, {"undercut": 2})
    assert [(row.name, row.counts, round(row.gap, 3)) for row in counted.categories] == [
        ("Lamps", {"premium": 1}, round(10 / 8.5 - 1, 3))
    ]


def test_few_offers_are_counted_at_each_view() -> None:
    run_now(kind="pricing.match")
    lamp_make("10", "8")
    found = market_numbers_shown(channel="")
    assert found is not None and [row.name for row in found.categories] == ["Lamps"]


def test_many_are_shown_as_the_job_counted_them(boss: Client, many: None, django_assert_max_num_queries: Any) -> None:
    lamp_make("10", "8", "9")
    assert market_numbers_shown(channel="") is None
    html = read(boss.get(reverse(PAGE)))
    assert "Not counted yet" in html and 'value="pricing.match"' in html
    run = run_now(kind="pricing.match")
    Run.objects.filter(pk=run.pk).update(finished_at=datetime(2026, 3, 1, 4, 5, tzinfo=UTC))
    lamp_make("20", "30")
    with django_assert_max_num_queries(9):
        html = read(boss.get(reverse(PAGE)))
    assert "As of 03/01/2026 4:05 a.m." in html and "Lamps" in html
    assert "Lamp 10: 8.00 EUR" in html and "Lamp 20" not in html


def test_runs_of_before_have_counts_only(many: None) -> None:
    lamp_make("10", "8", "9")
    told = {"positions": {"premium": 1}, "alerts": {"undercut": 1}, "worst": []}
    Run.objects.create(kind="pricing.match", state="done", metrics={"market": told})
    found = market_numbers_latest(channel="")
    assert found is not None and (found.positions, found.categories, found.first) == ({"premium": 1}, [], {})
