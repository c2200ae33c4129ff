"""Lists that visitors saw, and what they clicked: more groups to learn from, with the place as a feature.

The place explains clicks that the product did not earn (position bias). It is known in training and missing when the
order serves, so that every candidate is judged as if it stood anywhere.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from ...columns import SECONDS_PER_DAY
from ...frames import Interactions
from ..neighbours import strongest
from ..prior import unit_popularity
from ..recipe import Recipe
from ..scoring import RecipeScores
from ..weighing import weigh_history
from .features import CANDIDATES, FeatureMaker, History
from .groups import Groups

#: Lists of one window that are learned from, drawn with the seed.
MOST_LISTS = 2000


@dataclass(frozen=True, eq=False)
class Shown:
    """One row per product of a list that was seen. All arrays have one length; ``lists`` numbers the lists.

    ``users`` are those of the interactions, ``positions`` count from 0 or 1, ``times`` are epoch seconds of the sight.
    """

    lists: NDArray[np.int64]
    users: NDArray[np.int64]
    items: NDArray[np.int64]
    positions: NDArray[np.float64]
    clicked: NDArray[np.bool_]
    times: NDArray[np.int64]

    def between(self, start: int, end: int) -> Shown:
        """Lists seen in ``start <= times < end``."""
        return self.rows((self.times >= start) & (self.times < end))

    def rows(self, keep: NDArray[Any] | slice) -> Shown:
        """The rows at ``keep`` (mask, positions or a slice)."""
        return Shown(*(getattr(self, name)[keep] for name in self.__dataclass_fields__))


def shown_groups(
    shown: Shown,
    interactions: Interactions,
    scorer: RecipeScores,
    recipe: Recipe,
    maker: FeatureMaker,
    *,
    random_state: int = 0,
) -> Groups:
    """One group per list with a click and without one: ``labels`` 1 = clicked.

    The sources are those of ``scorer``'s cut; the history is what the visitor had done before he saw the list. Ranks
    are those among all his candidates, as they are when the order serves.
    """
    table = scorer.fitted.served(recipe, scorer.popularity)
    popular = recipe.prior * unit_popularity(scorer.trending(recipe.trending_days))
    order = np.lexsort((shown.positions, shown.lists))
    rows = shown.rows(order)
    _numbers, starts = np.unique(rows.lists, return_index=True)
    ends = np.r_[starts[1:], len(order)]
    clicks = np.add.reduceat(rows.clicked.astype(np.int64), starts) if len(starts) else np.empty(0, np.int64)
    usable = np.flatnonzero((clicks > 0) & (clicks < ends - starts))
    if len(usable) > MOST_LISTS:
        usable = np.sort(np.random.default_rng(random_state).choice(usable, MOST_LISTS, replace=False))
    by_user = np.argsort(interactions.users, kind="stable")  # of each user in time order
    first = np.searchsorted(interactions.users[by_user], np.arange(interactions.n_users + 1))
    found: list[tuple[NDArray[np.float64], NDArray[np.bool_]]] = []
    for at in usable.tolist():
        seen = rows.rows(slice(starts[at], ends[at]))
        own = by_user[first[seen.users[0]] : first[seen.users[0] + 1]]
        own = own[interactions.times[own] < seen.times[0]]
        if not len(own):
            continue
        history, met = _history(interactions, own, int(seen.times[0]), recipe)
        blend = _blend(history, table, popular)
        features, place = _features(seen, history, met, blend, maker)
        found.append((features[place], seen.clicked[place]))
    return _joined(found, len(maker.names))


def _history(
    interactions: Interactions, own: NDArray[np.int64], moment: int, recipe: Recipe
) -> tuple[History, NDArray[np.int64]]:
    """What one visitor had done, weighed as it is when a page is served, and all items that he had met."""
    items = interactions.items[own]
    ages = (moment - interactions.times[own]) / SECONDS_PER_DAY
    unique, weight = weigh_history(
        items,
        interactions.weights[own],
        ages,
        half_life_days=recipe.history_half_life_days,
        step_decay=recipe.history_step_decay,
    )
    newest = np.full(len(unique), np.inf)
    np.minimum.at(newest, np.searchsorted(unique, items), ages)
    return History.of(unique, weight, newest), unique.astype(np.int64)


def _blend(history: History, table: sparse.csr_matrix, popular: NDArray[np.floating]) -> NDArray[np.float64]:
    scores = np.asarray(table[history.items].T @ history.weights).ravel()
    largest = float(scores.max(initial=0.0))
    return scores if not popular.any() else scores / (largest or 1.0) + popular


def _features(
    seen: Shown, history: History, met: NDArray[np.int64], blend: NDArray[np.float64], maker: FeatureMaker
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Features of the seen products among the visitor's candidates, and the seen rows in the blend's order."""
    open_to = blend.copy()
    open_to[met] = 0
    best = strongest(open_to, CANDIDATES)
    best = best[open_to[best] > 0]
    others = best[~np.isin(best, seen.items)]
    items = np.r_[seen.items, others]
    positions = np.r_[seen.positions, np.full(len(others), np.nan)]
    order = np.argsort(-blend[items], kind="stable")
    made = np.empty((len(items), len(maker.names)))
    made[order] = maker.make(items[order], blend[items[order]], history, positions[order])
    return made[: len(seen.items)], np.argsort(-blend[seen.items], kind="stable")


def _joined(found: list[tuple[NDArray[np.float64], NDArray[np.bool_]]], width: int) -> Groups:
    clicks = np.array([labels.sum() for _, labels in found], dtype=np.int64)
    return Groups(
        features=np.concatenate([np.empty((0, width)), *(features for features, _ in found)]),
        labels=np.concatenate([np.empty(0, np.int8), *(labels.astype(np.int8) for _, labels in found)]),
        sizes=np.array([len(labels) for _, labels in found], dtype=np.int64),
        owners=np.full(len(found), -1, dtype=np.int64),
        relevant=clicks,
    )
