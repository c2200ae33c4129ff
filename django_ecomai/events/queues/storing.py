"""From lines to rows: what every worker does with what it took from a queue or a file."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from django.db import DatabaseError, DataError, IntegrityError, InterfaceError, transaction

from .. import diagnosis
from ..cleaning import Verdict
from ..models import Event
from ..partitions import events_connection
from ..purchases import HISTORY, Prepared, events_settle
from ..reacting import events_noted
from ..recent import LIFETIME
from . import spill
from .base import QueueRefused
from .wire import Unreadable, event_load

logger = logging.getLogger("django_ecomai.events")

# What is refused for good reason and is no loss: he was erased, or the order lines tell it.
_DROPPED = ("person_erased", HISTORY)
# Celery's, which may not be installed: it strikes anywhere and tells nothing of the event that it strikes at.
_OUT_OF_TIME = "SoftTimeLimitExceeded"


@dataclass(slots=True)
class Settled:
    """What became of lines: ``stored`` new rows, ``known`` ones that were there, ``dropped`` for good reason,
    ``queued`` for somebody else to store, and ``dead``: what never can be stored, by its place, with the reason.
    """

    stored: int = 0
    known: int = 0
    dropped: int = 0
    queued: int = 0
    dead: dict[int, str] = field(default_factory=dict)

    def add(self, other: Settled) -> None:
        """Sum up; the places of ``dead`` mean nothing in a sum."""
        self.stored += other.stored
        self.known += other.known
        self.dropped += other.dropped
        self.queued += other.queued
        for reason in other.dead.values():
            self.dead[len(self.dead)] = reason


def lines_store(lines: Sequence[str | bytes]) -> Settled:
    """Store what the lines hold, each event once however often it comes.

    Raises ``DatabaseError`` or ``InterfaceError`` when the database cannot take any now: then all must come again.
    A line that is the trouble itself is found by halving and never sinks the others.
    """
    settled = Settled()
    events: list[tuple[int, Event, bool]] = []
    for place, line in enumerate(lines):
        try:
            event, personal = event_load(line)
        except Unreadable as error:
            settled.dead[place] = str(error)
        else:
            events.append((place, event, personal))
    _store(events, settled)
    for place, reason in settled.dead.items():
        logger.error("An event cannot be stored (%s) and is put aside; line %d of its batch.", reason, place)
    return settled


def buried(lines: Sequence[str], settled: Settled) -> None:
    """Put the dead lines into this machine's file; those that do not fit are counted as lost."""
    dead = [lines[place] for place in sorted(settled.dead)]
    if not dead:
        return
    diagnosis.count("dead", len(dead))
    try:
        spill.bury(dead)
    except QueueRefused:
        spill.lost_count(len(dead))


def _store(events: Sequence[tuple[int, Event, bool]], settled: Settled) -> None:
    if not events:
        return
    try:
        # One transaction: of a batch that fails, nothing is counted before it is stored.
        with transaction.atomic(using=events_connection().alias):
            pairs: list[Prepared] = [(event, Verdict(str(event.id), "accepted")) for _, event, _ in events]
            pairs, verdicts = events_settle(pairs=pairs)
    except (DataError, IntegrityError) as error:
        _halve(events, settled, error)
        return
    except (DatabaseError, InterfaceError):
        raise
    except Exception as error:  # whatever one event does to our own code, it must not stop the queue
        if type(error).__name__ == _OUT_OF_TIME:
            raise
        _halve(events, settled, error)
        return
    for (place, _, _), verdict in zip(events, verdicts, strict=True):
        if verdict.status == "accepted":
            settled.stored += 1
        elif verdict.status == "duplicate":
            settled.known += 1
        elif verdict.reason in _DROPPED:
            settled.dropped += 1
        else:
            settled.dead[place] = verdict.reason
    fresh = datetime.now(UTC) - timedelta(seconds=LIFETIME)
    reacts = [personal and event.received_at > fresh for _, event, personal in events]
    events_noted(pairs, verdicts, reacts=reacts)


def _halve(events: Sequence[tuple[int, Event, bool]], settled: Settled, error: Exception) -> None:
    if len(events) == 1:
        settled.dead[events[0][0]] = type(error).__name__
        logger.error("An event makes the database refuse it.", exc_info=error)
        return
    middle = len(events) // 2
    _store(events[:middle], settled)
    _store(events[middle:], settled)
