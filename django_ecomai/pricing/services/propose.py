"""The job: learns elasticities and writes a proposal per product; what somebody has decided stays."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from functools import partial
from typing import Any

from django.db import transaction
from django.db.models import F, Q
from django.utils import timezone

from django_ecomai.conf import ecomai
from django_ecomai.core.beside import beside
from django_ecomai.core.mysql import locked_rows
from django_ecomai.core.upsert import rows_upsert
from django_ecomai.mirror.columns import of_products
from django_ecomai.mirror.models import Product
from django_ecomai.pricing.cross_effects import effects_store
from django_ecomai.pricing.facts import attributes_merged, in_parts, on_sale, values_of
from django_ecomai.pricing.learning import (
    Learned,
    catalogue_read,
    elasticities_forget,
    elasticities_store,
    learn,
    learned_at,
)
from django_ecomai.pricing.models import PriceProposal, PricingRule, ProductElasticity
from django_ecomai.pricing.proposing import Setting, proposals_of
from django_ecomai.pricing.reading import Reader
from django_ecomai.pricing.rulebook import rules_in_use

from .adopt import prices_adopt

#: Products whose prices are worked out at once.
PART = 2_000
#: A nightly run is a little earlier or later than that of a week ago.
LATE = timedelta(hours=6)
#: A price that was rejected or taken back is not proposed again for so many days, unless the old one has changed.
REJECTED_DAYS = 28
REFUSED = (PriceProposal.State.REJECTED, PriceProposal.State.UNDONE)


@dataclass
class Report:
    """What a run found. ``gains`` per currency; ``held`` per code of ``held.REASONS``; ``learned_at``: when the
    elasticities were learned; ``too_small``: of the ``unchanged`` those that another price would gain too little."""

    products: int = 0
    proposals: int = 0
    unchanged: int = 0
    too_small: int = 0
    waiting: int = 0
    learned: int = 0
    tests: int = 0
    without_forecast: int = 0
    held: Counter[str] = field(default_factory=Counter)
    reasons: Counter[str] = field(default_factory=Counter)
    gains: dict[str, float] = field(default_factory=dict)
    rows: list[PriceProposal] = field(default_factory=list)
    learned_at: datetime | None = None

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "products": self.products,
            "proposals": self.proposals,
            "unchanged": self.unchanged,
            "too_small": self.too_small,
            "waiting": self.waiting,
            "elasticities": self.learned,
            "price_tests": self.tests,
            "learned_at": None if self.learned_at is None else self.learned_at.isoformat(),
            "without_forecast": self.without_forecast,
            "held": dict(self.held),
            "without_elasticity": dict(self.reasons),
            "gains": {currency: round(value, 2) for currency, value in self.gains.items()},
        }


def proposals_make(
    *,
    channel: str = "",
    run_number: int | None = None,
    dry_run: bool = False,
    keep_rows: bool = False,
    on_rows: Callable[[list[PriceProposal]], None] | None = None,
    product_ids: Sequence[int] | None = None,
    learn_again: bool = False,
    now: datetime | None = None,
    progress: Callable[[float], None] | None = None,
) -> Report:
    """Work out a proposal for every product on sale; with ``dry_run`` nothing is stored.

    Elasticities are learned first where that was ``PRICING_LEARN_DAYS`` ago, or with ``learn_again``; else those that
    are stored count. With ``product_ids`` only those and their families, from what is stored. ``keep_rows`` hands the
    rows over in the report; ``on_rows`` gets those of each part of the catalogue, which are then let go. Products with
    an approved price that is not in the shop yet keep it. A product without a known elasticity has no row: its
    ``ProductElasticity`` says why.
    """
    report, at = Report(), now or timezone.now()
    if not dry_run:
        prices_adopt(channel=channel, now=at)
    reader = Reader(channel=channel)
    rules = rules_in_use(channel=channel)
    whole, learned = product_ids is None, None
    report.learned_at = learned_at(channel=channel)
    if product_ids is not None:
        everything = family_members(channel=channel, product_ids=product_ids, rules=rules)
    elif learn_again or _is_old(report.learned_at, at):
        catalogue = catalogue_read(channel=channel)
        learned = learn(channel=channel, reader=reader, catalogue=catalogue, progress=_span(progress, 0.0, 0.5))
        if not dry_run:
            elasticities_store(channel=channel, learned=learned, run_number=run_number, now=at)
            effects_store(channel=channel, effects=learned.effects, now=at)
        everything, report.learned_at, report.tests = catalogue.products.tolist(), at, len(learned.tests)
        del catalogue
    else:
        everything = list(on_sale(channel=channel).order_by("pk").values_list("pk", flat=True).iterator())
        tests = ProductElasticity.objects.filter(channel=channel, test_worth__isnull=False)
        report.tests = tests.count()
    setting = Setting.build(
        channel=channel, at=at, reader=reader, learned=learned or Learned.stored(channel=channel, product_ids=[]),
        rules=rules, run_number=run_number,
    )  # fmt: skip
    done, began = 0, 0.0 if learned is None else 0.5
    with beside() as start:
        stored: Callable[[], None] | None = None
        for part in family_parts(channel=channel, product_ids=everything, rules=rules, size=PART):
            if learned is None:
                setting.learned = Learned.stored(channel=channel, product_ids=part)
            _count_learned(report, setting.learned, part)
            rows = _part(report, setting, part, keep_rows=keep_rows, on_rows=on_rows)
            # the database writes one part while the next one is worked out
            if stored is not None:
                stored()
            stored = None if dry_run else start(partial(_store, rows, part, at))
            done += len(part)
            if progress is not None:
                progress(began + (1 - began) * done / max(len(everything), 1))
        if stored is not None:
            stored()
    if whole and everything and not dry_run:
        # products that are not on sale any more
        elasticities_forget(channel=channel)
        gone = PriceProposal.objects.filter(channel=channel, undecided__isnull=False, made_at__lt=at)
        for keys in in_parts(gone.order_by("pk").values_list("pk", flat=True)):
            gone.filter(pk__in=keys).delete()  # Django reads what it deletes here: not all at once
    return report


def _is_old(learned: datetime | None, at: datetime) -> bool:
    """Whether elasticities are to be learned again. A run at about the same hour a whole number of days later counts as
    that late."""
    return learned is None or at - learned >= timedelta(days=ecomai.PRICING_LEARN_DAYS) - LATE


def _count_learned(report: Report, learned: Learned, part: Sequence[int]) -> None:
    reasons = Counter(learned.texts("reason", part, "no_rows"))
    report.learned += reasons.pop("", 0)
    report.reasons.update(reasons)


def proposals_preview(
    *, channel: str = "", rules: Sequence[PricingRule], product_ids: Sequence[int], now: datetime | None = None
) -> list[PriceProposal]:
    """What rules (saved or not) would propose for products and their families, from the elasticities of the last run:
    unsaved rows, unchanged prices among them."""
    everything = family_members(channel=channel, product_ids=product_ids, rules=rules)
    learned = Learned.stored(channel=channel, product_ids=everything)
    setting = Setting.build(
        channel=channel, at=now or timezone.now(), reader=Reader(channel=channel), learned=learned, rules=rules
    )  # fmt: skip
    return proposals_of(setting, everything)


def _part(
    report: Report,
    setting: Setting,
    part: Sequence[int],
    *,
    keep_rows: bool,
    on_rows: Callable[[list[PriceProposal]], None] | None,
) -> list[PriceProposal]:
    """The rows of a part that are worth storing."""
    found = proposals_of(setting, part)
    report.products += len(found)
    waiting, rejected = _decided(part, setting.at)
    rows, unknown = [], []
    for row in found:
        report.without_forecast += not row.has_forecast
        if row.product_id in waiting:
            report.waiting += 1
            continue
        if row.held_code:
            report.held[row.held_code] += 1
            if row.held_code != "no_elasticity":
                rows.append(row)
            else:
                unknown.append(row)
            continue
        if row.new_price == row.old_price or (row.product_id, row.old_price, row.new_price) in rejected:
            report.unchanged += 1
            report.too_small += row.too_small
            continue
        report.proposals += 1
        if row.goal != PricingRule.Action.SELL_THROUGH:
            report.gains[row.currency] = report.gains.get(row.currency, 0.0) + (row.gain or 0.0)
        rows.append(row)
    if keep_rows:
        report.rows += [*unknown, *rows]
    if on_rows is not None:
        on_rows([*unknown, *rows])
    return rows


def _decided(part: Sequence[int], at: datetime) -> tuple[set[int], set[tuple[int, Decimal | None, Decimal | None]]]:
    """Products with an approved price that is under way, and prices that were rejected lately; those of products
    between them may be among both."""
    rows = of_products(PriceProposal.objects.order_by(), part)
    waiting = set(rows.filter(state__in=PriceProposal.UNDER_WAY).values_list("product_id", flat=True))
    refused = rows.filter(state__in=REFUSED, decided_at__gt=at - timedelta(days=REJECTED_DAYS))
    return waiting, set(refused.values_list("product_id", "old_price", "new_price"))


def _store(rows: list[PriceProposal], part: Sequence[int], at: datetime) -> None:
    """Write the rows over those that nobody has decided, and delete what there is no reason for any more. Waits for
    who is deciding about one of them right now, and then leaves that product alone."""
    with transaction.atomic():
        undecided = PriceProposal.objects.order_by("pk")
        there: set[int] = set()
        for keys in in_parts(part):
            held = locked_rows(undecided.filter(undecided__in=keys)).values_list("undecided", flat=True)
            there |= {pk for pk in held if pk is not None}
        waiting, rejected = _decided([row.product_id for row in rows], at)
        rows = [
            row for row in rows
            if row.product_id not in waiting and (row.product_id, row.old_price, row.new_price) not in rejected
        ]  # fmt: skip
        kept = _kept_of_tests(part, at)
        rows = [row for row in rows if row.product_id not in kept]
        _approvals_keep(rows)
        for keys in in_parts(sorted(there - kept - {row.product_id for row in rows})):
            PriceProposal.objects.filter(undecided__in=keys).delete()
        fields = [one for one in PriceProposal._meta.concrete_fields if not one.primary_key]
        rows_upsert(
            PriceProposal, {one.name: [getattr(row, one.attname) for row in rows] for one in fields}, "undecided"
        )


def _kept_of_tests(part: Sequence[int], at: datetime) -> set[int]:
    """Products with a price of a price test that waits for the second of two people: it stays while the price is the
    one that it was approved for, as if this run had made it."""
    rows = of_products(PriceProposal.objects.order_by(), part).filter(
        from_test=True, undecided__isnull=False, seconded_by__isnull=False, old_price=F("product__price")
    )
    found = set(rows.values_list("product_id", flat=True))
    for keys in in_parts(sorted(found)):
        PriceProposal.objects.filter(undecided__in=keys).update(made_at=at)
    return found


def _approvals_keep(rows: list[PriceProposal]) -> None:
    """The first of two approvals stays with a price that is proposed again."""
    if not ecomai.PRICING_FOUR_EYES:
        return
    by_product = {row.product_id: row for row in rows}
    for keys in in_parts(by_product):
        old = PriceProposal.objects.filter(undecided__in=keys, seconded_by__isnull=False)
        columns = ("product_id", "old_price", "new_price", "seconded_by")
        for pk, before, after, user in old.values_list(*columns):
            row = by_product[pk]
            if (row.old_price, row.new_price) == (before, after):
                row.seconded_by_id = user


def family_members(*, channel: str, product_ids: Sequence[int], rules: Iterable[PricingRule]) -> list[int]:
    """Products with all that must have one price with them, by ascending key."""
    found = set(product_ids)
    rows = on_sale(channel=channel)
    for part in in_parts(sorted(found)):
        parents = {one for one in rows.filter(pk__in=part).values_list("parent_id", flat=True) if one}
        found |= set(rows.filter(parent__in=[*parents, *part]).values_list("pk", flat=True))
    for name in sorted({rule.family_attribute for rule in rules if rule.family_attribute}):
        values: set[str] = set()
        for part in in_parts(sorted(found)):
            for above, held in rows.filter(pk__in=part).values_list("parent__attributes", "attributes"):
                values |= _values(above, held, name)
        if values:
            # SQLite does not find a name with a quotation mark in it by its path.
            has = Q(attributes__has_key=name) | Q(parent__attributes__has_key=name)
            with_it = rows if '"' in name or "\\" in name else rows.filter(has)
            others = with_it.values_list("pk", "parent__attributes", "attributes").iterator(chunk_size=5000)
            found |= {pk for pk, above, held in others if values & _values(above, held, name)}
    return sorted(found)


def family_parts(
    *, channel: str, product_ids: Sequence[int], rules: Iterable[PricingRule], size: int
) -> Iterator[list[int]]:
    """The products in parts of about ``size`` that never cut through a family, those of near keys together."""
    names = sorted({rule.family_attribute for rule in rules if rule.family_attribute})
    lead: dict[int, int] = {}

    def root(key: int) -> int:
        while lead.get(key, key) != key:
            lead[key] = lead.get(lead[key], lead[key])
            key = lead[key]
        return key

    first: dict[tuple[str, str], int] = {}
    for start in range(0, len(product_ids), PART):
        rows = of_products(Product.objects.order_by("pk"), product_ids[start : start + PART], "pk")
        if not names:
            rows = rows.filter(parent__isnull=False)
        columns = ("pk", "parent_id", *(("parent__attributes", "attributes") if names else ()))
        for pk, parent, *held in rows.values_list(*columns).iterator(chunk_size=PART):
            if parent is not None:
                lead[root(pk)] = root(parent)
            for name in names:
                for one in _values(held[0], held[1], name):
                    lead[root(pk)] = root(first.setdefault((name, one), pk))
    nearest: dict[int, int] = {}
    keys = sorted(product_ids)
    place = [nearest.setdefault(root(pk), pk) for pk in keys] if lead else keys
    part: list[int] = []
    last: int | None = None
    for at in sorted(range(len(keys)), key=place.__getitem__) if lead else range(len(keys)):
        if len(part) >= size and place[at] != last:
            yield part
            part = []
        part.append(keys[at])
        last = place[at]
    if part:
        yield part


def _values(parent: Any, own: Any, name: str) -> set[str]:
    """Values of an attribute that a product has itself or from its parent."""
    return values_of(attributes_merged(parent, own), name)


def _span(progress: Callable[[float], None] | None, start: float, end: float) -> Callable[[float], None] | None:
    return None if progress is None else lambda part: progress(start + (end - start) * part)
