"""A webhook that was checked, into the mirror: once, in one transaction with the note that it came."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from hashlib import sha256
from itertools import groupby
from typing import Any

from django.db import IntegrityError, transaction
from django.utils import timezone

from django_ecomai.ingest.models import Webhook
from django_ecomai.ingest.reading import Line
from django_ecomai.ingest.services.rows import RowVerdict, rows_deliver

from .config import SaleorShop
from .mapping import event_rows

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
        # The moment of issue orders them: webhooks overtake each other.
        lines = [
            Line(number, {**row, "updated_at": issued_at.isoformat()}) for number, (_table, row) in enumerate(group, 1)
        ]
        verdicts += rows_deliver(table=table, lines=lines, channel=shop.channel)
    taken = [one for one in verdicts if one.status != "rejected"]
    if taken:
        return Outcome.APPLIED, "", len(taken)
    return Outcome.REJECTED, verdicts[0].reason[:64], 0
