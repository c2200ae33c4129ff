"""What rests on simulated costs or competitors says so wherever it leaves the package."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable
from io import StringIO
from typing import Any

import pytest
from django.core.management import call_command
from django.test import Client
from django.utils import translation

from django_ecomai.inventory.models import Supplier
from django_ecomai.pricing.export import proposals_csv
from django_ecomai.pricing.market_out import offers_csv
from django_ecomai.pricing.models import Competitor, CompetitorOffer
from django_ecomai.pricing.offers_export import offers_csv as volume_prices_csv
from django_ecomai.pricing.price_test_export import price_tests_csv
from django_ecomai.pricing.services.competitors_import import offers_import
from django_ecomai.runs.models import Run

from . import factories
from .adapters import PricedShop
from .factories import priced_product, proposal_make
from .market import competitor_make, match_make, offer_make
from .pages import choose
from .shop import shop_make
from .test_price_test_result_admin import single

pytestmark = pytest.mark.django_db
BASE = "/ecomai/api/pricing/"
MARKET: dict[str, Any] = {"lowest": 9.0, "median": 9.5, "offers": 3, "position": "average"}
SIMULATED = {**MARKET, "simulated": True}


def lines(pieces: Iterable[str]) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO("".join(pieces))))


def test_a_reason_says_that_competitors_are_simulated(boss: Client) -> None:
    real, unreal = proposal_make(market=MARKET), proposal_make(market=SIMULATED)
    one = proposal_make(market={**SIMULATED, "offers": 1})
    told = "3 offers of competitors from 9, half of them below 9.50"
    assert real.why.endswith(f"; {told}") and unreal.why.endswith(f"; {told} (simulated)")
    assert one.why.endswith("; one offer of a competitor, 9 (simulated)")
    with translation.override("de"):
        assert unreal.why.endswith(" (simuliert)") and not real.why.endswith(" (simuliert)")
    assert boss.get(f"{BASE}proposals/{unreal.pk}/").json()["why"] == unreal.why
    found = lines(proposals_csv(states=["open"]))
    assert [row["market_simulated"] for row in found] == ["no", "yes", "yes"]
    assert [row["why"] for row in found] == [real.why, unreal.why, one.why]


def test_and_so_does_the_terminal() -> None:
    (product,) = shop_make((-3.0,))
    match_make(product, offer_make(competitor_make(is_simulated=True)))
    out = StringIO()
    call_command("ecomai_price", "--dry-run", stdout=out)
    assert "one offer of a competitor, 8 (simulated)" in out.getvalue()


@pytest.mark.parametrize("market", [{}, MARKET, SIMULATED])
def test_who_approves_a_price_beside_simulated_offers_is_told(
    market: dict[str, Any], boss: Client, shop: PricedShop
) -> None:
    row = proposal_make(market=market)
    html = choose(boss, "approve", row)
    simulated = market == SIMULATED
    assert "Approve 1 price" in html
    assert ("nobody asks these prices" in html) is simulated
    assert (">simulated competitors</span>" in html) is simulated


def test_a_selection_counts_them(boss: Client, shop: PricedShop) -> None:
    for market in ({}, MARKET, SIMULATED, SIMULATED):
        proposal_make(market=market)
    answer = boss.post(f"{BASE}proposals/selections/", {}, content_type="application/json").json()
    assert (answer["number"], answer["sums"]["market_simulated"]) == (4, 2)


def test_offers_that_were_downloaded_are_simulated_when_they_are_read_again() -> None:
    offer_make(competitor_make(code="A", is_simulated=True), title="Cup")
    offer_make(competitor_make(code="B"), title="Mug")
    text = "".join(offers_csv(channel=""))
    assert [(row["competitor"], row["simulated"]) for row in lines([text])] == [("A", "yes"), ("B", "no")]
    assert offers_import(content=text).unchanged == 2
    Competitor.objects.all().delete()
    assert offers_import(content=text, add_competitors=True).created == 2
    assert dict(Competitor.objects.values_list("code", "is_simulated")) == {"A": True, "B": False}


def test_a_simulated_offer_of_a_real_competitor_is_left_out() -> None:
    competitor_make(code="A")
    found = offers_import(content="competitor;title;price;simulated\nA;Cup;5;yes\nA;Mug;5;no\nA;Pot;5;\n")
    assert (found.created, found.failed, found.verdicts[0].column) == (2, 1, "simulated")
    assert "the competitor is not" in found.verdicts[0].message
    assert set(CompetitorOffer.objects.values_list("title", flat=True)) == {"Mug", "Pot"}
    (odd,) = offers_import(content="competitor;title;price;simulated\nA;Cup;5;perhaps\n").verdicts
    assert (odd.verdict, odd.column) == ("failed", "simulated")


@pytest.mark.parametrize("simulated", [False, True])
def test_simulated_costs_are_said_beside_all_profits(simulated: bool, boss: Client, shop: PricedShop) -> None:
    if simulated:
        Supplier.objects.create(channel="", name="S", is_simulated=True)
    test = single()
    factories.offer_make(priced_product(external_id="lot"))
    proposal_make(priced_product(external_id="new"))
    Run.objects.create(kind="pricing.replay", state="done", metrics={"replay": {"gain": 1}})
    for path in ("volume-prices/", "replay/", "changes/", f"price-tests/{test.pk}/"):
        assert boss.get(BASE + path).json()["costs_simulated"] is simulated, path
    chosen = boss.post(f"{BASE}proposals/selections/", {}, content_type="application/json").json()
    assert chosen["costs_simulated"] is simulated
    word = "yes" if simulated else "no"
    for pieces in (volume_prices_csv(), [price_tests_csv()]):
        (row,) = lines(pieces)
        assert row["costs_simulated"] == word
