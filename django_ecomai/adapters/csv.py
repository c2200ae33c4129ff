"""``CsvAdapter``: a shop that exports files. CSV or Parquet, with a column map per table.

::

    class ShopAdapter(CsvAdapter):
        folder = BASE_DIR / "export"
        encoding = "cp1252"
        time_zone = "Europe/London"
        line_file = "online_retail.csv"          # one row = one line of an order
        line_columns = {
            "order_id": "InvoiceNo", "placed_at": "InvoiceDate", "customer_id": "CustomerID",
            "product_id": "StockCode", "title": "Description", "quantity": "Quantity", "unit_price": "UnitPrice",
        }

Give ``product_file`` and ``product_columns`` (and ``category_``, ``customer_``, ``order_``, ``review_``,
``promotion_``, ``price_``, ``stock_``) when there are such files. Without a product file the catalogue is derived
from the order lines. Rows that cannot be read go into the sync's report with line, column and value; the good rows
are kept.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import fields
from datetime import UTC, datetime
from hashlib import blake2b
from pathlib import Path
from typing import Any

from django.utils import timezone

from .base import AdapterError, ShopAdapter
from .files import FileFormat, reader_of, records
from .rows import ROW_TYPES, TABLES, BadRow, CategoryRow, OrderLineRow, OrderRow, ProductRow

__all__ = ["CsvAdapter"]

_LINE = {f.name for f in fields(OrderLineRow)}
_ORDER = {f.name for f in fields(OrderRow)} - {"id", "lines", "returns"}
# What a row cannot do without; every other value that cannot be read is emptied and the row kept.
_NEEDED = {
    "category": ("id",),
    "product": ("id",),
    "customer": ("id",),
    "order": ("id", "placed_at"),
    "line": ("order_id", "quantity"),
    "review": ("id", "product_id"),
    "promotion": ("id", "starts_at"),
    "price": ("product_id", "valid_from"),
    "stock": ("product_id", "quantity"),
}
_LISTS = ("category_ids", "product_ids")


class CsvAdapter(ShopAdapter):
    """Reads a folder of CSV or Parquet files.

    Streams: memory holds one order at a time, plus a counter per order id.
    """

    folder: str | Path = "."
    encoding: str = "utf-8-sig"
    delimiter: str = ","
    decimal: str = "."
    date_formats: tuple[str, ...] = ()
    time_zone: str | None = None
    list_separator: str = "|"

    category_file: str = ""
    category_columns: Mapping[str, str] = {}
    product_file: str = ""
    product_columns: Mapping[str, str] = {}
    customer_file: str = ""
    customer_columns: Mapping[str, str] = {}
    order_file: str = ""
    order_columns: Mapping[str, str] = {}
    line_file: str = ""
    line_columns: Mapping[str, str] = {}
    review_file: str = ""
    review_columns: Mapping[str, str] = {}
    promotion_file: str = ""
    promotion_columns: Mapping[str, str] = {}
    price_file: str = ""
    price_columns: Mapping[str, str] = {}
    stock_file: str = ""
    stock_columns: Mapping[str, str] = {}

    def is_return(self, order_id: str) -> bool:
        """Whether all lines of an order are returns although the file gives their quantities as positive.

        Override to fit.
        """
        return False

    def tables(self) -> tuple[str, ...]:
        given = {t for t in TABLES if getattr(self, f"{t}_file")}
        if self.line_file:
            given.add("order")
            if "product_id" in self.line_columns:
                given.add("product")
        if "product" in given and "category_ids" in self.product_columns:
            given.add("category")
        return tuple(t for t in TABLES if t in given)

    def form(self) -> FileFormat:
        """How the files are written."""
        return FileFormat(self.encoding, self.delimiter, self.decimal, tuple(self.date_formats), self.time_zone)

    # -- rows of files ----------------------------------------------------------------------------------------------
    def read(self, table: str) -> Iterator[tuple[int, dict[str, Any]] | BadRow]:
        """Rows of a table's file as ``(line number, {field: value})``.

        A value that cannot be read comes as a ``BadRow`` of its own.
        """
        columns: Mapping[str, str] = getattr(self, f"{table}_columns")
        needed = _NEEDED[table]
        if missing := [name for name in needed if name not in columns]:
            raise AdapterError(f"{type(self).__name__}.{table}_columns lacks {', '.join(map(repr, missing))}.")
        known = _LINE | _ORDER | {"order_id"} if table == "line" else {f.name for f in fields(ROW_TYPES[table])}
        if unknown := [name for name in columns if name not in known]:
            raise AdapterError(
                f"{type(self).__name__}.{table}_columns has an unknown key {', '.join(map(repr, unknown))}. "
                f"Known: {', '.join(sorted(known))}."
            )
        form = self.form()
        readers = [(name, column, reader_of(name)) for name, column in columns.items()]
        path = Path(self.folder) / getattr(self, f"{table}_file")
        report = "order_line" if table == "line" else table
        for record in records(path, columns, form, report):
            if isinstance(record, BadRow):
                yield record
                continue
            number, raw = record
            data: dict[str, Any] = {}
            usable = True
            for name, column, read in readers:
                try:
                    data[name] = read(raw[column], form)
                except (ValueError, ArithmeticError):
                    usable = usable and name not in needed
                    data[name] = None
                    yield BadRow(
                        table=report,
                        code="not_a_time" if name.endswith(("_at", "_seen", "_from")) else "not_a_number",
                        column=column,
                        line=number,
                        value=str(raw[column])[:80],
                        action="emptied" if usable else "skipped",
                    )
                if usable and name in needed and data[name] in (None, ""):
                    usable = False
                    yield BadRow(table=report, code="value_missing", column=column, line=number)
                if not usable:
                    break
            if usable:
                yield number, data

    def _rows(self, table: str) -> Iterator[Any]:
        if not getattr(self, f"{table}_file"):
            return
        for item in self.read(table):
            if isinstance(item, BadRow):
                yield item
                continue
            data = item[1]
            for name in _LISTS:
                if name in data:
                    data[name] = self._list(data[name])
            yield ROW_TYPES[table](**data)

    def _list(self, value: Any) -> tuple[str, ...]:
        return tuple(part.strip() for part in str(value or "").split(self.list_separator) if part.strip())

    def categories(self) -> Iterator[Any]:
        if self.category_file:
            yield from self._rows("category")
        elif self.product_file and "category_ids" in self.product_columns:
            seen: set[str] = set()
            for item in self.read("product"):
                if not isinstance(item, BadRow):  # reported when the products are read
                    for name in self._list(item[1]["category_ids"]):
                        if name not in seen:
                            seen.add(name)
                            yield CategoryRow(id=name, name=name)

    def products(self, since: datetime | None = None) -> Iterator[Any]:
        return self._rows("product") if self.product_file else self._products_derived()

    def customers(self, since: datetime | None = None) -> Iterator[Any]:
        return self._rows("customer")

    def reviews(self, since: datetime | None = None) -> Iterator[Any]:
        return self._rows("review")

    def promotions(self) -> Iterator[Any]:
        return self._rows("promotion")

    def prices(self, since: datetime | None = None) -> Iterator[Any]:
        return self._rows("price")

    def stock(self, since: datetime | None = None) -> Iterator[Any]:
        return self._rows("stock")

    def _products_derived(self) -> Iterator[Any]:
        """The catalogue that the order lines show.

        The most frequent title, the latest price, the day of the first sale.
        """
        titles: dict[str, Counter[str]] = {}
        latest: dict[str, tuple[datetime, Any]] = {}
        first: dict[str, datetime] = {}
        far = datetime.max.replace(tzinfo=UTC)
        for item in self.read("line"):
            if isinstance(item, BadRow):
                continue  # reported when the orders are read
            data = item[1]
            ident = data.get("product_id") or ""
            if not ident:
                continue
            counter = titles.setdefault(ident, Counter())
            if data.get("title") and (len(counter) < 50 or data["title"] in counter):
                counter[data["title"]] += 1
            moment = data.get("placed_at")
            if moment is None:
                continue
            moment = moment if moment.tzinfo else timezone.make_aware(moment)
            first[ident] = min(moment, first.get(ident, far))
            price = data.get("unit_price")
            if price and price > 0 and data["quantity"] > 0 and (ident not in latest or moment >= latest[ident][0]):
                latest[ident] = (moment, price)
        for ident, counter in titles.items():
            # Ties go to the title that sorts first, so that a second sync sees the same.
            title = min(counter, key=lambda t: (-counter[t], t)) if counter else ""
            yield ProductRow(
                id=ident,
                sku=ident,
                title=title,
                price=latest[ident][1] if ident in latest else None,
                created_at=first.get(ident),
            )

    # -- orders -----------------------------------------------------------------------------------------------------
    def orders(self, since: datetime | None = None) -> Iterator[Any]:
        """Orders with their lines. The lines of an order may stand anywhere in the file."""
        heads: dict[str, dict[str, Any]] = {}
        if self.order_file:
            for item in self.read("order"):
                if isinstance(item, BadRow):
                    yield item
                elif item[1]["id"] in heads:
                    yield BadRow(table="order", code="duplicate_id", line=item[0], id=item[1]["id"])
                else:
                    heads[item[1]["id"]] = item[1]
        if self.line_file:
            # The first pass counts, so that the second can let go of an order as soon as its last line is in.
            left = Counter(item[1]["order_id"] for item in self.read("line") if not isinstance(item, BadRow))
            open_orders: dict[str, list[tuple[int, dict[str, Any]]]] = {}
            for item in self.read("line"):
                if isinstance(item, BadRow):
                    yield item
                    continue
                ident = item[1]["order_id"]
                open_orders.setdefault(ident, []).append(item)
                left[ident] -= 1
                if not left[ident]:
                    del left[ident]
                    yield from self._order(ident, heads.pop(ident, None), open_orders.pop(ident), since)
        for ident, head in heads.items():
            yield from self._order(ident, head, [], since)

    def _order(
        self, ident: str, head: dict[str, Any] | None, items: list[tuple[int, dict[str, Any]]], since: datetime | None
    ) -> Iterator[Any]:
        data = {k: v for k, v in (head or {}).items() if k != "id"}
        for name in _ORDER & set(self.line_columns):
            values = [(number, item[name]) for number, item in items if item.get(name) not in (None, "")]
            if not values:
                continue
            if name == "placed_at":
                data.setdefault(name, min(v for _n, v in values))  # an order is placed with its first line
                continue
            data.setdefault(name, values[0][1])
            for number, value in values:
                if value != values[0][1]:
                    yield BadRow(
                        table="order",
                        code="inconsistent",
                        column=self.line_columns[name],
                        line=number,
                        id=ident,
                        value=f"{values[0][1]} / {value}",
                        action="first_kept",
                    )
                    break
        placed = data.get("placed_at")
        if since is not None and placed is not None:
            aware = placed if placed.tzinfo else timezone.make_aware(placed)
            if aware < since:
                return
        data.setdefault("number", ident)
        back = self.is_return(ident)
        lines = []
        occurrence: Counter[str] = Counter()
        for _number, item in items:
            line = {name: item[name] for name in item if name in _LINE}
            if back:
                line["quantity"] = -abs(line["quantity"])
            product = line.get("product_id") or line.get("title") or ""
            occurrence[product] += 1
            line["id"] = line.get("id") or _line_id(ident, product, occurrence[product])
            lines.append(OrderLineRow(**line))
        data.setdefault("placed_at", None)
        yield OrderRow(id=ident, lines=tuple(lines), **data)


def _line_id(order: str, product: str, occurrence: int) -> str:
    """An id that stays the same when the file is sorted differently, and fits into 64 characters."""
    text = f"{order}:{product}:{occurrence}"
    return text if len(text) <= 64 else blake2b(text.encode(), digest_size=16).hexdigest()
