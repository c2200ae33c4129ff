"""Small shops whose elasticities are known."""

from __future__ import annotations

from typing import Any

import numpy as np

from django_ecomai.ml.pricing.guardrails import Limits
from django_ecomai.ml.pricing.optimise import Demand
from django_ecomai.ml.pricing.panel import PricePanel


def shop(slopes: list[float], *, periods: int = 40, rate: float = 200.0, seed: int = 0, **more: Any) -> PricePanel:
    """Products with these elasticities, Poisson demand and prices that move at random between four levels."""
    draw = np.random.default_rng(seed)
    n = len(slopes)
    price = draw.choice([8.0, 9.0, 10.0, 11.0], (n, periods))
    units = draw.poisson(rate * (price / 10) ** np.array(slopes)[:, None])
    values: dict[str, Any] = {"units": units.ravel(), "price": price.ravel(), **more}
    return PricePanel.build(product=np.repeat(np.arange(n), periods), period=np.tile(np.arange(periods), n), **values)


def limits(n: int = 1, **more: Any) -> Limits:
    """Products at 10.00 that cost 4.00 and may move by half."""
    return Limits.build(**{"price": np.full(n, 10.0), "cost": 4.0, "list_price": 10.0, **more})


def demand(n: int = 1, **more: Any) -> Demand:
    """Ten pieces a period for four periods."""
    return Demand.build(**{"path": np.full((n, 4), 10.0), "elasticity": -2.0, "sd": 0.0, "cost": 4.0, **more})
