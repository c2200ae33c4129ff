"""Turn a model's scores into rankings under the rules of a split. Nothing dense, so large catalogues work as well."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from ..columns import NEW_ITEMS, REPEAT_ITEMS
from ..recommend.matrix import blocks
from ..recommend.neighbours import strongest
from .split import TimeSplit


@dataclass(frozen=True, eq=False)
class Scores:
    """A model's opinion about the test customers.

    ``candidates``: sparse [m, n_items] of positive scores, or a function that makes the rows of some customers (so that
    never all of them are in memory), or None: none at all. ``order``: items from best to worst that fill what is left
    over, the same for everyone.
    """

    candidates: sparse.csr_matrix | Callable[[NDArray[np.int64]], sparse.csr_matrix] | None
    order: NDArray[np.int64]

    def of(self, rows: NDArray[np.int64]) -> sparse.csr_matrix:
        """Scores of the customers at ``rows``."""
        if self.candidates is None:
            return sparse.csr_matrix((len(rows), len(self.order)))
        return self.candidates(rows) if callable(self.candidates) else self.candidates[rows]


def rank(scores: Scores, split: TimeSplit, view: str, k: int, popularity: NDArray[np.floating]) -> NDArray[np.int32]:
    """Top ``k`` for the customers of ``split.rows(view)``: int32 [m, k], -1 padded.

    ``new_items``: nothing that the customer bought before, for every model. ``repeat_items``: only that. Ties go to the
    more popular item, then to the lower index.
    """
    rows = split.rows(view)
    ranked = np.full((len(rows), k), -1, dtype=np.int32)
    place = np.empty(len(scores.order), dtype=np.int64)
    place[scores.order] = np.arange(len(scores.order))
    blocked = np.zeros(len(scores.order), dtype=bool)  # one scratch array instead of one set per customer
    for at, row, (items, values) in _candidates(scores, rows):
        bought = _row(split.bought, row)[0]
        if view == NEW_ITEMS:
            blocked[bought] = True
            keep = ~blocked[items]
        elif view == REPEAT_ITEMS:
            keep = np.isin(items, bought)
        else:
            keep = np.ones(len(items), dtype=bool)
        items, values = items[keep], values[keep]
        top = items[strongest(values, k, popularity[items], -items.astype(np.int64))]
        if len(top) < k:
            blocked[top] = True
            rest = (
                bought[np.argsort(place[bought])]
                if view == REPEAT_ITEMS
                else scores.order[: k + len(bought) + len(top)]
            )
            fill = rest[~blocked[rest]][: k - len(top)]
            blocked[top] = False
            top = np.concatenate([top, fill])
        ranked[at, : len(top)] = top
        blocked[bought] = False
    return ranked


def _candidates(
    scores: Scores, rows: NDArray[np.int64]
) -> Iterator[tuple[int, int, tuple[NDArray[np.int32], NDArray[np.float64]]]]:
    for block in blocks(len(rows), len(scores.order)):
        chunk = scores.of(rows[block])
        for offset in range(chunk.shape[0]):
            at = block.start + offset
            yield at, int(rows[at]), _row(chunk, offset)


def order_by(scores: NDArray[np.floating], popularity: NDArray[np.floating]) -> NDArray[np.int64]:
    """All items from best to worst; ties by popularity, then index."""
    return strongest(scores, len(scores), popularity)


def _row(matrix: sparse.csr_matrix, row: int) -> tuple[NDArray[np.int32], NDArray[np.float64]]:
    start, end = matrix.indptr[row], matrix.indptr[row + 1]
    return matrix.indices[start:end], matrix.data[start:end]
