"""Rows of the mirror and of the log."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from django_ecomai.core.uuid7 import uuid7
from django_ecomai.events.services import events_insert
from django_ecomai.mirror.models import Customer, Order, OrderLine


def ago(**span: float) -> datetime:
    """A moment before now."""
    return datetime.now(UTC) - timedelta(**span)


def make_event(name: str = "view_item", product: str = "A", *, at: datetime | None = None, **more: Any) -> None:
    """Store one event at ``at`` (within the last week)."""
    [verdict] = events_insert(rows=[{"id": uuid7(at), "name": name, "product_id": product, **more}])
    assert verdict.status == "accepted", verdict


def make_order(
    external_id: str = "o1",
    *products: str,
    customer: str = "",
    at: datetime | None = None,
    channel: str = "",
    quantity: int = 1,
    user: Any = None,
) -> Order:
    """A mirrored order with one line per product."""
    at = at or ago(minutes=5)
    buyer = None
    if customer:
        buyer, _ = Customer.objects.get_or_create(channel=channel, external_id=customer, defaults={"user": user})
    order = Order.objects.create(
        channel=channel, external_id=external_id, customer=buyer, placed_at=at, total=Decimal("12.50"), currency="GBP"
    )
    for number, product in enumerate(products):
        OrderLine.objects.create(
            channel=channel, external_id=f"{external_id}-{number}", order=order, product_external_id=product,
            quantity=quantity, placed_at=at,
        )  # fmt: skip
    return order
