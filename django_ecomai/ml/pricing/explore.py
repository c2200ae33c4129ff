"""Prices that are tried to learn: Thompson sampling inside the guardrails, with the propensity of every choice."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from .guardrails import Limits
from .optimise import Demand, optimise

Floats = NDArray[np.float64]
#: Parts of equal probability that the posterior is cut into.
PARTS = 32


@dataclass(frozen=True, eq=False)
class Draws:
    """[n] each: the ``price`` to show, its ``propensity`` (the probability with which it was chosen, to be logged) and
    the ``elasticity`` that was drawn; where ``held`` (see ``guardrails.HELD``) the price is today's, with propensity 1.
    """

    price: Floats
    propensity: Floats
    elasticity: Floats
    held: NDArray[np.str_]


def thompson(
    demand: Demand, limits: Limits, *, random_state: int, goal: str = "profit", endings: tuple[int, ...] = ()
) -> Draws:
    """Draw an elasticity of each product from its posterior and take the price that would be best if it were true.

    The posterior is cut into 32 parts of equal probability, each at its median, so that the probability of each price
    is counted and not estimated: it is the share of parts that lead to that price after the guardrails (Thompson, 1933;
    Russo and others, 2018). A family draws once, so that its one price has one propensity.
    """
    from statistics import NormalDist

    n = len(limits)
    parts = np.array([NormalDist().inv_cdf((at + 0.5) / PARTS) for at in range(PARTS)])
    pick = np.random.default_rng(random_state).integers(0, PARTS, n)
    rows = np.flatnonzero(limits.family >= 0)
    if len(rows):
        _, first, member = np.unique(limits.family[rows], return_index=True, return_inverse=True)
        pick[rows] = pick[rows][first][member]
    prices = np.empty((PARTS, n))
    held = np.full(n, "", dtype="U32")
    for at, part in enumerate(parts):
        slope = np.minimum(demand.elasticity + part * demand.sd, 0.0)
        sure = replace(demand, elasticity=slope, sd=np.zeros(n), aside=None)
        found = optimise(sure, limits, goal=goal, endings=endings)
        prices[at] = found.price
        held = np.where(found.held != "", found.held, held)
    price = np.where(held == "", prices[pick, np.arange(n)], limits.price)
    same = np.abs(prices - price) < 1e-9 * np.maximum(np.abs(price), 1.0)
    return Draws(price, np.where(held == "", same.mean(axis=0), 1.0), demand.elasticity + parts[pick] * demand.sd, held)
