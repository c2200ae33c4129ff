"""CSV in and out: forecasts, overrides, targets and signals, with a sentence for every line that cannot be used."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal, InvalidOperation
from typing import Any, TypeVar

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.dateparse import parse_date
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from django_ecomai.core.undo import Key, Row, rows_of
from django_ecomai.mirror.models import Category, Product

from .changes import change_record
from .models import ForecastChange, ForecastOverride, SalesTarget, Signal
from .services import override_create, signal_values_set, target_set

#: Errors that are told one by one; a wrong file has thousands.
MOST_TOLD = 20
MOST_LINES = 200_000
Made = TypeVar("Made")


@dataclass
class Imported:
    """What became of a file: how many lines were written, how many stood twice (the last one holds), and what is wrong,
    a sentence per line. With an error nothing is written. ``change`` undoes it."""

    written: int = 0
    duplicates: int = 0
    errors: list[str] = field(default_factory=list)
    more_errors: int = 0
    change: ForecastChange | None = None

    def wrong(self, number: int, text: str) -> None:
        """Keep an error of a line."""
        if len(self.errors) < MOST_TOLD:
            self.errors.append(_("Line %(number)s: %(text)s") % {"number": number, "text": text})
        else:
            self.more_errors += 1


class BadFile(ValueError):
    """A file that is no such CSV at all; the message says what it should be."""


def file_lines(content: bytes) -> Iterator[str]:
    """Lines of an uploaded file: UTF-8 (with or without a mark) or Windows-1252. Raises ``BadFile``."""
    if b"\x00" in content:
        raise BadFile(_("This is no text file: save the table as CSV (UTF-8) and upload that."))
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = content.decode("cp1252", errors="replace")
    yield from text.splitlines()


def _rows(lines: Iterable[str], needed: Sequence[str]) -> Iterator[tuple[int, dict[str, str]]]:
    """Number and cells of each line that is not empty; commas, semicolons or tabs. Raises ``BadFile``."""
    held = [line for line in lines if line.strip()]
    if not held:
        raise BadFile(
            _("The file is empty. Its first line must name the columns: %(names)s.") % {"names": _names(needed)}
        )
    if len(held) > MOST_LINES:
        raise BadFile(_("The file has more than %(most)s lines: split it.") % {"most": MOST_LINES})
    mark = max(",;\t", key=held[0].count)
    reader = csv.DictReader(held, delimiter=mark, restval="")  # a line may end early
    try:
        found = [str(name or "").strip().lower() for name in reader.fieldnames or []]
    except csv.Error as error:
        raise BadFile(_("The first line is no line of a CSV: %(error)s.") % {"error": error}) from error
    missing = [name for name in needed if name not in found]
    if missing:
        words = _("The first line must name the columns %(names)s; %(missing)s is missing.")
        raise BadFile(words % {"names": _names(needed), "missing": _names(missing)})
    try:
        for number, row in enumerate(reader, start=2):
            yield number, {str(k or "").strip().lower(): v.strip() for k, v in row.items() if isinstance(v, str)}
    except csv.Error as error:  # a quote that is never closed makes one cell of all that follows
        words = _("Line %(line)s is no line of a CSV (%(error)s): is a quote not closed?")
        raise BadFile(words % {"line": reader.line_num, "error": error}) from error


def _names(names: Sequence[str]) -> str:
    return ", ".join(names)


def signal_import(*, signal: Signal, lines: Iterable[str], user: Any = None) -> Imported:
    """Write values of a signal from the columns ``day, value``, over those that are there. Raises ``BadFile``."""
    result, values = Imported(), {}
    for number, row in _rows(lines, ("day", "value")):
        day = _day(row["day"])
        value = _number(row["value"])
        if day is None:
            result.wrong(number, _("“%(text)s” is no day; write 2026-11-30.") % {"text": row["day"][:40]})
        elif value is None:
            result.wrong(number, _("“%(text)s” is no number.") % {"text": row["value"][:40]})
        else:
            result.duplicates += day in values
            values[day] = float(value)
    if not result.errors:
        result.change = signal_values_set(signal=signal, values=values, user=user)
        result.written = len(values)
    return result


def overrides_import(*, channel: str, lines: Iterable[str], author: Any = None) -> Imported:
    """Make overrides from the columns ``level, key, kind, value, from, to, reason`` (and ``expires``): all of them or,
    when a line is wrong, none. Raises ``BadFile``."""
    names = ("level", "key", "kind", "value", "from", "to", "reason")
    rows = list(_rows(lines, names))
    products = _known(Product, channel, [row["key"] for _n, row in rows if row["level"] == "product"])
    categories = _known(Category, channel, [row["key"] for _n, row in rows if row["level"] == "category"])

    def make(row: dict[str, str]) -> ForecastOverride:
        target: dict[str, Any] = {}
        if row["level"] in ("product", "category"):
            found = (products if row["level"] == "product" else categories).get(row["key"])
            if found is None:
                raise ValidationError(_("There is no such %(level)s: %(key)s.") % row)
            target[row["level"]] = found
        elif row["level"] != "shop":
            raise ValidationError(_("level must be product, category or shop."))
        return override_create(
            channel=channel, kind=row["kind"], value=_amount(row["value"]), starts_on=_given_day(row, "from"),
            ends_on=_given_day(row, "to"), reason=row["reason"], author=author,
            expires_on=_given_day(row, "expires") if row.get("expires") else None, **target,
        )  # fmt: skip

    result, made = _all_or_none(rows, make)
    if made:
        label = ngettext("%(number)d override from a file", "%(number)d overrides from a file", len(made))
        result.change = change_record(
            channel=channel, label=label % {"number": len(made)}, before=[], after=rows_of(made), user=author
        )
    return result


def targets_import(*, channel: str, lines: Iterable[str], author: Any = None, replace: bool = True) -> Imported:
    """Set targets from the columns ``level, key, from, to, amount`` (and ``note``): all or none; over those that are
    there only where ``replace``. Raises ``BadFile``."""

    stood: dict[Key, Row] = {}
    fresh: set[Any] = set()

    def make(row: dict[str, str]) -> SalesTarget:
        first, last = _given_day(row, "from"), _given_day(row, "to")
        span = {"level": row["level"], "key": row["key"], "starts_on": first, "ends_on": last}
        for old in rows_of(SalesTarget.objects.select_for_update().filter(channel=channel, **span)):
            stood.setdefault((old["model"], old["pk"]), old)
        target, created = target_set(
            channel=channel, level=row["level"], key=row["key"], starts_on=first, ends_on=last,
            amount=_amount(row["amount"]), note=row.get("note", ""), author=author, replace=replace, record=False,
        )  # fmt: skip
        if created:  # what an earlier line of the file made did not stand before it
            fresh.add(target.pk)
        return target

    columns = ("level", "key", "from", "to", "amount")
    # By their spans: two files that name the same targets in different orders would wait for each other in a circle.
    rows = sorted(_rows(lines, columns), key=lambda one: [one[1].get(name, "") for name in columns[:-1]])
    result, made = _all_or_none(rows, make)
    if made:
        label = ngettext("%(number)d sales target from a file", "%(number)d sales targets from a file", result.written)
        keys = {one.pk for one in made}
        here = SalesTarget.objects.filter(channel=channel).order_by("pk").iterator(chunk_size=2000)
        after = rows_of(one for one in here if one.pk in keys)
        before = [old for old in stood.values() if old["pk"] not in fresh]
        result.change = change_record(
            channel=channel, label=label % {"number": result.written}, before=before, after=after, user=author
        )
    return result


def _all_or_none(
    rows: list[tuple[int, dict[str, str]]], make: Callable[[dict[str, str]], Made]
) -> tuple[Imported, list[Made]]:
    """What became of the lines, and what they made. Later lines that are the same as an earlier one are left out."""
    result = Imported()
    made: list[Made] = []
    seen: set[tuple[tuple[str, str], ...]] = set()
    wrong: dict[int, str] = {}
    with transaction.atomic():
        for number, row in rows:
            mark = tuple(sorted(row.items()))
            if mark in seen:
                result.duplicates += 1
                continue
            seen.add(mark)
            try:
                with transaction.atomic():
                    made.append(make(row))
                result.written += 1
            except ValidationError as error:
                wrong[number] = " ".join(error.messages)
        for number, text in sorted(wrong.items()):
            result.wrong(number, text)
        if result.errors:
            result.written = 0
            made.clear()
            transaction.set_rollback(True)
    return result, made


def _known(model: Any, channel: str, keys: Sequence[str]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    wanted = sorted(set(keys))
    for begin in range(0, len(wanted), 500):
        rows = model.objects.filter(channel=channel, external_id__in=wanted[begin : begin + 500])
        found |= {row.external_id: row for row in rows}
    return found


def _day(text: str) -> date | None:
    try:
        return parse_date(text)
    except ValueError:
        return None


def _given_day(row: Mapping[str, str], name: str) -> date:
    day = _day(row.get(name, ""))
    if day is None:
        raise ValidationError(
            _("“%(text)s” in column %(name)s is no day; write 2026-11-30.")
            % {"text": row.get(name, "")[:40], "name": name}
        )
    return day


def _number(text: str) -> Decimal | None:
    """``1234.5`` or ``1234,5``; None for anything else."""
    try:
        found = Decimal(text.replace(",", ".") if text.count(",") == 1 and "." not in text else text)
    except InvalidOperation:
        return None
    return found if found.is_finite() else None


def _amount(text: str) -> Decimal:
    found = _number(text)
    if found is None:
        raise ValidationError(_("“%(text)s” is no number.") % {"text": text[:40]})
    if abs(found) >= Decimal(10) ** 11:
        raise ValidationError(_("%(text)s is too large.") % {"text": text[:40]})
    return found.quantize(Decimal("0.001"))


class Echo:
    """A file that gives back what is written to it, so that a table of any length is streamed."""

    def write(self, value: str) -> str:
        """The line itself."""
        return value


def csv_stream(header: Sequence[str], rows: Iterable[Sequence[Any]]) -> Iterator[str]:
    """Lines of a CSV file. A cell that a spreadsheet would take for a formula gets an apostrophe before it."""
    writer = csv.writer(Echo())
    yield writer.writerow(header)
    for row in rows:
        yield writer.writerow([_harmless(cell) for cell in row])


def _harmless(cell: Any) -> Any:
    if isinstance(cell, str) and cell[:1] in ("=", "+", "-", "@", "\t", "\r"):
        return f"'{cell}"
    return "" if cell is None else cell
