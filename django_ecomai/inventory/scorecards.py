"""How suppliers deliver: on time in full, lead times and their trend, late orders, stages, and what hangs on them."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any

import numpy as np
from django.db.models import Count, Max, QuerySet
from django.utils import timezone

from django_ecomai.mirror.models import Order

from .models import PurchaseOrder, PurchaseOrderLine, Receipt, Suggestion, Supplier, SupplierProduct
from .positions import OPEN_ORDERS

YEAR, QUARTER = 365, 91
#: Stages of a purchase order as pairs of moments; the last three of a customer's order.
STAGES = (("ordered", "confirmed"), ("confirmed", "shipped"), ("shipped", "received"))
CUSTOMER_STAGES = (("placed", "shipped"), ("shipped", "delivered"))
AGES = (7, 30)


@dataclass
class Stage:
    """Days between two moments: how many orders know both, mean and P90."""

    start: str
    end: str
    number: int = 0
    mean: float = 0.0
    p90: float = 0.0


@dataclass
class Scorecard:
    """A supplier's year. Shares are 0..1; ``None`` where nothing is known. Money is in ``currency``."""

    supplier: Supplier
    orders: int = 0
    lines: int = 0
    on_time_in_full: float | None = None
    receipts: int = 0
    lead_mean: float | None = None
    lead_spread: float | None = None
    lead_p90: float | None = None
    lead_before: float | None = None
    late: list[tuple[str, int]] = field(default_factory=list)
    stages: list[Stage] = field(default_factory=list)
    products: int = 0
    single_source: int = 0
    margin_per_week: float = 0.0
    margin_single: float = 0.0
    margin_at_risk: float = 0.0
    currency: str = ""

    @property
    def late_orders(self) -> int:
        """Open orders that are overdue."""
        return sum(number for _age, number in self.late)

    @property
    def trend(self) -> float | None:
        """Days by which the last quarter took longer than the nine months before."""
        if self.lead_mean is None or self.lead_before is None or self._recent is None:
            return None
        return self._recent - self.lead_before

    _recent: float | None = None

    @property
    def constraint(self) -> Stage | None:
        """The stage in which most of the time goes."""
        known = [stage for stage in self.stages if stage.number]
        return max(known, key=lambda stage: stage.mean, default=None)


def scorecards(*, channel: str = "", suppliers: list[Supplier] | None = None) -> list[Scorecard]:
    """One per supplier in use (or of ``suppliers``), in a fixed number of queries; what hangs on most comes first.

    "Today" is the day for which suggestions stand, so that a shop whose data ended is judged as of its end.
    """
    rows = suppliers if suppliers is not None else list(Supplier.objects.filter(channel=channel, is_active=True))
    cards = {one.pk: Scorecard(one, currency=one.currency) for one in rows}
    today = stands_for(channel)
    since = timezone.make_aware(datetime.combine(today - timedelta(days=YEAR), datetime.min.time()))
    _orders(cards, today, since)
    _lead_times(cards, since)
    _exposure(cards, channel)
    return sorted(cards.values(), key=lambda card: (-card.margin_at_risk, -card.margin_per_week, card.supplier.name))


def stands_for(channel: str) -> date:
    """The day for which the suggestions stand; today where there are none."""
    found: date | None = Suggestion.objects.filter(channel=channel).aggregate(day=Max("as_of"))["day"]
    return found or timezone.localdate()


def _orders(cards: dict[int, Scorecard], today: date, since: datetime) -> None:
    orders = list(
        PurchaseOrder.objects.filter(supplier__in=cards, ordered_at__gte=since).exclude(
            status=PurchaseOrder.Status.CANCELLED
        )
    )
    by_supplier: dict[int, list[PurchaseOrder]] = defaultdict(list)
    for order in orders:
        by_supplier[order.supplier_id].append(order)
    due = {order.pk: order.expected_on for order in orders if order.expected_on and order.expected_on < today}
    kept = _on_time(due)
    for pk, card in cards.items():
        mine = by_supplier[pk]
        card.orders = len(mine)
        judged = [kept[order.pk] for order in mine if order.pk in kept]
        card.lines = sum(total for _good, total in judged)
        card.on_time_in_full = sum(good for good, _total in judged) / card.lines if card.lines else None
        card.stages = [_stage(mine, start, end) for start, end in STAGES]
        ages = [
            (today - order.expected_on).days
            for order in mine
            if order.status in OPEN_ORDERS and order.expected_on and order.expected_on < today
        ]
        names = [f"≤ {AGES[0]}", f"≤ {AGES[1]}", f"> {AGES[1]}"]
        counts = np.bincount(np.digitize(ages, [AGES[0] + 1, AGES[1] + 1]), minlength=3) if ages else [0, 0, 0]
        card.late = [(name, int(number)) for name, number in zip(names, counts, strict=True)]


def _on_time(due: dict[int, date]) -> dict[int, tuple[int, int]]:
    """Per order: lines that had come in full by the day expected, and lines."""
    lines = PurchaseOrderLine.objects.filter(order__in=due).values_list("pk", "order_id", "quantity")
    wanted = {pk: (order, float(quantity)) for pk, order, quantity in lines}
    came: dict[int, float] = defaultdict(float)
    for line, quantity, at in Receipt.objects.filter(line__order__in=due).values_list(
        "line_id", "quantity", "received_at"
    ):
        if line in wanted and timezone.localtime(at).date() <= due[wanted[line][0]]:
            came[line] += float(quantity)
    found: dict[int, tuple[int, int]] = {}
    for pk, (order, quantity) in wanted.items():
        good, total = found.get(order, (0, 0))
        found[order] = good + (came[pk] >= quantity), total + 1
    return found


def _stage(orders: list[PurchaseOrder], start: str, end: str) -> Stage:
    days = [
        (getattr(one, f"{end}_at") - getattr(one, f"{start}_at")).total_seconds() / 86_400
        for one in orders
        if getattr(one, f"{end}_at") is not None and getattr(one, f"{start}_at") is not None
    ]
    return _summed(start, end, [one for one in days if one >= 0])


def _summed(start: str, end: str, days: list[float]) -> Stage:
    if not days:
        return Stage(start, end)
    return Stage(start, end, len(days), float(np.mean(days)), float(np.quantile(days, 0.9)))


def _lead_times(cards: dict[int, Scorecard], since: datetime) -> None:
    rows = Receipt.objects.filter(supplier__in=cards, ordered_at__isnull=False, received_at__gte=since)
    days: dict[int, list[tuple[datetime, float]]] = defaultdict(list)
    for supplier, ordered, received in rows.values_list("supplier_id", "ordered_at", "received_at").iterator():
        took = (received - ordered).total_seconds() / 86_400
        if took >= 0:
            days[supplier].append((received, took))
    recent = since + timedelta(days=YEAR - QUARTER)
    for pk, card in cards.items():
        took = np.array([one for _at, one in days[pk]])
        card.receipts = len(took)
        if not len(took):
            continue
        card.lead_mean, card.lead_spread = float(took.mean()), float(took.std())
        card.lead_p90 = float(np.quantile(took, 0.9))
        lately = np.array([at >= recent for at, _one in days[pk]])
        if lately.any() and not lately.all():
            card._recent, card.lead_before = float(took[lately].mean()), float(took[~lately].mean())


def _exposure(cards: dict[int, Scorecard], channel: str) -> None:
    """What a week of each supplier's products earns, how much of it has no other source, what a slip would cost."""
    offered = dict(
        SupplierProduct.objects.filter(supplier__channel=channel, supplier__is_active=True)
        .values_list("product")
        .annotate(number=Count("supplier"))
        .order_by()
    )
    rows = Suggestion.objects.filter(supplier__in=cards).values_list(
        "supplier_id", "product_id", "demand_day", "on_hand", "on_order", "reserved", "unit_cost", "product__price"
    )
    for supplier, product, daily, hand, order, reserved, cost, price in rows.iterator():
        card = cards[supplier]
        card.products += 1
        margin = max(float(price or 0) - float(cost or 0), 0.0) * daily
        card.margin_per_week += 7 * margin
        if offered.get(product, 1) <= 1:
            card.single_source += 1
            card.margin_single += 7 * margin
        if daily > 0 and card.lead_mean is not None and card.lead_p90 is not None:
            lasts = max(hand + order - reserved, 0.0) / daily
            short = max(card.lead_p90 - lasts, 0.0) - max(card.lead_mean - lasts, 0.0)
            card.margin_at_risk += margin * max(short, 0.0)


def customer_stages(*, channel: str = "", today: date) -> list[Stage]:
    """The customer's part of the chain, from the mirror's orders of the last quarter."""
    since = timezone.make_aware(datetime.combine(today - timedelta(days=QUARTER), datetime.min.time()))
    orders: QuerySet[Order] = Order.objects.filter(
        channel=channel, removed_at=None, placed_at__gte=since, shipped_at__isnull=False
    )
    rows = list(orders.order_by("-placed_at").values_list("placed_at", "shipped_at", "delivered_at")[:5000])
    found = []
    for (start, end), (first, second) in zip(CUSTOMER_STAGES, ((0, 1), (1, 2)), strict=True):
        days = [(row[second] - row[first]).total_seconds() / 86_400 for row in rows if row[second] and row[first]]
        found.append(_summed(start, end, [one for one in days if one >= 0]))
    return found


def supplier_page(*, supplier: Supplier) -> dict[str, Any]:
    """Context of the supplier's page."""
    from .pictures import chain_picture, score_lines

    (card,) = scorecards(channel=supplier.channel, suppliers=[supplier])
    today = stands_for(supplier.channel)
    return {
        "card": card,
        "score_lines": score_lines(card),
        "picture": chain_picture(card, customer_stages(channel=supplier.channel, today=today)),
        "as_of": today,
    }
