"""Proposals as CSV: for shops whose prices are written elsewhere, and for spreadsheets."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from decimal import Decimal
from itertools import chain
from typing import Any

from django_ecomai.core.tables import csv_stream

from .held import held_words
from .models import PriceProposal
from .row_numbers import expected_of
from .services.adopt import prices_to_take_back
from .services.following import follows
from .services.shop import adapter_applies
from .why import Teller, why_line
from .worklist import costs_simulated

COLUMNS = (
    "proposal", "product_id", "sku", "title", "state", "old_price", "new_price", "currency", "cost", "list_price",
    "goal", "rule", "binding", "elasticity", "elasticity_low", "elasticity_high", "strength", "units_old", "units_new",
    "units_low", "units_high", "revenue_old", "revenue_new", "revenue_low", "revenue_high", "profit_old", "profit_new",
    "profit_low", "profit_high", "gain", "gain_low", "gain_high", "gain_chance", "horizon_days", "risk", "tax",
    "apply_at", "costs_simulated", "market_simulated", "held_reason", "why",
)  # fmt: skip


@dataclass(slots=True)
class Line:
    """A proposal as far as a line of the file needs it: a hundred thousand models take longer than what they say."""

    proposal: int
    product_id: str
    sku: str
    title: str
    state: str
    held_code: str
    held_named: dict[str, Any]
    held_reason: str
    old_price: Decimal | None
    new_price: Decimal | None
    currency: str
    cost: Decimal | None
    list_price: Decimal | None
    family: str
    goal: str
    rule: str | None
    binding: str
    elasticity: float | None
    elasticity_low: float | None
    elasticity_high: float | None
    strength: str
    propensity: float | None
    units_old: float | None
    units_new: float | None
    revenue_old: float | None
    revenue_new: float | None
    profit_old: float | None
    profit_new: float | None
    gain: float | None
    gain_low: float | None
    gain_high: float | None
    gain_chance: float | None
    horizon_days: int
    risk: str
    tax: float
    apply_at: datetime | None
    curve: dict[str, Any]
    market: dict[str, Any]

    @property
    def change(self) -> float | None:
        """By which share the price would change."""
        return None if not self.old_price or self.new_price is None else float(self.new_price / self.old_price) - 1

    @property
    def held_words(self) -> str:
        """Why it is held back, was overtaken or failed."""
        return held_words(self)


#: Where what a line needs is read from, if it has another name there.
_FROM = {
    "proposal": "pk", "product_id": "product__external_id", "sku": "product__sku", "title": "product__title",
    "rule": "rule__name",
}  # fmt: skip
_READ = [_FROM.get(one.name, one.name) for one in fields(Line)]


def proposals_csv(*, channel: str = "", states: Sequence[str] = ()) -> Iterator[str]:
    """Proposals in ``states`` (default: approved and scheduled) in the order of their keys, with a heading line, in
    pieces.

    Where the adapter cannot write, the file is what brings prices into the shop: those that follow others stand in
    none before these have proved themselves. By default also prices that earned too little and that only the merchant
    can take back: their state is ``take_back``, their ``new_price`` the one to set again.
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
    rows = PriceProposal.objects.filter(channel=channel, state__in=states)
    if not adapter_applies(channel):
        rows = rows.exclude(follows(channel))
    simulated = "yes" if costs_simulated(channel=channel) else "no"
    tell = Teller()
    for read in rows.order_by("pk").values_list(*_READ).iterator(chunk_size=1000):
        line: Any = Line(*read)
        tell = tell if tell.is_of_now else Teller()
        values: dict[str, Any] = {"costs_simulated": simulated, "why": why_line(line, tell)}
        values["held_reason"], values["rule"] = line.held_words, line.rule or ""
        for name, told in expected_of(line).items():
            values[f"{name}_low"], values[f"{name}_high"] = (None, None) if told is None else told[1:]
        values["market_simulated"] = "yes" if line.market.get("simulated") else "no"
        yield [values[name] if name in values else getattr(line, name) for name in COLUMNS]
