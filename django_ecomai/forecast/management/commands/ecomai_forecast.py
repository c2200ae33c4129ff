"""``ecomai_forecast``: make forecasts now, or try out what they would be."""

from __future__ import annotations

import json
import sys
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from django_ecomai.conf import ecomai
from django_ecomai.core.charts import format_value
from django_ecomai.forecast.models import Forecast
from django_ecomai.runs.models import Run
from django_ecomai.runs.services import run_now

SHOWN = ("rmsse", "wape", "bias", "coverage_80")


class Command(BaseCommand):
    help = (
        "Forecast demand and sales, test the result beside a simple forecast, and store it if it is better. "
        "Exit code 1 when it failed."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--channel", default=None, help="the shop to forecast; default: ECOMAI['CHANNEL']")
        parser.add_argument("--frequency", choices=["D", "W", "M"], help="days, weeks or months; default: the setting")
        parser.add_argument("--horizon", type=int, help="periods ahead; default: the setting")
        parser.add_argument("--full", action="store_true", help="make everything anew, not only what has changed")
        parser.add_argument("--no-gate", action="store_true", help="store the model even when it is not better")
        parser.add_argument("--dry-run", action="store_true", help="store nothing")
        parser.add_argument("--json", action="store_true", help="machine-readable result, no progress")

    def handle(self, *args: Any, **options: Any) -> None:
        channel = ecomai.CHANNEL if options["channel"] is None else options["channel"]
        named = {name: options[name] for name in ("frequency", "horizon") if options[name] is not None}
        flags = {name: True for name in ("full", "dry_run", "no_gate") if options[name]}
        listener = None if options["json"] else self._listener()
        run = run_now(kind="forecast.train", channel=channel, parameters={**named, **flags}, listener=listener)
        if options["json"]:
            self.stdout.write(json.dumps(_as_json(run, channel), indent=1))
        else:
            self._report(run)
        if run.state != Run.State.DONE:
            sys.exit(1)

    def _listener(self) -> Any:
        said = ""

        def hear(fraction: float, message: str) -> None:
            nonlocal said
            if message and message != said and self.verbosity > 0:
                said = message
                self.stderr.write(f"{fraction:4.0%} {message}")

        return hear

    def execute(self, *args: Any, **options: Any) -> Any:
        """Remembers the verbosity for the progress."""
        self.verbosity = int(options.get("verbosity", 1))
        return super().execute(*args, **options)

    def _report(self, run: Run) -> None:
        style = self.style.SUCCESS if run.state == Run.State.DONE else self.style.ERROR
        self.stdout.write(style(run.message))
        metrics = run.metrics or {}
        for sentence in metrics.get("missing", []):
            self.stdout.write(str(sentence))
        gate = metrics.get("gate")
        if isinstance(gate, dict) and gate.get("reason"):
            self.stdout.write(str(gate["reason"]))
        for row in metrics.get("evaluation", []):
            if "," not in row["split"] and (row["ours"] or "(baseline)" in row["model"]):
                facts = "  ".join(
                    f"{name} {format_value(row['metrics'][name])}"
                    for name in SHOWN
                    if row["metrics"].get(name) is not None
                )
                self.stdout.write(f"{row['split']:<20} {row['model']:<26} {facts}")
        if run.error and run.state == Run.State.FAILED:
            self.stdout.write(run.error.rstrip())


def _as_json(run: Run, channel: str) -> dict[str, Any]:
    metrics = run.metrics or {}
    return {
        "run": run.pk,
        "channel": channel,
        "state": run.state,
        "message": run.message,
        "dry_run": bool(run.parameters.get("dry_run")),
        "gate": metrics.get("gate"),
        "counts": metrics.get("counts", {}),
        "missing": metrics.get("missing", []),
        "evaluation": metrics.get("evaluation", []),
        "preview": metrics.get("preview", {}),
        "stored": Forecast.objects.filter(channel=channel).count(),
        "error": run.error,
    }
