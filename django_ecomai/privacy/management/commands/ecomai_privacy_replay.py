"""``ecomai_privacy_replay``: erase again, after a backup was restored."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from django_ecomai.privacy.services import erasures_replay


class Command(BaseCommand):
    help = "Erase again whom the log of erasures names. To be typed after a backup was restored, before the shop opens."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--dry-run", action="store_true", help="only count the ids that would be erased")

    def handle(self, *args: Any, dry_run: bool, **options: Any) -> None:
        erased = erasures_replay(dry_run=dry_run)
        count, refusals = erased.pop("persons"), erased.pop("refusals")
        if dry_run:
            self.stdout.write(
                f"{count} ids of erased persons are there again, {refusals} refusals are missing. Nothing was changed."
            )
            return
        if refusals:
            self.stdout.write(f"refusals: {refusals}")
        for name, rows in erased.items():
            self.stdout.write(f"{name}: {rows}")
        self.stdout.write(f"{count} ids of erased persons were there again and are gone.")
        if count:
            self.stdout.write("Train again: python manage.py ecomai_train --no-gate")
