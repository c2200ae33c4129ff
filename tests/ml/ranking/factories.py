"""A shop in which the blend can be improved: customers want what came in lately, and company alone cannot say that."""

from __future__ import annotations

import numpy as np

from django_ecomai.ml.frames import Catalogue, Interactions
from django_ecomai.ml.recommend.recipe import Recipe, Source
from tests.ml.factories import DAY, START

ITEMS = 100
EVERY = 3  # days from one new product to the next
RECIPE = Recipe(sources=(Source("cosine", {"half_life_days": None}),), history_half_life_days=None, neighbours=100)


def fashion_shop(n_users: int = 240, *, days: int = 300, seed: int = 0) -> Interactions:
    """Item i comes in on day 3 i. Every four weeks everybody buys two things that came in within the last 60 days."""
    random = np.random.default_rng(seed)
    users, items, times = [], [], []
    for user in range(n_users):
        for day in range(10 + int(random.integers(0, 28)), days, 28):
            new = np.arange(max(0, (day - 60) // EVERY), min(ITEMS, day // EVERY + 1))
            for item in random.choice(new, size=2, replace=False).tolist():
                users.append(user)
                items.append(item)
                times.append(START + day * DAY + user)
    return Interactions.build(users, items, times, n_users=n_users, n_items=ITEMS)


def priced() -> Catalogue:
    """Prices 5 and 50 in turn, three categories, no texts, and the day on which each came in."""
    return Catalogue.build(
        ITEMS,
        category=[("mugs", "lamps", "bags")[i % 3] for i in range(ITEMS)],
        price=[5.0 + 45.0 * (i % 2) for i in range(ITEMS)],
        created=[START + EVERY * i * DAY for i in range(ITEMS)],
    )
