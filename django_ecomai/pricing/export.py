"""Proposals as CSV: for shops whose prices are written elsewhere, and for spreadsheets."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from typing import Any

from django_ecomai.core.tables import safe

from .models import PriceProposal
from .services.adopt import prices_to_take_back

COLUMNS = (
    "proposal", "product_id", "sku", "title", "state", "old_price", "new_price", "currency", "cost", "list_price",
    "goal", "rule", "binding", "elasticity", "elasticity_low", "elasticity_high", "strength", "units_old", "units_new",
    "profit_old", "profit_new", "gain", "gain_low", "gain_high", "gain_chance", "horizon_days", "risk", "tax",
    "apply_at", "held_reason", "why",
)  # fmt: skip
_ASIDE = {"proposal", "product_id", "sku", "title", "rule", "held_reason", "why"}


def proposals_csv(*, channel: str = "", states: Sequence[str] = ()) -> str:
    """Proposals in ``states`` (default: approved and scheduled) in the order of their keys, with a heading line.

    By default also prices that earned too little and that only the merchant can take back: their state is
    ``take_back``, their ``new_price`` the one to set again.
    """
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\r\n")
    writer.writerow(COLUMNS)
    writer.writerows([safe(value) for value in row] for row in _rows(channel, states or PriceProposal.WAITING))
    if not states:
        writer.writerows([safe(value) for value in row] for row in _to_take_back(channel))
    return buffer.getvalue()


def _to_take_back(channel: str) -> Iterator[list[Any]]:
    for one in prices_to_take_back(channel=channel).select_related("product").order_by("pk").iterator(chunk_size=1000):
        values: dict[str, Any] = {
            "proposal": one.proposal_id, "product_id": one.product.external_id, "sku": one.product.sku,
            "title": one.product.title, "state": "take_back", "old_price": one.new_price, "new_price": one.old_price,
            "currency": one.currency,
        }  # fmt: skip
        yield [plain(values.get(name)) for name in COLUMNS]


def _rows(channel: str, states: Sequence[str]) -> Iterator[list[Any]]:
    rows = PriceProposal.objects.filter(channel=channel, state__in=states).select_related("product", "rule")
    rows = rows.defer("curve", "history", "trail", "product__description", "product__attributes").order_by("pk")
    for row in rows.iterator(chunk_size=1000):
        values: dict[str, Any] = {name: getattr(row, name) for name in COLUMNS if name not in _ASIDE}
        values |= {
            "proposal": row.pk, "product_id": row.product.external_id, "sku": row.product.sku,
            "title": row.product.title, "rule": "" if row.rule is None else row.rule.name,
            "held_reason": row.held_words, "why": row.why,
        }  # fmt: skip
        yield [plain(values[name]) for name in COLUMNS]


def plain(value: Any) -> Any:
    """A value as a cell: no powers of ten, no idle zeros, dates in ISO 8601."""
    if value is None:
        return ""
    if hasattr(value, "normalize"):
        return f"{value.normalize():f}"
    if hasattr(value, "isoformat"):
        return value.isoformat()
    return round(value, 4) if isinstance(value, float) else value
