"""``ecomai_title_index``: the optional index for searches that found nothing."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from django_ecomai.recommend.title_index import TitleIndexError, title_index_create, title_index_drop


class Command(BaseCommand):
    help = (
        "Make the index that finds titles by parts of words (PostgreSQL, extension pg_trgm), without locking the "
        "table. Worth it from about 20,000 products on, where a page shows suggestions for a search without a result."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--drop", action="store_true", help="remove the index again; the extension stays")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["drop"]:
            title_index_drop()
            self.stdout.write("The index is gone.")
            return
        try:
            made = title_index_create()
        except TitleIndexError as error:
            raise CommandError(str(error)) from error
        self.stdout.write(self.style.SUCCESS("The index is made." if made else "The index is there already."))
