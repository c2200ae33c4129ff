"""What is worth proposing: no price that gains nothing or too little, unless a limit, a family or a rule demands it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from .models import PriceProposal, PricingRule
from .rulebook import Choice

if TYPE_CHECKING:
    from django_ecomai.ml.pricing.guardrails import Limits

#: Goals that are sought for their gain. Every other action wants its price for another reason.
SEEKING = (PricingRule.Action.PROFIT, PricingRule.Action.REVENUE)


def small_ones_drop(
    rows: Sequence[PriceProposal], choices: Sequence[Choice], limits: Limits, shop: Mapping[str, float | None]
) -> None:
    """Leave prices as they are (``too_small``) that would change for a gain of nothing, or below the shop's least.

    All in one order. A family is one decision: it goes by what its members gain together, and has to have one price
    anyway where today it has several. A price that lies outside of its limits today has to move, whatever it gains, and
    one that a rule draws to learn is there to be tried.
    """
    groups: dict[str, list[int]] = {}
    for at, row in enumerate(rows):
        if not row.held_code:
            groups.setdefault(row.family or f"#{at}", []).append(at)
    low, high = limits.interval()
    outside = (limits.price < low - 1e-6) | (limits.price > high + 1e-6)
    for members in groups.values():
        each = [rows[at] for at in members]
        if all(row.new_price == row.old_price for row in each) or len({row.old_price for row in each}) > 1:
            continue
        if bool(outside[np.array(members)].any()) or any(choices[at].action not in SEEKING for at in members):
            continue
        if any(row.propensity is not None for row in each):
            continue
        gain = sum(row.gain or 0.0 for row in each)
        today = sum((row.revenue_old if row.goal == "revenue" else row.profit_old) or 0.0 for row in each)
        least = max(shop["min_gain"] or 0.0, (shop["min_gain_share"] or 0.0) * today)
        if gain <= 0 or gain < least:
            for row in each:
                _stays(row)


def _stays(row: PriceProposal) -> None:
    """The row of a price that stays as it is: what is expected of it is what is expected of today's."""
    row.new_price, row.too_small, row.binding, row.trail = row.old_price, True, "", []
    row.units_new, row.revenue_new, row.profit_new = row.units_old, row.revenue_old, row.profit_old
    if row.gain is not None:
        row.gain = row.gain_low = row.gain_high = 0.0
