"""The strongest directions of a sparse matrix, the same ones every time."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

#: Fixed: the factors must not change from one training to the next.
SEED = 20_210
#: Rounds of the randomised decomposition; more do not change a ranking.
POWER_ITERATIONS = 3
#: Extra directions while iterating.
OVERSAMPLING = 32


def right_vectors(
    matrix: sparse.csr_matrix, rank: int, *, dtype: type[np.floating] = np.float32, rounds: int = POWER_ITERATIONS
) -> NDArray[np.float64]:
    """The first right singular vectors [n, at most rank], by subspace iteration from a fixed start.

    Not ARPACK: where fewer directions exist than are asked for, it goes on from random ones that no caller of
    `scipy.sparse.linalg.svds` can seed. Source: Halko, Martinsson and Tropp, "Finding structure with randomness", 2011.
    """
    n_users, n = matrix.shape
    rank = min(rank, n, n_users)
    if not rank or not matrix.nnz:
        return np.zeros((n, 0))
    largest = abs(matrix.data).max()
    scaled = sparse.csr_matrix(matrix / largest).astype(dtype)
    back = sparse.csr_matrix(scaled.T)
    width = min(rank + OVERSAMPLING, n, n_users)
    basis = np.random.default_rng(SEED).standard_normal((n, width)).astype(dtype)
    for _ in range(rounds):
        basis = np.linalg.qr(back @ (scaled @ basis))[0]
    image = scaled @ basis
    values, rotation = np.linalg.eigh((image.T @ image).astype(np.float64))
    order = np.argsort(-values)[:rank]
    order = order[values[order] > 1e-6 * max(float(values.max()), 1e-30)]
    vectors = basis @ rotation[:, order].astype(dtype)
    return np.asarray(vectors, dtype=np.float64)
