"""The one ``purchase`` event of an order, however often and by whomever the order is reported."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from datetime import datetime, timedelta

from django.utils import timezone

from django_ecomai.core.uuid7 import uuid7_derived, uuid7_floor
from django_ecomai.mirror.models import Order

from .cleaning import PAST, Verdict
from .models import Event, EventName
from .writing import events_prepare, events_write

# Two servers may report one order with slightly different times; more than this apart it is another order.
_SAME_ORDER = timedelta(days=1)
HISTORY = "time_in_past"
# An event ready to be stored, or None, and what became of it so far.
Prepared = tuple[Event | None, Verdict]


def purchase_id(*, channel: str, order_id: str, placed_at: datetime) -> uuid.UUID:
    """Id of an order's ``purchase`` event."""
    return uuid7_derived("purchase", f"{channel}/{order_id}", placed_at)


def events_settle(*, pairs: Sequence[Prepared], using: str | None = None) -> tuple[list[Prepared], list[Verdict]]:
    """Store prepared events, of which a ``purchase`` gives the one event of its order: what was written, its verdicts.

    Raises ``DatabaseError`` when the tables cannot be read or written.
    """
    seen: set[tuple[str, str]] = set()
    settled = [
        _one_per_order(event, verdict, seen) if event and event.name == EventName.PURCHASE else (event, verdict)
        for event, verdict in pairs
    ]
    return settled, events_write(pairs=settled, using=using)


def _one_per_order(event: Event, verdict: Verdict, seen: set[tuple[str, str]]) -> Prepared:
    """A purchase as its order makes it; a second line of the same order is its duplicate."""
    order = (event.channel, event.order_id)
    if order in seen:
        return None, Verdict(verdict.id, "duplicate", notes=verdict.notes)
    seen.add(order)
    ignored = [f"ignored:{field}" for field in ("product_id", "quantity") if getattr(event, field)]
    purchase, outcome = _of_order(event)
    return purchase, Verdict(outcome.id or verdict.id, outcome.status, outcome.reason, (*verdict.notes, *ignored))


def _of_order(told: Event) -> Prepared:
    """An order's unsaved event, or ``None`` when it is there already (``duplicate``) or cannot be (``rejected``).

    The mirror's time of the order is used when it is known there.
    """
    channel, order_id, now = told.channel, told.order_id, told.received_at
    known = Order.objects.filter(channel=channel, external_id=order_id).values_list("placed_at", flat=True).first()
    moment = min(known or told.client_at or now, now)
    if moment < now - PAST:
        # No visit can be tied to it, and selectors read it from the order lines.
        return None, Verdict("", "rejected", HISTORY)
    nearby = Event.objects.filter(
        channel=channel, name=EventName.PURCHASE, order_id=order_id,
        id__gte=uuid7_floor(moment - _SAME_ORDER), id__lt=uuid7_floor(moment + _SAME_ORDER),
    )  # fmt: skip
    there = nearby.values_list("id", flat=True).first()
    if there is not None:
        return None, Verdict(str(there), "duplicate")
    row = {
        "name": EventName.PURCHASE.value, "source": "purchase", "key": f"{channel}/{order_id}",
        "order_id": order_id, "channel": channel, "at": moment, "customer_id": told.customer_id,
        "visitor_id": told.visitor_id, "session_id": told.session_id, "value": told.value, "currency": told.currency,
    }  # fmt: skip
    # As with imported rows, its own time counts and makes the id.
    [prepared] = events_prepare(rows=[row], source="import", now=now)
    return prepared


def purchase_told(
    *, order_id: str, channel: str, placed_at: datetime | None, now: datetime, **fields: object
) -> Prepared:
    """That an order was placed, as an event that can wait: ``events_settle`` makes the order's own of it later.

    Touches no database. ``None`` when the fields cannot be those of an order.
    """
    row = {"name": EventName.PURCHASE.value, "order_id": order_id, "channel": channel, **fields}
    [(event, verdict)] = events_prepare(rows=[row], source="server", now=now)
    if event is None:
        return None, verdict
    event.client_at = aware(placed_at)
    event.id = purchase_id(channel=channel, order_id=order_id, placed_at=min(event.client_at or now, now))
    return event, Verdict(str(event.id), "accepted", notes=verdict.notes)


def aware(moment: datetime | None) -> datetime | None:
    """A naive time is in the project's time zone."""
    return timezone.make_aware(moment) if moment is not None and timezone.is_naive(moment) else moment
