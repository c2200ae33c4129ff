"""Pages without ``COUNT(*)``, days without scans, and searches that an index answers."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any, cast

from django.core.exceptions import FieldDoesNotExist, ValidationError
from django.core.paginator import EmptyPage, Page, PageNotAnInteger, Paginator
from django.db import connections, models
from django.db.models import Q, QuerySet
from django.utils import timezone
from django.utils.functional import cached_property

from .uuid7 import uuid7_floor, uuid7_time

MAX_PAGE = 2_000  # OFFSET reads what it skips: deeper than this, a date or a search is the way
MAX_HITS = 200


class HasNextPaginator(Paginator):
    """Reads one row more than a page holds instead of counting: knows whether more follow, never how many.

    ``count`` and ``num_pages`` are what is known to exist so far, so that code written for Django's paginator works.
    """

    _known_rows = 0
    _known_pages = 1

    def validate_number(self, number: Any) -> int:
        """A page number between 1 and ``MAX_PAGE``; whether it holds rows is known after reading it."""
        try:
            if isinstance(number, float) and not number.is_integer():
                raise ValueError
            number = int(number)
        except (TypeError, ValueError):
            raise PageNotAnInteger(self.error_messages["invalid_page"]) from None
        if number < 1:
            raise EmptyPage(self.error_messages["min_page"])
        if number > MAX_PAGE:
            raise EmptyPage(self.error_messages["no_results"])
        return number

    def page(self, number: Any) -> Page:
        """The page; raises ``EmptyPage`` when it holds nothing and is not the first."""
        number = self.validate_number(number)
        bottom = (number - 1) * self.per_page
        rows: Any = self.object_list[bottom : bottom + self.per_page + 1]
        has_next = len(rows) > self.per_page
        if isinstance(rows, QuerySet):
            # The evaluated query stays a QuerySet (the admin's forms need one) without the row that was read ahead.
            del cast(Any, rows)._result_cache[self.per_page :]
        else:
            rows = rows[: self.per_page]
        if not len(rows) and (number > 1 or not self.allow_empty_first_page):
            raise EmptyPage(self.error_messages["no_results"])
        self._known_rows = max(self._known_rows, bottom + len(rows) + has_next)
        self._known_pages = max(self._known_pages, number + has_next)
        self.__dict__["count"], self.__dict__["num_pages"] = self._known_rows, self._known_pages
        return Page(rows, number, self)

    @cached_property
    def count(self) -> int:
        """Rows known to exist: all of this page and one more when more follow."""
        self.page(1)
        return self._known_rows

    @cached_property
    def num_pages(self) -> int:
        """Pages known to exist."""
        self.page(1)
        return self._known_pages


def index_leads(model: type[models.Model], *columns: str) -> bool:
    """Whether an index, unique constraint or the primary key of ``model`` begins with ``columns``."""
    heads: list[list[str]] = [[model._meta.pk.name]] if model._meta.pk else []
    heads += [[name.lstrip("-") for name in index.fields] for index in model._meta.indexes]
    heads += [
        list(constraint.fields)
        for constraint in model._meta.constraints
        if isinstance(constraint, models.UniqueConstraint) and constraint.condition is None
    ]
    heads += [[field.name] for field in model._meta.fields if getattr(field, "db_index", False) or field.unique]
    return any(head[: len(columns)] == list(columns) for head in heads)


def channel_leads(model: type[models.Model], column: str) -> bool:
    """Whether ``column`` is looked up through an index that begins with the channel."""
    return index_leads(model, "channel", column) and not index_leads(model, column)


def channels_of(model: type[models.Model], *, limit: int = 20) -> list[str]:
    """The channels that a table holds, by jumping through its index (``DISTINCT`` scans): one query each, plus one."""
    found: list[str] = []
    rows = model._default_manager.order_by("channel").values_list("channel", flat=True)
    value = rows.first()
    while value is not None and len(found) < limit:
        found.append(value)
        value = rows.filter(channel__gt=value).first()
    return found


# -- days -------------------------------------------------------------------------------------------------------------

_SPAN = re.compile(r"(\d{4})(?:-(\d{2}))?(?:-(\d{2}))?\Z")
_LAST = re.compile(r"last(\d{1,3})\Z")


@dataclass(frozen=True)
class Span:
    """Days from ``first`` to ``last``, both included; ``grain`` is ``"year"``, ``"month"``, ``"day"`` or ``"last"``."""

    first: date
    last: date
    grain: str


def parse_span(text: str, *, today: date | None = None) -> Span | None:
    """``"2011"``, ``"2011-12"``, ``"2011-12-05"`` or ``"last7"`` (with today); anything else is ``None``."""
    if match := _LAST.match(text):
        today = today or timezone.localdate()
        days = int(match[1])
        return Span(today - timedelta(days=days - 1), today, "last") if days else None
    match = _SPAN.match(text)
    if not match:
        return None
    year, month, day = (int(part) if part else None for part in match.groups())
    try:
        first = date(year or 0, 1 if month is None else month, 1 if day is None else day)
        if day:
            return Span(first, first, "day")
        if month:
            return Span(first, (first.replace(day=1) + timedelta(days=32)).replace(day=1) - timedelta(days=1), "month")
        return Span(first, date(first.year, 12, 31), "year")
    except (ValueError, OverflowError):
        return None


def _midnight(day: date) -> datetime:
    return timezone.make_aware(datetime.combine(day, time.min))


def span_filter(model: type[models.Model], column: str, span: Span) -> Q:
    """The half-open range on ``column`` that an index answers; a UUIDv7 column is compared by id.

    Days begin at midnight of the current time zone. A UUIDv7 cannot hold moments before 1970: such spans match nothing.
    """
    field = model._meta.get_field(column)
    if not isinstance(field, models.UUIDField | models.DateTimeField):
        return Q(**{f"{column}__gte": span.first, f"{column}__lte": span.last})
    try:
        start, end = _midnight(span.first), _midnight(span.last + timedelta(days=1))
        if isinstance(field, models.UUIDField):
            return Q(**{f"{column}__gte": uuid7_floor(start), f"{column}__lt": uuid7_floor(end)})
    except (ValueError, OverflowError):
        return Q(pk__in=[])
    return Q(**{f"{column}__gte": start, f"{column}__lt": end})


def data_span(queryset: QuerySet[Any], column: str) -> tuple[date, date] | None:
    """First and last local day in ``column``: two index look-ups. ``None`` for an empty table."""
    values = queryset.filter(**{f"{column}__isnull": False}).order_by().values_list(column, flat=True)
    first = values.order_by(column).first()
    last = values.order_by(f"-{column}").first() if first is not None else None
    if first is None or last is None:
        return None
    return _local_day(first), _local_day(last)


def last_day_before(queryset: QuerySet[Any], column: str, day: date) -> date | None:
    """The last local day in ``column`` before ``day``: one index look-up. ``None`` when there is none."""
    field = queryset.model._meta.get_field(column)
    bound: Any = day
    if isinstance(field, models.UUIDField | models.DateTimeField):
        try:
            bound = uuid7_floor(_midnight(day)) if isinstance(field, models.UUIDField) else _midnight(day)
        except (ValueError, OverflowError):  # before 1970 there are no UUIDv7, before year 1 nothing
            return None
    rows = queryset.filter(**{f"{column}__lt": bound}).order_by(f"-{column}")
    value = rows.values_list(column, flat=True).first()
    return None if value is None else _local_day(value)


def _local_day(value: Any) -> date:
    if hasattr(value, "int"):
        value = uuid7_time(value)
    return timezone.localtime(value).date() if isinstance(value, datetime) else value


# -- search -----------------------------------------------------------------------------------------------------------


def search_pks(queryset: QuerySet[Any], fields: Sequence[str], term: str, *, limit: int = MAX_HITS) -> list[Any]:
    """Primary keys of the first ``limit`` rows that a merchant means by ``term``.

    ``fields`` are Django's ``search_fields``: ``=name`` equals and ``^name`` begins with (both answered by an index and
    sensitive to case), a bare ``name`` contains every word. The contains search reads the whole table, so it is tried
    only when nothing matched by id, and belongs on tables of a catalogue's size. Foreign keys are followed one step.
    """
    term = term.strip()
    if not term or "\x00" in term:
        return []
    model = queryset.model
    plain = queryset.order_by()
    quick = [q for name in fields if name[0] in "=^" for q in _quick(model, name, term, queryset.db)]
    if quick:
        pks = list(plain.filter(_any(quick)).values_list("pk", flat=True)[:limit])
        if pks:
            return pks
    texts = [name for name in fields if name[0] not in "=^@"]
    words = [word for word in term.split() if len(word) > 1][:8]
    if not texts or not words:
        return []
    for word in words:
        plain = plain.filter(_any([Q(**{f"{name}__icontains": word}) for name in texts]))
    return list(plain.values_list("pk", flat=True)[:limit])


def _any(parts: Sequence[Q]) -> Q:
    combined = Q()
    for part in parts:
        combined |= part
    return combined


def _quick(model: type[models.Model], name: str, term: str, using: str) -> Iterator[Q]:
    kind, path = name[0], name[1:]
    head, _, rest = path.partition("__")
    field = model._meta.pk if head == "pk" else model._meta.get_field(head)
    if rest:
        # Ids of the related rows first: a join would tempt the planner to walk the big table.
        related = search_pks(
            cast(Any, field).related_model._default_manager.using(using), [kind + rest], term, limit=MAX_HITS
        )
        if related:
            yield Q(**{f"{head}__in": related})
        return
    try:
        value = cast(Any, field).to_python(term)
    except ValidationError:
        return
    if kind == "=" or not isinstance(value, str):
        match = Q(**{head: value})
    elif connections[using].vendor == "sqlite":
        # LIKE … ESCAPE never uses an index on SQLite; a range of the binary collation does.
        match = Q(**{f"{head}__gte": value, f"{head}__lt": value + "\U0010ffff"})
    else:
        match = Q(**{f"{head}__startswith": value})
    if channel_leads(model, head):
        match &= Q(channel__in=channels_of(model))
    yield match


def has_channel(model: type[models.Model]) -> bool:
    """Whether the table serves several shops."""
    try:
        model._meta.get_field("channel")
    except FieldDoesNotExist:
        return False
    return True
