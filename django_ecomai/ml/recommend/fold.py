"""Fold the sources of a recipe into one pruned item-item table, so that serving costs the same whatever the blend."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from ..columns import SECONDS_PER_DAY
from ..frames import Catalogue, Interactions
from ..threads import one_blas_thread
from .base import ItemModel, distinct_users
from .gfcf import GFCF, dense_plus_low_rank, strongest_cells
from .lowrank import LowRank, TruncatedSVD
from .matrix import blocks, even_parts, table_from_blocks, table_to_csr
from .neighbours import FloatArray, NeighbourTable
from .popularity import popularity_score, trend_boost
from .recipe import SOURCES, Recipe, Source
from .sessions import SessionKNN

#: Candidates per customer that a source contributes while blends are being tried.
CANDIDATES = 400
#: Low-rank sources whose first factors do not depend on how many follow.
NESTED = (GFCF.kind, TruncatedSVD.kind)
#: Rows that a low-rank source's scale is measured on.
SCALE_ROWS = 200


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
        self._sessions: dict[tuple[object, ...], SessionKNN] = {}
        self._factors: dict[tuple[object, ...], tuple[FloatArray, FloatArray]] = {}
        self._counted: dict[float | None, FloatArray] = {}
        customers = distinct_users(interactions).astype(np.float64)
        usual = customers[customers > 0].mean() if (customers > 0).any() else 1.0
        #: customers per item, 1 = the mean; items nobody met count as if half a customer had
        self.customers = np.maximum(customers, 0.5) / usual

    def prepare(self, recipe: Recipe) -> Fitted:
        """Fit what the table of ``recipe`` is folded from; returns itself."""
        for source in recipe.sources:
            if low_rank(source):
                self.factors(source)
            elif source.kind != SessionKNN.kind:
                self.matrix(source)
        return self

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

    def factors(self, source: Source) -> tuple[FloatArray, FloatArray]:
        """Both factors of a low-rank source, scaled so that the mean of the cells that would be kept is 1."""
        key = source.key()
        if key not in self._factors:
            left, right = self._unscaled(source)
            n = len(left)
            some = np.arange(0, n, max(n // SCALE_ROWS, 1)) if left.shape[1] else np.empty(0, dtype=np.int64)
            kept = strongest_cells(left[some] @ right.T, min(self.neighbours, n)).data
            self._factors[key] = (left, right / np.float32(kept.mean() if kept.size else 1.0))
        return self._factors[key]

    def _unscaled(self, source: Source) -> tuple[FloatArray, FloatArray]:
        """Freshly fitted factors, or the first columns of a wider filter that is the same otherwise."""
        rank = source.params.get("rank")
        if source.kind in NESTED and rank is not None:
            for key, (left, right) in self._factors.items():
                wider: dict[Any, Any] = dict(key[1:])  # type: ignore[arg-type]
                if key[0] == source.kind and {**wider, "rank": rank} == dict(source.params) and wider["rank"] > rank:
                    return left[:, :rank], right[:, :rank]
        model = source.model(self.neighbours, self.language)
        assert isinstance(model, (GFCF, LowRank))  # noqa: S101  (low_rank says so)
        return model.fit_factors(self.interactions)

    def candidates(self, source: Source, history: sparse.csr_matrix) -> sparse.csr_matrix:
        """Scores [m, n] of the histories [m, n] by one source, before any folding."""
        if source.kind == SessionKNN.kind:
            raise ValueError("session neighbours look at visits, not at weighted items: use session_candidates")
        if not low_rank(source):
            return strongest_per_row(sparse.csr_matrix(history @ self.matrix(source)), CANDIDATES)
        left, right = self.factors(source)
        parts = [sparse.csr_matrix((0, history.shape[1]))]
        with one_blas_thread():
            for rows in blocks(*history.shape):
                own = np.asarray(history[rows] @ left, dtype=np.float32)
                parts.append(strongest_cells(own @ right.T, min(CANDIDATES, history.shape[1])))
        return sparse.csr_matrix(sparse.vstack(parts))

    def session_candidates(self, source: Source, visits: Interactions) -> sparse.csr_matrix:
        """Scores [users, n] of the visits by session neighbours; the best of each visit is 1."""
        key = source.key()
        if key not in self._sessions:
            self._sessions[key] = SessionKNN(**source.params).fit(self.interactions)
        return unit_maximum(self._sessions[key].score_histories(visits))

    def scales(self, recipe: Recipe) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """What the rows (history items) and the columns (candidates) of the blend are multiplied with."""
        columns = self.boost(recipe.trend_power, recipe.trend_days) * self.customers**recipe.target_power
        return self.customers**-recipe.source_power, np.asarray(columns)

    def boost(self, power: float, days: float) -> NDArray[np.float64]:
        """Trend factor per item, 0 for items that are not for sale."""
        trending, popular = self._customers_of(days), self._customers_of(None)
        # the first per cent is passed over: one order of 1970 must not make the shop fifty years old
        rows = len(self.interactions)
        start = int(self.interactions.times[rows // 100]) if rows else self.now
        share = days * SECONDS_PER_DAY / max(self.now - start, 1)
        factor = trend_boost(trending, popular, power=power, window_share=share)
        return factor if self.catalogue is None else np.where(self.catalogue.active, factor, 0.0)

    def _customers_of(self, days: float | None) -> FloatArray:
        """Customers per item within the last ``days``, counted once: every recipe of a search asks."""
        if days not in self._counted:
            self._counted[days] = popularity_score(self.interactions, now=self.now, window_days=days, weighted=False)
        return self._counted[days]

    def folded(self, recipe: Recipe) -> sparse.csr_matrix:
        """Weighted sum of the recipe's sparse sources with `scales` on both sides, not pruned again yet."""
        return self._folded(recipe, self.scales(recipe), None)

    def _folded(
        self,
        recipe: Recipe,
        scales: tuple[NDArray[np.float64], NDArray[np.float64]],
        part: slice | NDArray[np.int64] | None,
    ) -> sparse.csr_matrix:
        """`folded`, or some of its rows: all of them at once would be several times what is kept."""
        rows, columns = scales
        rows = rows if part is None else rows[part]
        total = sparse.csr_matrix((len(rows), len(columns)), dtype=np.float64)
        for source in recipe.sources:
            if source.kind == SessionKNN.kind:
                raise ValueError("session neighbours cannot be folded into a table of items: leave them out")
            if not low_rank(source):
                matrix = self.matrix(source)
                total = total + source.weight * (matrix if part is None else matrix[part])
        return sparse.csr_matrix(sparse.diags(rows) @ total @ sparse.diags(columns))

    def served(
        self, recipe: Recipe, popularity: NDArray[np.floating], items: NDArray[np.int64] | None = None
    ) -> sparse.csr_matrix:
        """`table` as a sparse matrix; a single sparse source without a scale is pruned already."""
        plain = recipe.trend_power == recipe.target_power == 0 and recipe.neighbours == self.neighbours
        if plain and len(recipe.sources) == 1 and not low_rank(recipe.sources[0]):
            matrix = self.folded(recipe)
            matrix.eliminate_zeros()  # items that are not for sale
            return matrix
        return table_to_csr(self.table(recipe, popularity, items))

    def table(
        self, recipe: Recipe, popularity: NDArray[np.floating], items: NDArray[np.int64] | None = None
    ) -> NeighbourTable:
        """The folded table pruned to ``recipe.neighbours`` per item: what is served.

        With ``items`` (ascending) the dense rows of low-rank sources are made for these alone; the others are empty.
        """
        n = self.interactions.n_items
        scales = self.scales(recipe)
        factors = self._weighted_factors(recipe)
        if factors is None:
            tables = (self.matrix(source) for source in recipe.sources if source.kind != SessionKNN.kind)
            work = sum((np.diff(matrix.indptr) for matrix in tables), np.ones(n))
            parts = ((part.start, self._folded(recipe, scales, part)) for part in even_parts(work))
        else:
            keep = min(recipe.neighbours, n)
            parts = (
                (part.start, spread(dense_plus_low_rank(self._folded(recipe, scales, at), factors, at, keep), at, part))
                for part, at in some_rows(n, items)
            )
        with one_blas_thread():
            return table_from_blocks(parts, n, recipe.neighbours, popularity)

    def _weighted_factors(self, recipe: Recipe) -> tuple[FloatArray, FloatArray] | None:
        """The low-rank sources side by side, with their weights on the left and the columns' scale on the right."""
        sources = [source for source in recipe.sources if low_rank(source)]
        if not sources:
            return None
        rows, columns = self.scales(recipe)
        pairs = [(self.factors(source), source.weight) for source in sources]
        left = np.hstack([one[0] * np.float32(weight) for one, weight in pairs])
        right = np.hstack([one[1] for one, _ in pairs])
        return left * rows[:, None].astype(np.float32), right * columns[:, None].astype(np.float32)


def some_rows(n: int, items: NDArray[np.int64] | None) -> Iterator[tuple[slice, NDArray[np.int64]]]:
    """`blocks` of a square matrix, and those of ``items`` (ascending; None: all rows) that lie in each."""
    wanted = np.arange(n) if items is None else items
    for part in blocks(n, n):
        yield part, wanted[np.searchsorted(wanted, part.start) : np.searchsorted(wanted, part.stop)]


def spread(some: sparse.csr_matrix, at: NDArray[np.int64], part: slice) -> sparse.csr_matrix:
    """The rows ``part`` of a matrix of which only those ``at`` (ascending, within it) are not empty."""
    counts = np.zeros(part.stop - part.start, dtype=np.int64)
    counts[at - part.start] = np.diff(some.indptr)
    cells = (some.data, some.indices, np.r_[0, np.cumsum(counts)])
    return sparse.csr_matrix(cells, shape=(len(counts), some.shape[1]))


def unit_maximum(matrix: sparse.csr_matrix) -> sparse.csr_matrix:
    """Rows divided by their largest value, as `blend` does for one customer."""
    largest = matrix.max(axis=1).toarray().ravel() if matrix.shape[1] else np.zeros(matrix.shape[0])
    return sparse.csr_matrix(sparse.diags(1 / np.where(largest > 0, largest, 1.0)) @ matrix)


def strongest_per_row(matrix: sparse.csr_matrix, k: int) -> sparse.csr_matrix:
    """The ``k`` highest cells of each row (ties included)."""
    crowded = np.flatnonzero(np.diff(matrix.indptr) > k)
    for row in crowded:
        values = matrix.data[matrix.indptr[row] : matrix.indptr[row + 1]]
        values[values < np.partition(values, len(values) - k)[len(values) - k]] = 0
    if len(crowded):
        matrix.eliminate_zeros()
    return matrix


def low_rank(source: Source) -> bool:
    """Whether the source is kept as two factors until it is folded: a low-pass filter alone, truncated SVD, iALS."""
    if source.kind == GFCF.kind:
        return source.params.get("gram") == 0.0
    return issubclass(SOURCES.get(source.kind, ItemModel), LowRank)


def up_to(interactions: Interactions, now: int | None) -> Interactions:
    """Rows that are not later than ``now``: a clock that ran ahead must not become the end of the data."""
    return interactions if now is None else interactions.before(now + 1)


Progress = Callable[[float, str], None]


def no_progress(fraction: float, message: str) -> None:
    """The default: tell nobody."""
