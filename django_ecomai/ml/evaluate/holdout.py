"""Splits for data without a clock: leave the last item out, leave random pairs out, leave whole sessions out."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from ..columns import ALL_ITEMS, NEW_ITEMS, REPEAT_ITEMS
from ..frames import Interactions
from ..recommend.matrix import pair_matrix
from .split import TimeSplit


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


def pair_split(
    interactions: Interactions,
    *,
    share: float = 0.2,
    max_users: int | None = None,
    random_state: int = 0,
    target_weight: float = 0.0,
) -> TimeSplit:
    """A random ``share`` of everybody's pairs is held out, that of at most ``max_users`` customers is the truth.

    Everybody loses pairs, as in a published cut: when only the judged customers do, the others' company gives their
    pairs away, and models that look at close company alone appear better than they are. All rows of a held-out pair
    go, so that the truth is always new to the customer. Who has one item keeps it.
    """
    pairs = interactions.users.astype(np.int64) * max(interactions.n_items, 1) + interactions.items
    known, of_row = np.unique(pairs, return_inverse=True)
    owner = known // max(interactions.n_items, 1)
    held = np.random.default_rng(random_state + 1).random(len(known)) < share
    # nobody loses everything: the first pair of each customer stays
    held[np.flatnonzero(np.r_[True, owner[1:] != owner[:-1]])[: len(owner)]] = False
    rows = np.flatnonzero(held[of_row] & (interactions.weights >= target_weight))
    split = hold_out(interactions, rows, target_weight=target_weight)
    some = np.sort(_some(np.arange(len(split.users)), max_users, random_state))
    truth = {view: matrix[some] for view, matrix in split.truth.items()}
    return replace(split, users=split.users[some], bought=split.bought[some], truth=truth)


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
