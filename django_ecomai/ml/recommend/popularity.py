"""What sells now, and what always sold."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..columns import SECONDS_PER_DAY
from ..frames import Catalogue, Interactions
from .base import Arrays, Recommender
from .matrix import decay, pair_matrix
from .neighbours import FloatArray, IntArray

#: A window that holds less of a usual one's weight than this is made longer.
USUAL_SHARE = 0.5


def popularity_score(
    interactions: Interactions,
    *,
    now: int,
    window_days: float | None = None,
    half_life_days: float | None = None,
    weighted: bool = True,
    refused: Interactions | None = None,
) -> FloatArray:
    """Sum over customers of their strongest (decayed) weight per item within the window: float32 [n_items].

    Whoever ``refused`` an item within the window (`feedback.settle`) counts against it, once; no item falls below 0.

    Each customer counts once per item, so that one wholesaler's fifty orders are not fifty customers' taste. The window
    ends with ``now``; later rows do not count.
    """
    recent = interactions if window_days is None else interactions.after(now - round(window_days * SECONDS_PER_DAY))
    recent = recent.before(now + 1)
    weights = recent.weights if weighted else np.ones(len(recent), dtype=np.float32)
    pairs = pair_matrix(recent, weights * decay(recent.times, now, half_life_days))
    total = np.asarray(pairs.sum(axis=0)).ravel()
    if refused is not None and len(refused):
        against = popularity_score(
            refused, now=now, window_days=window_days, half_life_days=half_life_days, weighted=False
        )
        total = np.maximum(total - against, 0.0)
    return np.asarray(total.astype(np.float32))


def trending_score(
    interactions: Interactions, *, now: int, window_days: float | None, refused: Interactions | None = None
) -> FloatArray:
    """`popularity_score` of the window that ends with ``now``, which is longer where the shop is quieter than usual.

    A handful of clicks after months of silence say nothing about what is popular: see `volume_window`.
    """
    days = None if window_days is None else volume_window(interactions, now=now, window_days=window_days)
    return popularity_score(interactions, now=now, window_days=days, refused=refused)


def volume_window(interactions: Interactions, *, now: int, window_days: float) -> float:
    """Days back from ``now``: ``window_days``, or as many as it takes to hold `USUAL_SHARE` of a usual window's weight.

    Usual is the median of all windows of that length in which anything happened.
    """
    recent = interactions.before(now + 1)
    if not len(recent):
        return window_days
    length = window_days * SECONDS_PER_DAY
    ages = (now - recent.times).astype(np.float64)
    weights = recent.weights.astype(np.float64)
    _windows, place = np.unique(np.floor(ages / length), return_inverse=True)
    wanted = USUAL_SHARE * float(np.median(np.bincount(place, weights=weights)))
    if float(weights[ages <= length].sum()) >= wanted:
        return window_days
    newest_first = np.cumsum(weights[::-1])  # rows are in the order of time
    last = min(int(np.searchsorted(newest_first, wanted)), len(recent) - 1)
    return float(ages[::-1][last]) / SECONDS_PER_DAY


class Popularity(Recommender):
    """Popular items, the same for everyone; ``window_days`` and ``half_life_days`` make it *trending*.

    ``scores_`` float32 [n_items]. The history is ignored. Items nobody met in the window follow by all-time popularity.
    """

    kind: ClassVar[str] = "popularity"
    scores_: FloatArray

    def __init__(
        self, window_days: float | None = None, half_life_days: float | None = None, weighted: bool = True
    ) -> None:
        self.window_days = window_days
        self.half_life_days = half_life_days
        self.weighted = weighted

    def _fit(self, interactions: Interactions, catalogue: Catalogue | None, now: int) -> None:
        self.scores_ = popularity_score(
            interactions,
            now=now,
            window_days=self.window_days,
            half_life_days=self.half_life_days,
            weighted=self.weighted,
        )

    def candidates(self, items: ArrayLike, weights: ArrayLike | None = None) -> tuple[IntArray, FloatArray]:
        return np.arange(self.n_items_, dtype=np.int32), np.asarray(self.scores_)

    def arrays(self) -> Arrays:
        return {**super().arrays(), "scores": self.scores_}

    def _restore(self, arrays: Mapping[str, NDArray[Any]]) -> None:
        self.scores_ = arrays["scores"]


def trend_boost(
    trending: NDArray[np.floating],
    popularity: NDArray[np.floating],
    *,
    power: float,
    window_share: float,
) -> NDArray[np.float64]:
    """How much more (or less) than usual an item is wanted now, to the ``power``: float64 [n_items], 1 = as usual.

    ``window_share`` is the trend window's part of the whole history; one customer is added on both sides so that rare
    items stay near 1. Multiplying an item's scores with it follows the season, whoever the visitor is.
    """
    if power == 0:
        return np.ones(len(trending))
    expected = np.asarray(popularity, dtype=np.float64) * min(max(window_share, 0.0), 1.0)
    return np.asarray(((np.asarray(trending, dtype=np.float64) + 1) / (expected + 1)) ** power)
