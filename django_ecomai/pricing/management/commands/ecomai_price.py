"""``python manage.py ecomai_price``: which prices should change, on the terminal or as JSON."""

from __future__ import annotations

import json
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from django_ecomai.conf import ecomai
from django_ecomai.mirror.models import Product
from django_ecomai.pricing.models import PriceProposal
from django_ecomai.pricing.services.propose import proposals_make
from django_ecomai.runs.models import Run
from django_ecomai.runs.services import run_now


class Command(BaseCommand):
    help = "Work out which prices should change, and print them. Exit code 1 when it failed."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--channel", default=None, help="the shop; default: ECOMAI['CHANNEL']")
        parser.add_argument("--dry-run", action="store_true", help="store nothing, only print")
        parser.add_argument("--json", action="store_true", help="machine-readable result")
        parser.add_argument("--product", default=None, help="the shop's id of one product: stores nothing, says why")
        parser.add_argument("--limit", type=int, default=20, help="lines on the terminal (default 20)")

    def handle(self, *args: Any, **options: Any) -> None:
        channel = ecomai.CHANNEL if options["channel"] is None else options["channel"]
        if options["product"] is not None:
            summary, rows = self._one(channel, options["product"])
        elif options["dry_run"]:
            report = proposals_make(channel=channel, dry_run=True)
            summary, rows = report.as_dict(), report.rows
        else:
            run = run_now(kind="pricing.propose", channel=channel)
            if run.state != Run.State.DONE:
                raise CommandError(f"{run.message}\n{run.error}".strip())
            summary = run.metrics["pricing"]
            rows = list(PriceProposal.objects.filter(channel=channel, run_number=run.pk).select_related("rule"))
        products: dict[int, Product] = {}
        for start in range(0, len(rows), 900):
            products |= Product.objects.in_bulk([row.product_id for row in rows[start : start + 900]])
        for row in rows:
            row.product = products[row.product_id]
        rows.sort(key=lambda row: (row.state != "open", -(row.gain or 0.0), row.product.external_id))
        if options["json"]:
            found = {**summary, "dry_run": bool(options["dry_run"] or options["product"] is not None)}
            json.dump({**found, "proposals": [as_json(row) for row in rows]}, self.stdout, indent=1)
            self.stdout.write("")
            return
        self._print(summary, rows, options["limit"])

    def _one(self, channel: str, ident: str) -> tuple[dict[str, Any], list[PriceProposal]]:
        pk = Product.objects.filter(channel=channel, external_id=ident).values_list("pk", flat=True).first()
        if pk is None:
            raise CommandError(f"There is no product {ident!r}.")
        report = proposals_make(channel=channel, product_ids=[pk], dry_run=True)
        return report.as_dict(), report.rows

    def _print(self, summary: dict[str, Any], rows: list[PriceProposal], limit: int) -> None:
        self.stdout.write(
            f"{summary['products']} products: {summary['proposals']} new prices, {summary['unchanged']} as they are, "
            f"{sum(summary['held'].values())} held back, {summary['waiting']} approved already"
        )
        for row in rows[:limit]:
            self.stdout.write(f"{row.product.external_id:<16}  {row.product.title[:44]:<44}  {row.get_state_display()}")
            self.stdout.write(f"          {row.why}")
        if len(rows) > limit:
            self.stdout.write(f"and {len(rows) - limit} more")


def as_json(row: PriceProposal) -> dict[str, Any]:
    """A proposal for programs."""
    names = (
        "state", "held_code", "currency", "goal", "binding", "trail", "elasticity", "elasticity_low",
        "elasticity_high", "elasticity_source", "strength", "units_old", "units_new", "revenue_old", "revenue_new",
        "profit_old", "profit_new", "gain", "gain_low", "gain_high", "gain_chance", "horizon_days", "risk", "market",
        "propensity", "why",
    )  # fmt: skip
    money = ("old_price", "new_price", "list_price", "cost")
    amounts = {name: getattr(row, name) for name in money}
    return {
        "product_id": row.product.external_id,
        "title": row.product.title,
        "rule": row.rule.name if row.rule else None,
        **{name: None if value is None else float(value) for name, value in amounts.items()},
        **{name: getattr(row, name) for name in names},
        "held_reason": row.held_words,
    }
