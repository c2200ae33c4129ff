"""From orders and stock to suggestions, and what becomes of decisions when they are worked out anew."""

from __future__ import annotations

import json
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.core.management import call_command
from django.db import connection
from django.test.utils import CaptureQueriesContext

from django_ecomai.inventory.models import PurchaseOrder, StockPolicy, Suggestion, SupplierProduct
from django_ecomai.inventory.planning import plans
from django_ecomai.inventory.services import (
    order_advance,
    order_receive,
    orders_draft,
    receipt_add,
    suggestions_decide,
)
from django_ecomai.inventory.services.replenish import suggestions_make
from django_ecomai.mirror.models import Product
from django_ecomai.runs.models import Run
from django_ecomai.runs.services import run_now
from django_ecomai.testing import product_make

from .factories import offer_make
from .shop import DAYS, FIRST, sales_make, shop_make

pytestmark = pytest.mark.django_db


def rows() -> dict[str, Suggestion]:
    return {row.product.external_id: row for row in Suggestion.objects.select_related("product")}


def test_every_situation_gets_its_status_and_its_reason(django_assert_max_num_queries: Any) -> None:
    shop_make()
    with django_assert_max_num_queries(30):
        report = suggestions_make()
    found = rows()
    assert {name: row.status for name, row in found.items()} == {
        "out": "stocked_out",
        "low": "will_stock_out",
        "fine": "reorder",
        "surplus": "surplus",
        "dead": "obsolete",
        "slow": "ok",
    }
    assert report.as_of == (FIRST + timedelta(days=DAYS)).date() == found["out"].as_of
    out = found["out"]
    # 14 days of lead time and 7 of review at 4 a day.
    assert 70 < out.p50 < 100 and out.p50 <= out.p90
    assert out.quantity >= Decimal(84) and out.quantity % 12 == 0
    assert out.value == out.quantity * 2
    assert out.stock_out_probability == 1
    assert "Target level" in out.why and "on hand" in out.why and f"{out.raw_quantity:.0f}" in out.why
    assert out.lost_margin is not None and out.lost_margin > 0
    assert found["low"].stock_out_on is not None
    assert found["surplus"].quantity == 0 and "last" in found["surplus"].why
    assert found["surplus"].alerts == ["surplus"]
    assert len(out.history) == 26


def test_a_run_tells_what_it_found_and_a_dry_run_stores_nothing() -> None:
    shop_make()
    report = suggestions_make(dry_run=True)
    assert report.products == 6 and not Suggestion.objects.exists()
    run = run_now(kind="inventory.replenish")
    assert run.state == Run.State.DONE, run.error
    assert run.metrics["replenishment"]["products"] == 6
    assert "no forecast yet" in run.log
    assert Suggestion.objects.filter(run_number=run.pk).count() == 6
    assert run_now(kind="inventory.replenish", channel="other").state == Run.State.DONE


def test_the_same_data_gives_the_same_suggestions() -> None:
    shop_make()
    suggestions_make()
    first = {name: (row.quantity, row.p90, row.status) for name, row in rows().items()}
    suggestions_make()
    assert {name: (row.quantity, row.p90, row.status) for name, row in rows().items()} == first


def test_decisions_stay_until_they_are_over() -> None:
    products = shop_make()
    suggestions_make()
    found = rows()
    suggestions_decide(suggestions=[found["out"]], action="edit", quantity=Decimal(48))
    suggestions_decide(suggestions=[found["low"]], action="snooze", until=found["low"].as_of + timedelta(days=3))
    suggestions_decide(suggestions=[found["fine"]], action="reject", reason="will be replaced")
    suggestions_make()
    found = rows()
    assert (found["out"].state, found["out"].decided_quantity) == ("edited", 48)
    assert (found["low"].state, found["fine"].state) == ("snoozed", "rejected")
    # Three days on the snoozed one wakes up; the rejected one does when it is sold out.
    sales_make(products["surplus"], {DAYS + 3: 1})
    products["fine"].stock = Decimal(0)
    products["fine"].save()
    suggestions_make()
    found = rows()
    assert (found["low"].state, found["fine"].state, found["out"].state) == ("open", "open", "edited")


def test_what_is_ordered_is_not_suggested_again_until_it_has_come() -> None:
    products = shop_make()
    suggestions_make()
    (order,) = orders_draft(suggestions=[rows()["out"]])
    ordered = order.lines.get().quantity
    suggestions_make()
    row = rows()["out"]
    assert (row.on_order, row.quantity, row.state) == (float(ordered), 0, "accepted")
    order_advance(order=order, to="approved")
    order_advance(order=order, to="ordered")
    order_receive(order=order)
    products["out"].stock = ordered
    products["out"].save()
    suggestions_make()
    row = rows()["out"]
    assert (row.on_order, row.state, row.order_line, row.on_hand) == (0, "open", None, float(ordered))
    assert PurchaseOrder.objects.get().status == "received"


def test_receipts_teach_the_lead_time() -> None:
    products = shop_make()
    suggestions_make()
    promised = rows()["out"].lead_time_days
    for number in range(40):
        at = FIRST + timedelta(days=60 + number)
        receipt_add(
            product=products["out"],
            supplier=SupplierProduct.objects.get(product=products["out"]).supplier,
            quantity=Decimal(12),
            ordered_at=at - timedelta(days=40),
            received_at=at,
        )
    suggestions_make()
    found = rows()
    assert promised == pytest.approx(14, abs=1)
    assert found["out"].lead_time_days > 35
    # The supplier's other products learn from it, too.
    assert found["low"].lead_time_days > 30


def test_one_product_alone_knows_how_its_supplier_delivers() -> None:
    products = shop_make()
    for number in range(40):
        at = FIRST + timedelta(days=60 + number)
        receipt_add(
            product=products["out"],
            supplier=SupplierProduct.objects.get(product=products["out"]).supplier,
            quantity=Decimal(12),
            ordered_at=at - timedelta(days=40),
            received_at=at,
        )
    (plan,) = plans(product_ids=[products["low"].pk])
    assert plan.lead_times.shape == (1, 256) and plan.lead_times.mean() > 30


def test_the_narrowest_policy_counts() -> None:
    products = shop_make()
    suggestions_make()
    before = rows()
    StockPolicy.objects.create(abc="", target=0.6, review_days=1)
    StockPolicy.objects.create(product=products["low"], target=0.99, review_days=28)
    suggestions_make()
    after = rows()
    assert after["out"].protection_days < before["out"].protection_days < after["low"].protection_days
    assert after["out"].order_up_to <= before["out"].order_up_to


def test_bad_input_is_survived_and_said() -> None:
    products = shop_make()
    for name, stock in (("out", -5), ("low", 20)):
        products[name].stock = Decimal(stock)
        products[name].save()
    SupplierProduct.objects.filter(product=products["low"]).update(cost=3, currency="USD")
    SupplierProduct.objects.filter(product=products["fine"]).delete()
    SupplierProduct.objects.filter(product=products["slow"]).update(pack_size=0, moq=5000, lead_time_days=0)
    product_without = products["surplus"]
    product_without.price = Decimal(0)
    product_without.save()
    report = suggestions_make()
    found = rows()
    assert "below 0" in found["out"].why
    assert "different currencies" in found["low"].why and found["low"].currency == "USD"
    assert found["low"].lost_margin == 0
    assert found["fine"].supplier is None and "no supplier" in found["fine"].why
    assert found["slow"].quantity == 0
    assert report.without_supplier == 1


def test_products_that_are_gone_leave_the_list() -> None:
    products = shop_make()
    suggestions_make()
    products["out"].is_active = False
    products["out"].save()
    products["low"].stock = None
    products["low"].save()
    suggestions_make()
    assert set(rows()) == {"fine", "surplus", "dead", "slow"}


def test_an_empty_shop_is_told_what_to_do() -> None:
    run = run_now(kind="inventory.replenish")
    assert run.state == Run.State.DONE and "stock" in run.message


def test_the_command_asks_once_for_all_products(capsys: pytest.CaptureFixture[str]) -> None:
    def asked() -> int:
        with CaptureQueriesContext(connection) as queries:
            call_command("ecomai_replenish", dry_run=True, json=True)
        return len(queries)

    products = shop_make()
    few = asked()
    for number in range(5):
        product = product_make(external_id=f"more{number}", stock=Decimal(0), price="5", cost=Decimal(2))
        offer_make(product, SupplierProduct.objects.get(product=products["out"]).supplier)
        sales_make(product, {DAYS - 1: 50})
    assert asked() == few
    capsys.readouterr()


def test_the_command_prints_and_writes_json(capsys: pytest.CaptureFixture[str]) -> None:
    shop_make()
    call_command("ecomai_replenish", dry_run=True, json=True)
    found = json.loads(capsys.readouterr().out)
    assert found["dry_run"] and found["products"] == 6
    assert {order["product_id"] for order in found["orders"]} >= {"out", "low"}
    assert not Suggestion.objects.exists()
    call_command("ecomai_replenish", limit=1)
    shown = capsys.readouterr().out
    assert "6 products" in shown and "more" in shown
    assert Suggestion.objects.count() == 6


def test_what_is_under_way_may_be_ordered_on_top_of() -> None:
    products = shop_make()
    suggestions_make()
    suggestions_decide(suggestions=[rows()["out"]], action="edit", quantity=Decimal(12))
    (order,) = orders_draft(suggestions=[rows()["out"]])
    suggestions_make()
    assert (rows()["out"].state, rows()["out"].order_line) == ("edited", order.lines.get())
    order_advance(order=order, to="approved")
    suggestions_make()
    row = rows()["out"]
    # 12 are on order and too few: the rest is to be decided.
    assert (row.state, row.order_line, row.on_order, row.decided_quantity) == ("open", None, 12.0, None)
    assert row.quantity >= 72
    assert row.product == products["out"]


def test_a_copy_that_is_empty_for_a_moment_costs_no_decision() -> None:
    products = shop_make()
    suggestions_make()
    suggestions_decide(suggestions=[rows()["out"]], action="reject", reason="end of the line")
    Product.objects.update(is_active=False)
    suggestions_make()
    assert len(rows()) == 6
    Product.objects.exclude(pk__in=[products["out"].pk, products["low"].pk]).update(is_active=True)
    suggestions_make()
    # Nothing was decided about "low"; what was decided about "out" is kept and asks for nothing.
    assert set(rows()) == {"out", "fine", "surplus", "dead", "slow"}
    row = rows()["out"]
    assert (row.state, row.reason, row.quantity, row.alerts) == ("rejected", "end of the line", 0, [])


def test_lots_of_rq_are_told_as_they_are_worked_out() -> None:
    products = shop_make()
    StockPolicy.objects.create(product=products["low"], policy="RQ", order_cost=Decimal("0.5"))
    SupplierProduct.objects.update(pack_size=1, moq=1)
    suggestions_make()
    row = rows()["low"]
    lot = row.notes["lot"]
    # sqrt(2 * 0.5 * 4 * 365 / (0.25 * 2)) = 54.04, in whole pieces.
    assert (lot, row.quantity % 55, "lot" in rows()["out"].notes) == (55.0, 0, False)
    times = round(row.quantity / 55)
    assert f"20 on hand and on order are not above the reorder point {row.reorder_point:.0f}: {times} × 55" in row.why
