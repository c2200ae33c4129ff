"""`python manage.py demo`: from an empty folder to a shop with recommendations."""

from __future__ import annotations

import json
import signal
import socket
import sys
from argparse import ArgumentParser
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from types import FrameType
from typing import Any, Protocol

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError

from example_project.shop import demo, demo_processes

WIDTH = 28


class Bar(Protocol):
    """A progress callback whose last call ends the line."""

    def __call__(self, fraction: float, message: str = "", *, last: bool = False) -> None: ...


class Command(BaseCommand):
    help = (
        "Load the sample, sync, train, forecast, work out what to order and which prices to change, show how good the "
        "recommendations are, and serve shop and admin."
    )
    requires_system_checks: list[str] = []  # the tables do not exist yet

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--no-serve", action="store_true", help="stop after the evaluation")
        parser.add_argument("--json", metavar="FILE", type=Path, help="write counts, seconds and evaluation to FILE")
        parser.add_argument("--background", action="store_true", help="train in a Celery worker; start beat, too")
        parser.add_argument("--port", type=int, default=8000, help="port of the shop (default 8000)")

    def handle(self, *args: Any, **options: Any) -> None:
        # So that a plain kill ends the children as Ctrl-C does.
        signal.signal(signal.SIGTERM, _interrupt)
        if not options["no_serve"]:
            port_check(options["port"])
        report = demo.Report()
        with ExitStack() as stack:
            watched: dict[str, Any] = {}
            if options["background"]:
                demo_processes.broker_use()
            for title, step in demo.STEPS:
                if step is demo.sync and options["background"]:
                    # Only now: the worker needs the tables.
                    children = stack.enter_context(demo_processes.background(Path(settings.VAR_DIR)))
                    watched = {"worker": children["worker"]}
                self.step(
                    title,
                    partial(step, report, **(watched if step in demo.BY_WORKER else {})),
                    report,
                )
            self.stdout.write("")
            self.stdout.write(
                f"Trained on everything before {demo.EVALUATE_FROM}, tested on what was bought from then on:"
            )
            self.stdout.write("")
            self.stdout.write(demo.evaluation_table(report.evaluation) or "No evaluation: too few orders.")
            if options["json"]:
                options["json"].write_text(json.dumps(report.as_dict(), indent=1) + "\n", encoding="utf-8")
            if not options["no_serve"]:
                self.serve(options["port"])

    def step(self, title: str, work: Any, report: demo.Report) -> None:
        """One step with its bar and its seconds."""
        show = self.bar(title)
        try:
            work(progress=show)
        except demo.DemoError as error:
            raise CommandError(str(error)) from error
        name = list(report.seconds)[-1]
        seconds = f"{report.seconds[name]:.1f} s"
        show(1.0, f"{seconds}, was done already" if name in report.skipped else seconds, last=True)

    def bar(self, title: str) -> Bar:
        """A progress callback: a bar that moves on a terminal; elsewhere one line at the end."""
        moves = self.stdout.isatty()
        shown = {"text": ""}

        def show(fraction: float, message: str = "", *, last: bool = False) -> None:
            done = round(min(max(fraction, 0.0), 1.0) * WIDTH)
            text = f"{title:<24} [{'█' * done}{'·' * (WIDTH - done)}] {fraction:4.0%} {message[:50]:<50}"
            if last or (moves and text != shown["text"]):
                self.stdout.write(f"\r{text}" if moves else text.rstrip(), ending="\n" if last else "")
                self.stdout.flush()
                shown["text"] = text

        return show

    def serve(self, port: int) -> None:
        """The shop and the admin until Ctrl-C."""
        self.stdout.write("")
        self.stdout.write(f"Shop   http://127.0.0.1:{port}/")
        self.stdout.write(f"Admin  http://127.0.0.1:{port}/admin/   login: {demo.ADMIN_NAME} / {demo.ADMIN_PASSWORD}")
        self.stdout.write("Stop with Ctrl-C.")
        self.stdout.flush()
        call_command("runserver", f"127.0.0.1:{port}", use_reloader=False, skip_checks=True)


def port_check(port: int) -> None:
    """Say before the work, not after it, that the shop cannot be served. Raises CommandError."""
    try:
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(("127.0.0.1", port))
    except (OSError, OverflowError) as error:
        raise CommandError(f"Port {port} cannot be used ({error}). Choose another one: --port 8123") from error


def _interrupt(number: int, frame: FrameType | None) -> None:
    sys.exit(0)
