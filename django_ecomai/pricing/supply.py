"""What can be sold until the horizon ends: stock, goods on order from the day they come, and stock that spoils."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import TYPE_CHECKING

import numpy as np

from .facts import Facts
from .rulebook import Choice

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from django_ecomai.ml.pricing.optimise import Demand

#: The most days that an end date may lie ahead.
LONGEST = 182


def horizon_of(facts: Facts, choice: Choice, *, usual: int, today: date) -> int:
    """How many days an expectation is about: to its end date, else the usual ones; no longer than what is in stock can
    be sold, whose age nobody knows: it counts as fresh."""
    days = usual if choice.sell_until is None else min(max((choice.sell_until - today).days + 1, 1), LONGEST)
    return min(days, facts.shelf_life or 1) if _has_life(facts) else days


def spoils(facts: Facts, days: int) -> bool:
    """Whether what is left of a counted stock after so many days cannot be sold any more."""
    return _has_life(facts) and facts.shelf_life is not None and facts.shelf_life <= days


def _has_life(facts: Facts) -> bool:
    return facts.shelf_life is not None and facts.stock is not None


def demand_build(
    facts: Sequence[Facts],
    choices: Sequence[Choice],
    *,
    days: NDArray[np.float64],
    horizon: NDArray[np.int64],
    start: date,
    elasticity: NDArray[np.float64],
    sd: NDArray[np.float64],
) -> Demand:
    """Demand of products [n] of whom ``days`` [n, longest] pieces are asked for from ``start`` on.

    What is left is worth its cost, or what the rule says; what spoils is worth nothing unless the rule says less than
    its whole cost.
    """
    from django_ecomai.ml.pricing.optimise import Demand

    # in what shoppers pay: profits are taken back to net amounts when rows are made
    cost = np.array([np.nan if one.cost_taxed is None else float(one.cost_taxed) for one in facts])
    worth = np.ones(len(facts))
    lost = np.array([spoils(one, int(until)) for one, until in zip(facts, horizon, strict=True)], dtype=bool)
    for row, choice in enumerate(choices):
        said = 1.0 if choice.rule is None else choice.rule.left_worth
        worth[row] = 0.0 if lost[row] and said == 1.0 else said
    each = [
        [(max((due - start).days, 0), pieces) for due, pieces in one.arrivals if (due - start).days < until]
        for one, until in zip(facts, horizon.tolist(), strict=True)
    ]
    width = max(map(len, each), default=0)
    arriving, after = np.zeros((len(facts), width)), np.zeros((len(facts), width))
    for row, coming in enumerate(each):
        for at, (day, pieces) in enumerate(coming):
            arriving[row, at], after[row, at] = pieces, days[row, day:].sum()
    # what comes is younger than what spoils: no more of it counts than is asked for from then on
    arriving = np.where(lost[:, None], np.minimum(arriving, after), arriving)
    return Demand.build(
        path=days.sum(axis=1, keepdims=True), elasticity=elasticity, sd=sd, cost=cost,
        stock=np.array([np.inf if one.stock is None else one.stock for one in facts]), left_value=cost * worth,
        arriving=arriving, after=after,
    )  # fmt: skip
