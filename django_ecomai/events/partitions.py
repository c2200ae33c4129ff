"""Monthly partitions of the event table on PostgreSQL. Elsewhere there are none and everything here does nothing.

A partition holds the ids (UUIDv7, thus times) of one UTC month. There is no default partition: one that holds rows
blocks its month. Partitions are made ahead at ``migrate``, by schedule and by imports for their own span, never from
a request.
"""

from __future__ import annotations

import re
import threading
import time
import uuid
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from django.db import connections, router, transaction
from django.db.backends.base.base import BaseDatabaseWrapper

from django_ecomai.core.uuid7 import uuid7_floor, uuid7_time

from .models import Event

MONTHS_AHEAD = 24
_NAME = re.compile(r"_p(\d{4})(\d{2})$")
# Any constant: it only has to be the same for everyone who makes partitions.
_LOCK = 0x45636F6D4149
_RECHECK_SECONDS = 60.0

_known: dict[str, tuple[float, frozenset[int]]] = {}
_known_lock = threading.Lock()


def month_of(moment: datetime) -> int:
    """Months since year 0 of an aware datetime, in UTC: a number that can be counted with."""
    moment = moment.astimezone(UTC)
    return moment.year * 12 + moment.month - 1


def month_start(month: int) -> datetime:
    """First moment of a month as ``month_of`` counts it."""
    return datetime(month // 12, month % 12 + 1, 1, tzinfo=UTC)


def partition_name(month: int) -> str:
    """Table name of a month's partition."""
    return f"{Event._meta.db_table}_p{month // 12:04d}{month % 12 + 1:02d}"


def events_connection(using: str | None = None) -> BaseDatabaseWrapper:
    """The connection that events are written to."""
    return connections[using or router.db_for_write(Event)]


def is_partitioned(connection: BaseDatabaseWrapper) -> bool:
    """Whether the event table exists and is partitioned."""
    if connection.vendor != "postgresql":
        return False
    with connection.cursor() as cursor:
        cursor.execute("SELECT relkind FROM pg_class WHERE oid = to_regclass(%s)", [Event._meta.db_table])
        row = cursor.fetchone()
    return row is not None and row[0] in ("p", b"p")


def partitions_list(*, using: str | None = None) -> list[int]:
    """Months that have a partition, ascending."""
    connection = events_connection(using)
    if connection.vendor != "postgresql":
        return []
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT child.relname FROM pg_inherits JOIN pg_class child ON child.oid = inhrelid "
            "WHERE inhparent = to_regclass(%s)",
            [Event._meta.db_table],
        )
        names = [row[0] for row in cursor.fetchall()]
    found = (_NAME.search(name) for name in names)
    return sorted(int(match[1]) * 12 + int(match[2]) - 1 for match in found if match)


def partitions_ensure(
    *, first: datetime | None = None, last: datetime | None = None, using: str | None = None
) -> list[str]:
    """Make the partitions of every month from ``first`` to ``last`` that is missing; return their names.

    Default: from last month to 24 months ahead. Attaching takes no lock that stops readers or writers.
    """
    connection = events_connection(using)
    if not is_partitioned(connection):
        return []
    now = datetime.now(UTC)
    begin = month_of(first) if first else month_of(now) - 1
    end = month_of(last) if last else month_of(now) + MONTHS_AHEAD
    missing = sorted(set(range(begin, end + 1)) - set(partitions_list(using=connection.alias)))
    if not missing:
        return []
    quote = connection.ops.quote_name
    parent = quote(Event._meta.db_table)
    made = []
    with transaction.atomic(using=connection.alias), connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_LOCK])
        missing = sorted(set(missing) - set(partitions_list(using=connection.alias)))
        for month in missing:
            name = partition_name(month)
            low, high = uuid7_floor(month_start(month)), uuid7_floor(month_start(month + 1))
            # LIKE + ATTACH instead of PARTITION OF: the latter would lock the whole log exclusively.
            cursor.execute(f"CREATE TABLE IF NOT EXISTS {quote(name)} (LIKE {parent} INCLUDING ALL)")
            cursor.execute(
                f"ALTER TABLE {parent} ATTACH PARTITION {quote(name)} FOR VALUES FROM ('{low}') TO ('{high}')"
            )
            made.append(name)
    forget(connection.alias)
    return made


def forget(alias: str | None = None) -> None:
    """Forget which partitions this process believes to exist (of one database, or of all)."""
    with _known_lock:
        if alias is None:
            _known.clear()
        else:
            _known.pop(alias, None)


def ids_outside(ids: Iterable[uuid.UUID], *, using: str | None = None) -> set[uuid.UUID]:
    """Which ids have no partition to go to. One of them would sink its whole batch."""
    connection = events_connection(using)
    if connection.vendor != "postgresql":
        return set()
    wanted: dict[int, set[uuid.UUID]] = {}
    for value in ids:
        wanted.setdefault(month_of(uuid7_time(value)), set()).add(value)
    with _known_lock:
        asked, months = _known.get(connection.alias, (0.0, frozenset()))
    if not wanted.keys() <= months and time.monotonic() - asked > (_RECHECK_SECONDS if asked else 0):
        months = frozenset(partitions_list(using=connection.alias))
        if months or is_partitioned(connection):
            with _known_lock:
                _known[connection.alias] = (time.monotonic(), months)
        else:
            return set()  # an ordinary table (made by somebody's own migration) takes every id
    return set().union(*(values for month, values in wanted.items() if month not in months))


def partitions_drop(*, before: datetime, using: str | None = None) -> int:
    """Drop the partitions that end at or before ``before``; return how many rows went with them.

    Waits at most five seconds for the lock: a busy shop is never held up, the next run tries again.
    """
    connection = events_connection(using)
    if not is_partitioned(connection):
        return 0
    quote = connection.ops.quote_name
    rows = 0
    for month in partitions_list(using=connection.alias):
        if month_start(month + 1) > before:
            break
        name = quote(partition_name(month))
        with transaction.atomic(using=connection.alias), connection.cursor() as cursor:
            cursor.execute("SET LOCAL lock_timeout = '5s'")
            cursor.execute(f"SELECT count(*) FROM {name}")  # noqa: S608
            rows += cursor.fetchone()[0]
            cursor.execute(f"DROP TABLE {name}")
    forget(connection.alias)
    return rows


def partitions_after_migrate(sender: Any, using: str, **kwargs: Any) -> None:
    """``post_migrate``: the log can take events for two years without anyone's doing."""
    if router.allow_migrate_model(using, Event):
        partitions_ensure(using=using)
