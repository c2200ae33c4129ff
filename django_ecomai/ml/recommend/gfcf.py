"""GF-CF: the damped Gram matrix plus an ideal low-pass filter, kept as the strongest neighbours per item."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from ..frames import Catalogue, Interactions
from ..threads import one_blas_thread
from .base import ItemModel
from .cosine import damp
from .matrix import blocks, decayed_matrix, table_from_blocks
from .neighbours import FloatArray
from .spectrum import right_vectors

#: Cells below this share of their row's largest are rounding noise of float32.
NOISE = 1e-5


class GFCF(ItemModel):
    """``gram * R'R + low_pass * D^-b V V' D^b`` for ``R = Du^-a X Di^-b``.

    V are the first ``rank`` right singular vectors of R; ``gram = 0`` leaves the low-pass filter alone. ``factors_``
    (left [n, rank], right [n, rank], float32) hold the low-pass part: row j of it is ``right @ left[j]``.
    Source: Shen et al., "How powerful is graph convolution for recommendation?", CIKM 2021; the decomposition is
    Halko, Martinsson and Tropp, "Finding structure with randomness", 2011.
    """

    kind: ClassVar[str] = "gfcf"
    factors_: tuple[FloatArray, FloatArray]

    def __init__(
        self,
        rank: int = 256,
        low_pass: float = 0.6,
        gram: float = 1.0,
        user_power: float = 0.5,
        item_power: float = 0.5,
        half_life_days: float | None = None,
        neighbours: int = 200,
    ) -> None:
        self.rank = rank
        self.low_pass = low_pass
        self.gram = gram
        self.user_power = user_power
        self.item_power = item_power
        self.half_life_days = half_life_days
        self.neighbours = neighbours

    def _fit(self, interactions: Interactions, catalogue: Catalogue | None, now: int) -> None:
        matrix = self._fit_factors(interactions)
        n = interactions.n_items
        by_item = sparse.csr_matrix(matrix.T)

        def rows() -> Iterator[tuple[int, sparse.csr_matrix]]:
            for part in blocks(n, n):
                exact = self.gram * (by_item[part] @ matrix)
                yield part.start, dense_plus_low_rank(sparse.csr_matrix(exact), self.factors_, part, self.neighbours)

        with one_blas_thread():
            self.neighbours_ = table_from_blocks(rows(), n, self.neighbours, self.popularity_)

    def fit_factors(self, interactions: Interactions) -> tuple[FloatArray, FloatArray]:
        """Only ``factors_``: enough to score some customers without making all rows."""
        self._fit_factors(interactions)
        return self.factors_

    def _fit_factors(self, interactions: Interactions) -> sparse.csr_matrix:
        matrix = damp(decayed_matrix(interactions, self.half_life_days), self.user_power, self.item_power)
        degree = np.asarray(decayed_matrix(interactions, self.half_life_days).sum(axis=0)).ravel()
        scale = np.where(degree > 0, degree, 1.0) ** self.item_power
        with one_blas_thread():
            vectors = right_vectors(matrix, self.rank)
        left = (vectors / scale[:, None]).astype(np.float32)
        right = (self.low_pass * vectors * scale[:, None]).astype(np.float32)
        self.factors_ = (left, right)
        return matrix


def dense_plus_low_rank(
    exact: sparse.csr_matrix,
    factors: tuple[FloatArray, FloatArray],
    rows: slice | NDArray[np.int64],
    k: int,
) -> sparse.csr_matrix:
    """``exact`` plus the low-rank rows, keeping about the strongest ``k`` cells per row.

    At least k + 1 positive cells survive where there are as many; the caller prunes exactly.
    """
    left, right = factors
    dense = left[rows] @ right.T
    at = np.repeat(np.arange(exact.shape[0]), np.diff(exact.indptr))
    dense[at, exact.indices] += exact.data.astype(np.float32)
    return strongest_cells(dense, k + 1)


def strongest_cells(dense: NDArray[np.float32], k: int) -> sparse.csr_matrix:
    """The ``k`` highest positive cells of each row (ties included, rounding noise left out) as a sparse matrix."""
    n = dense.shape[1]
    noise = NOISE * dense.max(axis=1, initial=0)[:, None]
    if k < n:
        limit = np.empty(len(dense), dtype=np.float32)
        for row, values in enumerate(dense):
            # every 16th cell gives a threshold that about 1.5 k cells pass: sorting these is enough
            sample = values[row % 16 :: 16]
            guess = min(len(sample) - 1, int(1.5 * k / 16) + 8)
            rough = np.partition(sample, len(sample) - 1 - guess)[len(sample) - 1 - guess]
            some = values[values >= rough]
            if len(some) < k:
                some = values
            limit[row] = np.partition(some, len(some) - k)[len(some) - k]
        keep = (dense >= limit[:, None]) & (dense > noise)
    else:
        keep = dense > noise
    row_of, column = np.nonzero(keep)
    indptr = np.r_[0, np.cumsum(np.bincount(row_of, minlength=len(dense)))]
    return sparse.csr_matrix((dense[row_of, column].astype(np.float64), column, indptr), shape=dense.shape)
