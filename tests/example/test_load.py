"""The loader on a small excerpt with every kind of dirt, and the helpers it rests on."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from django.core.management import CommandError, call_command

from example_project.database import database_settings
from example_project.shop.load import SOURCE, display_name, is_title, median, read_source, simulated_stock
from example_project.shop.load_tables import sample_load
from example_project.shop.models import Category, Customer, Line, Order, Product

pytestmark = pytest.mark.django_db

HEART = "WHITE HANGING HEART T-LIGHT HOLDER"
ROWS = [
    ("536365", "85123A", HEART, 6, datetime(2010, 12, 1, 8, 26), 2.55, 17850, "United Kingdom"),
    (
        "536365",
        "85123a",
        HEART,
        6,
        datetime(2010, 12, 1, 8, 27),
        2.55,
        17850,
        "United Kingdom",
    ),  # other case
    ("536365", "POST", "POSTAGE", 1, datetime(2010, 12, 1, 8, 26), 18.0, 17850, "United Kingdom"),
    ("C536379", "85123A", HEART, -6, datetime(2010, 12, 1, 9, 41), 2.55, 17850, "United Kingdom"),
    ("536544", "85123A", "CREAM HANGING HEART T-LIGHT HOLDER", 1, datetime(2010, 12, 1, 14, 32), 5.91, None, "EIRE"),
    ("536545", "21134", None, 1, datetime(2010, 12, 1, 14, 32), 0.0, None, "United Kingdom"),
    ("536546", "22139", "damaged?", -23, datetime(2010, 12, 1, 14, 33), 0.0, None, "United Kingdom"),
    ("536547", "22139", "RETROSPOT TEA SET CERAMIC 11 PC", 2, datetime(2011, 6, 1, 14, 33), 4.95, 13047, "France"),
    ("A563185", "B", "Adjust bad debt", 1, datetime(2011, 8, 12, 14, 50), -11062.06, None, "United Kingdom"),
    ("536548", "M", "Manual", 1, datetime(2011, 12, 9, 12, 0), 0.001, 13047, "France"),
]
COLUMNS = ("InvoiceNo", "StockCode", "Description", "Quantity", "InvoiceDate", "UnitPrice", "CustomerID", "Country")


@pytest.fixture
def excerpt(tmp_path: Path) -> Path:
    path = tmp_path / "excerpt.parquet"
    pq.write_table(pa.table(dict(zip(COLUMNS, map(list, zip(*ROWS, strict=True)), strict=True))), path)
    return path


def test_every_line_arrives(excerpt: Path) -> None:
    told: list[float] = []
    counts = sample_load(path=excerpt, progress=lambda fraction, message: told.append(fraction))
    assert counts == {"products": 6, "customers": 2, "orders": 8, "lines": 10}
    assert told == sorted(told)
    assert told[-1] == 1.0
    assert list(Line.objects.values_list("quantity", flat=True)) == [row[3] for row in ROWS]
    assert Line.objects.filter(product=None).count() == 0
    assert Line.objects.get(order__number="536548").unit_price == Decimal("0.001")


def test_products(excerpt: Path) -> None:
    sample_load(path=excerpt)
    heart = Product.objects.get(sku="85123A")
    assert heart.name == "White Hanging Heart T-Light Holder"
    assert heart.price == Decimal("2.55")
    assert heart.category.name == "T-Light Holders"
    assert heart.category.parent.name == "Lanterns & Candles"
    assert heart.is_active
    assert heart.created == datetime(2010, 12, 1, 8, 26, tzinfo=UTC)
    assert Product.objects.get(sku="22139").name == "Retrospot Tea Set Ceramic 11 Pc"
    for service in ("POST", "B", "M"):
        product = Product.objects.get(sku=service)
        assert (product.is_service, product.is_active, product.category) == (True, False, None)
    nameless = Product.objects.get(sku="21134")
    assert (nameless.name, nameless.is_active, nameless.is_service) == ("Article 21134", False, False)
    assert list(Product.objects.visible().values_list("sku", flat=True).order_by("sku")) == ["22139", "85123A"]


def test_orders(excerpt: Path) -> None:
    sample_load(path=excerpt)
    order = Order.objects.get(number="536365")
    assert order.customer.code == "17850"
    assert order.placed_at == datetime(2010, 12, 1, 8, 26, tzinfo=UTC)
    assert order.total == Decimal("48.60")
    assert order.status == "completed"
    assert Order.objects.get(number="C536379").status == "cancelled"
    assert Order.objects.get(number="C536379").total == Decimal("-15.30")
    assert Order.objects.get(number="536544").customer is None
    assert Order.objects.get(number="536547").placed_at == datetime(2011, 6, 1, 13, 33, tzinfo=UTC)  # summer time
    assert Customer.objects.get(code="13047").country == "France"


def test_loading_twice_is_refused_and_changes_nothing(excerpt: Path) -> None:
    sample_load(path=excerpt)
    with pytest.raises(ValueError, match="empty shop only"):
        sample_load(path=excerpt)
    assert Line.objects.count() == 10
    with pytest.raises(CommandError, match="empty shop only"):
        call_command("load_sample")


def test_a_failure_leaves_the_shop_empty(excerpt: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*args: object, **kwargs: object) -> None:
        raise RuntimeError("disk full")

    monkeypatch.setattr("example_project.shop.load_tables.rows_insert", fail)
    with pytest.raises(RuntimeError):
        sample_load(path=excerpt)
    assert not Product.objects.exists()
    assert not Category.objects.exists()


def test_wrong_files_are_named(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        sample_load(path=tmp_path / "none.parquet")
    wrong = tmp_path / "wrong.parquet"
    pq.write_table(pa.table({"InvoiceNo": ["1"], "Quantity": [1]}), wrong)
    with pytest.raises(ValueError, match="Country, CustomerID"):
        sample_load(path=wrong)
    empty = tmp_path / "empty.parquet"
    pq.write_table(read_source(SOURCE).slice(0, 0), empty)
    with pytest.raises(ValueError, match="no lines"):
        sample_load(path=empty)


def test_the_shipped_sample_is_complete_and_small() -> None:
    table = read_source()
    assert table.num_rows == 541_909
    assert table.column("CustomerID").null_count == 135_080
    assert SOURCE.stat().st_size < 6_000_000
    assert "10.24432/C5BW33" in (SOURCE.parent / "README.md").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("title", "name"),
    [
        ("WHITE HANGING HEART T-LIGHT HOLDER", "White Hanging Heart T-Light Holder"),
        ("SET OF 3 CAKE TINS PANTRY DESIGN ", "Set of 3 Cake Tins Pantry Design"),
        ("POPPY'S PLAYHOUSE KITCHEN", "Poppy's Playhouse Kitchen"),
        ("FEATHER PEN,HOT PINK", "Feather Pen, Hot Pink"),
        ("PAPER CRAFT , LITTLE BIRDIE", "Paper Craft, Little Birdie"),
        ("RED  WOOLLY HOTTIE WHITE HEART.", "Red Woolly Hottie White Heart"),
        ("RED TOADSTOOL LED NIGHT LIGHT", "Red Toadstool LED Night Light"),
        ("CUSHION COVER 45CM", "Cushion Cover 45cm"),
    ],
)
def test_display_names(title: str, name: str) -> None:
    assert display_name(title) == name


@pytest.mark.parametrize(
    ("text", "proper"),
    [(HEART, True), ("damages", False), ("?", False), ("", False), ("wet damaged", False), ("MISSING?", False)],
)
def test_remarks_are_no_titles(text: str, proper: bool) -> None:
    assert is_title(text) is proper


def test_simulated_stock_is_the_same_every_time() -> None:
    today = datetime(2011, 12, 9, tzinfo=UTC)
    values = [
        simulated_stock(f"{sku}", times_ordered=40, usual=6, last_sale=today, today=today)
        for sku in range(10_000, 10_200)
    ]
    assert values == [
        simulated_stock(f"{sku}", times_ordered=40, usual=6, last_sale=today, today=today)
        for sku in range(10_000, 10_200)
    ]
    assert 2 <= values.count(0) <= 25
    assert max(values) <= 300
    old = datetime(2011, 1, 1, tzinfo=UTC)
    assert simulated_stock("10000", times_ordered=0, usual=1, last_sale=old, today=today) == 0


def test_median_is_a_price_that_was_charged() -> None:
    assert median([1.0, 9.0]) == 1.0
    assert median([3.0, 1.0, 2.0]) == 2.0


def test_database_urls(tmp_path: Path) -> None:
    default = database_settings("", default=tmp_path / "shop.sqlite3")
    assert default["OPTIONS"]["transaction_mode"] == "IMMEDIATE"
    assert default["CONN_MAX_AGE"] == 600
    found = database_settings("postgresql://ada:p%40ss@db:5433/shop?sslmode=require", default=tmp_path)
    assert {key: found[key] for key in ("NAME", "USER", "PASSWORD", "HOST", "PORT", "OPTIONS")} == {
        "NAME": "shop",
        "USER": "ada",
        "PASSWORD": "p@ss",
        "HOST": "db",
        "PORT": "5433",
        "OPTIONS": {"sslmode": "require"},
    }
    assert database_settings("sqlite:///x.db", default=tmp_path)["NAME"] == "x.db"
    for wrong in ("mysql://x/y", "postgresql://host", "nonsense"):
        with pytest.raises(ValueError, match="DATABASE_URL"):
            database_settings(wrong, default=tmp_path)
