"""``ecomai_key``: make, list and revoke API keys."""

from __future__ import annotations

from argparse import ArgumentParser
from datetime import timedelta
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from django_ecomai.ingest.models import ApiKey, Scope
from django_ecomai.ingest.services import BadKey, key_make, key_revoke


class Command(BaseCommand):
    help = "Make an API key for a shop elsewhere and print it once; list or revoke keys."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("name", nargs="?", default="", help="who uses the key")
        parser.add_argument(
            "--scope", action="append", default=[], metavar="SCOPE", help=f"repeatable: {', '.join(Scope.values)}"
        )
        parser.add_argument("--channel", default="", help="which shop it is for")
        parser.add_argument("--days", type=int, default=None, help="valid for so many days; without: for ever")
        parser.add_argument("--list", action="store_true", help="list the keys; their secret part is not stored")
        parser.add_argument("--revoke", metavar="PREFIX", default="", help="revoke the key that begins so")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["list"]:
            for key in ApiKey.objects.order_by("pk"):
                state = "valid" if key.is_valid else "revoked" if key.revoked_at else "expired"
                self.stdout.write(f"{key.prefix}  {state:8} {key.channel or '-'}  {' '.join(key.scopes)}  {key.name}")
        elif options["revoke"]:
            found = ApiKey.objects.filter(prefix=options["revoke"]).first()
            if found is None:
                raise CommandError(f"There is no key {options['revoke']}. Type: ecomai_key --list")
            key_revoke(key=found)
            self.stdout.write(f"{found} is revoked.")
        else:
            self._make(options)

    def _make(self, options: dict[str, Any]) -> None:
        days = options["days"]
        try:
            _key, text = key_make(
                name=options["name"],
                scopes=options["scope"],
                channel=options["channel"],
                expires_at=None if days is None else timezone.now() + timedelta(days=days),
            )
        except BadKey as error:
            raise CommandError(str(error)) from error
        # The key alone on standard output, so that a script can read it.
        self.stdout.write(text)
        self.stderr.write("This is the only time that it is shown.")
