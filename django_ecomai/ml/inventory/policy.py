"""Reorder points and order-up-to levels from simulated demand: one place for suggestions, what-if and benchmark."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .protection import ProtectionDemand, row_quantile

POLICIES = ("sS", "RS", "RQ", "newsvendor")
DAYS_PER_YEAR = 365.0
_STEPS = 40


@dataclass(frozen=True, eq=False)
class Levels:
    """[n] each: order at or below ``reorder_point``, up to ``order_up_to`` (policy RQ: in multiples of ``lot``).

    ``protected`` is the level that covers lead time + review at the target, ``service`` the probability that it does.
    """

    reorder_point: NDArray[np.float64]
    order_up_to: NDArray[np.float64]
    lot: NDArray[np.float64]
    protected: NDArray[np.float64]
    service: NDArray[np.float64]


def expected_short(paths: NDArray[np.floating], level: NDArray[np.float64]) -> NDArray[np.float64]:
    """``E[(D - level)+]`` [n] over paths [n, S]."""
    return np.asarray(np.maximum(paths - level[:, None].astype(np.float32), 0).mean(axis=1, dtype=np.float64))


def fill_level(demand: ProtectionDemand, fill: NDArray[np.float64], lot: NDArray[np.float64]) -> NDArray[np.float64]:
    """Smallest level [n] whose expected shortage per order cycle leaves the share ``fill`` [n] of demand served.

    A cycle sells ``lot`` [n] pieces or what is sold between two reviews, if that is more. Shortage that an order
    already under way would have met is not counted twice (Silver, Pyke and Thomas, "Inventory and Production Management
    in Supply Chains", 2017, ch. 7; sales that are short are lost).
    """
    review = (demand.total - demand.lead).mean(axis=1, dtype=np.float64)
    cycle = np.maximum(lot, review)
    overlap = np.divide(review, cycle, out=np.ones(len(cycle)), where=cycle > 0)
    allowed = cycle * (1 - fill) / np.maximum(fill, 1e-9)
    low = np.zeros(len(cycle))
    high = demand.total.max(axis=1).astype(np.float64)
    for _ in range(_STEPS):
        middle = (low + high) / 2
        short = expected_short(demand.total, middle) - overlap * expected_short(demand.lead, middle)
        enough = short <= allowed
        low, high = np.where(enough, low, middle), np.where(enough, middle, high)
        if np.all(high - low < 1e-3 * np.maximum(high, 1)):
            break
    return high


def economic_service(
    lot: NDArray[np.float64],
    daily: NDArray[np.float64],
    holding_per_day: NDArray[np.float64],
    lost_per_piece: NDArray[np.float64],
) -> NDArray[np.float64]:
    """Probability [n] of not running short at which one more piece in stock costs as much as it saves.

    ``holding * cycle / (lost + holding * cycle)`` is the risk that is worth taking when a shortage is a lost sale
    (Hadley and Whitin, 1963); the cycle is ``lot / daily`` days.
    """
    cycle = np.divide(lot, daily, out=np.full(len(lot), DAYS_PER_YEAR), where=daily > 0).clip(max=10 * DAYS_PER_YEAR)
    held = holding_per_day * cycle
    lost = lost_per_piece.clip(min=0.0)
    both = lost + held
    return np.divide(lost, both, out=np.ones(len(lot)), where=both > 0)


def levels(
    demand: ProtectionDemand,
    *,
    policy: ArrayLike,
    lot: ArrayLike,
    service_target: ArrayLike = np.nan,
    fill_target: ArrayLike = np.nan,
    economic: ArrayLike = np.nan,
) -> Levels:
    """Levels of every product; the first target of fill, service, ``economic`` that is a number decides (else 95 %).

    ``policy`` [n] is one of ``POLICIES``: "sS" (min/max), "RS" (fill up at every review), "RQ" (multiples of the lot)
    or "newsvendor" (one buy at the ``economic`` ratio). ``lot`` [n] is the order quantity that pays. With lots the
    position has fallen below the protected level by half a review's demand, on average, when an order is due.
    """
    n = len(demand)
    kind = np.broadcast_to(np.asarray(policy), n)
    if not np.isin(kind, POLICIES).all():
        raise ValueError(f"policy must be one of {', '.join(POLICIES)}")
    size = np.broadcast_to(np.asarray(lot, dtype=np.float64), n)
    fill, service, ratio = (
        np.broadcast_to(np.asarray(one, dtype=np.float64), n) for one in (fill_target, service_target, economic)
    )
    one_buy = (kind == "newsvendor") & np.isfinite(ratio)
    chance = np.where(np.isfinite(service), service, np.where(np.isfinite(ratio), ratio, 0.95))
    chance = np.where(one_buy, ratio, chance).clip(0.0, 1.0)
    ordered = np.sort(demand.total, axis=1)
    protected = row_quantile(ordered, chance)
    by_fill = np.isfinite(fill) & ~one_buy
    if by_fill.any():
        wanted = np.where(by_fill, fill, 0.5).clip(0.0, 1.0)
        protected = np.where(by_fill, fill_level(demand, wanted, size), protected)
    reached = (ordered <= (protected * (1 + 1e-6) + 1e-6)[:, None]).mean(axis=1)
    review = (demand.total - demand.lead).mean(axis=1, dtype=np.float64)
    sells = demand.daily > 0
    lots = np.isin(kind, ("sS", "RQ"))
    point = np.where(lots, (protected - np.minimum(size, review) / 2).clip(min=0.0), protected)
    top = np.where(lots, np.maximum(point + size, protected), protected)
    return Levels(
        np.where(sells, point, 0.0), np.where(sells, top, 0.0), size.copy(), np.where(sells, protected, 0.0), reached
    )
