"""The log of prices that were drawn to learn."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date

from django_ecomai.core.mysql import conflict_target

from .models import PriceDraw, PriceProposal


def draws_keep(*, rows: Iterable[PriceProposal], day: date) -> None:
    """Log drawn prices, also those that are today's: without them the probabilities of the proposals alone would say
    that a price was always changed. Of a product and day the last draw counts."""
    draws = [
        PriceDraw(
            channel=row.channel, product_id=row.product_id, day=day, old_price=row.old_price, price=row.new_price,
            propensity=row.propensity,
        )
        for row in rows
        if row.old_price is not None and row.new_price is not None and row.propensity is not None
    ]  # fmt: skip
    PriceDraw.objects.bulk_create(
        sorted(draws, key=lambda one: one.product_id),
        batch_size=500,
        update_conflicts=True,
        update_fields=["channel", "old_price", "price", "propensity"],
        **conflict_target(PriceDraw, "product", "day"),
    )
