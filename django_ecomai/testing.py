"""Factories and fakes for the tests of shops that use EcomAI: plain functions, all arguments have defaults.

::

    from django_ecomai.testing import FakeAdapter, order_make, product_make

    product = product_make(title="Lantern", price="4.50")
    order_make(customer="17850", lines=[(product, 2), ("22752", 1)])
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from django_ecomai.adapters.base import ShopAdapter
from django_ecomai.adapters.rows import (
    TABLES,
    CategoryRow,
    Change,
    CustomerRow,
    OrderLineRow,
    OrderRow,
    ProductRow,
)

if TYPE_CHECKING:
    from django_ecomai.mirror.models import Category, Customer, Order, Product

_numbers = itertools.count(1)
MOMENT = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


def _next(prefix: str) -> str:
    return f"{prefix}{next(_numbers)}"


# -- rows of the mirror ---------------------------------------------------------------------------------------------
def category_make(
    *, external_id: str = "", name: str = "", parent: Category | None = None, channel: str = ""
) -> Category:
    """A category in the mirror."""
    from django_ecomai.mirror.models import Category

    ident = external_id or _next("c")
    return Category.objects.create(channel=channel, external_id=ident, name=name or f"Category {ident}", parent=parent)


def product_make(
    *,
    external_id: str = "",
    title: str = "",
    price: Any = "9.90",
    categories: Sequence[Category] = (),
    channel: str = "",
    **fields: Any,
) -> Product:
    """A product in the mirror, on sale and with uncounted stock unless ``fields`` say otherwise."""
    from django_ecomai.mirror.models import Product

    ident = external_id or _next("p")
    fields.setdefault("currency", "EUR")
    product = Product.objects.create(
        channel=channel,
        external_id=ident,
        title=title or f"Product {ident}",
        price=None if price is None else Decimal(str(price)),
        category_external_ids=[c.external_id for c in categories],
        **fields,
    )
    product.categories.set(categories)
    return product


def customer_make(*, external_id: str = "", user: Any = None, channel: str = "", **fields: Any) -> Customer:
    """A customer in the mirror."""
    from django_ecomai.mirror.models import Customer

    return Customer.objects.create(channel=channel, external_id=external_id or _next("k"), user=user, **fields)


def order_make(
    *,
    external_id: str = "",
    customer: Customer | str | None = None,
    lines: Iterable[Product | str | tuple[Product | str, Any]] = (),
    placed_at: datetime = MOMENT,
    status: str = "delivered",
    channel: str = "",
    **fields: Any,
) -> Order:
    """An order in the mirror. ``lines``: products (or ids of unknown ones), alone or with a quantity.

    ``customer`` may be an id.
    """
    from django_ecomai.mirror.models import Customer, Order, OrderLine, Product

    if isinstance(customer, str):
        customer, _created = Customer.objects.get_or_create(channel=channel, external_id=customer)
    ident = external_id or _next("o")
    rows: list[OrderLine] = []
    total = Decimal(0)
    for number, item in enumerate(lines, 1):
        product, quantity = item if isinstance(item, tuple) else (item, 1)
        known = product if isinstance(product, Product) else None
        price = known.price if known is not None else Decimal("1.00")
        total += (price or 0) * Decimal(str(quantity))
        rows.append(
            OrderLine(
                channel=channel,
                external_id=f"{ident}:{number}",
                product=known,
                product_external_id=known.external_id if known is not None else str(product),
                title=known.title if known is not None else str(product),
                quantity=Decimal(str(quantity)),
                unit_price=price,
                placed_at=placed_at,
            )
        )
    fields.setdefault("total", total)
    order = Order.objects.create(
        channel=channel,
        external_id=ident,
        number=ident,
        customer=customer,
        status=status,
        placed_at=placed_at,
        **fields,
    )
    for row in rows:
        row.order = order
    OrderLine.objects.bulk_create(rows)
    return order


# -- rows of a shop -------------------------------------------------------------------------------------------------
def category_row(**fields: Any) -> CategoryRow:
    """A category as an adapter gives it."""
    return CategoryRow(**{"id": _next("c"), "name": "Category", **fields})


def product_row(**fields: Any) -> ProductRow:
    """A product as an adapter gives it."""
    return ProductRow(**{"id": _next("p"), "title": "Product", "price": Decimal("9.90"), **fields})


def customer_row(**fields: Any) -> CustomerRow:
    """A customer as an adapter gives it."""
    return CustomerRow(**{"id": _next("k"), **fields})


def line_row(product_id: str = "", **fields: Any) -> OrderLineRow:
    """An order line as an adapter gives it."""
    return OrderLineRow(**{"product_id": product_id, "quantity": 1, "unit_price": Decimal("9.90"), **fields})


def order_row(*lines: OrderLineRow | str, **fields: Any) -> OrderRow:
    """An order as an adapter gives it; a text among ``lines`` is a product id."""
    rows = tuple(line if isinstance(line, OrderLineRow) else line_row(line) for line in lines)
    return OrderRow(**{"id": _next("o"), "placed_at": MOMENT, "customer_id": "1", "lines": rows, **fields})


class FakeAdapter(ShopAdapter):
    """A shop in memory: ``FakeAdapter(product=[...], order=[...])``. Lists may be changed between syncs.

    ``resolve`` answers with ``objects`` (id -> anything), by default with the product rows themselves.
    ``send(change)`` plays a live change. ``read`` counts how often each table was asked for.
    """

    def __init__(self, *, objects: dict[str, Any] | None = None, **tables: list[Any]) -> None:
        if unknown := set(tables) - set(TABLES):
            raise ValueError(f"FakeAdapter: no such table: {', '.join(sorted(unknown))}.")
        self.data = tables
        self.objects = objects
        self.read: dict[str, int] = {}
        self.emit: Callable[[Change], None] | None = None

    def tables(self) -> tuple[str, ...]:
        return tuple(t for t in TABLES if t in self.data)

    def rows(self, table: str, since: datetime | None = None) -> Iterator[Any]:
        self.read[table] = self.read.get(table, 0) + 1
        return iter(list(self.data.get(table, ())))

    def categories(self) -> Iterator[Any]:
        return self.rows("category")

    def products(self, since: datetime | None = None) -> Iterator[Any]:
        return self.rows("product", since)

    def customers(self, since: datetime | None = None) -> Iterator[Any]:
        return self.rows("customer", since)

    def orders(self, since: datetime | None = None) -> Iterator[Any]:
        return self.rows("order", since)

    def count(self, table: str) -> int | None:
        return len(self.data.get(table, ()))

    def resolve(self, ids: Sequence[str]) -> dict[str, Any]:
        known = self.objects
        if known is None:
            known = {str(row.id): row for row in self.data.get("product", ()) if isinstance(row, ProductRow)}
        return {ident: known[ident] for ident in ids if ident in known}

    def product_id(self, obj: Any) -> str:
        return str(getattr(obj, "id", obj))

    def category_id(self, obj: Any) -> str:
        return str(getattr(obj, "id", obj))

    def connect(self, emit: Callable[[Change], None]) -> None:
        self.emit = emit

    def disconnect(self) -> None:
        self.emit = None

    def send(self, change: Change) -> None:
        """Play a live change. Raises ``RuntimeError`` when nobody is connected."""
        if self.emit is None:
            raise RuntimeError("Nobody is connected to this adapter.")
        self.emit(change)
