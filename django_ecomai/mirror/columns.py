"""Sales as columns of numbers: half a million order lines are 25 MB and no Python object per line."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import TYPE_CHECKING, Any

import numpy as np
from django.db import connections
from django.db.models import F, FloatField, Func, Model, QuerySet, Value
from django.db.models.functions import Cast, Coalesce

from django_ecomai.core.arrays import arrays_available, arrays_read

from .models import Customer, Order, OrderLine, PricePoint, Product, ReturnLine
from .selectors import demand_lines, sale_lines

if TYPE_CHECKING:
    from numpy.typing import NDArray

CHUNK, ARRAY_CHUNK = 20_000, 200_000
#: Rows that are asked for by their keys at once: older SQLite takes 999 parameters.
KEYS_CHUNK = 900
#: Up to so many rows per wanted one are read rather than looked up.
DENSE = 10
#: Customer of an order that names none.
NOBODY = -1


@dataclass(frozen=True, eq=False)
class SaleColumns:
    """The rows of ``selectors.order_line_rows``, by time, then by line: primary keys int64 [n] of customer (`NOBODY`:
    none), product and order; ``at`` epoch seconds and ``quantity``, float64 [n]."""

    customer: NDArray[np.int64]
    product: NDArray[np.int64]
    order: NDArray[np.int64]
    at: NDArray[np.float64]
    quantity: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.at)


def sale_columns(
    *,
    channel: str = "",
    since: datetime | None = None,
    until: datetime | None = None,
    tell: Callable[[int], None] | None = None,
) -> SaleColumns:
    """Sales for training. ``tell(number)`` hears how many lines have been read so far."""
    order, customer, product, at, quantity, _price = _read(
        sale_lines(channel=channel, since=since, until=until), tell=tell, price=False
    )
    return SaleColumns(customer, product, order, at, quantity)


@dataclass(frozen=True, eq=False)
class DemandColumns(SaleColumns):
    """As `SaleColumns` for the rows of ``selectors.demand_lines``, with the unit price paid, float64 [n]."""

    price: NDArray[np.float64]


def of_products(rows: QuerySet[Any], products: Iterable[int], name: str = "product_id") -> QuerySet[Any]:
    """Rows whose product (column ``name``) is one of these primary keys; more than a query takes are asked for from the
    least to the greatest, and the caller leaves out what lies between. A part of the catalogue then costs what it
    holds: keys that lie far apart (variants that came long after their parents) are named one by one."""
    keys = [int(pk) for pk in products]
    between = max(keys) - min(keys) if keys else 0
    if len(keys) <= KEYS_CHUNK or (between > DENSE * len(keys) and connections[rows.db].vendor != "sqlite"):
        return rows.filter(**{f"{name}__in": keys})
    return rows.filter(**{f"{name}__gte": min(keys), f"{name}__lte": max(keys)})


def demand_columns(
    *,
    channel: str = "",
    since: datetime | None = None,
    until: datetime | None = None,
    products: Sequence[int] | None = None,
    tell: Callable[[int], None] | None = None,
) -> DemandColumns:
    """What customers asked for, with its price, for forecasts; ``products`` narrows as `of_products` does."""
    lines = demand_lines(channel=channel, since=since, until=until)
    if products is not None:
        lines = of_products(lines, products)
    order, customer, product, at, quantity, price = _read(lines, tell=tell, price=True)
    return DemandColumns(customer, product, order, at, quantity, price)


@dataclass(frozen=True, eq=False)
class ReturnColumns:
    """What came back, by time: primary keys int64 [n] of customer (`NOBODY`: none) and product; ``at`` epoch seconds
    and ``quantity`` above zero, float64 [n]."""

    customer: NDArray[np.int64]
    product: NDArray[np.int64]
    at: NDArray[np.float64]
    quantity: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.at)


def return_columns(
    *, channel: str = "", until: datetime | None = None, products: Sequence[int] | None = None
) -> ReturnColumns:
    """Returns of products that the catalogue has; rows gone from the shop are left out. ``products`` narrows as
    `of_products` does."""
    rows = ReturnLine.objects.filter(channel=channel, removed_at=None, product__isnull=False)
    if until is not None:
        rows = rows.filter(returned_at__lt=until)
    if products is not None:
        rows = of_products(rows, products)
    names = ("customer_id", "product_id", "returned_at", "quantity")
    customer, product, at, quantity = [], [], [], []
    for row in rows.order_by("returned_at", "pk").values_list(*names).iterator(chunk_size=CHUNK):
        customer.append(NOBODY if row[0] is None else row[0])
        product.append(row[1])
        at.append(row[2].timestamp())
        quantity.append(abs(float(row[3])))
    return ReturnColumns(
        np.array(customer, dtype=np.int64),
        np.array(product, dtype=np.int64),
        np.array(at, dtype=np.float64),
        np.array(quantity, dtype=np.float64),
    )


@dataclass(frozen=True, eq=False)
class PriceColumns:
    """Prices above 0 of the price history, by product, then by time: primary key of the product int64 [n], ``at`` epoch
    seconds and ``price``, float64 [n]."""

    product: NDArray[np.int64]
    at: NDArray[np.float64]
    price: NDArray[np.float64]


def price_columns(
    *, channel: str = "", products: Iterable[int], currencies: Sequence[str] | None = None
) -> PriceColumns:
    """The price history of products, narrowed as `of_products` does; with ``currencies`` only prices in these."""
    rows = of_products(PricePoint.objects.filter(channel=channel, price__gt=0), products)
    if currencies is not None:
        rows = rows.filter(currency__in=currencies)
    parts: list[list[NDArray[Any]]] = []
    if arrays_available(rows):
        at = Func("valid_from", template="EXTRACT(EPOCH FROM %(expressions)s)", output_field=FloatField())
        last = 0
        while True:
            some = rows.filter(pk__gt=last).order_by("pk")[:ARRAY_CHUNK]
            part = arrays_read(some.values_list("pk", "product_id", at, "price"), ["int", "int", "float", "float"])
            parts.append(part)
            if len(part[0]) < ARRAY_CHUNK:
                break
            last = int(part[0][-1])
    else:
        stream = rows.order_by("pk").values_list("pk", "product_id", "valid_from", "price")
        found = list(stream.iterator(chunk_size=CHUNK))
        key, product, moment, price = zip(*found, strict=True) if found else ((), (), (), ())
        parts.append(
            [
                np.array(key, dtype=np.int64),
                np.array(product, dtype=np.int64),
                np.array([one.timestamp() for one in moment], dtype=np.float64),
                np.array(price, dtype=np.float64),
            ]
        )
    columns = [np.concatenate([part[at] for part in parts]) for at in range(4)]
    order = np.lexsort((columns[0], columns[2], columns[1]))
    return PriceColumns(columns[1][order], columns[2][order], columns[3][order])


def _read(lines: QuerySet[OrderLine], *, tell: Callable[[int], None] | None, price: bool) -> tuple[NDArray[Any], ...]:
    """Order, customer, product, moment, quantity and price (empty unless asked for), by time, then by line."""
    parts: list[list[NDArray[Any]]] = []
    read = 0
    if arrays_available(lines):
        chunks = _array_chunks(lines, price)
    elif price and connections[lines.db].vendor == "sqlite":
        chunks = _number_chunks(lines)
    else:
        chunks = _row_chunks(lines, price)
    for part in chunks:
        parts.append(part)
        read += len(part[0])
        if tell is not None:
            tell(read)
    types = (np.int64, np.int64, np.int64, np.int64, np.float64, np.float64, np.float64)
    columns = [
        np.concatenate([np.empty(0, kind), *(part[at] for part in parts if at < len(part))])
        for at, kind in enumerate(types)
    ]
    by_time = np.lexsort((columns[0], columns[4]))
    found = [one[by_time] if len(one) else one for one in columns]
    return tuple(found[1:])


def _array_chunks(lines: QuerySet[OrderLine], price: bool) -> Iterable[list[NDArray[Any]]]:
    at = Func("placed_at", template="EXTRACT(EPOCH FROM %(expressions)s)", output_field=FloatField())
    buyer = Coalesce(F("order__customer_id"), Value(NOBODY))
    names: list[Any] = ["pk", "order_id", buyer, "product_id", at, "quantity"]
    kinds = ["int", "int", "int", "int", "float", "float"]
    if price:
        names.append("unit_price")
        kinds.append("float")
    last = 0
    while True:
        some = lines.filter(pk__gt=last).order_by("pk")
        part = arrays_read(some.values_list(*names)[:ARRAY_CHUNK], kinds)
        if len(part[0]):
            yield part
            last = int(part[0][-1])
        if len(part[0]) < ARRAY_CHUNK:
            return


def _row_chunks(lines: QuerySet[OrderLine], price: bool) -> Iterable[list[NDArray[Any]]]:
    fields = ("pk", "order_id", "order__customer_id", "product_id", "placed_at", "quantity")
    paid = ("unit_price",) if price else ()
    stream = lines.order_by("pk").values_list(*fields, *paid).iterator(chunk_size=CHUNK)
    while chunk := list(islice(stream, CHUNK)):
        key, order, customer, product, at, quantity, *prices = zip(*chunk, strict=True)
        yield [
            np.array(key, dtype=np.int64),
            np.array(order, dtype=np.int64),
            np.array([NOBODY if one is None else one for one in customer], dtype=np.int64),
            np.array(product, dtype=np.int64),
            np.array([moment.timestamp() for moment in at]),
            np.array(quantity, dtype=np.float64),
            *(np.array(one, dtype=np.float64) for one in prices),
        ]


def _number_chunks(lines: QuerySet[OrderLine]) -> Iterable[list[NDArray[Any]]]:
    """As ``_row_chunks`` with the price, numbers out of SQLite instead of decimals and dates: a third of the time.
    Moments are exact to a millisecond."""
    at = Func("placed_at", template="(julianday(%(expressions)s) - 2440587.5) * 86400.0", output_field=FloatField())
    names = ("pk", "order_id", Coalesce(F("order__customer_id"), Value(NOBODY)), "product_id", at)
    numbers = (Cast("quantity", FloatField()), Cast("unit_price", FloatField()))
    stream = lines.order_by("pk").values_list(*names, *numbers).iterator(chunk_size=CHUNK)
    kinds = (np.int64, np.int64, np.int64, np.int64, np.float64, np.float64, np.float64)
    while chunk := list(islice(stream, CHUNK)):
        columns = [np.array(one, dtype=kind) for one, kind in zip(zip(*chunk, strict=True), kinds, strict=True)]
        columns[4] = np.round(columns[4], 3)
        yield columns


def customer_names(keys: NDArray[np.int64]) -> list[str]:
    """The shop's ids of customers by primary key, "" for `NOBODY`."""
    return _names(Customer, keys)


def product_names(keys: NDArray[np.int64]) -> list[str]:
    """The shop's ids of products by primary key."""
    return _names(Product, keys)


def order_names(keys: NDArray[np.int64]) -> list[str]:
    """The shop's ids of orders by primary key."""
    return _names(Order, keys)


def _names(model: type[Model], keys: NDArray[np.int64]) -> list[str]:
    ordered = np.unique(keys[keys != NOBODY]).tolist()
    rows = model._default_manager.values_list("pk", "external_id")
    if ordered and (ordered[-1] - ordered[0]) < DENSE * len(ordered):  # most of the rows between: no list of keys
        between = rows.filter(pk__range=(ordered[0], ordered[-1])).order_by("pk")
        known = dict(between.iterator(chunk_size=CHUNK))
    else:
        known = {}
        for start in range(0, len(ordered), KEYS_CHUNK):
            known.update(rows.filter(pk__in=ordered[start : start + KEYS_CHUNK]))
    return [known.get(key, "") for key in keys.tolist()]
