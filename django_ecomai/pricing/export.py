"""Proposals as CSV: for shops whose prices are written elsewhere, and for spreadsheets."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import chain
from typing import Any

from django_ecomai.core.tables import csv_stream
from django_ecomai.mirror.models import Product

from .models import PriceProposal
from .services.adopt import prices_to_take_back
from .worklist import costs_simulated

COLUMNS = (
    "proposal", "product_id", "sku", "title", "state", "old_price", "new_price", "currency", "cost", "list_price",
    "goal", "rule", "binding", "elasticity", "elasticity_low", "elasticity_high", "strength", "units_old", "units_new",
    "units_low", "units_high", "revenue_old", "revenue_new", "revenue_low", "revenue_high", "profit_old", "profit_new",
    "profit_low", "profit_high", "gain", "gain_low", "gain_high", "gain_chance", "horizon_days", "risk", "tax",
    "apply_at", "costs_simulated", "market_simulated", "held_reason", "why",
)  # fmt: skip
_EXPECTED = ("units", "revenue", "profit")
_ASIDE = {
    "proposal", "product_id", "sku", "title", "rule", "held_reason", "why", "costs_simulated",
    "market_simulated", *(f"{name}_{end}" for name in _EXPECTED for end in ("low", "high")),
}  # fmt: skip
#: Of the proposal and of its product; each costs time to fetch and to unpack.
_UNREAD = (
    "history", "trail", "daily", "cross",
    *(f"product__{one.name}" for one in Product._meta.concrete_fields
      if one.name not in ("id", "external_id", "sku", "title")),
)  # fmt: skip


def proposals_csv(*, channel: str = "", states: Sequence[str] = ()) -> Iterator[str]:
    """Proposals in ``states`` (default: approved and scheduled) in the order of their keys, with a heading line, in
    pieces.

    By default also prices that earned too little and that only the merchant can take back: their state is
    ``take_back``, their ``new_price`` the one to set again.
    """
    rows = _rows(channel, states or PriceProposal.WAITING)
    # read at once: few, and what fails must do so before the answer begins
    return csv_stream(COLUMNS, rows if states else chain(rows, list(_to_take_back(channel))))


def _to_take_back(channel: str) -> Iterator[list[Any]]:
    for one in prices_to_take_back(channel=channel).select_related("product").order_by("pk").iterator(chunk_size=1000):
        values: dict[str, Any] = {
            "proposal": one.proposal_id, "product_id": one.product.external_id, "sku": one.product.sku,
            "title": one.product.title, "state": "take_back", "old_price": one.new_price, "new_price": one.old_price,
            "currency": one.currency,
        }  # fmt: skip
        yield [values.get(name) for name in COLUMNS]


def _rows(channel: str, states: Sequence[str]) -> Iterator[list[Any]]:
    rows = PriceProposal.objects.filter(channel=channel, state__in=states).select_related("product", "rule")
    rows = rows.defer(*_UNREAD).order_by("pk")
    simulated = "yes" if costs_simulated(channel=channel) else "no"
    for row in rows.iterator(chunk_size=1000):
        values: dict[str, Any] = {name: getattr(row, name) for name in COLUMNS if name not in _ASIDE}
        for name, told in row.expected.items():
            values[f"{name}_low"], values[f"{name}_high"] = (None, None) if told is None else told[1:]
        values |= {
            "costs_simulated": simulated, "market_simulated": "yes" if row.market_simulated else "no",
            "proposal": row.pk, "product_id": row.product.external_id, "sku": row.product.sku,
            "title": row.product.title, "rule": "" if row.rule is None else row.rule.name,
            "held_reason": row.held_words, "why": row.why,
        }  # fmt: skip
        yield [values[name] for name in COLUMNS]
