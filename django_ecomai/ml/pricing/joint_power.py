"""What a price test of several products together can tell by its planned end, worked out before it begins."""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil, inf, sqrt

import numpy as np
from numpy.typing import NDArray

from .elasticity import Z95
from .paired import t975
from .price_test import told_per_period

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class TwoPrices:
    """n products at two prices in turn: ``low`` and ``high`` [n] as parts of today's price; ``left_low`` and
    ``left_high`` [n] what a piece leaves at each, in money; ``rate`` [n] pieces per period today, whose variance is
    ``dispersion * (mean + alpha * mean2)``, and ``rho`` [n] how alike what lasts of it is in neighbouring periods;
    ``elasticity`` and ``sd`` [n] what is known of their demand; products of one ``unit`` [n] have the same price at
    the same time."""

    low: Floats
    high: Floats
    left_low: Floats
    left_high: Floats
    rate: Floats
    dispersion: Floats
    alpha: Floats
    rho: Floats
    elasticity: Floats
    sd: Floats
    unit: NDArray[np.int64]


@dataclass(frozen=True)
class JointPower:
    """Money per period: what is known today of the profit at the higher prices less that at the lower ones, ``low`` to
    ``high`` (95 %); from ``least`` on a difference is told by half of the tests or more, infinite where the test is too
    short. ``narrowed``: by which part of it what is known of demand becomes more exact. ``least_periods``: how many it
    takes for a verdict with ``wanted_df`` degrees of freedom."""

    low: float
    high: float
    least: float
    narrowed: float
    least_periods: int

    @property
    def tells(self) -> bool:
        """Whether a difference as large as what is known allows would be told."""
        return self.least <= max(abs(self.low), abs(self.high))


def joint_power(tested: TwoPrices, *, periods: int, wanted_df: float) -> JointPower:
    """Power of a test of ``periods`` (even) periods, half of them at each price.

    What is known of each demand is taken to err to the same side for all products, as what they learned from their
    category and the shop does: so many products that sell rarely can tell together what none of them tells alone. Of
    one product ``narrowed`` is what ``price_test.width_after`` says. ``least`` is the half width of
    ``paired.paired_difference`` in the mean.
    """
    step = np.log(tested.high / tested.low) / 2
    told = told_per_period(tested.rate, tested.dispersion, tested.alpha, tested.rho) * (tested.sd * step) ** 2
    low, high = (_difference(tested, tested.elasticity + side * Z95 * tested.sd) for side in (-1, 1))
    each = np.bincount(tested.unit, _pair_variance(tested))
    total = float(each.sum())
    # as many units as if all were alike
    units = total**2 / float((each**2).sum()) if total else 1.0
    pairs = periods // 2
    df = (pairs - 1) * units
    return JointPower(
        low=low,
        high=high,
        least=t975(df) * sqrt(total / pairs) if df >= max(wanted_df, 1) - 1e-9 else inf,
        narrowed=1 - 1 / sqrt(1 + periods * float(told.sum())),
        least_periods=2 * max(ceil(1 + wanted_df / units - 1e-9), 2),
    )


def _difference(tested: TwoPrices, elasticity: Floats) -> float:
    """Profit per period at the higher prices less that at the lower ones."""
    high = tested.rate * tested.high**elasticity * tested.left_high
    return float((high - tested.rate * tested.low**elasticity * tested.left_low).sum())


def _pair_variance(tested: TwoPrices) -> Floats:
    """Of the difference of profit in a pair of neighbouring periods, by product. What lasts from one period to the
    next, a part of ``alpha``, cancels as far as it does."""
    low, high = (
        (left, tested.rate * price**tested.elasticity)
        for price, left in ((tested.low, tested.left_low), (tested.high, tested.left_high))
    )
    alone = sum(left**2 * mean * (1 + tested.alpha * mean) for left, mean in (low, high))
    shared = 2 * tested.rho * tested.alpha * low[0] * low[1] * high[0] * high[1]
    return np.asarray(tested.dispersion * (alone - shared))
