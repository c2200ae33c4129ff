"""How suppliers deliver, and what hangs on them."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse
from django.utils.translation import gettext as _

from django_ecomai.inventory.models import PurchaseOrder, Suggestion, Supplier
from django_ecomai.inventory.pictures import score_lines
from django_ecomai.inventory.positions import turnover
from django_ecomai.inventory.scorecards import scorecards
from django_ecomai.inventory.services import order_advance, order_receive, orders_draft, receipt_add
from django_ecomai.inventory.services.replenish import suggestions_make
from django_ecomai.mirror.models import Order
from django_ecomai.testing import order_make, product_make

from .factories import MOMENT, offer_make, suggestion_make, supplier_make
from .shop import shop_make

pytestmark = pytest.mark.django_db


def delivered(supplier: Supplier, *, days_ago: int, took: int, agreed: int = 10) -> PurchaseOrder:
    """An order of one product that went all its way."""
    (order,) = orders_draft(suggestions=[suggestion_make(supplier=supplier)])
    at = MOMENT - timedelta(days=days_ago)
    order_advance(order=order, to="approved", at=at)
    order_advance(order=order, to="ordered", at=at)
    order_advance(order=order, to="confirmed", at=at + timedelta(days=1))
    order_advance(order=order, to="shipped", at=at + timedelta(days=took - 2))
    PurchaseOrder.objects.filter(pk=order.pk).update(expected_on=(at + timedelta(days=agreed)).date())
    return order_receive(order=order, at=at + timedelta(days=took))


def test_a_scorecard_tells_what_the_receipts_say() -> None:
    supplier, quiet = supplier_make(lead_time_days=10), supplier_make()
    for number in range(8):
        delivered(supplier, days_ago=300 - 30 * number, took=8 if number % 2 else 14)
    late = orders_draft(suggestions=[suggestion_make(supplier=supplier)])[0]
    order_advance(order=late, to="approved", at=MOMENT - timedelta(days=40))
    order_advance(order=late, to="ordered", at=MOMENT - timedelta(days=40))
    PurchaseOrder.objects.filter(pk=late.pk).update(expected_on=(MOMENT - timedelta(days=20)).date())
    cards = {card.supplier: card for card in scorecards(suppliers=[supplier, quiet])}
    card = cards[supplier]
    assert (card.orders, card.lines, card.on_time_in_full) == (9, 9, pytest.approx(4 / 9))
    assert card.lead_mean == pytest.approx(11) and card.lead_p90 == pytest.approx(14)
    assert card.late == [("≤ 7", 0), ("≤ 30", 1), ("> 30", 0)]
    assert [(stage.start, stage.end, stage.number) for stage in card.stages] == [
        ("ordered", "confirmed", 8),
        ("confirmed", "shipped", 8),
        ("shipped", "received", 8),
    ]
    assert card.constraint is not None and card.constraint.end == "shipped"
    nothing = cards[quiet]
    assert (nothing.orders, nothing.on_time_in_full, nothing.lead_mean, nothing.constraint) == (0, None, None, None)


def test_what_hangs_on_a_supplier() -> None:
    first, second = supplier_make(), supplier_make()
    for number in range(6):
        delivered(first, days_ago=200 - 30 * number, took=10 if number else 30)
    alone, shared = (product_make(price="5", stock=Decimal(0)) for _ in range(2))
    for product in (alone, shared):
        offer_make(product, first, cost=Decimal(2))
        suggestion_make(
            product, first, demand_day=2, unit_cost=Decimal(2), planned_loss=Decimal("1.5"), slipped_loss=Decimal(31)
        )
    offer_make(shared, second, cost=Decimal(3))
    card = next(card for card in scorecards(suppliers=[first]))
    # Two products at 2 a day and a margin of 3; those of the delivered orders have no demand.
    assert card.margin_per_week == pytest.approx(2 * 7 * 6)
    assert card.margin_single == pytest.approx(7 * 6)
    assert card.lead_mean == pytest.approx(80 / 6) and card.lead_p90 == pytest.approx(20)
    # Both plans were simulated by the job; a slip costs what is lost beyond today's.
    assert (card.margin_planned_loss, card.margin_slipped_loss, card.margin_at_risk) == (3, 62, 59)


def test_the_job_plays_a_slip_under_the_same_luck() -> None:
    supplier = supplier_make(code="S1", lead_time_days=10)
    products = shop_make(supplier=supplier)
    for number in range(40):
        at = MOMENT - timedelta(days=300 - number)
        # One delivery of five takes 30 days instead of 10.
        receipt_add(
            product=products["surplus"],
            quantity=Decimal(1),
            supplier=supplier,
            ordered_at=at,
            received_at=at + timedelta(days=30 if number % 5 == 0 else 10),
        )
    suggestions_make()
    rows = {row.product.external_id: row for row in Suggestion.objects.select_related("product")}
    # 4 a day at 3.00 each: with nothing in stock all of it is lost, day by day until goods come.
    out, low = rows["out"], rows["low"]
    assert out.planned_loss is not None and out.slipped_loss is not None and low.slipped_loss is not None
    assert float(out.planned_loss) == pytest.approx(12 * out.lead_time_days, rel=0.12)
    assert float(out.slipped_loss) == pytest.approx(12 * 30, rel=0.12)
    # 20 pieces last five of the 30 days.
    assert float(low.slipped_loss) == pytest.approx(12 * 25, rel=0.15)
    assert rows["surplus"].slipped_loss == 0
    (card,) = scorecards(suppliers=[supplier])
    assert card.margin_slipped_loss == pytest.approx(sum(float(row.slipped_loss or 0) for row in rows.values()))
    assert card.margin_at_risk > 0


def test_money_of_other_currencies_is_not_added(settings: Any) -> None:
    settings.ECOMAI = {**settings.ECOMAI, "CURRENCY": "EUR"}
    supplier = supplier_make(currency="USD")
    # Cost in euros as the price; cost in dollars, price in euros; all in pounds.
    for cost_in, price_in in (("EUR", "EUR"), ("EUR", ""), ("USD", "EUR"), ("GBP", "GBP")):
        product = product_make(price="5", currency=price_in)
        suggestion_make(product, supplier, demand_day=2, unit_cost=Decimal(2), currency=cost_in)
    (card,) = scorecards(suppliers=[supplier])
    assert (card.currency, card.products, card.products_without_margin) == ("EUR", 4, 2)
    assert card.margin_per_week == pytest.approx(2 * 7 * 2 * 3)
    assert (_("Left out of the money: another currency"), "2") in score_lines(card)


def test_turnover_of_other_currencies_makes_no_class(settings: Any) -> None:
    settings.ECOMAI = {**settings.ECOMAI, "CURRENCY": "EUR"}
    euros, pounds = product_make(price="5"), product_make(price="5")
    order_make(lines=[euros], placed_at=MOMENT, currency="EUR")
    for _time in range(3):
        order_make(lines=[pounds], placed_at=MOMENT, currency="GBP")
    assert turnover(since=MOMENT - timedelta(days=1)) == {euros.pk: 5.0}
    Order.objects.filter(currency="EUR").delete()
    assert turnover(since=MOMENT - timedelta(days=1)) == {pounds.pk: 15.0}


def test_the_pages_show_it_as_a_picture_in_few_queries(client: Client, django_assert_max_num_queries: Any) -> None:
    client.force_login(User.objects.create_superuser("boss"))
    chain = reverse("admin:ecomai_inventory_supplier_chain")
    assert b"No suppliers yet" in client.get(chain).content
    supplier = supplier_make(is_simulated=True)
    page = reverse("admin:ecomai_inventory_supplier_change", args=[supplier.pk])
    assert b"No orders in the last year" in client.get(page).content
    for number in range(3):
        delivered(supplier, days_ago=100 - 30 * number, took=12)
    order_make(
        lines=[product_make()],
        placed_at=MOMENT - timedelta(days=3),
        shipped_at=MOMENT - timedelta(days=2),
        delivered_at=MOMENT,
    )
    with django_assert_max_num_queries(22):
        html = client.get(page).content.decode()
    assert 'class="ecomai-chain"' in html and "Delivered" in html and "bottleneck" in html and "simulated" in html
    with django_assert_max_num_queries(16):
        html = client.get(chain).content.decode()
    assert supplier.name in html and 'class="ecomai-chain"' in html
