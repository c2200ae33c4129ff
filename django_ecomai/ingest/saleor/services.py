"""A webhook that was checked, into the mirror: once, in one transaction with the note that it came."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from hashlib import sha256
from itertools import groupby
from typing import Any

from django.db import IntegrityError, transaction
from django.utils import timezone

from django_ecomai.ingest.models import Webhook
from django_ecomai.ingest.reading import Line
from django_ecomai.ingest.services.rows import RowVerdict, rows_deliver
from django_ecomai.mirror.models import Category, Product
from django_ecomai.mirror.selectors import locked

from .config import SaleorShop
from .mapping import UNKNOWN_CATEGORY, event_rows

Outcome = Webhook.Outcome


def webhook_apply(
    *, shop: SaleorShop, event: str, payload: Mapping[str, Any], body: bytes, issued_at: datetime
) -> Webhook | None:
    """Take a webhook over; ``None`` when this one came before. Raises ``DatabaseError`` with nothing written.

    A webhook is known by its body, which names the moment it was issued; of two that come together one is taken.
    """
    with transaction.atomic():
        try:
            with transaction.atomic():
                made = Webhook.objects.create(
                    channel=shop.channel, event=event[:64], received_at=timezone.now(), issued_at=issued_at,
                    digest=sha256(shop.domain.encode() + b"\n" + body).hexdigest(),
                )  # fmt: skip
        except IntegrityError:
            return None
        made.outcome, made.reason, made.rows = _applied(shop, event, payload, issued_at)
        made.save(update_fields=["outcome", "reason", "rows"])
    return made


def _applied(
    shop: SaleorShop, event: str, payload: Mapping[str, Any], issued_at: datetime
) -> tuple[Webhook.Outcome, str, int]:
    try:
        rows = event_rows(event, payload, saleor_channel=shop.saleor_channel)
    except ValueError as error:
        return Outcome.REJECTED, str(error)[:64], 0
    if not rows:
        return Outcome.IGNORED, "" if rows is None else "other_channel", 0
    verdicts: list[RowVerdict] = []
    for table, group in groupby(rows, key=lambda one: one[0]):
        if table == UNKNOWN_CATEGORY:
            _categories_add(shop.channel, [row for _table, row in group])
            continue
        # The moment of issue orders them: webhooks overtake each other.
        lines = [
            Line(number, {**row, "updated_at": issued_at.isoformat()}) for number, (_table, row) in enumerate(group, 1)
        ]
        verdicts += rows_deliver(table=table, lines=lines, channel=shop.channel)
    _parents_follow(shop.channel, [row["id"] for table, row in rows if table == "product"])
    taken = [one for one in verdicts if one.status != "rejected"]
    if taken:
        return Outcome.APPLIED, "", len(taken)
    return Outcome.REJECTED, verdicts[0].reason[:64], 0


def _categories_add(channel: str, rows: list[dict[str, Any]]) -> None:
    """Categories that nobody has told of yet, without a version: their own webhook, however old, is better."""
    known = Category.objects.filter(channel=channel, external_id__in=[row["id"] for row in rows])
    names = set(known.values_list("external_id", flat=True))
    lines = [Line(number, row) for number, row in enumerate(rows, 1) if row["id"] not in names]
    rows_deliver(table="category", lines=lines, channel=channel)


def _parents_follow(channel: str, idents: list[str]) -> None:
    """What is recommended is the product: it has the stock of all its variants, and the price of the cheapest."""
    touched = Product.objects.filter(channel=channel, external_id__in=idents)
    keys = {key for pair in touched.values_list("pk", "parent_id") for key in pair if key is not None}
    # Locked before its variants are read: of two webhooks the second sees what the first has written.
    parents = list(locked(Product.objects.filter(pk__in=keys, parent=None, removed_at=None)))
    variants: dict[Any, list[Product]] = {}
    for one in Product.objects.filter(parent__in=[parent.pk for parent in parents]).order_by("pk"):
        variants.setdefault(one.parent_id, []).append(one)
    rows: list[dict[str, Any]] = []
    for parent in parents:
        if parent.pk not in variants:
            continue
        there = [one for one in variants[parent.pk] if one.removed_at is None]
        endless = any(one.stock is None for one in there)
        stock = None if endless else sum((one.stock or Decimal(0) for one in there), Decimal(0))
        row: dict[str, Any] = {"id": parent.external_id, "stock": stock}
        priced = [one for one in there if one.price is not None]
        if priced:
            best = min(priced, key=lambda one: one.price or Decimal(0))
            row |= {"price": best.price, "list_price": best.list_price, "currency": best.currency}
        rows.append(row)
    rows_deliver(table="product", lines=[Line(number, row) for number, row in enumerate(rows, 1)], channel=channel)
