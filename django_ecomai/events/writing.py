"""The one way into the event table: checked rows in bulk, with a verdict for each."""

from __future__ import annotations

import logging
import uuid
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from django.db import IntegrityError, transaction
from django.db.backends.base.base import BaseDatabaseWrapper

from django_ecomai.core import metrics
from django_ecomai.core.persons import refused
from django_ecomai.core.upsert import copy_available
from django_ecomai.core.uuid7 import uuid7_time

from .cleaning import Rejected, Source, Verdict, currency_default, event_clean
from .models import Event
from .partitions import events_connection, forget, ids_outside, month_of, month_start, partitions_ensure

logger = logging.getLogger("django_ecomai.events")

# 21 columns each: below the number of parameters that SQLite (32,766) and PostgreSQL (65,535) take.
BATCH = 1000
# From here on PostgreSQL gets rows by COPY, which takes less than half of the client's time; measured with 20,000.
COPY_FROM = 500
COPY_BATCH = 10_000


def events_insert(
    *,
    rows: Iterable[Mapping[str, Any]],
    source: Source = "server",
    defaults: Mapping[str, Any] | None = None,
    now: datetime | None = None,
    using: str | None = None,
) -> list[Verdict]:
    """Check ``rows`` and store the good ones; one verdict per row, in order.

    ``source="browser"`` rejects rows that name people, money or orders. ``source="import"`` demands each row's own
    ``at`` (and takes ``source`` and ``key`` for a stable id) and makes partitions for the span first. ``defaults`` are
    set on every event (``visitor_id``, ``customer_id``, ``channel``, ...). The same id twice is a ``duplicate``.
    Raises ``DatabaseError`` only when the table itself cannot be written; no single row sinks its batch.
    """
    pairs = events_prepare(rows=rows, source=source, defaults=defaults, now=now)
    return events_write(pairs=pairs, make_partitions=source == "import", using=using)


def events_prepare(
    *,
    rows: Iterable[Mapping[str, Any]],
    source: Source,
    defaults: Mapping[str, Any] | None = None,
    now: datetime | None = None,
) -> list[tuple[Event | None, Verdict]]:
    """Check ``rows`` without touching the database: pairs of event (``None`` when rejected) and its verdict so far."""
    now = now or datetime.now(UTC)
    pairs: list[tuple[Event | None, Verdict]] = []
    for raw in rows:
        given = str(raw.get("id") or "")[:64] if isinstance(raw, Mapping) else ""
        try:
            if defaults and source != "browser" and isinstance(raw, Mapping):
                raw = {**defaults, **raw}
            known = defaults if source == "browser" else None
            event, notes = event_clean(raw, source=source, now=now, known=known)
        except Rejected as error:
            pairs.append((None, Verdict(given, "rejected", str(error))))
            continue
        currency_default(event)
        pairs.append((event, Verdict(str(event.id), "accepted", notes=notes)))
    return pairs


def events_write(
    *, pairs: Sequence[tuple[Event | None, Verdict]], make_partitions: bool = False, using: str | None = None
) -> list[Verdict]:
    """Store prepared events and return the final verdicts."""
    connection = events_connection(using)
    pairs = _unrefused(pairs)
    verdicts = [verdict for _, verdict in pairs]
    wanted: dict[uuid.UUID, int] = {}
    for index, (event, verdict) in enumerate(pairs):
        if event is None:
            continue
        if event.id in wanted:
            verdicts[index] = Verdict(verdict.id, "duplicate", notes=verdict.notes)
        else:
            wanted[event.id] = index
    if make_partitions and wanted:
        _partitions_for(wanted, connection)
    homeless = ids_outside(wanted, using=connection.alias)
    # In one order everywhere: two writers of the same batch would otherwise wait for each other's rows in a circle.
    known = (pairs[wanted[value]][0] for value in sorted(wanted) if value not in homeless)
    events = [event for event in known if event]
    stored: set[uuid.UUID] = set()
    size = COPY_BATCH if len(events) >= COPY_FROM and copy_available(connection) else BATCH
    for start in range(0, len(events), size):
        new, outside = _insert(events[start : start + size], connection)
        stored |= new
        homeless |= outside
    for value, index in wanted.items():
        verdict = verdicts[index]
        if value in homeless:
            verdicts[index] = Verdict(verdict.id, "rejected", "no_partition", verdict.notes)
        elif value not in stored:
            verdicts[index] = Verdict(verdict.id, "duplicate", notes=verdict.notes)
    for status, number in Counter(verdict.status for verdict in verdicts).items():
        metrics.count(metrics.EVENTS, status, number)
    if homeless:
        logger.error("%d events have no partition to go to. Type: python manage.py migrate", len(homeless))
    return verdicts


def _unrefused(pairs: Sequence[tuple[Event | None, Verdict]]) -> list[tuple[Event | None, Verdict]]:
    """Events of persons who have been erased are rejected, whatever way they come."""
    persons: dict[str, set[tuple[str, str]]] = {}
    for event, _verdict in pairs:
        if event is not None and (event.visitor_id or event.customer_id):
            persons.setdefault(event.channel, set()).update(_persons(event))
    gone = {channel: found for channel, who in persons.items() if (found := refused(channel=channel, persons=who))}
    if not gone:
        return list(pairs)
    return [
        (None, Verdict(verdict.id, "rejected", "person_erased", verdict.notes))
        if event is not None and gone.get(event.channel, set()) & _persons(event)
        else (event, verdict)
        for event, verdict in pairs
    ]


def _persons(event: Event) -> set[tuple[str, str]]:
    return {("visitor", event.visitor_id), ("customer", event.customer_id)}


def _partitions_for(ids: Iterable[uuid.UUID], connection: BaseDatabaseWrapper) -> None:
    months = {month_of(uuid7_time(value)) for value in ids_outside(ids, using=connection.alias)}
    for month in sorted(months):
        partitions_ensure(first=month_start(month), last=month_start(month), using=connection.alias)


def _insert(events: Sequence[Event], connection: BaseDatabaseWrapper) -> tuple[set[uuid.UUID], set[uuid.UUID]]:
    """Insert, skip ids that exist; return the ids that are new and those that turned out to have no partition."""
    if connection.features.can_return_rows_from_bulk_insert:
        try:
            with transaction.atomic(using=connection.alias):
                return _insert_returning(events, connection), set()
        except IntegrityError:
            # A partition that this process remembers was dropped meanwhile: look again, once.
            forget(connection.alias)
            homeless = ids_outside([event.id for event in events], using=connection.alias)
            if not homeless:
                raise
        rest = [event for event in events if event.id not in homeless]
        with transaction.atomic(using=connection.alias):
            return _insert_returning(rest, connection) if rest else set(), homeless
    # MySQL and Oracle have no RETURNING: what exists already is looked up first.
    with transaction.atomic(using=connection.alias):
        manager = Event.objects.using(connection.alias)
        existing = set(manager.filter(pk__in=[event.id for event in events]).values_list("pk", flat=True))
        fresh = [event for event in events if event.id not in existing]
        manager.bulk_create(fresh, ignore_conflicts=True, batch_size=BATCH)
    return {event.id for event in fresh}, set()


def _insert_copied(events: Sequence[Event], connection: BaseDatabaseWrapper) -> set[uuid.UUID]:
    """By way of a table of this transaction: COPY itself breaks off at the first id that exists."""
    fields = Event._meta.concrete_fields
    quote = connection.ops.quote_name
    log, arrived = quote(Event._meta.db_table), quote(f"{Event._meta.db_table}_arrived")
    columns = ", ".join(quote(str(field.column)) for field in fields)
    with connection.cursor() as cursor:
        cursor.execute(f"CREATE TEMPORARY TABLE {arrived} (LIKE {log}) ON COMMIT DROP")
        with cursor.copy(f"COPY {arrived} ({columns}) FROM STDIN") as into:
            for event in events:
                into.write_row(
                    [field.get_db_prep_save(getattr(event, str(field.attname)), connection) for field in fields]
                )
        cursor.execute(
            f"INSERT INTO {log} ({columns}) SELECT {columns} FROM {arrived} ORDER BY id "  # noqa: S608 - names only
            "ON CONFLICT DO NOTHING RETURNING id"
        )
        new = {row[0] for row in cursor.fetchall()}
        cursor.execute(f"DROP TABLE {arrived}")  # the transaction around may be the caller's, and long
    return new


def _insert_returning(events: Sequence[Event], connection: BaseDatabaseWrapper) -> set[uuid.UUID]:
    if len(events) >= COPY_FROM and copy_available(connection):
        return _insert_copied(events, connection)
    fields = Event._meta.concrete_fields
    quote = connection.ops.quote_name
    row = "(" + ", ".join(["%s"] * len(fields)) + ")"
    columns = ", ".join(quote(str(field.column)) for field in fields)
    # MariaDB has other words for it.
    ignore, on_conflict = ("IGNORE ", "") if connection.vendor == "mysql" else ("", "ON CONFLICT DO NOTHING ")
    sql = (
        f"INSERT {ignore}INTO {quote(Event._meta.db_table)} ({columns}) VALUES {', '.join([row] * len(events))} "  # noqa: S608
        f"{on_conflict}RETURNING {quote('id')}"
    )
    parameters = [
        field.get_db_prep_save(getattr(event, str(field.attname)), connection) for event in events for field in fields
    ]
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters)
        return {row[0] if isinstance(row[0], uuid.UUID) else uuid.UUID(row[0]) for row in cursor.fetchall()}
