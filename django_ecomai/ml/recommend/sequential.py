"""Sequential rules: who met this, met that soon after."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from ..frames import Catalogue, Interactions
from .base import ItemModel
from .matrix import MAX_WEIGHT, decay, row_blocks, table_from_blocks

#: Only so many of a user's last events speak: a crawler has no taste.
MAX_EVENTS_PER_USER = 3000


class Sequential(ItemModel):
    """Directed pairs: an item ``d`` steps later in somebody's history adds ``1 / d``, up to ``window`` steps.

    The sums are divided by ``(pop_from * pop_to) ** damping``. ``backward`` is the share that a pair read against its
    order counts: 0 is strictly "what comes next", 1 ignores the direction. Events at one moment keep the order in which
    they were given. Weights decay with ``half_life_days``; a pair counts the smaller weight of its two events.
    Source: Ludewig and Jannach, "Evaluation of session-based recommendation algorithms", 2018 (sequential rules); the
    damping of both popularities is that of item-item cosine.
    """

    kind: ClassVar[str] = "sequential"

    def __init__(
        self,
        window: int = 10,
        damping: float = 0.5,
        backward: float = 0.0,
        half_life_days: float | None = None,
        neighbours: int = 200,
    ) -> None:
        self.window = window
        self.damping = damping
        self.backward = backward
        self.half_life_days = half_life_days
        self.neighbours = neighbours

    def _fit(self, interactions: Interactions, catalogue: Catalogue | None, now: int) -> None:
        n = interactions.n_items
        last = int(interactions.times[-1]) if len(interactions) else 0
        weights = np.minimum(interactions.weights * decay(interactions.times, last, self.half_life_days), MAX_WEIGHT)
        rows = last_events(interactions, MAX_EVENTS_PER_USER)
        rules = follow(interactions.users[rows], interactions.items[rows], weights[rows], n, window=self.window)
        if self.backward:
            rules = sparse.csr_matrix(rules + self.backward * rules.T)
        popularity = np.bincount(interactions.items[rows], weights=weights[rows], minlength=n)
        damped = sparse.diags(np.where(popularity > 0, popularity, 1.0) ** -self.damping)
        rules = sparse.csr_matrix(damped @ rules @ damped)
        self.neighbours_ = table_from_blocks(row_blocks(rules), n, self.neighbours, self.popularity_)


def last_events(interactions: Interactions, limit: int) -> NDArray[np.int64]:
    """Row numbers grouped by user, each user's events from old to new, at most his last ``limit``."""
    order = np.lexsort((np.arange(len(interactions)), interactions.users))  # rows are in time order already
    users = interactions.users[order]
    ends = np.searchsorted(users, users, side="right")
    return np.asarray(order[ends - np.arange(len(order)) <= limit])


def follow(
    users: NDArray[np.integer],
    items: NDArray[np.integer],
    weights: NDArray[np.floating],
    n_items: int,
    *,
    window: int,
) -> sparse.csr_matrix:
    """Items x items (float64): sum of ``min(weight, weight) / d`` over pairs at distance ``d <= window``, diagonal 0.

    The rows must be grouped by user and in order within each.
    """
    total = sparse.csr_matrix((n_items, n_items), dtype=np.float64)
    for distance in range(1, window + 1):
        same = users[distance:] == users[:-distance]
        same &= items[distance:] != items[:-distance]
        if not same.any():
            continue
        value = np.minimum(weights[:-distance][same], weights[distance:][same]) / distance
        total = total + sparse.csr_matrix((value, (items[:-distance][same], items[distance:][same])), total.shape)
    total.eliminate_zeros()
    return sparse.csr_matrix(total)
