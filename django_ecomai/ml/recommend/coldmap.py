"""Cold items: from what a product is to where it stands among those that people meet. Needs scipy."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy import linalg, sparse

from ..frames import Interactions
from ..threads import one_blas_thread
from .cosine import damp
from .features import latent
from .fold import strongest_per_row
from .matrix import blocks, decayed_matrix, table_from_blocks, table_to_csr
from .neighbours import NeighbourTable, strongest

Places = tuple[NDArray[np.float64], NDArray[np.float64]]

#: Customers at which half of a product's own factors is believed.
TRUST = 10.0
#: An item with fewer customers is cold; with one or two, its own neighbours count for so much less.
COLD = 3.0
#: Known products that speak for a cold one, and cold candidates that may join a row.
LIKE, SLOTS = 20, 20
#: What the ridge counts beside them; both ranks; and up to how many items its dense algebra pays.
RIDGE_SHARE, RANK, CONTENT_RANK, MOST_RIDGE_ITEMS, RIDGE_KEPT = 0.3, 128, 256, 10_000, 200
#: Known items on which the prediction is calibrated.
CALIBRATED = 1000
#: Predicted scores are averages, smoother than those they compete with: at their expected value none is ever shown. On
#: two real shops with products hidden at random three times that value raised the recall of all products together.
BOLD = 3.0
#: Days after which half of that boldness is gone: what nobody has wanted for long is cold because nobody wants it.
FRESH_DAYS = 15.0


def collaborative_factors(
    interactions: Interactions, rank: int, *, half_life_days: float | None = None
) -> NDArray[np.float64]:
    """Item factors [n, at most rank] of the damped matrix ``Du^-.5 X Di^-.5`` (truncated SVD): the dot product
    of two rows approximates the items' damped cosine.
    """
    return latent(sparse.csr_matrix(damp(decayed_matrix(interactions, half_life_days), 0.5, 0.5).T), rank)


class ColdMap:
    """Ridge regression from content to collaborative factors: where products like this one usually stand.

    ``fit(places, factors, customers)``: ``places`` [n, d] content, ``factors`` [n, k]; rows count
    ``customers / (customers + TRUST)``, so that those nobody met teach nothing. The strength of the ridge is chosen
    from ``strengths`` by leave-one-out error, in closed form (PRESS).
    ``coefficients_`` [d + 1, k], ``strength_``.
    Source: Gantner et al., "Learning attribute-to-feature mappings for cold-start recommendations", ICDM 2010 (linear
    mapping, least squares).
    """

    coefficients_: NDArray[np.float64]
    strength_: float

    def __init__(self, strengths: tuple[float, ...] = (0.1, 1.0, 10.0, 100.0)) -> None:
        self.strengths = strengths

    def fit(
        self, places: NDArray[np.float64], factors: NDArray[np.float64], customers: NDArray[np.floating]
    ) -> ColdMap:
        known = customers > 0
        weight = np.sqrt(customers[known] / (customers[known] + TRUST))[:, None]
        inputs = _with_constant(places)[known] * weight
        targets = factors[known] * weight
        width = inputs.shape[1]
        self.strength_, self.coefficients_ = self.strengths[-1], np.zeros((width, factors.shape[1]))
        if not len(inputs) or not factors.shape[1]:
            return self
        with one_blas_thread():
            gram, cross = inputs.T @ inputs, inputs.T @ targets
            scale = float(np.trace(gram)) / width
            best = np.inf
            for strength in self.strengths:
                factor = linalg.cho_factor(gram + strength * scale * 0.01 * np.eye(width))
                found = linalg.cho_solve(factor, cross)
                leverage = np.einsum("ij,ji->i", inputs, linalg.cho_solve(factor, inputs.T))
                error = float((((targets - inputs @ found) / np.maximum(1 - leverage, 1e-9)[:, None]) ** 2).sum())
                if error < best:
                    best, self.strength_, self.coefficients_ = error, strength, found
        return self

    def predict(self, places: NDArray[np.float64]) -> NDArray[np.float64]:
        """Collaborative factors [n, k] of products by their content."""
        return np.asarray(_with_constant(places) @ self.coefficients_)


def _with_constant(places: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.column_stack([places, np.ones(len(places))])


def with_cold(
    table: NeighbourTable,
    content: NeighbourTable,
    features: sparse.csr_matrix,
    interactions: Interactions,
    *,
    active: NDArray[np.bool_],
    popularity: NDArray[np.floating],
    ages: NDArray[np.floating] | None = None,
    random_state: int = 0,
    ridge: Callable[[], Places] | None = None,
) -> NeighbourTable:
    """``table`` with cold items (fewer than `COLD` customers) placed in it, as candidates and as history.

    Where a cold item stands is predicted from the `LIKE` products most like it in ``content`` that people know: the
    mean of their rows and columns, weighted by likeness, those products themselves counting as the strongest neighbour
    would (k-nearest-neighbour mapping), plus `RIDGE_SHARE` of what `ColdMap` says, up to `MOST_RIDGE_ITEMS` items.
    Predicted scores are shrunk by how well the same prediction fits items that are known (each known item is predicted
    as if it were cold), then raised by `BOLD`, which fades with the ``ages`` of the items (days, NaN: unknown, and then
    new; see `freshness`). At most `SLOTS` cold candidates join a row.
    ``ridge`` gives what `places` makes, where several tables share it.
    Source: Gantner et al., ICDM 2010 (both mappings).
    """
    n = table.n_items
    share = np.clip(1 - popularity / COLD, 0.0, 1.0)
    cold = np.flatnonzero((share > 0) & active)
    warm = popularity >= COLD
    known = table_to_csr(table)
    if not len(cold) or not warm.any() or not known.nnz or not content.indices.shape[1]:
        return table
    like = nearest_known(content, warm)
    strongest_score = float(known.data.max(initial=0.0))
    around = sparse.csr_matrix(known + strongest_score * sparse.identity(n))
    chosen = np.flatnonzero(warm)
    chosen = np.sort(np.random.default_rng(random_state).permutation(chosen)[:CALIBRATED])
    found = None
    if n <= MOST_RIDGE_ITEMS:
        found = places(features, interactions, popularity) if ridge is None else ridge()
    columns, scale = _columns(around, like, found, cold, chosen, known)
    rows = sparse.csr_matrix(scale * (like[cold] @ around))
    share = share * freshness(np.full(n, np.nan) if ages is None else ages)
    columns = sparse.csr_matrix(columns @ sparse.diags(share[cold]))
    rows = sparse.csr_matrix(sparse.diags(share[cold]) @ rows)
    placed = sparse.csr_matrix((np.ones(len(cold)), (np.arange(len(cold)), cold)), shape=(len(cold), n))
    own = strongest_per_row(sparse.csr_matrix(columns @ placed), SLOTS)
    total = sparse.csr_matrix(known + own + placed.T @ rows)
    total.data *= active[total.indices]
    parts = ((part.start, total[part]) for part in blocks(n, n))
    return table_from_blocks(parts, n, table.indices.shape[1] + SLOTS, popularity)


def freshness(ages: NDArray[np.floating]) -> NDArray[np.float64]:
    """What is left of `BOLD` at each age in days [n]: all when new or of unknown age, in the end its expected value."""
    days = np.nan_to_num(np.asarray(ages, dtype=np.float64), nan=0.0)
    return np.maximum(0.5 ** np.minimum(np.maximum(days, 0.0) / FRESH_DAYS, 500.0), 1 / BOLD)


def nearest_known(content: NeighbourTable, warm: NDArray[np.bool_]) -> sparse.csr_matrix:
    """Items x items: the `LIKE` known products most like each, as weights that add up to one."""
    matrix = table_to_csr(content)
    matrix.data *= warm[matrix.indices]
    matrix.eliminate_zeros()
    for row in np.flatnonzero(np.diff(matrix.indptr) > LIKE):
        values = matrix.data[matrix.indptr[row] : matrix.indptr[row + 1]]
        drop = np.ones(len(values), dtype=bool)
        drop[strongest(values, LIKE)] = False
        values[drop] = 0
    matrix.eliminate_zeros()
    total = np.asarray(matrix.sum(axis=1)).ravel()
    return sparse.csr_matrix(sparse.diags(1 / np.where(total > 0, total, 1.0)) @ matrix)


def places(
    features: sparse.csr_matrix,
    interactions: Interactions,
    popularity: NDArray[np.floating],
) -> Places:
    """Collaborative factors of all items as people placed them, and as their content does: float64 [n, k] each."""
    content = latent(features, CONTENT_RANK)
    factors = collaborative_factors(interactions, RANK)
    return factors, ColdMap().fit(content, factors, popularity).predict(content)


def _columns(
    around: sparse.csr_matrix,
    like: sparse.csr_matrix,
    ridge: tuple[NDArray[np.float64], NDArray[np.float64]] | None,
    cold: NDArray[np.int64],
    sample: NDArray[np.int64],
    known: sparse.csr_matrix,
) -> tuple[sparse.csr_matrix, float]:
    """Predicted scores [n, cold] and the scale that fits the prediction of ``sample`` to their ``known`` scores."""
    mixed = 0.0
    if ridge is not None:
        theirs = around @ like[sample].T
        mean = float(theirs.data.mean()) if theirs.nnz else 0.0
        mixed = RIDGE_SHARE * mean / max(float(np.abs(_strong(ridge, sample).data).mean()), 1e-12)

    def predicted(items: NDArray[np.int64]) -> sparse.csr_matrix:
        near = sparse.csr_matrix(around @ like[items].T)
        return near if ridge is None or not mixed else sparse.csr_matrix(near + mixed * _strong(ridge, items))

    test = predicted(sample)
    square = float((test.data**2).sum())
    scale = float(test.multiply(known[:, sample]).sum()) / square if square else 0.0
    scale *= BOLD
    return sparse.csr_matrix(scale * predicted(cold)), scale


def _strong(ridge: tuple[NDArray[np.float64], NDArray[np.float64]], items: NDArray[np.int64]) -> sparse.csr_matrix:
    """The `RIDGE_KEPT` highest products of factors in each column: [n, items]."""
    factors, predicted = ridge
    parts = [sparse.csr_matrix((0, len(factors)))]
    kept = min(RIDGE_KEPT, len(factors))
    with one_blas_thread():
        for rows in blocks(len(items), len(factors)):
            dense = predicted[items[rows]] @ factors.T
            limit = np.partition(dense, len(factors) - kept, axis=1)[:, len(factors) - kept, None]
            parts.append(sparse.csr_matrix(np.where((dense >= limit) & (dense > 0), dense, 0.0)))
    return sparse.csr_matrix(sparse.vstack(parts).T)
