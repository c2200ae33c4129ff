"""What a product would bring at several prices, with the doubt about its elasticity."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .elasticity import Z95
from .optimise import Demand, posterior_nodes

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Curves:
    """``prices`` [n, g]; expected ``units``, ``revenue`` and ``profit`` [n, g] until the path ends; ``profit_low`` and
    ``profit_high`` [n, g] at the ends of the 95 % interval of the elasticity. NaN without an elasticity."""

    prices: Floats
    units: Floats
    revenue: Floats
    profit: Floats
    profit_low: Floats
    profit_high: Floats


def curves(demand: Demand, price: Floats, prices: Floats) -> Curves:
    """Outcomes at ``prices`` [n, g] of products that cost ``price`` [n] today. Raises ``ValueError`` for shapes that do
    not fit."""
    if prices.ndim != 2 or len(prices) != len(demand.path) or price.shape != (len(prices),):
        raise ValueError(f"prices must be [{len(demand.path)}, points], price [{len(demand.path)}]")
    nodes, weights = posterior_nodes()
    spread = np.r_[nodes, -Z95, Z95]
    # as in the search: nobody buys more because it costs more
    slope = np.minimum(demand.elasticity[:, None] + demand.sd[:, None] * spread, 0.0)
    with np.errstate(divide="ignore", invalid="ignore"):
        log = np.log(prices / price[:, None])
        sold = demand.sold(np.exp(slope[:, None, :] * log[:, :, None]))
    units = sold[:, :, :-2] @ weights
    earned = prices - np.nan_to_num(demand.left_value)[:, None]
    ends = earned[:, :, None] * sold[:, :, -2:]
    return Curves(prices, units, prices * units, earned * units, ends.min(axis=2), ends.max(axis=2))
