"""``ecomai_work``: execute one run, or wait for queued ones."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
from argparse import ArgumentParser
from types import FrameType
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import DatabaseError, InterfaceError, connection
from django.utils import timezone

from django_ecomai.conf import ecomai
from django_ecomai.runs import child
from django_ecomai.runs.models import Run
from django_ecomai.runs.services import heartbeat_beat, run_execute, runs_execute_queued, runs_start_due, runs_tend
from django_ecomai.runs.services.dispatch import QUEUE, run_in_child, run_start, runs_claimable, worker_seen
from django_ecomai.runs.services.heartbeats import BEAT


class Command(BaseCommand):
    help = (
        "Execute the run RUN_ID in this process, or with --loop every queued and scheduled run as it comes "
        "(no broker needed)."
    )
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("run_id", nargs="?", type=int)
        parser.add_argument(
            "--loop", action="store_true", help="stay and execute queued runs; SIGTERM ends it after the current one"
        )
        parser.add_argument("--once", action="store_true", help="execute what is queued and due now, then leave")
        parser.add_argument("--interval", type=float, default=2.0, help="seconds between two looks at the queue")
        parser.add_argument(
            "--no-schedule", action="store_true", help="with --loop or --once: leave scheduled jobs to somebody else"
        )
        parser.add_argument(
            "--channel",
            action="append",
            default=None,
            help="with --loop or --once: the shop to schedule for, repeatable (default: ECOMAI['CHANNEL'])",
        )

    def handle(self, *args: Any, run_id: int | None, loop: bool, once: bool, **options: Any) -> None:
        if (run_id is not None) + loop + once != 1:
            raise CommandError("Type either: ecomai_work RUN_ID, or: ecomai_work --loop, or: ecomai_work --once")
        if run_id is None:
            channels = () if options["no_schedule"] else tuple(options["channel"] or [ecomai.CHANNEL])
            if code := _Loop(interval=options["interval"], channels=channels, once=once).run():
                sys.exit(code)
            return
        if not child.sees_our_database():
            raise CommandError("This process sees another database than the one that started it (a test run?).")
        _exit_on_term()
        try:
            run = run_execute(run_id=run_id)
        except Run.DoesNotExist:
            raise CommandError(f"There is no run {run_id}.") from None
        self.stdout.write(f"run {run.pk} {run.kind}: {run.state} {run.message}".rstrip())
        if run.state == Run.State.FAILED:
            sys.exit(1)


def _exit_on_term() -> None:
    """SIGTERM ends the job like an exception would, so that its run is marked and its temporary files go."""

    def leave(number: int, frame: FrameType | None) -> None:
        raise SystemExit(128 + number)

    signal.signal(signal.SIGTERM, leave)


class _Loop:
    """Polls the queue until told to stop. The first SIGTERM lets the current run end, the second stops it.

    Each run gets a process of its own, so that a training that is killed for its memory does not take the loop along;
    with ``once`` they are executed here.
    """

    def __init__(self, *, interval: float, channels: tuple[str, ...], once: bool) -> None:
        """``channels`` are those whose jobs it schedules; none when somebody else does."""
        self.interval, self.channels, self.once = max(0.1, interval), channels, once
        self.stop = threading.Event()
        self.last_due = ""
        self.process: subprocess.Popen[bytes] | None = None
        self.code = 0

    def run(self) -> int:
        """The exit code, when told to stop."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._asked_to_stop)
        while not self.stop.is_set():
            try:
                self._turn()
            except (DatabaseError, InterfaceError) as error:
                sys.stderr.write(f"database: {error}; trying again\n")
                connection.close()
                self.stop.wait(5)
            if self.once:
                break
            self.stop.wait(self.interval)
        return self.code

    def _turn(self) -> None:
        self._every_minute()
        if self.once:
            while not self.stop.is_set() and runs_execute_queued(limit=1):
                worker_seen()
            return
        while not self.stop.is_set() and (claimable := runs_claimable(limit=1)):
            run_in_child(run_id=claimable[0], started=self._started, meanwhile=self._meanwhile)
            self.process = None
            worker_seen()

    def _every_minute(self) -> None:
        minute = timezone.now().strftime("%H:%M")
        if minute == self.last_due:
            return
        self.last_due = minute
        worker_seen()
        runs_tend()
        if self.channels:
            heartbeat_beat(name=BEAT)  # this loop is the scheduler that the doctor looks for
        for channel in self.channels:
            runs_start_due(channel=channel, start=_enqueue)

    def _meanwhile(self) -> None:
        """A training that takes an hour is no reason to be taken for dead."""
        try:
            self._every_minute()
        except (DatabaseError, InterfaceError) as error:
            sys.stderr.write(f"database: {error}; trying again\n")
            connection.close()

    def _started(self, process: subprocess.Popen[bytes]) -> None:
        self.process = process

    def _asked_to_stop(self, number: int, frame: FrameType | None) -> None:
        if self.stop.is_set():
            self.code = 128 + number
            if self.process is None:
                raise SystemExit(self.code)
            self.process.terminate()
        self.stop.set()


def _enqueue(*, kind: str, channel: str) -> Run:
    return run_start(kind=kind, channel=channel, via=QUEUE)
