"""The page of one price."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from django_ecomai.pricing.models import PriceChange, PriceReduction
from tests.clients import clerk, read

from .adapters import PricedShop
from .factories import proposal_make
from .pages import CURVE, approve, decide, page, states

pytestmark = pytest.mark.django_db


def test_the_page_shows_curves_with_numbers_for_everybody(boss: Client, django_assert_max_num_queries: Any) -> None:
    row = proposal_make(
        curve=CURVE, trail=[["limit", 11.1234, 10.5]], binding="max_rise_week",
        market={"lowest": 9.5, "median": 10.2, "offers": 3, "position": "average"},
        history={"units": [3, 4, 5], "prices": [10.0, 10.0, None]},
    )  # fmt: skip
    PriceReduction.objects.create(
        product=row.product,
        began_at=timezone.now(),
        price=8,
        lowest_before=9,
        known_since=timezone.now(),
        currency="EUR",
    )
    page(boss, "admin:ecomai_pricing_priceproposal_change", row.pk)
    with django_assert_max_num_queries(15):
        html = page(boss, "admin:ecomai_pricing_priceproposal_change", row.pk)
    for text in (
        "today 10.00: 40; proposed 10.50: 37; highest 47 at 9.00",
        "ecomai-band",
        "Its limits move 11.1234 EUR to 10.50 EUR.",
        "Stopped by the largest change per week.",
        "lowest 9.50 EUR",
        "9.00 EUR",
        "Both curves as a table",
        "−1.60 % (−2.00 to −1.20)",
    ):
        assert text in html, text


def test_a_held_back_price_says_why(boss: Client) -> None:
    row = proposal_make(state="held", new_price=None, gain=None, held_reason="Its cost is not known: map `cost`.")
    html = page(boss, "admin:ecomai_pricing_priceproposal_change", row.pk)
    assert html.count("Its cost is not known: map `cost`.") >= 1 and 'value="approve"' not in html
    assert page(boss, "admin:ecomai_pricing_priceproposal_change", 999) != html


def test_from_the_page_to_the_shop_and_back(boss: Client, shop: PricedShop) -> None:
    row = proposal_make()
    assert "Approve 1 price" in read(decide(boss, row, "approve"))
    approve(boss, row)
    html = page(boss, "admin:ecomai_pricing_priceproposal_change", row.pk)
    change = PriceChange.objects.get()
    assert "Undo: put the price before back" in html and f'value="{change.pk}"' in html
    html = read(decide(boss, row, "undo", change=change.pk))
    assert "The price before is in the shop again." in html and "Undo: put" not in html
    assert [price for _product, price in shop.written] == [Decimal("10.50"), Decimal("10.00")]
    assert decide(boss, row, "undo", change="x").status_code == 404


def test_an_approved_price_is_put_into_the_shop_by_who_may(shop: PricedShop) -> None:
    row = proposal_make(state="approved")
    html = read(decide(clerk("view_priceproposal", "apply_priceproposal"), row, "apply"))
    assert "1 price is in the shop now." in html and states() == ["applied"]
