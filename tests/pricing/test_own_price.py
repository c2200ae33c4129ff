"""A price that a person wants in place of the proposed one: the same numbers, limits and decisions."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import User
from django.test import Client

from django_ecomai.mirror.models import Product
from django_ecomai.pricing.journal import log_text
from django_ecomai.pricing.models import PriceLimits, PriceProposal
from django_ecomai.pricing.services import (
    PricingError,
    own_price_preview,
    own_price_set,
    price_asked,
    proposals_make,
)
from tests.clients import clerk, read

from .adapters import PricedShop
from .factories import elasticity_make, priced_product, proposal_make, rule_make
from .pages import approve, decide, page, states
from .shop import NOW, sales_make

pytestmark = pytest.mark.django_db
DETAIL = "admin:ecomai_pricing_priceproposal_change"
API = "/ecomai/api/pricing/"
#: What `proposal_make` is made of: 40 pieces at 10.00, at an elasticity that is known to the last digit.
MADE = {"low": 8.0, "high": 12.0, "path": 40.0, "stock": None, "left": 4.0, "elasticity": -1.6, "sd": 0.0}
NUMBERS = (
    "units_old", "units_new", "revenue_old", "revenue_new", "profit_old", "profit_new", "gain", "gain_low", "gain_high",
    "gain_chance", "risk",
)  # fmt: skip


@pytest.mark.parametrize("goal", ["profit", "revenue"])
def test_at_the_proposed_price_it_says_what_the_proposal_says(goal: str) -> None:
    PriceLimits.objects.create(min_gain=0.0)
    rule_make(action=goal)
    product = priced_product(attributes={"tax": "19"})
    sales_make(product, rate=70.0, levels=(10.0,))
    elasticity_make(product, elasticity=-1.6, low=-2.0, high=-1.2)
    proposals_make(now=NOW, product_ids=[product.pk])
    row = PriceProposal.objects.get()
    assert row.new_price != 10 and row.gain
    before = {name: getattr(row, name) for name in NUMBERS}
    found = own_price_preview(proposal=row, price=row.new_price, now=NOW)
    assert not found.refused
    for name, value in before.items():
        now = getattr(found.row, name)
        assert now == (pytest.approx(value, abs=2e-4) if isinstance(value, float) else value), name


def test_the_numbers_of_another_price_are_its_own() -> None:
    row = proposal_make(curve=MADE)
    found = own_price_preview(proposal=row, price=Decimal("9.50")).row
    units = 40 * 0.95**-1.6
    assert (found.units_new, found.profit_new, found.gain) == pytest.approx(
        (units, 5.5 * units, 5.5 * units - 240), abs=1e-4
    )
    assert found.gain_low == found.gain == found.gain_high and found.gain_chance == 0.0 and found.risk == "high"
    assert PriceProposal.objects.get().new_price == Decimal("10.50")  # nothing is stored


def test_what_is_on_its_way_can_be_sold_at_an_own_price_too() -> None:
    made = {**MADE, "stock": 0.0, "arrivals": [[10.0, 200.0]]}
    row = proposal_make(curve=made)
    stored = row.curve_shown["units"][0]
    assert stored > 0
    assert own_price_preview(proposal=row, price=Decimal("8.00")).row.units_new == pytest.approx(stored, abs=1e-3)


def test_the_first_of_two_approvals_outlives_the_next_run(settings: Any) -> None:
    settings.ECOMAI = {**settings.ECOMAI, "PRICING_FOUR_EYES": True}
    row = proposal_make(curve=MADE)
    assert own_price_set(proposal=row, price=Decimal("9.50"))[0].from_test


def test_it_becomes_the_proposal_and_is_decided_as_any_other(boss: Client, shop: PricedShop) -> None:
    row = proposal_make(curve=MADE, trail=[["target", 10.7, 10.7]], binding="max_rise_day", propensity=0.3)
    html = page(boss, DETAIL, row.pk, query="?price=9,50")
    assert "Make it the proposal" in html and "40 → 43.4" in html and "−5.0 %" in html and "240 → 239 EUR" in html
    html = read(decide(boss, row, "own", price="9.50"))
    assert "Your price is the proposal now" in html
    row.refresh_from_db()
    assert (row.state, row.new_price, row.binding, row.propensity, row.rule) == ("open", Decimal("9.5"), "", None, None)
    assert row.trail == [["target", 10.7, 10.7], ["own_price", 10.5, 9.5]]
    assert "Own price: somebody wants 9.50 EUR instead of 10.50 EUR." in html
    assert log_text(LogEntry.objects.get().change_message) == "own price: 9.5 instead of 10.5"
    approve(boss, row, high_risk_seen="on")
    assert states() == ["applied"] and shop.written[-1][1] == Decimal("9.5")


@pytest.mark.parametrize(("price", "told"), [("3.90", "per day"), ("8.00", "per day"), ("16.00", "at most 11.00 EUR")])
def test_limits_hold(boss: Client, price: str, told: str) -> None:
    row = proposal_make(curve=MADE)
    html = page(boss, DETAIL, row.pk, query=f"?price={price}")
    assert "Its limits do not allow this price" in html and told in html and "Make it the proposal" not in html
    with pytest.raises(PricingError, match="Its limits do not allow"):
        own_price_set(proposal=row, price=Decimal(price))
    assert PriceProposal.objects.get().new_price == Decimal("10.50")


@pytest.mark.parametrize("price", ["", "0", "-1", "x", "1.234,50", "1e99", "9.12345", "nan", "Infinity"])
def test_what_is_no_price_is_told(boss: Client, price: str) -> None:
    row = proposal_make(curve=MADE)
    with pytest.raises(PricingError, match="Give a price above 0"):
        price_asked(price)
    assert "Give a price above 0" in read(decide(boss, row, "own", price=price)) and states() == ["open"]
    assert price_asked(" 9,50 ") == Decimal("9.50")


def refused_figures(boss: Client, row: PriceProposal, price: str) -> list[str]:
    """What stands in the figures beside a refusal; "Make it the proposal" must not."""
    html = page(boss, DETAIL, row.pk, query=f"?price={price}").split('id="own-price"')[1].split("</section>")[0]
    assert "Make it the proposal" not in html and 'role="alert"' in html
    figures = re.findall(r"<dt>(.*?)</dt><dd>(.*?)</dd>", html)
    return [re.sub(r"</?small>", "", f"{label}: {value}") for label, value in figures]


class TestRefused:
    """Beside the refusal stand the numbers of the price that was asked for, never those of the proposed one."""

    def test_by_a_limit(self, boss: Client) -> None:
        found = own_price_preview(proposal=proposal_make(curve=MADE), price=Decimal("8.00"))
        units = 40 * 0.8**-1.6
        assert (found.refused.code, found.unknown.code, found.row.new_price) == ("limits_forbid", "", Decimal(8))
        assert (found.row.units_new, found.row.revenue_new, found.row.profit_new, found.row.gain) == pytest.approx(
            (units, 8 * units, 4 * units, 4 * units - 240), abs=1e-4
        )
        PriceProposal.objects.update(curve={**MADE, "sd": 0.2})
        assert refused_figures(boss, PriceProposal.objects.get(), "8.00") == [
            "Own price: 8.00 EUR −20.0 %",
            "Expected gain: −11.12 EUR −30.50 to +9.55, in 28 days",
            "Chance of a gain: 14 % high risk",
            "Pieces: 40 → 57.20 in 28 days",
            "Revenue: 400 → 458 EUR in 28 days",
            "Profit: 240 → 229 EUR in 28 days",
        ]

    @pytest.mark.parametrize(("price", "known"), [("7.99", False), ("8.00", True), ("12.00", True), ("12.01", False)])
    def test_beyond_the_curve_nobody_knows(self, boss: Client, price: str, known: bool) -> None:
        row = proposal_make(curve=MADE)
        found = own_price_preview(proposal=row, price=Decimal(price))
        assert found.refused.code == "limits_forbid"
        assert (found.row.units_new is None, found.row.gain is None, found.unknown.code) == (
            (False, False, "") if known else (True, True, "beyond_curve")
        )
        if not known:
            assert refused_figures(boss, PriceProposal.objects.get(), price)[1:] == [
                "Expected gain: not known Its demand curve goes from 8 to 12 EUR: nobody knows what a price beyond it "
                "brings."
            ]

    def test_of_a_price_that_the_shop_has_changed_the_asked_one_stands_alone(self, boss: Client) -> None:
        row = proposal_make(curve=MADE)
        Product.objects.update(price=Decimal("10.20"))
        found = own_price_preview(proposal=row, price=Decimal("9.50"))
        assert found.told == "The shop has changed the price to 10.2 since it was worked out."
        assert (found.row.new_price, found.row.units_new, found.unknown.code) == (Decimal("9.5"), 43.4212, "")
        assert (found.row.units_old, found.row.profit_old, found.row.gain, found.row.gain_chance) == (None,) * 4
        assert refused_figures(boss, PriceProposal.objects.get(), "9.50") == [
            "Own price: 9.50 EUR",
            "Pieces: 43.40 in 28 days",
            "Revenue: 413 EUR in 28 days",
            "Profit: 239 EUR in 28 days",
        ]

    @pytest.mark.parametrize(
        ("change", "code"), [({"is_active": False}, "off_sale"), ({"currency": "USD"}, "currency_changed")]
    )
    def test_of_what_is_not_sold_so_nothing_is_told(self, boss: Client, change: dict[str, Any], code: str) -> None:
        row = proposal_make(curve=MADE)
        Product.objects.update(**change)
        found = own_price_preview(proposal=row, price=Decimal("9.50"))
        assert (found.refused.code, found.unknown.code) == (code, code)
        assert [getattr(found.row, name) for name in NUMBERS] == [None] * 10 + ["high"]
        figures = refused_figures(boss, PriceProposal.objects.get(), "9.50")
        assert figures[0].startswith("Own price: 9.50 EUR") and figures[1:] == ["Expected gain: not known"]

    def test_without_a_curve_it_is_said(self, boss: Client) -> None:
        row = proposal_make(curve={})
        assert refused_figures(boss, row, "8.00") == [
            "Own price: 8.00 EUR −20.0 %", "Expected gain: not known Nothing is known of its demand.",
        ]  # fmt: skip

    def test_by_the_api_nothing_of_the_proposed_price_is_left(self, boss: Client) -> None:
        fields = {"binding": "max_rise_day", "propensity": 0.3, "trail": [["max_rise_day", 12.0, 10.5]]}
        row = proposal_make(curve=MADE, rule=rule_make(), **fields)
        answer = boss.post(
            f"{API}proposals/{row.pk}/price/", {"price": "7.00", "preview": True}, content_type="application/json"
        ).json()
        assert answer["unknown"].startswith("Its demand curve goes from 8 to 12 EUR")
        assert "Its limits do not allow this price" in answer["refused"]
        assert (answer["new_price"], answer["expected"]) == ("7.0000", dict.fromkeys(("units", "revenue", "profit")))
        assert (answer["rule"], answer["binding"], answer["propensity"], answer["trail"][-1]) == (
            None, "", None, ["own_price", 10.5, 7.0],
        )  # fmt: skip
        assert answer["why"].startswith("10 → 7 EUR (−30 %); ")
        assert PriceProposal.objects.values_list("binding", "new_price").get() == ("max_rise_day", Decimal("10.5"))


def test_a_family_has_one_price(boss: Client) -> None:
    parent = priced_product(external_id="parent")
    rows = [proposal_make(priced_product(parent=parent), curve=MADE, family=f"p{parent.pk}") for _ in range(2)]
    own_price_set(proposal=rows[0], price=Decimal("9.80"))
    assert set(PriceProposal.objects.values_list("new_price", flat=True)) == {Decimal("9.8")}
    rows[1].product.cost = Decimal("9.90")
    rows[1].product.save()
    with pytest.raises(PricingError, match="Its limits do not allow"):
        own_price_set(proposal=rows[0], price=Decimal("9.70"))
    assert set(PriceProposal.objects.values_list("new_price", flat=True)) == {Decimal("9.8")}


def test_a_product_of_which_nothing_is_known_gets_one_at_high_risk() -> None:
    row = proposal_make(state="held", held_code="no_target", new_price=None, gain=None, curve={})
    own_price_set(proposal=row, price=Decimal("9.80"))
    row = PriceProposal.objects.get()
    assert (row.state, row.new_price, row.gain, row.risk, row.held_code) == ("open", Decimal("9.8"), None, "high", "")


@pytest.mark.parametrize("state", ["approved", "scheduled", "writing", "applied", "rejected"])
def test_what_is_decided_keeps_its_price(boss: Client, state: str) -> None:
    row = proposal_make(state=state, curve=MADE)
    assert "own-price" not in page(boss, DETAIL, row.pk, query="?price=9.50")
    with pytest.raises(PricingError, match="is decided already"):
        own_price_set(proposal=row, price=Decimal("9.50"))


def test_a_first_approval_was_of_another_price(settings: Any) -> None:
    settings.ECOMAI = {**settings.ECOMAI, "PRICING_FOUR_EYES": True}
    row = proposal_make(curve=MADE, seconded_by=User.objects.create_user("first"))
    own_price_set(proposal=row, price=Decimal("9.80"))
    assert PriceProposal.objects.get().seconded_by is None


def test_who_may_not_decide_has_no_field(shop: PricedShop) -> None:
    row, client = proposal_make(curve=MADE), clerk("view_priceproposal")
    assert "own-price" not in page(client, DETAIL, row.pk, query="?price=9.50")
    assert decide(client, row, "own", price="9.50").status_code == 403
    data = {"price": "9.50"}
    assert client.post(f"{API}proposals/{row.pk}/price/", data, content_type="application/json").status_code == 403


def test_by_the_api(boss: Client) -> None:
    row = proposal_make(curve=MADE)
    url = f"{API}proposals/{row.pk}/price/"

    def post(**data: Any) -> Any:
        return boss.post(url, data, content_type="application/json")

    answer = post(price="9.50", preview=True).json()
    assert (answer["new_price"], answer["refused"]) == ("9.5000", "") and answer["units_new"] == 43.4212
    assert "Its limits do not allow" in post(price="3.00", preview=True).json()["refused"]
    assert PriceProposal.objects.get().new_price == Decimal("10.50")
    assert "Its limits do not allow" in post(price="3.00").json()["detail"]
    assert post(price="0").status_code == post(price="x").status_code == 400
    answer = post(price="9.50").json()
    assert (answer["state"], answer["new_price"], answer["trail"]) == ("open", "9.5000", [["own_price", 10.5, 9.5]])
    assert (
        boss.post(f"{API}proposals/999999/price/", {"price": "9"}, content_type="application/json").status_code == 404
    )
