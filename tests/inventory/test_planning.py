"""From orders, stock and receipts to plans: what says nothing must not count, and who else is asked for neither."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import numpy as np
import pytest
from django.utils import translation

from django_ecomai.forecast.models import Forecast
from django_ecomai.inventory.models import StockPolicy, Suggestion, SupplierProduct
from django_ecomai.inventory.planning import Plan, plans
from django_ecomai.inventory.services import order_advance, orders_draft, receipt_add
from django_ecomai.inventory.services.replenish import suggestions_make
from django_ecomai.mirror.models import OrderLine, Product, StockPoint
from django_ecomai.testing import product_make

from .factories import offer_make, suggestion_make, supplier_make
from .shop import DAYS, FIRST, sales_make, shop_make

pytestmark = pytest.mark.django_db
UNTIL = (FIRST + timedelta(days=DAYS)).date()


def plan_of(*products: Product) -> Plan:
    (plan,) = plans(product_ids=[product.pk for product in products])
    return plan


def test_days_before_the_first_sale_are_no_demand_of_zero() -> None:
    supplier = supplier_make(lead_time_days=14)
    # Luck belongs to the key of a product.
    new, young, old = (
        product_make(pk=pk, external_id=f"p{pk}", stock=Decimal(0), price="5") for pk in (9001, 9002, 9003)
    )
    for product in (new, young, old):
        offer_make(product, supplier)
    sales_make(new, dict.fromkeys(range(DAYS - 91, DAYS), 10))
    sales_make(young, dict.fromkeys(range(DAYS - 10, DAYS), 10))
    # Sold before, then not for long: those days were zeros indeed.
    sales_make(old, {-400: 1, DAYS - 5: 10, DAYS - 1: 10})
    plan = plan_of(new, young, old)
    assert plan.stock.demand_daily == pytest.approx([10, 10, 20 / 56])
    # 14 days of lead time and 7 of review at 10 a day; ten days in 91 cannot double.
    assert (plan.suggestions.p50[0], plan.suggestions.p90[0]) == (210, 280)
    assert plan.censored.sum(axis=1).tolist() == [364 - 91, 364 - 10, 0]
    # Ten days are too few to call it steady.
    assert plan.xyz.tolist() == ["X", "Z", "Z"]


def test_plans_stand_for_the_first_day_without_data_however_old_the_forecast() -> None:
    products = shop_make()
    Forecast.objects.create(
        level="shop", key="", measure="pieces", frequency="D", starts_on=UNTIL - timedelta(days=6),
        made_on=UNTIL - timedelta(days=6), weekdays=[1] * 7, mean=[1.0] * 14,
    )  # fmt: skip
    assert plan_of(products["low"]).as_of == UNTIL == suggestions_make().as_of


def test_an_overdue_order_is_no_order_of_today() -> None:
    products = shop_make()
    supplier = SupplierProduct.objects.filter(product=products["low"]).get().supplier
    (order,) = orders_draft(suggestions=[suggestion_make(products["low"], supplier)])
    for to in ("approved", "ordered"):
        order = order_advance(order=order, to=to, at=FIRST + timedelta(days=DAYS - 30))
    assert order.expected_on == UNTIL - timedelta(days=16)
    plan = plan_of(products["low"])
    assert np.isnan(plan.stock.receipt_in_days[0])
    # 20 pieces last five days.
    assert plan.suggestions.stockout_probability[0] > 0.9
    order.expected_on = UNTIL + timedelta(days=2)
    order.save()
    plan = plan_of(products["low"])
    assert (plan.stock.receipt_in_days[0], plan.suggestions.stockout_probability[0]) == (2, 0)


def test_a_lead_time_is_that_of_the_offers_supplier_and_the_same_for_one_and_for_all() -> None:
    products = shop_make()
    theirs = SupplierProduct.objects.get(product=products["low"]).supplier
    other = supplier_make(lead_time_days=14)
    for name, supplier, days in (("low", theirs, 5), ("low", other, 90), ("fine", theirs, 7)):
        for number in range(30):
            at = FIRST + timedelta(days=60 + number)
            receipt_add(
                product=products[name], supplier=supplier, quantity=Decimal(12), received_at=at,
                ordered_at=at - timedelta(days=days),
            )  # fmt: skip
    everything = plan_of(*products.values())
    row = [one.pk for one in everything.facts].index(products["low"].pk)
    assert everything.lead_times[row].max() < 60
    assert everything.lead_times[row].mean() == pytest.approx(5.6, abs=0.5)
    for name in ("low", "out"):
        row = [one.pk for one in everything.facts].index(products[name].pk)
        assert np.array_equal(plan_of(products[name]).lead_times[0], everything.lead_times[row])
    chunked = np.concatenate([plan.lead_times for plan in plans(chunk=2)])
    assert np.array_equal(chunked, everything.lead_times)


def test_what_has_just_come_back_is_not_silent() -> None:
    product = product_make(external_id="p", stock=Decimal(50), price="5")
    offer_make(product)
    sales_make(product, dict.fromkeys(range(60), 4))
    for day, quantity in ((-10, 100), (60, 0), (DAYS - 2, 50)):
        StockPoint.objects.create(product=product, valid_from=FIRST + timedelta(days=day), quantity=quantity)
    # Another product's sale tells that the shop was open until yesterday.
    sales_make(product_make(external_id="q"), {DAYS - 1: 1})
    plan = plan_of(product)
    assert plan.as_of == UNTIL
    assert plan.stock.days_since_sale[0] <= 3
    assert plan.suggestions.status[0] != "phantom"


def test_one_fill_target_for_many_is_met_where_it_costs_least() -> None:
    products = shop_make()
    for name, cost in (("low", "4.50"), ("out", "0.10")):
        SupplierProduct.objects.filter(product=products[name]).update(cost=Decimal(cost))
    policy = StockPolicy.objects.create(target_kind="shared", target=0.9, holding_rate=0.5)
    suggestions_make()
    rows = {row.product.external_id: row for row in Suggestion.objects.select_related("product")}
    # The dear one is served less, the cheap one more: both sell 4 a day.
    assert rows["low"].notes["fill"] < 0.9 < rows["out"].notes["fill"]
    selling = [rows[name] for name in ("out", "low", "fine", "surplus", "slow")]
    share = sum(row.notes["fill"] * row.demand_day for row in selling) / sum(row.demand_day for row in selling)
    assert share == pytest.approx(0.9, abs=0.02)
    with translation.override("en"):
        assert "its part of the shared target" in rows["low"].why
    # Asked for alone, a product keeps its part.
    plan = plan_of(products["low"])
    assert plan.stock.fill_target.tolist() == [rows["low"].notes["fill"]]
    policy.target_kind = "fill"
    policy.save()
    suggestions_make()
    assert "fill" not in Suggestion.objects.get(product=products["low"]).notes


def test_a_shared_target_catches_up_with_what_was_missed() -> None:
    products = shop_make()
    StockPolicy.objects.create(target_kind="shared", target=0.9)
    suggestions_make()
    before = Suggestion.objects.get(product=products["fine"]).notes["fill"]
    # Half of the last eight weeks without stock and sales.
    gone = FIRST + timedelta(days=DAYS - 28, hours=-10)
    StockPoint.objects.create(product=products["out"], quantity=Decimal(9), valid_from=FIRST)
    StockPoint.objects.create(product=products["out"], quantity=Decimal(0), valid_from=gone)
    OrderLine.objects.filter(product=products["out"], placed_at__gte=gone).delete()
    suggestions_make()
    assert Suggestion.objects.get(product=products["fine"]).notes["fill"] > before + 0.02
