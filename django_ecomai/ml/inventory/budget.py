"""The best set of orders for a given sum."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

#: Steps of the exact search; it ends sooner when nothing better is left.
MOST_STEPS = 100_000


def best_orders(value: ArrayLike, gain: ArrayLike, budget: float, *, steps: int = MOST_STEPS) -> NDArray[np.bool_]:
    """Which orders [n] to place so that their ``value`` [n] fits into ``budget`` and their ``gain`` [n] is greatest.

    Orders are taken by gain per money, then a depth-first search with the fractional bound looks for better sets
    (0/1 knapsack; Horowitz and Sahni, 1974). A few hundred orders are solved exactly; when ``steps`` run out the best
    set so far is given, at least as good as the greedy one and as the best single order: ``gain_bound`` says how far it
    can be from the best. Orders without gain are left out; those that cost nothing are in. Raises ``ValueError`` for
    negative or missing values.
    """
    cost, worth = _checked(value, gain)
    limit = float(budget)
    if np.isnan(limit):
        raise ValueError("budget must be a number")
    chosen = (cost == 0) & (worth > 0)
    useful = np.flatnonzero((worth > 0) & (cost > 0) & (cost <= limit))
    if not len(useful) or limit <= 0:
        return chosen
    order = useful[np.argsort(-worth[useful] / cost[useful], kind="stable")]
    chosen[order[_search(cost[order], worth[order], limit, steps)]] = True
    return chosen


def gain_bound(value: ArrayLike, gain: ArrayLike, budget: float) -> float:
    """No set of orders within ``budget`` gains more: the last order may be placed in part (Dantzig, 1957)."""
    cost, worth = _checked(value, gain)
    free = float(worth[(cost == 0) & (worth > 0)].sum())
    useful = np.flatnonzero((worth > 0) & (cost > 0) & (cost <= budget))
    order = useful[np.argsort(-worth[useful] / cost[useful], kind="stable")]
    left = max(float(budget), 0.0) - (np.cumsum(cost[order]) - cost[order])
    return free + float((worth[order] * np.clip(left / cost[order], 0.0, 1.0)).sum())


def _checked(value: ArrayLike, gain: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    cost, worth = np.asarray(value, dtype=np.float64), np.asarray(gain, dtype=np.float64)
    if cost.ndim != 1 or cost.shape != worth.shape or not np.all(cost >= 0) or not np.all(np.isfinite(cost + worth)):
        raise ValueError("value and gain must be [n], without missing numbers, value not negative")
    return cost, worth


def _search(cost: NDArray[np.float64], worth: NDArray[np.float64], limit: float, steps: int) -> NDArray[np.bool_]:
    """Best set of orders that stand by falling gain per money."""
    n = len(cost)
    before_cost, before_worth = np.r_[0.0, np.cumsum(cost)], np.r_[0.0, np.cumsum(worth)]
    slack = 1e-9 * max(limit, 1.0)
    best, best_worth = [int(worth.argmax())], float(worth.max())
    taken: list[int] = []
    room, have, at = limit + slack, 0.0, 0
    for _ in range(steps):
        # Take the run of orders that fit; the next one, in part, says what can still be gained at most.
        stop = max(int(np.searchsorted(before_cost, before_cost[at] + room, side="right")) - 1, at)
        spent, got = before_cost[stop] - before_cost[at], before_worth[stop] - before_worth[at]
        part = worth[stop] / cost[stop] * (room - spent) if stop < n else 0.0
        if have + got + part > best_worth * (1 + 1e-12):
            taken.extend(range(at, stop))
            room, have = room - spent, have + got
            if have > best_worth:
                best, best_worth = taken.copy(), have
            if stop < n - 1:
                at = stop + 1
                continue
        if not taken:
            break
        # Leave out what was taken last and go on behind it.
        last = taken.pop()
        room, have, at = room + cost[last], have - worth[last], last + 1
    chosen = np.zeros(n, dtype=bool)
    chosen[best] = True
    return chosen
