"""What can be sold until the horizon ends: goods on order from the day they come, and stock that spoils."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.utils import timezone

from django_ecomai.inventory.models import PurchaseOrder, PurchaseOrderLine, Supplier, SupplierProduct
from django_ecomai.mirror.models import Product
from django_ecomai.pricing.facts import product_facts
from django_ecomai.pricing.models import PriceChange
from django_ecomai.pricing.row_numbers import curve_of, expected_of
from django_ecomai.pricing.services.propose import proposals_preview

from .factories import priced_product, rule_make
from .shop import NOW
from .test_propose import known, proposed

pytestmark = pytest.mark.django_db
TODAY = NOW.date()
#: Sales are known until the day before it: the 28 days begin here.
START = TODAY - timedelta(days=6)


def on_order(product: Product, due: date | None, pieces: int = 1000, **fields: Any) -> None:
    supplier, _new = Supplier.objects.get_or_create(channel="", name="S")
    order = PurchaseOrder.objects.create(
        number=f"{due}", supplier=supplier, created_at=timezone.now(), expected_on=due,
        **{"status": PurchaseOrder.Status.ORDERED, **fields},
    )  # fmt: skip
    PurchaseOrderLine.objects.create(order=order, product=product, quantity=Decimal(pieces))


def keeps(product: Product, days: int) -> None:
    supplier, _new = Supplier.objects.get_or_create(channel="", name="S")
    SupplierProduct.objects.create(supplier=supplier, product=product, shelf_life_days=days, cost=Decimal(4))


class TestGoodsOnOrder:
    """28 pieces are asked for in 28 days and 10 are there, so at 10.00 they sell out; with plenty 9.00 earns more."""

    def test_pieces_of_day_26_do_not_lower_the_price_before_the_stock_out(self) -> None:
        scarce, late, soon = (known(-2.5, stock=Decimal(10), external_id=name) for name in ("a", "b", "c"))
        on_order(late, START + timedelta(days=25))
        on_order(soon, TODAY + timedelta(days=1))
        assert [proposed(one).new_price for one in (scarce, late, soon)] == [11, 11, 9]

    def test_what_is_expected_counts_them_from_that_day(self) -> None:
        product = known(-2.5, stock=Decimal(10))
        on_order(product, START + timedelta(days=25))
        row = proposed(product)
        (pieces, after), *others = row.curve["arrivals"]
        assert (pieces, others, after) == (1000, [], pytest.approx(3 / 28 * row.curve["path"]))
        # ten before they come and all that is asked for afterwards
        assert row.units_old == pytest.approx(10 + after, abs=1e-3)
        assert row.units_new == pytest.approx(curve_at(row, 11.0), rel=0.02)

    def test_what_is_overdue_cancelled_or_without_a_date_is_not_counted(self) -> None:
        product = known(-2.5, stock=Decimal(10))
        on_order(product, TODAY - timedelta(days=3))
        on_order(product, None)
        on_order(product, TODAY + timedelta(days=1), status=PurchaseOrder.Status.CANCELLED)
        on_order(product, TODAY + timedelta(days=400))
        row = proposed(product)
        assert row.new_price == 11 and "arrivals" not in row.curve

    def test_they_come_in_the_order_of_their_days(self) -> None:
        product = known(-2.5, stock=Decimal(10))
        on_order(product, TODAY + timedelta(days=20), 5)
        on_order(product, TODAY + timedelta(days=9), 7)
        assert [pieces for pieces, _after in proposed(product).curve["arrivals"]] == [7, 5]


def curve_at(row: Any, price: float) -> float:
    curve = curve_of(row)
    return min(zip(curve["prices"], curve["units"], strict=True), key=lambda one: abs(one[0] - price))[1]


class TestShelfLife:
    def test_stock_that_spoils_bounds_the_days_and_becomes_cheaper(self) -> None:
        fresh, lasting = (known(-1.6, stock=Decimal(60), external_id=name) for name in ("a", "b"))
        keeps(fresh, 5)
        keeps(lasting, 365)
        soon, later = proposed(fresh), proposed(lasting)
        assert (soon.horizon_days, soon.curve["left"], soon.new_price) == (5, 0, 9)
        assert (later.horizon_days, later.curve["left"], later.new_price) == (28, 4, 10)

    def test_a_rule_may_say_what_is_left_is_worth(self) -> None:
        rule_make(action="profit", left_worth=0.5)
        fresh = known(-1.6, stock=Decimal(60))
        keeps(fresh, 5)
        row = proposed(fresh)
        assert (row.horizon_days, row.curve["left"]) == (5, 2)

    def test_where_nobody_counts_the_stock_nothing_spoils(self) -> None:
        fresh = known(-1.6, stock=None)
        keeps(fresh, 5)
        row = proposed(fresh)
        assert (row.horizon_days, row.curve["left"]) == (28, 4)

    def test_a_delivery_within_its_life_is_no_surplus(self) -> None:
        fresh = known(-1.6, stock=Decimal(2))
        keeps(fresh, 9)
        on_order(fresh, TODAY)
        ((pieces, after),) = proposed(fresh).curve["arrivals"]
        assert pieces == after


def test_what_is_expected_has_its_range() -> None:
    row = proposed(known(-1.6))
    found = expected_of(row)
    assert row.units_new is not None and row.profit_new is not None and row.old_price is not None
    units, revenue, profit = (found[name] or [] for name in ("units", "revenue", "profit"))
    assert (units[0], profit[0]) == (row.units_new, row.profit_new)
    slope, sd, price = row.curve["elasticity"], row.curve["sd"], float(row.new_price or 0)
    ends = sorted(row.curve["path"] * (price / 10) ** (slope + z * sd) for z in (-1.959963984540054, 1.959963984540054))
    assert units[1:] == pytest.approx(ends, abs=1e-3)
    assert revenue[1:] == pytest.approx([price * one for one in ends], abs=1e-3)
    assert profit[1:] == pytest.approx([(price - 4) * one for one in ends], abs=1e-3)
    row.curve = {}
    assert expected_of(row) == {"units": None, "revenue": None, "profit": None}


def test_a_family_of_two_currencies_has_no_common_price() -> None:
    parent = priced_product(external_id="parent", is_active=False)
    each = [priced_product(external_id=name, parent=parent, currency=name) for name in ("EUR", "USD")]
    rule = rule_make(action="markup", markup=1.6)
    found = proposals_preview(rules=[rule], product_ids=[one.pk for one in each], now=NOW)
    assert [row.held_code for row in found] == ["family_currencies"] * 2
    assert "EUR, USD" in found[0].held_words


def test_an_old_price_in_another_currency_bounds_nothing() -> None:
    product = priced_product(price="105.00", currency="SEK")
    PriceChange.objects.create(
        product=product, at=NOW - timedelta(days=2), old_price=Decimal(9), new_price=Decimal(10), currency="EUR"
    )
    (found,) = product_facts(channel="", product_ids=[product.pk], at=NOW, horizon_days=28)
    assert found.price_week_ago is None
