"""CSV in and out: good rows are written, the others named with line, column and what to do."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.django import TestCase

from django_ecomai.inventory.models import Receipt, Supplier, SupplierProduct
from django_ecomai.inventory.services import order_advance, orders_draft
from django_ecomai.inventory.tables_in import COLUMNS, FileError, table_import
from django_ecomai.inventory.tables_out import csv_text, table_csv
from django_ecomai.testing import product_make

from .factories import suggestion_make, supplier_make

pytestmark = pytest.mark.django_db


def lines(*rows: str) -> str:
    return "\n".join(rows) + "\n"


def test_suppliers_are_created_and_updated_and_bad_rows_named() -> None:
    supplier_make(code="OLD", name="Before")
    found = table_import(
        table="suppliers",
        content=lines(
            "code;name;email;lead_time_days",
            "OLD;After;;12",
            "NEW;New one;new@example.com;",
            "NEW;Again;;",
            ";Nameless;;",
            "LATE;Late;;-3",
            "HALF;Half;;2,5",
            "MAIL;Mail;nobody;",
        ),
    )
    assert (found.read, found.created, found.updated, found.failed) == (7, 1, 1, 5)
    assert [(p.line, p.column) for p in found.problems] == [
        (4, "code"),
        (5, "code"),
        (6, "lead_time_days"),
        (7, "lead_time_days"),
        (8, "email"),
    ]
    old = Supplier.objects.get(code="OLD")
    assert (old.name, old.lead_time_days) == ("After", 12)


def test_rows_are_written_in_one_order_whatever_that_of_the_file() -> None:
    table_import(table="suppliers", content=lines("code,name", "C,1", "A,2", "B,3"))
    assert list(Supplier.objects.order_by("pk").values_list("code", flat=True)) == ["A", "B", "C"]
    products = [product_make(external_id=f"p{number}") for number in range(3)]
    table_import(table="supplier_products", content=lines("supplier_code,product_id", "B,p1", "A,p2", "B,p0", "A,p0"))
    made = SupplierProduct.objects.order_by("pk").values_list("supplier__code", "product")
    assert list(made) == [("A", products[0].pk), ("A", products[2].pk), ("B", products[0].pk), ("B", products[1].pk)]


def test_offers_with_impossible_values_are_named() -> None:
    supplier_make(code="S")
    products = [product_make(external_id=f"p{number}", sku=f"SKU{number}") for number in range(8)]
    found = table_import(
        table="supplier_products",
        content=lines(
            "supplier_code,product_id,cost,moq,pack_size,lead_time_days,price_breaks,is_preferred",
            "S,p0,2.50,12,6,9,100:2.25|500:2,yes",
            "S,SKU1,2,1,1,,,no",
            "S,p0,2.50,12,6,9,,yes",
            "S,p2,2,1,0,,,yes",
            "S,p3,2,-1,1,,,yes",
            "S,p4,2,1,1,-4,,yes",
            "S,p5,2,1,1,,500:2|100:1,yes",
            "S,p6,NaN,1,1,,,yes",
            "S,p7,2,1,1,,,perhaps",
            "X,p7,2,1,1,,,yes",
            "S,nothing,2,1,1,,,yes",
        ).encode("utf-8-sig"),
    )
    assert (found.created, found.failed) == (2, 9)
    assert [p.column for p in found.problems] == [
        "product_id",
        "pack_size",
        "moq",
        "lead_time_days",
        "price_breaks",
        "cost",
        "is_preferred",
        "supplier_code",
        "product_id",
    ]
    offer = SupplierProduct.objects.get(product=products[0])
    assert (offer.cost, offer.pack_size, offer.price_breaks) == (Decimal("2.5"), 6, [[100, 2.25], [500, 2]])


def test_receipts_fill_orders_once_and_need_no_order() -> None:
    supplier = supplier_make(code="S")
    row = suggestion_make(product_make(external_id="p1"), supplier)
    (order,) = orders_draft(suggestions=[row])
    order_advance(order=order, to="approved")
    other = product_make(external_id="p2")
    text = lines(
        "reference,supplier_code,product_id,quantity,ordered_at,received_at,order_number",
        "D1,S,p2,5,2026-01-02,2026-01-12,",
        "D1,S,p2,5,2026-01-02,2026-01-12,",
        "D2,S,p2,5,2026-01-22,2026-01-12,",
        "D3,S,p2,0,,2026-01-12,",
        "D4,S,p2,5,,2999-01-12,",
        "D5,S,p2,5,,soon,",
        f"D6,S,p2,5,,2026-01-12,{order.number}",
        "D7,S,p2,5,,2026-01-12,PO-0",
    )
    dry = table_import(table="receipts", content=text, check_only=True)
    assert not Receipt.objects.exists()
    found = table_import(table="receipts", content=text)
    assert (found.created, found.failed) == (dry.created, dry.failed) == (1, 7)
    receipt = Receipt.objects.get(product=other)
    assert receipt.ordered_at is not None and (receipt.received_at - receipt.ordered_at).days == 10
    assert table_import(table="receipts", content=text).created == 0


def test_receipts_without_a_reference_do_not_double() -> None:
    supplier = supplier_make(code="S")
    row = suggestion_make(product_make(external_id="p1"), supplier)
    (order,) = orders_draft(suggestions=[row])
    for to in ("approved", "ordered"):
        order_advance(order=order, to=to, at=datetime(2026, 1, 2, tzinfo=UTC))
    text = lines(
        "supplier_code,product_id,quantity,ordered_at,received_at,order_number",
        "S,p1,5,2026-01-02,2026-01-12,",
        f"S,p1,5,,2026-01-12,{order.number}",
        f"S,p1,40,,2026-01-13,{order.number}",
        "S,p1,5,2026-01-02,2026-01-12,",
    )
    first = table_import(table="receipts", content=text)
    assert (first.created, [(p.line, p.column) for p in first.problems]) == (
        2,
        [(4, "order_number"), (5, "reference")],
    )
    assert table_import(table="receipts", content=text).created == 0
    assert (Receipt.objects.count(), order.lines.get().received) == (2, 5)


def test_deliveries_of_an_order_are_written_together() -> None:
    supplier = supplier_make(code="S")
    rows = [suggestion_make(product_make(external_id=f"p{number}"), supplier) for number in range(12)]
    (order,) = orders_draft(suggestions=rows)
    for to in ("approved", "ordered"):
        order_advance(order=order, to=to, at=datetime(2026, 1, 2, tzinfo=UTC))

    def asked(numbers: range, day: int) -> int:
        told = [f"p{number},12,2026-01-{day:02d},{order.number}" for number in numbers]
        with CaptureQueriesContext(connection) as queries:
            found = table_import(table="receipts", content=lines("product_id,quantity,received_at,order_number", *told))
        assert (found.created, found.failed) == (len(numbers), 0)
        return len(queries)

    assert asked(range(2), 12) == asked(range(12), 13)
    assert asked(range(2, 12), 14)
    order.refresh_from_db()
    assert (order.status, Receipt.objects.count()) == ("received", 24)
    assert order.received_at is not None and order.received_at.day == 14


def test_an_empty_cell_keeps_the_preference_and_prices_keep_their_digits() -> None:
    supplier = supplier_make(code="S")
    offer = SupplierProduct.objects.create(
        supplier=supplier,
        product=product_make(external_id="p1"),
        cost=Decimal("1234.5678"),
        is_preferred=True,
        price_breaks=[[1000000, 1234.5678], [2000000.5, 0.00001]],
    )
    table_import(table="supplier_products", content=lines("supplier_code,product_id,is_preferred", "S,p1,"))
    offer.refresh_from_db()
    assert offer.is_preferred
    text = table_csv(table="supplier_products")
    assert "1000000:1234.5678|2000000.5:0.00001" in text
    table_import(table="supplier_products", content=text)
    offer.refresh_from_db()
    assert offer.price_breaks == [[1000000, 1234.5678], [2000000.5, 0.00001]]


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (b"\xff\xfe\x00", "UTF-8"),
        (b"name\nx\n", "lacks the column code"),
        (b"", "lacks the column"),
        (b"code\n\x00\n", "no text"),
    ],
)
def test_a_file_that_is_none_is_refused(content: bytes, complaint: str) -> None:
    with pytest.raises(FileError, match=complaint):
        table_import(table="suppliers", content=content)
    with pytest.raises(FileError, match="no table"):
        table_import(table="prices", content="x")


UGLY = ["S", "p", "5", "-1", "0.5", "1e-30", "NaN", "nan:1", "inf:1", "10:nan", "10:1.25", "1e400", "1e9999999",
        "9999999999.99999", "9999999999", "2026-03-01", "0001-01-01T00:00+14:00", "0001-01-01", "1900-01-01",
        "9999-12-31", "yes", "a@example.com", "x" * 300, "=1", "\x85"]  # fmt: skip


class AnyTable(TestCase):
    @given(st.data())
    def test_any_row_is_written_or_named(self, data: st.DataObject) -> None:
        if not Supplier.objects.filter(code="S").exists():
            supplier_make(code="S")
            product_make(external_id="p")
            product_make(external_id="5")
        table = data.draw(st.sampled_from(sorted(COLUMNS)))
        values = st.sampled_from(UGLY) | st.text(max_size=9)
        rows = data.draw(st.lists(st.tuples(*(values for _ in COLUMNS[table])), min_size=1, max_size=3))
        try:
            found = table_import(table=table, content=csv_text(COLUMNS[table], rows))
        except FileError:
            return
        assert found.created + found.updated + found.failed >= found.read
        assert all(one.column in COLUMNS[table] and one.message for one in found.problems)
        table_csv(table=table)


def test_breaks_that_are_no_numbers_are_named() -> None:
    supplier_make(code="S")
    product_make(external_id="p")
    for told in ("nan:1", "10:nan", "inf:1", "10:1e300"):
        head = "supplier_code;product_id;price_breaks"
        (problem,) = table_import(table="supplier_products", content=lines(head, f"S;p;{told}")).problems
        assert (problem.column, problem.value) == ("price_breaks", told)


def test_what_is_written_can_be_read_back() -> None:
    supplier = supplier_make(code="S", name="=cmd()", lead_time_days=8)
    SupplierProduct.objects.create(
        supplier=supplier, product=product_make(external_id="offered"), cost=Decimal("1.5"), price_breaks=[[10, 1.25]]
    )
    suggestion_make(supplier=supplier)
    offers = table_csv(table="supplier_products")
    assert "10:1.25" in offers
    assert table_import(table="supplier_products", content=offers).updated == 1
    assert "'=cmd()" in table_csv(table="suppliers")
    assert "Target level 24 − 5 on hand = 19 → 24 in packs of 12" in table_csv(table="suggestions")
    assert csv_text(["a"], [["-5"], ["-x"]]) == "a\r\n-5\r\n'-x\r\n"


@pytest.mark.parametrize("table", ["suppliers", "supplier_products", "receipts", "substitutions"])
def test_a_line_that_stands_twice_is_found_however_far_apart(table: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("django_ecomai.inventory.tables_in.reading.CHUNK", 2)
    supplier_make(code="S")
    for name in ("a", "b", "c", "d"):
        product_make(external_id=name)
    head, rows = {
        "suppliers": ("code,name", [f"{name},First" for name in "ABCD"]),
        "supplier_products": ("supplier_code,product_id,cost", [f"S,{name},1" for name in "abcd"]),
        "receipts": ("reference,product_id,quantity,received_at", [f"R,{name},1,2026-01-02" for name in "abcd"]),
        "substitutions": ("product_id,substitute_id,share", ["a,b,0.5", "a,c,0.5", "b,c,0.5", "b,d,0.5"]),
    }[table]
    found = table_import(table=table, content=lines(head, *rows, rows[0]))
    assert (found.created, found.updated, found.failed) == (4, 0, 1)
    assert [problem.line for problem in found.problems] == [6]


HEADS = {
    "suppliers": ("code,name", "A,Lamps, large"),
    "supplier_products": ("supplier_code,product_id,cost", "A,1,12,50"),
    "receipts": ("product_id,received_at,quantity", "1,2026-03-01,1,5"),
    "substitutions": ("product_id,substitute_id,share", "1,2,0,5"),
}


@pytest.mark.parametrize("table", HEADS)
def test_a_row_with_more_values_than_columns_is_named(table: str) -> None:
    head, row = HEADS[table]
    found = table_import(table=table, content=f"{head}\n{row}\n")
    assert (found.read, found.created, found.updated, found.failed) == (1, 0, 0, 1)
    (problem,) = found.problems
    assert (problem.line, problem.column, problem.value) == (2, "", row)
    cells = len(row.split(","))
    assert problem.message.startswith(f"{cells} values for {cells - 1} columns: is a comma inside a number")


def test_numbers_and_days_of_another_country_are_read_as_their_column() -> None:
    product = product_make()
    supplier_make(code="A")
    ident = product.external_id
    head = "supplier_code;product_id;cost;moq\n"
    assert table_import(table="supplier_products", content=f"{head}A;{ident};1.234,50;1 000\n").created == 1
    offer = SupplierProduct.objects.get()
    assert (offer.cost, offer.moq) == (Decimal("1234.5"), 1000)
    head = "product_id;quantity;received_at\n"
    rows = f"{ident};1.000;26.02.2026\n{ident};1.500;13/02/2026\n{ident};2;03/02/2026\n"
    found = table_import(table="receipts", content=head + rows)
    assert [(one.line, one.column, one.message[:29]) for one in found.problems] == [
        (2, "quantity", "It may mean 1000 or 1.000, an"),
        (3, "quantity", "It may mean 1500 or 1.500, an"),
    ]
    (receipt,) = Receipt.objects.all()
    assert (receipt.quantity, receipt.received_at.date().isoformat()) == (2, "2026-02-03")
