"""Models that are two thin factors: truncated SVD, and iALS folded in by a linear map. Needs scipy."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from ..frames import Catalogue, Interactions
from ..threads import one_blas_thread
from .base import ItemModel
from .gfcf import dense_plus_low_rank
from .matrix import blocks, decayed_matrix, table_from_blocks
from .neighbours import FloatArray
from .spectrum import SEED, right_vectors

#: Rows of equal length that are solved at once.
BATCH = 1024
#: Cells of the rows that are solved at once.
BATCH_CELLS = 32_000


class LowRank(ItemModel):
    """Row j of the table is ``right @ left[j]``: ``factors_`` = (left [n, rank], right [n, rank]), float32."""

    neighbours: int
    factors_: tuple[FloatArray, FloatArray]

    @abstractmethod
    def fit_factors(self, interactions: Interactions) -> tuple[FloatArray, FloatArray]:
        """Only ``factors_``: enough to score some customers without making all rows."""

    def _fit(self, interactions: Interactions, catalogue: Catalogue | None, now: int) -> None:
        n = interactions.n_items
        self.factors_ = self.fit_factors(interactions)

        def rows() -> Iterator[tuple[int, sparse.csr_matrix]]:
            for part in blocks(n, n):
                nothing = sparse.csr_matrix((part.stop - part.start, n))
                yield part.start, dense_plus_low_rank(nothing, self.factors_, part, self.neighbours)

        with one_blas_thread():
            self.neighbours_ = table_from_blocks(rows(), n, self.neighbours, self.popularity_)


class TruncatedSVD(LowRank):
    """``V V'`` of the first ``rank`` right singular vectors of the decayed customers x items matrix.

    Source: Cremonesi, Koren and Turrin, "Performance of recommender algorithms on top-N recommendation tasks"
    (PureSVD), RecSys 2010; the decomposition is that of `spectrum.right_vectors`.
    """

    kind: ClassVar[str] = "svd"

    def __init__(self, rank: int = 64, half_life_days: float | None = None, neighbours: int = 200) -> None:
        self.rank = rank
        self.half_life_days = half_life_days
        self.neighbours = neighbours

    def fit_factors(self, interactions: Interactions) -> tuple[FloatArray, FloatArray]:
        with one_blas_thread():
            vectors = right_vectors(decayed_matrix(interactions, self.half_life_days), self.rank).astype(np.float32)
        return vectors, vectors


class IALS(LowRank):
    """Implicit alternating least squares with frequency-scaled regularisation, folded into item-item rows.

    Minimises ``sum_observed (1 - u'v)^2 + unobserved * sum_all (u'v)^2`` plus for each customer and item the penalty
    ``regularisation * (cells + unobserved * other side)`` times its squared length. Customers are replaced afterwards
    by the ridge regression of their factors on the sum of their items' factors, so that a new visitor is scored from
    his history by an item-item table: left = V B, right = V. Weights count as confidence (their maximum is 1).
    Source: Hu, Koren and Volinsky, "Collaborative filtering for implicit feedback datasets", ICDM 2008; the scaling of
    the penalty is Rendle, Krichene, Zhang and Koren, "Revisiting the performance of iALS on item recommendation
    benchmarks", RecSys 2022. `implicit` offers no such scaling, so the solver is ours, in numpy: nothing falls back.
    """

    kind: ClassVar[str] = "ials"
    user_factors_: FloatArray
    item_factors_: FloatArray

    def __init__(
        self,
        rank: int = 64,
        regularisation: float = 0.003,
        unobserved: float = 0.1,
        iterations: int = 8,
        half_life_days: float | None = None,
        neighbours: int = 200,
    ) -> None:
        self.rank = rank
        self.regularisation = regularisation
        self.unobserved = unobserved
        self.iterations = iterations
        self.half_life_days = half_life_days
        self.neighbours = neighbours

    def fit_factors(self, interactions: Interactions) -> tuple[FloatArray, FloatArray]:
        """Raises ValueError for a regularisation or a weight of the unobserved cells that is not positive."""
        if self.regularisation <= 0 or self.unobserved <= 0:
            raise ValueError("regularisation and unobserved must be positive")
        matrix = decayed_matrix(interactions, self.half_life_days)
        largest = matrix.data.max() if matrix.nnz else 1.0
        matrix = sparse.csr_matrix(matrix / largest).astype(np.float32)
        by_item = sparse.csr_matrix(matrix.T)
        rank = max(min(self.rank, *matrix.shape), 1) if matrix.nnz else 1
        start = np.random.default_rng(SEED).standard_normal((matrix.shape[1], rank)) / np.sqrt(rank)
        items = (0.1 * start).astype(np.float32)
        users = np.zeros((matrix.shape[0], rank), dtype=np.float32)
        with one_blas_thread():
            for _ in range(self.iterations):
                users = self._half(matrix, items)
                items = self._half(by_item, users)
            users = self._half(matrix, items)
            met = np.asarray(matrix @ items, dtype=np.float64)
            share = 1 / np.maximum(np.diff(matrix.indptr), 1)[:, None]
            square = met.T @ (share * met)
            square[np.diag_indices(rank)] += 1e-6 * max(float(np.trace(square)) / rank, 1e-12)
            fold = np.linalg.solve(square, met.T @ (share * users))
        self.user_factors_, self.item_factors_ = users, items
        return (items @ fold.astype(np.float32)), items

    def _half(self, matrix: sparse.csr_matrix, other: FloatArray) -> FloatArray:
        """The factors of the rows of ``matrix``, given those of its columns."""
        rank = other.shape[1]
        everything = self.unobserved * (other.T @ other)
        solved = np.zeros((matrix.shape[0], rank), dtype=np.float32)
        lengths = np.diff(matrix.indptr)
        unscaled = self.unobserved * matrix.shape[1]
        for rows, cells, weights in _equal_lengths(matrix, lengths):
            own = other[cells]  # [b, length, rank]
            weighted = own * weights[:, :, None]
            left = everything + np.matmul(weighted.transpose(0, 2, 1), own)
            left[:, np.arange(rank), np.arange(rank)] += self.regularisation * (cells.shape[1] + unscaled)
            solved[rows] = np.linalg.solve(left, weighted.sum(axis=1)[:, :, None])[:, :, 0]
        return solved


def _equal_lengths(
    matrix: sparse.csr_matrix, lengths: NDArray[np.integer]
) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float32]]]:
    """Batches of rows with equally many cells: ``(rows [b], columns [b, length], values [b, length])``."""
    order = np.argsort(lengths, kind="stable")
    ends = np.flatnonzero(np.r_[np.diff(lengths[order]) > 0, np.ones(min(len(order), 1), dtype=bool)]) + 1
    for first, last in zip(np.r_[0, ends[:-1]], ends, strict=False):
        length = int(lengths[order[first]])
        if not length:
            continue
        most = max(1, min(BATCH, BATCH_CELLS // length))
        for begin in range(int(first), int(last), most):
            rows = order[begin : min(begin + most, int(last))]
            at = matrix.indptr[rows][:, None] + np.arange(length)
            yield rows, matrix.indices[at].astype(np.int64), matrix.data[at]
