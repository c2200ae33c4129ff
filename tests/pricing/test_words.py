"""Numbers of a proposal in words: rounded, signed, in the reader's language."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from django.utils import translation

from django_ecomai.pricing import words
from django_ecomai.pricing.held import limit_text
from django_ecomai.pricing.models import PriceProposal, PricingRule
from django_ecomai.pricing.models.rules import POSITION_WORDS
from django_ecomai.pricing.proposal_page import market_after
from django_ecomai.pricing.row_numbers import risk_of
from django_ecomai.pricing.rule_words import for_whom

CATALOGUE = Path(words.__file__).parent / "locale" / "de" / "LC_MESSAGES" / "django.po"


@pytest.mark.parametrize(
    ("share", "told"), [(0.0968, "+9.7 %"), (-0.0968, "−9.7 %"), (0.0, "±0.0 %"), (None, "–"), (1.0, "+100.0 %")]
)
def test_changes_are_rounded_and_signed(share: float | None, told: str) -> None:
    assert words.signed_percent(share) == told


@pytest.mark.parametrize(
    ("value", "told"),
    [(Decimal("4.996"), "+5.00 EUR"), (-3.5, "−3.50 EUR"), (1234.56, "+1,235 EUR"), (0, "±0.00 EUR"), (None, "–")],
)
def test_amounts_are_signed_and_lose_their_pence_from_a_hundred_on(value: Decimal | float | None, told: str) -> None:
    assert words.signed_money(value, "EUR") == told


@pytest.mark.parametrize(
    ("value", "told"),
    [(2.288, "2.288 EUR"), (11, "11.00 EUR"), (10.5, "10.50 EUR"), (0.0001, "0.0001 EUR"), (None, "–")],
)
def test_prices_on_their_way_keep_their_digits(value: float | None, told: str) -> None:
    assert words.exact_amount(value, "EUR") == told


def test_what_a_price_does_to_demand_is_told_with_its_doubt() -> None:
    row = PriceProposal(
        elasticity=-2.116,
        elasticity_low=-3.3567,
        elasticity_high=-0.8651,
        elasticity_source="category",
        strength="weak",
    )
    assert words.elasticity_words(row) == "−2.1, known poorly"
    assert words.effect_words(row) == (
        "If the price rises by 1 %, demand changes by −2.12 % (−3.36 to −0.87); learned from: mostly its category."
    )
    assert words.effect_words(PriceProposal()) == "" and words.elasticity_words(PriceProposal()) == "not known"
    with translation.override("de"):
        assert words.elasticity_words(row) == "−2,1, schlecht bekannt"


def test_what_is_lost_has_a_minus_sign() -> None:
    told = [words.money(-3.5, "EUR"), words.money(-1234.5, ""), words.words_number(-0.8), words.money(None, "EUR")]
    assert told == ["−3.50 EUR", "−1,234", "−0.80", "–"]
    row = PriceProposal(
        old_price=Decimal(10), new_price=Decimal(11), currency="EUR", elasticity=-0.7, elasticity_low=-1.5,
        elasticity_high=0.1, gain=-2.5, gain_low=-4.0, gain_high=-1.0, gain_chance=0.01,
    )  # fmt: skip
    assert "−2.50 more (−4 to −1)" in row.why and "moves demand by −0.70 % (−1.50 to 0.10)" in row.why
    with translation.override("de"):
        assert "−0,70 %" in row.why


def test_where_the_stock_sells_out_nothing_is_left_to_doubt() -> None:
    row = PriceProposal(gain=382.0, gain_low=382.0, gain_high=382.0, currency="GBP", goal="profit")
    assert words.gain_words(row) == ("+382 GBP", "the stock sells out either way, if the forecast holds")
    assert words.gain_chance(row) == "as sure as the forecast" and risk_of(row) != "low"
    row.gain_low, row.gain_high, row.goal = 300.0, 460.0, "sell_through"
    assert words.gain_words(row) == ("+382 pieces", "+300 to +460")


@pytest.mark.parametrize(
    ("share", "told"), [(1.0, "over 99 %"), (0.99, "99 %"), (0.87, "87 %"), (0.0, "under 1 %"), (None, "–")]
)
def test_no_chance_is_called_certain(share: float | None, told: str) -> None:
    assert words.chance(share) == told


def test_limits_are_told_as_floors_and_ceilings() -> None:
    assert limit_text("corridor_low", "1.05", "EUR") == "at least 1.05 EUR (the lowest share of the list price)"
    told = limit_text("max_rise_day", "0.869", "GBP", "R")
    assert told == "at most 0.869 GBP (the largest change per day, rule “R”)"
    with translation.override("de"):
        assert limit_text("cost", "4.9", "EUR") == "mindestens 4,90 EUR (seine Kosten)"


def test_every_step_of_the_way_is_a_sentence() -> None:
    row = PriceProposal(
        currency="EUR",
        binding="min_margin",
        trail=[["target", 9, 9], ["family", 9, 9.5], ["limit", 9.5, 10], ["rounding", 10, 10.01],
               ["ending", 10.01, 9.99], ["other", 1, 2]],
    )  # fmt: skip
    assert words.trail_sentences(row) == [
        "The goal alone asks for 9.00 EUR.",
        "All products of its price family have one price: 9.00 EUR becomes 9.50 EUR.",
        "Its limits move 9.50 EUR to 10.00 EUR.",
        "Stopped by the least margin.",
        "To the smallest step of prices: 10.00 EUR becomes 10.01 EUR.",
        "To a preferred ending: 10.01 EUR becomes 9.99 EUR.",
        "Other: 1.00 EUR becomes 2.00 EUR.",
    ]


def stopped(**fields: Any) -> PriceProposal:
    """10.00 may rise by a tenth; at a cost of 6 and an elasticity of -2 it earns most at 12.00."""
    made = {"low": 8.0, "high": 12.0, "path": 40.0, "stock": None, "left": 6.0, "elasticity": -2.0, "sd": 0.0}
    given = {
        "old_price": Decimal(10), "new_price": Decimal(11), "currency": "EUR", "binding": "max_rise_day",
        "goal": "profit", "curve": made, **fields,
    }  # fmt: skip
    return PriceProposal(**given)


def test_what_the_goal_wanted_comes_first_and_limits_before_rounding() -> None:
    row = stopped(new_price=Decimal("10.99"), trail=[["rounding", 10.995, 10.99], ["ending", 10.99, 10.990001]])
    assert words.trail_sentences(row) == [
        "Without limits the goal asks for about 12.01 EUR. 1 more change like this one leads there, at the earliest "
        "tomorrow.",
        "Stopped by the largest change per day.",
        "To the smallest step of prices: 10.995 EUR becomes 10.99 EUR.",
    ]
    with translation.override("de"):
        assert "etwa 12,01 EUR" in words.trail_sentences(row)[0]


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        (
            {"new_price": Decimal("10.2")},
            "about 12.01 EUR. 9 more changes like this one lead there, at most one a day.",
        ),
        ({"binding": "max_rise_week"}, "1 more change like this one leads there, at the earliest in a week."),
        ({"goal": "revenue", "binding": "min_margin", "new_price": Decimal(8)}, "the goal asks for 5.00 EUR or less."),
        ({"binding": ""}, ""),
        ({"goal": "markup"}, ""),
        ({"family": "p1"}, ""),
        ({"binding": "max_fall_day", "new_price": Decimal(9)}, ""),  # it would go the other way
        ({"curve": {}}, ""),
    ],
)
def test_how_far_the_goal_is(fields: dict[str, Any], told: str) -> None:
    found = words.wanted_sentence(stopped(**fields))
    assert found.endswith(told) and bool(found) == bool(told)


def test_a_limit_that_a_rule_ran_into_is_told_once() -> None:
    row = stopped(goal="markup", trail=[["max_rise_day", 14.0, 11.0]])
    assert words.trail_sentences(row) == ["The largest change per day: 14.00 EUR becomes 11.00 EUR."]


def test_where_the_proposed_price_would_stand() -> None:
    row = stopped(market={"lowest": 9.5, "median": 10.2, "offers": 3, "position": "average"})
    assert market_after(row) == "At the proposed price: premium."
    row.new_price = Decimal("9.50")
    assert market_after(row) == "At the proposed price: cheapest."
    assert market_after(stopped()) == ""


def test_a_position_is_called_the_same_wherever_it_is_told() -> None:
    row = PriceProposal(market={"position": "premium", "offers": 4})
    rule = PricingRule(position="premium")
    with translation.override("de"):
        assert words.market_words(row) == "hochpreisig, 4 Angebote"
        assert for_whom(rule) == "im Markt: hochpreisig"
        assert [str(one) for one in POSITION_WORDS.values()] == ["am billigsten", "im Mittelfeld", "hochpreisig"]


def test_one_day_is_no_days() -> None:
    assert for_whom(PricingRule(stock_days_min=1)) == "on sale for 1 day or more"
    assert for_whom(PricingRule(stock_days_max=2)) == "on sale for at most 2 days"


@pytest.mark.parametrize(
    ("unused", "used"),
    [("Mitbewerber", "Wettbewerber"), ("genehmig", "freigeben"), ("Spanne", "Marge"), ("Preisnachl", "Preisermäßigung"),
     ("Zugewinn", "Zuwachs"), ("rrechnet", "berechnet"), ("Einkaufspreis", "Kosten"), ("SKU", "Artikelnummer")],
)  # fmt: skip
def test_one_thing_has_one_german_name(unused: str, used: str) -> None:
    said = [line for line in CATALOGUE.read_text().splitlines() if line.startswith("msgstr")]
    assert [line for line in said if unused.lower() in line.lower()] == []
    assert any(used.lower() in line.lower() for line in said)
