"""Small shops as arrays, built by functions so that each test says what it needs."""

from __future__ import annotations

import numpy as np

from django_ecomai.ml.frames import Catalogue, IdMap, Interactions

DAY = 86_400
START = 1_600_000_000


def checkerboard(size: int = 10, *, same_moment: bool = False, weight: float = 1.0) -> Interactions:
    """User u met the items of his own colour (u + i even), except that the item u itself is left out."""
    users, items = np.nonzero((np.add.outer(np.arange(size), np.arange(size)) % 2 == 0) & ~np.eye(size, dtype=bool))
    times = np.full(len(users), START) if same_moment else START + np.arange(len(users)) * DAY
    weights = np.full(len(users), weight)
    return Interactions.build(users, items, times, weights=weights, baskets=users, n_users=size, n_items=size)


def words(n_items: int) -> Catalogue:
    """A catalogue of two kinds of things that fits `checkerboard`: even items are lanterns, odd ones are mugs."""
    kinds = ("red lantern with candle", "blue coffee mug")
    names = ("Lighting", "Kitchen")
    return Catalogue.build(
        n_items,
        title=[kinds[i % 2] for i in range(n_items)],
        category=[names[i % 2] for i in range(n_items)],
        price=[5.0 + i % 2 for i in range(n_items)],
        created=[START + i for i in range(n_items)],
    )


def shop(n_users: int = 120, n_items: int = 40, *, days: int = 200, seed: int = 0) -> Interactions:
    """Two tastes (low and high items), customers who return every few weeks and repeat some of what they bought."""
    random = np.random.default_rng(seed)
    half = n_items // 2
    users, items, times, baskets = [], [], [], []
    basket = 0
    for user in range(n_users):
        own = random.permutation(half)[: half // 2] + half * (user % 2)
        for day in range(int(random.integers(0, 20)), days, int(random.integers(12, 25))):
            for item in random.choice(own, size=4, replace=False):
                users.append(user)
                items.append(int(item))
                times.append(START + day * DAY + basket % DAY)
                baskets.append(basket)
            basket += 1
    return Interactions.build(users, items, times, baskets=baskets, n_users=n_users, n_items=n_items)


def id_map(n_items: int) -> IdMap:
    """``item-000`` ... in index order."""
    return IdMap.from_ids(f"item-{i:03d}" for i in range(n_items))
