"""``ecomai_capture``: store what waits in the queue and in this machine's file."""

from __future__ import annotations

import json
import signal
import threading
from argparse import ArgumentParser
from dataclasses import asdict
from types import FrameType
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import DatabaseError, InterfaceError

from django_ecomai.conf import ecomai
from django_ecomai.events.queues import queue, spill
from django_ecomai.events.queues.base import QueueRefused
from django_ecomai.events.queues.storing import Settled
from django_ecomai.events.queues.upkeep import capture_work, dead_sweep, spill_replay


class Command(BaseCommand):
    help = (
        "Store the events that wait in the Redis stream, and replay those that spilled into this machine's file. "
        "Without an option: what waits now. Exit code 1 when something must wait longer."
    )
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--loop", action="store_true", help="stay and do so until SIGTERM; start as many as needed")
        parser.add_argument("--status", action="store_true", help="only show what waits, as JSON")
        parser.add_argument(
            "--retry-dead", action="store_true", help="first let what could not be stored have another try"
        )

    def handle(self, *args: Any, loop: bool, status: bool, retry_dead: bool, **options: Any) -> None:
        if status:
            self.stdout.write(json.dumps(_status(), indent=2))
            return
        if retry_dead:
            self.stdout.write(f"{_revive()} events try again.")
        if loop:
            capture_work(stop=_told_to_stop(), told=self._tell)
            return
        self.stdout.write(_line(_worked()))

    def _tell(self, settled: Settled) -> None:
        if settled.stored or settled.known or settled.dead or settled.queued:
            self.stdout.write(_line(settled))


def _worked() -> Settled:
    """What waits now is stored. Raises ``CommandError`` when something must wait longer."""
    done, waits = Settled(), ""
    try:
        done.add(spill_replay())
    except (QueueRefused, DatabaseError, InterfaceError, OSError) as error:
        waits = str(error)  # a full stream refuses: what it holds must be stored all the same
    dead_sweep()
    if ecomai.CAPTURE_QUEUE == "redis":
        from django_ecomai.events.queues import stream

        try:
            done.add(stream.drain())
        except Exception as error:  # redis-py's own; it may not even be installed
            waits = f"{type(error).__name__}: {error}"
    if waits:
        raise CommandError(f"{_line(done)}. Events wait on: {waits}")
    return done


def _line(settled: Settled) -> str:
    return (
        f"stored {settled.stored}, known {settled.known}, dropped {settled.dropped}, queued {settled.queued}, "
        f"put aside {len(settled.dead)}"
    )


def _status() -> dict[str, Any]:
    found: dict[str, Any] = {"queue": ecomai.CAPTURE_QUEUE}
    try:
        carrier = queue()
        if carrier is not None:
            found["state"] = asdict(carrier.state())
    except (QueueRefused, ImportError) as error:
        found["error"] = str(error)
    return {**found, "spill": {"folder": str(spill.folder()), **asdict(spill.state())}}


def _revive() -> int:
    moved = spill.unbury()
    if ecomai.CAPTURE_QUEUE == "redis":
        from django_ecomai.events.queues import stream

        moved += stream.revive()
    return moved


def _told_to_stop() -> threading.Event:
    stop = threading.Event()

    def ask(number: int, frame: FrameType | None) -> None:
        stop.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, ask)
    return stop
