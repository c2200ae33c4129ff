"""The copy in the admin: pages open, nothing can be edited, and the number of queries does not grow."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest
from django.urls import reverse
from django.utils import timezone

from django_ecomai.mirror.models import OrderLine, PricePoint, ReturnLine, StockPoint, SyncReport
from django_ecomai.mirror.services import shop_sync
from django_ecomai.testing import (
    MOMENT,
    FakeAdapter,
    category_make,
    customer_make,
    line_row,
    order_make,
    order_row,
    product_make,
    product_row,
)

pytestmark = pytest.mark.django_db


def url(model: str, page: str = "changelist", *args) -> str:
    return reverse(f"admin:ecomai_mirror_{model}_{page}", args=args)


@pytest.mark.parametrize("model", ["product", "category", "customer", "order", "syncreport"])
def test_changelists_take_the_same_queries_for_many_rows(admin_client, django_assert_max_num_queries, model):
    makers = {
        "product": lambda n: product_make(external_id=f"p{n}"),
        "category": lambda n: category_make(external_id=f"c{n}"),
        "customer": lambda n: customer_make(external_id=f"k{n}", last_seen=MOMENT),
        "order": lambda n: order_make(external_id=f"o{n}", customer=f"k{n}", lines=["x"]),
        "syncreport": lambda n: SyncReport.objects.create(finished_at=timezone.now()),
    }
    for n in range(60):
        makers[model](n)
    with django_assert_max_num_queries(10) as captured:
        response = admin_client.get(url(model))
    assert response.status_code == 200
    assert not [q for q in captured if "COUNT(*)" in q["sql"]]


def test_a_product_page_shows_history_and_sales(admin_client):
    product = product_make(external_id="p", title="<b>Lantern</b>", price="4.50", url="javascript:alert(1)", stock=3)
    for day, price in enumerate((5, 4, 6)):
        PricePoint.objects.create(product=product, valid_from=MOMENT + timedelta(days=day), price=price)
    StockPoint.objects.create(product=product, valid_from=MOMENT, quantity=3)
    order_make(lines=[(product, 2)])
    text = admin_client.get(url("product", "change", product.pk)).content.decode()
    assert "<svg" in text and "lowest 4, highest 6" in text
    assert "Unchanged since" in text
    assert "2 pieces in 1 orders" in text
    assert "<b>Lantern</b>" not in text and 'href="javascript' not in text
    StockPoint.objects.create(product=product, valid_from=MOMENT, quantity=3, location="Leeds")
    product.removed_at = timezone.now()
    product.save()
    text = admin_client.get(url("product", "change", product.pk)).content.decode()
    assert "<td>Leeds</td>" in text and "gone from the shop since" in text


def test_an_empty_product_page(admin_client):
    product = product_make(price=None, is_service=True)
    text = admin_client.get(url("product", "change", product.pk)).content.decode()
    assert "Nothing recorded yet." in text and "never" in text and "no product (fee, postage)" in text


def test_an_order_page_shows_lines_and_returns(admin_client, django_assert_max_num_queries):
    product = product_make(title="Lantern", price="4.50")
    order = order_make(external_id="536365", customer="17850", lines=[(product, 3), *[f"x{n}" for n in range(30)]])
    ReturnLine.objects.create(
        external_id="r", order=order, product_external_id=product.external_id, quantity=1, amount=4, returned_at=MOMENT
    )
    with django_assert_max_num_queries(12):
        text = admin_client.get(url("order", "change", order.pk)).content.decode()
    assert "Lantern" in text and "13.50" in text and "4.00" in text


def test_a_customer_page_leads_to_the_orders(admin_client):
    order = order_make(external_id="536365", customer="17850", lines=[product_make()])
    text = admin_client.get(url("customer", "change", order.customer.pk)).content.decode()
    assert url("order", "change", order.pk) in text and "1 orders" in text
    assert "gender" not in text


def test_a_category_page(admin_client):
    category = category_make(name="Lanterns", parent=category_make(name="Home"))
    product_make(categories=[category])
    text = admin_client.get(url("category", "change", category.pk)).content.decode()
    assert "Lanterns" in text and "Home" in text


def test_the_cleaning_report_reads_like_a_sentence(admin_client):
    adapter = FakeAdapter(
        product=[product_row(id="p", price=0)], order=[order_row(line_row("p"), customer_id="", id="o77")]
    )
    report = shop_sync(adapter=adapter)
    text = admin_client.get(url("syncreport", "change", report.pk)).content.decode()
    assert "Order without customer (guest)" in text and "kept as it is" in text and "o77" in text
    assert "<th scope=row>order lines</th>" in text
    SyncReport.objects.create(resume={"table": "order"})
    listed = admin_client.get(url("syncreport")).content.decode()
    assert "the next one goes on at orders" in listed and "new" in listed
    empty = SyncReport.objects.create(dry_run=True, finished_at=timezone.now())
    assert "nothing was written" in admin_client.get(url("syncreport", "change", empty.pk)).content.decode()


def test_nothing_can_be_added_or_deleted(admin_client):
    product = product_make()
    assert admin_client.get(url("product", "add")).status_code == 403
    assert admin_client.post(url("product", "delete", product.pk), {"post": "yes"}).status_code == 403
    assert admin_client.post(url("product", "change", product.pk), {"title": "x"}).status_code == 403


@pytest.mark.parametrize(("model", "term"), [("product", "L-1"), ("order", "536365"), ("customer", "17850")])
def test_search_by_number(admin_client, model, term):
    product_make(external_id="L-1", title="Lantern")
    order_make(external_id="536365", customer="17850")
    response = admin_client.get(url(model), {"q": term})
    assert [str(r.external_id) for r in response.context["cl"].result_list] == [term]


@pytest.mark.parametrize(
    ("quantity", "shown"), [("12.000", "12 × Mug"), ("2.500", "2.5 × Mug"), ("1000.000", "1000 × Mug"), (3, "3 × Mug")]
)
def test_a_line_names_its_quantity_without_idle_zeros(quantity, shown):
    assert str(OrderLine(title="Mug", quantity=Decimal(quantity))) == shown
    assert str(ReturnLine(product_external_id="Mug", quantity=Decimal(quantity))) == shown
