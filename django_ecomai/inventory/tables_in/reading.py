"""What a CSV may hold, how it is read, and what is said about it."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from django.utils.translation import gettext as _

MOST_ROWS, MOST_BYTES, MOST_ERRORS = 100_000, 10 * 1024 * 1024, 500
CHUNK = 500
#: Line of the file and its columns.
Row = tuple[int, dict[str, str]]

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


class FileError(Exception):
    """The file as a whole cannot be read; the message says what to do."""


class RowError(Exception):
    """A row cannot be used."""

    def __init__(self, column: str, message: str, value: str = "") -> None:
        super().__init__(message)
        self.column, self.message, self.value = column, message, value


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


def records(table: str, content: bytes | str) -> Iterator[Row]:
    """Rows of a CSV with their lines; raises ``FileError`` when it cannot be read."""
    if len(content) > MOST_BYTES:
        raise FileError(_("The file is larger than 10 MB: split it."))
    if isinstance(content, bytes):
        try:
            content = content.decode("utf-8-sig")
        except UnicodeDecodeError as error:
            raise FileError(
                _("The file is not UTF-8 (byte %(place)s): save it as “CSV UTF-8”.") % {"place": error.start}
            ) from error
    if "\x00" in content:
        raise FileError(_("The file is no text: save it as “CSV UTF-8”."))
    head = content.lstrip("\ufeff").split("\n", 1)[0]
    delimiter = max(",;\t", key=head.count)
    reader = csv.DictReader(io.StringIO(content.lstrip("\ufeff"), newline=""), delimiter=delimiter)
    try:
        names = [(name or "").strip().lower() for name in reader.fieldnames or ()]
    except csv.Error as error:
        raise FileError(str(error)) from error
    if missing := [name for name in NEEDED[table] if name not in names]:
        raise FileError(
            _("The first line lacks the column %(missing)s. Columns: %(known)s.")
            % {"missing": ", ".join(missing), "known": ", ".join(COLUMNS[table])}
        )
    reader.fieldnames = names
    try:
        for number, row in enumerate(reader):
            if number >= MOST_ROWS:
                raise FileError(_("The file has more than %(most)d rows: split it.") % {"most": MOST_ROWS})
            yield reader.line_num, {k: (v or "").strip() for k, v in row.items() if k in COLUMNS[table] and k}
    except csv.Error as error:
        raise FileError(f"{reader.line_num}: {error}") from error


def take(rows: Iterator[Row], outcome: Outcome) -> list[Row]:
    """The next rows; empty at the end."""
    chunk = []
    for number, row in rows:
        outcome.read += 1
        chunk.append((number, row))
        if len(chunk) == CHUNK:
            break
    return chunk
