"""Splits for data without a clock: leave the last item out, leave blocks of alike items out, leave sessions out."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from ..columns import ALL_ITEMS, NEW_ITEMS, REPEAT_ITEMS
from ..frames import Interactions
from ..recommend.cosine import damp
from ..recommend.matrix import blocks, pair_matrix
from ..recommend.spectrum import right_vectors
from ..threads import one_blas_thread
from .split import TimeSplit

#: Dimensions in which two items of a customer are alike or not.
BLOCK_RANK = 64


def last_item_split(
    interactions: Interactions, *, max_users: int | None = None, random_state: int = 0, target_weight: float = 0.0
) -> TimeSplit:
    """The last item of each customer with two or more events is the truth; everything else trains.

    At most ``max_users`` customers lose their last item, drawn with ``random_state``.
    """
    order = np.lexsort((np.arange(len(interactions)), interactions.users))
    users = interactions.users[order]
    is_last = np.r_[users[1:] != users[:-1], np.ones(min(len(users), 1), dtype=bool)]
    has_more = np.r_[np.zeros(min(len(users), 1), dtype=bool), users[1:] == users[:-1]]
    rows = order[is_last & has_more & (interactions.weights[order] >= target_weight)]
    rows = _some(rows, max_users, random_state)
    return hold_out(interactions, rows, target_weight=target_weight)


def block_split(
    interactions: Interactions,
    *,
    share: float = 0.2,
    max_users: int | None = None,
    random_state: int = 0,
    target_weight: float = 0.0,
) -> TimeSplit:
    """A ``share`` of everybody's items is held out, that of at most ``max_users`` customers is the truth: of each
    customer one random item and those of his items that are most like it.

    What somebody wants next hangs together (a trip, a hobby, a season). Single pairs drawn at random do not: their
    closest company stays behind and gives them away, so that models which look at close company alone appear better
    than they will be. The likeness is the cosine of low-pass item vectors. Everybody loses items, as in a published
    cut. All rows of a held-out pair go, so that the truth is always new to the customer; who has one item keeps it.
    Source: blocks instead of random cells for dependent data, Roberts et al., "Cross-validation strategies for data
    with temporal, spatial, hierarchical, or phylogenetic structure", Ecography 2017.
    """
    own = interactions.at_least(target_weight)
    matrix = pair_matrix(own, np.ones(len(own)))
    lengths = np.diff(matrix.indptr)
    owner = np.repeat(np.arange(len(lengths)), lengths)
    random = np.random.default_rng(random_state + 1)
    seeds = matrix.indptr[:-1] + np.floor(random.random(len(lengths)) * lengths).astype(np.int64)
    seed_of = seeds[owner]
    vectors = _item_vectors(matrix)
    likeness = np.empty(matrix.nnz, dtype=np.float32)
    for cells in blocks(matrix.nnz, max(vectors.shape[1], 1)):
        pairs = vectors[matrix.indices[seed_of[cells]]] * vectors[matrix.indices[cells]]
        likeness[cells] = pairs.sum(axis=1)
    likeness[seed_of == np.arange(matrix.nnz)] = np.inf
    order = np.lexsort((random.random(matrix.nnz), -likeness, owner))
    place = np.arange(matrix.nnz) - matrix.indptr[owner]
    most = np.minimum(np.floor(lengths * share + 0.5), lengths - 1)
    held = np.zeros(matrix.nnz, dtype=bool)
    held[order] = place < most[owner]
    key = owner[held].astype(np.int64) * max(interactions.n_items, 1) + matrix.indices[held]
    pairs_of_rows = interactions.users.astype(np.int64) * max(interactions.n_items, 1) + interactions.items
    split = hold_out(interactions, np.flatnonzero(np.isin(pairs_of_rows, key)), target_weight=target_weight)
    some = np.sort(_some(np.arange(len(split.users)), max_users, random_state))
    truth = {view: matrix[some] for view, matrix in split.truth.items()}
    return replace(split, users=split.users[some], bought=split.bought[some], truth=truth)


def _item_vectors(matrix: sparse.csr_matrix) -> NDArray[np.float32]:
    """Unit vectors of the items whose cosine says who met both [n, at most `BLOCK_RANK`, far fewer than items]."""
    with one_blas_thread():
        vectors = right_vectors(damp(matrix, 0.5, 0.5), min(BLOCK_RANK, max(matrix.shape[1] // 8, 1)))
    length = np.sqrt((vectors**2).sum(axis=1, keepdims=True))
    return np.asarray(vectors / np.where(length > 0, length, 1.0), dtype=np.float32)


def session_split(
    interactions: Interactions, *, share: float = 0.1, max_users: int | None = None, random_state: int = 0
) -> TimeSplit:
    """The last ``share`` of the sessions (users; later numbers are newer) are unseen: a prefix of each is its history,
    the item after it the truth, whatever was met before. All other sessions train."""
    known, lengths = np.unique(interactions.users.astype(np.int64), return_counts=True)
    held = known[len(known) - int(len(known) * share) :]
    held = held[lengths[len(known) - len(held) :] > 1]
    held = np.sort(_some(held, max_users, random_state))
    is_held = np.isin(interactions.users, held)
    order = np.lexsort((np.arange(len(interactions)), interactions.users))
    order = order[is_held[order]]
    visit = np.searchsorted(held, interactions.users[order])
    starts = np.searchsorted(visit, np.arange(len(held)))
    place = np.arange(len(order)) - starts[visit]
    length = np.bincount(visit, minlength=len(held))
    asked = 1 + np.floor(np.random.default_rng(random_state + 1).random(len(held)) * (length - 1)).astype(np.int64)
    before, target = place < asked[visit], place == asked[visit]
    history = Interactions.build(
        visit[before],
        interactions.items[order[before]],
        place[before],
        n_users=len(held),
        n_items=interactions.n_items,
    )
    return next_item_split(interactions.rows(~is_held), history, interactions.items[order[target]])


def next_item_split(train: Interactions, history: Interactions, targets: NDArray[np.integer]) -> TimeSplit:
    """Unseen visits (users 0 .. m-1 of ``history``) with one next item each; nothing is masked."""
    shape = (history.n_users, train.n_items)
    truth = sparse.csr_matrix((np.ones(len(targets)), (np.arange(len(targets)), targets)), shape=shape)
    nothing = sparse.csr_matrix(shape)
    users = np.arange(history.n_users, dtype=np.int32)
    cut = int(train.times[-1]) + 1 if len(train) else 0
    return TimeSplit(train=train, cut=cut, users=users, bought=nothing, truth=views(truth, nothing), history=history)


def hold_out(interactions: Interactions, rows: NDArray[np.int64], *, target_weight: float = 0.0) -> TimeSplit:
    """Train on all but ``rows``, which are the truth of their customers."""
    keep = np.ones(len(interactions), dtype=bool)
    keep[rows] = False
    return split_of(interactions.rows(keep), interactions.rows(~keep), target_weight=target_weight)


def split_of(train: Interactions, test: Interactions, *, target_weight: float = 0.0) -> TimeSplit:
    """A split whose test part is given, as in published tables. Customers: known in ``train``, with a test item."""
    users = np.intersect1d(train.users, test.users).astype(np.int32)
    own = train.at_least(target_weight)
    bought = pair_matrix(own, np.ones(len(own)))[users]
    after = pair_matrix(test, np.ones(len(test)))[users]
    cut = int(train.times[-1]) + 1 if len(train) else 0
    return TimeSplit(train=train, cut=cut, users=users, bought=bought, truth=views(after, bought))


def views(after: sparse.csr_matrix, bought: sparse.csr_matrix) -> dict[str, sparse.csr_matrix]:
    """The truth as a whole, and divided into what was new to the customer and what was not."""
    repeat = sparse.csr_matrix(after.multiply(bought))
    new = sparse.csr_matrix(after - repeat)
    new.eliminate_zeros()
    repeat.eliminate_zeros()
    return {NEW_ITEMS: new, REPEAT_ITEMS: repeat, ALL_ITEMS: after}


def _some(values: NDArray[np.int64], most: int | None, random_state: int) -> NDArray[np.int64]:
    if most is None or len(values) <= most:
        return values
    return np.asarray(np.random.default_rng(random_state).choice(values, most, replace=False))
