"""How an accepted event gets into the table: at once, or through a queue that keeps it until a worker stores it.

``events_accept`` is the way in for all. What it accepts is stored exactly once: it is kept by the database, the queue
or a synced file before it is called accepted, handed on as often as it takes, and known by its key when it comes twice.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence

from django_ecomai.conf import ecomai

from .. import diagnosis
from ..cleaning import Verdict
from ..purchases import Prepared
from ..reacting import events_react
from . import direct, spill
from .base import Queue, QueueRefused
from .wire import lines_of

logger = logging.getLogger("django_ecomai.events")
WAYS = ("direct", "redis", "celery")


def queue() -> Queue | None:
    """The queue that ``CAPTURE_QUEUE`` names; ``None`` for ``direct``. Raises ``QueueRefused`` for an unknown name."""
    way = ecomai.CAPTURE_QUEUE
    if way == "direct":
        return None
    if way == "redis":
        from . import stream

        return stream
    if way == "celery":
        from . import celery_queue

        return celery_queue
    raise QueueRefused(f"ECOMAI['CAPTURE_QUEUE'] is {way!r}: choose from {', '.join(WAYS)}.")


def events_accept(
    *, pairs: Sequence[Prepared], what: str, personal: bool = True, user_id: object = None, comes_again: bool = True
) -> list[Verdict] | None:
    """Keep prepared events for good and return their verdicts; ``None`` when nothing takes them (counted and logged).

    With a queue, and when they go into the local file, ``accepted`` may turn out to be a duplicate later. ``personal``:
    the person agreed that his next pages react. ``comes_again``: the sender is told and sends what was refused again;
    otherwise it is lost. A service that is away raises nothing.
    """
    try:
        carrier = queue()
        if carrier is None:
            verdicts = direct.put(pairs, what=what, personal=personal, user_id=user_id)
            if verdicts is not None:
                return verdicts
        elif _kept_by(carrier, pairs, personal):
            diagnosis.count("queued", sum(event is not None for event, _ in pairs))
            return _accepted(pairs, personal, user_id)
    except (QueueRefused, ImportError) as error:
        logger.warning("EcomAI could not %s through the queue: %s", what, error)
    return _spilled(pairs, what, personal, user_id, comes_again)


def _kept_by(carrier: Queue, pairs: Sequence[Prepared], personal: bool) -> bool:
    if lines := lines_of([event for event, _ in pairs if event], personal=personal):
        carrier.put(lines)
    return True


def _spilled(
    pairs: Sequence[Prepared], what: str, personal: bool, user_id: object, comes_again: bool
) -> list[Verdict] | None:
    lines = lines_of([event for event, _ in pairs if event], personal=personal)
    if lines:
        try:
            spill.put(lines)
        except QueueRefused as error:
            logger.warning("EcomAI could not %s: %s", what, error)
            diagnosis.count("refused" if comes_again else "lost", len(lines))
            if not comes_again:
                spill.lost_count(len(lines))
            return None
        diagnosis.count("spilled", len(lines))
    return _accepted(pairs, personal, user_id)


def _accepted(pairs: Sequence[Prepared], personal: bool, user_id: object) -> list[Verdict]:
    if personal:
        events_react([event for event, _ in pairs if event], user_id=user_id)
    return [verdict for _, verdict in pairs]
