"""``ecomai_schedule``: regular syncs and trainings through Celery beat."""

from __future__ import annotations

import json
import pprint
from argparse import ArgumentParser
from typing import Any

from django.apps import apps
from django.core.management.base import BaseCommand, CommandError

from django_ecomai.conf import ecomai
from django_ecomai.runs.schedule import beat_schedule, job_entries
from django_ecomai.runs.services.schedule import BEAT_APP, schedule_apply


class Command(BaseCommand):
    help = (
        "Write the regular jobs into django-celery-beat (by name; times you have edited stay, others' entries are "
        "never touched). Without django-celery-beat, or with --print: show what to put into the settings."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        how = parser.add_mutually_exclusive_group()
        how.add_argument("--print", action="store_true", dest="show", help="show a CELERY_BEAT_SCHEDULE")
        how.add_argument("--apply", action="store_true", help="write into django-celery-beat or fail")
        parser.add_argument("--channel", action="append", help="a channel to schedule; may be given several times")
        parser.add_argument("--reset", action="store_true", help="set edited times back to the defaults")
        parser.add_argument("--json", action="store_true", help="machine-readable")

    def handle(self, *args: Any, show: bool, apply: bool, reset: bool, **options: Any) -> None:
        channels = tuple(options["channel"] or (ecomai.CHANNEL,))
        if apply and not apps.is_installed(BEAT_APP):
            raise CommandError(
                "django-celery-beat is not installed. Type: pip install django-celery-beat, add it to "
                "INSTALLED_APPS as 'django_celery_beat' and migrate; or use --print."
            )
        if show or not apps.is_installed(BEAT_APP):
            self._print(channels, options["json"])
            return
        report = schedule_apply(channels=channels, reset=reset)
        if options["json"]:
            self.stdout.write(json.dumps(vars(report), indent=1))
            return
        for title, names in (("created", report.created), ("already there", report.kept), ("off", report.retired)):
            for name in names:
                self.stdout.write(f"{title:>14}  {name}")
        self.stdout.write(
            "Beat must use the database: celery -A <project> beat "
            "--scheduler django_celery_beat.schedulers:DatabaseScheduler"
        )

    def _print(self, channels: tuple[str, ...], as_json: bool) -> None:
        entries = beat_schedule(channels=channels, queue=ecomai.CELERY_QUEUE)
        if as_json:
            self.stdout.write(json.dumps({"beat_schedule": entries, "jobs": job_entries(channels=channels)}, indent=1))
            return
        self.stdout.write("# settings.py: this, or: from django_ecomai.runs.schedule import beat_schedule")
        self.stdout.write(f"CELERY_BEAT_SCHEDULE = {pprint.pformat(entries, sort_dicts=False, width=100)}")
        self.stdout.write("# It starts, when due:")
        for entry in job_entries(channels=channels):
            self.stdout.write(f"#   {entry['crontab']:<16} {entry['kwargs']['kind']}  {entry['help']}")
