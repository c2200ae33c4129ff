"""`python manage.py load_sample`: the sample data into an empty shop."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError

from example_project.shop.load_tables import sample_load


class Command(BaseCommand):
    help = "Load the sample (Online Retail, 541,909 invoice lines) into the shop's empty tables."

    def handle(self, *args: Any, **options: Any) -> None:
        def progress(fraction: float, message: str) -> None:
            if options["verbosity"] > 1:
                self.stdout.write(f"{fraction:4.0%} {message}")

        try:
            counts = sample_load(progress=progress)
        except (ValueError, FileNotFoundError) as error:
            raise CommandError(str(error)) from error
        self.stdout.write(", ".join(f"{count:,} {name}" for name, count in counts.items()))
