"""``ecomai_adapter``: draft an adapter for this project's models."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.core.checks import ERROR
from django.core.management.base import BaseCommand, CommandError, CommandParser

from django_ecomai.adapters.draft import ROLES, draft_make


class Command(BaseCommand):
    help = "Look at the project's models and draft an adapter to edit. Prints it, or writes it with --output."
    requires_system_checks: list[str] = []  # the draft is what repairs a missing adapter

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--output", help="Write the draft into this file, e.g. yourapp/ecomai.py.")
        parser.add_argument("--force", action="store_true", help="Overwrite the file.")

    def handle(self, *args: Any, **options: Any) -> None:
        draft = draft_make()
        if "product" not in draft.found and "order" not in draft.found:
            raise CommandError(
                "No model of this project looks like a product or an order. Is the shop's app in INSTALLED_APPS? "
                "Write an adapter by hand: docs/howto/adapters shows one."
            )
        if not options["output"]:
            self.stdout.write(draft.text, ending="")
        else:
            self._write(Path(options["output"]), draft.text, force=options["force"])
        if options["verbosity"] > 0:
            self._explain(draft)

    def _write(self, path: Path, text: str, *, force: bool) -> None:
        if path.exists() and not force:
            raise CommandError(f"{path} exists. Choose another name, or type --force to overwrite it.")
        if not path.parent.is_dir():
            raise CommandError(f"The folder {path.parent} does not exist.")
        path.write_text(text, encoding="utf-8")
        dotted = ".".join([*path.with_suffix("").parts, "ShopAdapter"]).lstrip("./")
        self.stderr.write(self.style.SUCCESS(f"Wrote {path}."))
        self.stderr.write(f"Next: edit it, set ECOMAI = {{'ADAPTER': '{dotted}'}}, then `python manage.py check`.")

    def _explain(self, draft: Any) -> None:
        for role in ROLES:
            model = draft.found.get(role)
            others = ", ".join(f"{n} ({s})" for n, s in draft.scores[role] if model is None or n != model._meta.label)
            chosen = model._meta.label if model else "not found"
            self.stderr.write(f"  {role:9} {chosen}" + (f"; also seen: {others}" if others else ""))
        for message in draft.messages:
            style = self.style.ERROR if message.level >= ERROR else self.style.WARNING
            self.stderr.write(style(f"  {message.id}: {message.msg} {message.hint or ''}"))
