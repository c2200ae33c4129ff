"""Test what stands beside a product or a cart: baskets after the cut, of which a part is known."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from ..columns import BASKET_PAGE, PRODUCT_PAGE
from ..frames import Interactions
from ..recommend.fold import unit_maximum
from ..recommend.matrix import table_to_csr
from ..recommend.neighbours import NeighbourTable
from ..recommend.recipe import Recipe
from ..recommend.scoring import RecipeScores
from .holdout import views
from .ranking import Scores
from .split import TimeSplit

#: Baskets that are tested at most; more change no decision.
MOST_BASKETS = 1500


def basket_split(
    interactions: Interactions,
    cut: int,
    *,
    page: str,
    end: int | None = None,
    target_weight: float = 0.0,
    most: int = MOST_BASKETS,
    past: bool = True,
    random_state: int = 0,
) -> TimeSplit:
    """Baskets of ``cut <= times < end`` as users of their own: what is known of one is ``bought``, the rest the truth.

    ``page``: `columns.BASKET_PAGE` knows the first half of the lines, `columns.PRODUCT_PAGE` one product drawn with
    ``random_state``. ``history`` is what the placement knows: the known part (weight 1, at the moment of the order)
    and, with ``past``, what the basket's customer did before the cut, as long ago as it was for him. Only baskets with
    two or more products of which a known one was met before the cut; at most ``most``, drawn. Rows below
    ``target_weight`` are no purchases.
    """
    train, test = interactions.before(cut), interactions.after(cut).at_least(target_weight)
    test = test if end is None else test.before(end)
    test = test.rows(test.baskets >= 0)
    order = np.lexsort((np.arange(len(test)), test.baskets))
    pairs = test.baskets[order].astype(np.int64) * max(test.n_items, 1) + test.items[order]
    order = order[np.sort(np.unique(pairs, return_index=True)[1])]  # each product once
    basket, row = np.unique(test.baskets[order], return_inverse=True)
    place = np.arange(len(order)) - np.searchsorted(row, row)
    length = np.bincount(row, minlength=len(basket))
    if page == BASKET_PAGE:
        known = place < (length[row] + 1) // 2
    elif page == PRODUCT_PAGE:
        drawn = np.random.default_rng(random_state).random(len(basket))
        known = place == np.floor(drawn * length).astype(np.int64)[row]
    else:
        raise ValueError(f"page is {page!r}: use {BASKET_PAGE!r} or {PRODUCT_PAGE!r}")
    shape = (len(basket), test.n_items)
    given, wanted = (
        sparse.csr_matrix((np.ones(int(part.sum())), (row[part], test.items[order[part]])), shape)
        for part in (known, ~known)
    )
    learnt = np.bincount(train.items, minlength=test.n_items) > 0
    usable = np.flatnonzero((length > 1) & (np.asarray(given @ learnt.astype(np.float64)).ravel() > 0))
    if len(usable) > most:
        usable = np.sort(np.random.default_rng(random_state + 1).choice(usable, most, replace=False))
    given, wanted = given[usable], wanted[usable]
    lines = order[np.searchsorted(row, usable)] if len(usable) else np.empty(0, dtype=np.int64)
    owners, moments = test.users[lines], test.times[lines]
    return TimeSplit(
        train=train,
        cut=cut,
        users=np.arange(len(usable), dtype=np.int32),
        bought=given,
        truth=views(wanted, given),
        history=_known(train, given, owners, moments, cut, past),
    )


def _known(
    train: Interactions,
    given: sparse.csr_matrix,
    owners: NDArray[np.integer],
    moments: NDArray[np.integer],
    cut: int,
    past: bool,
) -> Interactions:
    """Past and known part of each basket, with times as far before ``cut`` as they lie before the order."""
    cells = given.tocoo()
    users, items = [cells.row.astype(np.int64)], [cells.col.astype(np.int64)]
    times, weights = [np.full(cells.nnz, cut, dtype=np.int64)], [np.ones(cells.nnz)]
    if past:
        by_user = np.argsort(train.users, kind="stable")
        starts = np.searchsorted(train.users[by_user], owners, side="left")
        ends = np.searchsorted(train.users[by_user], owners, side="right")
        count = ends - starts
        row = np.repeat(np.arange(len(owners)), count)
        inside = np.arange(int(count.sum())) - np.repeat(np.cumsum(count) - count, count)
        rows = by_user[np.repeat(starts, count) + inside]
        users.append(row)
        items.append(train.items[rows].astype(np.int64))
        times.append(train.times[rows].astype(np.int64) - moments[row].astype(np.int64) + cut)
        weights.append(train.weights[rows].astype(np.float64))
    return Interactions.build(
        np.concatenate(users),
        np.concatenate(items),
        np.concatenate(times),
        weights=np.concatenate(weights),
        n_users=given.shape[0],
        n_items=given.shape[1],
    )


def beside_scores(scorer: RecipeScores, recipe: Recipe, together: NeighbourTable, *, alone: bool = False) -> Scores:
    """What `serving.Scorer.beside` ranks by: "bought together" and discovery, the best of each counting 1.

    ``scorer`` is over a `basket_split`. ``alone`` leaves discovery out.
    """
    basket = table_to_csr(together)
    known = scorer.split.bought
    discovery = scorer.discovery(recipe)

    def mixed(rows: NDArray[np.int64]) -> sparse.csr_matrix:
        beside = unit_maximum(sparse.csr_matrix(known[rows] @ basket))
        return beside if alone else sparse.csr_matrix(beside + unit_maximum(discovery(rows)))

    return Scores(mixed, scorer.order(recipe.trending_days))
