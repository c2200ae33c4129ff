"""``python manage.py ecomai_replenish``: what should be ordered, on the terminal or as JSON."""

from __future__ import annotations

import json
import sys
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from django_ecomai.conf import ecomai
from django_ecomai.core.charts import format_value
from django_ecomai.inventory.budgets import budget_choose
from django_ecomai.inventory.models import Suggestion
from django_ecomai.inventory.services.replenish import suggestions_make
from django_ecomai.mirror.models import Product
from django_ecomai.runs.models import Run
from django_ecomai.runs.services import run_now


class Command(BaseCommand):
    help = "Work out what to order, and print it. Exit code 1 when it failed."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--channel", default=None, help="the shop; default: ECOMAI['CHANNEL']")
        parser.add_argument("--dry-run", action="store_true", help="store nothing, only print")
        parser.add_argument("--json", action="store_true", help="machine-readable result")
        parser.add_argument("--budget", type=float, default=None, help="only the best orders for this sum")
        parser.add_argument("--limit", type=int, default=20, help="lines on the terminal (default 20)")

    def handle(self, *args: Any, **options: Any) -> None:
        channel = ecomai.CHANNEL if options["channel"] is None else options["channel"]
        if options["budget"] is not None and not options["budget"] > 0:
            raise CommandError("--budget must be above 0")
        if options["dry_run"]:
            report = suggestions_make(channel=channel, dry_run=True)
            summary, rows = report.as_dict(), report.rows
            products = Product.objects.filter(channel=channel).in_bulk(
                [row.product_id for row in rows if row.quantity > 0]
            )
            for row in rows:
                if row.quantity > 0:
                    row.product = products[row.product_id]
        else:
            run = run_now(kind="inventory.replenish", channel=channel)
            if run.state != Run.State.DONE:
                raise CommandError(f"{run.message}\n{run.error}".strip())
            summary = run.metrics["replenishment"]
            rows = list(Suggestion.objects.filter(channel=channel).select_related("product", "supplier"))
        wanted = sorted((row for row in rows if row.quantity > 0), key=lambda row: -(row.lost_margin or 0))
        if options["budget"] is not None:
            chosen = budget_choose(rows=wanted, budget=options["budget"])
            wanted = [row for row in wanted if row.product_id in chosen]
        if options["json"]:
            json.dump({**summary, "dry_run": options["dry_run"], "orders": [as_json(row) for row in wanted]},
                      self.stdout, indent=1)  # fmt: skip
            self.stdout.write("")
            return
        self._print(summary, wanted, options["limit"])

    def _print(self, summary: dict[str, Any], rows: list[Suggestion], limit: int) -> None:
        self.stdout.write(f"{summary['products']} products, as of {summary['as_of']}: ", ending="")
        self.stdout.write(", ".join(f"{number} {status}" for status, number in sorted(summary["statuses"].items())))
        for row in rows[:limit]:
            supplier = row.supplier.name if row.supplier else "no supplier"
            self.stdout.write(f"{format_value(float(row.quantity)):>8}  {row.product.title[:44]:<44}  {supplier}")
            self.stdout.write(f"          {row.why}")
        if len(rows) > limit:
            self.stdout.write(f"and {len(rows) - limit} more")
        if not summary["products"]:
            self.stderr.write("No product with a counted stock: map `stock` in your adapter, then type ecomai_sync.")
            sys.exit(1)


def as_json(row: Suggestion) -> dict[str, Any]:
    """A suggestion for programs."""
    return {
        "product_id": row.product.external_id,
        "title": row.product.title,
        "supplier": row.supplier.code if row.supplier else None,
        "status": row.status,
        "on_hand": row.on_hand,
        "on_order": row.on_order,
        "reserved": row.reserved,
        "p50": round(row.p50, 3),
        "p90": round(row.p90, 3),
        "cover_days": None if row.cover_days is None else round(row.cover_days, 1),
        "stock_out_on": row.stock_out_on.isoformat() if row.stock_out_on else None,
        "stock_out_probability": round(row.stock_out_probability, 4),
        "reorder_point": round(row.reorder_point, 2),
        "order_up_to": round(row.order_up_to, 2),
        "quantity": float(row.quantity),
        "unit_cost": None if row.unit_cost is None else float(row.unit_cost),
        "currency": row.currency,
        "value": None if row.value is None else float(row.value),
        "lost_margin": None if row.lost_margin is None else float(row.lost_margin),
        "holding_cost": None if row.holding_cost is None else float(row.holding_cost),
        "substitutes": row.substitutes,
        "why": row.why,
    }
