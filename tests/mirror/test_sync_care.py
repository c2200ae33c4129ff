"""A sync undoes nothing that the shop saves meanwhile, and takes no row for gone that it could not read."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st

from django_ecomai.adapters.rows import BadRow, OrderRow, PromotionRow, ReturnRow, ReviewRow
from django_ecomai.mirror.models import (
    Category,
    Customer,
    Order,
    OrderLine,
    Product,
    Promotion,
    ReturnLine,
    Review,
    SyncReport,
)
from django_ecomai.mirror.services import (
    order_upsert,
    product_upsert,
    row_remove,
    shop_reconcile,
    shop_sync,
)
from django_ecomai.mirror.services.bulk import SeenIds
from django_ecomai.runs.models import Run
from django_ecomai.testing import (
    MOMENT,
    FakeAdapter,
    category_row,
    customer_row,
    line_row,
    order_row,
    product_row,
)

from .test_sync import counts, findings, shop

pytestmark = pytest.mark.django_db


class BusyShop(FakeAdapter):
    """A shop that saves something, live, after a table was read and before the sync has written it."""

    def __init__(self, *, between, **tables):
        super().__init__(**tables)
        self.between = between

    def rows(self, table, since=None):
        yield from super().rows(table, since)
        if table in self.between:
            self.between.pop(table)()


def live(**fields):
    return lambda: product_upsert(row=product_row(**fields), adapter=FakeAdapter())


@pytest.mark.parametrize("sync", [shop_sync, shop_reconcile])
def test_a_product_saved_during_a_sync_is_not_taken_for_gone(sync):
    sync(adapter=BusyShop(between={"product": live(id="new")}, product=[product_row(id="p1")]))
    product = Product.objects.get(external_id="new")
    assert (product.removed_at, product.is_active) == (None, True)


@pytest.mark.parametrize("sync", [shop_sync, shop_reconcile])
def test_a_price_saved_during_a_sync_stays_and_leaves_one_change_in_the_history(sync):
    old = product_row(id="p1", price="5.00")
    shop_sync(adapter=FakeAdapter(product=[old]))
    category = category_row(id="late")
    report = sync(
        adapter=BusyShop(
            between={"product": live(id="p1", price="6.00")},
            category=[category],
            product=[product_row(id="p1", price="5.00", parent_id="p2"), product_row(id="p2")],
        )
    )
    product = Product.objects.get(external_id="p1")
    assert (product.price, product.parent) == (Decimal(6), None)
    assert list(product.price_points.order_by("id").values_list("price", flat=True)) == [Decimal(5), Decimal(6)]
    assert report.counts["product"] == {
        "seen": 2, "created": 1, "unchanged": 1, **({"drifted": 1} if sync is shop_reconcile else {})
    }  # fmt: skip


def test_what_was_deleted_during_a_sync_stays_deleted():
    adapter = shop()
    shop_sync(adapter=adapter)
    gone = {
        "product": lambda: row_remove(table="product", external_id="p1"),
        "order": lambda: row_remove(table="order", external_id="o1"),
    }
    shop_sync(adapter=BusyShop(between=gone, **adapter.data))
    product = Product.objects.get(external_id="p1")
    assert product.removed_at is not None and product.is_active is False
    assert Order.objects.get(external_id="o1").removed_at is not None
    assert OrderLine.objects.get(external_id="l1").removed_at is not None
    shop_sync(adapter=adapter)  # the next one finds it in the shop again
    assert not Product.objects.exclude(removed_at=None).exists()
    assert not OrderLine.objects.exclude(removed_at=None).exists()


def test_an_order_paid_during_a_sync_stays_paid():
    paid = order_row(line_row("p1", id="l1", quantity=3), id="o1", customer_id="k1", status="paid")
    old = order_row(line_row("p1", id="l1"), id="o1", customer_id="k1", status="open")
    shop_sync(adapter=FakeAdapter(product=[product_row(id="p1")], order=[old]))
    changed = order_row(line_row("p1", id="l1", quantity=2), id="o1", customer_id="k1", status="open")
    between = {"order": lambda: order_upsert(row=paid, adapter=FakeAdapter())}
    shop_sync(adapter=BusyShop(between=between, product=[product_row(id="p1")], order=[changed]))
    order = Order.objects.get()
    assert (order.status, order.lines.get().quantity) == ("paid", 3)


def test_an_id_that_comes_again_in_a_later_batch_is_reported_and_changes_nothing():
    """Batches are of 500 products and orders, and of 1000 customers, categories and reviews."""
    at = datetime(2026, 1, 1, tzinfo=UTC)
    again = {
        "category": [category_row(id="c", name="Again")],
        "product": [product_row(id="p", price="99.00")],
        "customer": [customer_row(id="k", attributes={"again": True})],
        "order": [
            order_row(line_row("p", id="other"), id="o", customer_id="k"),
            order_row(line_row("p", id="l", quantity=9), line_row("p", id="l9"), id="o9", customer_id="k"),
        ],
        "review": [ReviewRow(id="r", product_id="p", rating=1, created_at=at)],
        "promotion": [PromotionRow(id="x", name="Again", starts_at=at)],
    }
    adapter = FakeAdapter(
        category=[category_row(id="c", name="Home"), *(category_row() for _n in range(1000))],
        product=[product_row(id="p", price="5.00"), *(product_row() for _n in range(500))],
        customer=[customer_row(id="k"), *(customer_row() for _n in range(1000))],
        order=[
            order_row(line_row("p", id="l", quantity=2), id="o", customer_id="k"),
            *(order_row(customer_id="k") for _n in range(500)),
        ],
        review=[
            ReviewRow(id="r", product_id="p", rating=5, created_at=at),
            *(ReviewRow(id=f"r{n}", product_id="p", created_at=at) for n in range(1000)),
        ],
        promotion=[
            PromotionRow(id="x", name="Sale", starts_at=at),
            *(PromotionRow(id=f"x{n}", name="Sale", starts_at=at) for n in range(500)),
        ],
    )
    for table, rows in again.items():
        adapter.data[table] += rows
    for _time in range(2):
        report = shop_sync(adapter=adapter)
        found = {table: entry for (table, code), entry in findings(report).items() if code == "duplicate_id"}
        assert found == dict.fromkeys([*again, "order_line"], ("skipped", 1))
    assert counts(report, "updated") == {}
    product = Product.objects.get(external_id="p")
    assert (product.price, product.price_points.count()) == (Decimal(5), 1)
    assert Category.objects.get(external_id="c").name == "Home"
    assert Customer.objects.get(external_id="k").attributes == {}
    assert Review.objects.get(external_id="r").rating == 5
    assert Promotion.objects.get(external_id="x").name == "Sale"
    assert not OrderLine.objects.filter(external_id="other").exists()
    line = OrderLine.objects.get(external_id="l")
    assert (line.order.external_id, line.quantity) == ("o", 2)
    assert Order.objects.get(external_id="o9").lines.get().external_id == "l9"


def test_a_return_with_an_id_that_was_there_is_left_out():
    order = OrderRow(
        id="o1",
        placed_at=MOMENT,
        customer_id="1",
        lines=(line_row("p1", id="5", quantity=-1), line_row("p1", id="6")),
        returns=(ReturnRow(id="5", product_id="p1", quantity=7), ReturnRow(id="r", product_id="p1", quantity=1)),
    )
    report = shop_sync(adapter=FakeAdapter(product=[product_row(id="p1")], order=[order]))
    assert findings(report)[("return_line", "duplicate_id")] == ("skipped", 1)
    assert dict(ReturnLine.objects.values_list("external_id", "quantity")) == {"5": Decimal(1), "r": Decimal(1)}


@given(st.lists(st.text(max_size=3)))
def test_seen_ids_know_what_was_added(ids):
    seen, known = SeenIds(), set()
    for ident in ids:
        assert seen.add(ident) is (ident not in known)
        known.add(ident)
    assert len(seen) == len(known)
    assert all(ident in seen for ident in known)
    assert "never added" not in seen


def test_seen_ids_grow_and_stay_small():
    seen = SeenIds()
    assert all(seen.add(f"line {n}") for n in range(100_000))
    assert not any(seen.add(f"line {n}") for n in range(100_000))
    assert len(seen) == 100_000 and "line 100000" not in seen
    assert len(seen._slots) * seen._slots.itemsize <= 24 * 100_000


def test_a_row_that_cannot_be_read_is_not_taken_for_gone():
    adapter = FakeAdapter(product=[product_row(id=f"p{n}") for n in range(3)])
    shop_sync(adapter=adapter)
    bad = BadRow(table="product", code="unreadable_line", id="p0", line=2)
    adapter.data["product"] = [bad, product_row(id="p1")]
    report = shop_sync(adapter=adapter)
    on_sale = Product.objects.filter(removed_at=None, is_active=True).values_list("external_id", flat=True)
    assert sorted(on_sale) == ["p0", "p1"]
    assert counts(report, "removed") == {"product": 1}


@pytest.mark.parametrize("nameless", [BadRow(table="product", code="unreadable_line", line=2), product_row(id="")])
def test_a_row_without_an_id_leaves_its_table_unmarked_and_the_report_says_so(nameless):
    adapter = shop()
    shop_sync(adapter=adapter)
    adapter.data["product"] = [nameless, product_row(id="p1")]
    adapter.data["order"].pop()
    for report in (shop_reconcile(adapter=adapter, dry_run=True), shop_sync(adapter=adapter)):
        assert findings(report)[("product", "maybe_gone")] == ("kept", 2)
        assert counts(report, "removed") == {"order": 1}
    assert Product.objects.filter(removed_at=None, is_active=True).count() == 3
    adapter.data["product"].pop(0)
    assert counts(shop_sync(adapter=adapter), "removed") == {"product": 2}


def test_rows_left_out_by_cleaning_are_not_taken_for_gone():
    at = datetime(2026, 1, 1, tzinfo=UTC)
    adapter = FakeAdapter(
        product=[product_row(id="p")],
        order=[order_row("p", id="o"), order_row("p", id="o2")],
        review=[ReviewRow(id=i, product_id="p", created_at=at) for i in ("r", "r2")],
        promotion=[PromotionRow(id=i, name="Sale", starts_at=at) for i in ("x", "x2")],
    )
    shop_sync(adapter=adapter)
    adapter.data["order"][0] = order_row("p", id="o", placed_at="yesterday")
    adapter.data["review"][0] = ReviewRow(id="r", product_id="nope", created_at=at)
    adapter.data["promotion"][0] = PromotionRow(id="x", name="Sale")
    # Too long ever to have been copied: it hides no row of the mirror.
    adapter.data["product"].append(product_row(id="p" * 65))
    report = shop_sync(adapter=adapter)
    assert counts(report, "removed") == {}
    assert counts(report, "skipped") == {"product": 1, "order": 1, "review": 1, "promotion": 1}
    for model in (Order, Review, Promotion):
        assert model.objects.filter(removed_at=None).count() == 2
    adapter.data["product"] = [product_row(id="p2"), product_row(id="p" * 65)]
    assert counts(shop_sync(adapter=adapter), "removed")["product"] == 1


def test_a_line_that_cannot_be_read_is_not_taken_out_of_its_order():
    lines = [line_row("p", id=f"l{n}") for n in range(4)]
    adapter = FakeAdapter(product=[product_row(id="p")], order=[order_row(*lines, id="o"), order_row("p", id="o2")])
    shop_sync(adapter=adapter)

    def sync(*parts):
        adapter.data["order"][0] = OrderRow(id="o", placed_at=MOMENT, customer_id="1", lines=parts)
        shop_sync(adapter=adapter)
        rows = OrderLine.objects.filter(order__external_id="o", removed_at=None)
        return sorted(rows.values_list("external_id", flat=True))

    unreadable = line_row("p", id="l1", quantity="many")
    assert sync(lines[0], unreadable, BadRow(table="line", code="field_failed", id="l2")) == ["l0", "l1", "l2"]
    assert sync(lines[0], BadRow(table="line", code="unreadable_line")) == ["l0", "l1", "l2"]
    assert sync(lines[0], line_row("p", id="l1", quantity=0)) == ["l0"]


def interrupted(run: Run | None = None, hours: int = 0) -> SyncReport:
    """The report of a sync that had copied the products and then stopped."""
    at = timezone.now() - timedelta(hours=hours)
    resume = {"done": ["product"], "since": "", "table": "order", "finished": {"product": at.isoformat()}}
    return SyncReport.objects.create(run=run, resume=resume, counts={"product": {"seen": 7, "created": 7}})


@pytest.mark.parametrize(("state", "goes_on"), [("queued", False), ("running", False), ("failed", True)])
def test_the_report_of_a_sync_that_is_still_at_work_is_left_to_it(state, goes_on):
    old = interrupted(Run.objects.create(kind="mirror.sync", state=state))
    adapter = FakeAdapter(product=[product_row(id="p")], order=[])
    report = shop_sync(adapter=adapter)
    assert (report.pk == old.pk) is goes_on
    assert adapter.read == ({"order": 1} if goes_on else {"product": 1, "order": 1})


@pytest.mark.parametrize(("hours", "read"), [(5, {"order": 1}), (7, {"product": 1, "order": 1})])
def test_a_table_finished_long_ago_is_read_again_and_counted_anew(hours, read):
    old = interrupted(hours=hours)
    adapter = FakeAdapter(product=[product_row(id="p")], order=[])
    report = shop_sync(adapter=adapter)
    assert (report.pk, adapter.read) == (old.pk, read)
    assert report.counts["product"] == ({"seen": 7, "created": 7} if hours == 5 else {"seen": 1, "created": 1})
