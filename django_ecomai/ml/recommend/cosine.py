"""Damped item-item cosine: the Gram matrix of ``Du^-a X Di^-b``."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from ..frames import Catalogue, Interactions
from ..threads import one_blas_thread
from .base import ItemModel
from .matrix import decayed_matrix, product_blocks, table_from_blocks


class Cosine(ItemModel):
    """Items met by the same people, damped for busy people (``user_power`` a) and for popular items (``item_power`` b).

    ``a = 0, b = 0.5`` is the ordinary cosine of binary data. Weights decay with ``half_life_days``. Computed block by
    block; only the ``neighbours`` strongest per item are kept.
    Source: Deshpande and Karypis, "Item-based top-N recommendation algorithms", 2004; the damping of both sides is the
    first filter of Shen et al., "How powerful is graph convolution for recommendation?" (GF-CF), 2021.
    """

    kind: ClassVar[str] = "cosine"

    def __init__(
        self,
        user_power: float = 0.5,
        item_power: float = 0.5,
        half_life_days: float | None = None,
        neighbours: int = 200,
    ) -> None:
        self.user_power = user_power
        self.item_power = item_power
        self.half_life_days = half_life_days
        self.neighbours = neighbours

    def _fit(self, interactions: Interactions, catalogue: Catalogue | None, now: int) -> None:
        matrix = decayed_matrix(interactions, self.half_life_days)
        damped = damp(matrix, self.user_power, self.item_power)
        with one_blas_thread():
            self.neighbours_ = table_from_blocks(
                gram_blocks(damped), interactions.n_items, self.neighbours, self.popularity_
            )


def damp(matrix: sparse.csr_matrix, user_power: float, item_power: float) -> sparse.csr_matrix:
    """``Du^-user_power X Di^-item_power`` with the weighted degrees of users and items."""
    users = sparse.diags(_negative_power(np.asarray(matrix.sum(axis=1)).ravel(), user_power))
    items = sparse.diags(_negative_power(np.asarray(matrix.sum(axis=0)).ravel(), item_power))
    return sparse.csr_matrix(users @ matrix @ items)


def _negative_power(degrees: NDArray[np.float64], power: float) -> NDArray[np.float64]:
    return np.asarray(np.where(degrees > 0, degrees, 1.0) ** -power)


def gram_blocks(matrix: sparse.csr_matrix) -> Iterator[tuple[int, sparse.csr_matrix]]:
    """The Gram matrix of the columns, block by block."""
    return product_blocks(sparse.csr_matrix(matrix.T), matrix)
