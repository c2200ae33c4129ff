"""Every kind of bad input the sync names.

What is kept, what is corrected, what is left out, and that it is reported.
"""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
from django.contrib.auth import get_user_model
from django.test import override_settings
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st

from django_ecomai.adapters.rows import BadRow, PriceRow, PromotionRow, ReturnRow, ReviewRow, StockRow
from django_ecomai.conf import ecomai
from django_ecomai.core.hashing import keyed_hash
from django_ecomai.mirror.models import (
    Category,
    Customer,
    Order,
    OrderLine,
    PricePoint,
    Product,
    Promotion,
    ReturnLine,
    SyncReport,
)
from django_ecomai.mirror.services import shop_sync
from django_ecomai.mirror.services.cleaning import Cleaner, json_safe
from django_ecomai.mirror.services.issues import IssueLog
from django_ecomai.testing import FakeAdapter, category_row, customer_row, line_row, order_row, product_row

pytestmark = pytest.mark.django_db
NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)


def found(report: SyncReport) -> dict[tuple[str, str, str], tuple[str, int]]:
    return {(i.table, i.code, i.column): (i.action, i.count) for i in report.findings}


def sync_orders(*orders, **tables) -> SyncReport:
    return shop_sync(adapter=FakeAdapter(product=[product_row(id="p1")], order=list(orders), **tables))


def test_negative_quantities_are_returns_and_never_sales():
    report = sync_orders(
        order_row(line_row("p1", id="a", quantity=-2, unit_price="4.50"), id="C536379", status="cancelled"),
        order_row(line_row("p1", id="b"), line_row("p1", id="c", quantity=-1), id="mixed"),
    )
    assert list(OrderLine.objects.values_list("external_id", flat=True)) == ["b"]
    back = ReturnLine.objects.get(external_id="a")
    assert (back.quantity, back.amount, back.order.external_id) == (Decimal(2), Decimal("9.0000"), "C536379")
    assert Order.objects.get(external_id="C536379").status == "cancelled"
    assert found(report)[("order_line", "quantity_negative", "quantity")] == ("kept_as_return", 2)


def test_an_invoice_that_only_takes_back_is_no_sale():
    sync_orders(order_row(line_row("p1", quantity=-2), id="credit", status="paid"))
    assert Order.objects.get().status == "returned"


def test_a_stock_correction_is_neither_sale_nor_return():
    report = sync_orders(order_row(line_row("p1", quantity=-30, unit_price=0), customer_id=""))
    assert OrderLine.objects.count() == ReturnLine.objects.count() == 0
    assert found(report)[("order_line", "stock_correction", "quantity")] == ("skipped", 1)


@pytest.mark.parametrize(
    "quantity", [0, "0", None, "", float("nan"), Decimal("NaN"), Decimal("sNaN"), "two", float("inf")]
)
def test_a_line_without_a_usable_quantity_is_left_out(quantity):
    report = sync_orders(order_row(line_row("p1", id="a", quantity=quantity), line_row("p1", id="b")))
    assert list(OrderLine.objects.values_list("external_id", flat=True)) == ["b"]
    assert report.counts["order_line"]["skipped"] == 1


def test_prices_of_lines():
    report = sync_orders(
        order_row(
            line_row("p1", id="free", unit_price=0),
            line_row("p1", id="debt", unit_price=Decimal("-11062.06")),
            line_row("p1", id="none", unit_price=None),
        )
    )
    assert dict(OrderLine.objects.values_list("external_id", "unit_price")) == {"free": 0, "none": None}
    assert found(report)[("order_line", "price_zero", "unit_price")] == ("kept", 1)
    assert found(report)[("order_line", "price_negative", "unit_price")] == ("skipped", 1)
    assert found(report)[("order_line", "price_missing", "unit_price")] == ("kept", 1)


def test_prices_of_products():
    report = shop_sync(
        adapter=FakeAdapter(
            product=[
                product_row(id="neg", price=-1),
                product_row(id="zero", price=0),
                product_row(id="nan", price="NaN"),
                product_row(id="huge", price=10**12),
                product_row(id="word", price="ten"),
            ]
        )
    )
    assert dict(Product.objects.values_list("external_id", "price")) == {
        "neg": None, "zero": Decimal(0), "nan": None, "huge": None, "word": None,
    }  # fmt: skip
    assert found(report)[("product", "price_negative", "price")] == ("emptied", 1)
    assert found(report)[("product", "price_zero", "price")] == ("kept", 1)
    assert found(report)[("product", "not_a_number", "price")] == ("emptied", 2)
    assert found(report)[("product", "number_too_large", "price")] == ("emptied", 1)
    assert PricePoint.objects.get().price == 0  # a product without a price has no price history


def test_guests_and_customers_missing_from_the_list():
    report = sync_orders(
        order_row(line_row("p1"), customer_id="", id="guest"),
        order_row(line_row("p1"), customer_id="ghost", id="known"),
        customer=[customer_row(id="k1")],
    )
    assert Order.objects.get(external_id="guest").customer is None
    assert Order.objects.get(external_id="known").customer.external_id == "ghost"
    assert found(report)[("order", "missing_customer", "customer_id")] == ("kept", 1)
    assert found(report)[("order", "unknown_customer", "customer_id")] == ("created", 1)


def test_duplicates():
    report = sync_orders(
        order_row(line_row("p1", id="a"), line_row("p1", id="b"), line_row("p1", id="a", quantity=5), id="o1"),
        order_row(line_row("p1", id="z"), id="o1"),
    )
    assert dict(OrderLine.objects.values_list("external_id", "quantity")) == {"a": 1, "b": 1}
    assert found(report)[("order_line", "duplicate_line", "")] == ("kept", 1)
    assert found(report)[("order_line", "duplicate_id", "")] == ("skipped", 1)
    assert found(report)[("order", "duplicate_id", "")] == ("skipped", 1)


def test_codes_that_are_no_products():
    codes = ["POST", "DOT", "M", "BANK CHARGES", "AMAZONFEE", "22423"]
    report = shop_sync(adapter=FakeAdapter(product=[product_row(id=c, title=c) for c in codes]))
    assert list(Product.objects.filter(is_service=False).values_list("external_id", flat=True)) == ["22423"]
    assert found(report)[("product", "not_a_product", "")] == ("flagged", 5)


def test_the_service_rule_can_be_overridden():
    class Rule(FakeAdapter):
        def is_service(self, row):
            return row.title.startswith("Fee")

    shop_sync(adapter=Rule(product=[product_row(id="POST", title="A poster"), product_row(id="x", title="Fee")]))
    assert Product.objects.get(is_service=True).external_id == "x"


def test_titles_that_differ_for_one_code_are_counted_once_per_code():
    report = sync_orders(
        *(order_row(line_row("p1", title=t)) for t in ("RED MUG", "Red mug", "RED MUG RETRO", "damaged", "RED MUG")),
    )
    assert found(report)[("order_line", "title_differs", "title")] == ("kept", 1)
    assert OrderLine.objects.count() == 5


@override_settings(TIME_ZONE="Europe/London")
def test_naive_times_are_read_in_the_current_time_zone():
    report = sync_orders(order_row(line_row("p1"), placed_at=datetime(2026, 7, 1, 10, 0)))
    assert Order.objects.get().placed_at == datetime(2026, 7, 1, 9, 0, tzinfo=UTC)
    assert found(report)[("order", "naive_timestamp", "placed_at")] == ("corrected", 1)


def test_future_orders_are_set_to_the_moment_of_the_sync_and_stay_there():
    future = timezone.now() + timedelta(days=400)
    adapter = FakeAdapter(product=[product_row(id="p1")], order=[order_row(line_row("p1"), placed_at=future)])
    report = shop_sync(adapter=adapter)
    placed = Order.objects.get().placed_at
    assert placed < timezone.now()
    assert found(report)[("order", "future_timestamp", "placed_at")] == ("clamped", 1)
    report = shop_sync(adapter=adapter)
    assert report.counts["order"]["unchanged"] == 1
    assert Order.objects.get().placed_at == placed


@pytest.mark.parametrize("moment", [datetime(1970, 1, 1, tzinfo=UTC), None, "", "yesterday", datetime.min])
def test_orders_without_a_usable_date_are_left_out(moment):
    report = sync_orders(order_row(line_row("p1"), placed_at=moment), order_row(line_row("p1"), id="good"))
    assert Order.objects.get().external_id == "good"
    assert report.counts["order"]["skipped"] == 1


def test_an_old_date_of_a_product_is_emptied():
    adapter = FakeAdapter(product=[product_row(id="p", created_at=datetime(1970, 1, 1, tzinfo=UTC))])
    report = shop_sync(adapter=adapter)
    assert Product.objects.get().created_at is None
    assert found(report)[("product", "timestamp_too_old", "created_at")] == ("emptied", 1)


def test_ids_that_are_missing_or_too_long():
    report = shop_sync(
        adapter=FakeAdapter(product=[product_row(id=""), product_row(id="x" * 65), product_row(id="y" * 64)])
    )
    assert Product.objects.get().external_id == "y" * 64
    assert found(report)[("product", "id_missing", "id")] == ("skipped", 1)
    assert found(report)[("product", "id_too_long", "id")] == ("skipped", 1)


def test_texts_and_addresses():
    adapter = FakeAdapter(
        product=[
            product_row(id="a", title="t" * 300, url="/" + "u" * 600, description="x\x00y"),
            product_row(id="b", title="", sku="SKU-B"),
        ]
    )
    report = shop_sync(adapter=adapter)
    long = Product.objects.get(external_id="a")
    assert (len(long.title), long.url, long.description) == (255, "", "xy")
    assert Product.objects.get(external_id="b").title == "SKU-B"
    assert found(report)[("product", "missing_title", "title")] == ("corrected", 1)


@pytest.mark.parametrize(("given_code", "kept"), [("gbp", "GBP"), ("", None), ("XXL", ""), ("pounds", "")])
def test_currencies(given_code, kept):
    shop_sync(adapter=FakeAdapter(product=[product_row(currency=given_code)]))
    assert Product.objects.get().currency == (ecomai.CURRENCY if kept is None else kept)


def test_parents_that_never_come_and_circles():
    adapter = FakeAdapter(
        category=[
            category_row(id="a", parent_id="b"),
            category_row(id="b", parent_id="a"),
            category_row(id="self", parent_id="self"),
            category_row(id="lost", parent_id="nowhere"),
        ],
        product=[product_row(id="p", category_ids=("nowhere", "a"), parent_id="gone")],
    )
    report = shop_sync(adapter=adapter)
    parents = dict(Category.objects.values_list("external_id", "parent__external_id"))
    assert parents["self"] is None and parents["lost"] is None
    assert [parents["a"], parents["b"]].count(None) == 1
    assert found(report)[("category", "parent_cycle", "parent_id")] == ("emptied", 1)
    assert found(report)[("category", "unknown_parent", "parent_id")] == ("emptied", 1)
    assert found(report)[("product", "unknown_category", "category_ids")] == ("skipped", 1)
    assert Product.objects.get().category_external_ids == ["a"]


def test_unknown_status_and_user():
    report = sync_orders(order_row(line_row("p1"), status="weird"), customer=[customer_row(id="1", user_id=123456)])
    assert Order.objects.get().status == "open"
    assert Customer.objects.get().user is None
    assert found(report)[("order", "unknown_status", "status")] == ("corrected", 1)
    assert found(report)[("customer", "unknown_user", "user_id")] == ("emptied", 1)


def test_a_known_user_is_linked():
    user = get_user_model().objects.create_user("anna")
    shop_sync(adapter=FakeAdapter(customer=[customer_row(id="1", user_id=str(user.pk))]))
    assert Customer.objects.get().user == user


def test_demographics_are_dropped_at_the_door():
    row = customer_row(id="1", birth_year=1980, gender="f", country="UK", attributes={"Age": 46, "vip": True})
    report = shop_sync(adapter=FakeAdapter(customer=[row]))
    customer = Customer.objects.get()
    assert (customer.birth_year, customer.gender, customer.country, customer.attributes) == (
        None,
        "",
        "",
        {"vip": True},
    )
    assert found(report)[("customer", "demographics_dropped", "")] == ("dropped", 1)
    assert "1980" not in json.dumps([i.examples for i in report.findings])
    with override_settings(ECOMAI={"COLLECT_DEMOGRAPHICS": True}):
        shop_sync(adapter=FakeAdapter(customer=[row]))
    customer.refresh_from_db()
    assert (customer.birth_year, customer.gender, customer.country) == (1980, "f", "UK")


def test_what_identifies_a_person_is_stored_as_keyed_hash_only():
    sync_orders(
        order_row(line_row("p1"), id="a", ip="10.0.0.1", email=" Anna@Example.org ", device="ua", address="1 High St"),
        order_row(line_row("p1"), id="b", country="United Kingdom"),
    )
    order = Order.objects.get(external_id="a")
    assert order.ip_hash == keyed_hash("10.0.0.1", purpose="security:ip")
    assert order.email_hash == keyed_hash("anna@example.org", purpose="security:email")
    assert order.device_hash == keyed_hash("ua", purpose="security:device")
    assert order.address_hash == keyed_hash("1 high st", purpose="security:address")
    other = Order.objects.get(external_id="b")
    assert (other.ip_hash, other.email_hash, other.country) == ("", "", "")


def test_rows_an_adapter_could_not_read_are_reported_and_the_rest_kept():
    adapter = FakeAdapter(
        product=[
            BadRow(table="product", code="field_failed", column="price", id="7", line=3, value="boom"),
            product_row(id="8"),
        ]
    )
    report = shop_sync(adapter=adapter)
    assert Product.objects.get().external_id == "8"
    assert found(report)[("product", "field_failed", "price")] == ("skipped", 1)
    assert report.issues.get().examples == [{"id": "7", "value": "boom", "line": 3}]


def test_only_a_few_examples_are_kept():
    report = sync_orders(*(order_row(line_row("p1"), customer_id="") for _n in range(20)))
    issue = report.issues.get(code="missing_customer")
    assert (issue.count, len(issue.examples)) == (20, 5)


def cleaner() -> Cleaner:
    return Cleaner(IssueLog(), NOW, ecomai.CURRENCY)


@given(
    st.one_of(st.floats(), st.decimals(), st.text(), st.integers(), st.none(), st.booleans()),
    st.sampled_from([2, 3, 4]),
)
def test_any_number_becomes_none_or_fits_its_column(value, places):
    number = cleaner().number("t", "1", "c", value, places)
    if number is not None:
        assert number.is_finite() and abs(number) <= Decimal(10) ** (10 if places == 4 else 11 if places == 3 else 3)
        assert -number.as_tuple().exponent == places


@given(st.one_of(st.datetimes(), st.datetimes(timezones=st.timezones()), st.dates(), st.text(), st.none()))
def test_any_time_becomes_none_or_an_aware_one_that_is_not_ahead(value):
    moment = cleaner().moment("t", "1", "c", value)
    assert moment is None or (moment.tzinfo is UTC and moment.year >= 1990 and moment <= NOW + timedelta(days=1))


@given(
    st.recursive(
        st.one_of(st.none(), st.floats(), st.text(), st.dates()), lambda x: st.lists(x) | st.dictionaries(st.text(), x)
    )
)
def test_attributes_always_become_json(value):
    json.dumps(json_safe(value), allow_nan=False)


def test_a_plain_date_is_midnight_and_no_finding():
    clean = cleaner()
    assert clean.moment("t", "1", "c", date(2026, 5, 1)) == datetime(2026, 5, 1, tzinfo=UTC)
    assert clean.issues.rows() == []


def test_rows_without_id_or_twice_in_every_table():
    at = datetime(2026, 1, 1, tzinfo=UTC)
    adapter = FakeAdapter(
        category=[category_row(id="", name="x"), category_row(id="c", name=""), category_row(id="c", name="again")],
        product=[product_row(id="p"), product_row(id="p", title="again")],
        price=[PriceRow(product_id="p", valid_from=None, price=1)],
        stock=[StockRow(product_id="p", quantity="many"), StockRow(product_id="nope", quantity=1)],
        customer=[
            customer_row(id=""),
            customer_row(id="k"),
            customer_row(id="k"),
            customer_row(id="u", user_id="no key"),
        ],
        order=[order_row(line_row("p", id="x" * 65), line_row("p", id="ok"), customer_id="c" * 65)],
        review=[ReviewRow(id="", product_id="p"), ReviewRow(id="r", product_id="p"), ReviewRow(id="r", product_id="p")],
        promotion=[PromotionRow(id="x", starts_at=at, kind="odd"), PromotionRow(id="x", starts_at=at)],
    )
    report = shop_sync(adapter=adapter)
    assert {table: numbers["skipped"] for table, numbers in report.counts.items() if numbers.get("skipped")} == {
        "category": 2, "product": 1, "price": 1, "stock": 2, "customer": 2, "order_line": 1, "review": 2,
        "promotion": 1,
    }  # fmt: skip
    assert Category.objects.get().name == "c"
    assert (Order.objects.get().customer, OrderLine.objects.get().external_id) == (None, "ok")
    assert found(report)[("order", "id_too_long", "customer_id")] == ("emptied", 1)
    assert found(report)[("review", "timestamp_missing", "created_at")] == ("clamped", 1)
    assert Promotion.objects.get().kind == "other"
    assert shop_sync(adapter=adapter).counts["review"]["unchanged"] == 1


def test_returns_that_say_nothing_and_lines_that_could_not_be_read():
    row = order_row(line_row("p1", id="a"), id="o")
    broken = BadRow(table="line", code="field_failed", column="title", action="emptied")
    values = {name: getattr(row, name) for name in row.__slots__}
    order = type(row)(
        **values
        | {
            "lines": (broken, *row.lines),
            "returns": (broken, ReturnRow(quantity=0), ReturnRow(id="r", quantity=1, line_id="unknown")),
        }
    )
    report = sync_orders(order)
    back = ReturnLine.objects.get()
    assert (back.external_id, back.line) == ("r", None)
    assert found(report)[("line", "field_failed", "title")] == ("emptied", 2)
    assert found(report)[("return_line", "quantity_missing", "quantity")] == ("skipped", 1)
    assert found(report)[("return_line", "unknown_line", "line_id")] == ("emptied", 1)


@override_settings(ECOMAI={"COLLECT_DEMOGRAPHICS": True})
def test_a_year_of_birth_that_cannot_be():
    shop_sync(
        adapter=FakeAdapter(customer=[customer_row(id="1", birth_year=1492), customer_row(id="2", birth_year=1990)])
    )
    assert dict(Customer.objects.values_list("external_id", "birth_year")) == {"1": None, "2": 1990}
