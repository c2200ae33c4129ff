"""Files of a shop: good rows are kept, bad ones named by line and column, hopeless files refused with what to do."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from django_ecomai.adapters.base import AdapterError, BadRow
from django_ecomai.adapters.csv import CsvAdapter
from django_ecomai.adapters.files import (
    FileFormat,
    encoding_guess,
    flag_read,
    moment_read,
    number_read,
    reader_of,
    text_read,
)
from django_ecomai.core.extras import MissingExtra
from django_ecomai.mirror.models import Category, Order, OrderLine, Product, ReturnLine
from django_ecomai.mirror.services import shop_sync

HEADER = "InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country\n"
LINES = {
    "order_id": "InvoiceNo",
    "placed_at": "InvoiceDate",
    "customer_id": "CustomerID",
    "product_id": "StockCode",
    "title": "Description",
    "quantity": "Quantity",
    "unit_price": "UnitPrice",
}


class Retail(CsvAdapter):
    line_file = "lines.csv"
    line_columns = LINES
    time_zone = "UTC"


def retail(folder: Path, text: str, **options) -> CsvAdapter:
    (folder / "lines.csv").write_text(HEADER + text, encoding="utf-8")
    return type("Adapter", (Retail,), {"folder": folder, **options})()


def split(rows):
    rows = list(rows)
    return [r for r in rows if not isinstance(r, BadRow)], [r for r in rows if isinstance(r, BadRow)]


def test_one_line_per_row_becomes_orders(tmp_path):
    adapter = retail(
        tmp_path,
        "1,A,Lantern,2,2011-01-01 10:05,2.55,17850,UK\n"
        '1,B,"Mug, red",1,2011-01-01 10:00,1.00,17850,UK\n'
        "2,A,Lantern,1,2011-01-02 09:00,2.60,,UK\n",
    )
    orders, bad = split(adapter.orders())
    assert bad == []
    assert [(o.id, o.number, o.customer_id, len(o.lines)) for o in orders] == [
        ("1", "1", "17850", 2),
        ("2", "2", "", 1),
    ]
    assert orders[0].placed_at == datetime(2011, 1, 1, 10, 0, tzinfo=ZoneInfo("UTC"))
    assert [(x.id, x.product_id, x.title, x.quantity, x.unit_price) for x in orders[0].lines] == [
        ("1:A:1", "A", "Lantern", Decimal(2), Decimal("2.55")),
        ("1:B:1", "B", "Mug, red", Decimal(1), Decimal("1.00")),
    ]


def test_lines_of_an_order_may_stand_anywhere(tmp_path):
    adapter = retail(tmp_path, "1,A,x,1,2011-01-01,1,,\n2,A,x,1,2011-01-01,1,,\n1,A,x,1,2011-01-01,1,,\n")
    orders, _bad = split(adapter.orders())
    assert {o.id: [x.id for x in o.lines] for o in orders} == {"2": ["2:A:1"], "1": ["1:A:1", "1:A:2"]}


def test_the_catalogue_is_derived_from_the_lines(tmp_path):
    adapter = retail(
        tmp_path,
        "1,A,LANTERN,1,2011-01-01,2.00,,\n2,A,LANTERN,1,2011-02-01,3.00,,\n3,A,damaged,1,2011-01-15,2.50,,\n"
        "4,A,LANTERN,-1,2011-03-01,9.00,,\n5,B,,1,2011-01-01,0,,\n",
    )
    products, _bad = split(adapter.products())
    assert [(p.id, p.sku, p.title, p.price) for p in products] == [
        ("A", "A", "LANTERN", Decimal("3.00")),
        ("B", "B", "", None),
    ]
    assert products[0].created_at == datetime(2011, 1, 1, tzinfo=ZoneInfo("UTC"))
    assert adapter.tables() == ("product", "order")


@pytest.mark.django_db
def test_two_percent_broken_rows_are_named_and_the_rest_is_synced(tmp_path):
    rows = [f"{n},A,Lantern,1,2011-01-01,2.55,k{n},UK" for n in range(100)]
    rows[10] = "10,A,Lantern,one,2011-01-01,2.55,k,UK"
    rows[60] = "60,A,Lantern"
    rows[61] = "61,A,Lantern,1,31.31.2011,2.55,k,UK"
    rows[62] = ",A,Lantern,1,2011-01-01,2.55,k,UK"
    rows[63] = "63,A,Lantern,1,2011-01-01,cheap,k,UK"
    report = shop_sync(adapter=retail(tmp_path, "\n".join(rows) + "\n"))
    assert Order.objects.count() == 96  # an order without a date is left out by the sync
    assert OrderLine.objects.get(order__external_id="63").unit_price is None
    found = {(i.table, i.code, i.column): (i.action, i.examples) for i in report.findings}
    assert found[("order_line", "not_a_number", "Quantity")] == ("skipped", [{"id": "", "value": "one", "line": 12}])
    assert found[("order_line", "wrong_column_count", "")] == (
        "skipped", [{"id": "", "value": "3 instead of 8: 60,A,Lantern", "line": 62}],
    )  # fmt: skip
    assert found[("order_line", "not_a_time", "InvoiceDate")][1][0]["line"] == 63
    assert found[("order_line", "value_missing", "InvoiceNo")][1][0]["line"] == 64
    assert found[("order_line", "not_a_number", "UnitPrice")] == ("emptied", [{"id": "", "value": "cheap", "line": 65}])
    assert shop_sync(adapter=retail(tmp_path, "\n".join(rows) + "\n")).counts["order"]["unchanged"] == 96


@pytest.mark.django_db
def test_cancellations_and_duplicate_lines(tmp_path):
    adapter = retail(
        tmp_path,
        "1,A,Lantern,2,2011-01-01,2.55,k,UK\n1,A,Lantern,2,2011-01-01,2.55,k,UK\nC2,A,Lantern,-2,2011-01-02,2.55,k,UK\n",
    )
    report = shop_sync(adapter=adapter)
    assert OrderLine.objects.count() == 2 and ReturnLine.objects.get().quantity == 2
    assert report.issues.get(code="duplicate_line").count == 1
    assert Product.objects.get().title == "Lantern"


def test_an_order_marked_as_return_by_its_number(tmp_path):
    adapter = retail(
        tmp_path, "C2,A,Lantern,2,2011-01-02,2.55,k,UK\n", is_return=lambda self, ident: ident.startswith("C")
    )
    (order,), _bad = split(adapter.orders())
    assert order.lines[0].quantity == -2


def test_contradicting_lines_of_one_order_are_reported(tmp_path):
    adapter = retail(tmp_path, "1,A,x,1,2011-01-01,1,anna,\n1,B,x,1,2011-01-01,1,ben,\n")
    (order,), (bad,) = split(adapter.orders())
    assert order.customer_id == "anna"
    assert (bad.code, bad.column, bad.line, bad.value) == ("inconsistent", "CustomerID", 3, "anna / ben")


def test_since(tmp_path):
    adapter = retail(tmp_path, "1,A,x,1,2011-01-01,1,,\n2,A,x,1,2011-03-01,1,,\n")
    orders, _bad = split(adapter.orders(since=datetime(2011, 2, 1, tzinfo=UTC)))
    assert [o.id for o in orders] == ["2"]


@pytest.mark.parametrize(
    ("data", "declared", "says"),
    [
        ("1,A,Crème brûlée,1,2011-01-01,1,,\n".encode("cp1252"), "utf-8-sig", "looks like cp1252"),
        ("1,A,Crème,1,2011-01-01,1,,\n".encode("utf-16"), "utf-8-sig", "looks like utf-16"),
        (b"1,A,x,1,2011-01-01,1,,\n", "klingon", "unknown encoding"),
        ("1,A,Crème,1,2011-01-01,1,,\n".encode(), "ascii", "looks like utf-8"),
    ],
)
def test_a_wrong_encoding_is_named_with_the_right_one(tmp_path, data, declared, says):
    head = HEADER.encode("utf-16") if data.startswith(b"\xff\xfe") else HEADER.encode()
    (tmp_path / "lines.csv").write_bytes(head + data)
    adapter = type("Adapter", (Retail,), {"folder": tmp_path, "encoding": declared})()
    with pytest.raises(AdapterError) as error:
        list(adapter.orders())
    assert says in str(error.value)
    if "looks like" in says:
        assert f"not written in {declared}" in str(error.value) and "Set encoding =" in str(error.value)


def test_the_line_of_a_wrong_character_is_named(tmp_path):
    (tmp_path / "lines.csv").write_bytes(HEADER.encode() + b"1,A,ok,1,2011-01-01,1,,\n2,A,Cr\xe8me,1,2011-01-01,1,,\n")
    with pytest.raises(AdapterError, match=r"not written in utf-8-sig \(line 3\)"):
        list(type("Adapter", (Retail,), {"folder": tmp_path})().orders())
    adapter = type("Adapter", (Retail,), {"folder": tmp_path, "encoding": "cp1252"})()
    assert [o.lines[0].title for o in adapter.orders()] == ["ok", "Crème"]


def test_a_missing_column_names_those_that_are_there(tmp_path):
    (tmp_path / "lines.csv").write_text("InvoiceNo,StockCode,Descripton,Quantity,InvoiceDate,UnitPrice,CustomerID\n")
    with pytest.raises(AdapterError) as error:
        list(type("Adapter", (Retail,), {"folder": tmp_path})().orders())
    assert "'Description' (did you mean 'Descripton'?)" in str(error.value)
    assert "Its columns: 'InvoiceNo', 'StockCode', 'Descripton'" in str(error.value)


def test_a_missing_file_and_an_empty_one(tmp_path):
    with pytest.raises(AdapterError, match="does not exist"):
        list(type("Adapter", (Retail,), {"folder": tmp_path})().orders())
    (tmp_path / "lines.csv").write_text("")
    with pytest.raises(AdapterError, match="Its columns: none"):
        list(type("Adapter", (Retail,), {"folder": tmp_path})().orders())


@pytest.mark.parametrize(
    ("columns", "says"),
    [({"order_id": "InvoiceNo"}, "lacks 'quantity'"), ({**LINES, "colour": "Country"}, "unknown key 'colour'")],
)
def test_a_wrong_column_map(tmp_path, columns, says):
    with pytest.raises(AdapterError, match=says):
        list(retail(tmp_path, "", line_columns=columns).orders())


def test_german_numbers_and_dates(tmp_path):
    (tmp_path / "lines.csv").write_text(
        "Nr;Artikel;Menge;Datum;Preis\n7;A;1.000;24.12.2025 18:30;1.234,50 €\n", "cp1252"
    )
    adapter = type(
        "Adapter",
        (CsvAdapter,),
        {
            "folder": tmp_path, "encoding": "cp1252", "delimiter": ";", "decimal": ",",
            "date_formats": ("%d.%m.%Y %H:%M",),
            "time_zone": "Europe/Berlin", "line_file": "lines.csv",
            "line_columns": {"order_id": "Nr", "product_id": "Artikel", "quantity": "Menge",
                             "placed_at": "Datum", "unit_price": "Preis"},
        },
    )()  # fmt: skip
    (order,), _bad = split(adapter.orders())
    assert order.placed_at == datetime(2025, 12, 24, 17, 30, tzinfo=UTC)
    assert (order.lines[0].quantity, order.lines[0].unit_price) == (Decimal(1000), Decimal("1234.50"))


@pytest.mark.django_db
def test_a_folder_with_a_file_per_table(tmp_path):
    files = {
        "products.csv": "id,name,price,shelves,active\np1,Lantern,4.50,Home|Light,yes\np2,Mug,,,no\n",
        "customers.csv": "id\nk1\n",
        "orders.csv": "id,at,who,state\no1,2025-01-01,k1,paid\no2,2025-01-02,,open\no1,2025-01-01,k1,paid\n",
        "lines.csv": "order,product,pieces,price\no1,p1,2,4.50\no9,p1,1,4.50\n",
        "stock.csv": "product,pieces\np1,5\n",
        "prices.csv": "product,price,at\np1,4.00,2024-01-01\n",
        "reviews.csv": "id,product,stars,text,at\nr1,p1,5,Nice,2025-02-01\n",
        "promotions.csv": "id,name,from,products\nx,Sale,2025-01-01,p1|p2\n",
    }
    for name, text in files.items():
        (tmp_path / name).write_text(text)

    class Folder(CsvAdapter):
        folder = tmp_path
        time_zone = "UTC"
        product_file = "products.csv"
        product_columns = {
            "id": "id",
            "title": "name",
            "price": "price",
            "category_ids": "shelves",
            "is_active": "active",
        }
        customer_file, customer_columns = "customers.csv", {"id": "id"}
        order_file = "orders.csv"
        order_columns = {"id": "id", "placed_at": "at", "customer_id": "who", "status": "state"}
        line_file = "lines.csv"
        line_columns = {"order_id": "order", "product_id": "product", "quantity": "pieces", "unit_price": "price"}
        stock_file, stock_columns = "stock.csv", {"product_id": "product", "quantity": "pieces"}
        price_file, price_columns = "prices.csv", {"product_id": "product", "price": "price", "valid_from": "at"}
        review_file = "reviews.csv"
        review_columns = {"id": "id", "product_id": "product", "rating": "stars", "text": "text", "created_at": "at"}
        promotion_file = "promotions.csv"
        promotion_columns = {"id": "id", "name": "name", "starts_at": "from", "product_ids": "products"}

    report = shop_sync(adapter=Folder())
    product = Product.objects.get(external_id="p1")
    assert (product.stock, product.price_points.count(), product.reviews.count(), product.promotions.count()) == (
        5,
        2,
        1,
        1,
    )
    assert product.category_external_ids == ["Home", "Light"] and Category.objects.count() == 2
    assert Product.objects.get(external_id="p2").is_active is False
    order = Order.objects.get(external_id="o1")
    assert (order.status, order.customer.external_id, order.lines.count()) == ("paid", "k1", 1)
    assert Order.objects.get(external_id="o2").lines.count() == 0
    found = {(i.table, i.code): i.count for i in report.findings}
    assert found[("order", "duplicate_id")] == 1
    assert found[("order", "timestamp_missing")] == 1  # o9 has lines but no order
    assert Order.objects.count() == 2


def test_parquet(tmp_path):
    arrow = pytest.importorskip("pyarrow")
    parquet = pytest.importorskip("pyarrow.parquet")
    table = arrow.table(
        {
            "InvoiceNo": ["1", "1", "2"],
            "StockCode": ["A", "B", "A"],
            "Description": ["Lantern", None, "Lantern"],
            "Quantity": [1, 2, -1],
            "InvoiceDate": [datetime(2011, 1, 1)] * 3,
            "UnitPrice": [2.55, float("nan"), 2.55],
            "CustomerID": [17850.0, 17850.0, None],
            "Country": ["UK"] * 3,
        }
    )
    parquet.write_table(table, tmp_path / "lines.parquet")
    adapter = type("Adapter", (Retail,), {"folder": tmp_path, "line_file": "lines.parquet"})()
    orders, bad = split(adapter.orders())
    assert bad == []
    assert [(o.id, o.customer_id, [x.unit_price for x in o.lines]) for o in orders] == [
        ("1", "17850", [Decimal("2.55"), None]),
        ("2", "", [Decimal("2.55")]),
    ]
    (tmp_path / "lines.parquet").write_bytes(b"not parquet at all")
    with pytest.raises(AdapterError, match="no Parquet file"):
        list(adapter.orders())


def test_parquet_without_pyarrow_names_the_command(tmp_path, monkeypatch):
    (tmp_path / "lines.parquet").write_bytes(b"")

    def missing(module, *, extra):
        raise MissingExtra(f"{module} is not installed. Type: pip install 'django-ecomai[{extra}]'")

    monkeypatch.setattr("django_ecomai.adapters.files.require", missing)
    with pytest.raises(MissingExtra, match=r"django-ecomai\[parquet\]"):
        list(type("Adapter", (Retail,), {"folder": tmp_path, "line_file": "lines.parquet"})().orders())


@pytest.mark.parametrize(
    ("value", "number"),
    [("1,234.5", "1234.5"), (" £3 ", "3"), ("", None), (None, None), (float("nan"), None), (3, "3"), (0.1, "0.1")],
)
def test_numbers(value, number):
    assert number_read(value, FileFormat()) == (None if number is None else Decimal(number))


@pytest.mark.parametrize(
    ("value", "flag"), [("", True), (None, True), ("No", False), ("1", True), (False, False), ("ja", True)]
)
def test_flags(value, flag):
    assert flag_read(value, FileFormat()) is flag


@pytest.mark.parametrize(
    ("value", "text"), [(17850.0, "17850"), (1.5, "1.5"), (float("nan"), ""), ("NULL", ""), (" a ", "a")]
)
def test_texts(value, text):
    assert text_read(value, FileFormat()) == text


def test_moments():
    form = FileFormat()
    assert moment_read("2025-01-02", form) == datetime(2025, 1, 2)
    assert moment_read("", form) is None
    with pytest.raises(ValueError, match="is not a date"):
        moment_read("soon", form)
    assert [reader_of(n).__name__ for n in ("price", "placed_at", "is_active", "title")] == [
        "number_read", "moment_read", "flag_read", "text_read",
    ]  # fmt: skip


def test_encoding_guess(tmp_path):
    path = tmp_path / "x"
    for data, name in (
        (b"\xef\xbb\xbfa", "utf-8-sig"),
        ("é".encode(), "utf-8"),
        (b"\xe9", "cp1252"),
        (b"\xfe\xff\0a", "utf-16"),
    ):
        path.write_bytes(data)
        assert encoding_guess(path) == name


@settings(max_examples=60)
@given(st.binary(max_size=400))
def test_any_bytes_give_rows_or_one_clear_error(data):
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "lines.csv").write_bytes(HEADER.encode() + data)
        try:
            rows = list(type("Adapter", (Retail,), {"folder": folder})().orders())
        except AdapterError as error:
            assert "Set encoding =" in str(error)
        else:
            assert all(isinstance(r, BadRow) or r.id for r in rows)
