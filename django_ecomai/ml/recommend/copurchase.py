"""Frequently bought together: pairs that share baskets more often than chance explains."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from ..frames import Catalogue, Interactions
from .base import Arrays, ItemModel
from .matrix import product_blocks, table_from_blocks
from .neighbours import FloatArray, IntArray, NeighbourTable


class CoPurchase(ItemModel):
    """Pairs of items in one basket with a lift above 1, a minimum support and a significant log-likelihood ratio.

    Ranked by the root of the log-likelihood ratio (a pair seen 50 times at lift 4 comes before one seen twice at lift
    400). ``support_`` int32 [n, K] counts the shared baskets, ``lift_`` float32 [n, K] is
    ``P(both) / (P(one) P(other))``; both are aligned with ``neighbours_``. ``min_llr`` 10.83 is p = 0.001 of
    a chi-squared with one degree of freedom. Rows with basket -1 are ignored; baskets with more than
    ``max_basket`` items (a wholesaler's stock-up says little about pairs) too.
    Source: Dunning, "Accurate methods for the statistics of surprise and coincidence", 1993.
    """

    kind: ClassVar[str] = "copurchase"
    support_: IntArray
    lift_: FloatArray

    def __init__(
        self, min_support: int = 3, min_llr: float = 10.83, max_basket: int = 200, neighbours: int = 50
    ) -> None:
        self.min_support = min_support
        self.min_llr = min_llr
        self.max_basket = max_basket
        self.neighbours = neighbours

    def _fit(self, interactions: Interactions, catalogue: Catalogue | None, now: int) -> None:
        baskets = _basket_matrix(interactions, self.max_basket)
        n_items = interactions.n_items
        self.neighbours_ = table_from_blocks(self._scored(baskets), n_items, self.neighbours, self.popularity_)
        self.support_, self.lift_ = _describe(baskets, self.neighbours_)

    def _scored(self, baskets: sparse.csr_matrix) -> Iterator[tuple[int, sparse.csr_matrix]]:
        total = baskets.shape[0]
        by_item = sparse.csr_matrix(baskets.T)
        count = np.diff(by_item.indptr).astype(np.float64)
        for first, shared in product_blocks(by_item, baskets):
            pairs = sparse.coo_matrix(shared)
            one, other, both = count[first + pairs.row], count[pairs.col], pairs.data.astype(np.float64)
            llr = log_likelihood_ratio(both, one, other, total)
            keep = (both >= self.min_support) & (both * total > one * other) & (llr >= self.min_llr)
            scored = (np.sqrt(llr[keep]), (pairs.row[keep], pairs.col[keep]))
            yield first, sparse.csr_matrix(scored, shape=pairs.shape)

    def arrays(self) -> Arrays:
        return {**super().arrays(), "support": self.support_, "lift": self.lift_}

    def _restore(self, arrays: Mapping[str, NDArray[Any]]) -> None:
        super()._restore(arrays)
        self.support_, self.lift_ = arrays["support"], arrays["lift"]


def log_likelihood_ratio(
    both: NDArray[np.float64], one: NDArray[np.float64], other: NDArray[np.float64], total: int
) -> NDArray[np.float64]:
    """Dunning's G² of the 2 x 2 table "with / without one" by "with / without other" among ``total`` baskets."""
    cells = np.stack([both, one - both, other - both, total - one - other + both])
    rows = np.stack([one, one, total - one, total - one])
    columns = np.stack([other, total - other, other, total - other])
    expected = rows * columns / max(total, 1)
    with np.errstate(divide="ignore", invalid="ignore"):
        terms = np.where(cells > 0, cells * np.log(cells / expected), 0.0)
    return np.asarray(np.maximum(2 * terms.sum(axis=0), 0.0))


def _basket_matrix(interactions: Interactions, max_basket: int) -> sparse.csr_matrix:
    inside = interactions.baskets >= 0
    labels, rows = np.unique(interactions.baskets[inside], return_inverse=True)
    shape = (len(labels), interactions.n_items)
    matrix = sparse.csr_matrix((np.ones(len(rows), dtype=np.int64), (rows, interactions.items[inside])), shape=shape)
    matrix.sum_duplicates()
    matrix.data[:] = 1
    return matrix[np.diff(matrix.indptr) <= max_basket]


def _describe(baskets: sparse.csr_matrix, table: NeighbourTable) -> tuple[IntArray, FloatArray]:
    support = np.zeros(table.indices.shape, dtype=np.int32)
    lift = np.zeros(table.indices.shape, dtype=np.float32)
    by_item = sparse.csr_matrix(baskets.T)
    count = np.diff(by_item.indptr).astype(np.float64)
    for first, shared in product_blocks(by_item, baskets):
        shared.sort_indices()
        rows = slice(first, first + shared.shape[0])
        row, place = np.nonzero(table.indices[rows] >= 0)
        target = table.indices[rows][row, place].astype(np.int64)
        known = np.repeat(np.arange(shared.shape[0]), np.diff(shared.indptr)) * table.n_items + shared.indices
        both = shared.data[np.searchsorted(known, row * table.n_items + target)]
        support[first + row, place] = both
        lift[first + row, place] = both * baskets.shape[0] / (count[first + row] * count[target])
    return support, lift
