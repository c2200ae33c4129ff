"""Numbers of a proposal in words: rounded, signed, in the reader's language."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest
from django.utils import translation

from django_ecomai.pricing import words
from django_ecomai.pricing.held import limit_text
from django_ecomai.pricing.models import PriceProposal, PricingRule
from django_ecomai.pricing.models.rules import POSITION_WORDS
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


def test_where_the_stock_sells_out_nothing_is_left_to_doubt() -> None:
    row = PriceProposal(gain=382.0, gain_low=382.0, gain_high=382.0, currency="GBP", goal="profit")
    assert words.gain_words(row) == ("+382 GBP", "the stock sells out either way")
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
        "To the smallest step of prices: 10.00 EUR becomes 10.01 EUR.",
        "To a preferred ending: 10.01 EUR becomes 9.99 EUR.",
        "Other: 1.00 EUR becomes 2.00 EUR.",
        "Stopped by the least margin.",
    ]


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
