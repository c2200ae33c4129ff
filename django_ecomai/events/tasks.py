"""Celery tasks: thin callers."""

from __future__ import annotations

from typing import Any

from celery import shared_task
from celery.exceptions import Reject, Retry
from django.db import DatabaseError, InterfaceError


# Acknowledged only when the rows are committed, and never because it failed: what is delivered twice is stored once.
@shared_task(
    name="ecomai.events_store",
    bind=True,
    ignore_result=True,
    acks_late=True,
    acks_on_failure_or_timeout=False,
    reject_on_worker_lost=True,
    max_retries=None,
)
def events_store(self: Any, lines: list[str]) -> None:
    """Store events that the web server handed to the broker; while the database is away, again and again."""
    from .partitions import events_connection
    from .queues.storing import buried, lines_store

    try:
        buried(lines, lines_store(lines))
    except (DatabaseError, InterfaceError) as error:
        events_connection().close()
        try:
            raise self.retry(exc=error, countdown=min(2 ** min(self.request.retries, 8), 120))
        except Retry:
            raise
        except Exception as lost:  # the broker is away as well: it gives the task to somebody again
            raise Reject(str(lost), requeue=True) from lost


@shared_task(name="ecomai.events_drain", ignore_result=True)
def events_drain(seconds: float = 50.0) -> int:
    """Replay this machine's spilled events and store what waits in the Redis stream; returns how many were stored."""
    from .queues.upkeep import capture_tend

    return capture_tend(seconds=seconds).stored
