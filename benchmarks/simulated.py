"""A simulated shop of any size for measuring cost: popular items as Zipf has it, people with a few tastes, visits.

It says nothing about how well a model recommends: only real shops do.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

#: Items of one taste.
TASTE = 250
#: Mean steps of a visit.
STEPS = 6
#: Share of steps outside the taste of the visit.
STRAY = 0.1
#: Share of what is viewed that is put into the cart, and bought.
CART, BOUGHT = 0.12, 0.1
START = 1_735_689_600  # 2025-01-01
DAYS = 365


@dataclass(frozen=True, eq=False)
class SimulatedShop:
    """Steps in time order: ``users``, ``items``, ``times`` (epoch milliseconds), ``kinds`` (0 view, 1 cart, 2 buy),
    ``visits``."""

    users: NDArray[np.int32]
    items: NDArray[np.int32]
    times: NDArray[np.int64]
    kinds: NDArray[np.int8]
    visits: NDArray[np.int64]
    n_users: int
    n_items: int

    def __len__(self) -> int:
        return len(self.users)


def simulate(n_users: int, n_items: int, n_events: int, seed: int = 0) -> SimulatedShop:
    """``n_events`` steps of ``n_users`` people among ``n_items`` items; the same seed gives the same shop."""
    draw = np.random.default_rng(seed)
    n_visits = max(n_events // STEPS, 1)
    activity = draw.lognormal(0.0, 1.0, n_users)
    visitor = _weighted(draw, activity, n_visits)
    n_tastes = max(n_items // TASTE, 1)
    taste_of_item = draw.permutation(np.arange(n_items) % n_tastes)
    liked = _weighted(draw, _zipf(n_tastes, 0.7), n_users * 3).reshape(n_users, 3)
    taste = liked[visitor, draw.choice(3, n_visits, p=[0.6, 0.3, 0.1])]
    visits = np.sort(draw.integers(0, n_visits, n_events))
    members = np.argsort(taste_of_item, kind="stable")
    first = np.searchsorted(taste_of_item[members], np.arange(n_tastes))
    size = np.diff(np.r_[first, n_items])
    place = (_weighted(draw, _zipf(int(size.max()), 0.9), n_events)) % size[taste[visits]]
    items = members[first[taste[visits]] + place]
    stray = draw.random(n_events) < STRAY
    items[stray] = members[_weighted(draw, _zipf(n_items, 0.9), int(stray.sum()))]
    began = draw.integers(0, DAYS * 86_400_000, n_visits)
    within = np.arange(n_events) - np.searchsorted(visits, visits)
    times = START * 1000 + began[visits] + within * 40_000 + draw.integers(0, 30_000, n_events)
    kinds = np.zeros(n_events, dtype=np.int8)
    luck = draw.random(n_events)
    kinds[luck < CART + BOUGHT] = 1
    kinds[luck < BOUGHT] = 2
    order = np.argsort(times, kind="stable")
    return SimulatedShop(
        users=visitor[visits][order].astype(np.int32),
        items=items[order].astype(np.int32),
        times=times[order],
        kinds=kinds[order],
        visits=visits[order],
        n_users=n_users,
        n_items=n_items,
    )


def _zipf(n: int, power: float) -> NDArray[np.float64]:
    return np.asarray(np.arange(1, n + 1) ** -power)


def _weighted(draw: np.random.Generator, weights: NDArray[np.float64], size: int) -> NDArray[np.int64]:
    """Indices with probability proportional to ``weights``."""
    total = np.cumsum(weights)
    return np.minimum(np.searchsorted(total, draw.random(size) * total[-1], side="right"), len(weights) - 1)
