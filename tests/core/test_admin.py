"""The changelists' promise: a fixed number of queries, none counts, none scans, whatever the table's size."""

from __future__ import annotations

import json
import re
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.contrib import admin
from django.contrib.auth.models import Permission, User
from django.contrib.messages.storage.fallback import FallbackStorage
from django.core.paginator import EmptyPage, PageNotAnInteger
from django.db import connection
from django.http import HttpRequest, HttpResponse
from django.test import RequestFactory, override_settings
from django.test.utils import CaptureQueriesContext
from django.urls import path
from hypothesis import given
from hypothesis import strategies as st

from django_ecomai.core.admin import FastModelAdmin, ReadOnlyAdminMixin
from django_ecomai.core.paging import (
    MAX_PAGE,
    HasNextPaginator,
    Span,
    channel_leads,
    channels_of,
    data_span,
    index_leads,
    parse_span,
    search_pks,
    span_filter,
)
from django_ecomai.core.uuid7 import uuid7, uuid7_derived
from django_ecomai.events import partitions
from django_ecomai.events.models import Event
from django_ecomai.events.partitions import partitions_ensure
from django_ecomai.mirror.models import Category, Customer, Order, Product
from django_ecomai.runs.models import Run

START = datetime(2011, 1, 1, tzinfo=UTC)
MANY = 10_000  # hundreds of pages: a count, a scan or a sort would show in the plans


class OrderAdmin(ReadOnlyAdminMixin, FastModelAdmin):
    list_display = ["number", "customer", "status", "placed_at", "total"]
    list_filter = ["status"]
    search_fields = ["=external_id", "^number", "=customer__external_id"]
    day_field = "placed_at"


class EventAdmin(ReadOnlyAdminMixin, FastModelAdmin):
    list_display = ["name", "product_id", "visitor_id"]
    list_filter = ["name"]
    search_fields = ["=id", "=visitor_id", "=customer_id"]
    day_field = "id"


class ProductAdmin(FastModelAdmin):
    list_display = ["external_id", "title", "price", "created_at"]
    list_editable = ["title"]
    search_fields = ["^external_id", "^sku", "title"]
    day_field = "created_at"


class CategoryAdmin(FastModelAdmin):
    list_display = ["name"]


site = admin.AdminSite(name="admin")
site.register(Order, OrderAdmin)
site.register(Event, EventAdmin)
site.register(Product, ProductAdmin)
site.register(Category, CategoryAdmin)

urlpatterns = [path("admin/", site.urls)]
pytestmark = pytest.mark.urls(__name__)


@pytest.fixture(autouse=True)
def _fresh_partitions(fresh_partitions: None) -> None:
    """Here tests write events."""


def get(
    model: Any, query: str = "", *, user: User | None = None, method: str = "get", data: Any = None
) -> HttpResponse:
    """The rendered changelist of ``model``, by a superuser unless told otherwise."""
    url = f"/admin/list/{query}"
    request = RequestFactory().get(url) if method == "get" else RequestFactory().post(url, data)
    request.user = user or User(username="root", is_staff=True, is_superuser=True, is_active=True, pk=1)
    request.session = {}  # type: ignore[assignment]
    request._messages = FallbackStorage(request)  # type: ignore[attr-defined]
    request._dont_enforce_csrf_checks = True  # type: ignore[attr-defined]
    response = site.get_model_admin(model).changelist_view(request)
    return response.render() if hasattr(response, "render") else response


def text(response: HttpResponse) -> str:
    return " ".join(response.content.decode().split())


def orders(count: int, *, channel: str = "", per_day: int = 100, prefix: str = "") -> None:
    Order.objects.bulk_create(
        (
            Order(
                channel=channel,
                external_id=f"{prefix}{536000 + index}",
                number=f"{prefix}{536000 + index}",
                placed_at=START + timedelta(days=index // per_day, seconds=index % per_day),
                total=Decimal(index % 50),
            )
            for index in range(count)
        ),
        batch_size=5_000,
    )


def events(count: int, *, per_day: int = 1_000) -> None:
    partitions.partitions_ensure(first=START, last=START + timedelta(days=count // per_day))
    Event.objects.bulk_create(
        (
            Event(
                id=uuid7_derived(
                    "test", str(index), at := START + timedelta(days=index // per_day, seconds=index % per_day)
                ),
                name="purchase" if index == 0 else "view_item",
                product_id=str(index % 997),
                visitor_id=f"v{index % 500:05d}",
                received_at=at,
            )
            for index in range(count)
        ),
        batch_size=5_000,
    )


def plans(captured: CaptureQueriesContext) -> list[tuple[str, str]]:
    """Each SELECT with what SQLite would do for it."""
    found = []
    with connection.cursor() as cursor:
        for query in list(captured.captured_queries):
            sql = query["sql"]
            if sql.startswith("SELECT"):
                cursor.execute(f"EXPLAIN QUERY PLAN {sql}")
                found.append((sql, "; ".join(row[3] for row in cursor.fetchall())))
    return found


def assert_cheap(captured: CaptureQueriesContext) -> None:
    """No count, no sorting in memory, and a scan only along an index that LIMIT stops."""
    for query in captured.captured_queries:
        assert "COUNT(" not in query["sql"], query["sql"]
        assert "DISTINCT" not in query["sql"], query["sql"]
    if connection.vendor != "sqlite":
        return
    for sql, plan in plans(captured):
        assert "TEMP B-TREE" not in plan, (plan, sql)
        # Walking the order's own index until LIMIT rows are read is no full scan; a scan without LIMIT is.
        assert "SCAN" not in plan or " LIMIT " in sql, (plan, sql)
        assert "SCAN" not in plan or "INDEX" in plan or "ORDER BY" in sql, (plan, sql)


# -- the million-row promise ------------------------------------------------------------------------------------------


@pytest.mark.django_db
def test_order_list_costs_the_same_with_many_rows_and_never_counts() -> None:
    orders(60)
    with CaptureQueriesContext(
        connection,
    ) as few:
        get(Order)
    orders(MANY, per_day=10, prefix="x")
    with CaptureQueriesContext(connection) as many:
        response = get(Order)
    assert len(few) == 5  # page, two ends of the data, two jumps through the channels
    assert len(many) == 5 + 2  # and one for every further year that holds orders
    assert_cheap(many)
    assert "Page 1, more follow" in text(response)
    for query in ("?p=3", "?day=2012", "?day=2012-03", "?day=2012-03-05", "?q=x536777", "?q=x5367", "?p=2&day=2012"):
        with CaptureQueriesContext(connection) as captured:
            assert get(Order, query).status_code == 200
        assert_cheap(captured)


@pytest.mark.django_db
def test_event_list_is_cheap_by_id_range_name_and_visitor() -> None:
    events(MANY, per_day=100)
    for query, shown in [
        ("", 50),
        ("?p=3", 50),
        ("?day=2011-02-03", 50),
        ("?name__exact=purchase", 1),
        ("?q=v00042", 20),
    ]:
        with CaptureQueriesContext(connection) as captured:
            response = get(Event, query)
        assert response.context_data["cl"].result_count == shown, query  # type: ignore[attr-defined]
        assert_cheap(captured)
        assert len(captured) <= 6


@pytest.mark.django_db
def test_event_day_is_selected_by_the_time_inside_the_key() -> None:
    events(5_000)
    changelist = get(Event, "?day=2011-01-03").context_data["cl"]  # type: ignore[attr-defined]
    assert {row.received_at.date() for row in changelist.result_list} == {date(2011, 1, 3)}
    assert changelist.queryset.count() == 1_000


# -- pages ------------------------------------------------------------------------------------------------------------


@pytest.mark.django_db
def test_pages_say_where_they_are() -> None:
    orders(120)
    first, second, third = (text(get(Order, f"?p={number}")) for number in (1, 2, 3))
    assert "Page 1, more follow" in first and 'rel="next" href="?p=2"' in first and 'rel="prev"' not in first
    assert 'rel="prev" href="?p=1"' in second and 'rel="next" href="?p=3"' in second
    assert "Page 3, the last one" in third and 'rel="next"' not in third and "120 orders" in third
    assert '<a href="?p=1">First page</a>' in third


@pytest.mark.django_db
def test_a_list_that_fits_on_one_page_tells_its_exact_size() -> None:
    orders(1)
    assert "<span>1 order</span>" in text(get(Order))
    orders(49, prefix="x")
    page = text(get(Order))
    assert "<span>50 orders</span>" in page and "more follow" not in page


@pytest.mark.django_db
def test_empty_list_renders() -> None:
    page = text(get(Order))
    assert "0 orders" in page and 'class="toplinks' not in page


@pytest.mark.django_db
@pytest.mark.parametrize("number", ["9", "0", "-3", str(MAX_PAGE + 1), "999999999999999999999"])
def test_a_page_that_is_not_there_leads_back_to_the_list(number: str) -> None:
    orders(3)
    response = get(Order, f"?p={number}")
    assert (response.status_code, response["Location"]) == (302, "/admin/list/?e=1")


@pytest.mark.django_db
def test_select_all_is_not_offered_across_pages_that_were_not_counted() -> None:
    Product.objects.bulk_create(Product(external_id=str(i), title=f"T{i}") for i in range(120))
    page = text(get(Product, "?p=2"))
    assert 'class="actions"' in page and "across all pages" not in page


@pytest.mark.django_db
def test_list_editable_works_on_a_page_that_was_read_ahead() -> None:
    Product.objects.bulk_create(Product(external_id=str(i), title=f"T{i}", created_at=START) for i in range(60))
    response = get(Product)
    formset = response.context_data["cl"].formset  # type: ignore[attr-defined]
    assert len(formset.forms) == 50
    data: dict[str, Any] = {"form-TOTAL_FORMS": 1, "form-INITIAL_FORMS": 1, "_save": "Save"}
    chosen = formset.forms[0].instance
    data |= {"form-0-id": chosen.pk, "form-0-title": "Lantern"}
    user = User.objects.create_superuser("boss")
    assert get(Product, method="post", data=data, user=user).status_code == 302
    assert Product.objects.get(pk=chosen.pk).title == "Lantern"


@given(rows=st.integers(0, 40), size=st.integers(1, 9), number=st.integers(-2, 60))
def test_paginator_knows_what_follows(rows: int, size: int, number: int) -> None:
    paginator = HasNextPaginator(list(range(rows)), size)
    if number < 1 or (number > 1 and (number - 1) * size >= rows):
        with pytest.raises(EmptyPage):
            paginator.page(number)
        return
    page = paginator.page(number)
    assert list(page.object_list) == list(range(rows))[(number - 1) * size : number * size]
    assert page.has_next() is (number * size < rows)
    assert page.has_previous() is (number > 1)
    assert paginator.num_pages == number + page.has_next()
    assert paginator.count == (number - 1) * size + len(page.object_list) + page.has_next()


def test_paginator_before_any_page_knows_the_first() -> None:
    assert HasNextPaginator([1, 2, 3], 2).count == 3
    assert HasNextPaginator([1, 2, 3], 2).num_pages == 2
    assert HasNextPaginator([], 2).count == 0
    with pytest.raises(EmptyPage):
        HasNextPaginator([], 2, allow_empty_first_page=False).page(1)
    for wrong in ("x", None, 1.5):
        with pytest.raises(PageNotAnInteger):
            HasNextPaginator([1], 2).page(wrong)


# -- days -------------------------------------------------------------------------------------------------------------


@pytest.mark.django_db
def test_days_drill_down_from_years_to_days() -> None:
    orders(120, per_day=1)
    top = text(get(Order))
    assert '<a href="?day=2011">2011</a>' in top and '<a href="?day=last28">Last 28 days</a>' in top
    year = text(get(Order, "?day=2011"))
    assert '<a href="?day=2011-01" aria-label="January 2011">January</a>' in year
    assert "May 2011" not in year
    month = text(get(Order, "?day=2011-04"))
    assert (
        '<a href="?day=2011-04-30" aria-label="April 30, 2011">30</a>' in month
        and '<a class="date-back" href="?day=2011">' in month
    )
    day = text(get(Order, "?day=2011-04-30"))
    assert '<span aria-current="date">April 30</span>' in day and "May 1" not in day
    assert '<a href="?day=2011-04-29" aria-label="April 29, 2011">April 29</a>' in day and "1 order<" in day


@pytest.mark.django_db
def test_only_years_that_hold_rows_are_listed(django_assert_max_num_queries: Any) -> None:
    for number, year in enumerate([1970, 2010, 2011, 2011, 2099]):
        Order.objects.create(external_id=f"y{number}", placed_at=datetime(year, 6, 1, tzinfo=UTC))
    with django_assert_max_num_queries(20):
        page = text(get(Order))
    assert re.findall(r">(\d{4})</a>", page) == ["1970", "2010", "2011", "2099"]


@pytest.mark.django_db
def test_many_years_are_the_first_and_the_newest() -> None:
    for year in range(1950, 2012):
        Order.objects.create(external_id=f"y{year}", placed_at=datetime(year, 12, 31, 12, tzinfo=UTC))
    shown = [int(year) for year in re.findall(r">(\d{4})</a>", text(get(Order)))]
    assert shown == [1950, *range(1993, 2012)]


@pytest.mark.django_db
def test_years_of_a_uuid7_column_are_those_inside_the_key() -> None:
    for year in (2009, 2012):
        day = datetime(year, 6, 1, tzinfo=UTC)
        partitions_ensure(first=day, last=day)
        Event.objects.create(id=uuid7(day), name="view_item", received_at=day)
    assert re.findall(r">(\d{4})</a>", text(get(Event))) == ["2009", "2012"]


@pytest.mark.django_db
def test_the_day_survives_search_and_pages_and_starts_at_the_first_page() -> None:
    orders(120)
    page = text(get(Order, "?day=2011-01&p=2&q=5360"))
    assert '<input type="hidden" name="day" value="2011-01">' in page
    assert 'name="p"' not in page
    assert 'href="?day=2011-01"' in page  # clear the search
    assert "p=2" not in page.split('class="toplinks')[1].split("</nav>")[0]


@pytest.mark.django_db
@pytest.mark.parametrize(
    "junk",
    [
        "2011-13",
        "0000",
        "9999",
        "2011-02-30",
        "last0",
        "x",
        "2011-1",
        "%00",
        "0001-01-01",
        "9999-12-31",
        "0001",
        "last999",
    ],
)
def test_a_day_that_is_none_shows_the_list(junk: str) -> None:
    orders(2)
    assert get(Order, f"?day={junk}").status_code == 200


@pytest.mark.django_db
def test_days_follow_the_time_zone_of_the_shop() -> None:
    Order.objects.create(external_id="late", placed_at=datetime(2011, 6, 1, 23, 30, tzinfo=UTC))
    berlin = override_settings(TIME_ZONE="Europe/Berlin")
    with berlin:
        rows = Order.objects.filter(span_filter(Order, "placed_at", Span(date(2011, 6, 2), date(2011, 6, 2), "day")))
        assert rows.count() == 1
        assert data_span(Order.objects.all(), "placed_at") == (date(2011, 6, 2), date(2011, 6, 2))


@pytest.mark.parametrize(
    ("given_text", "expected"),
    [
        ("2012", Span(date(2012, 1, 1), date(2012, 12, 31), "year")),
        ("2012-02", Span(date(2012, 2, 1), date(2012, 2, 29), "month")),
        ("2011-12", Span(date(2011, 12, 1), date(2011, 12, 31), "month")),
        ("2012-02-29", Span(date(2012, 2, 29), date(2012, 2, 29), "day")),
        ("last7", Span(date(2012, 2, 23), date(2012, 2, 29), "last")),
        ("9999-12", None),
        ("2011-02-29", None),
        ("2011-00", None),
        ("last000", None),
        ("last1000", None),
        ("", None),
    ],
)
def test_parse_span(given_text: str, expected: Span | None) -> None:
    assert parse_span(given_text, today=date(2012, 2, 29)) == expected


@given(st.text(max_size=12))
def test_parse_span_never_raises(anything: str) -> None:
    span = parse_span(anything)
    assert span is None or span.first <= span.last


@pytest.mark.django_db
@pytest.mark.parametrize("year", [1, 1969, 9999])
def test_spans_that_a_uuid_cannot_hold_match_nothing(year: int) -> None:
    events(3)
    span = Span(date(year, 1, 1), date(year, 12, 31), "year")
    assert Event.objects.filter(span_filter(Event, "id", span)).count() == 0


# -- search -----------------------------------------------------------------------------------------------------------


@pytest.mark.django_db
def test_search_prefers_ids_and_falls_back_to_words() -> None:
    Product.objects.create(external_id="22", sku="LANTERN-1", title="Mug")
    words = Product.objects.create(external_id="9", title="Red hanging LANTERN 22")
    fields = ["^external_id", "^sku", "title"]
    everything = Product.objects.all()
    assert search_pks(everything, fields, "22") == [Product.objects.get(external_id="22").pk]
    assert search_pks(everything, fields, "LANTERN") == [Product.objects.get(external_id="22").pk]
    assert search_pks(everything, fields, "lantern red") == [words.pk]
    assert search_pks(everything, fields, "lantern blue") == []


@pytest.mark.django_db
@pytest.mark.parametrize("term", ["", "   ", "\x00", "%", "_", "'; --", "x" * 5_000, "\U0010ffff", "5_6"])
def test_search_takes_any_text_literally(term: str) -> None:
    Order.objects.create(external_id="536", number="536", placed_at=START)
    assert search_pks(Order.objects.all(), ["=external_id", "^number", "=customer__external_id"], term) == []
    assert search_pks(Event.objects.all(), ["=id", "=visitor_id"], term) == []


@pytest.mark.django_db
def test_search_follows_a_foreign_key_and_an_id_of_another_type() -> None:
    customer = Customer.objects.create(external_id="17850")
    order = Order.objects.create(external_id="a", customer=customer, placed_at=START)
    assert search_pks(Order.objects.all(), ["=customer__external_id"], "17850") == [order.pk]
    assert search_pks(Order.objects.all(), ["=customer__external_id"], "1") == []
    run = Run.objects.create(kind="recommend.train")
    assert search_pks(Run.objects.all(), ["=pk", "=kind"], str(run.pk)) == [run.pk]
    assert search_pks(Run.objects.all(), ["=pk", "=kind"], "recommend.train") == [run.pk]
    assert search_pks(Run.objects.all(), ["=pk"], "recommend.train") == []


@pytest.mark.django_db
def test_search_lists_a_bounded_number_of_hits() -> None:
    orders(250)
    assert len(search_pks(Order.objects.all(), ["^number"], "536")) == 200
    assert len(search_pks(Order.objects.all(), ["^number"], "536", limit=3)) == 3


@pytest.mark.django_db
def test_prefix_search_uses_an_index_where_there_is_one() -> None:
    if connection.vendor != "sqlite":
        pytest.skip("reads SQLite's query plan")
    orders(2_000)
    with CaptureQueriesContext(connection) as captured:
        search_pks(Order.objects.all(), ["^external_id"], "5361")
    plan = plans(captured)[-1][1]
    assert "SEARCH" in plan and "channel=? AND external_id>? AND external_id<?" in plan


@pytest.mark.django_db
def test_autocomplete_pages_without_counting(rf: RequestFactory) -> None:
    from django.contrib.admin.views.autocomplete import AutocompleteJsonView

    Product.objects.bulk_create(Product(external_id=f"{i:03d}", title=f"Lantern {i}") for i in range(45))
    query = {"app_label": "ecomai_mirror", "model_name": "pricepoint", "field_name": "product", "term": "lantern"}
    view = AutocompleteJsonView.as_view(admin_site=site)
    for page, expected, more in [(1, 20, True), (2, 20, True), (3, 5, False)]:
        request = rf.get("/", {**query, "page": page})
        request.user = User(is_staff=True, is_superuser=True, is_active=True)
        with CaptureQueriesContext(connection) as captured:
            answer = json.loads(view(request).content)
        assert (len(answer["results"]), answer["pagination"]["more"]) == (expected, more)
        assert not any("COUNT(" in query["sql"] for query in captured.captured_queries)


# -- channels ---------------------------------------------------------------------------------------------------------


@pytest.mark.django_db
def test_channels_are_found_by_jumping_and_offered_when_there_are_several() -> None:
    orders(3)
    assert channels_of(Order) == [""]
    assert "By shop" not in text(get(Order))
    with CaptureQueriesContext(connection) as captured:
        assert "0 orders" in text(get(Order, "?channel=nowhere"))
    assert_cheap(captured)
    orders(2, channel="outlet")
    orders(1, channel="wholesale")
    assert channels_of(Order) == ["", "outlet", "wholesale"]
    assert channels_of(Order, limit=2) == ["", "outlet"]
    page = text(get(Order, "?channel=outlet"))
    assert "By shop" in page and "main shop" in page and "2 orders" in page
    assert "3 orders" in text(get(Order))  # the process's own channel
    assert "3 orders" in text(get(Order, "?channel="))
    with override_settings(ECOMAI={"CHANNEL": "wholesale"}):
        assert "<span>1 order</span>" in text(get(Order))


@pytest.mark.django_db
def test_indexes_are_known() -> None:
    assert index_leads(Event, "id") and index_leads(Event, "visitor_id") and not index_leads(Event, "product_id")
    assert index_leads(Run, "id") and not index_leads(Run, "channel")
    assert channel_leads(Order, "placed_at") and channel_leads(Order, "external_id")
    assert not channel_leads(Order, "status") and not channel_leads(Event, "id")


# -- permissions and looks --------------------------------------------------------------------------------------------


@pytest.mark.django_db
def test_only_cheap_columns_sort() -> None:
    orders(1)
    changelist = get(Order).context_data["cl"]  # type: ignore[attr-defined]
    assert changelist.sortable_by == ["customer", "placed_at"]
    order = changelist.queryset.query.order_by
    assert (order[0], order[-1], set(order)) == ("-placed_at", "-pk", {"-placed_at", "-pk"})

    class Free(OrderAdmin):
        sortable_by = ("total",)
        ordering = ("number",)

    free = Free(Order, site)
    request = HttpRequest()
    assert free.get_sortable_by(request) == ("total",)
    assert free.get_ordering(request) == ("number",)
    assert CategoryAdmin(Category, site).get_ordering(request) == ["-pk"]


@pytest.mark.django_db
def test_copies_can_be_seen_and_never_changed() -> None:
    orders(1)
    user = User.objects.create_user("merchant", is_staff=True)
    user.user_permissions.set(Permission.objects.filter(content_type__app_label="ecomai_mirror"))
    page = text(get(Order, user=user))
    assert "This is a copy of your shop&#x27;s data" in page
    assert "Add order" not in page and 'name="action"' not in page
    model_admin = site.get_model_admin(Order)
    request = RequestFactory().get("/")
    request.user = User.objects.get(pk=user.pk)
    assert model_admin.has_view_permission(request)
    assert not model_admin.has_add_permission(request)
    assert not model_admin.has_change_permission(request)
    assert not model_admin.has_delete_permission(request)
    request.session = {}  # type: ignore[assignment]
    detail = model_admin.changeform_view(request, str(Order.objects.get().pk)).render()  # type: ignore[attr-defined]
    assert "This is a copy" in detail.content.decode() and 'name="_save"' not in detail.content.decode()


@pytest.mark.django_db
def test_html_from_the_shop_is_escaped() -> None:
    Order.objects.create(external_id="<b>", number="<script>alert(1)</script>", placed_at=START)
    page = get(Order, "?q=<b>").content.decode()
    assert "<script>alert" not in page and "&lt;script&gt;alert(1)" in page and 'value="&lt;b&gt;"' in page
