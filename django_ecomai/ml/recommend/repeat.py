"""Buy again: what a customer bought often and not too long ago, and what is in season. Numpy only."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..columns import SECONDS_PER_DAY
from ..frames import Catalogue, Interactions
from .base import Arrays, Recommender, distinct_users
from .neighbours import FloatArray, IntArray

#: What was bought this moment, or years ago, stays a candidate: the last one.
LEAST_DUE = 1e-4
#: Gaps that the item's usual interval counts for beside a customer's own, and the shop's beside an item's.
OWN_PRIOR, ITEM_PRIOR = 2.0, 10.0


def due(
    last: NDArray[np.floating],
    first: NDArray[np.floating],
    count: NDArray[np.integer] | NDArray[np.floating],
    interval: NDArray[np.floating],
) -> NDArray[np.float64]:
    """How due something is that was bought ``count`` times, ``first`` and ``last`` so many days ago: 0..1.

    x is the time since the last purchase over the expected interval: the mean of the customer's own gaps and of
    `OWN_PRIOR` times the item's usual ``interval`` (days). It rises with the fourth root of x until one interval has
    passed and falls as ``1 / (1 + (x / 3)^2)``: what was bought yesterday is not needed, what was skipped three times
    is given up.
    Source: the shape of Bhagat et al., "Buy it again: modeling repeat purchase recommendations", KDD 2018 (modified
    Poisson-Gamma: personal rate with an item prior, dampened before one mean interval has passed).
    """
    own = np.maximum(first - last, 0.0)  # the sum of count - 1 gaps
    expected = (own + OWN_PRIOR * interval) / (np.maximum(count - 1, 0) + OWN_PRIOR)
    x = np.maximum(last, 0.0) / np.maximum(expected, 1e-6)
    return np.asarray(np.maximum(np.minimum(x, 1.0) ** 0.25 / (1 + (x / 3) ** 2), LEAST_DUE))


def usual_intervals(purchases: Interactions) -> FloatArray:
    """Days between two purchases of an item by one customer, usually: float32 [n_items].

    The geometric mean of the gaps of at least a day, with `ITEM_PRIOR` gaps of the shop's mean added; 30 when nobody
    ever came back.
    """
    n = max(purchases.n_items, 1)
    pair = purchases.users.astype(np.int64) * n + purchases.items
    order = np.lexsort((purchases.times, pair))
    same = pair[order][1:] == pair[order][:-1]
    gaps = np.diff(purchases.times[order])[same] / SECONDS_PER_DAY
    items = (pair[order][1:] % n)[same]
    logs, items = np.log(gaps[gaps >= 1]), items[gaps >= 1]
    usual = float(logs.mean()) if len(logs) else float(np.log(30.0))
    counts = np.bincount(items, minlength=purchases.n_items)
    sums = np.bincount(items, weights=logs, minlength=purchases.n_items)
    return np.asarray(np.exp((sums + ITEM_PRIOR * usual) / (counts + ITEM_PRIOR)).astype(np.float32))


def repeat_scores(
    items: ArrayLike,
    *,
    ages_days: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    half_life_days: float | None = None,
    boost: NDArray[np.floating] | None = None,
    n_items: int | None = None,
    interval: NDArray[np.floating] | None = None,
    cycle: float = 0.0,
) -> tuple[IntArray, FloatArray]:
    """``(items, scores)`` of one customer's history, one entry per purchase, items ascending, scores > 0.

    The score is the sum of ``weight * 0.5 ** (age / half life)`` times the item's ``boost``, times `due` to the power
    ``cycle`` where the ages and the items' usual ``interval`` are known. Unknown items (-1) are ignored. Raises
    ValueError for unequal lengths.
    """
    history = np.asarray(items, dtype=np.int64).ravel()
    weight = np.ones(len(history)) if weights is None else np.asarray(weights, dtype=np.float64).ravel()
    ages = None if ages_days is None else np.maximum(np.asarray(ages_days, dtype=np.float64).ravel(), 0.0)
    if ages is not None and len(ages) != len(history):
        raise ValueError(f"{len(ages)} ages for a history of {len(history)} items")
    if half_life_days is not None and ages is not None:
        weight = weight * 0.5 ** np.minimum(ages / half_life_days, 500.0)
    if len(weight) != len(history):
        raise ValueError(f"{len(weight)} weights for a history of {len(history)} items")
    limit = np.iinfo(np.int32).max if n_items is None else n_items
    keep = (history >= 0) & (history < limit) & np.isfinite(weight) & (weight > 0)
    history, weight = history[keep], weight[keep]
    if not len(history):
        return np.empty(0, dtype=np.int32), np.empty(0, dtype=np.float32)
    found, at = np.unique(history, return_inverse=True)
    scores = np.asarray(np.bincount(at, weights=np.minimum(weight, 1e6)), dtype=np.float64)
    if cycle and interval is not None and ages is not None:
        own = np.asarray(ages, dtype=np.float64)[keep]
        last, first = np.full(len(found), np.inf), np.zeros(len(found))
        np.minimum.at(last, at, own)
        np.maximum.at(first, at, own)
        scores = scores * due(last, first, np.bincount(at), np.asarray(interval[found], dtype=np.float64)) ** cycle
    if boost is not None:
        scores = scores * np.asarray(boost[found], dtype=np.float64)
    single = scores.astype(np.float32)
    return found[single > 0].astype(np.int32), single[single > 0]


class Repeat(Recommender):
    """Personal frequency with recency (``half_life_days``) times ``(1 + recent customers) ** trend_power``.

    With the defaults it is plain personal frequency: the baseline that everything about repeat purchases must beat.
    Only items of the history are ever recommended. ``boost_`` float32 [n_items].
    """

    kind: ClassVar[str] = "repeat"
    boost_: FloatArray

    def __init__(self, half_life_days: float | None = None, trend_power: float = 0.0, trend_days: float = 30.0) -> None:
        self.half_life_days = half_life_days
        self.trend_power = trend_power
        self.trend_days = trend_days

    def _fit(self, interactions: Interactions, catalogue: Catalogue | None, now: int) -> None:
        recent = interactions.after(now - round(self.trend_days * SECONDS_PER_DAY)).before(now + 1)
        self.boost_ = ((distinct_users(recent) + 1.0) ** self.trend_power).astype(np.float32)

    def candidates(self, items: ArrayLike, weights: ArrayLike | None = None) -> tuple[IntArray, FloatArray]:
        return repeat_scores(items, weights=weights, boost=self.boost_, n_items=self.n_items_)

    def arrays(self) -> Arrays:
        return {**super().arrays(), "boost": self.boost_}

    def _restore(self, arrays: Mapping[str, NDArray[Any]]) -> None:
        self.boost_ = arrays["boost"]
