"""Clocks that were set: times in the database are those of wall clocks, and these can jump; this tells when one did."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta

from django.db import connection
from django.utils import timezone

JUMP_SECONDS = 30.0
DOUBT_SECONDS = 45.0  # three heartbeats of a run
APART = timedelta(hours=1)
_SQL = {"postgresql": "SELECT clock_timestamp()", "mysql": "SELECT UTC_TIMESTAMP(6)"}

_offset: float | None = None
_doubt_until = 0.0


def clock_was_set(found: datetime) -> bool:
    """Whether this process saw the database's clock, which just said ``found``, jump (or this machine sleep) within the
    last three heartbeats of a run.

    Until then a living run elsewhere has had no chance to report with the new time, and looks dead.
    """
    global _offset, _doubt_until
    now = time.monotonic()
    offset = found.timestamp() - now
    if _offset is not None and abs(offset - _offset) > JUMP_SECONDS:
        _doubt_until = now + DOUBT_SECONDS
    _offset = offset
    return now < _doubt_until


def clock_ahead() -> timedelta:
    """How far this machine's clock is ahead of the database's (negative: behind); zero where both are one machine's."""
    sql = _SQL.get(connection.vendor)
    if sql is None:
        return timedelta(0)
    with connection.cursor() as cursor:
        cursor.execute(sql)
        found: datetime = cursor.fetchone()[0]
    return timezone.now() - (found if timezone.is_aware(found) else found.replace(tzinfo=UTC))
