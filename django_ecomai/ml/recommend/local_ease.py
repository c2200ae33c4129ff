"""Local EASE: the ridge of EASE, for every item over its strongest companions only. Linear in the items."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.linalg import lapack

from ..frames import Catalogue, Interactions
from ..threads import one_blas_thread
from .base import ItemModel
from .cosine import damp, gram_blocks
from .matrix import decayed_matrix, row_blocks, table_from_blocks
from .neighbours import NeighbourTable

#: Items of one batch, whose common Gram matrix is dense.
MOST_TOGETHER = 1000
#: Doublings of the way along the strongest companions.
FOLLOWED = 5
#: Cells of the dense Gram matrices that are in memory at once (float32).
BATCH_CELLS = 4_000_000


class LocalEase(ItemModel):
    """For each item the ridge regression on the ``companions`` items that were met together with it most.

    Solves ``(G_SS + l I) b = G_Sj`` for every item j, S its strongest companions by the Gram matrix G; the penalty l is
    ``regularisation`` times the mean diagonal of G. Both sides may be damped first (``user_power``, ``item_power``, as
    in `Cosine`; weights are scaled back to predict undamped items). The small Gram matrices are made in batches by one
    sparse product and solved by Cholesky (BLAS); nothing is quadratic in the number of items.
    Source: the local variant of Steck, "Embarrassingly shallow autoencoders for sparse data", 2019; restricting the
    regression to neighbours is fsSLIM of Ning and Karypis, "SLIM: Sparse linear methods for top-N recommender
    systems", 2011.
    """

    kind: ClassVar[str] = "local_ease"

    def __init__(
        self,
        companions: int = 100,
        regularisation: float = 3.0,
        user_power: float = 0.0,
        item_power: float = 0.0,
        half_life_days: float | None = None,
        neighbours: int = 200,
    ) -> None:
        self.companions = companions
        self.regularisation = regularisation
        self.user_power = user_power
        self.item_power = item_power
        self.half_life_days = half_life_days
        self.neighbours = neighbours

    def _fit(self, interactions: Interactions, catalogue: Catalogue | None, now: int) -> None:
        """Raises ValueError for a regularisation that is not positive."""
        if self.regularisation <= 0:
            raise ValueError("regularisation must be positive")
        matrix = damp(decayed_matrix(interactions, self.half_life_days), self.user_power, self.item_power)
        matrix = unit_scale(matrix)
        with one_blas_thread():
            strongest = table_from_blocks(gram_blocks(matrix), interactions.n_items, self.companions, self.popularity_)
            weights = local_weights(matrix, strongest, self.regularisation)
        self.neighbours_ = table_from_blocks(
            row_blocks(weights), interactions.n_items, self.neighbours, self.popularity_
        )


def local_weights(matrix: sparse.csr_matrix, companions: NeighbourTable, regularisation: float) -> sparse.csr_matrix:
    """Positive weights (row = history item, column = candidate) of the ridges over each column's ``companions``."""
    n = matrix.shape[1]
    by_item = sparse.csc_matrix(unit_scale(matrix)).astype(np.float32)
    width = companions.indices.shape[1]
    targets = np.flatnonzero((companions.indices >= 0).any(axis=1)) if width else np.empty(0, dtype=np.int64)
    if width:
        targets = targets[_neighbourly(companions, targets)]
    all_sets = np.column_stack([companions.indices[targets], targets]).astype(np.int64)
    members_of: list[NDArray[np.int32]] = []
    values_of: list[NDArray[np.float32]] = []
    solved = np.zeros(len(targets), dtype=np.int64)
    for part, union in _batches(all_sets):
        sets = all_sets[part]
        grams = _batch_grams(by_item, sets, union)
        for place, (members, gram) in enumerate(zip(sets, grams, strict=True), start=part.start):
            used = int((members[:-1] >= 0).sum())
            ridge = np.asfortranarray(gram[:used, :used])
            ridge[np.diag_indices(used)] += regularisation
            _, solution, info = lapack.sposv(ridge, gram[:used, width], lower=1, overwrite_a=1)
            if info:  # rounding: too singular for float32
                continue
            positive = np.flatnonzero(solution > 0)
            members_of.append(members[positive].astype(np.int32))
            values_of.append(solution[positive])
            solved[place] = len(positive)
    if not members_of:
        return sparse.csr_matrix((n, n), dtype=np.float32)
    cells = (np.concatenate(values_of), np.concatenate(members_of), np.r_[0, np.cumsum(solved)])
    by_target = sparse.csr_matrix(cells, shape=(len(targets), n))
    by_target.sort_indices()
    place_of = sparse.csr_matrix(
        (np.ones(len(targets), np.float32), (targets, np.arange(len(targets)))), (n, len(targets))
    )
    return sparse.csr_matrix((place_of @ by_target).T)


def _neighbourly(companions: NeighbourTable, targets: NDArray[np.int64]) -> NDArray[np.int64]:
    """An order of ``targets`` in which those that stand together share most of their companions.

    From every item its strongest companion leads on to another; items whose ways end at the same place stand together.
    """
    first = companions.indices[:, 0].astype(np.int64)
    end = np.where(first >= 0, first, np.arange(len(first)))
    for _ in range(FOLLOWED):
        end = end[end]
    second = companions.indices[targets, min(1, companions.indices.shape[1] - 1)]
    return np.lexsort((second, first[targets], end[targets]))


def unit_scale(matrix: sparse.csr_matrix) -> sparse.csr_matrix:
    """Scaled to a Gram matrix of mean diagonal 1: float32 is enough then, whatever the weights were."""
    largest = float(matrix.data.max()) if matrix.nnz else 1.0
    matrix = sparse.csr_matrix(matrix / largest)
    squares = np.asarray(matrix.multiply(matrix).sum(axis=0)).ravel()
    seen = squares > 0
    return sparse.csr_matrix(matrix / np.sqrt(squares[seen].mean() if seen.any() else 1.0))


def _batches(sets: NDArray[np.int64]) -> Iterator[tuple[slice, NDArray[np.int64]]]:
    """Ranges of rows of ``sets``, each with the union of its items: at most `MOST_TOGETHER` unless it is one row."""
    most = max(1, BATCH_CELLS // max(sets.shape[1] ** 2, 1))
    waiting = [slice(start, min(start + most, len(sets))) for start in range(0, len(sets), most)][::-1]
    while waiting:
        rows = waiting.pop()
        union = np.unique(sets[rows])
        if len(union) > MOST_TOGETHER and rows.stop - rows.start > 1:
            middle = (rows.start + rows.stop) // 2
            waiting += [slice(middle, rows.stop), slice(rows.start, middle)]
        else:
            yield rows, union[union >= 0]


def _batch_grams(by_item: sparse.csc_matrix, sets: NDArray[np.int64], union: NDArray[np.int64]) -> NDArray[np.float32]:
    """Dense Gram matrices [b, m, m] of the columns in each row of ``sets`` [b, m] (-1 = none: zeros).

    The Gram matrix of all items of the batch is made once, by one sparse product; each set picks its cells.
    """
    part = by_item[:, union]
    together = np.zeros((len(union) + 1, len(union) + 1), dtype=np.float32)
    together[:-1, :-1] = (sparse.csr_matrix(part.T) @ sparse.csr_matrix(part)).toarray()
    at = np.where(sets >= 0, np.searchsorted(union, sets), len(union))
    cells = at[:, :, None] * together.shape[1] + at[:, None, :]
    return together.ravel().take(cells)
