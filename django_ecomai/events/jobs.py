"""Upkeep of the log: partitions ahead of time and retention. Run by schedule and by ``ecomai_prune``."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from django_ecomai.conf import ecomai

from .partitions import events_connection, is_partitioned, partitions_ensure
from .queues.upkeep import dead_expire
from .services import events_prune


def prune() -> int:
    """Make partitions ahead, delete what is older than ``EVENT_RETENTION_DAYS``; return how many rows."""
    partitions_ensure()
    before = datetime.now(UTC) - timedelta(days=float(ecomai.EVENT_RETENTION_DAYS))
    return events_prune(before=before) + dead_expire(before=before)


def partitions_job(context: Any) -> None:
    """The job ``events.partitions``."""
    if not is_partitioned(events_connection()):
        context.log("This database needs no partitions.")
        context.metrics(partitions_made=0)
        return
    made = partitions_ensure()
    context.log(f"Partitions made: {', '.join(made) or 'none, all are there'}.")
    context.metrics(partitions_made=len(made))
