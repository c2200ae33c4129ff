"""Small assortments as arrays."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from django_ecomai.ml.inventory.protection import ProtectionDemand, Sales, protection_demand
from django_ecomai.ml.inventory.suggest import StockPosition


def history(rates: list[float], days: int = 200, seed: int = 0) -> NDArray[np.float64]:
    """Poisson demand [n, days]."""
    return np.random.default_rng(seed).poisson(np.array(rates)[:, None], (len(rates), days)).astype(float)


def paths(rates: list[float], *, lead: float = 10, review: float = 7, size: int = 300, **more: Any) -> ProtectionDemand:
    """Demand whose forecast is the true rate."""
    told = {name: more.pop(name) for name in ("censored", "level_spread", "block_days", "seed") if name in more}
    return protection_demand(
        Sales(np.repeat(np.array(rates)[:, None], 60, axis=1), more.pop("history", history(rates)), **told),
        lead_time_samples=np.full((len(rates), size), lead),
        review_days=review,
        **more,
    )


def stock(rates: list[float], on_hand: Any, **more: Any) -> StockPosition:
    """Products of 2.00 that sell for 5.00."""
    values: dict[str, Any] = {"unit_cost": 2.0, "unit_price": 5.0, "days_since_sale": 0.0, "fill_target": 0.95}
    return StockPosition.build(
        **{**values, "on_hand": np.broadcast_to(on_hand, len(rates)), "demand_daily": rates, **more}
    )
