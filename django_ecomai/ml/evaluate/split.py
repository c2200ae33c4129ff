"""Split interactions at a moment: learn from before, test on after, in three views of the truth."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from ..columns import ALL_ITEMS, NEW_ITEMS, REPEAT_ITEMS
from ..frames import Interactions
from ..recommend.matrix import pair_matrix


@dataclass(frozen=True, eq=False)
class TimeSplit:
    """``train``: everything before ``cut``. ``users`` [m]: the test customers. Rows of the matrices follow ``users``.

    ``bought``: what they bought before the cut. ``truth["all"]``: what they bought after it; ``"new_items"``: without
    what they had bought before; ``"repeat_items"``: only that.
    """

    train: Interactions
    cut: int
    users: NDArray[np.int32]
    bought: sparse.csr_matrix
    truth: dict[str, sparse.csr_matrix]
    #: what the test customers did (row numbers as users), when it is not in ``train``: sessions nobody has seen yet
    history: Interactions | None = None

    def rows(self, view: str) -> NDArray[np.int64]:
        """Positions in ``users`` of the customers who have something true in this view."""
        return np.flatnonzero(np.diff(self.truth[view].indptr))


def time_split(
    interactions: Interactions,
    cut: int,
    *,
    end: int | None = None,
    target_weight: float = 0.0,
    max_users: int | None = None,
    random_state: int = 0,
) -> TimeSplit:
    """Train on ``times < cut``, test on ``cut <= times < end``.

    Test customers are those known before the cut who bought after it (known: any interaction; bought: a weight of
    ``target_weight`` or more). Products that first appear after the cut stay in the truth, though no model can know
    them. At most ``max_users`` test customers, drawn with ``random_state``.
    """
    train, test = interactions.before(cut), interactions.after(cut)
    if end is not None:
        test = test.before(end)
    test = test.at_least(target_weight)
    users = np.intersect1d(train.users, test.users).astype(np.int32)
    if max_users is not None and len(users) > max_users:
        users = np.sort(np.random.default_rng(random_state).choice(users, max_users, replace=False))
    bought = _binary(train.at_least(target_weight))[users]
    after = _binary(test)[users]
    repeat = sparse.csr_matrix(after.multiply(bought))
    new = sparse.csr_matrix(after - repeat)
    new.eliminate_zeros()
    repeat.eliminate_zeros()
    truth = {NEW_ITEMS: new, REPEAT_ITEMS: repeat, ALL_ITEMS: after}
    return TimeSplit(train=train, cut=cut, users=users, bought=bought, truth=truth)


def _binary(interactions: Interactions) -> sparse.csr_matrix:
    return pair_matrix(interactions, np.ones(len(interactions)))
