"""``ecomai_train``: train models now, in this process, with a progress bar."""

from __future__ import annotations

import json
import sys
import time
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError, OutputWrapper

from django_ecomai.conf import ecomai
from django_ecomai.core.registry import job_kinds
from django_ecomai.runs.models import Run
from django_ecomai.runs.services import run_now

SUFFIX = ".train"
WIDTH = 30


class Command(BaseCommand):
    help = "Train models (all kinds, or those named) and wait for the result. Exit code 1 when one failed."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "kinds", nargs="*", help="e.g. recommend, or the full name of a job such as recommend.train"
        )
        parser.add_argument("--channel", default=None, help="the shop to train for; default: ECOMAI['CHANNEL']")
        parser.add_argument("--no-gate", action="store_true", help="go live even when the quality gate says no")
        parser.add_argument("--parameters", type=json.loads, default={}, help="JSON object handed to the job")
        parser.add_argument("--json", action="store_true", help="machine-readable result, no progress")

    def handle(self, *args: Any, kinds: list[str], no_gate: bool, parameters: Any, **options: Any) -> None:
        if not isinstance(parameters, dict):
            raise CommandError("--parameters must be a JSON object, e.g. '{\"budget\": 20}'")
        if no_gate:
            parameters = {**parameters, "no_gate": True}
        channel = ecomai.CHANNEL if options["channel"] is None else options["channel"]
        runs = []
        for kind in resolve_kinds(kinds):
            bar = None if options["json"] else ProgressBar(self.stderr, label=str(job_kinds.get(kind).label))
            run = run_now(kind=kind, channel=channel, parameters=parameters, listener=bar)
            runs.append(run)
            if bar is not None:
                bar.close()
                self._report(run)
        if options["json"]:
            self.stdout.write(json.dumps([_as_json(run) for run in runs], indent=1))
        if any(run.state != Run.State.DONE for run in runs):
            sys.exit(1)

    def _report(self, run: Run) -> None:
        style = self.style.SUCCESS if run.state == Run.State.DONE else self.style.ERROR
        self.stdout.write(style(f"{run.kind} #{run.pk}: {run.get_state_display()}. {run.message}"))
        gate = (run.metrics or {}).get("gate")
        if isinstance(gate, dict) and gate.get("reason") and gate["reason"] != run.message:
            self.stdout.write(str(gate["reason"]))
        if run.error and run.state == Run.State.FAILED:
            self.stdout.write(run.error.rstrip())


def resolve_kinds(names: list[str]) -> list[str]:
    """Full job names: ``recommend`` -> ``recommend.train``; no name gives every ``*.train``. Raises
    ``CommandError``.
    """
    if not names:
        found = [name for name in job_kinds.names() if name.endswith(SUFFIX)]
        if not found:
            raise CommandError("Nothing to train: no installed capability has a model.")
        return found
    chosen = []
    for name in names:
        full = name if name in job_kinds else f"{name}{SUFFIX}"
        if full not in job_kinds:
            raise CommandError(f"There is no job {name!r}. Known: {', '.join(sorted(job_kinds.names())) or 'none'}.")
        chosen.append(full)
    return chosen


def _as_json(run: Run) -> dict[str, Any]:
    seconds = (run.finished_at - run.started_at).total_seconds() if run.finished_at and run.started_at else None
    return {
        "id": run.pk,
        "kind": run.kind,
        "channel": run.channel,
        "state": run.state,
        "message": run.message,
        "seconds": seconds,
        "metrics": run.metrics,
        "error": run.error,
        "artifacts": list(run.artifacts.values("kind", "sha256", "path", "passed_gate")),
    }


class ProgressBar:
    """``Label [#####.....]  50 % message`` on one line of a terminal; elsewhere a line per tenth. Needs no library."""

    def __init__(self, stream: OutputWrapper, *, label: str) -> None:
        self.stream, self.label = stream, label
        self.live = bool(stream.isatty())
        self.began = time.monotonic()
        self.tenth = -1
        self.dirty = False

    def __call__(self, fraction: float, message: str = "") -> None:
        if self.live:
            filled = round(fraction * WIDTH)
            seconds = int(time.monotonic() - self.began)
            text = (
                f"{self.label} [{'#' * filled}{'.' * (WIDTH - filled)}] {fraction * 100:3.0f} % "
                f"{seconds // 60}:{seconds % 60:02d} {message}"
            )
            self.stream.write(f"\r\x1b[K{text[:118]}", ending="")
            self.stream.flush()
            self.dirty = True
        elif int(fraction * 10) > self.tenth:
            self.tenth = int(fraction * 10)
            self.stream.write(f"{self.label}: {fraction * 100:.0f} % {message}".rstrip())

    def close(self) -> None:
        """Leave the line."""
        if self.dirty:
            self.stream.write("")
