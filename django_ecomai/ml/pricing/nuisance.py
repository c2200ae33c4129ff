"""What moves price and demand of a whole category at once, learned for each product from the other products."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .panel import PricePanel

Floats = NDArray[np.float64]
#: Rows by which the mean of a cell is drawn to the next wider one. Few: what is drawn away stays as confounding.
DRAWN = 0.5


def product_folds(category: NDArray[np.int64], folds: int, seed: int) -> NDArray[np.int64]:
    """A fold [n] for each product, so that the products of a category are spread evenly; the seed decides how."""
    n = len(category)
    order = np.random.default_rng(seed).permutation(n)
    order = order[np.argsort(category[order], kind="stable")]
    start = np.searchsorted(category[order], category[order])
    fold = np.empty(n, dtype=np.int64)
    fold[order] = (np.arange(n) - start + category[order]) % folds
    return fold


@dataclass(frozen=True, eq=False)
class CrossFit:
    """The cells of category x period x fold in which rows of a panel lie; ``build`` makes them.

    ``index`` says of every row what products of *other* folds did in its category and period: cross-fitting by products
    (Chernozhukov and others, 2018; by clusters: Chiang and others, 2022), so that no row explains itself.
    """

    cell: NDArray[np.int64]
    period: NDArray[np.int64]
    fold: NDArray[np.int64]
    folds: int
    n_cells: int
    n_periods: int

    @classmethod
    def build(cls, panel: PricePanel, *, folds: int = 10, seed: int = 0) -> CrossFit:
        """Cells of a panel; raises ``ValueError`` for fewer than two folds."""
        if folds < 2:
            raise ValueError("cross-fitting needs at least 2 folds")
        fold = product_folds(panel.category, folds, seed)[panel.product]
        _, period = np.unique(panel.period, return_inverse=True)
        n_periods = int(period.max()) + 1 if len(period) else 0
        cell = panel.category[panel.product] * n_periods + period
        n_categories = int(panel.category.max()) + 1 if panel.n_products else 0
        return cls(cell, period, fold, folds, n_categories * n_periods, n_periods)

    def index(self, values: Floats, weight: Floats) -> Floats:
        """Weighted mean [m] of values [m] over the cell without the own fold, drawn a little to the shop's mean of the
        period and that to 0; 0 where two halves of the products do not agree that there is anything."""
        shop = self._level(values, weight, self.period, self.n_periods)
        return shop + self._level(values - shop, weight, self.cell, self.n_cells)

    def _level(self, values: Floats, weight: Floats, cell: NDArray[np.int64], size: int) -> Floats:
        key = cell * self.folds + self.fold
        mass = np.bincount(key, weight, size * self.folds).reshape(size, self.folds)
        total = np.bincount(key, weight * values, size * self.folds).reshape(size, self.folds)
        one, two = mass[:, ::2].sum(axis=1), mass[:, 1::2].sum(axis=1)
        both = one * two
        product = total[:, ::2].sum(axis=1) * total[:, 1::2].sum(axis=1)  # mass x mass x mean x mean
        signal = product.sum() / both.sum() if both.sum() > 0 else 0.0
        if signal <= 0:
            return np.zeros(len(values))
        rest = mass.sum(axis=1, keepdims=True) - mass
        mean = (total.sum(axis=1, keepdims=True) - total) / (rest + DRAWN * weight.mean() + 1e-12)
        return np.asarray(mean.ravel()[key])
