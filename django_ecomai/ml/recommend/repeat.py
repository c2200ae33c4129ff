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


def repeat_scores(
    items: ArrayLike,
    *,
    ages_days: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    half_life_days: float | None = None,
    boost: NDArray[np.floating] | None = None,
    n_items: int | None = None,
) -> tuple[IntArray, FloatArray]:
    """``(items, scores)`` of one customer's history, one entry per purchase, items ascending, scores > 0.

    The score is the sum of ``weight * 0.5 ** (age / half life)`` times the item's ``boost``. Unknown items (-1) are
    ignored. Raises ValueError for unequal lengths.
    """
    history = np.asarray(items, dtype=np.int64).ravel()
    weight = np.ones(len(history)) if weights is None else np.asarray(weights, dtype=np.float64).ravel()
    if half_life_days is not None and ages_days is not None:
        ages = np.maximum(np.asarray(ages_days, dtype=np.float64).ravel(), 0.0)
        weight = weight * 0.5 ** np.minimum(ages / half_life_days, 500.0)
    if len(weight) != len(history):
        raise ValueError(f"{len(weight)} weights for a history of {len(history)} items")
    limit = np.iinfo(np.int32).max if n_items is None else n_items
    keep = (history >= 0) & (history < limit) & np.isfinite(weight) & (weight > 0)
    history, weight = history[keep], weight[keep]
    if not len(history):
        return np.empty(0, dtype=np.int32), np.empty(0, dtype=np.float32)
    found, at = np.unique(history, return_inverse=True)
    scores = np.bincount(at, weights=np.minimum(weight, 1e6))
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
