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
        progress = None if options["json"] or options["verbosity"] == 0 else self._progress
        try:
            if options["reconcile"]:
                report = shop_reconcile(channel=channel, dry_run=options["dry_run"], progress=progress)
            else:
                report = shop_sync(
                    channel=channel,
                    since=since_parse(options["since"]) if options["since"] else None,
                    dry_run=options["dry_run"],
                    resume=not options["no_resume"],
                    progress=progress,
                )
        except (SyncError, AdapterError, ImportError, MissingExtra) as error:
            raise CommandError(str(error)) from error
        self._print(report, as_json=options["json"])

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
