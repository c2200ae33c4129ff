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
from .local_grams import LocalGrams
from .matrix import decayed_matrix, row_blocks, table_from_blocks
from .neighbours import NeighbourTable

#: Items of one batch, whose common Gram matrix is dense.
MOST_TOGETHER = 1000
#: Doublings of the way along the strongest companions.
FOLLOWED = 5
#: Cells of the dense Gram matrices that are in memory at once (float32).
BATCH_CELLS = 4_000_000
#: Cells of all these matrices together; above it rarely met items take fewer companions.
MOST_CELLS = 2e9
#: So many for each user who met the item, at least `LEAST_COMPANIONS`: the first that keeps `MOST_CELLS`, or the last.
PER_USER, LEAST_COMPANIONS = (16, 8, 4, 2), 8
#: Sizes of ridges are rounded up to a multiple of this, so that many are equal.
ROUNDED = 8


class LocalEase(ItemModel):
    """For each item the ridge regression on the ``companions`` items that were met together with it most.

    Solves ``(G_SS + l I) b = G_Sj`` for every item j, S its strongest companions by the Gram matrix G; the penalty l is
    ``regularisation`` times the mean diagonal of G. Both sides may be damped first (``user_power``, ``item_power``, as
    in `Cosine`; weights are scaled back to predict undamped items). The small Gram matrices are made in batches of
    items that share companions and solved by Cholesky (BLAS); nothing is quadratic in the number of items, and in very
    large shops rarely met items take fewer companions (`affordable`).
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
        n = interactions.n_items
        with one_blas_thread():
            # no name for the companions: their table is free again before the next one is made
            weights = local_weights(
                matrix,
                table_from_blocks(gram_blocks(matrix), n, self.companions, self.popularity_),
                self.regularisation,
            )
        self.neighbours_ = table_from_blocks(row_blocks(weights), n, self.neighbours, self.popularity_)


def local_weights(matrix: sparse.csr_matrix, companions: NeighbourTable, regularisation: float) -> sparse.csr_matrix:
    """Positive weights (row = history item, column = candidate) of the ridges over each column's ``companions``."""
    n = matrix.shape[1]
    grams = LocalGrams(unit_scale(matrix))
    counts = affordable((companions.indices >= 0).sum(axis=1), grams.met)
    targets = np.flatnonzero(counts)
    targets = targets[_neighbourly(companions, targets)] if len(targets) else targets
    found: list[tuple[NDArray[np.int32], NDArray[np.int32], NDArray[np.float32]]] = []
    for part, union in _batches(companions.indices, counts, targets):
        gram = grams.of(union)
        sizes = np.minimum(-(-counts[part] // ROUNDED) * ROUNDED, companions.indices.shape[1])
        for size in np.unique(sizes).tolist():
            of_size = part[sizes == size]
            members = np.where(np.arange(size) < counts[of_size, None], companions.indices[of_size, :size], -1)
            # what is missing (-1) is a column of zeros, whose weight is 0
            at = grams.place[members].astype(np.int64)
            weights = _ridges(gram, at, grams.place[of_size], regularisation)
            target, place = np.nonzero(weights > 0)
            found.append((members[target, place], of_size[target].astype(np.int32), weights[target, place]))
    if not found:
        return sparse.csr_matrix((n, n), dtype=np.float32)
    rows, columns, values = (np.concatenate(part) for part in zip(*found, strict=True))
    found.clear()
    return sparse.csr_matrix((values, (rows, columns)), shape=(n, n))


def affordable(counts: NDArray[np.integer], met: NDArray[np.integer]) -> NDArray[np.int64]:
    """How many of the strongest companions each item's ridge takes, of the ``counts`` [n] that it has.

    All of them while the Gram matrices have no more than `MOST_CELLS` cells together. In larger shops no more than so
    many for each user who met the item (``met`` [n]): of an item that three people met, a hundred weights are mostly
    noise.
    """
    taken = counts.astype(np.int64)
    for per_user in PER_USER:
        if (taken.astype(np.float64) ** 2).sum() <= MOST_CELLS:
            break
        taken = np.minimum(taken, np.maximum(per_user * met.astype(np.int64), LEAST_COMPANIONS))
    return taken


def _ridges(
    gram: NDArray[np.float32], at: NDArray[np.int64], targets: NDArray[np.int32], regularisation: float
) -> NDArray[np.float32]:
    """Weights [b, k] of the ridges on the columns ``at`` [b, k] of ``gram`` for its columns ``targets`` [b]."""
    size = at.shape[1]
    right = gram[at, targets[:, None]]
    solved = np.zeros(at.shape, dtype=np.float32)
    diagonal = np.arange(size)
    together = max(1, BATCH_CELLS // size**2)
    for start in range(0, len(at), together):
        some = at[start : start + together]
        ridges = gram.ravel().take(some[:, :, None] * gram.shape[1] + some[:, None, :])
        ridges[:, diagonal, diagonal] += np.float32(regularisation)
        for place, ridge in enumerate(ridges, start=start):
            # symmetric, so its transposed view may stand for it: LAPACK overwrites that without a copy
            _, solution, info = lapack.sposv(ridge.T, right[place], lower=1, overwrite_a=1)
            if not info:  # else rounding: too singular for float32
                solved[place] = solution
    return solved


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


def _batches(
    companions: NDArray[np.int32], counts: NDArray[np.int64], targets: NDArray[np.int64]
) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64]]]:
    """As many of ``targets`` in a row as have together at most `MOST_TOGETHER` items and companions (or one target),
    and the union of these."""
    first_row = np.empty(len(companions), dtype=np.int64)
    width = np.arange(companions.shape[1])
    start, ahead = 0, 64
    while start < len(targets):
        some = targets[start : start + ahead]
        # an item and its companions in each row; where it has fewer it stands once more
        sets = np.column_stack([some, np.where(width < counts[some, None], companions[some], some[:, None])])
        row = np.arange(len(some))
        # of several values for one place the last stays: the first row
        first_row[sets[::-1].ravel()] = np.repeat(row[::-1], sets.shape[1])
        new = first_row[sets] == row[:, None]
        new[:, 1:] &= sets[:, 1:] != some[:, None]
        fit = max(1, int(np.searchsorted(np.cumsum(new.sum(axis=1)), MOST_TOGETHER, side="right")))
        yield some[:fit], sets[:fit][new[:fit]]
        start += fit
        ahead = min(2 * fit + 8, MOST_TOGETHER)
