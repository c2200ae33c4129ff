"""Regular work of capture: what spilled is replayed, what waits is stored."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Set
from datetime import datetime
from typing import Any

from django.db import DatabaseError, InterfaceError

from django_ecomai.conf import ecomai

from . import spill
from .base import QueueRefused
from .storing import Settled, buried, lines_store

logger = logging.getLogger("django_ecomai.events")
_PAUSE = 10.0  # seconds between two looks at the file


def spill_replay() -> Settled:
    """Hand what spilled on this machine to the queue, or store it when there is none.

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

    spill.replay(hand_on)
    return done


def capture_tend(*, seconds: float = 20.0) -> Settled:
    """One round: replay the spill, then store what the Redis stream holds for at most ``seconds``. Never raises."""
    done = Settled()
    try:
        done.add(spill_replay())
    except (QueueRefused, DatabaseError, InterfaceError, OSError) as error:
        logger.warning("Spilled events wait on: %s.", error)
    if ecomai.CAPTURE_QUEUE == "redis":
        from . import stream

        try:
            done.add(stream.drain(seconds=seconds))
        except Exception as error:  # Redis or the database is away, or redis-py is not installed: the doctor tells
            logger.warning("The queue of events is not worked off now: %s: %s.", type(error).__name__, error)
    return done


def waiting_forget(*, channel: str, visitors: Set[str], customers: Set[str]) -> int:
    """Take the events of somebody who is erased out of this machine's file and of what was put aside; return how many.

    What is still on its way is refused when it is to be stored, by the list of those who were erased.
    """

    def is_his(event: dict[str, Any]) -> bool:
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
    """Delete what was put aside before that moment, or is unreadable since then; return how many. Never raises."""

    def is_old(event: dict[str, Any]) -> bool:
        return datetime.fromisoformat(event["received_at"]) < before

    removed = 0
    try:
        removed += spill.forget(is_old)
        if ecomai.CAPTURE_QUEUE == "redis":
            from . import stream

            removed += stream.expire(before)
    except Exception as error:  # a disk or a Redis that is away: the next night tries again
        logger.warning("Old events that were put aside are not deleted now: %s.", type(error).__name__)
    return removed


def capture_work(*, stop: threading.Event, told: Callable[[Settled], None]) -> None:
    """Do both until ``stop`` is set, waiting for whatever is away. ``told`` receives what each batch came to."""
    if ecomai.CAPTURE_QUEUE != "redis":
        _replaying(stop, told)
        return
    from . import stream

    while not stop.is_set():
        # Two things in one process without threads: the file is looked at between two shifts at the stream.
        told(_replayed())
        stream.drain(loop=True, seconds=_PAUSE, stop=stop, told=told)


def _replaying(stop: threading.Event, told: Callable[[Settled], None]) -> None:
    while not stop.is_set():
        begun = time.monotonic()
        told(_replayed())
        stop.wait(max(_PAUSE - (time.monotonic() - begun), 0.1))


def _replayed() -> Settled:
    from ..partitions import events_connection

    try:
        return spill_replay()
    except (QueueRefused, DatabaseError, InterfaceError, OSError) as error:
        logger.warning("Spilled events wait on: %s.", error)
        connection = events_connection()
        if not connection.in_atomic_block:
            connection.close()
        return Settled()
