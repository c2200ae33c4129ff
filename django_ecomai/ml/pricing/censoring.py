"""What was probably asked for in a period that ended with an empty shelf."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def expected_demand(least: Floats, mean: Floats, alpha: Floats) -> tuple[Floats, Floats]:
    """``E[D | D >= least]`` [r], and the share [r] of an uncensored period's information about the mean that is left.

    D is negative binomial with that mean and variance ``mean + alpha * mean2``: the expectation step for censored
    demand (Nahmias, 1994; Louis, 1982, for the information).
    """
    from scipy.stats import nbinom

    size = 1 / np.maximum(alpha, 1e-3)
    chance = size / (size + mean)
    least = np.ceil(least - 1e-9)
    tail = nbinom.sf(least - 1, size, chance).clip(min=1e-12)
    first = mean * nbinom.sf(least - 2, size + 1, chance) / tail
    second = mean**2 * (1 + 1 / size) * nbinom.sf(least - 3, size + 2, chance) / tail
    # far in the tail the ratios lose their digits: there the demand is hardly more than what was sold
    first = np.clip(np.maximum(first, least), least, least + mean + 3 * np.sqrt(mean * (1 + alpha * mean)))
    variance = np.maximum(second + first - first**2, 0.0)
    left = 1 - variance / (mean * (1 + alpha * mean))
    return first, left.clip(0.05, 1.0)
