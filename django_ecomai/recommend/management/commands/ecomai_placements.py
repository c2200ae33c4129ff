"""``ecomai_placements``: which default placements there are, and adding those that a newer version brought."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from django_ecomai.conf import ecomai
from django_ecomai.recommend.defaults import default_keys
from django_ecomai.recommend.selectors import default_placements_missing
from django_ecomai.recommend.services import placements_add


class Command(BaseCommand):
    help = (
        "Show which of the default placements a shop has, and add what is missing. What exists stays as it is, and "
        "what was deleted in the admin only comes back by its name."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--add-missing", action="store_true", help="add every default that is missing")
        parser.add_argument("--add", action="append", default=[], metavar="KEY", help="add this one; may be repeated")
        parser.add_argument("--channel", default=None, help="the shop; default: ECOMAI['CHANNEL']")

    def handle(self, *args: Any, **options: Any) -> None:
        channel = ecomai.CHANNEL if options["channel"] is None else options["channel"]
        missing = default_placements_missing(channel=channel)
        wanted = [*options["add"], *(missing.new if options["add_missing"] else [])]
        try:
            made = placements_add(keys=wanted, channel=channel)
        except LookupError as error:
            raise CommandError(str(error.args[0])) from error
        for placement in made:
            self.stdout.write(self.style.SUCCESS(f"added {placement.key}"))
        added = {placement.key for placement in made}
        there = len(default_keys()) - len({*missing.new, *missing.deleted} - added)
        self.stdout.write(f"{there} of {len(default_keys())} default placements exist.")
        for key in missing.new:
            if key not in added:
                self.stdout.write(f"missing: {key} (add it with --add-missing)")
        for key in missing.deleted:
            if key not in added:
                self.stdout.write(f"deleted: {key} (bring it back with --add {key})")
