"""``python manage.py ecomai_price``: which prices should change, on the terminal or as JSON."""

from __future__ import annotations

import json
from argparse import ArgumentParser
from heapq import nsmallest
from itertools import islice
from typing import Any

from django.core.management.base import BaseCommand, CommandError, OutputWrapper
from django.db.models.functions import Coalesce

from django_ecomai.conf import ecomai
from django_ecomai.mirror.models import Product
from django_ecomai.pricing.facts import in_parts
from django_ecomai.pricing.models import PriceProposal
from django_ecomai.pricing.services.propose import proposals_make
from django_ecomai.pricing.worklist import costs_simulated
from django_ecomai.runs.models import Run
from django_ecomai.runs.services import run_now

#: Rows that are in memory at once.
READ = 500


class Command(BaseCommand):
    help = "Work out which prices should change, and print them. Exit code 1 when it failed."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--channel", default=None, help="the shop; default: ECOMAI['CHANNEL']")
        parser.add_argument("--dry-run", action="store_true", help="store nothing, only print")
        parser.add_argument("--learn", action="store_true", help="learn elasticities again, however young they are")
        parser.add_argument("--json", action="store_true", help="machine-readable result")
        parser.add_argument("--product", default=None, help="the shop's id of one product: stores nothing, says why")
        parser.add_argument("--limit", type=int, default=20, help="lines on the terminal (default 20)")

    def handle(self, *args: Any, **options: Any) -> None:
        channel = ecomai.CHANNEL if options["channel"] is None else options["channel"]
        shown = _Shown(self.stdout, json_wanted=options["json"], limit=options["limit"])
        if options["product"] is not None or options["dry_run"]:
            only = None if options["product"] is None else [self._key(channel, options["product"])]
            report = proposals_make(
                channel=channel, product_ids=only, dry_run=True, on_rows=shown.take, learn_again=options["learn"]
            )
            summary = report.as_dict()
        else:
            run = run_now(kind="pricing.propose", channel=channel, parameters={"learn": options["learn"]})
            if run.state != Run.State.DONE:
                raise CommandError(f"{run.message}\n{run.error}".strip())
            summary = run.metrics["pricing"]
            rows = PriceProposal.objects.filter(channel=channel, run_number=run.pk, undecided__isnull=False)
            # open ones before those that are held back
            rows = rows.select_related("rule").order_by("-state", Coalesce("gain", 0.0).desc(), "pk")
            stream = rows.iterator(chunk_size=READ)
            while part := list(islice(stream, READ)):
                shown.take(part)
        dry = bool(options["dry_run"] or options["product"] is not None)
        shown.end({**summary, "dry_run": dry, "costs_simulated": costs_simulated(channel=channel)})

    def _key(self, channel: str, ident: str) -> int:
        pk = Product.objects.filter(channel=channel, external_id=ident).values_list("pk", flat=True).first()
        if pk is None:
            raise CommandError(f"There is no product {ident!r}.")
        return pk


class _Shown:
    """What is printed of rows that come in parts: each at once as JSON, or in the end those that gain most."""

    def __init__(self, out: OutputWrapper, *, json_wanted: bool, limit: int) -> None:
        self.out, self.json_wanted, self.limit = out, json_wanted, limit
        self.number = 0
        self.best: list[PriceProposal] = []

    def take(self, rows: list[PriceProposal]) -> None:
        """Some more."""
        products: dict[int, Product] = {}
        for part in in_parts(row.product_id for row in rows):
            products |= Product.objects.only("external_id", "title").in_bulk(part)
        for row in rows:
            row.product = products[row.product_id]
            if self.json_wanted:
                self._begin()
                self.out.write(json.dumps(as_json(row)), ending="")
            self.number += 1
        if not self.json_wanted:
            self.best = nsmallest(self.limit, [*self.best, *rows], key=_most_first)

    def _begin(self) -> None:
        self.out.write(",\n " if self.number else '{"proposals": [\n ', ending="")

    def end(self, summary: dict[str, Any]) -> None:
        """There are no more."""
        if self.json_wanted:
            told = {name: value for name, value in summary.items() if name != "proposals"}  # their number: the list's
            self.out.write("" if self.number else '{"proposals": [', ending="")
            self.out.write("\n], " + json.dumps(told, indent=1)[1:].lstrip())
            return
        self.out.write(
            f"{summary['products']} products: {summary['proposals']} new prices, {summary['unchanged']} as they are, "
            f"{sum(summary['held'].values())} held back, {summary['waiting']} approved already"
        )
        if summary["costs_simulated"]:
            self.out.write("The costs of this shop are simulated: its profits and gains are no real money.")
        for row in self.best:
            self.out.write(f"{row.product.external_id:<16}  {row.product.title[:44]:<44}  {row.get_state_display()}")
            self.out.write(f"          {row.why}")
        if self.number > len(self.best):
            self.out.write(f"and {self.number - len(self.best)} more")


def _most_first(row: PriceProposal) -> tuple[bool, float, str]:
    return row.state != PriceProposal.State.OPEN, -(row.gain or 0.0), row.product.external_id


def as_json(row: PriceProposal) -> dict[str, Any]:
    """A proposal for programs."""
    names = (
        "state", "held_code", "currency", "goal", "binding", "trail", "elasticity", "elasticity_low",
        "elasticity_high", "elasticity_source", "strength", "units_old", "units_new", "revenue_old", "revenue_new",
        "profit_old", "profit_new", "expected", "gain", "gain_low", "gain_high", "gain_chance", "horizon_days",
        "risk", "market", "cross", "propensity", "tax", "why",
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
