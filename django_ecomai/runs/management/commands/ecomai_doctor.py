"""``ecomai_doctor``: how everything stands and what to do next."""

from __future__ import annotations

import json
import sys
from argparse import ArgumentParser
from dataclasses import asdict
from typing import Any

from django.core.checks import ERROR, WARNING, run_checks
from django.core.checks.registry import registry
from django.core.management.base import BaseCommand

from django_ecomai.core.registry import Finding
from django_ecomai.runs.doctor import LEVELS, doctor_report

SIGNS = {"error": "ERROR", "warning": "WARN ", "info": "info ", "ok": "ok   "}


class Command(BaseCommand):
    help = "Show what is configured, synced, trained and stale, which worker was seen, and what to do next."
    requires_system_checks: list[str] = []  # it reports them itself, and must work when they fail

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--json", action="store_true", help="machine-readable")

    def handle(self, *args: Any, **options: Any) -> None:
        report = [*_system_checks(), *doctor_report(deep=True)]
        if options["json"]:
            rows = [
                {"check": name, **{key: _plain(value) for key, value in asdict(finding).items()}}
                for name, finding in report
            ]
            worst = min((LEVELS.index(finding.level) for _name, finding in report), default=len(LEVELS) - 1)
            self.stdout.write(json.dumps({"level": LEVELS[worst], "findings": rows}, indent=1))
        else:
            self._print(report)
        if any(finding.level == "error" for _name, finding in report):
            sys.exit(1)

    def _print(self, report: list[tuple[str, Finding]]) -> None:
        styles = {"error": self.style.ERROR, "warning": self.style.WARNING, "ok": self.style.SUCCESS}
        for _name, finding in report:
            detail = f": {finding.detail}" if finding.detail else ""
            style = styles.get(finding.level, str)
            self.stdout.write(f"{style(SIGNS.get(finding.level, finding.level))}  {finding.title}{detail}")
        steps = list(
            dict.fromkeys(str(finding.next_step) for _name, finding in _by_weight(report) if finding.next_step)
        )
        if steps:
            self.stdout.write("\nNext:")
            for number, step in enumerate(steps, start=1):
                self.stdout.write(f" {number}. {step}")


def _by_weight(report: list[tuple[str, Finding]]) -> list[tuple[str, Finding]]:
    return sorted(report, key=lambda item: LEVELS.index(item[1].level) if item[1].level in LEVELS else 0)


def _system_checks() -> list[tuple[str, Finding]]:
    """Django's checks that concern EcomAI, as findings."""
    if not registry.tag_exists("ecomai"):
        return []
    found = []
    for message in run_checks(tags=["ecomai"]):
        if message.level >= WARNING and not message.is_silenced():
            level = "error" if message.level >= ERROR else "warning"
            found.append(("settings", Finding(level, f"{message.msg} ({message.id})", "", message.hint or "")))
    return found


def _plain(value: Any) -> Any:
    return value if isinstance(value, dict | list | int | float | type(None)) else str(value)
