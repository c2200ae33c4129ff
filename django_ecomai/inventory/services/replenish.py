"""The job: works out suggestions for the whole shop and writes them over the old ones; decisions stay."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

import numpy as np
from django.db import transaction
from django.utils import timezone

from django_ecomai.core.mysql import conflict_target, locked_rows
from django_ecomai.inventory.alerts import alert_codes
from django_ecomai.inventory.models import PurchaseOrder, Suggestion
from django_ecomai.inventory.planning import Plan, plans

#: How urgent a status is: a rejected suggestion is shown again when it became more urgent.
URGENCY = {
    Suggestion.Status.STOCKED_OUT: 4,
    Suggestion.Status.WILL_STOCK_OUT: 3,
    Suggestion.Status.REORDER: 2,
}
_DECIDED = ("state", "decided_quantity", "decided_at", "decided_by", "reason", "snoozed_until", "order_line")
_KEYS = ("id", "channel", "product")
_MOST = Decimal(10) ** 9
_WRITE = 500
#: So many substitutes are told of a product; all count.
MOST_SUBSTITUTES = 3


@dataclass
class Report:
    """What a run found: products per status, what is to be ordered and its sum per currency."""

    products: int = 0
    as_of: date | None = None
    statuses: Counter[str] = field(default_factory=Counter)
    to_order: int = 0
    values: Counter[str] = field(default_factory=Counter)
    without_forecast: int = 0
    without_supplier: int = 0
    rows: list[Suggestion] = field(default_factory=list)

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "products": self.products,
            "as_of": self.as_of.isoformat() if self.as_of else None,
            "statuses": dict(self.statuses),
            "to_order": self.to_order,
            "values": {currency: round(float(value), 2) for currency, value in self.values.items()},
            "without_forecast": self.without_forecast,
            "without_supplier": self.without_supplier,
        }


def suggestions_make(
    *,
    channel: str = "",
    run_number: int | None = None,
    dry_run: bool = False,
    keep_rows: bool = False,
    progress: Callable[[float], None] | None = None,
) -> Report:
    """Work out and store a suggestion per product; with ``dry_run`` nothing is stored.

    ``keep_rows`` hands the rows over in the report. Decisions stay, except that what was snoozed until today, rejected
    while it was less urgent, or ordered (its order is no draft any more), is open again. Rows of products that are not
    on sale any more are deleted, unless something was decided about them.
    """
    report = Report()
    now = timezone.now()
    seen: list[int] = []
    for plan in plans(channel=channel, progress=progress):
        rows = rows_of(plan, channel=channel, now=now, run_number=run_number)
        seen += [row.product_id for row in rows]
        _count(report, plan, rows)
        if keep_rows or dry_run:
            report.rows += rows
        if not dry_run:
            with transaction.atomic():
                _store(rows, channel=channel)
    if not dry_run:
        _forget(channel, seen)
    return report


def rows_of(plan: Plan, *, channel: str, now: datetime, run_number: int | None) -> list[Suggestion]:
    """A plan as rows of the table, not saved."""
    found, stock, weeks = plan.suggestions, plan.stock, plan.weeks()
    stand_in = _substitutes(plan)
    spread = [float(plan.spread.intercept_), float(plan.spread.slope_)]
    learned = {"spread": spread} if np.isfinite(spread).all() else {}
    lead = plan.lead_times.mean(axis=1, dtype=np.float64)
    rows = []
    for at, facts in enumerate(plan.facts):
        quantity = _decimal(found.quantity[at])
        notes = plan.codes[at] | set(str(found.notes[at]).split())
        out = found.stockout_in_days[at]
        row = Suggestion(
            channel=channel,
            product_id=facts.pk,
            supplier=facts.offer.supplier if facts.offer else None,
            run_number=run_number,
            made_at=now,
            as_of=plan.as_of,
            status=str(found.status[at]),
            abc=str(plan.abc[at]),
            xyz=str(plan.xyz[at]),
            on_hand=facts.on_hand,
            on_order=facts.on_order,
            reserved=facts.reserved,
            demand_day=float(stock.demand_daily[at]),
            p50=float(found.p50[at]),
            p90=float(found.p90[at]),
            lead_time_days=float(lead[at]),
            protection_days=float(lead[at] + stock.review_days[at]),
            cover_days=_finite(found.cover_days[at]),
            stock_out_on=plan.as_of + timedelta(days=int(out) - 1) if np.isfinite(out) else None,
            stock_out_probability=float(found.stockout_probability[at]),
            reorder_point=float(found.reorder_point[at]),
            order_up_to=float(found.order_up_to[at]),
            planned_loss=_decimal(plan.slip.planned[at]),
            slipped_loss=_decimal(plan.slip.slipped[at]),
            service=float(found.service[at]),
            raw_quantity=float(found.raw_quantity[at]),
            quantity=quantity,
            unit_cost=_decimal(found.unit_cost[at]),
            currency=facts.currency,
            value=_decimal(found.value[at]),
            lost_margin=_decimal(found.lost_margin[at]),
            holding_cost=_decimal(found.holding_cost[at]),
            notes={
                "codes": sorted(notes),
                "pack": float(stock.pack_size[at]),
                "moq": float(stock.moq[at]),
                # Policy (R,Q) orders in multiples of it.
                **({"lot": max(float(np.ceil(found.eoq[at])), 1.0)} if stock.policy[at] == "RQ" else {}),
                **learned,
                **({"fill": round(float(stock.fill_target[at]), 5)} if plan.shares_target(at) else {}),
                **stand_in.get(at, {}),
            },
            history=[round(float(value), 2) for value in weeks[at]],
        )
        row.alerts = alert_codes(row)
        rows.append(row)
    return rows


def _substitutes(plan: Plan) -> dict[int, dict[str, Any]]:
    """Per row what the words about substitutes need: the strongest few with what they could give, what moves here."""
    links, found = plan.substitutes, plan.suggestions
    told: dict[int, dict[str, Any]] = {}
    for at in np.argsort(-links.share, kind="stable").tolist():
        row, other, share = int(links.product[at]), int(links.substitute[at]), float(links.share[at])
        rows = told.setdefault(row, {}).setdefault("substitutes", [])
        wanted = share * float(plan.stock.demand_daily[row])
        if len(rows) < MOST_SUBSTITUTES:
            facts = plan.facts[other]
            rows.append(
                {
                    "product": facts.external_id,
                    "title": facts.title[:80],
                    "share": round(share, 4),
                    "hand": facts.on_hand + facts.on_order - facts.reserved,
                    "spare": round(float(found.spare[at]), 2),
                    "days": round(float(found.spare[at]) / wanted, 1) if wanted > 0 else None,
                }
            )
    for row in np.unique(np.r_[links.product, links.substitute]).tolist():
        moved, kept = round(float(found.moved_in[row]), 2), round(float(found.saved_margin[row]), 2)
        told.setdefault(row, {}).update({"moved_in": moved} if moved else {}, **({"saved": kept} if kept else {}))
    return told


def _finite(value: Any) -> float | None:
    return float(value) if np.isfinite(value) else None


def _decimal(value: Any) -> Decimal:
    number = float(value)
    return min(Decimal(str(round(number, 3))), _MOST) if np.isfinite(number) else Decimal(0)


def _count(report: Report, plan: Plan, rows: Iterable[Suggestion]) -> None:
    report.as_of = plan.as_of
    report.without_forecast += int((~plan.has_forecast).sum())
    for row in rows:
        report.products += 1
        report.statuses[row.status] += 1
        report.without_supplier += row.supplier is None
        if row.quantity > 0:
            report.to_order += 1
            report.values[row.currency] += row.value or 0  # type: ignore[assignment]


def _store(rows: list[Suggestion], *, channel: str) -> None:
    pks = [row.product_id for row in rows]
    old: dict[int, Suggestion] = {}
    for start in range(0, len(pks), _WRITE):
        # In the order in which decisions lock them, so that neither waits for the other in a circle.
        part = Suggestion.objects.filter(channel=channel, product_id__in=pks[start : start + _WRITE]).order_by("pk")
        old |= {row.product_id: row for row in locked_rows(part.select_related("order_line__order"))}
    for row in rows:
        before = old.get(row.product_id)
        if before is not None and not _is_over(before, row):
            for name in _DECIDED:
                setattr(row, name, getattr(before, name))
    names = [one.name for one in Suggestion._meta.concrete_fields if one.name not in _KEYS]
    Suggestion.objects.bulk_create(
        sorted(rows, key=lambda row: row.product_id),
        batch_size=_WRITE,
        update_conflicts=True,
        update_fields=names,
        **conflict_target(Suggestion, "channel", "product"),
    )


def _is_over(before: Suggestion, now: Suggestion) -> bool:
    """Whether a decision holds no longer."""
    if before.order_line is not None:
        # What is under way is netted out of the suggestion; only a draft may still become another.
        return before.order_line.order.status != PurchaseOrder.Status.DRAFT
    if before.state == Suggestion.State.SNOOZED:
        return before.snoozed_until is not None and before.snoozed_until <= now.as_of
    if before.state == Suggestion.State.REJECTED:
        return URGENCY.get(Suggestion.Status(now.status), 0) > URGENCY.get(Suggestion.Status(before.status), 0)
    # What was accepted but needs no order any more (goods have come) is done.
    return now.quantity <= 0 and before.state == Suggestion.State.ACCEPTED


def _forget(channel: str, seen: list[int]) -> None:
    """Delete rows of products that are not on sale; those that were decided keep their history and ask for nothing."""
    if not seen:
        return  # A copy of the shop that is empty for a moment must not cost what buyers decided.
    kept = set(seen)
    gone = [
        pk
        for pk, product in Suggestion.objects.filter(channel=channel).values_list("pk", "product_id").iterator()
        if product not in kept
    ]
    for start in range(0, len(gone), _WRITE):
        part = Suggestion.objects.filter(pk__in=gone[start : start + _WRITE])
        part.filter(decisions=None).delete()
        part.update(
            status=Suggestion.Status.OK, quantity=0, raw_quantity=0, value=0, lost_margin=0, holding_cost=0, alerts=[]
        )
