"""Numbers of a proposal as its row holds them: risk, curve and market."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

import numpy as np

from .held import CEILINGS
from .models import PriceProposal

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from django_ecomai.ml.pricing.curves import Curves
    from django_ecomai.ml.pricing.optimise import Demand

    from .facts import Facts

#: Points of a curve.
POINTS = 21


def risk_of(row: PriceProposal) -> str:
    """High: a gain is less likely than 70 %, or nothing is known of the demand; medium: less likely than 90 %, the
    change is above 10 %, the evidence is weak, or the gain rests on the forecast alone (`rests_on_forecast`); else low.
    """
    risk = PriceProposal.Risk
    if row.gain_chance is None or row.gain_chance < 0.7:
        return risk.HIGH
    change = abs(row.change or 0.0)
    if row.gain_chance < 0.9 or change > 0.1 + 1e-9 or row.strength == PriceProposal.Strength.WEAK:
        return risk.MEDIUM
    if rests_on_forecast(row):
        return risk.MEDIUM
    return risk.LOW


def rests_on_forecast(row: PriceProposal) -> bool:
    """Whether the gain has no range, as the stock sells out at either price: then the elasticity does not matter, and
    all the doubt there is, that of the forecast, is not in the range. Where nothing is sold there is no gain."""
    low, high = row.gain_low, row.gain_high
    return bool(row.gain) and low is not None and high is not None and high - low < 0.005


def grid_ends(
    today: NDArray[np.float64], price: NDArray[np.float64], low: NDArray[np.float64], high: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The first and the last price [n] of a curve: around what is allowed, today's and the proposal; NaN without a
    price."""
    with np.errstate(invalid="ignore"):
        least = np.fmin(np.fmin(today, price) * 0.9, np.where(np.isfinite(low), np.maximum(low, today * 0.5), today))
        most = np.fmax(np.fmax(today, price) * 1.1, np.where(np.isfinite(high), np.minimum(high, today * 1.5), today))
    return np.asarray(least), np.asarray(most)


def curve_stored(demand: Demand, row: int, least: float, most: float) -> dict[str, Any]:
    """What the curve of a product is made of, to the last digit; `curve_of` makes it."""
    stock, left = float(demand.stock[row]), float(demand.left_value[row])
    made: dict[str, Any] = {
        "low": least, "high": most, "path": float(demand.path[row].sum()),
        "stock": stock if np.isfinite(stock) else None, "left": left if np.isfinite(left) else None,
        "elasticity": float(demand.elasticity[row]), "sd": float(demand.sd[row]),
    }  # fmt: skip
    if demand.arriving is not None and demand.after is not None:
        coming = zip(demand.arriving[row].tolist(), demand.after[row].tolist(), strict=True)
        if arrivals := [[pieces, after] for pieces, after in coming if pieces]:
            made["arrivals"] = arrivals
    return made


def curve_of(row: PriceProposal) -> dict[str, list[float]]:
    """``prices``, ``units``, ``profit``, ``profit_low`` and ``profit_high`` of `POINTS` prices, from the numbers that
    the row was worked out with and from nothing else: it never changes. Empty where nothing is known of demand."""
    made = row.curve or {}
    if "path" not in made or row.old_price is None:
        return made  # of a row that holds the curve itself
    part, net = np.linspace(0.0, 1.0, POINTS), 1 / (1 + row.tax)
    grid = _curves_at(row, made["low"] * (1 - part) + made["high"] * part)
    return {
        "prices": rounded_list(grid.prices[0], 4),
        "units": rounded_list(grid.units[0], 3),
        "profit": rounded_list(grid.profit[0] * net, 3),
        "profit_low": rounded_list(grid.profit_low[0] * net, 3),
        "profit_high": rounded_list(grid.profit_high[0] * net, 3),
    }


def _curves_at(row: PriceProposal, prices: NDArray[np.float64]) -> Curves:
    """What prices [g] bring, from what the row's curve is made of."""
    from django_ecomai.ml.pricing.curves import curves

    return curves(demand_of(row), np.array([float(row.old_price or 0)]), prices[None, :])


def demand_of(row: PriceProposal) -> Demand:
    """The demand that a row's curve is made of, with what is on its way."""
    from django_ecomai.ml.pricing.optimise import Demand

    made = row.curve
    stock, left = made["stock"], made["left"]
    coming = np.array(made.get("arrivals") or np.zeros((0, 2)))
    return Demand.build(
        path=[[made["path"]]], elasticity=made["elasticity"], sd=made["sd"], cost=np.nan if left is None else left,
        stock=np.inf if stock is None else stock, arriving=coming[None, :, 0], after=coming[None, :, 1],
    )  # fmt: skip


def wanted_of(row: PriceProposal) -> tuple[float, bool] | None:
    """The price from half to twice today's that the goal would take if there were no limits, and whether it lies at one
    of these ends; None where it stands at no limit or the goal does not seek. What other products do is not in it."""
    made = row.curve or {}
    if not row.binding or row.family or row.propensity is not None or row.new_price is None or not row.old_price:
        return None
    if row.goal not in ("profit", "revenue") or "path" not in made:
        return None
    today = float(row.old_price)
    grid = _curves_at(row, today * np.exp(np.linspace(-np.log(2), np.log(2), 281)))
    worth = (grid.profit if row.goal == "profit" else grid.revenue)[0]
    best = int(np.argmax(worth))
    price, new = float(grid.prices[0, best]), float(row.new_price)
    further = price > new * 1.005 if row.binding in CEILINGS else price < new * 0.995
    return (price, best in (0, len(worth) - 1)) if further else None


def expected_of(row: PriceProposal) -> dict[str, list[float] | None]:
    """``units``, ``revenue`` (as shoppers pay it) and ``profit`` (without tax) at the new price: expected, and the ends
    of the 95 % interval that the doubt about the elasticity leaves; None where it is not known. From what the curve is
    made of, in plain arithmetic: lists show thousands."""
    from django_ecomai.ml.pricing.elasticity import Z95

    made, expected = row.curve or {}, (row.units_new, row.revenue_new, row.profit_new)
    found: dict[str, list[float] | None] = dict.fromkeys(("units", "revenue", "profit"))
    if "path" not in made or not row.old_price or row.new_price is None or made["sd"] is None:
        return found
    price = float(row.new_price)
    ends = sorted(_sold(made, price / float(row.old_price), deviations) for deviations in (-Z95, Z95))
    earned, net = price - (made["left"] or 0.0), 1 / (1 + row.tax)
    for name, mean, each in zip(found, expected, (1.0, price, earned * net), strict=True):
        if mean is not None:
            found[name] = [round(mean, 4), *(round(one, 4) for one in sorted(each * one for one in ends))]
    return found


def _sold(made: dict[str, Any], ratio: float, deviations: float) -> float:
    """Pieces sold at so many times today's price, that many deviations of the elasticity from its mean."""
    factor = float(ratio ** min(made["elasticity"] + deviations * made["sd"], 0.0))
    there, sold = made["stock"], made["path"] * factor
    if there is None:
        return float(sold)
    for pieces, after in made.get("arrivals") or ():
        sold, there = min(sold, there + after * factor), there + pieces
    return float(min(sold, there))


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


def shares_of(days: NDArray[np.float64]) -> list[list[float]]:
    """Which part of its sum each day [n, days] has; empty where there is none."""
    known = np.nan_to_num(days)
    whole = known.sum(axis=1)
    shares = np.round(known / np.where(whole > 0, whole, 1.0)[:, None], 5).tolist()
    return [row if some else [] for row, some in zip(shares, (whole > 0).tolist(), strict=True)]


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
