"""The spread of demand drawn towards what products of the same mean show."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from .protection import ProtectionDemand

#: Fewer products than this say nothing about each other.
FEWEST = 30
_STEPS = 14


class PooledSpread:
    """Shrink the variance of each product's simulated demand to a power law of its mean.

    ``fit`` regresses log variance on log mean over the products (Taylor's law: Taylor, 1961); ``transform`` sets the
    variance of each product to ``own ** (1 - weight) * law ** weight`` by raising its paths to a power that keeps their
    mean, their order and their zeros. One bulk order in a product's past says little about its next; many products
    together say how likely such an order is. With fewer than 30 products nothing is changed. ``intercept_`` and
    ``slope_`` (NaN: not learned) are two numbers that may be kept, so that one product gets what it gets among all.
    """

    def __init__(self, weight: float = 0.5) -> None:
        self.weight = weight

    @classmethod
    def known(
        cls, intercept: float = float("nan"), slope: float = float("nan"), *, weight: float = 0.5
    ) -> PooledSpread:
        """As learned before; without numbers it changes nothing."""
        made = cls(weight)
        made.intercept_, made.slope_ = float(intercept), float(slope)
        return made

    def fit(self, demand: ProtectionDemand) -> PooledSpread:
        """Learn the law from n products; raises ``ValueError`` for a weight outside 0 .. 1."""
        if not 0 <= self.weight <= 1:
            raise ValueError("weight must be between 0 and 1")
        mean, variance = _moments(demand.total)
        known = (mean > 0) & (variance > 0)
        self.intercept_ = self.slope_ = float("nan")
        if known.sum() >= FEWEST:
            x, y = np.log(mean[known]), np.log(variance[known])
            apart = ((x - x.mean()) ** 2).sum()
            self.slope_ = float(((x - x.mean()) * (y - y.mean())).sum() / apart) if apart > 0 else 0.0
            self.intercept_ = float(y.mean() - self.slope_ * x.mean())
        return self

    def transform(self, demand: ProtectionDemand) -> ProtectionDemand:
        """The same paths with another spread; ``lead`` and ``slipped`` move along, stock-out days stay."""
        if not np.isfinite(self.intercept_) or not self.weight:
            return demand
        total, lead = np.empty_like(demand.total), np.empty_like(demand.lead)
        slipped = None if demand.slipped is None else np.empty_like(demand.slipped)
        for start in range(0, len(total), 4096):
            rows = slice(start, start + 4096)
            total[rows], factor = self._stretched(demand.total[rows])
            lead[rows] = demand.lead[rows] * factor
            if slipped is not None and demand.slipped is not None:
                slipped[rows] = demand.slipped[rows] * factor
        return replace(demand, total=total, lead=lead, slipped=slipped)

    def fit_transform(self, demand: ProtectionDemand) -> ProtectionDemand:
        """``fit`` and ``transform`` in one."""
        return self.fit(demand).transform(demand)

    def _stretched(self, total: NDArray[np.float32]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """The paths with their new spread, and what each was multiplied by."""
        mean, variance = _moments(total)
        known = (mean > 0) & (variance > 0)
        safe = np.where(known, mean, 1.0)
        own = np.log(np.where(known, variance, 1.0))
        law = self.intercept_ + self.slope_ * np.log(safe)
        wanted = np.exp((1 - self.weight) * own + self.weight * law) / safe**2
        share = total / np.maximum(total.max(axis=1, keepdims=True), 1e-9)
        low, high = np.full(len(total), 0.2), np.full(len(total), 2.5)
        for _ in range(_STEPS):
            power = (low + high) / 2
            tried, spread = _moments(share ** power[:, None].astype(np.float32))
            wide = spread > wanted * np.maximum(tried, 1e-12) ** 2
            low, high = np.where(wide, low, power), np.where(wide, power, high)
        made = (share ** ((low + high) / 2)[:, None]).astype(np.float64)
        made *= (mean / np.maximum(made.mean(axis=1), 1e-12))[:, None]
        made = np.where(known[:, None], made, total)
        factor = np.divide(made, total, out=np.ones_like(made), where=total > 0)
        return np.asarray(made, dtype=np.float64), np.asarray(factor, dtype=np.float64)


def _moments(paths: NDArray[np.floating]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    return paths.mean(axis=1, dtype=np.float64), paths.var(axis=1, dtype=np.float64)
