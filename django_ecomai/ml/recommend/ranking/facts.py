"""What is known about the items at one moment, whoever the visitor is. Numpy only."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from ...columns import SECONDS_PER_DAY

Floats = NDArray[np.float32]

#: Per-item columns in the order in which they become features; NaN = unknown.
ITEM_COLUMNS = ("popularity", "trend", "age_days", "ctr", "cvr", "in_stock", "margin")


@dataclass(frozen=True, eq=False)
class ItemFacts:
    """float32 [n] each, NaN unknown; ``category`` int32 [n], -1 unknown.

    ``popularity``: customers per item, 1 = the mean. ``trend``: customers of the last days against what its popularity
    lets expect. ``age_days``: days since it came into the shop. ``ctr``: clicks per impression, ``cvr``: purchases per
    visit of its page, both smoothed. ``in_stock`` 0 or 1. ``margin``: (price - cost) / price. ``price``.
    """

    popularity: Floats
    trend: Floats
    age_days: Floats
    ctr: Floats
    cvr: Floats
    in_stock: Floats
    margin: Floats
    price: Floats
    category: NDArray[np.int32]

    def columns(self, items: NDArray[np.integer]) -> NDArray[np.float64]:
        """The facts of ``items`` [m] in the order of `ITEM_COLUMNS`: float64 [len, m]."""
        return np.array([getattr(self, name)[items] for name in ITEM_COLUMNS], dtype=np.float64)

    def arrays(self, prefix: str = "") -> dict[str, NDArray[Any]]:
        """For `persist.save_arrays`; price and category stand in every artifact already."""
        return {prefix + name: getattr(self, name) for name in ITEM_COLUMNS}

    @classmethod
    def from_arrays(
        cls, arrays: Mapping[str, NDArray[Any]], prefix: str, *, price: Floats, category: NDArray[np.int32]
    ) -> Self:
        """The inverse of `arrays`. Raises KeyError when one is missing, ValueError when their lengths differ."""
        found = {name: np.asarray(arrays[prefix + name]) for name in ITEM_COLUMNS}
        if {len(values) for values in found.values()} != {len(price)}:
            raise ValueError("the facts of the ranker are not about the items of the artifact")
        return cls(**found, price=price, category=category)


def item_ages(created: NDArray[np.int64], first_seen: NDArray[np.int64], now: int) -> Floats:
    """Days since ``created``, else since ``first_seen`` (epoch seconds, -1 unknown); NaN when later than ``now``."""
    since = np.where((created >= 0) & (created <= now), created, first_seen)
    return np.where(since >= 0, (now - since) / SECONDS_PER_DAY, np.nan).astype(np.float32)


def smoothed_rate(successes: NDArray[np.floating], trials: NDArray[np.floating]) -> Floats:
    """Successes per trial of each item, drawn towards the shop's mean the less is known: float32 [n].

    A beta prior fitted by moments (empirical Bayes; Casella 1985): the mean is the rate of all trials, the strength
    comes from the variance between items beyond what chance makes. Successes beyond the trials count as trials. Items
    without a trial have the mean; all are NaN when there is no trial at all.
    """
    won = np.maximum(np.asarray(successes, dtype=np.float64), 0.0)
    tried = np.maximum(np.asarray(trials, dtype=np.float64), won)
    total = float(tried.sum())
    if total <= 0:
        return np.full(len(tried), np.nan, dtype=np.float32)
    mean = float(won.sum()) / total
    strength = _prior_strength(won, tried, mean)
    return np.asarray((won + mean * strength) / (tried + strength), dtype=np.float32)


def _prior_strength(won: NDArray[np.float64], tried: NDArray[np.float64], mean: float) -> float:
    """Trials that the prior is worth, between 1 and 10,000."""
    seen = tried > 0
    rates, weight = won[seen] / tried[seen], tried[seen] / tried.sum()
    between = float((weight * (rates - mean) ** 2).sum())
    chance = mean * (1 - mean)
    # E[weighted variance] = chance x sum(weight / tried) + true variance; solved for the strength of a beta prior
    true = between - chance * float((weight / tried[seen]).sum())
    return float(np.clip(chance / true - 1, 1.0, 1e4)) if true > 0 else 1e4
