"""The rule builder: its preview, shares typed as per cent, rules in words."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from django_ecomai.pricing.models import PricingRule
from django_ecomai.testing import category_make, product_make
from tests.clients import clerk, read

from .factories import elasticity_make, rule_make
from .pages import page

pytestmark = pytest.mark.django_db


def preview(client: Client, **values: Any) -> str:
    data = {"action": "profit", "order": 100, "is_active": "on", "reference": "lowest", "offset": 0, "sell_share": 95,
            "left_worth": 100, "channel": "", **values}  # fmt: skip
    url = reverse("admin:ecomai_pricing_pricingrule_preview")
    return read(client.post(url, data, headers={"X-Requested-With": "fetch"}))


@pytest.fixture
def lamps() -> Any:
    category = category_make(name="Lamps")
    for number in range(4):
        product = product_make(
            title=f"Lamp {number}", price="10.00", cost=Decimal(4), list_price=Decimal(10),
            categories=[category] if number < 3 else [], brand="Acme" if number == 0 else "",
            attributes={"season": "winter"} if number < 2 else {},
        )  # fmt: skip
        elasticity_make(product)
    return category


def test_the_preview_counts_and_shows_prices_before_and_after_limits(boss: Client, lamps: Any) -> None:
    html = preview(boss, category=lamps.pk, action="markup", markup="200", max_change_day="5")
    assert "It is for 3 of 4 products on sale." in html
    assert html.count("12.00 EUR") == 3 and len(re.findall(r"10\.50 EUR <span[^>]*>\+5\.0.%", html)) == 3
    assert html.count("Stopped by the largest change per day") == 3 and "Lamp 3" not in html
    assert PricingRule.objects.count() == 0


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ({}, "for 4 of 4"),
        ({"brand": "ACME"}, "for 1 of 4"),
        ({"attribute": "season"}, "for 2 of 4"),
        ({"attribute": "season", "attribute_value": "summer"}, "No product fits"),
        ({"margin_from": "61"}, "for 0 of 4"),
        ({"margin_from": "60"}, "for 4 of 4"),
        ({"action": "markup"}, "Give the markup over cost."),
        ({"category": "999"}, "Select a valid choice"),
        ({"min_margin": "abc"}, "Enter a number"),
        ({"ends_on": "2001-01-01"}, "for 4 of 4"),
    ],
)
def test_every_condition_is_previewed_and_every_mistake_named(
    boss: Client, lamps: Any, values: dict[str, Any], told: str
) -> None:
    assert told in preview(boss, **values)


def test_without_javascript_the_preview_is_a_page(boss: Client, lamps: Any) -> None:
    url = reverse("admin:ecomai_pricing_pricingrule_preview")
    html = read(boss.post(url, {"action": "profit", "order": 1, "reference": "lowest", "offset": 0, "sell_share": 95,
                           "left_worth": 100}))  # fmt: skip
    assert "Nothing was saved" in html and "It is for 4 of 4" in html
    assert boss.get(url).status_code == 405


def test_the_preview_is_for_those_who_may_change_rules(lamps: Any) -> None:
    url = reverse("admin:ecomai_pricing_pricingrule_preview")
    assert clerk("view_pricingrule").post(url, {}).status_code == 403


def test_shares_are_typed_as_per_cent(boss: Client) -> None:
    rule = rule_make(min_margin=0.3, max_change_week=0.07, action="markup", markup=0.5)
    url = reverse("admin:ecomai_pricing_pricingrule_change", args=[rule.pk])
    html = read(boss.get(url))
    assert re.search(r'name="min_margin" value="30"', html) and re.search(r'name="max_change_week" value="7"', html)
    values = {"name": "R", "order": 5, "action": "markup", "markup": "62.5", "reference": "lowest", "offset": "-2",
              "sell_share": "95", "left_worth": "100", "min_margin": "", "channel": ""}  # fmt: skip
    assert boss.post(url, values).status_code == 302
    rule.refresh_from_db()
    assert (rule.markup, rule.offset, rule.min_margin, rule.sell_share) == (0.625, -0.02, None, 0.95)
    told = page(boss, "admin:ecomai_pricing_pricingrule_changelist")
    assert "A markup over cost: 62 %" in told and "All products" in told


def test_rules_are_told_in_words_and_the_limits_without_any(boss: Client, lamps: Any) -> None:
    html = page(boss, "admin:ecomai_pricing_pricingrule_changelist")
    assert "No rule yet" in html and "at most 10 % per day, at most 20 % per week" in html
    rule_make(category=lamps, brand="Acme", action="limits", min_margin=0.4, corridor_low=0.8, corridor_high=1.1)
    html = page(boss, "admin:ecomai_pricing_pricingrule_changelist")
    assert "Category “Lamps”, brand “Acme”" in html and "Least margin 40 %, 80 % to 110 % of the list price" in html
