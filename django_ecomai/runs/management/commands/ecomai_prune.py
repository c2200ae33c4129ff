"""``ecomai_prune``: delete what is older than the settings keep it."""

from __future__ import annotations

import json
import sys
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from django_ecomai.runs.services import prune_all


class Command(BaseCommand):
    help = "Delete models, runs, events and whatever else is older than the settings keep it."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--json", action="store_true", help="machine-readable")

    def handle(self, *args: Any, **options: Any) -> None:
        outcome = prune_all()
        if options["json"]:
            self.stdout.write(json.dumps(outcome, indent=1))
        else:
            for name, deleted in outcome.items():
                text = f"{name}: {deleted} deleted" if isinstance(deleted, int) else f"{name} failed: {deleted}"
                self.stdout.write(text if isinstance(deleted, int) else self.style.ERROR(text))
        if any(not isinstance(deleted, int) for deleted in outcome.values()):
            sys.exit(1)
