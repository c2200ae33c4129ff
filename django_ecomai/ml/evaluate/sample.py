"""A sample of customers: models of large shops are compared on some of them, and the winner learns from all."""

from __future__ import annotations

import numpy as np

from ..frames import Interactions

#: Up to so many interactions everything is compared on everybody.
COMPARED_WHOLE = 1_000_000
#: The sample of larger shops shrinks as their size grows, down to this: they have more products, and what the chosen
#: recipe costs once on everything grows.
LEAST_COMPARED = 250_000
#: Recipes that are tried in a small shop, and at least in a large one.
MOST_EVALUATIONS, LEAST_EVALUATIONS = 60, 24
#: Of shops above `COMPARED_WHOLE` the order of candidates is learned from about so many: its sources are fitted anew
#: for every period, and a few hundred thousand interactions fill the trees.
LEAST_ORDERED = 400_000


def compared_rows(rows: int) -> int:
    """How many of ``rows`` interactions are enough to compare models on."""
    if rows <= COMPARED_WHOLE:
        return rows
    return max(LEAST_COMPARED, int(COMPARED_WHOLE * (COMPARED_WHOLE / rows) ** 1.5))


def evaluations_for(rows: int) -> int:
    """How many recipes are worth trying on a shop of ``rows`` interactions, unless somebody says.

    The search tries the promising ones of each kind first. What one of them costs grows with the products, so of a
    larger shop fewer are tried: from `COMPARED_WHOLE` on so many that evaluations x interactions stay the same.
    """
    if rows <= COMPARED_WHOLE:
        return MOST_EVALUATIONS
    return max(LEAST_EVALUATIONS, MOST_EVALUATIONS * COMPARED_WHOLE // rows)


def ordered_rows(rows: int) -> int:
    """How many of ``rows`` interactions are enough to learn an order of candidates from."""
    if rows <= COMPARED_WHOLE:
        return rows
    return max(LEAST_ORDERED, int(COMPARED_WHOLE * (COMPARED_WHOLE / rows) ** 4))


def customers_sample(interactions: Interactions, most: int, *, random_state: int = 0) -> Interactions:
    """All rows of randomly drawn customers, about ``most`` rows together; users and items keep their indices.

    Whole customers: a model learns from what one person did, so thinning rows would change every model's world. A
    customer who has more than half of ``most`` alone is left out.
    """
    if len(interactions) <= most:
        return interactions
    rows = np.bincount(interactions.users, minlength=interactions.n_users)
    drawn = np.random.default_rng(random_state).permutation(np.flatnonzero((rows > 0) & (rows <= most / 2)))
    chosen = np.zeros(interactions.n_users, dtype=bool)
    chosen[drawn[np.cumsum(rows[drawn]) <= most]] = True
    return interactions.rows(chosen[interactions.users])
