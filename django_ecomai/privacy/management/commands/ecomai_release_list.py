"""``ecomai_release_list``: a list that may leave the shop, with noise that hides every single customer."""

from __future__ import annotations

import json
from argparse import ArgumentParser
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from django_ecomai.conf import ecomai
from django_ecomai.privacy.releasing import budget_left, list_release


class Command(BaseCommand):
    help = "Write popular products, or products bought together, with differential privacy, as JSON."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("kind", choices=["popular", "together"], help="single products, or pairs of one order")
        parser.add_argument("--epsilon", default="0.5", help="how much of the budget this list may use; default 0.5")
        parser.add_argument("--days", type=int, default=365, help="orders of so many days; default 365")
        parser.add_argument("--most", type=int, default=10, help="products or pairs a customer counts in; default 10")
        parser.add_argument("--channel", default=None, help="the shop; default: ECOMAI['CHANNEL']")
        parser.add_argument("--output", default="", help="file to write; default: the terminal")

    def handle(self, *args: Any, kind: str, epsilon: str, **options: Any) -> None:
        channel = ecomai.CHANNEL if options["channel"] is None else options["channel"]
        try:
            made = list_release(
                kind=kind, epsilon=Decimal(epsilon), channel=channel, days=options["days"], most=options["most"]
            )
        except InvalidOperation:
            raise CommandError(f"--epsilon {epsilon!r} is not a number.") from None
        except ValueError as error:
            raise CommandError(str(error)) from None
        answer = {
            "list": made.kind,
            "epsilon": float(made.epsilon),
            "delta": made.delta,
            "most_per_customer": made.most,
            "days": made.days,
            "rows": [{"products": list(products), "customers": count} for products, count in made.rows],
        }
        text = json.dumps(answer, indent=2)
        if options["output"]:
            try:
                Path(options["output"]).write_text(text + "\n", encoding="utf-8")
            except OSError as error:
                # The budget is spent, so the list must not be lost.
                self.stdout.write(text)
                raise CommandError(f"{options['output']} could not be written ({error}); the list is above.") from None
            self.stdout.write(f"{len(made.rows)} rows in {options['output']}; {budget_left(channel=channel)} left.")
        else:
            self.stdout.write(text)
