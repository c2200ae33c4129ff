"""Columns of Oscar's orders: what became of them, what came back, and whom they went to."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from django.apps import apps
from django.db.models import Q

from django_ecomai.adapters.rows import ReturnRow

if TYPE_CHECKING:
    from . import OscarAdapter

TIMES = ("paid_at", "shipped_at", "delivered_at", "cancelled_at")
_BACK = ("cancelled", "returned")


def reached(order: Any, word: Callable[[Any], str]) -> dict[str, datetime]:
    """When an order was first paid, shipped, delivered and cancelled: by its status and by its events."""
    found: dict[str, datetime] = order.__dict__.setdefault("_ecomai_reached", {})
    if not found:
        steps = [(change.date_created, word(change.new_status)) for change in order.status_changes.all()]
        for event in (*order.shipping_events.all(), *order.payment_events.all()):
            what = word(event.event_type.name)
            # A shipping event may be about some lines only: one that takes back says nothing of the whole order.
            steps += [(event.date_created, what)] if what not in _BACK else []
        for moment, what in sorted(steps):
            found.setdefault(f"{what}_at", moment)
    return {name: moment for name, moment in found.items() if name in TIMES}


def address(order: Any) -> str:
    """Where it goes, for the keyed hash; nothing for what is not sent."""
    to = order.shipping_address
    if to is None:
        return ""
    return " ".join(str(getattr(to, name, "") or "") for name in ("line1", "line2", "line4", "postcode", "country_id"))


def unit_price(line: Any) -> Decimal | None:
    """With tax and before discounts, as the shop showed it."""
    if line.unit_price_incl_tax is not None or not line.quantity:
        return line.unit_price_incl_tax
    return Decimal(line.line_price_before_discounts_incl_tax / line.quantity).quantize(Decimal("0.01"))


def changed_since(since: datetime) -> Q:
    """Orders that were placed or in which something has happened."""
    paths = ("date_placed", "status_changes__date_created", "shipping_events__date_created")
    touched = Q(payment_events__date_created__gte=since)
    for path in paths:
        touched |= Q(**{f"{path}__gte": since})
    return touched


@dataclass(slots=True)
class _Back:
    """How much of a line came back, by one kind of evidence, and when last."""

    quantity: int = 0
    at: datetime | None = None
    reason: str = ""

    def add(self, quantity: int, at: datetime, reason: str) -> None:
        self.quantity += quantity
        self.at = at if self.at is None else max(self.at, at)
        self.reason = reason


def _model(name: str) -> Any:
    return apps.get_model(f"order.{name}")


def returns(adapter: OscarAdapter, orders: Sequence[Any]) -> dict[Any, tuple[ReturnRow, ...]]:
    """What was cancelled or came back of orders, by order: one row per line, three queries for all.

    Oscar tells it in three ways: the status of a line (all of it), shipping events such as "Returned" and payment
    events such as "Refunded" (with quantities). One return often gives several of them, so the largest counts. Orders
    that are cancelled as a whole have none: they count for nothing anyway.
    """
    columns = ("pk", "order_id", "product_id", "quantity", "line_price_incl_tax", "status", "order__status")
    lines = _model("Line")._default_manager.filter(order__in=orders).order_by("pk")
    shipped, paid = (_events(adapter, model, orders) for model in ("ShippingEventQuantity", "PaymentEventQuantity"))
    found: dict[Any, list[ReturnRow]] = {}
    for pk, order, product, quantity, price, status, order_status in lines.values_list(*columns):
        if adapter.status(order_status) == "cancelled":
            continue
        ways = [back for back in (shipped.get(pk), paid.get(pk)) if back is not None]
        if adapter.status(status) in _BACK:
            at = max((back.at for back in ways if back.at is not None), default=None)
            ways.append(_Back(quantity, at, status))
        if not ways or not quantity:
            continue
        back = max(ways, key=lambda way: way.quantity)
        pieces = min(back.quantity, quantity)
        row = ReturnRow(
            id=str(pk),
            product_id="" if product is None else str(product),
            line_id=str(pk),
            quantity=pieces,
            amount=(price * pieces / quantity).quantize(Decimal("0.01")),
            reason=back.reason,
            returned_at=back.at,  # none known: the day of the order, as if it had never been sold
        )
        found.setdefault(order, []).append(row)
    return {order: tuple(rows) for order, rows in found.items()}


def _events(adapter: OscarAdapter, model: str, orders: Sequence[Any]) -> dict[Any, _Back]:
    """What the events of one kind say was taken back, by line."""
    rows = _model(model)._default_manager.filter(event__order__in=orders).order_by("pk")
    found: dict[Any, _Back] = {}
    columns = ("line_id", "quantity", "event__date_created", "event__event_type__name")
    for line, quantity, at, name in rows.values_list(*columns):
        if adapter.status(name) in _BACK:
            found.setdefault(line, _Back()).add(quantity, at, name)
    return found
