"""Prices are told, rounded and proposed with the digits that they have: a KWD has three, a yen none, a screw four."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.conf import LazySettings
from django.contrib.auth.models import User
from django.template import Context, Template
from django.test import Client
from django.urls import reverse
from django.utils import translation

from django_ecomai.mirror.models import Product
from django_ecomai.pricing.export import proposals_csv
from django_ecomai.pricing.models import PriceChange, PriceProposal
from django_ecomai.pricing.omnibus import Offer, Step, reductions
from django_ecomai.pricing.pictures import market_strip
from django_ecomai.pricing.services import (
    PricingError,
    price_test_approve,
    price_test_group_start,
    price_test_start,
)
from django_ecomai.pricing.volume_prices import CartItem, VolumePrice, cart_portions, cart_prices
from tests.clients import read

from .adapters import PricedShop
from .factories import priced_product, proposal_make
from .pages import LIST, page

D = Decimal
DINARS: dict[str, Any] = {"old_price": D("1.2340"), "new_price": D("1.2360"), "currency": "KWD"}


def dinars(**fields: Any) -> PriceProposal:
    return proposal_make(priced_product(price=D("1.2340"), currency="KWD"), **DINARS, **fields)


# -- told ------------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("price", "currency", "told"),
    [
        (D("0.0850"), "EUR", "0.085 EUR"), (D("12.5000"), "EUR", "12.50 EUR"), (D("129.9500"), "EUR", "129.95 EUR"),
        (D("1234.5"), "", "1,234.50"), (D("899.0000"), "JPY", "899 JPY"), (D("899.1000"), "JPY", "899.1 JPY"),
        (D("1.1000"), "KWD", "1.100 KWD"), (1.2345, "EUR", "1.2345 EUR"), (None, "EUR", ""), ("", "EUR", ""),
        ("free", "EUR", ""),
    ],
)  # fmt: skip
def test_a_template_tells_a_price_as_it_is_charged(price: Any, currency: str, told: str) -> None:
    page = Template("{% load ecomai_pricing %}{{ price|exact_price:currency }}")
    assert page.render(Context({"price": price, "currency": currency})) == told


def test_a_template_tells_a_price_in_the_language_of_its_reader() -> None:
    page = Template("{% load ecomai_pricing %}{{ price|exact_price:'KWD' }}")
    with translation.override("de"):
        assert page.render(Context({"price": D("1234.5")})) == "1.234,500 KWD"


@pytest.mark.django_db
class TestTheMerchantSeesBothPrices:
    def test_in_the_list(self, boss: Client, shop: PricedShop) -> None:
        dinars()
        assert '1.234 → <span class="ecomai-new-price">1.236 KWD</span>' in page(boss)

    def test_on_the_page_of_a_proposal_with_its_pictures(self, boss: Client, shop: PricedShop) -> None:
        curve = {
            "prices": [1.2, 1.234, 1.3], "units": [47.0, 40.0, 34.0], "profit": [35.0, 40.0, 38.0],
            "profit_low": [20.0, 40.0, 15.0], "profit_high": [50.0, 40.0, 60.0],
        }  # fmt: skip
        row = dinars(curve=curve, trail=[["target", None, 1.236]])
        html = page(boss, "admin:ecomai_pricing_priceproposal_change", row.pk)
        assert "<dd>1.234 KWD" in html and "<dd>1.236 KWD" in html
        assert ">today 1.234</text>" in html and ">proposed 1.236</text>" in html

    def test_among_changes_and_before_they_are_taken_back(self, boss: Client, shop: PricedShop) -> None:
        row = dinars(state="applied")
        change = PriceChange.objects.create(
            product=row.product, proposal=row, kind="apply", at=datetime(2026, 3, 2, tzinfo=UTC), **DINARS
        )
        name = "admin:ecomai_pricing_pricechange_changelist"
        assert '1.234 → <span class="ecomai-new-price">1.236 KWD</span>' in page(boss, name)
        asked = {"action": "take_back", "index": 0, "_selected_action": [change.pk]}
        html = read(boss.post(reverse(name), asked))
        assert "1.236 KWD" in html and "1.234 KWD" in html

    def test_on_the_start_page(self, boss: Client, shop: PricedShop) -> None:
        dinars(gain=4.0)
        assert "1.234 KWD → 1.236 KWD" in page(boss, "admin:ecomai_dashboard_start_changelist")

    def test_in_the_line_that_rest_and_csv_tell(self, boss: Client, shop: PricedShop) -> None:
        dinars(state="approved")
        (found,) = boss.get("/ecomai/api/pricing/proposals/").json()["results"]
        assert found["why"].startswith("1.234 → 1.236 KWD")
        assert "1.234 → 1.236 KWD" in "".join(proposals_csv())

    def test_prices_over_a_hundred_lose_no_pence(self) -> None:
        picture = market_strip(marks=[("own", 129.95, "today"), ("A", 130.49, "offer")], title="T", currency="EUR")
        assert "own 129.95" in picture and "A 130.49" in picture


# -- rounded ---------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("cent", "price", "after"), [("0.001", "1.235", "1.112"), ("0.01", "1.23", "1.11"), ("1", "999", "899")]
)
def test_what_a_promotion_leaves_of_a_price_has_the_digits_of_the_currency(cent: str, price: str, after: str) -> None:
    start = datetime(2026, 1, 1, tzinfo=UTC)
    tenth_off = Offer(start + timedelta(days=40), start + timedelta(days=50), percent=D(10))
    (found,) = reductions([Step(start, D(price))], [tenth_off], zone=UTC, included=False, cent=D(cent))
    assert (found.lowest, found.price) == (D(price), D(after))


@pytest.mark.parametrize(
    ("currency", "prices"),
    [("KWD", ["0.617", "0.383"]), ("EUR", ["0.62", "0.38"]), ("JPY", ["1", "0"])],
)
def test_the_prices_of_a_bundle_have_the_digits_of_its_currency(currency: str, prices: list[str]) -> None:
    items = [CartItem("a", D(1), D("0.740")), CartItem("b", D(1), D("0.460"))]
    pair = VolumePrice("a", "b", D(1), D(1), currency)
    assert [[one.price for one in line] for line in cart_portions(items, [pair])] == [[D(one)] for one in prices]
    tenths = cart_portions(items, [pair], cent=D("0.1"))
    assert [one.price for line in tenths for one in line] == [D("0.6"), D("0.4")]


@pytest.mark.django_db
def test_a_bundle_that_is_held_counts_only_in_the_currency_of_both_products() -> None:
    for ident, currency in (("a", "EUR"), ("b", "GBP")):
        priced_product(external_id=ident, currency=currency)
    held = VolumePrice("a", "b", D(1), D(15), "EUR")
    items = [CartItem(ident, D(1), D(10)) for ident in ("a", "b")]
    assert [one.price for line in cart_prices(items, tokens=[held.token]) for one in line] == [D(10), D(10)]
    Product.objects.update(currency="EUR")
    assert [one.price for line in cart_prices(items, tokens=[held.token]) for one in line] == [D("7.50"), D("7.50")]


@pytest.mark.django_db
def test_a_cart_asks_once_and_with_something_held_twice(django_assert_num_queries: Any) -> None:
    priced_product(external_id="a", currency="EUR")
    held = VolumePrice("a", "", D(10), D(8), "EUR")
    savepoint = 2  # set and let go
    with django_assert_num_queries(savepoint + 1):
        cart_prices([CartItem("a", D(10), D(10))])
    with django_assert_num_queries(savepoint + 2):
        (line,) = cart_prices([CartItem("a", D(10), D(10))], tokens=[held.token])
    assert [one.price for one in line] == [D(8)]


# -- decided ---------------------------------------------------------------------------------------------------------
@pytest.mark.django_db
class TestHighRiskByRest:
    url = "/ecomai/api/pricing/proposals/decision/"

    def decide(self, boss: Client, row: PriceProposal, **more: Any) -> Any:
        asked = {"proposals": [row.pk], "action": "approve", **more}
        return boss.post(self.url, asked, content_type="application/json")

    def test_is_approved_by_who_says_so(self, boss: Client, shop: PricedShop) -> None:
        row = proposal_make(risk="high")
        refused = self.decide(boss, row)
        assert refused.json() == {"high_risk": "1 price is of high risk: expected gain +0.50 EUR."}
        assert self.decide(boss, row, high_risk=True).json()[0]["state"] == "approved"

    def test_of_another_product_of_its_family_is_told_too(self, boss: Client, shop: PricedShop) -> None:
        row = proposal_make(family="line=tea", risk="low")
        risky = proposal_make(family="line=tea", risk="high")
        assert self.decide(boss, row).status_code == 400
        assert set(PriceProposal.objects.values_list("state", flat=True)) == {"open"}
        assert self.decide(boss, row, high_risk=True).status_code == 200
        risky.refresh_from_db()
        assert risky.state == "approved"

    def test_is_rejected_without_asking(self, boss: Client, shop: PricedShop) -> None:
        assert self.decide(boss, proposal_make(risk="high"), action="reject", reason="no").status_code == 200


@pytest.mark.django_db
class TestNoPriceTestOvertakesAnApprovedPrice:
    def test_products_with_one_are_left_out_of_a_test_of_several(self, shop: PricedShop) -> None:
        free, waiting = priced_product(title="Free"), priced_product(title="Waiting")
        proposal_make(waiting, state="approved")
        group = price_test_group_start(product_ids=[free.pk, waiting.pk], step=0.02, weeks=2, seed=1)
        assert [test.product for test in group.tests.all()] == [free]
        assert list(group.left_out) == ["Waiting"]

    def test_the_second_of_two_people_is_refused_as_well(self, shop: PricedShop, settings: LazySettings) -> None:
        settings.ECOMAI = {**settings.ECOMAI, "PRICING_FOUR_EYES": True}
        first, second = (User.objects.create_user(name) for name in ("first", "second"))
        product = priced_product()
        test = price_test_start(product=product, low=D("9.80"), high=D("10.20"), weeks=2, user=first, seed=1)
        row = proposal_make(product, state="scheduled")
        with pytest.raises(PricingError, match="approved already"):
            price_test_approve(test=test, user=second)
        PriceProposal.objects.filter(pk=row.pk).update(state="rejected")
        assert price_test_approve(test=test, user=second).state == "running"


# -- of which shop ---------------------------------------------------------------------------------------------------
@pytest.mark.django_db
def test_a_nul_in_the_name_of_a_shop_is_the_main_shop(boss: Client) -> None:
    """On every list of copies and events, too."""
    for name in ("ecomai_mirror_product", "ecomai_mirror_order", "ecomai_events_event"):
        assert boss.get(reverse(f"admin:{name}_changelist"), {"channel": "\x00"}).status_code == 200
    assert boss.get(reverse(LIST), {"channel": "\x00"}).status_code == 200
