"""What alternating two prices says: the difference of each two weeks, its sum over products, and an interval.

Of each two neighbouring weeks one has the higher price, drawn by a coin (a pairwise randomised experiment; Imbens and
Rubin, 2015, chapter 10). The drawn signs make the differences of different pairs and products uncorrelated, however
much weeks err alike, and a season that moves both weeks of a pair falls out. So the interval is Student's over the
pairs of a product (1908); over several products the variances add up, with Satterthwaite's degrees of freedom (1946).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import floor, nan, sqrt

import numpy as np
from numpy.typing import ArrayLike

#: Student's t at 0.975 for 1 to 30 degrees of freedom.
T975 = (
    12.7062, 4.3027, 3.1824, 2.7764, 2.5706, 2.4469, 2.3646, 2.3060, 2.2622, 2.2281, 2.2010, 2.1788, 2.1604, 2.1448,
    2.1314, 2.1199, 2.1098, 2.1009, 2.0930, 2.0860, 2.0796, 2.0739, 2.0687, 2.0639, 2.0595, 2.0555, 2.0518, 2.0484,
    2.0452, 2.0423,
)  # fmt: skip


@dataclass(frozen=True)
class PairedDifference:
    """``mean`` per pair, summed over ``units``, with its 95 % interval ``low`` to ``high``, its standard error ``sd``
    and degrees of freedom ``df``; NaN, and ``df`` 0, where no unit has two pairs. ``pairs`` counts those it rests on,
    ``units`` the units."""

    mean: float
    low: float
    high: float
    sd: float
    df: float
    pairs: int
    units: int


def paired_difference(differences: Sequence[ArrayLike], least_variance: ArrayLike | None = None) -> PairedDifference:
    """The sum over units (products, or families that move together) of their mean difference per pair.

    ``differences``: per unit its pairs [n_i], higher less lower price, in any additive measure (money per week).
    ``least_variance`` [units]: what chance alone makes of one difference (Poisson), below which no variance of a few
    pairs is believed. Units with fewer than two pairs are left out. Raises ``ValueError`` for what is not finite.
    """
    mean = variance = spread = 0.0
    pairs = units = 0
    least = np.zeros(len(differences)) if least_variance is None else np.asarray(least_variance, dtype=np.float64)
    for each, chance in zip(differences, least, strict=True):
        values = np.asarray(each, dtype=np.float64)
        if not np.isfinite(values).all():
            raise ValueError("differences must be finite")
        if len(values) < 2:
            continue
        part = max(float(values.var(ddof=1)), float(chance)) / len(values)
        mean += float(values.mean())
        variance += part
        spread += part**2 / (len(values) - 1)
        pairs += len(values)
        units += 1
    if not units:
        return PairedDifference(nan, nan, nan, nan, 0.0, 0, 0)
    # Without any variance (nothing was ever sold) all degrees of freedom are there.
    df = variance**2 / spread if spread > 0 else float(pairs - units)
    half = t975(df) * sqrt(variance)
    return PairedDifference(mean, mean - half, mean + half, sqrt(variance), df, pairs, units)


def t975(df: float) -> float:
    """Student's t at 0.975; parts of a degree do not count. Above 30 by Fisher's expansion around the normal, which is
    right to four digits there. SciPy is not asked: pages show this."""
    if df < 1:
        raise ValueError("df must be 1 or more")
    whole = floor(df + 1e-9)
    if whole <= len(T975):
        return T975[whole - 1]
    return 1.959964 + 2.372271 / whole + 2.822498 / whole**2
