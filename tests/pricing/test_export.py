"""The file of proposals: each line is what the proposal itself says, in the language of who reads it."""

from __future__ import annotations

import csv
from datetime import UTC, datetime
from decimal import Decimal
from itertools import islice
from typing import Any

import pytest
from django.utils import translation

from django_ecomai.core.tables import cell, safe
from django_ecomai.pricing.export import COLUMNS, proposals_csv
from django_ecomai.pricing.models import PriceProposal

from .factories import priced_product, proposal_make, rule_make

pytestmark = pytest.mark.django_db
MADE = {"low": 8.0, "high": 12.0, "path": 1240.0, "stock": None, "left": 4.0, "elasticity": -2.0, "sd": 0.36888}
MARKET = {"lowest": 9.5, "median": 1010.2, "offers": 1200, "position": "average"}
#: What makes sentences and cells differ; each on top of the proposal that ``proposal_make`` makes.
KINDS: dict[str, dict[str, Any]] = {
    "plain": {},
    "learned": {"curve": MADE, "market": MARKET, "binding": "max_rise_week"},
    "with a stock": {"curve": {**MADE, "stock": 900.0, "arrivals": [[100.0, 4.5]]}, "tax": 0.19},
    "one offer": {"market": {"offers": 1, "lowest": 9.5}},
    "not a number of offers": {"market": {"lowest": 0.004}},
    "dear": {"old_price": Decimal("1234.5"), "new_price": Decimal("99.999"), "profit_new": 1234567.891},
    "nothing sold": {"units_old": 0.0, "units_new": 0.0},
    "without profits": {"profit_old": None, "profit_new": None, "cost": None},
    "revenue": {"goal": "revenue"},
    "sells out": {"gain_low": 12.5, "gain_high": 12.5, "gain": 12.5},
    "sells out by a date": {"gain_low": 12.5, "gain_high": 12.5, "gain": 12.5, "goal": "sell_through"},
    "by a date": {"goal": "sell_through"},
    "sure": {"gain_chance": 0.999},
    "hopeless": {"gain_chance": 0.001, "gain": -3.0},
    "loses, of a rule": {"gain": -3.0, "goal": "relative", "rule": "=Rule"},
    "loses, to learn": {"gain": -3.0, "propensity": 0.002},
    "loses, outside": {"gain": -3.0, "binding": "corridor_low"},
    "loses, in a family": {"gain": -3.0, "family": "p1"},
    "a rule and no demand": {"rule": "Räumung", "elasticity": None, "gain": None, "units_old": None},
    "another currency": {"currency": "GBP"},
    "without a price": {"old_price": None},
    "without another": {"new_price": None},
    "overtaken": {"held_code": "price_changed", "held_named": {"price": "1234.5"}},
    "forbidden": {"held_code": "limits_forbid", "held_named": {"limits": [["cost", 10.5, None]]}},
    "told by the shop": {"held_reason": "=closed"},
    "in three decimals": {"new_price": Decimal("1.234"), "cost": Decimal("0.5000")},
    "later": {"apply_at": datetime(2026, 4, 1, 8, 30, tzinfo=UTC)},
}  # fmt: skip


def make() -> None:
    for number, (title, fields) in enumerate(KINDS.items()):
        given = {"state": "approved", **fields}
        if "rule" in given:
            given["rule"] = rule_make(name=given["rule"])
        proposal_make(priced_product(external_id=f"p{number}", title=title, sku=f"-{number}a"), **given)


def as_the_row_says(row: PriceProposal) -> list[str]:
    """The columns of a line, each from the model."""
    told: dict[str, Any] = {
        "proposal": row.pk, "product_id": row.product.external_id, "sku": row.product.sku, "title": row.product.title,
        "rule": row.rule.name if row.rule else "", "costs_simulated": "no", "held_reason": row.held_words,
        "market_simulated": "yes" if row.market_simulated else "no",
    }  # fmt: skip
    for name, ends in row.expected.items():
        told[f"{name}_low"], told[f"{name}_high"] = (None, None) if ends is None else ends[1:]
    return [str(safe(cell(told[name] if name in told else getattr(row, name)))) for name in COLUMNS]


@pytest.mark.parametrize("language", ["en", "de", "fr"])
def test_a_line_is_what_the_proposal_says(language: str) -> None:
    make()
    with translation.override(language):
        rows = list(csv.reader("".join(proposals_csv()).splitlines()))
        assert rows[0] == list(COLUMNS)
        assert rows[1:] == [as_the_row_says(row) for row in PriceProposal.objects.order_by("pk")]


def test_sentences_of_some_kinds() -> None:
    make()
    found = {line["title"]: line["why"] for line in csv.DictReader("".join(proposals_csv()).splitlines())}
    assert found["learned"] == (
        "10 → 10.50 EUR (+5 %); in 28 days 40 pieces × 6 = 240 become 37 pieces × 6.50 = 240; 0.50 more (−5 to 6), "
        "probable to 60 %; it stands at the largest change per week; 1 % more for the price moves demand by −1.60 % "
        "(−2 to −1.20); 1200 offers of competitors from 9.50, half of them below 1,010"
    )
    assert found["dear"].startswith("1,234.50 → 99.999 EUR (−91.9 %); in 28 days 40 pieces")
    assert found["a rule and no demand"] == (
        "10 → 10.50 EUR (+5 %); the rule “Räumung” asks for it; what it does to demand is not known"
    )
    assert found["told by the shop"] == "'=closed"


def test_whoever_reads_on_in_another_language_gets_that_one() -> None:
    for number in range(501):
        proposal_make(priced_product(external_id=f"p{number}"), state="approved")
    with translation.override("en"):
        stream = proposals_csv()
        first = "".join(islice(stream, 1))
    with translation.override("de"):
        rest = "".join(stream)
    assert first.count("pieces") == 1000 and rest.count("Stück") == 2 and "pieces" not in rest
