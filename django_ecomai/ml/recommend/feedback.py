"""What people said, for and against: positive feedback that still stands, and what was refused.

Every model learns from `Interactions`, whose weights are never negative. Signed feedback is settled here, once: what
takes a positive meeting back removes it, and what stays refused is kept beside.
"""

from __future__ import annotations

import sys
from bisect import bisect_left, bisect_right, insort
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..frames import Interactions

#: Largest weight of one meeting; larger ones (and infinite ones) count as much as this.
LARGEST = 1e6
#: Only so many of one person's latest meetings teach: a robot that nobody recognised has no taste.
MOST_EVENTS = 10_000
#: The golden ratio of 64 bits: multiplying by it spreads neighbouring numbers (Knuth, TAOCP 3, 6.4).
_ODD = np.uint64(0x9E3779B97F4A7C15)


@dataclass(frozen=True, eq=False)
class Feedback:
    """``liked``: meetings that stand. ``refused``: pairs that were waved away or came back and were not wanted since;
    their weights say how firmly, times when.
    """

    liked: Interactions
    refused: Interactions

    @property
    def counts(self) -> dict[str, int]:
        """Rows of both, for the run's page."""
        return {"liked": len(self.liked), "refused": len(self.refused)}


def settle(
    users: ArrayLike,
    items: ArrayLike,
    times: ArrayLike,
    weights: ArrayLike,
    *,
    n_users: int,
    n_items: int,
    baskets: ArrayLike | None = None,
    most_events: int = MOST_EVENTS,
) -> Feedback:
    """Settle signed feedback pair by pair, in time order: the last word counts.

    A negative weight of size s takes back what the same person said of the same item before it: the latest of the
    strongest meetings of a weight up to s (one return, one purchase; one removal, one addition to the cart). From s = 1
    on all meetings weaker than s go with it (the views that led there; all purchases, too, when it is a dismissal,
    which weighs more than a purchase). The pair is ``refused`` unless a meeting still stands or follows. NaN and zero
    weights are dropped, infinite and huge ones clipped to `LARGEST`, exact repetitions (same person, item, time, basket
    and weight) counted once, and each person's meetings beyond the latest ``most_events`` left out.
    Source: the weighting of implicit feedback by confidence of Hu, Koren and Volinsky, "Collaborative filtering for
    implicit feedback datasets", ICDM 2008; explicit refusals override implicit preference as in Jawaheer, Szomszor and
    Kostkova, "Comparison of implicit and explicit feedback", 2010.
    """
    user, item = np.asarray(users, dtype=np.int64), np.asarray(items, dtype=np.int64)
    time = np.asarray(times, dtype=np.int64)
    weight = np.nan_to_num(np.asarray(weights, dtype=np.float64), nan=0.0, posinf=LARGEST, neginf=-LARGEST)
    weight = np.clip(weight, -LARGEST, LARGEST)
    basket = np.full(len(user), -1, dtype=np.int64) if baskets is None else np.asarray(baskets, dtype=np.int64)
    if len({len(user), len(item), len(time), len(weight), len(basket)}) > 1:
        raise ValueError("users, items, times, weights and baskets need one value per row")
    rows = np.flatnonzero(weight != 0)
    rows = rows[_once(user[rows], item[rows], time[rows], basket[rows], weight[rows])]
    rows = rows[np.argsort(time[rows], kind="stable")]
    rows = rows[_latest(user[rows], most_events)]
    standing, refused = _last_word(user[rows] * max(n_items, 1) + item[rows], weight[rows])

    def built(chosen: NDArray[np.int64], sign: float) -> Interactions:
        return Interactions.build(
            user[chosen],
            item[chosen],
            time[chosen],
            weights=sign * weight[chosen],
            baskets=basket[chosen],
            n_users=n_users,
            n_items=n_items,
        )

    return Feedback(built(np.sort(rows[standing]), 1.0), built(np.sort(rows[refused]), -1.0))


def _last_word(pairs: NDArray[np.int64], weights: NDArray[np.float64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Positions of standing positives, and the last negative of each refused pair; rows are in time order.

    Only pairs with a negative are looked at one by one; they are few.
    """
    standing = weights > 0
    negative = np.flatnonzero(~standing)
    if not len(negative):
        return np.flatnonzero(standing), negative
    touched = np.flatnonzero(np.isin(pairs, pairs[negative]))
    order = touched[np.argsort(pairs[touched], kind="stable")]
    ends = np.flatnonzero(np.r_[pairs[order][1:] != pairs[order][:-1], True]) + 1
    refused = []
    for start, end in zip(np.r_[0, ends[:-1]].tolist(), ends.tolist(), strict=True):
        own: list[tuple[float, int]] = []  # standing meetings, ascending: thousands of one pair cost little
        last = -1
        for row in order[start:end].tolist():
            if weights[row] > 0:
                insort(own, (float(weights[row]), row))
                continue
            _take_back(own, float(-weights[row]))
            last = row
        kept = {row for _weight, row in own}
        for row in order[start:end].tolist():
            standing[row] &= row in kept
        if not own and last >= 0:
            refused.append(last)
    return np.flatnonzero(standing), np.array(sorted(refused), dtype=np.int64)


def _take_back(own: list[tuple[float, int]], size: float) -> None:
    """Leave of a pair's earlier meetings, ``(weight, row)`` ascending, what stands after a refusal of ``size``."""
    reached = bisect_right(own, (size, sys.maxsize))
    if reached:
        own.pop(reached - 1)  # the latest of the strongest
    if size >= 1:
        del own[: bisect_left(own, (size, -1))]


def _once(*columns: NDArray[np.generic]) -> NDArray[np.int64]:
    """Positions of the first of equal rows, ascending.

    Rows are told apart by a hash of 64 bits first, so that only those that share one are compared column by column.
    """
    key = np.zeros(len(columns[0]), dtype=np.uint64)
    for column in columns:
        key = (key ^ column.astype(np.int64).view(np.uint64)) * _ODD
        key ^= key >> np.uint64(29)
    order = np.argsort(key)
    twin = np.zeros(len(key) + 1, dtype=bool)
    twin[1:-1] = key[order[1:]] == key[order[:-1]]
    shared = np.sort(order[twin[:-1] | twin[1:]])
    first = np.ones(len(key), dtype=bool)
    first[shared] = False
    first[shared[_first_of_equal([column[shared] for column in columns])]] = True
    return np.flatnonzero(first)


def _first_of_equal(columns: list[NDArray[np.generic]]) -> NDArray[np.int64]:
    order = np.lexsort((np.arange(len(columns[0])), *columns))
    new = np.zeros(len(order), dtype=bool)
    new[:1] = True
    for column in columns:
        new[1:] |= column[order][1:] != column[order][:-1]
    return order[new]


def _latest(users: NDArray[np.int64], limit: int) -> NDArray[np.int64]:
    """Positions of each person's last ``limit`` rows; rows are in time order."""
    order = np.argsort(users, kind="stable")
    ends = np.searchsorted(users[order], users[order], side="right")
    return np.sort(order[ends - np.arange(len(order)) <= limit])
