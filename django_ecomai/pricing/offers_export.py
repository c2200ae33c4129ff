"""Volume prices as CSV: to enter them into a shop, or to look at them in a spreadsheet."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from django_ecomai.core.tables import csv_stream

from .selectors import offer_rows
from .worklist import costs_simulated

COLUMNS = (
    "offer", "kind", "product_id", "sku", "title", "other_id", "other_sku", "other_title", "quantity", "discount",
    "old_price", "price", "currency", "gain", "gain_low", "gain_high", "gain_chance", "weeks", "lines", "made_at",
    "approved_at", "costs_simulated", "held_reason", "what", "why",
)  # fmt: skip


def offers_csv(*, channel: str = "", kinds: Sequence[str] = (), state: str = "suggested") -> Iterator[str]:
    """Suggested, approved or dismissed volume prices, the largest gain first, with a heading line, in pieces."""
    return csv_stream(COLUMNS, _rows(channel, kinds, state))


def _rows(channel: str, kinds: Sequence[str], state: str) -> Iterator[list[Any]]:
    rows = offer_rows(channel=channel, kinds=kinds, state=state)
    rows = rows.defer("product__description", "product__attributes", "other__description", "other__attributes")
    simulated = "yes" if costs_simulated(channel=channel) else "no"
    for row in rows.iterator(chunk_size=1000):
        values: dict[str, Any] = {"offer": row.pk, "costs_simulated": simulated}
        for prefix, product in (("product", row.product), ("other", row.other)):
            names = ("product_id", "sku", "title") if prefix == "product" else ("other_id", "other_sku", "other_title")
            each = ("", "", "") if product is None else (product.external_id, product.sku, product.title)
            values |= dict(zip(names, each, strict=True))
        values |= {name: getattr(row, name) for name in COLUMNS if name not in values}
        yield [values[name] for name in COLUMNS]
