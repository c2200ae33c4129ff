"""A shop in which the blend can be improved: it goes by popularity, and customers do not."""

from __future__ import annotations

import numpy as np

from django_ecomai.ml.frames import Catalogue, Interactions
from django_ecomai.ml.recommend.recipe import Recipe, Source
from tests.ml.factories import DAY, START

#: Ordered mostly by popularity, which the presents of `budget_shop` make worthless.
RECIPE = Recipe(
    sources=(Source("cosine", {"half_life_days": None}),),
    history_half_life_days=None,
    target_power=2.0,
    neighbours=60,
)


def budget_shop(n_users: int = 240, n_items: int = 60, *, days: int = 300, seed: int = 0) -> Interactions:
    """Even items are cheap, odd ones dear. Everybody buys two new things of his kind a month, never the first six,
    which everybody gets as presents at the beginning of time."""
    random = np.random.default_rng(seed)
    users, items, times = [], [], []
    for user in range(n_users):
        for item in random.choice(6, size=2, replace=False).tolist():
            users.append(user)
            items.append(item)
            times.append(START + user)
        left = random.permutation(np.arange(6 + user % 2, n_items, 2)).tolist()
        for day in range(int(random.integers(1, 28)), days, 28):
            for item in left[:2]:
                users.append(user)
                items.append(item)
                times.append(START + day * DAY + user)
            left = left[2:]
    return Interactions.build(users, items, times, n_users=n_users, n_items=n_items)


def priced(n_items: int = 60) -> Catalogue:
    """Prices 5 and 50 in turn, three categories, no texts."""
    return Catalogue.build(
        n_items,
        category=[("mugs", "lamps", "bags")[i % 3] for i in range(n_items)],
        price=[5.0 + 45.0 * (i % 2) for i in range(n_items)],
        created=[START] * n_items,
    )
