"""EASE: the best linear item-item weights in closed form, for catalogues that fit in memory as a dense square."""

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
from .matrix import blocks, decayed_matrix, table_from_blocks


class Ease(ItemModel):
    """Ridge regression of every item on all others with a zero diagonal.

    The penalty is ``regularisation`` times the mean diagonal of the Gram matrix, so that one value suits shops of any
    size and any scale of weights. The inverse is made in place from a Cholesky factor (half the time and memory of a
    general inverse). `memory_needed` says what a fit takes; it is cubic in the number of items.
    Source: Steck, "Embarrassingly shallow autoencoders for sparse data", WWW 2019.
    """

    kind: ClassVar[str] = "ease"

    def __init__(self, regularisation: float = 3.0, half_life_days: float | None = None, neighbours: int = 200) -> None:
        self.regularisation = regularisation
        self.half_life_days = half_life_days
        self.neighbours = neighbours

    def _fit(self, interactions: Interactions, catalogue: Catalogue | None, now: int) -> None:
        matrix = decayed_matrix(interactions, self.half_life_days)
        seen = np.flatnonzero(np.diff(matrix.tocsc().indptr))  # items nobody met have no weights: leave them out
        with one_blas_thread():
            self.neighbours_ = table_from_blocks(
                _rows(ease_weights(matrix[:, seen], self.regularisation), seen, interactions.n_items),
                interactions.n_items,
                self.neighbours,
                self.popularity_,
            )


def memory_needed(n_items: int) -> int:
    """Bytes that a fit takes at its peak: the dense square and one block."""
    return 8 * n_items * n_items * 5 // 4


def ease_weights(matrix: sparse.csr_matrix, regularisation: float) -> NDArray[np.float64]:
    """Dense weights [n, n] (row = history item, column = candidate), zero diagonal.

    Raises ValueError for a regularisation that is not positive.
    """
    if regularisation <= 0:
        raise ValueError("regularisation must be positive")
    n = matrix.shape[1]
    if n == 0:
        return np.zeros((0, 0))
    gram = np.zeros((n, n), order="F")
    by_item = sparse.csr_matrix(matrix.T)
    for rows in blocks(n, n):
        gram[:, rows] = (by_item[rows] @ matrix).toarray().T
    diagonal = np.diag_indices(n)
    gram[diagonal] += regularisation * gram[diagonal].mean()
    factor, info = lapack.dpotrf(gram, lower=1, overwrite_a=1)
    if info != 0:
        raise ValueError(f"the Gram matrix is not positive definite (LAPACK {info}): use a larger regularisation")
    inverse, info = lapack.dpotri(factor, lower=1, overwrite_c=1)
    if info != 0:
        raise ValueError(f"the Gram matrix cannot be inverted (LAPACK {info}): use a larger regularisation")
    for column in range(n):  # dpotri fills the lower half only
        inverse[column, column + 1 :] = inverse[column + 1 :, column]
    scale = -1.0 / inverse[diagonal]
    inverse *= scale[None, :]
    inverse[diagonal] = 0
    return np.asarray(inverse)


def _rows(
    weights: NDArray[np.float64], items: NDArray[np.int64], n_items: int
) -> Iterator[tuple[int, sparse.csr_matrix]]:
    position = np.full(n_items, -1, dtype=np.int64)
    position[items] = np.arange(len(items))
    for rows in blocks(n_items, n_items):
        inside = np.flatnonzero(position[rows] >= 0)
        dense = weights[position[rows][inside]]
        row, column = np.nonzero(dense > 0)
        shape = (rows.stop - rows.start, n_items)
        yield rows.start, sparse.csr_matrix((dense[row, column], (inside[row], items[column])), shape=shape)
