"""What a scrape is told of events that wait: in the Redis stream, and in the file of the machine that is asked."""

from __future__ import annotations

import logging
from collections.abc import Iterator

from django_ecomai.conf import ecomai
from django_ecomai.core.metrics import Gauge

from .queues import queue, spill
from .queues.base import QueueRefused

logger = logging.getLogger("django_ecomai.events")
FAMILY = {
    "waiting": ("ecomai_capture_waiting", "Accepted events that are not stored yet."),
    "oldest": ("ecomai_capture_oldest_seconds", "Seconds that the oldest of them has waited."),
    "aside": ("ecomai_capture_put_aside", "Events that cannot be stored."),
    "lost": ("ecomai_capture_lost", "Events that this machine could not keep, within 30 days."),
}


def figures() -> Iterator[Gauge]:
    """The gauges of capture. A broker of Celery is not asked: it has its own figures."""
    state = spill.state()
    yield from _of("file", state.waiting, state.age, state.dead)
    yield Gauge(*FAMILY["lost"], float(state.lost))
    if ecomai.CAPTURE_QUEUE == "redis":
        try:
            carrier = queue()
            found = carrier.state() if carrier is not None else None
        except (QueueRefused, ImportError) as error:
            logger.warning("The queue of events does not answer a scrape: %s", error)
            return
        if found is not None:
            yield from _of("queue", found.waiting, found.age, found.dead)


def _of(where: str, waiting: int, age: float, dead: int) -> Iterator[Gauge]:
    labels = {"where": where}
    yield Gauge(*FAMILY["waiting"], float(waiting), labels)
    yield Gauge(*FAMILY["oldest"], age, labels)
    yield Gauge(*FAMILY["aside"], float(dead), labels)
