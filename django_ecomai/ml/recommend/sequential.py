"""Sequential rules: who met this, met that soon after."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from ..frames import Catalogue, Interactions
from .base import ItemModel
from .matrix import MAX_WEIGHT, even_parts, shop_decay, table_from_blocks

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
        weights = np.minimum(interactions.weights * shop_decay(interactions.times, self.half_life_days), MAX_WEIGHT)
        rows = last_events(interactions, MAX_EVENTS_PER_USER)
        users, items, weights = interactions.users[rows], interactions.items[rows], weights[rows]
        popularity = np.bincount(items, weights=weights, minlength=n)
        damped = np.where(popularity > 0, popularity, 1.0) ** -self.damping
        rules = follow_blocks(users, items, weights, damped, window=self.window, backward=self.backward)
        self.neighbours_ = table_from_blocks(rules, n, self.neighbours, self.popularity_)


def last_events(interactions: Interactions, limit: int) -> NDArray[np.int64]:
    """Row numbers grouped by user, each user's events from old to new, at most his last ``limit``."""
    order = np.lexsort((np.arange(len(interactions)), interactions.users))  # rows are in time order already
    users = interactions.users[order]
    ends = np.searchsorted(users, users, side="right")
    return np.asarray(order[ends - np.arange(len(order)) <= limit])


def follow_blocks(
    users: NDArray[np.integer],
    items: NDArray[np.integer],
    weights: NDArray[np.floating],
    scale: NDArray[np.floating],
    *,
    window: int,
    backward: float = 0.0,
) -> Iterator[tuple[int, sparse.csr_matrix]]:
    """Items x items, block by block: sum of ``min(weight, weight) / d`` over pairs at distance ``d <= window``.

    Both sides are multiplied by ``scale`` [n_items]; the diagonal is 0. A pair against its order counts ``backward``.
    The rows must be grouped by user and in order within each.
    """
    n = len(scale)
    steps, shares = np.r_[1 : window + 1], 1.0 / np.r_[1 : window + 1]
    if backward:
        steps, shares = np.r_[-steps[::-1], steps], np.r_[backward * shares[::-1], shares]
    at = np.argsort(items, kind="stable").astype(np.int32)  # the events of one item stand together
    events = np.bincount(items, minlength=n)
    ends = np.cumsum(events)
    padded = [np.pad(one, window, constant_values=nobody) for one, nobody in ((users, -1), (items, 0), (weights, 0.0))]
    for part in even_parts(events * len(steps)):
        here = at[ends[part.start] - events[part.start] : ends[part.stop - 1]] + np.int32(window)
        around = here[:, None] + steps[None, :].astype(np.int32)  # neighbours lie side by side in memory: one look
        user, item, weight = (one.take(around) for one in padded)
        value = np.minimum(weight, padded[2][here][:, None]) * shares
        value[(user != padded[0][here][:, None]) | (item == padded[1][here][:, None])] = 0.0
        value *= scale[item]
        starts = np.arange(0, value.size + 1, len(steps))
        nearby = sparse.csr_matrix((value.ravel(), item.ravel(), starts), shape=(len(here), n))
        own = sparse.csr_matrix(
            (np.ones(len(here)), np.arange(len(here)), np.r_[0, np.cumsum(events[part])]),
            shape=(part.stop - part.start, len(here)),
        )
        yield part.start, sparse.csr_matrix(sparse.diags(scale[part]) @ (own @ nearby))
