"""CSV files of merchants: how they are read and written, and what is said about a value that cannot be used."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, time
from decimal import Decimal, InvalidOperation
from typing import Any

from django.utils import timezone
from django.utils.dateparse import parse_date, parse_datetime
from django.utils.translation import gettext as _

MOST_ROWS, MOST_BYTES = 100_000, 10 * 1024 * 1024
#: Line of the file and its columns.
Row = tuple[int, dict[str, str]]
_YES, _NO = {"1", "true", "yes", "y", "ja", "x"}, {"0", "false", "no", "n", "nein"}


class FileError(Exception):
    """The file as a whole cannot be read; the message says what to do."""


class RowError(Exception):
    """A row cannot be used."""

    def __init__(self, column: str, message: str, value: str = "") -> None:
        super().__init__(message)
        self.column, self.message, self.value = column, message, value


def records(content: bytes | str, *, columns: Sequence[str], needed: Sequence[str]) -> Iterator[Row]:
    """Rows of a CSV (UTF-8; comma, semicolon or tab) with their lines; other columns are left out.

    Raises ``FileError`` when it cannot be read.
    """
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
    if missing := [name for name in needed if name not in names]:
        raise FileError(
            _("The first line lacks the column %(missing)s. Columns: %(known)s.")
            % {"missing": ", ".join(missing), "known": ", ".join(columns)}
        )
    reader.fieldnames = names
    try:
        for number, row in enumerate(reader):
            if number >= MOST_ROWS:
                raise FileError(_("The file has more than %(most)d rows: split it.") % {"most": MOST_ROWS})
            yield reader.line_num, {k: (v or "").strip() for k, v in row.items() if k in columns and k}
    except csv.Error as error:
        raise FileError(f"{reader.line_num}: {error}") from error


def text(row: Mapping[str, str], column: str, *, most: int, needed: bool = False) -> str:
    """Text of at most ``most`` characters."""
    value = row.get(column, "")
    if needed and not value:
        raise RowError(column, _("A value is needed here."))
    if len(value) > most:
        raise RowError(column, _("At most %(most)d characters.") % {"most": most}, value)
    return value


def number(
    row: Mapping[str, str], column: str, *, least: Decimal | None = None, above: Decimal | None = None
) -> Decimal | None:
    """A number within its bounds; None where there is none."""
    text = row.get(column, "")
    if not text:
        return None
    try:
        value = Decimal(text.replace(",", ".") if text.count(",") == 1 and "." not in text else text)
    except InvalidOperation as error:
        raise RowError(column, _("This is no number."), text) from error
    if not value.is_finite() or abs(value) >= 10**10:
        raise RowError(column, _("This is no number."), text)
    if least is not None and value < least:
        raise RowError(column, _("It must be %(least)s or more.") % {"least": least}, text)
    if above is not None and value <= above:
        raise RowError(column, _("It must be above %(least)s.") % {"least": above}, text)
    return value


def flag(row: Mapping[str, str], column: str) -> bool:
    """Yes or no."""
    value = row.get(column, "").lower()
    if value in _YES:
        return True
    if value in _NO:
        return False
    raise RowError(column, _("Write yes or no."), value)


def moment(row: Mapping[str, Any], column: str) -> datetime | None:
    """A day (its noon) or a moment; None where there is none."""
    text = row.get(column, "")
    if not text:
        return None
    try:
        moment = parse_datetime(text)
        if moment is None and (day := parse_date(text)):
            moment = datetime.combine(day, time(12))
    except ValueError:
        moment = None
    if moment is None:
        raise RowError(column, _("Write a day such as 2026-03-31, with or without a time."), text)
    return (
        moment.replace(tzinfo=timezone.get_current_timezone()) if timezone.is_naive(moment) else moment.astimezone(UTC)
    )


def csv_text(columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    """A CSV with a heading line; a text that a spreadsheet would take for a formula gets an apostrophe before it."""
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\r\n")
    writer.writerow(columns)
    writer.writerows([safe(value) for value in row] for row in rows)
    return buffer.getvalue()


def safe(value: Any) -> Any:
    """A text that a spreadsheet would take for a formula gets an apostrophe before it."""
    if isinstance(value, str) and value[:1] in ("=", "+", "-", "@", "\t", "\r") and not _is_number(value):
        return "'" + value
    return value


def _is_number(value: str) -> bool:
    try:
        float(value)
    except ValueError:
        return False
    return True
