"""What the shop saves reaches the mirror after the commit, and never gets in the shop's way."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

import pytest
from django.apps import apps
from django.core.management import call_command
from django.db import connection, transaction
from django.test import override_settings
from django.test.utils import CaptureQueriesContext

from django_ecomai.adapters.rows import Change
from django_ecomai.mirror.models import Category, Order, OrderLine, Product, ReturnLine
from django_ecomai.mirror.receivers import change_emit
from django_ecomai.mirror.services import (
    category_upsert,
    customer_upsert,
    order_upsert,
    product_upsert,
    row_remove,
    shop_reconcile,
)
from django_ecomai.mirror.signals import order_mirrored
from django_ecomai.testing import (
    FakeAdapter,
    category_row,
    customer_row,
    line_row,
    order_row,
    product_make,
    product_row,
)

needs_shop = pytest.mark.skipif(not apps.is_installed("example_project.shop"), reason="needs the example shop's models")
AT = datetime(2026, 2, 1, tzinfo=UTC)


@pytest.fixture
def heard():
    calls = []

    def listen(order, created, live, **kwargs):
        calls.append((order.external_id, created, live))

    order_mirrored.connect(listen)
    yield calls
    order_mirrored.disconnect(listen)


@pytest.fixture
def shop(db):
    from example_project.shop import models

    return models


@needs_shop
def test_a_saved_product_is_copied_after_the_commit_and_not_before(shop, django_capture_on_commit_callbacks):
    with django_capture_on_commit_callbacks(execute=True):
        shop.Product.objects.create(sku="L1", name="Lantern", price=Decimal("4.50"), stock=3)
        assert not Product.objects.exists()
    product = Product.objects.get()
    assert (product.external_id, product.title, product.price, product.currency) == (
        "L1",
        "Lantern",
        Decimal("4.5"),
        "GBP",
    )
    assert product.url.startswith("/") and product.image_url.startswith("/")
    with django_capture_on_commit_callbacks(execute=True):
        row = shop.Product.objects.get()
        row.price = Decimal("3.99")
        row.save()
    assert list(product.price_points.order_by("id").values_list("price", flat=True)) == [
        Decimal("4.5"),
        Decimal("3.99"),
    ]


@needs_shop
def test_a_rolled_back_save_leaves_no_trace(shop, django_capture_on_commit_callbacks):
    with django_capture_on_commit_callbacks(execute=True):
        try:
            with transaction.atomic():
                shop.Product.objects.create(sku="L1", name="Lantern", price=1)
                raise ZeroDivisionError
        except ZeroDivisionError:
            pass
        shop.Product.objects.create(sku="L2", name="Lantern", price=1)
    assert Product.objects.get().external_id == "L2"


@needs_shop
def test_a_checkout_of_many_saves_is_one_change(shop, heard, django_capture_on_commit_callbacks):
    products = [shop.Product.objects.create(sku=f"L{n}", name="Lantern", price=2) for n in range(5)]
    with django_capture_on_commit_callbacks(execute=True):
        customer = shop.Customer.objects.create(code="17850")
        order = shop.Order.objects.create(number="1", customer=customer, placed_at=AT)
        for product in products:
            shop.Line.objects.create(order=order, product=product, sku=product.sku, quantity=2, unit_price=2)
        order.total = 20
        order.save()
    assert heard == [("1", True, True)]
    mirrored = Order.objects.get()
    assert (mirrored.lines.count(), mirrored.total, mirrored.customer.external_id, mirrored.status) == (
        5,
        20,
        "17850",
        "open",
    )
    with django_capture_on_commit_callbacks(execute=True):
        shop.Line.objects.first().delete()
    assert heard[1:] == [("1", False, True)]
    assert mirrored.lines.filter(removed_at=None).count() == 4


@needs_shop
def test_the_number_of_queries_of_a_mirrored_order_does_not_grow_with_its_lines(
    shop, django_capture_on_commit_callbacks
):
    def queries(number: int) -> int:
        products = [shop.Product.objects.create(sku=f"{number}-{n}", name="x", price=2) for n in range(number)]
        with CaptureQueriesContext(connection) as captured, django_capture_on_commit_callbacks(execute=True):
            order = shop.Order.objects.create(number=str(number), placed_at=AT)
            shop.Line.objects.bulk_create(
                shop.Line(order=order, product=p, sku=p.sku, quantity=1, unit_price=2) for p in products
            )
        return len(captured)

    assert queries(2) == queries(40)


@needs_shop
def test_deleted_rows_are_marked(shop, django_capture_on_commit_callbacks):
    with django_capture_on_commit_callbacks(execute=True):
        product = shop.Product.objects.create(sku="L1", name="Lantern", price=1)
        order = shop.Order.objects.create(number="1", placed_at=AT)
        shop.Line.objects.create(order=order, product=product, sku="L1", quantity=1, unit_price=1)
        shop.Line.objects.create(order=order, product=product, sku="L1", quantity=-1, unit_price=1)
    with django_capture_on_commit_callbacks(execute=True):
        product.delete()
        order.delete()
    mirrored = Product.objects.get()
    assert mirrored.removed_at is not None and mirrored.is_active is False
    assert Order.objects.get().removed_at is not None
    assert OrderLine.objects.get().removed_at is not None
    assert ReturnLine.objects.get().removed_at is not None


@needs_shop
def test_fixtures_are_ignored(shop, tmp_path, django_capture_on_commit_callbacks):
    shop.Product.objects.create(sku="L1", name="Lantern", price=1)
    path = tmp_path / "shop.json"
    call_command("dumpdata", "shop.Product", output=str(path))
    shop.Product.objects.all().delete()
    with django_capture_on_commit_callbacks(execute=True) as callbacks:
        call_command("loaddata", str(path), verbosity=0)
    assert [c for c in callbacks if type(c).__name__ == "Note"] == []


@needs_shop
def test_a_failure_of_ours_never_reaches_the_shop(shop, monkeypatch, caplog, django_capture_on_commit_callbacks):
    def broken(**kwargs):
        raise ValueError("the adapter gave nonsense")

    monkeypatch.setattr("django_ecomai.mirror.services.change_apply", broken)
    with django_capture_on_commit_callbacks(execute=True):
        shop.Product.objects.create(sku="L1", name="Lantern", price=1)
    assert shop.Product.objects.count() == 1
    assert "could not copy product L1" in caplog.text


@needs_shop
@pytest.mark.django_db(transaction=True)
def test_without_a_transaction_the_change_is_copied_at_once_even_with_our_tables_gone(caplog):
    from example_project.shop import models

    models.Product.objects.create(sku="L1", name="Lantern", price=1)
    assert Product.objects.get().external_id == "L1"
    table = Product._meta.db_table
    with connection.cursor() as cursor:
        cursor.execute(f"ALTER TABLE {table} RENAME TO gone_for_a_test")
    try:
        models.Product.objects.create(sku="L2", name="Lantern", price=1)
    finally:
        with connection.cursor() as cursor:
            cursor.execute(f"ALTER TABLE gone_for_a_test RENAME TO {table}")
    assert models.Product.objects.count() == 2
    assert "could not copy product L2" in caplog.text


@needs_shop
def test_reconcile_finds_what_updates_in_bulk_bypassed(shop, django_capture_on_commit_callbacks):
    with django_capture_on_commit_callbacks(execute=True):
        for n in range(3):
            shop.Product.objects.create(sku=f"L{n}", name="Lantern", price=1)
    shop.Product.objects.filter(sku="L0").update(price=2)
    shop.Product.objects.bulk_create([shop.Product(sku="L9", name="New", price=1, slug="new")])
    shop.Product.objects.filter(sku="L1")._raw_delete("default")
    report = shop_reconcile()
    assert report.counts["product"]["drifted"] == 3
    assert {i.code: i.examples[0]["id"] for i in report.issues.all() if i.action == "repaired"} == {
        "differs": "L0",
        "missing_in_mirror": "L9",
        "gone_from_shop": "L1",
    }
    assert Product.objects.get(external_id="L0").price == 2
    assert "drifted" not in shop_reconcile().counts["product"]


@needs_shop
def test_another_adapter_takes_over_when_the_setting_changes(shop, django_capture_on_commit_callbacks):
    with override_settings(ECOMAI={}), django_capture_on_commit_callbacks(execute=True) as callbacks:
        shop.Product.objects.create(sku="L1", name="Lantern", price=1)
    assert [c for c in callbacks if type(c).__name__ == "Note"] == []
    with django_capture_on_commit_callbacks(execute=True):
        shop.Product.objects.create(sku="L2", name="Lantern", price=1)
    assert Product.objects.get().external_id == "L2"


@pytest.mark.django_db
def test_a_broken_adapter_setting_does_not_keep_the_shop_from_starting(caplog):
    with override_settings(ECOMAI={"ADAPTER": "nowhere.at.All"}):
        pass
    assert "could not be connected" in caplog.text


@pytest.mark.django_db
def test_upserts_of_single_rows(heard):
    adapter = FakeAdapter()
    category = category_upsert(row=category_row(id="c", name="Home"), adapter=adapter)
    product = product_upsert(row=product_row(id="p", category_ids=("c",)), adapter=adapter)
    customer = customer_upsert(row=customer_row(id="k"), adapter=adapter)
    order = order_upsert(row=order_row(line_row("p"), id="o", customer_id="k"), adapter=adapter)
    assert list(product.categories.all()) == [category]
    assert (order.customer, order.lines.get().product) == (customer, product)
    order_upsert(row=order_row(line_row("p"), id="o", customer_id="k", status="paid"), adapter=adapter)
    assert heard == [("o", True, True), ("o", False, True)]
    assert product_upsert(row=product_row(id=""), adapter=adapter) is None
    assert order_upsert(row=order_row(placed_at=None), adapter=adapter) is None


@pytest.mark.django_db
def test_a_listener_that_fails_does_not_lose_the_order():
    def broken(**kwargs):
        raise ValueError

    order_mirrored.connect(broken)
    try:
        assert order_upsert(row=order_row(id="o"), adapter=FakeAdapter()).external_id == "o"
    finally:
        order_mirrored.disconnect(broken)


@pytest.mark.django_db
def test_row_remove():
    product_make(external_id="p")
    assert row_remove(table="product", external_id="p") is True
    assert row_remove(table="product", external_id="p") is False
    assert row_remove(table="price", external_id="p") is False


@pytest.mark.django_db
def test_changes_of_every_table_are_applied():
    adapter = FakeAdapter()
    change_emit(Change(table="category", id="c", row=category_row(id="c")), channel="", adapter=adapter)
    change_emit(Change(table="category", id="c"), channel="", adapter=adapter)
    assert Category.objects.get().removed_at is not None
