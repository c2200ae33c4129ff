"""CSV files of merchants: how they are read and written, and what is said about a value that cannot be used."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, time
from decimal import Decimal, InvalidOperation
from itertools import islice
from typing import Any

from django.utils import timezone
from django.utils.dateparse import parse_date, parse_datetime
from django.utils.translation import gettext as _

from .spellings import OPEN, Unclear, day_plain, number_plain, order_shown, sign_shown

MOST_ROWS, MOST_BYTES = 100_000, 10 * 1024 * 1024
_PIECE = 500
#: Line of the file and its columns.
Row = tuple[int, dict[str, str]]
#: What fits into a column of money (14 digits, 4 of them after the point), and what every calendar can show.
_MOST, _YEARS = 10**10, range(1900, 2200)
_FORMULA = re.compile(r"'*[=+\-@\t\r]")
_BEGINS = frozenset("'=+-@\t\r")
_YES, _NO = {"1", "true", "yes", "y", "ja", "x"}, {"0", "false", "no", "n", "nein"}


class FileError(Exception):
    """The file as a whole cannot be read; the message says what to do."""


class RowError(Exception):
    """A row cannot be used. Message and value can be sent and stored, whatever was in them."""

    def __init__(self, column: str, message: str, value: str = "") -> None:
        super().__init__(message)
        self.column, self.message, self.value = column, _printable(message), _printable(value)


def _printable(text: str) -> str:
    return text.encode("utf-8", "replace").decode()


def storable(row: Mapping[str, str]) -> None:
    """Raise ``RowError`` for a text that no database takes: half of a surrogate pair, as JSON may hold it."""
    for column, value in row.items():
        if _printable(value) != value:
            raise RowError(column, _("This text is damaged: one of its characters is no character."), value)


def records(
    content: bytes | str,
    *,
    columns: Sequence[str],
    needed: Sequence[str],
    refuse: Callable[[int, RowError], None],
    numbers: Sequence[str] = (),
    days: Sequence[str] = (),
) -> Iterator[Row]:
    """Rows of a CSV (UTF-8; comma, semicolon or tab) with their lines; other columns are left out. The apostrophe that
    ``safe`` set before a text is taken off again.

    Columns of ``numbers`` and ``days`` come as ``number`` and ``moment`` read them, however the file writes them: what
    can be read in two ways follows the rest of its column. ``refuse`` is told of rows that are not given: one with more
    values than the heading has columns, and one that the rest of its column does not make clear.

    Raises ``FileError`` when it cannot be read, before the first row.
    """
    told = _content(content)
    delimiter = max(",;\t", key=told.split("\n", 1)[0].count)
    names = [name.strip().lower() for _line, cells in _cells(told, delimiter, 1) for name in cells]
    if missing := [name for name in needed if name not in names]:
        raise FileError(
            _("The first line lacks the column %(missing)s. Columns: %(known)s.")
            % {"missing": ", ".join(missing), "known": ", ".join(columns)}
        )
    readers = {
        **dict.fromkeys(numbers, (sign_shown, number_plain)),
        **dict.fromkeys(days, (order_shown, day_plain)),
    }
    shown: dict[str, set[str]] = {name: set() for name in readers if name in names and name in columns}
    for number, (_line, cells) in enumerate(_cells(told, delimiter)):
        if number > MOST_ROWS:
            raise FileError(_("The file has more than %(most)d rows: split it.") % {"most": MOST_ROWS})
        if number and len(cells) <= len(names):
            for name, value in zip(names, cells, strict=False):
                if name in shown:
                    shown[name].add(readers[name][0](value.strip()))
    for line, cells in islice(_cells(told, delimiter), 1, None):
        if len(cells) > len(names):
            refuse(line, _too_many(cells, names, delimiter))
            continue
        row = dict.fromkeys((name for name in names if name in columns), "")
        row |= {name: plain_text(value.strip()) for name, value in zip(names, cells, strict=False) if name in columns}
        try:
            for name, proved in shown.items():
                row[name] = _spelled(row, name, readers[name][1], proved)
        except RowError as error:
            refuse(line, error)
            continue
        yield line, row


def _content(content: bytes | str) -> str:
    if len(content) > MOST_BYTES:
        raise FileError(_("The file is larger than 10 MB: split it."))
    if isinstance(content, bytes):
        try:
            content = content.decode("utf-8-sig")
        except UnicodeDecodeError as error:
            raise FileError(
                _("The file is not UTF-8 (byte %(place)s): save it as “CSV UTF-8”.") % {"place": error.start}
            ) from error
    if "\x00" in content or _printable(content) != content:
        raise FileError(_("The file is no text: save it as “CSV UTF-8”."))
    return content.lstrip("\ufeff")


def _cells(told: str, delimiter: str, most: int | None = None) -> Iterator[tuple[int, list[str]]]:
    """The first ``most`` lines that are not empty, each with its number."""
    reader = csv.reader(io.StringIO(told, newline=""), delimiter=delimiter)
    try:
        for cells in islice(filter(None, reader), most):
            yield reader.line_num, cells
    except csv.Error as error:
        raise FileError(f"{reader.line_num}: {error}") from error


def _too_many(cells: Sequence[str], names: Sequence[str], delimiter: str) -> RowError:
    named = {"values": len(cells), "columns": len(names)}
    if delimiter == ",":
        text = _(
            "%(values)d values for %(columns)d columns: is a comma inside a number or a text? Put it in quotation "
            "marks, or save the file with semicolons between columns."
        )
    else:
        text = _("%(values)d values for %(columns)d columns: put a text that holds the separator in quotation marks.")
    return RowError("", text % named, delimiter.join(cells))


def _spelled(
    row: Mapping[str, str], column: str, read: Callable[[str, Iterable[str]], str], proved: Iterable[str]
) -> str:
    try:
        return read(row[column], proved)
    except Unclear as error:
        raise RowError(column, str(error), row[column]) from error


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
    """A number within its bounds, below ten thousand million when rounded to four digits; None where there is none. A
    point is the decimal sign; a comma is one too where it can be nothing else."""
    text = row.get(column, "")
    if not text:
        return None
    try:
        value = Decimal(text if "," not in text else number_plain(text))
    except Unclear as error:
        raise RowError(column, str(error), text) from error
    except InvalidOperation as error:
        raise RowError(column, _("This is no number."), text) from error
    # copy_abs: abs() computes, and raises for exponents that it cannot hold
    if not value.is_finite() or value.copy_abs() >= _MOST or round(value.copy_abs(), 4) >= _MOST:
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
    """A day (its beginning, in the current time zone) or a moment, in UTC; None where there is none. Of the years 1900
    to 2199: a day at the end of time is a slip, and no time zone can show it."""
    text = row.get(column, "")
    if not text:
        return None
    try:
        moment = parse_datetime(text)
        if moment is None and (day := parse_date(text)):
            moment = datetime.combine(day, time())
        if moment is not None and timezone.is_naive(moment):
            moment = moment.replace(tzinfo=timezone.get_current_timezone())
        moment = moment and moment.astimezone(UTC)
    except (ValueError, OverflowError):
        moment = None
    if moment is None or moment.year not in _YEARS:
        raise RowError(column, _("Write a day such as 2026-03-31, with or without a time."), text)
    return moment


def csv_stream(columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> Iterator[str]:
    """A CSV with a heading line, in pieces of some hundred lines: no more of it is held. Values as ``cell`` and
    ``safe`` write them."""
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\r\n")
    writer.writerow(columns)
    for number, row in enumerate(rows, 1):
        writer.writerow([_written(value) for value in row])
        if number % _PIECE == 0:
            yield buffer.getvalue()
            buffer.seek(0)
            buffer.truncate()
    yield buffer.getvalue()


def csv_text(columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    """``csv_stream`` in one piece."""
    return "".join(csv_stream(columns, rows))


def _written(value: Any) -> Any:
    """``safe(cell(value))``, the most frequent kinds first: a file has millions of cells."""
    kind = type(value)
    if kind is float:
        return round(value, 4)
    if kind is str:
        return safe(value)
    if value is None:
        return ""
    return value if kind is int else safe(cell(value))


def cell(value: Any) -> Any:
    """A value as a cell: no powers of ten, no idle zeros (but 1.2340: three decimals may be read as thousands), dates
    in ISO 8601, nothing for None."""
    if value is None:
        return ""
    if isinstance(value, Decimal):
        told = f"{value.normalize():f}"
        # only three decimals can be read as thousands
        return f"{told}0" if told[-4:-3] == "." and sign_shown(told) == OPEN else told
    if isinstance(value, date):
        return value.isoformat()
    return round(value, 4) if isinstance(value, float) else value


def safe(value: Any) -> Any:
    """A text that a spreadsheet would take for a formula gets an apostrophe before it; so does one that begins with
    apostrophes and goes on so, that ``plain_text`` can take one off."""
    if not isinstance(value, str) or value[:1] not in _BEGINS or not _FORMULA.match(value) or _is_number(value):
        return value
    return f"'{value}"


def plain_text(value: str) -> str:
    """The text that ``safe`` has written so."""
    return value[1:] if value[:1] == "'" and _FORMULA.match(value) else value


def _is_number(value: str) -> bool:
    try:
        float(value)
    except ValueError:
        return False
    return True
