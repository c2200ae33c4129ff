"""``ecomai_sync``: copy the shop into the mirror."""

from __future__ import annotations

import json
import sys
from datetime import date, datetime, time
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone
from django.utils.dateparse import parse_date, parse_datetime

from django_ecomai.adapters.base import AdapterError
from django_ecomai.conf import ecomai
from django_ecomai.core.extras import MissingExtra
from django_ecomai.mirror.models import SyncReport
from django_ecomai.mirror.report import report_data, report_lines
from django_ecomai.mirror.services import SyncError, shop_reconcile, shop_sync
from django_ecomai.mirror.services.sync import Progress
from django_ecomai.runs.models import Run
from django_ecomai.runs.services import run_now


def since_parse(text: str) -> datetime:
    """An aware time from ``2026-11-01`` or ``2026-11-01T08:30``. Raises ``CommandError``."""
    try:
        moment: datetime | date | None = parse_datetime(text) or parse_date(text)
    except ValueError:
        moment = None
    if moment is None:
        raise CommandError(f"--since {text!r} is no date. Write it like 2026-11-01 or 2026-11-01T08:30.")
    if not isinstance(moment, datetime):
        moment = datetime.combine(moment, time())
    return moment if timezone.is_aware(moment) else timezone.make_aware(moment)


class Command(BaseCommand):
    help = "Copy the shop's products, customers and orders into EcomAI, and report what was wrong in them."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--channel", default=None, help="Which shop, when there are several.")
        parser.add_argument("--since", help="Only what has changed since this date (2026-11-01 or 2026-11-01T08:30).")
        parser.add_argument("--dry-run", action="store_true", help="Report what would be done; write nothing.")
        parser.add_argument(
            "--no-resume", action="store_true", help="Start afresh even if the last sync was interrupted."
        )
        parser.add_argument("--reconcile", action="store_true", help="Find and repair what bulk updates bypassed.")
        parser.add_argument("--json", action="store_true", help="Print the report as JSON.")

    def handle(self, *args: Any, **options: Any) -> None:
        channel = ecomai.CHANNEL if options["channel"] is None else options["channel"]
        if options["reconcile"] and options["since"]:
            raise CommandError("--reconcile compares everything; leave --since out.")
        since = since_parse(options["since"]) if options["since"] else None
        progress = None if options["json"] or options["verbosity"] == 0 else self._progress
        if options["dry_run"]:
            report = self._rehearse(channel, since, reconcile=options["reconcile"], progress=progress)
        else:
            kind = "mirror.reconcile" if options["reconcile"] else "mirror.sync"
            parameters: dict[str, Any] = {"since": since.isoformat()} if since else {}
            if options["no_resume"] and not options["reconcile"]:
                parameters["resume"] = False
            report = self._execute(kind, channel, parameters, progress)
        self._print(report, as_json=options["json"])

    def _rehearse(
        self, channel: str, since: datetime | None, *, reconcile: bool, progress: Progress | None
    ) -> SyncReport:
        """A dry run writes nothing, not even a run."""
        try:
            if reconcile:
                return shop_reconcile(channel=channel, dry_run=True, progress=progress)
            return shop_sync(channel=channel, since=since, dry_run=True, progress=progress)
        except (SyncError, AdapterError, ImportError, MissingExtra) as error:
            raise CommandError(str(error)) from error

    def _execute(self, kind: str, channel: str, parameters: dict[str, Any], progress: Progress | None) -> SyncReport:
        """As a run: the admin shows it, and a second one of the same channel is not begun while it is under way."""
        run = run_now(kind=kind, channel=channel, parameters=parameters, listener=progress)
        if run.state != Run.State.DONE:
            problem = run.metrics.get("problem")
            if run.error and not problem and run.error != run.message:
                self.stderr.write(run.error.rstrip())
            raise CommandError(problem or run.message)
        return SyncReport.objects.get(pk=run.metrics["report"])

    def _progress(self, fraction: float, message: str) -> None:
        if sys.stderr.isatty():
            filled = int(fraction * 30)
            self.stderr.write(f"\r{'█' * filled}{'·' * (30 - filled)} {fraction:4.0%} {message:<40}", ending="")
            if fraction >= 1:
                self.stderr.write("")

    def _print(self, report: SyncReport, *, as_json: bool) -> None:
        if as_json:
            self.stdout.write(json.dumps(report_data(report), indent=2, ensure_ascii=False))
        else:
            for line in report_lines(report):
                self.stdout.write(line)
