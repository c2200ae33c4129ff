"""Reads for the merchant: what each placement brought."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, NamedTuple

from django.db.models import Count, OuterRef, QuerySet, Subquery
from django.db.models.functions import Coalesce
from django.utils.text import format_lazy
from django.utils.translation import gettext_lazy as _

from django_ecomai.conf import ecomai
from django_ecomai.core.uuid7 import uuid7_floor, uuid7_time
from django_ecomai.events.models import Event, EventName, VisitorIdentity
from django_ecomai.mirror.models import Order, OrderLine, Product
from django_ecomai.runs.models import Run

from .defaults import default_keys
from .models import Placement, Revision, Slot

_NOT_SALES = (Order.Status.CANCELLED, Order.Status.RETURNED)


def attribution_rule() -> Any:
    """The rule in one sentence, to stand beside the numbers (a lazy string)."""
    return format_lazy(
        _(
            "A sale counts for a placement when the same visitor or customer clicked that product there at most {days} "
            "days before the order. The last click counts; every order line counts once. Cancelled orders and robots "
            "are left out."
        ),
        days=f"{ecomai.ATTRIBUTION_DAYS:g}",
    )


class MissingDefaults(NamedTuple):
    """Keys of default placements that a channel does not have: ``new`` to it, or ``deleted`` in the admin."""

    new: list[str]
    deleted: list[str]


def default_placements_missing(*, channel: str = "") -> MissingDefaults:
    """What a newer version has beside the placements of a channel; two queries, one where nothing is missing."""
    there = set(Placement.objects.filter(channel=channel).values_list("key", flat=True))
    missing = [key for key in default_keys() if key not in there]
    if not missing:
        return MissingDefaults([], [])
    label = Placement._meta.label_lower
    gone = Revision.objects.filter(channel=channel, model=label, after=[]).values_list("before", flat=True)
    deleted = {row["fields"].get("key") for rows in gone for row in rows if row["model"] == label}
    return MissingDefaults([key for key in missing if key not in deleted], [key for key in missing if key in deleted])


@dataclass
class PlacementRow:
    """What one placement brought. ``ctr`` is clicks per impression (0..1, None without impressions); ``amounts`` are
    the sums of the lines by currency.
    """

    placement: str
    label: str
    impressions: int = 0
    clicks: int = 0
    orders: int = 0
    amounts: dict[str, Decimal] = field(default_factory=dict)

    @property
    def revenue(self) -> list[tuple[Decimal, str]]:
        """``(amount, currency)``, the largest amount first; amounts of different currencies are never added."""
        return sorted(((amount, currency) for currency, amount in self.amounts.items()), reverse=True)

    @property
    def ctr(self) -> float | None:
        """Clicks per impression, or None when nothing was shown."""
        return self.clicks / self.impressions if self.impressions else None

    @property
    def ctr_percent(self) -> float | None:
        """``ctr`` in percent, for screens."""
        return None if self.ctr is None else 100 * self.ctr


def placement_performance(
    *, channel: str = "", since: datetime | None = None, until: datetime | None = None
) -> list[PlacementRow]:
    """Impressions, clicks, orders and revenue per placement in ``[since, until)``, most impressions first.

    Five queries, whatever the size: counts by index over a range of ids, clicks, links of visitors, purchases by
    visitor, and the lines of products that were clicked. See ``attribution_rule``.
    """
    rows: dict[str, PlacementRow] = {}
    labels = dict(Placement.objects.filter(channel=channel).values_list("key", "label"))

    def row(key: str) -> PlacementRow:
        return rows.setdefault(key, PlacementRow(key, labels.get(key, key)))

    shown = people_events(channel, since, until).filter(name__in=[EventName.VIEW_ITEM_LIST, EventName.SELECT_ITEM])
    for key, name, count in (
        shown.exclude(placement="").order_by().values("placement", "name").annotate(n=Count("pk"))
        .values_list("placement", "name", "n")
    ):  # fmt: skip
        if name == EventName.SELECT_ITEM:
            row(key).clicks = count
        else:
            row(key).impressions = count
    orders: dict[str, set[str]] = defaultdict(set)
    for line in attributed_lines(channel, since, until):
        amounts = row(line.placement).amounts
        amounts[line.currency] = amounts.get(line.currency, Decimal()) + line.revenue
        orders[line.placement].add(line.order)
    for key, found in orders.items():
        row(key).orders = len(found)
    for key in labels:
        row(key)
    return sorted(rows.values(), key=lambda one: (-one.impressions, -one.clicks, one.placement))


def people_events(channel: str, since: datetime | None, until: datetime | None) -> QuerySet[Event]:
    """People's events between two moments; id bounds let PostgreSQL open only the months in between."""
    events = Event.objects.filter(channel=channel, is_bot=False)
    if since is not None:
        events = events.filter(id__gte=uuid7_floor(since))
    if until is not None:
        events = events.filter(id__lt=uuid7_floor(until))
    return events


# Fields of ``Slot`` whose cost is measured, in the order of the admin, with the measure that each is for.
SLIDERS = {"diversity": "variety", "novelty": "novelty", "taste": "divergence"}


@dataclass(frozen=True)
class SliderCost:
    """What a slider (a field of ``Slot``) cost at the last training: ``(strength, NDCG, change in percent)`` each.

    ``effects`` are ``(strength, change of recall in percent, change of what the slider is for in percent)``, both
    against the slider at 0.
    """

    slider: str
    label: Any
    steps: list[tuple[float, float, float]]
    effects: list[tuple[float, float, float]]


def slider_costs(*, channel: str = "") -> list[SliderCost]:
    """From the last training that could be tested; empty before it. One query."""
    run = Run.objects.filter(
        kind="recommend.train", channel=channel, state=Run.State.DONE, metrics__tradeoffs__isnull=False
    )
    measured = run.order_by("-id").values_list("metrics__tradeoffs__sliders", flat=True).first() or {}
    found = []
    # PostgreSQL keeps no order of keys.
    for slider, rows in ((name, measured[name]) for name in SLIDERS if name in measured):
        steps = [(row["value"], row["ndcg"], _change(rows, row, "ndcg")) for row in rows]
        effects = [(row["value"], _change(rows, row, "recall"), _change(rows, row, SLIDERS[slider])) for row in rows]
        label = Slot._meta.get_field(slider).verbose_name  # type: ignore[union-attr]
        found.append(SliderCost(slider, label, steps, effects))
    return found


def _change(rows: list[dict[str, float]], row: dict[str, float], measure: str) -> float:
    """Against the first row, in percent."""
    start = rows[0].get(measure, 0.0)
    return 100 * (row.get(measure, start) / start - 1) if start else 0.0


class AttributedLine(NamedTuple):
    """An order line that follows a click: where the last click was, and what the line brought."""

    placement: str
    slot: str
    order: str
    revenue: Decimal
    currency: str


def attributed_lines(channel: str, since: datetime | None, until: datetime | None) -> Iterator[AttributedLine]:
    """Every line that follows a click, once.

    A variant counts as the product it belongs to, whichever of them was clicked and whichever was bought.
    """
    window = timedelta(days=float(ecomai.ATTRIBUTION_DAYS))
    clicked = people_events(channel, since - window if since else None, until).filter(name=EventName.SELECT_ITEM)
    clicked = clicked.exclude(placement="").exclude(product_id="")
    parent = Product.objects.filter(channel=channel, external_id=OuterRef("product_id")).values("parent__external_id")
    clicked = clicked.annotate(owner=Coalesce(Subquery(parent[:1]), "product_id"))
    clicks = _clicks_by_person(channel, clicked)
    if not clicks:
        return
    visitors = _visitors_of_orders(channel, since, until, clicked)
    lines = OrderLine.objects.filter(channel=channel, removed_at=None, order__removed_at=None, quantity__gt=0)
    lines = lines.exclude(order__status__in=_NOT_SALES)
    # Nothing before the first click can follow one: "all data" must not read years of orders.
    begin = min(found[0] for people in clicks.values() for found in people)
    lines = lines.filter(placed_at__gte=max(begin, since) if since is not None else begin)
    if until is not None:
        lines = lines.filter(placed_at__lt=until)
    lines = lines.annotate(owner=Coalesce("product__parent__external_id", "product_external_id"))
    lines = lines.filter(owner__in=clicked.order_by().values("owner"))
    columns = (
        "order__external_id", "order__customer__external_id", "owner", "placed_at", "quantity", "unit_price",
        "discount", "order__currency",
    )  # fmt: skip
    for order, customer, product, placed_at, quantity, price, discount, currency in (
        lines.order_by().values_list(*columns).iterator(chunk_size=5_000)
    ):
        people = [f"c:{customer}"] if customer else []
        people += [f"v:{visitor}" for visitor in visitors.get(order, ())]
        found = [
            click
            for person in people
            for click in clicks.get((person, product), ())
            if placed_at - window <= click[0] <= placed_at
        ]
        if found:
            _at, placement, slot = max(found)
            revenue = quantity * (price or Decimal()) - (discount or Decimal())
            yield AttributedLine(placement, slot, order, revenue, currency)


def _clicks_by_person(channel: str, clicked: QuerySet[Any]) -> dict[tuple[str, str], list[tuple[datetime, str, str]]]:
    """``(person, product) -> [(when, placement, carousel)]``, where a person is a visitor and the customers he turned
    out to be.
    """
    customers: dict[str, set[str]] = defaultdict(set)
    known = VisitorIdentity.objects.filter(channel=channel, visitor_id__in=clicked.order_by().values("visitor_id"))
    for visitor, customer in known.values_list("visitor_id", "customer_id"):
        customers[visitor].add(customer)
    clicks: dict[tuple[str, str], list[tuple[datetime, str, str]]] = defaultdict(list)
    rows = clicked.order_by().values_list("id", "visitor_id", "customer_id", "owner", "placement", "properties__slot")
    for key, visitor, customer, product, placement, slot in rows.iterator(chunk_size=5_000):
        people = {f"c:{one}" for one in {customer, *customers.get(visitor, ())} if one}
        if visitor:
            people.add(f"v:{visitor}")
        for person in people:
            clicks[person, product].append((uuid7_time(key), placement, "" if slot is None else str(slot)))
    return clicks


def _visitors_of_orders(
    channel: str, since: datetime | None, until: datetime | None, clicked: QuerySet[Event]
) -> dict[str, set[str]]:
    """Order -> visitors, from the purchase events of people who clicked (an order without a customer has no other
    link).
    """
    # The event is written after the order is placed: look a little further.
    bought = people_events(channel, since, until + timedelta(hours=1) if until else None).filter(
        name=EventName.PURCHASE
    )
    people = clicked.exclude(visitor_id="").order_by().values("visitor_id")
    bought = bought.exclude(order_id="").filter(visitor_id__in=people)
    found: dict[str, set[str]] = defaultdict(set)
    for order, visitor in bought.values_list("order_id", "visitor_id"):
        found[order].add(visitor)
    return found
