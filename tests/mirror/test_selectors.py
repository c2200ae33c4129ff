"""Reading the mirror: what counts as a sale, and in how many queries."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from django.utils import timezone

from django_ecomai.mirror.models import SyncReport
from django_ecomai.mirror.selectors import (
    catalogue_rows,
    channels,
    data_span,
    mirror_counts,
    order_line_rows,
    product_get_many,
    report_latest,
)
from django_ecomai.testing import MOMENT, customer_make, order_make, product_make

pytestmark = pytest.mark.django_db


def test_get_many(django_assert_num_queries):
    product = product_make(external_id="a")
    with django_assert_num_queries(1):
        assert product_get_many(external_ids=["a", "x"]) == {"a": product}


def test_catalogue_rows_leave_out_services_and_what_is_gone():
    parent = product_make(external_id="parent", title="T", description="D", brand="B")
    product_make(external_id="child", parent=parent, is_active=False, stock=3)
    product_make(external_id="post", is_service=True)
    product_make(external_id="gone", removed_at=timezone.now())
    rows = {row.external_id: row for row in catalogue_rows()}
    assert set(rows) == {"parent", "child"}
    assert (rows["parent"].title, rows["parent"].description, rows["parent"].brand) == ("T", "D", "B")
    assert (rows["child"].parent_id, rows["child"].is_active, rows["child"].in_stock) == ("parent", False, True)


def test_order_line_rows_are_sales_only_and_in_order_of_time():
    lantern, post = product_make(external_id="lantern", price="2.50"), product_make(external_id="post", is_service=True)
    free = product_make(external_id="free", price="0")
    order_make(external_id="2", customer="k", lines=[(lantern, 3), (post, 1), (free, 1), "unknown"], placed_at=MOMENT)
    order_make(external_id="1", lines=[lantern], placed_at=MOMENT - timedelta(days=1))
    order_make(external_id="3", customer="k", lines=[lantern], status="cancelled")
    order_make(external_id="4", customer="k", lines=[lantern], removed_at=timezone.now())
    order_make(external_id="5", customer="k", lines=[lantern], channel="other")
    edited = order_make(external_id="6", customer="k", lines=[lantern])
    edited.lines.update(removed_at=timezone.now())
    day = (MOMENT - timedelta(days=1)).timestamp()
    assert list(order_line_rows()) == [
        ("", "lantern", "1", day, 1.0, 2.5),
        ("k", "lantern", "2", MOMENT.timestamp(), 3.0, 2.5),
    ]
    assert [row[2] for row in order_line_rows(since=MOMENT)] == ["2"]
    assert [row[2] for row in order_line_rows(until=MOMENT)] == ["1"]


def test_order_line_rows_are_one_query(django_assert_num_queries):
    product = product_make()
    for _n in range(5):
        order_make(customer="k", lines=[product, product])
    with django_assert_num_queries(1):
        assert len(list(order_line_rows())) == 10


def test_counts_and_span():
    assert data_span() == (None, None)
    product = product_make()
    product_make(is_service=True)
    product_make(is_active=False)
    customer_make(external_id="k")
    order_make(customer="k", lines=[product, product], placed_at=MOMENT)
    order_make(lines=[product], placed_at=MOMENT + timedelta(days=3), status="cancelled")
    assert mirror_counts() == {
        "categories": 0, "products": 2, "products_active": 1, "services": 1, "customers": 1, "orders": 1,
        "order_lines": 3, "returns": 0, "reviews": 0,
    }  # fmt: skip
    assert data_span() == (MOMENT, MOMENT + timedelta(days=3))
    assert data_span(channel="other") == (None, None)


def test_latest_report_and_channels():
    assert report_latest() is None
    done = SyncReport.objects.create(finished_at=datetime(2026, 1, 1, tzinfo=UTC))
    begun = SyncReport.objects.create()
    SyncReport.objects.create(dry_run=True, finished_at=timezone.now(), channel="b")
    assert (report_latest(), report_latest(finished=False), report_latest(channel="b")) == (done, begun, None)
    assert channels() == ["", "b"]
