"""A sync copies, recognises what is unchanged, goes on after a kill and marks what is gone."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from django_ecomai.adapters.base import NullAdapter
from django_ecomai.adapters.rows import PriceRow, PromotionRow, ReturnRow, ReviewRow, StockRow
from django_ecomai.conf import ecomai
from django_ecomai.mirror.models import (
    Category,
    Customer,
    Order,
    OrderLine,
    PricePoint,
    Product,
    Promotion,
    ReturnLine,
    Review,
    StockPoint,
    SyncReport,
)
from django_ecomai.mirror.services import (
    SyncError,
    shop_reconcile,
    shop_sync,
)
from django_ecomai.mirror.signals import synced
from django_ecomai.testing import (
    MOMENT,
    FakeAdapter,
    category_row,
    customer_row,
    line_row,
    order_row,
    product_row,
)

pytestmark = pytest.mark.django_db


def shop() -> FakeAdapter:
    return FakeAdapter(
        category=[category_row(id="leaf", name="Lanterns", parent_id="root"), category_row(id="root", name="Home")],
        product=[
            product_row(id="v1", title="Lantern red", parent_id="p1", price="5.00", stock=3),
            product_row(id="p1", title="Lantern", price="4.50", category_ids=("leaf",), stock=7, sku="S1"),
            product_row(id="POST", title="Postage", price="3"),
        ],
        customer=[customer_row(id="k1"), customer_row(id="k2")],
        order=[
            order_row(
                line_row("p1", id="l1", quantity=2, unit_price="4.50", title="Lantern"), id="o1", customer_id="k1"
            ),
            order_row(
                line_row("v1", id="l2"),
                line_row("POST", id="l3", quantity=1),
                id="o2",
                customer_id="",
                placed_at=MOMENT + timedelta(days=1),
            ),
        ],
    )


def counts(report: SyncReport, what: str) -> dict[str, int]:
    return {table: numbers[what] for table, numbers in report.counts.items() if numbers.get(what)}


def findings(report: SyncReport) -> dict[tuple[str, str], tuple[str, int]]:
    return {(i.table, i.code): (i.action, i.count) for i in report.findings}


def test_first_sync_copies_everything_with_links_and_history():
    report = shop_sync(adapter=shop())
    assert counts(report, "created") == {
        "category": 2, "product": 3, "price": 3, "stock": 2, "customer": 2, "order": 2, "order_line": 3,
    }  # fmt: skip
    assert Category.objects.get(external_id="leaf").parent.external_id == "root"
    variant = Product.objects.get(external_id="v1")
    assert (variant.parent.external_id, variant.price, variant.currency, variant.stock) == (
        "p1", Decimal("5.0000"), ecomai.CURRENCY, Decimal("3.000"),
    )  # fmt: skip
    product = Product.objects.get(external_id="p1")
    assert product.category_external_ids == ["leaf"]
    assert [c.external_id for c in product.categories.all()] == ["leaf"]
    assert Product.objects.get(external_id="POST").is_service
    line = OrderLine.objects.get(external_id="l1")
    assert (line.product, line.order.external_id, line.quantity, line.unit_price, line.placed_at) == (
        product, "o1", Decimal("2.000"), Decimal("4.5000"), MOMENT,
    )  # fmt: skip
    customer = Customer.objects.get(external_id="k1")
    assert (customer.first_seen, customer.last_seen) == (MOMENT, MOMENT)
    assert Order.objects.get(external_id="o2").customer is None
    assert list(PricePoint.objects.filter(product=product).values_list("price", "source")) == [
        (Decimal("4.5000"), "sync")
    ]
    assert report.finished_at is not None and report.resume == {}


def test_second_sync_writes_no_row_of_the_mirror():
    adapter = shop()
    shop_sync(adapter=adapter)
    before = {
        m: list(m.objects.order_by("pk").values()) for m in (Category, Product, Customer, Order, OrderLine, PricePoint)
    }
    with CaptureQueriesContext(
        connection,
    ) as captured:
        report = shop_sync(adapter=adapter)
    for model, rows in before.items():
        assert list(model.objects.order_by("pk").values()) == rows
    writes = [q["sql"] for q in captured if q["sql"].startswith(("INSERT", "UPDATE", "DELETE"))]
    assert [sql for sql in writes if "ecomai_mirror_sync" not in sql] == []
    assert counts(report, "created") == counts(report, "updated") == counts(report, "removed") == {}
    assert counts(report, "unchanged") == {"category": 2, "product": 3, "customer": 2, "order": 2, "order_line": 3}


def test_a_changed_price_and_stock_become_history_and_only_that_row_is_written():
    adapter = shop()
    shop_sync(adapter=adapter)
    untouched = Product.objects.get(external_id="v1").synced_at
    adapter.data["product"][1] = product_row(
        id="p1", title="Lantern", price="3.99", category_ids=("leaf",), stock=6, sku="S1"
    )
    report = shop_sync(adapter=adapter)
    assert counts(report, "updated") == {"product": 1}
    product = Product.objects.get(external_id="p1")
    assert list(product.price_points.order_by("id").values_list("price", flat=True)) == [
        Decimal("4.5"),
        Decimal("3.99"),
    ]
    assert list(product.stock_points.order_by("id").values_list("quantity", flat=True)) == [Decimal(7), Decimal(6)]
    assert Product.objects.get(external_id="v1").synced_at == untouched


def test_full_sync_marks_what_is_gone_and_revives_what_returns():
    adapter = shop()
    shop_sync(adapter=adapter)
    gone_product, gone_order = adapter.data["product"].pop(0), adapter.data["order"].pop(0)
    report = shop_sync(adapter=adapter)
    assert counts(report, "removed") == {"product": 1, "order": 1}
    product = Product.objects.get(external_id="v1")
    assert product.removed_at is not None and product.is_active is False
    assert Order.objects.get(external_id="o1").removed_at is not None
    adapter.data["product"].append(gone_product)
    adapter.data["order"].append(gone_order)
    report = shop_sync(adapter=adapter)
    assert counts(report, "updated") == {"product": 1, "order": 1}
    product.refresh_from_db()
    assert product.removed_at is None and product.is_active is True


def test_since_marks_nothing_as_gone():
    adapter = shop()
    shop_sync(adapter=adapter)
    adapter.data["product"].clear()
    report = shop_sync(adapter=adapter, since=MOMENT)
    assert report.mode == "since"
    assert counts(report, "removed") == {}
    assert Product.objects.filter(removed_at=None).count() == 3


def test_an_edited_order_loses_the_line_that_was_taken_out():
    adapter = shop()
    shop_sync(adapter=adapter)
    adapter.data["order"][1] = order_row(
        line_row("v1", id="l2"), id="o2", customer_id="k2", placed_at=MOMENT + timedelta(days=1)
    )
    report = shop_sync(adapter=adapter)
    assert counts(report, "removed") == {"order_line": 1}
    assert counts(report, "updated") == {"order": 1}
    assert OrderLine.objects.get(external_id="l3").removed_at is not None
    assert Customer.objects.get(external_id="k2").last_seen == MOMENT + timedelta(days=1)


class Killed(Exception):
    pass


def test_a_killed_sync_goes_on_with_the_table_it_was_in(monkeypatch):
    orders = [order_row(line_row("p1", id=f"l{n}"), id=f"o{n}", customer_id=f"k{n % 7}") for n in range(1200)]
    adapter = FakeAdapter(product=[product_row(id="p1")], order=orders)
    whole = FakeAdapter.rows

    def dying(self, table, since=None):
        for number, row in enumerate(whole(self, table, since)):
            if table == "order" and number == 1100:
                raise Killed
            yield row

    monkeypatch.setattr(FakeAdapter, "rows", dying)
    with pytest.raises(Killed):
        shop_sync(adapter=adapter)
    report = SyncReport.objects.get()
    assert report.finished_at is None
    assert (report.resume["table"], report.resume["done"]) == ("order", ["product"])
    assert Order.objects.count() == 1000
    monkeypatch.setattr(FakeAdapter, "rows", whole)
    adapter.read.clear()
    resumed = shop_sync(adapter=adapter)
    assert resumed.pk == report.pk
    assert adapter.read == {"order": 1}  # the finished table is not read again
    assert Order.objects.count() == OrderLine.objects.count() == 1200
    assert resumed.counts["order"] == {"seen": 1200, "created": 1200, "unchanged": 0}
    assert resumed.counts["product"] == {"seen": 1, "created": 1}
    assert shop_sync(adapter=adapter).pk != report.pk


def test_resume_can_be_declined():
    SyncReport.objects.create(resume={"done": ["product"], "since": ""})
    report = shop_sync(adapter=shop(), resume=False)
    assert counts(report, "created")["product"] == 3


def test_an_interrupted_since_is_not_taken_for_a_full_sync():
    old = SyncReport.objects.create(mode="since", resume={"done": ["product"], "since": "2026-01-01T00:00:00+00:00"})
    assert shop_sync(adapter=shop()).pk != old.pk
    assert Product.objects.count() == 3


def test_dry_run_writes_nothing_and_says_what_it_would_do():
    adapter = shop()
    with CaptureQueriesContext(connection) as captured:
        report = shop_sync(adapter=adapter, dry_run=True)
    assert [q["sql"] for q in captured if q["sql"].startswith(("INSERT", "UPDATE", "DELETE"))] == []
    assert report.pk is None
    assert counts(report, "created")["order_line"] == 3
    assert ("order_line", "unknown_product") not in findings(report)
    assert findings(report)[("product", "not_a_product")] == ("flagged", 1)
    shop_sync(adapter=adapter)
    adapter.data["product"].pop()
    report = shop_sync(adapter=adapter, dry_run=True)
    assert counts(report, "removed") == {"product": 1}
    assert Product.objects.filter(removed_at=None).count() == 3


def test_reconcile_finds_and_repairs_what_bulk_updates_bypassed():
    adapter = shop()
    shop_sync(adapter=adapter)
    adapter.data["product"][0] = product_row(id="v1", title="Lantern red", parent_id="p1", price="6.00", stock=3)
    adapter.data["product"].append(product_row(id="new"))
    adapter.data["order"].pop()
    dry = shop_reconcile(adapter=adapter, dry_run=True)
    assert counts(dry, "drifted") == {"product": 2, "order": 1}
    assert findings(dry)[("product", "differs")] == ("reported", 1)
    assert findings(dry)[("product", "missing_in_mirror")] == ("reported", 1)
    assert findings(dry)[("order", "gone_from_shop")] == ("reported", 1)
    assert Product.objects.get(external_id="v1").price == Decimal(5)
    report = shop_reconcile(adapter=adapter)
    assert report.mode == "reconcile"
    assert counts(report, "drifted") == {"product": 2, "order": 1}
    assert findings(report)[("product", "differs")] == ("repaired", 1)
    assert Product.objects.get(external_id="v1").price == Decimal(6)
    assert counts(shop_reconcile(adapter=adapter), "drifted") == {}


def test_channels_do_not_touch_each_other():
    shop_sync(adapter=shop(), channel="a")
    shop_sync(adapter=FakeAdapter(product=[product_row(id="p1", title="Other")]), channel="b")
    assert Product.objects.get(channel="a", external_id="p1").title == "Lantern"
    assert Product.objects.get(channel="b", external_id="p1").title == "Other"
    assert Product.objects.filter(removed_at=None).count() == 4


def test_without_an_adapter_the_error_says_what_to_type():
    with pytest.raises(SyncError, match="ecomai_adapter"):
        shop_sync(adapter=NullAdapter())


def test_synced_is_sent_once_with_the_finished_report():
    heard = []

    def listen(report, **kwargs):
        heard.append(report.finished_at is not None)

    synced.connect(listen)
    try:
        shop_sync(adapter=shop())
        shop_sync(adapter=shop(), dry_run=True)
    finally:
        synced.disconnect(listen)
    assert heard == [True]


def test_progress_rises_to_one():
    seen = []
    shop_sync(adapter=shop(), progress=lambda fraction, message: seen.append((fraction, message)))
    fractions = [fraction for fraction, _message in seen]
    assert fractions == sorted(fractions) and fractions[-1] == 1.0
    assert seen[0][1] == "categories: 2 / 2"


def test_a_table_that_suddenly_gives_nothing_switches_nothing_off():
    adapter = shop()
    shop_sync(adapter=adapter)
    adapter.data["product"].clear()
    report = shop_sync(adapter=adapter)
    assert counts(report, "removed") == {}
    assert findings(report)[("product", "nothing_read")] == ("kept", 1)
    assert Product.objects.filter(is_active=True, removed_at=None).count() == 3


def test_an_empty_shop_is_no_error():
    report = shop_sync(adapter=FakeAdapter(product=[], order=[]))
    assert report.finished_at is not None and report.findings == []


def test_prices_stock_reviews_and_promotions_of_the_shop():
    at = datetime(2026, 1, 1, tzinfo=UTC)
    adapter = FakeAdapter(
        category=[category_row(id="c")],
        product=[product_row(id="p", stock=99)],
        price=[
            PriceRow(product_id="p", valid_from=at, price="7"),
            PriceRow(product_id="p", valid_from=at + timedelta(days=1), price="8"),
            PriceRow(product_id="nope", valid_from=at, price="8"),
        ],
        stock=[
            StockRow(product_id="p", location="London", quantity=4),
            StockRow(product_id="p", location="Leeds", quantity=6),
        ],
        customer=[customer_row(id="k")],
        order=[],
        review=[
            ReviewRow(id="r1", product_id="p", customer_id="k", rating=4, text="Fine", created_at=at),
            ReviewRow(id="r2", product_id="nope", created_at=at),
        ],
        promotion=[
            PromotionRow(id="x", name="Sale", starts_at=at, percent=20, product_ids=("p", "nope"), category_ids=("c",)),
            PromotionRow(id="y", name="Never"),
        ],
    )
    for _time in range(2):
        report = shop_sync(adapter=adapter)
    assert list(PricePoint.objects.filter(source="shop").order_by("valid_from").values_list("price", flat=True)) == [
        7,
        8,
    ]
    assert list(StockPoint.objects.order_by("location").values_list("location", "quantity")) == [
        ("Leeds", 6),
        ("London", 4),
    ]
    product = Product.objects.get()
    assert product.stock == 10
    review = Review.objects.get()
    assert (review.product, review.customer.external_id, review.rating) == (product, "k", 4)
    promotion = Promotion.objects.get()
    assert (promotion.percent, list(promotion.products.all()), promotion.categories.get().external_id) == (
        20,
        [product],
        "c",
    )
    assert findings(report)[("review", "unknown_product")] == ("skipped", 1)
    assert findings(report)[("promotion", "timestamp_missing")] == ("skipped", 1)
    adapter.data["stock"][0] = StockRow(product_id="p", location="London", quantity=1)
    shop_sync(adapter=adapter)
    assert Product.objects.get().stock == 7
    assert StockPoint.objects.count() == 3


def test_returns_of_their_own_table():
    order = order_row(line_row("p1", id="l1", quantity=3), id="o1")
    back = ReturnRow(id="r1", product_id="p1", line_id="l1", quantity=1, amount="9.90", reason="broken")
    order = type(order)(**{f: getattr(order, f) for f in order.__slots__} | {"returns": (back,)})
    shop_sync(adapter=FakeAdapter(product=[product_row(id="p1")], order=[order]))
    row = ReturnLine.objects.get()
    assert (row.line.external_id, row.order.external_id, row.product.external_id) == ("l1", "o1", "p1")
    assert (row.quantity, row.amount, row.reason, row.returned_at) == (1, Decimal("9.90"), "broken", MOMENT)


def test_a_product_that_comes_later_finds_its_old_lines():
    adapter = FakeAdapter(product=[], order=[order_row(line_row("late", id="l1"))])
    report = shop_sync(adapter=adapter)
    assert findings(report)[("order_line", "unknown_product")] == ("kept", 1)
    line = OrderLine.objects.get()
    assert (line.product, line.product_external_id) == (None, "late")
    adapter.data["product"].append(product_row(id="late"))
    shop_sync(adapter=adapter)
    line.refresh_from_db()
    assert line.product.external_id == "late"


def test_lines_survive_the_deletion_of_their_product():
    shop_sync(adapter=shop())
    Product.objects.filter(external_id="p1").delete()
    line = OrderLine.objects.get(external_id="l1")
    assert (line.product, line.product_external_id, line.title) == (None, "p1", "Lantern")
