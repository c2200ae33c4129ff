"""Lead times learned from receipts, shrunk to the supplier and to what was promised when there are few."""

from __future__ import annotations

from statistics import NormalDist

import numpy as np
from numpy.typing import ArrayLike, NDArray

#: Normal quantiles at 1/512, 3/512 ..: enough for a prior that nobody knows to the day.
_Z = np.array([NormalDist().inv_cdf((k + 0.5) / 256) for k in range(256)])


class LeadTimes:
    """Distribution of the days from order to receipt, one per product.

    A draw comes from the product's own receipts with the weight ``m / (m + concentration)`` for m receipts, else from
    its supplier's receipts by the same rule, else from the prior: a lognormal around the promised lead time (else the
    supplier's usual one, else ``default_days``) with coefficient of variation ``prior_spread``. That is the predictive
    distribution of a hierarchical Dirichlet process with known base (Teh et al., 2006). Receipts that are negative or
    missing are left out (``dropped_`` counts them); a promise that is not positive counts as none.
    """

    def __init__(
        self, concentration: float = 5.0, prior_spread: float = 0.3, default_days: float = 14.0, recent: int = 50
    ) -> None:
        self.concentration = concentration
        self.prior_spread = prior_spread
        self.default_days = default_days
        self.recent = recent

    def fit(
        self,
        days: ArrayLike,
        products: ArrayLike,
        *,
        suppliers: ArrayLike,
        promised_days: ArrayLike,
        supplier_days: ArrayLike | None = None,
        supplier_spread: ArrayLike | None = None,
        receipt_suppliers: ArrayLike | None = None,
    ) -> LeadTimes:
        """Learn from receipts ``days`` [m] of ``products`` [m] (numbers below n), from old to new.

        ``receipt_suppliers`` [m] says who delivered each (-1: nobody knows; default: the product's supplier). What
        another than the product's supplier delivered teaches that other one only, what an unknown one did teaches the
        product only; a receipt of a product that is not among the n has the number -1 and teaches its supplier.
        ``suppliers`` [n] is each product's supplier as a number (-1: none), ``promised_days`` [n] may be NaN,
        ``supplier_days`` and ``supplier_spread`` [k] are stated beliefs about each supplier (NaN: none), the spread as
        a coefficient of variation. Only the last ``recent`` receipts of a product and ten times as many of a supplier
        speak. Raises ``ValueError`` for numbers out of range.
        """
        of, promised = np.asarray(suppliers, dtype=np.int64), _positive_or_nan(promised_days)
        took, item = np.asarray(days, dtype=np.float64), np.asarray(products, dtype=np.int64)
        n, k = len(of), int(of.max(initial=-1)) + 1
        if len(promised) != n or len(took) != len(item):
            raise ValueError("suppliers and promised_days must be [n], days and products [m]")
        least = 0 if receipt_suppliers is None else -1
        if len(item) and (item.min() < least or item.max() >= n):
            raise ValueError("products must be numbers from 0 to n - 1")
        by = np.r_[of, -1][item] if receipt_suppliers is None else np.asarray(receipt_suppliers, dtype=np.int64)
        if len(by) != len(item):
            raise ValueError("receipt_suppliers must be [m]")
        k = max(k, int(by.max(initial=-1)) + 1)
        if self.concentration <= 0 or self.prior_spread < 0 or self.default_days <= 0:
            raise ValueError("concentration and default_days must be positive, prior_spread not negative")
        beliefs = _belief(supplier_days, k), _belief(supplier_spread, k, zero=True)
        good = np.isfinite(took) & (took >= 0)
        self.dropped_ = int((~good).sum())
        took, item, by = took[good], item[good], by[good]
        self.n_ = n
        self.supplier_ = of
        own = (item >= 0) & ((by == np.r_[of, -1][item]) | (by < 0))
        self._own = _Grouped(item[own], took[own], n, self.recent)
        self._supplier = _Grouped(by[by >= 0], took[by >= 0], k, 10 * self.recent)
        usual = np.r_[beliefs[0], np.nan][of]
        spread = np.r_[beliefs[1], np.nan][of]
        self.prior_mean_ = np.where(
            np.isfinite(promised), promised, np.where(np.isfinite(usual), usual, self.default_days)
        )
        self.prior_spread_ = np.where(np.isfinite(spread), spread, self.prior_spread)
        self.receipts_ = self._own.count
        return self

    def sample(
        self, size: int, *, seed: int = 0, rows: ArrayLike | None = None, keys: ArrayLike | None = None
    ) -> NDArray[np.float32]:
        """Draws [n, size] in days (of ``rows`` only when given); the same seed gives a product the same luck.

        With ``keys`` [n] (whole numbers from 0 on) the luck belongs to the key and not to the place among the n.
        Two fits with the same receipts and another promise differ only where the prior speaks.
        """
        at = np.arange(self.n_) if rows is None else np.asarray(rows, dtype=np.int64)
        if keys is None:
            random = np.random.default_rng(seed)
            # Luck is drawn for every product, so that a part of them sees what it sees in the whole.
            which, where, normal = (random.random((self.n_, size), dtype=np.float32)[at] for _ in range(3))
        else:
            named = np.asarray(keys, dtype=np.int64)[at]
            luck = np.empty((3, len(named), size), dtype=np.float32)
            for row, key in enumerate(named.tolist()):
                luck[:, row] = np.random.default_rng([seed, key]).random((3, size), dtype=np.float32)
            which, where, normal = luck
        own, of = self._own.count[at], self.supplier_[at]
        theirs = np.r_[self._supplier.count, 0][of]
        own_weight = (own / (own + self.concentration))[:, None]
        their_weight = own_weight + (1 - own_weight) * (theirs / (theirs + self.concentration))[:, None]
        sigma = np.sqrt(np.log1p(self.prior_spread_[at] ** 2))[:, None]
        z = _Z[np.minimum((normal * len(_Z)).astype(np.int64), len(_Z) - 1)]
        drawn = self.prior_mean_[at][:, None] * np.exp(sigma * z - sigma**2 / 2)
        drawn = np.where(which < their_weight, self._supplier.draw(of, where, drawn), drawn)
        return np.where(which < own_weight, self._own.draw(at, where, drawn), drawn).astype(np.float32)

    def quantile(self, q: float, *, size: int = 512) -> NDArray[np.float64]:
        """The ``q``-quantile of every product's days [n], from ``size`` draws."""
        if not 0 <= q <= 1:
            raise ValueError("q must be between 0 and 1")
        return np.quantile(self.sample(size), q, axis=1).astype(np.float64)

    def mean(self) -> NDArray[np.float64]:
        """Expected days of every product [n], exact."""
        theirs = np.r_[self._supplier.count, 0][self.supplier_]
        weight = theirs / (theirs + self.concentration)
        base = weight * np.r_[self._supplier.mean, 0.0][self.supplier_] + (1 - weight) * self.prior_mean_
        own = self._own.count / (self._own.count + self.concentration)
        return np.asarray(own * self._own.mean + (1 - own) * base)


class _Grouped:
    """The last ``most`` values of each group, side by side."""

    def __init__(self, groups: NDArray[np.int64], values: NDArray[np.float64], n: int, most: int) -> None:
        order = np.argsort(groups, kind="stable")
        groups, values = groups[order], values[order]
        ends = np.searchsorted(groups, groups, side="right")
        kept = ends - np.arange(len(groups)) <= most
        groups, self.values = groups[kept], values[kept]
        self.count = np.bincount(groups, minlength=n).astype(np.int64)
        self.starts = np.cumsum(self.count) - self.count
        sums = np.bincount(groups, weights=self.values, minlength=n)
        self.mean = sums / np.maximum(self.count, 1)

    def draw(
        self, groups: NDArray[np.int64], uniform: NDArray[np.float32], other: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        """A value of each row's group [rows, size]; ``other`` where it has none (or is -1)."""
        if not len(self.values):
            return other
        count, start = np.r_[self.count, 0][groups][:, None], np.r_[self.starts, 0][groups][:, None]
        at = start + np.minimum((uniform * count).astype(np.int64), np.maximum(count - 1, 0))
        return np.where(count > 0, self.values[np.minimum(at, len(self.values) - 1)], other)


def _positive_or_nan(values: ArrayLike) -> NDArray[np.float64]:
    found = np.asarray(values, dtype=np.float64)
    return np.where(np.isfinite(found) & (found > 0), found, np.nan)


def _belief(values: ArrayLike | None, k: int, *, zero: bool = False) -> NDArray[np.float64]:
    if values is None:
        return np.full(k, np.nan)
    found = np.asarray(values, dtype=np.float64)
    if len(found) < k:
        raise ValueError(f"beliefs about suppliers must be [{k}]")
    return np.where(np.isfinite(found) & ((found >= 0) if zero else (found > 0)), found, np.nan)
