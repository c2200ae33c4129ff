"""Prices that hold tax: costs do not, so margins, floors and profits are worked out from net prices."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import numpy as np
import pytest
from django.conf import LazySettings

from django_ecomai.core.registry import product_weights
from django_ecomai.mirror.models import Product
from django_ecomai.pricing.checks import check_pricing
from django_ecomai.pricing.facts import Facts
from django_ecomai.pricing.models import PriceProposal, PricingRule, VolumeOffer
from django_ecomai.pricing.replay import played
from django_ecomai.pricing.services import offers_make
from django_ecomai.pricing.services.propose import proposals_preview
from django_ecomai.pricing.tax import tax_of
from django_ecomai.pricing.watching import seen_of
from django_ecomai.testing import order_make

from .adapters import PricedShop
from .factories import MOMENT, priced_product, proposal_make, rule_make
from .shop import NOW
from .test_offers import known as offered
from .test_offers import sell, ten_or_one
from .test_propose import known
from .test_watch import START, applied

pytestmark = pytest.mark.django_db


@pytest.fixture
def taxed(settings: LazySettings) -> Iterator[LazySettings]:
    """19 % in all prices, or what the attribute "vat" says."""
    settings.ECOMAI = {
        **settings.ECOMAI,
        "PRICING_TAX_RATE": 0.19,
        "PRICING_TAX_ATTRIBUTE": "vat",
        "PRICING_LIMITS": {"min_gain": 0},
    }
    yield settings


def priced(price: str, cost: str, **fields: Any) -> Product:
    return known(price=price, list_price=Decimal(price), cost=Decimal(cost), **fields)


def proposed(product: Product) -> PriceProposal:
    rules = list(PricingRule.objects.filter(is_active=True).order_by("order", "pk"))
    return {row.product_id: row for row in proposals_preview(rules=rules, product_ids=[product.pk], now=NOW)}[
        product.pk
    ]


class TestLimits:
    def test_a_price_is_raised_to_the_cost_with_tax(self, taxed: LazySettings) -> None:
        # 11.00 less 19 % tax is 9.24: below a cost of 10.
        rule_make(action="hold")
        row = proposed(priced("11.00", "10.00"))
        assert (row.new_price, row.binding) == (Decimal("11.90"), "cost")
        assert (row.cost, row.tax) == (10, 0.19)

    def test_without_a_rate_prices_and_costs_are_compared_as_they_stand(self) -> None:
        rule_make(action="hold")
        row = proposed(priced("11.00", "10.00"))
        assert (row.new_price, row.binding, row.tax) == (11, "", 0.0)

    def test_where_the_cost_with_tax_cannot_be_reached_the_price_is_held(self, taxed: LazySettings) -> None:
        row = proposed(priced("11.00", "11.00"))
        assert row.held_code == "limits_contradict"
        assert (
            "at least 13.09 EUR (its cost with tax); at most 12.10 EUR (the largest change per day)" in row.held_words
        )

    def test_the_least_margin_is_one_of_the_net_price(self, taxed: LazySettings) -> None:
        rule_make(action="hold")
        rule_make(name="margin", action="limits", min_margin=0.2)
        row = proposed(priced("14.50", "10.00"))
        # (14.88 / 1.19 - 10) / (14.88 / 1.19) is 0.2003; a cent less leaves 0.1997.
        assert (row.new_price, row.binding) == (Decimal("14.88"), "min_margin")

    def test_the_margin_of_a_rule_is_one_of_the_net_price(self) -> None:
        one = Facts(1, "p", "P", None, Decimal("11.90"), None, Decimal(4), "EUR", None, (), "", {}, None)
        assert one.margin == pytest.approx(7.9 / 11.9)
        one.tax = Decimal("0.19")
        assert one.margin == pytest.approx(0.6)

    def test_a_markup_is_taken_on_the_cost_before_tax(self, taxed: LazySettings) -> None:
        rule_make(action="markup", markup=1.6)
        # 4.00 and 160 % of it are 10.40; with tax 12.376.
        assert proposed(priced("11.90", "4.00")).new_price == Decimal("12.38")

    def test_the_best_price_is_that_of_the_net_price(self, taxed: LazySettings) -> None:
        # At -1.6 the best net price is 1.6 / 0.6 times the cost: 10.67, with tax 12.69; the search goes in steps.
        assert float(proposed(priced("11.90", "4.00")).new_price or 0) == pytest.approx(12.69, abs=0.015)


class TestRates:
    @pytest.mark.parametrize(
        ("value", "share"),
        [
            (7, "0.07"), ("7", "0.07"), ("7 %", "0.07"), (0, "0"), ("8.875", "0.08875"), (None, "0.19"), ("", "0.19"),
            ("reduced", None), (-1, None), (119, None), ("nan", None),
        ],
    )  # fmt: skip
    def test_of_a_product(self, value: Any, share: str | None, taxed: LazySettings) -> None:
        assert tax_of({"vat": value}) == (None if share is None else Decimal(share))

    def test_a_variant_has_that_of_its_parent(self, taxed: LazySettings) -> None:
        rule_make(action="hold")
        parent = priced_product(external_id="parent", attributes={"vat": "7"})
        row = proposed(priced("10.50", "10.00", parent=parent))
        assert (row.new_price, row.tax) == (Decimal("10.70"), 0.07)

    def test_one_that_cannot_be_read_holds_the_price(self, taxed: LazySettings) -> None:
        row = proposed(priced("11.90", "4.00", attributes={"vat": "reduced"}))
        assert (row.held_code, row.new_price) == ("tax_unreadable", None)
        assert "reduced, is no number of per cent" in row.held_words


class TestMoney:
    def test_profit_is_without_tax_and_revenue_with_it(self, taxed: LazySettings) -> None:
        row = proposed(priced("11.90", "4.00"))
        assert row.units_old and row.units_new and row.profit_old and row.profit_new and row.gain
        assert row.profit_old == pytest.approx(row.units_old * 6, rel=1e-4)
        assert row.profit_new == pytest.approx(row.units_new * (float(row.new_price or 0) / 1.19 - 4), rel=1e-4)
        assert row.gain == pytest.approx(row.profit_new - row.profit_old, abs=0.001)
        assert row.revenue_old == pytest.approx(row.units_old * 11.9, rel=1e-4)
        at = len(row.curve_shown["prices"]) - 1
        left = row.curve_shown["prices"][at] / 1.19 - 4
        assert row.curve_shown["profit"][at] == pytest.approx(left * row.curve_shown["units"][at], rel=1e-3)
        assert row.curve_shown["profit_low"][at] <= row.curve_shown["profit"][at] <= row.curve_shown["profit_high"][at]

    def test_a_gain_of_revenue_is_with_tax(self, taxed: LazySettings) -> None:
        rule_make(action="revenue")
        row = proposed(priced("11.90", "4.00"))
        assert row.revenue_new is not None and row.revenue_old is not None
        assert row.gain == pytest.approx(row.revenue_new - row.revenue_old, abs=0.001)

    def test_a_quantity_break(self, taxed: LazySettings) -> None:
        product = offered(price="11.90", list_price=Decimal("11.90"))
        ten_or_one(product)
        offers_make(now=MOMENT)
        row = VolumeOffer.objects.get()
        # As without tax at 10.00: the markup rule asks for twice the cost of 4.
        assert (row.price, row.discount) == (Decimal("9.52"), pytest.approx(0.2))
        assert row.gain == pytest.approx(250 * (0.8**-2 * 4 - 6), abs=0.01)
        assert 0 < row.gain_low < row.gain  # nothing is unsure but which orders come

    def test_a_quantity_break_stays_above_the_cost_with_tax(self, taxed: LazySettings) -> None:
        ten_or_one(offered(-9.0, price="11.00", list_price=Decimal("11.00"), cost=Decimal("9.20")))
        assert offers_make(now=MOMENT).breaks == 0

    @pytest.mark.parametrize(("rate", "bundles"), [("19", 1), ("7", 0)])
    def test_a_bundle_is_of_products_with_one_rate(self, rate: str, bundles: int, taxed: LazySettings) -> None:
        one, other = offered(-3.0), offered(-3.0, attributes={"vat": rate})
        sell(((one, 1), (other, 1)), times=100)
        sell(((one, 1),), ((other, 1),), times=1000)
        report = offers_make(now=MOMENT)
        assert (report.bundles, report.reasons["mixed_tax"]) == (bundles, 1 - bundles)

    def test_what_is_watched(self, shop: PricedShop) -> None:
        change = applied(shop, tax=0.05)
        order_make(lines=[(change.product, 1)], placed_at=START.replace(day=START.day + 1), currency="EUR")
        (found,) = seen_of(channel="", changes=[change], until=START.date().replace(day=START.day + 3)).values()
        assert found.left == pytest.approx(6.0)  # 10.50 / 1.05 - 4

    def test_what_is_played_again(self) -> None:
        row = PriceProposal(
            new_price=Decimal("10.71"), cost=Decimal(4), tax=0.19, elasticity=-2.0, elasticity_low=-2.0,
            elasticity_high=-2.0,
        )  # fmt: skip
        found = played(row, np.array([100.0]), np.array([11.9]))
        assert found is not None
        revenue, profit, revenue_gain, gain, _sd = found
        moved = 100 * (9 / 10) ** -2
        assert (revenue, profit) == (pytest.approx(1190.0), pytest.approx(600.0))
        assert revenue_gain == pytest.approx(10.71 * moved - 1190) and gain == pytest.approx(5 * moved - 600)

    def test_what_steers_recommendations(self, settings: LazySettings) -> None:
        settings.ECOMAI = {**settings.ECOMAI, "PRICING_STEERS": True}
        for ident, cost in (("k", 4), ("l", 8)):
            proposal_make(priced_product(external_id=ident), new_price=Decimal("12.50"), cost=Decimal(cost), tax=0.25)
        # Margins 60 % and 20 % of 10.00, mean 40 %.
        assert product_weights.get("pricing")("") == {"k": pytest.approx(1.2), "l": pytest.approx(0.8)}


@pytest.mark.parametrize(
    ("values", "ids"),
    [
        ({"PRICING_TAX_RATE": 0.19}, []),
        ({"PRICING_TAX_RATE": 0}, []),
        ({"PRICING_TAX_RATE": 19}, ["ecomai.E118"]),
        ({"PRICING_TAX_RATE": "0.19"}, ["ecomai.E118"]),
        ({"PRICING_TAX_RATE": -0.1}, ["ecomai.E118"]),
        ({"PRICING_TAX_RATE": True}, ["ecomai.E118"]),
        ({"ADAPTER": "django_ecomai.adapters.oscar.OscarAdapter"}, ["ecomai.W119"]),
        ({"ADAPTER": {"": "nowhere.Adapter", "uk": "django_ecomai.adapters.oscar.OscarAdapter"}}, ["ecomai.W119"]),
        ({"ADAPTER": "django_ecomai.adapters.oscar.OscarAdapter", "PRICING_TAX_RATE": 0}, []),
        ({"ADAPTER": "tests.pricing.adapters.SHOP"}, []),
    ],
)
def test_checks(values: dict[str, Any], ids: list[str], settings: LazySettings) -> None:
    settings.ECOMAI = {**settings.ECOMAI, **values}
    found = check_pricing(None)
    assert [one.id for one in found] == ids
    assert all(one.hint for one in found)
