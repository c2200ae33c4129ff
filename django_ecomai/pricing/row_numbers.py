"""Numbers of a proposal as its row holds them: risk, curves, market and history."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

import numpy as np

from .facts import Facts
from .models import PriceProposal
from .reading import Weeks

if TYPE_CHECKING:
    from numpy.typing import NDArray

#: Points of a curve.
POINTS = 21


def risk_of(row: PriceProposal) -> str:
    """High: a gain is less likely than 70 %, or nothing is known of the demand; medium: less likely than 90 %, the
    change is above 10 %, or the evidence is weak; else low."""
    risk = PriceProposal.Risk
    if row.gain_chance is None or row.gain_chance < 0.7:
        return risk.HIGH
    change = abs(row.change or 0.0)
    if row.gain_chance < 0.9 or change > 0.1 + 1e-9 or row.strength == PriceProposal.Strength.WEAK:
        return risk.MEDIUM
    return risk.LOW


def price_grid(
    today: NDArray[np.float64], price: NDArray[np.float64], low: NDArray[np.float64], high: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Prices [n, points] around what is allowed, today's and the proposal; NaN without a price."""
    with np.errstate(invalid="ignore"):
        least = np.fmin(np.fmin(today, price) * 0.9, np.where(np.isfinite(low), np.maximum(low, today * 0.5), today))
        most = np.fmax(np.fmax(today, price) * 1.1, np.where(np.isfinite(high), np.minimum(high, today * 1.5), today))
    part = np.linspace(0.0, 1.0, POINTS)
    return np.asarray(least[:, None] * (1 - part) + most[:, None] * part)


def market_json(facts: Facts) -> dict[str, Any]:
    """The offers of competitors as a row keeps them."""
    market = facts.market
    if market is None:
        return {}
    found = {
        "lowest": float(market.lowest), "median": float(market.median), "offers": market.offers,
        "position": market.position,
    }  # fmt: skip
    return {**found, "simulated": True} if market.simulated else found


def history_json(weeks: Weeks, row: int) -> dict[str, Any]:
    """Units and prices of the weeks read, for the sparkline."""
    price = [None if not np.isfinite(one) else round(float(one), 4) for one in weeks.price[row]]
    return {"units": rounded_list(weeks.units[row], 2), "prices": price}


def pair_of(values: NDArray[np.float64]) -> tuple[float, float]:
    """Today and the proposal."""
    return round(float(values[0]), 4), round(float(values[1]), 4)


def shares_of(days: NDArray[np.float64]) -> list[float]:
    """Which part of their sum each day has; empty where there is none."""
    whole = float(np.nan_to_num(days).sum())
    return rounded_list(np.nan_to_num(days) / whole, 5) if whole > 0 else []


def rounded_list(values: NDArray[np.float64], digits: int) -> list[float]:
    """For JSON."""
    return [round(float(one), digits) for one in values]


def money(value: Any) -> Decimal:
    """A price as the database keeps it."""
    return Decimal(str(round(float(value), 4)))


def rounded(value: Any) -> float | None:
    """For JSON; None where nothing is known."""
    return round(float(value), 4) if np.isfinite(value) else None


def number(value: Any) -> float | None:
    """For a column; NULL where nothing is known."""
    return round(float(value), 6) if np.isfinite(value) else None
