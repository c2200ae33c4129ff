"""Celery tasks: thin callers."""

from __future__ import annotations

import logging
from typing import Any

from celery import shared_task
from celery.exceptions import Reject, Retry
from django.db import DatabaseError, InterfaceError

logger = logging.getLogger("django_ecomai.events")


# Acknowledged only when the rows are committed, and never because it failed: what is delivered twice is stored once.
@shared_task(
    name="ecomai.events_store",
    bind=True,
    ignore_result=True,
    acks_late=True,
    acks_on_failure_or_timeout=False,
    reject_on_worker_lost=True,
    max_retries=None,
    soft_time_limit=15 * 60,  # the project's own limits are for other work
    time_limit=20 * 60,
)
def events_store(self: Any, lines: list[str]) -> None:
    """Store events that the web server handed to the broker; while the database is away, again and again.

    After any other failure they go into this machine's file, or back to the broker when that takes none.
    """
    from .partitions import events_connection
    from .queues import spill
    from .queues.base import QueueRefused
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
    except Exception as error:  # such as the time limit: the events are not to blame
        logger.exception("A batch of events is not stored and waits in the local file.")
        try:
            spill.put(lines)
        except QueueRefused:
            raise Reject(str(error), requeue=True) from error


@shared_task(name="ecomai.events_drain", ignore_result=True)
def events_drain(seconds: float = 50.0) -> int:
    """Replay this machine's spilled events and store what waits in the Redis stream; returns how many were stored."""
    from .queues.upkeep import capture_tend

    return capture_tend(seconds=seconds).stored
