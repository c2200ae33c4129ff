"""Write the sample into the database: the second half of `load`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from decimal import Decimal
from itertools import islice
from pathlib import Path
from typing import Any

from django.db import connection, models, transaction
from django.utils.text import slugify

from example_project.shop.categorise import OTHER, SHELVES, shelf_for
from example_project.shop.load import (
    SOURCE,
    Progress,
    SourceLine,
    SourceProduct,
    no_progress,
    product_values,
    read_source,
    source_lines,
    source_products,
)
from example_project.shop.models import Category, Customer, Line, Order, Product

BATCH = 20_000


def rows_insert(
    model: type[models.Model], names: Sequence[str], rows: Iterable[Sequence[Any]], *, progress: Progress, total: int
) -> int:
    """Insert plain tuples the fast way: COPY on PostgreSQL, one prepared statement elsewhere. Returns the count."""
    quote = connection.ops.quote_name
    fields = [model._meta.get_field(name) for name in names]
    columns = ", ".join(quote(str(one.column)) for one in fields)
    table = quote(model._meta.db_table)
    done = 0
    iterator = iter(rows)
    with connection.cursor() as cursor:
        while batch := list(islice(iterator, BATCH)):
            if connection.vendor == "postgresql":
                with cursor.copy(f"COPY {table} ({columns}) FROM STDIN") as copy:
                    for row in batch:
                        copy.write_row(row)
            else:
                marks = ", ".join(["%s"] * len(fields))
                adapted = [
                    [
                        one.get_db_prep_save(value, connection) if not isinstance(value, str | int | None) else value
                        for one, value in zip(fields, row, strict=True)
                    ]
                    for row in batch
                ]
                statement = f"INSERT INTO {table} ({columns}) VALUES ({marks})"  # noqa: S608  names from the model
                cursor.executemany(statement, adapted)
            done += len(batch)
            progress(min(done / max(total, 1), 1.0), f"{done:,} of {total:,} {model._meta.verbose_name_plural}")
    return done


def categories_create() -> dict[str, Category]:
    """The two-level tree of `categorise.SHELVES`; returns the lower level by name."""
    shelves: dict[str, Category] = {}
    departments: dict[str, Category] = {}
    for position, (department, shelf) in enumerate((*SHELVES, (OTHER, OTHER))):
        if department not in departments:
            departments[department], _ = Category.objects.update_or_create(
                slug=slugify(department), defaults={"name": department, "position": position, "parent": None}
            )
        if shelf == department:
            shelves[shelf] = departments[department]
            continue
        shelves[shelf], _ = Category.objects.update_or_create(
            slug=slugify(shelf), defaults={"name": shelf, "position": position, "parent": departments[department]}
        )
    return shelves


def products_create(products: dict[str, SourceProduct], *, today: datetime) -> dict[str, int]:
    """Create all products; returns primary keys by SKU."""
    shelves = categories_create()
    rows = []
    for product in products.values():
        shelf = shelf_for(product.title)
        values = product_values(product, today=today, shelf=shelf)
        rows.append(Product(**values, category=None if product.is_service else shelves[shelf]))
    Product.objects.bulk_create(rows, batch_size=500)
    return dict(Product.objects.values_list("sku", "pk"))


def orders_create(lines: Sequence[SourceLine]) -> tuple[dict[str, int], int]:
    """Create customers and orders; returns order keys by number and the number of customers."""
    joined: dict[int, tuple[datetime, str]] = {}
    orders: dict[str, list[Any]] = {}
    for line in lines:
        if line.customer is not None and (line.customer not in joined or line.at < joined[line.customer][0]):
            joined[line.customer] = (line.at, line.country)
        order = orders.get(line.invoice)
        amount = line.quantity * line.price
        if order is None:
            orders[line.invoice] = [line.at, line.customer, line.country, amount]
        else:
            order[0] = min(order[0], line.at)
            order[3] += amount
    Customer.objects.bulk_create(
        (Customer(code=str(code), country=country, joined=at) for code, (at, country) in sorted(joined.items())),
        batch_size=1000,
    )
    customers = dict(Customer.objects.values_list("code", "pk"))

    def rows() -> Iterator[Order]:
        for number, (at, customer, country, amount) in orders.items():
            yield Order(
                number=number,
                customer_id=customers[str(customer)] if customer is not None else None,
                status=Order.Status.CANCELLED if number.startswith("C") else Order.Status.COMPLETED,
                placed_at=at,
                country=country,
                total=Decimal(f"{amount:.2f}"),
            )

    Order.objects.bulk_create(rows(), batch_size=1000)
    return dict(Order.objects.values_list("number", "pk")), len(joined)


def sample_loaded() -> bool:
    """Whether the sample (or any order) is already there."""
    return Order.objects.exists()


def sample_load(*, path: Path = SOURCE, progress: Progress = no_progress) -> dict[str, int]:
    """Load the sample into empty tables, all or nothing; returns counts. Raises ValueError when there are orders."""
    if sample_loaded():
        raise ValueError("There are orders already: the sample is loaded into an empty shop only.")
    progress(0.0, "Reading the source")
    table = read_source(path)
    lines = list(source_lines(table))
    if not lines:
        raise ValueError(f"{path.name} holds no lines.")
    progress(0.15, "Products")
    products = source_products(table, lines)
    today = max(line.at for line in lines)
    with transaction.atomic():
        product_keys = products_create(products, today=today)
        progress(0.25, "Customers and orders")
        order_keys, customers = orders_create(lines)
        prices: dict[float, str] = {}

        def rows() -> Iterator[tuple[Any, ...]]:
            for line in lines:
                price = prices.get(line.price)
                if price is None:
                    price = prices[line.price] = f"{line.price:.3f}"
                yield (
                    order_keys[line.invoice],
                    product_keys[line.sku],
                    line.sku[:32],
                    line.title[:160],
                    line.quantity,
                    price,
                )

        written = rows_insert(
            Line,
            ("order", "product", "sku", "title", "quantity", "unit_price"),
            rows(),
            progress=lambda done, message: progress(0.35 + 0.65 * done, message),
            total=len(lines),
        )
    return {"products": len(products), "customers": customers, "orders": len(order_keys), "lines": written}
