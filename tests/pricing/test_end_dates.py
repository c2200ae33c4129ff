"""Perishables: each product's own end date, out of an attribute."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.utils import translation

from django_ecomai.pricing.facts import attribute_date
from django_ecomai.pricing.models import PricingRule
from django_ecomai.pricing.rule_words import what_it_does

from .factories import rule_make
from .test_propose import NOW, known, proposed

pytestmark = pytest.mark.django_db
TODAY = NOW.date()


def fresh(day: Any, **fields: Any) -> Any:
    """60 pieces, best before a day."""
    return known(stock=Decimal(60), attributes={"kind": "fresh", "best_before": day}, **fields)


@pytest.mark.parametrize("written", ["{0}", "{0}T22:00:00", " {0} "])
def test_each_product_has_the_end_date_of_its_attribute(written: str) -> None:
    rule_make(action="sell_through", sell_until_attribute="best_before", attribute="kind")
    soon = proposed(fresh(written.format((TODAY + timedelta(days=6)).isoformat())))
    later = proposed(fresh(written.format((TODAY + timedelta(days=90)).isoformat())))
    assert (soon.goal, soon.horizon_days, later.horizon_days) == ("sell_through", 7, 91)
    # 60 pieces are more than the seven of a week and fewer than the 91 of thirteen; ten per cent a day are allowed
    assert (soon.new_price, later.new_price) == (9, 11)


def test_what_spoils_is_worth_nothing_at_its_end_so_surplus_becomes_cheaper() -> None:
    rule_make(action="profit", sell_until_attribute="best_before", left_worth=0.0, attribute="kind")
    rule_make(action="limits", min_margin=Decimal("0.1"))
    soon, later = (proposed(fresh((TODAY + timedelta(days=days)).isoformat())) for days in (6, 170))
    assert soon.horizon_days == 7 and later.horizon_days == 171
    assert soon.new_price is not None and later.new_price is not None and soon.new_price < later.new_price


@pytest.mark.parametrize(
    ("day", "code", "words"),
    [
        (None, "end_date_missing", "no end date in the attribute “best_before”"),
        ("", "end_date_missing", "no end date"),
        ("soon", "end_date_unreadable", "Its end date, soon, is no date such as 2026-12-24."),
        ("2026-02-30", "end_date_unreadable", "2026-02-30"),
        ("24.12.2026", "end_date_unreadable", "24.12.2026"),
        (1798070400, "end_date_unreadable", "1798070400"),
        (["2026-12-24"], "end_date_unreadable", "2026-12-24"),
        ((TODAY - timedelta(days=1)).isoformat(), "end_date_past", "has passed: take it off sale"),
    ],
)
def test_without_a_date_that_can_be_used_the_price_is_held_with_the_reason(day: Any, code: str, words: str) -> None:
    rule_make(action="sell_through", sell_until_attribute="best_before", attribute="kind")
    row = proposed(fresh(day))
    assert (row.state, row.held_code) == ("held", code)
    assert words in row.held_words


def test_on_its_last_day_it_is_sold_still() -> None:
    rule_make(action="sell_through", sell_until_attribute="best_before", attribute="kind")
    assert proposed(fresh(TODAY.isoformat())).horizon_days == 1


def test_where_a_product_has_none_the_date_of_the_rule_counts() -> None:
    until = TODAY + timedelta(days=13)
    rule_make(action="sell_through", sell_until_attribute="best_before", sell_until=until, attribute="kind")
    assert proposed(fresh(None)).horizon_days == 14
    assert proposed(fresh((TODAY + timedelta(days=2)).isoformat())).horizon_days == 3


def test_a_variant_has_the_date_of_its_parent_unless_it_has_its_own() -> None:
    rule_make(action="sell_through", sell_until_attribute="best_before", attribute="kind")
    parent = fresh((TODAY + timedelta(days=2)).isoformat())
    assert proposed(known(stock=Decimal(200), parent=parent)).horizon_days == 3


def test_a_rule_is_over_after_its_own_date() -> None:
    rule_make(action="sell_through", sell_until=TODAY - timedelta(days=1), attribute="kind")
    found = proposed(fresh(None))
    assert (found.held_code, found.rule) == ("", None)


def test_a_rule_may_name_the_attribute_instead_of_a_date() -> None:
    rule = PricingRule(name="Fresh", action="sell_through", sell_until_attribute="best_before")
    rule.full_clean()
    assert what_it_does(rule) == "sell the stock until a date: “best_before”"
    with translation.override("de"):
        assert what_it_does(rule).endswith("„best_before“") or "best_before" in what_it_does(rule)


def test_a_moment_counts_as_its_day_in_the_time_zone_of_the_shop(settings: Any) -> None:
    settings.TIME_ZONE = "Europe/Berlin"
    assert attribute_date("2026-12-24T23:30:00+00:00") == date(2026, 12, 25)
    assert attribute_date("2026-12-24") == date(2026, 12, 24)
    assert attribute_date(date(2026, 12, 24)) == date(2026, 12, 24)
