"""``ecomai_privacy_scan``: search everything for a person; what an erasure left, if anything."""

from __future__ import annotations

import json
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from django_ecomai.conf import ecomai
from django_ecomai.core.persons import Subject
from django_ecomai.privacy.scanning import subject_scan, tables_looked_at
from django_ecomai.privacy.subjects import email_hashes


class Command(BaseCommand):
    help = "Search every table, model and cache for a person. Exit code 1 when something names him."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--customer", action="append", default=[], help="the shop's customer id; may be repeated")
        parser.add_argument("--visitor", action="append", default=[], help="id of a visitor; may be repeated")
        parser.add_argument("--user", action="append", default=[], help="key of a user account; may be repeated")
        parser.add_argument("--email", action="append", default=[], help="e-mail address; may be repeated")
        parser.add_argument("--channel", default=None, help="the shop to search; default: ECOMAI['CHANNEL']")
        parser.add_argument("--quick", action="store_true", help="leave out texts that are not known to name persons")
        parser.add_argument("--json", action="store_true", help="machine-readable result")

    def handle(self, *args: Any, **options: Any) -> None:
        subject = Subject(
            channel=ecomai.CHANNEL if options["channel"] is None else options["channel"],
            customer_ids=frozenset(options["customer"]),
            visitor_ids=frozenset(options["visitor"]),
            user_ids=frozenset(options["user"]),
            email_hashes=frozenset().union(*map(email_hashes, options["email"])),
        )
        if not subject:
            raise CommandError("Say whom to search for: --customer, --visitor, --user or --email.")
        found = subject_scan(subject=subject, deep=not options["quick"])
        certain = [one for one in found if one.certain]
        if options["json"]:
            self.stdout.write(json.dumps([one.as_dict() for one in found]))
        else:
            for one in found:
                maybe = "" if one.certain else "  (the same text, perhaps the id of something else)"
                self.stdout.write(f"{one.where}: {one.count}{maybe}")
            if not certain:
                self.stdout.write(
                    f"Nothing names this person in {tables_looked_at()} tables, the models and the cache."
                )
        if certain:
            raise SystemExit(1)
