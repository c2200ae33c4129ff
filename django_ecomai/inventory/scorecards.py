"""How suppliers deliver: on time in full, lead times and their trend, late orders, stages, and what hangs on them."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from itertools import pairwise
from typing import Any

import numpy as np
from django.db.models import Count, Max
from django.utils import timezone

from django_ecomai.conf import ecomai
from django_ecomai.mirror.models import Order
from django_ecomai.ml.inventory.chain import AGES, Stages, scorecard, stages

from .models import PurchaseOrder, PurchaseOrderLine, Receipt, Suggestion, Supplier, SupplierProduct

YEAR, QUARTER = 365, 91
#: Moments of a purchase order, and of a customer's.
MOMENTS = ("ordered", "confirmed", "shipped", "received")
CUSTOMER_MOMENTS = ("placed", "shipped", "delivered")


@dataclass
class Stage:
    """Days between two moments: how many orders know both, mean and P90; what lateness in it cost in late demand."""

    start: str
    end: str
    number: int = 0
    mean: float = 0.0
    p90: float = 0.0
    cost: float = 0.0


@dataclass
class Scorecard:
    """A supplier's year. Shares are 0..1; ``None`` where nothing is known. Money is in ``currency``."""

    supplier: Supplier
    orders: int = 0
    lines: int = 0
    on_time_in_full: float | None = None
    lead_mean: float | None = None
    lead_spread: float | None = None
    lead_p90: float | None = None
    trend: float | None = None
    late: list[tuple[str, int]] = field(default_factory=list)
    stages: list[Stage] = field(default_factory=list)
    # The stage whose lateness costs most, else the one that takes longest.
    constraint: Stage | None = None
    products: int = 0
    single_source: int = 0
    margin_per_week: float = 0.0
    margin_single: float = 0.0
    margin_planned_loss: float = 0.0
    margin_slipped_loss: float = 0.0
    currency: str = ""
    # Cost and price, or other products, are in different currencies: their money cannot be added.
    products_without_margin: int = 0

    @property
    def margin_at_risk(self) -> float:
        """What is lost until its next deliveries when they are as slow as its slowest tenth, beyond today's plan."""
        return max(self.margin_slipped_loss - self.margin_planned_loss, 0.0)

    @property
    def late_orders(self) -> int:
        """Open orders that are overdue."""
        return sum(number for _age, number in self.late)


def scorecards(*, channel: str = "", suppliers: list[Supplier] | None = None) -> list[Scorecard]:
    """One per supplier in use (or of ``suppliers``), in a fixed number of queries; what hangs on most comes first.

    "Today" is the day for which suggestions stand, so that a shop whose data ended is judged as of its end.
    """
    rows = suppliers if suppliers is not None else list(Supplier.objects.filter(channel=channel, is_active=True))
    cards = {one.pk: Scorecard(one, currency=one.currency) for one in rows}
    today = stands_for(channel)
    since = timezone.make_aware(datetime.combine(today - timedelta(days=YEAR), datetime.min.time()))
    _orders(cards, today, since)
    _exposure(cards, channel)
    return sorted(cards.values(), key=lambda card: (-card.margin_at_risk, -card.margin_per_week, card.supplier.name))


def stands_for(channel: str) -> date:
    """The day for which the suggestions stand; today where there are none."""
    found: date | None = Suggestion.objects.filter(channel=channel).aggregate(day=Max("as_of"))["day"]
    return found or timezone.localdate()


def _orders(cards: dict[int, Scorecard], today: date, since: datetime) -> None:
    """On time in full, lead times, late orders and stages, from the lines of the year's orders."""
    orders = list(
        PurchaseOrder.objects.filter(supplier__in=cards, ordered_at__gte=since)
        .exclude(status=PurchaseOrder.Status.CANCELLED)
        .order_by("pk")
    )
    place = {pk: at for at, pk in enumerate(cards)}
    by_order = {order.pk: order for order in orders}
    last = dict(
        Receipt.objects.filter(line__order__in=by_order).order_by().values_list("line").annotate(at=Max("received_at"))
    )
    lines = list(
        PurchaseOrderLine.objects.filter(order__in=by_order)
        .order_by("pk")
        .values_list("pk", "order_id", "quantity", "received", "product_id")
    )
    nan = float("nan")
    due = {pk: nan if one.expected_on is None else float(one.expected_on.toordinal()) for pk, one in by_order.items()}
    found = scorecard(
        supplier=np.array([place[by_order[line[1]].supplier_id] for line in lines], dtype=np.int64),
        ordered=np.array([_day(by_order[line[1]].ordered_at) for line in lines]),
        # Due until the end of its day.
        due=np.array([due[line[1]] + 1 for line in lines]),
        received=np.array([_day(last.get(line[0])) for line in lines]),
        quantity=np.array([float(line[2]) for line in lines]),
        came=np.array([float(line[3]) for line in lines]),
        today=float(today.toordinal()),
        suppliers=len(cards),
    )
    # Lines of one order come together: lead times, their trend and lateness are told per order.
    whole = scorecard(
        supplier=np.array([place[order.supplier_id] for order in orders], dtype=np.int64),
        ordered=np.array([_day(order.ordered_at) for order in orders]),
        due=np.array([due[order.pk] + 1 for order in orders]),
        received=np.array([_day(order.received_at) for order in orders]),
        quantity=np.ones(len(orders)),
        came=np.array([float(order.received_at is not None) for order in orders]),
        today=float(today.toordinal()),
        suppliers=len(cards),
    )
    daily = _margins([line[4] for line in lines])
    waits: dict[int, float] = defaultdict(float)
    for line in lines:
        waits[line[1]] += daily.get(line[4], 0.0)
    for pk, card in cards.items():
        at = place[pk]
        mine = [order for order in orders if order.supplier_id == pk]
        card.orders, card.lines = len(mine), int(found.lines[at])
        card.on_time_in_full = _known(found.on_time_in_full[at])
        card.lead_mean, card.lead_spread = _known(whole.lead_mean[at]), _known(whole.lead_spread[at])
        card.lead_p90, card.trend = _known(whole.lead_p90[at]), _known(whole.trend[at])
        ages = [f"≤ {AGES[0]:g}", f"≤ {AGES[1]:g}", f"> {AGES[1]:g}"]
        card.late = [(name, int(number)) for name, number in zip(ages, whole.late[at], strict=True)]
        _stages(card, mine, waits)


def _stages(card: Scorecard, orders: list[PurchaseOrder], waits: dict[int, float]) -> None:
    moments = [[_day(getattr(order, f"{name}_at")) for name in MOMENTS] for order in orders]
    if not moments:
        card.stages = [Stage(start, end) for start, end in pairwise(MOMENTS)]
        return
    found = stages(moments, cost_per_day=[waits[order.pk] for order in orders])
    card.stages = _told(found, MOMENTS)
    card.constraint = card.stages[found.constraining] if found.constraining >= 0 else None


def _told(found: Stages, moments: tuple[str, ...]) -> list[Stage]:
    return [
        Stage(start, end, int(found.count[at]), float(found.mean[at]), float(found.p90[at]), float(found.cost[at]))
        for at, (start, end) in enumerate(pairwise(moments))
    ]


def _margins(products: list[int]) -> dict[int, float]:
    """What a day's demand of a product earns, as of the last run of the job; none where currencies differ."""
    rows = Suggestion.objects.filter(product__in=set(products)).values_list(
        "product_id", "demand_day", "unit_cost", "currency", "product__price", "product__currency"
    )
    return {
        pk: _margin(cost, price) * daily
        for pk, daily, cost, currency, price, sold_in in rows
        if currency == (sold_in or ecomai.CURRENCY)
    }


def _margin(cost: Any, price: Any) -> float:
    return max(float(price or 0) - float(cost or 0), 0.0)


def _day(moment: datetime | None) -> float:
    """A moment as days since year 1, in the shop's time zone; NaN for none."""
    if moment is None:
        return float("nan")
    local = timezone.localtime(moment)
    return local.date().toordinal() + (local.hour * 60 + local.minute) / 1440


def _known(value: Any) -> float | None:
    return float(value) if np.isfinite(value) else None


def _exposure(cards: dict[int, Scorecard], channel: str) -> None:
    """What a week of each supplier's products earns, how much of it has no other source, what a slip would cost."""
    offered: dict[int, int] = dict(
        SupplierProduct.objects.filter(supplier__channel=channel, supplier__is_active=True)
        .values_list("product")
        .annotate(number=Count("supplier"))
        .order_by()
    )
    mine = Suggestion.objects.filter(supplier__in=cards).order_by()
    money: dict[int, Counter[str]] = defaultdict(Counter)
    counted = mine.values_list("supplier_id", "currency", "product__currency").annotate(number=Count("pk"))
    for supplier, currency, sold_in, number in counted:
        if currency == (sold_in or ecomai.CURRENCY):
            money[supplier][currency] += number
    for supplier, found in money.items():
        cards[supplier].currency = found.most_common(1)[0][0]
    columns = ("supplier_id", "product_id", "demand_day", "planned_loss", "slipped_loss", "unit_cost", "currency")
    rows = mine.values_list(*columns, "product__price", "product__currency").iterator()
    for supplier, product, daily, planned, slipped, cost, currency, price, sold_in in rows:
        card = cards[supplier]
        card.products += 1
        single = offered.get(product, 1) <= 1
        card.single_source += single
        if not currency == (sold_in or ecomai.CURRENCY) == card.currency:
            card.products_without_margin += 1
            continue
        margin = _margin(cost, price) * daily
        card.margin_per_week += 7 * margin
        card.margin_single += 7 * margin if single else 0.0
        card.margin_planned_loss += float(planned or 0)
        card.margin_slipped_loss += float(slipped or 0)


def customer_stages(*, channel: str = "", today: date) -> list[Stage]:
    """The customer's part of the chain, from the mirror's orders of the last quarter."""
    since = timezone.make_aware(datetime.combine(today - timedelta(days=QUARTER), datetime.min.time()))
    rows = Order.objects.filter(channel=channel, removed_at=None, placed_at__gte=since, shipped_at__isnull=False)
    moments = [
        [_day(moment) for moment in row]
        for row in rows.order_by("-placed_at").values_list("placed_at", "shipped_at", "delivered_at")[:5000]
    ]
    return _told(stages(moments), CUSTOMER_MOMENTS) if moments else []


def supplier_page(*, supplier: Supplier) -> dict[str, Any]:
    """Context of the supplier's page."""
    from .pictures import chain_picture, constraint_words, score_lines

    (card,) = scorecards(channel=supplier.channel, suppliers=[supplier])
    today = stands_for(supplier.channel)
    return {
        "card": card,
        "score_lines": score_lines(card),
        "bottleneck": constraint_words(card),
        "picture": chain_picture(card, customer_stages(channel=supplier.channel, today=today)),
        "as_of": today,
    }
