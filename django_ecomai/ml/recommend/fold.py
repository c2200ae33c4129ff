"""Fold the sources of a recipe into one pruned item-item table, so that serving costs the same whatever the blend."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from ..columns import SECONDS_PER_DAY
from ..frames import Catalogue, Interactions
from .matrix import blocks, table_from_blocks, table_to_csr
from .neighbours import NeighbourTable
from .popularity import popularity_score, trend_boost
from .recipe import Recipe, Source


class Fitted:
    """Fits sources on one set of interactions, each only once: blends share them while they are being tried."""

    def __init__(
        self,
        interactions: Interactions,
        *,
        catalogue: Catalogue | None,
        now: int,
        neighbours: int,
        language: str = "english",
    ) -> None:
        self.interactions = interactions
        self.catalogue = catalogue
        self.now = now
        self.neighbours = neighbours
        self.language = language
        self._matrices: dict[tuple[object, ...], sparse.csr_matrix] = {}

    def matrix(self, source: Source) -> sparse.csr_matrix:
        """The source's pruned table as a sparse matrix, scaled so that its mean score is 1."""
        key = source.key()
        if key not in self._matrices:
            model = source.model(self.neighbours, self.language).fit(
                self.interactions, catalogue=self.catalogue, now=self.now
            )
            matrix = table_to_csr(model.neighbours_)
            if matrix.nnz:
                matrix.data /= matrix.data.mean()
            self._matrices[key] = matrix
        return self._matrices[key]

    def boost(self, power: float, days: float) -> NDArray[np.float64]:
        """Trend factor per item, 0 for items that are not for sale."""
        trending = popularity_score(self.interactions, now=self.now, window_days=days, weighted=False)
        popular = popularity_score(self.interactions, now=self.now, weighted=False)
        # the first per cent is passed over: one order of 1970 must not make the shop fifty years old
        rows = len(self.interactions)
        start = int(self.interactions.times[rows // 100]) if rows else self.now
        share = days * SECONDS_PER_DAY / max(self.now - start, 1)
        factor = trend_boost(trending, popular, power=power, window_share=share)
        return factor if self.catalogue is None else np.where(self.catalogue.active, factor, 0.0)

    def folded(self, recipe: Recipe) -> sparse.csr_matrix:
        """Weighted sum of the recipe's sources with the trend on its columns, not pruned again yet."""
        n = self.interactions.n_items
        total = sparse.csr_matrix((n, n), dtype=np.float64)
        for source in recipe.sources:
            total = total + source.weight * self.matrix(source)
        return sparse.csr_matrix(total @ sparse.diags(self.boost(recipe.trend_power, recipe.trend_days)))

    def served(self, recipe: Recipe, popularity: NDArray[np.floating]) -> sparse.csr_matrix:
        """`table` as a sparse matrix; a single source without a trend is pruned already."""
        if len(recipe.sources) == 1 and recipe.trend_power == 0 and recipe.neighbours == self.neighbours:
            matrix = self.folded(recipe)
            matrix.eliminate_zeros()  # items that are not for sale
            return matrix
        return table_to_csr(self.table(recipe, popularity))

    def table(self, recipe: Recipe, popularity: NDArray[np.floating]) -> NeighbourTable:
        """The folded table pruned to ``recipe.neighbours`` per item: what is served."""
        matrix = self.folded(recipe)
        parts = ((rows.start, matrix[rows]) for rows in blocks(*matrix.shape))
        return table_from_blocks(parts, matrix.shape[0], recipe.neighbours, popularity)


def up_to(interactions: Interactions, now: int | None) -> Interactions:
    """Rows that are not later than ``now``: a clock that ran ahead must not become the end of the data."""
    return interactions if now is None else interactions.before(now + 1)


Progress = Callable[[float, str], None]


def no_progress(fraction: float, message: str) -> None:
    """The default: tell nobody."""
