"""What a CSV may hold, how it is read, and what is said about it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from django.utils.translation import gettext as _

from django_ecomai.core import tables
from django_ecomai.core.tables import MOST_BYTES, FileError, Row, RowError

__all__ = ["COLUMNS", "MOST_BYTES", "NEEDED", "FileError", "Outcome", "Problem", "Row", "RowError", "records", "take"]

MOST_ERRORS, CHUNK = 500, 500

COLUMNS: dict[str, tuple[str, ...]] = {
    "suppliers": ("code", "name", "email", "country", "currency", "lead_time_days"),
    "supplier_products": (
        "supplier_code",
        "product_id",
        "supplier_sku",
        "cost",
        "currency",
        "moq",
        "pack_size",
        "lead_time_days",
        "price_breaks",
        "shelf_life_days",
        "is_preferred",
    ),
    "receipts": ("reference", "supplier_code", "product_id", "quantity", "ordered_at", "received_at", "order_number"),
    "substitutions": ("product_id", "substitute_id", "share", "both_ways", "note"),
}
NEEDED: dict[str, tuple[str, ...]] = {
    "suppliers": ("code",),
    "supplier_products": ("supplier_code", "product_id"),
    "receipts": ("product_id", "quantity", "received_at"),
    "substitutions": ("product_id", "substitute_id", "share"),
}
#: Columns of any table that hold numbers, and days.
NUMBERS = ("lead_time_days", "cost", "moq", "pack_size", "shelf_life_days", "quantity", "share")
DAYS = ("ordered_at", "received_at")


@dataclass
class Problem:
    """What is wrong with a row, and where."""

    line: int
    column: str
    value: str
    message: str


@dataclass
class Outcome:
    """How many rows were read and written, and what is wrong with the others (at most 500 are listed)."""

    table: str
    read: int = 0
    created: int = 0
    updated: int = 0
    failed: int = 0
    problems: list[Problem] = field(default_factory=list)
    check_only: bool = False
    # Keys of the rows so far: what stands in a file twice counts once, however far apart.
    seen: set[Any] = field(default_factory=set, repr=False)

    def complain(self, line: int, error: RowError) -> None:
        """Note a row that is left out."""
        self.failed += 1
        if len(self.problems) < MOST_ERRORS:
            self.problems.append(Problem(line, error.column, error.value[:80], error.message))

    def once(self, key: Any, column: str, value: str) -> None:
        """Raise ``RowError`` for a key that an earlier row has; rows with a problem do not count."""
        if key in self.seen:
            raise RowError(column, _("This line stands in the file twice; the first one counts."), value)


def records(table: str, content: bytes | str, outcome: Outcome) -> Iterator[Row]:
    """Rows of a table's CSV with their lines, those that cannot be read named in ``outcome``; raises ``FileError`` when
    the whole cannot be read."""

    def refuse(line: int, error: RowError) -> None:
        outcome.read += 1
        outcome.complain(line, error)

    return tables.records(
        content, columns=COLUMNS[table], needed=NEEDED[table], refuse=refuse, numbers=NUMBERS, days=DAYS
    )


def take(rows: Iterator[Row], outcome: Outcome) -> list[Row]:
    """The next rows; empty at the end."""
    chunk = []
    for number, row in rows:
        outcome.read += 1
        chunk.append((number, row))
        if len(chunk) == CHUNK:
            break
    return chunk
