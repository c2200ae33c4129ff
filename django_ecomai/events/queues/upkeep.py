"""Regular work of capture: what spilled is replayed, what waits is stored."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Set
from datetime import UTC, datetime, timedelta
from typing import Any

from django.db import DatabaseError, InterfaceError

from django_ecomai.conf import ecomai
from django_ecomai.core.persons import refused

from . import spill
from .base import QueueRefused
from .storing import Settled, buried, lines_store

logger = logging.getLogger("django_ecomai.events")
_PAUSE = 10.0  # seconds between two looks at the file


def spill_replay(*, goes_on: Callable[[], bool] = lambda: True) -> Settled:
    """Hand what spilled on this machine to the queue, or store it when there is none, while ``goes_on()``.

    Raises ``QueueRefused``, ``DatabaseError`` or ``InterfaceError`` when it must wait longer: nothing is lost then.
    """
    from . import queue

    done = Settled()
    carrier = queue()

    def hand_on(lines: list[str]) -> None:
        if carrier is not None:
            carrier.put(lines)
            done.queued += len(lines)
        else:
            settled = lines_store(lines)
            buried(lines, settled)
            done.add(settled)

    spill.replay(hand_on, goes_on=goes_on)
    return done


def capture_tend(*, seconds: float = 20.0) -> Settled:
    """One round of about ``seconds``: replay the spill, in half of them at most, then store what the stream holds.

    What was put aside on this machine is swept. Never raises.
    """
    done = Settled()
    begun = time.monotonic()
    try:
        done.add(spill_replay(goes_on=lambda: time.monotonic() < begun + seconds / 2))
    except (QueueRefused, DatabaseError, InterfaceError, OSError) as error:
        logger.warning("Spilled events wait on: %s.", error)
    dead_sweep()
    if ecomai.CAPTURE_QUEUE == "redis":
        from . import stream

        try:
            done.add(stream.drain(seconds=max(begun + seconds - time.monotonic(), 0.0)))
        except Exception as error:  # Redis or the database is away, or redis-py is not installed: the doctor tells
            logger.warning("The queue of events is not worked off now: %s: %s.", type(error).__name__, error)
    return done


def waiting_forget(*, channel: str, visitors: Set[str], customers: Set[str]) -> int:
    """Take the events of somebody who is erased out of this machine's file and of what was put aside; return how many.

    What is still on its way is refused when it is to be stored, by the list of those who were erased.
    """

    def is_his(event: dict[str, Any]) -> bool:
        if "raw" in event:  # nobody can read whose it is: it goes when it names him
            return any(f'"{ident}"' in event["raw"] for ident in (visitors | customers) - {""})
        if event.get("channel", "") != channel:
            return False
        customer = event.get("customer_id", "")
        return customer in customers if customer else event.get("visitor_id") in visitors - {""}

    removed = spill.forget(is_his)
    if ecomai.CAPTURE_QUEUE == "redis":
        from . import stream

        removed += stream.forget(is_his)
    return removed


def dead_expire(*, before: datetime) -> int:
    """Delete what was put aside before that moment, here and in Redis; return how many. Never raises."""
    removed = dead_sweep(before=before)
    if ecomai.CAPTURE_QUEUE == "redis":
        from . import stream

        try:
            removed += stream.expire(before)
        except Exception as error:  # a Redis that is away, or is not installed: the next night tries again
            logger.warning("Old events that were put aside are not deleted now: %s.", type(error).__name__)
    return removed


def dead_sweep(*, before: datetime | None = None) -> int:
    """Delete of what was put aside on this machine what is older than ``EVENT_RETENTION_DAYS``, or is of somebody who
    was erased meanwhile, wherever that was done; return how many.

    An unreadable line is as old as the first sweep that saw it. Never raises.
    """
    limit = before or datetime.now(UTC) - timedelta(days=float(ecomai.EVENT_RETENTION_DAYS))
    try:
        persons: dict[str, set[tuple[str, str]]] = {}
        for event in spill.buried():
            persons.setdefault(str(event.get("channel", "")), set()).update(_persons(event))
        if not persons:
            return 0
        gone = {channel: refused(channel=channel, persons=who) for channel, who in persons.items()}

        def is_over(event: dict[str, Any]) -> bool:
            if datetime.fromisoformat(event["received_at"]) < limit:
                return True
            return not gone.get(str(event.get("channel", "")), set()).isdisjoint(_persons(event))

        return spill.expire(is_over)
    except Exception as error:  # a disk or a database that is away: the next minute tries again
        logger.warning("What was put aside is not swept now: %s.", type(error).__name__)
        return 0


def _persons(event: dict[str, Any]) -> set[tuple[str, str]]:
    """Whose event it is: somebody else than its customer may have used the device."""
    if customer := event.get("customer_id"):
        return {("customer", str(customer))}
    visitor = event.get("visitor_id")
    return {("visitor", str(visitor))} if visitor else set()


def capture_work(*, stop: threading.Event, told: Callable[[Settled], None]) -> None:
    """Do both until ``stop`` is set, waiting for whatever is away. ``told`` receives what each batch came to."""
    if ecomai.CAPTURE_QUEUE != "redis":
        _replaying(stop, told)
        return
    from . import stream

    while not stop.is_set():
        # Two things in one process without threads: the file is looked at between two shifts at the stream.
        told(_replayed(stop))
        stream.drain(loop=True, seconds=_PAUSE, stop=stop, told=told)


def _replaying(stop: threading.Event, told: Callable[[Settled], None]) -> None:
    while not stop.is_set():
        begun = time.monotonic()
        told(_replayed(stop))
        stop.wait(max(_PAUSE - (time.monotonic() - begun), 0.1))


def _replayed(stop: threading.Event) -> Settled:
    """Not for longer than ``_PAUSE``: the stream has its turn too."""
    from ..partitions import events_connection

    until = time.monotonic() + _PAUSE
    try:
        done = spill_replay(goes_on=lambda: not stop.is_set() and time.monotonic() < until)
        dead_sweep()
        return done
    except (QueueRefused, DatabaseError, InterfaceError, OSError) as error:
        logger.warning("Spilled events wait on: %s.", error)
        connection = events_connection()
        if not connection.in_atomic_block:
            connection.close()
        return Settled()
