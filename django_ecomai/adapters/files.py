"""Reading CSV and Parquet files row by row, with errors that say which line, which column and what to do."""

from __future__ import annotations

import codecs
import csv
import difflib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, time
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from django.utils.dateparse import parse_date, parse_datetime

from django_ecomai.core.extras import require

from .base import AdapterError
from .rows import BadRow

BATCH = 20_000
_BOMS = {b"\xff\xfe": "utf-16", b"\xfe\xff": "utf-16", b"\xef\xbb\xbf": "utf-8-sig"}
_TRUE = frozenset({"1", "true", "t", "yes", "y", "on", "active", "ja", "oui", "si", "x"})
_SIGNS = str.maketrans("", "", " \u00a0\u202f€£$¥'")


@dataclass(frozen=True)
class FileFormat:
    """How the files are written.

    ``decimal``: the sign before the cents; the other of ``.`` and ``,`` then groups thousands.
    """

    encoding: str = "utf-8-sig"
    delimiter: str = ","
    decimal: str = "."
    date_formats: tuple[str, ...] = ()
    time_zone: str | None = None


Record = tuple[int, Mapping[str, Any]]


def encoding_guess(path: Path) -> str:
    """The encoding that a file is probably in: by its byte order mark, else UTF-8 if it decodes, else cp1252."""
    with path.open("rb") as file:
        head = file.read(4)
        for mark, name in _BOMS.items():
            if head.startswith(mark):
                return name
        file.seek(0)
        decoder = codecs.getincrementaldecoder("utf-8")()
        try:
            while chunk := file.read(1 << 20):
                decoder.decode(chunk)
            decoder.decode(b"", final=True)
        except UnicodeDecodeError:
            return "cp1252"
    return "utf-8"


def _encoding_error(path: Path, encoding: str, error: UnicodeError) -> AdapterError:
    found = encoding_guess(path)
    where = ""
    with path.open("rb") as file:
        for number, line in enumerate(file, 1):
            try:
                line.decode(encoding)
            except UnicodeError:
                where = f" (line {number})"
                break
    return AdapterError(
        f"{path.name} is not written in {encoding}{where}: {error}. It looks like {found}. "
        f"Set encoding = {found!r} on the adapter, or save the file as UTF-8."
    )


def columns_check(path: Path, wanted: Mapping[str, str], present: list[str]) -> None:
    """Raise ``AdapterError`` naming the missing columns, the nearest ones and all that the file has."""
    missing = [column for column in wanted.values() if column not in present]
    if not missing:
        return
    parts = []
    for column in missing:
        near = difflib.get_close_matches(column, present, n=1, cutoff=0.5)
        parts.append(f"{column!r}" + (f" (did you mean {near[0]!r}?)" if near else ""))
    raise AdapterError(
        f"{path.name} lacks the column {', '.join(parts)}. Its columns: {', '.join(map(repr, present)) or 'none'}."
    )


def records(path: Path, wanted: Mapping[str, str], form: FileFormat, table: str) -> Iterator[Record | BadRow]:
    """Rows of a file as ``(line number, {column: value})``; a row with too few or too many fields comes as ``BadRow``.

    Raises ``AdapterError`` for a missing file, a wrong encoding or a missing column.
    """
    if not path.exists():
        raise AdapterError(f"{path} does not exist.")
    if path.suffix.lower() in (".parquet", ".pq"):
        yield from _parquet(path, wanted)
    else:
        yield from _csv(path, wanted, form, table)


def _parquet(path: Path, wanted: Mapping[str, str]) -> Iterator[Record]:
    parquet = require("pyarrow.parquet", extra="parquet")
    arrow = require("pyarrow", extra="parquet")
    try:
        file = parquet.ParquetFile(path)
    except arrow.ArrowInvalid as error:
        raise AdapterError(f"{path.name} is no Parquet file: {error}") from error
    with file:
        columns_check(path, wanted, list(file.schema_arrow.names))
        columns = list(dict.fromkeys(wanted.values()))
        number = 0
        for batch in file.iter_batches(batch_size=BATCH, columns=columns):
            lists = [batch.column(batch.schema.get_field_index(c)).to_pylist() for c in columns]
            for values in zip(*lists, strict=True):
                number += 1
                yield number, dict(zip(columns, values, strict=True))


def _csv(path: Path, wanted: Mapping[str, str], form: FileFormat, table: str) -> Iterator[Record | BadRow]:
    with path.open("rb") as raw:
        head = raw.read(2)
    if head in (b"\xff\xfe", b"\xfe\xff") and not form.encoding.lower().startswith("utf-16"):
        raise _encoding_error(path, form.encoding, UnicodeError("it begins with the mark of UTF-16"))
    try:
        with path.open(encoding=form.encoding, newline="") as file:
            reader = csv.reader(file, delimiter=form.delimiter)
            header = [name.strip() for name in next(reader, [])]
            columns_check(path, wanted, header)
            width = len(header)
            while True:
                try:
                    fields = next(reader)
                except StopIteration:
                    return
                except csv.Error as error:  # an unclosed quote or an endless field: this row is lost, not the file
                    yield BadRow(table=table, code="unreadable_line", line=reader.line_num, value=str(error))
                    continue
                if len(fields) == width:
                    yield reader.line_num, dict(zip(header, fields, strict=True))
                elif any(fields):
                    yield BadRow(
                        table=table,
                        code="wrong_column_count",
                        line=reader.line_num,
                        value=f"{len(fields)} instead of {width}: {form.delimiter.join(fields)}"[:120],
                    )
    except UnicodeError as error:
        raise _encoding_error(path, form.encoding, error) from error
    except LookupError as error:  # an encoding that Python does not know
        raise AdapterError(f"encoding = {form.encoding!r}: {error}.") from error


def number_read(value: Any, form: FileFormat) -> Decimal | None:
    """A number as the file writes it. Raises ``ValueError`` when it is none."""
    if value is None or isinstance(value, Decimal):
        return value
    if isinstance(value, int | float):
        number = Decimal(repr(value))
    else:
        text = str(value).translate(_SIGNS)
        if not text:
            return None
        other = "," if form.decimal == "." else "."
        try:
            number = Decimal(text.replace(other, "").replace(form.decimal, "."))
        except InvalidOperation:
            raise ValueError(f"{value!r} is not a number") from None
    if number.is_nan():
        if isinstance(value, float):
            return None  # how Parquet files made from data frames say "empty"
        raise ValueError(f"{value!r} is not a number")
    return number


def moment_read(value: Any, form: FileFormat) -> datetime | None:
    """A time as the file writes it, in the adapter's time zone when it names one.

    Raises ``ValueError`` when it is none.
    """
    if value is None or value == "":
        return None
    moment: datetime | None = None
    if isinstance(value, datetime):
        moment = value
    elif isinstance(value, date):
        moment = datetime.combine(value, time())
    else:
        text = str(value).strip()
        for pattern in form.date_formats:
            try:
                moment = datetime.strptime(text, pattern)
                break
            except ValueError:
                continue
        if moment is None:
            day = parse_date(text)
            moment = parse_datetime(text) or (datetime.combine(day, time()) if day else None)
        if moment is None:
            raise ValueError(f"{value!r} is not a date")
    if moment.tzinfo is None and form.time_zone:
        moment = moment.replace(tzinfo=ZoneInfo(form.time_zone))
    return moment


def text_read(value: Any, form: FileFormat) -> str:
    """Text; whole floats lose their ``.0``, because spreadsheets turn ids with gaps into floats."""
    if value is None:
        return ""
    if isinstance(value, float):
        if value != value:
            return ""
        return str(int(value)) if value.is_integer() else repr(value)
    text = str(value).strip()
    return "" if text.lower() in ("nan", "null", "none", "n/a", "#n/a") else text


def flag_read(value: Any, form: FileFormat) -> bool:
    """Yes or no; empty means yes (a product that nobody switched off is on sale)."""
    if value is None or value == "":
        return True
    return value if isinstance(value, bool) else str(value).strip().lower() in _TRUE


Reader = Callable[[Any, FileFormat], Any]
NUMBERS = frozenset(
    [
        "price",
        "list_price",
        "cost",
        "stock",
        "quantity",
        "unit_price",
        "unit_cost",
        "discount",
        "tax",
        "amount",
        "total",
        "total_net",
        "total_tax",
        "rating",
        "percent",
    ]
)
MOMENTS = frozenset(
    [
        "placed_at",
        "paid_at",
        "shipped_at",
        "delivered_at",
        "cancelled_at",
        "created_at",
        "updated_at",
        "first_seen",
        "last_seen",
        "valid_from",
        "starts_at",
        "ends_at",
    ]
)
FLAGS = frozenset({"is_active", "is_service"})


def reader_of(name: str) -> Reader:
    """How a field of a row is read."""
    if name in NUMBERS:
        return number_read
    if name in MOMENTS:
        return moment_read
    return flag_read if name in FLAGS else text_read
