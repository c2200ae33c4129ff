"""From a wanted quantity to one that the supplier delivers: MOQ, packs, price breaks, shelf life."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from .policy import DAYS_PER_YEAR

if TYPE_CHECKING:
    from .suggest import StockPosition

#: Why a quantity is not the wanted one, and what is wrong with the input. ``moq_over_cover``: the least order would
#: last longer than ``Limits.most_cover_days`` and costs more to keep than it earns, so nothing is ordered;
#: ``long_cover``: it earns more and is ordered. ``shelf_life``: cut to what sells before it expires.
NOTES = (
    "moq",
    "pack",
    "price_break",
    "shelf_life",
    "moq_over_cover",
    "long_cover",
    "negative_stock",
    "no_pack_size",
)


@dataclass(frozen=True)
class Limits:
    """Where the lines between the statuses are, and how far orders may reach.

    ``most_cover_days``: longest cover that a lot is made for. ``surplus_days``: cover above the order-up-to level from
    which stock is surplus. ``obsolete_days``: days without a sale from which stock that nothing is expected of is
    obsolete. ``phantom_chance``: how improbable the days without a sale must be before stock is doubted.
    ``stockout_risk``: probability of running out before the next receipt from which it is said. ``lost_sale_weight``:
    margins that a lost sale costs (above 1: customers who do not come back).
    """

    most_cover_days: float = 365.0
    surplus_days: float = 90.0
    obsolete_days: float = 180.0
    phantom_chance: float = 0.005
    stockout_risk: float = 0.5
    lost_sale_weight: float = 1.0


def price_at(quantity: NDArray[np.float64], stock: StockPosition) -> NDArray[np.float64]:
    """Price per piece [n] of an order of this size: that of its bracket, else the unit cost."""
    price = stock.unit_cost.copy()
    for at, breaks in enumerate(stock.price_breaks or ()):
        for start, unit in sorted(_sane(breaks)):
            if quantity[at] >= start:
                price[at] = unit
    return price


def worth_rounding_up(wanted: NDArray[np.float64], stock: StockPosition, limits: Limits) -> NDArray[np.float64]:
    """Raise an order [n] to a price break when that makes a piece cheaper, price and time in stock together.

    Of all quantities from the wanted one on the cheapest is taken, so that a larger need never orders less.
    """
    if stock.price_breaks is None:
        return wanted
    best = wanted.copy()
    need = np.maximum(wanted, stock.moq)
    now = price_at(need, stock)
    for at, breaks in enumerate(stock.price_breaks):
        daily = stock.demand_daily[at]
        if wanted[at] <= 0 or daily <= 0:
            continue
        # What holding adds to the price of a piece of an order of one piece.
        per_piece = stock.holding_rate[at] / (2 * daily * DAYS_PER_YEAR)
        least = now[at] * (1 + per_piece * need[at])
        for start, unit in sorted(_sane(breaks)):
            each = unit * (1 + per_piece * start)
            if start > need[at] and start <= daily * limits.most_cover_days and each < least:
                least, best[at] = each, start
    return best


def least_order(stock: StockPosition) -> NDArray[np.float64]:
    """Smallest order [n] that the supplier takes."""
    return np.asarray(np.ceil(np.maximum(stock.moq, 1e-9) / stock.pack_size - 1e-9) * stock.pack_size)


def order_quantity(
    wanted: NDArray[np.float64], left: NDArray[np.float64], stock: StockPosition, limits: Limits
) -> tuple[NDArray[np.float64], NDArray[np.str_]]:
    """``(quantity, notes)`` [n]: 0, or at least the MOQ and whole packs, and sold within the shelf life.

    ``left`` [n] is what is expected to be left of the position when the order arrives: it is sold first.
    """
    pack = stock.pack_size
    least = np.maximum(wanted, stock.moq)
    whole = np.ceil(least / pack - 1e-9) * pack
    room = (stock.shelf_life_days * stock.demand_daily - left).clip(min=0.0)
    room = np.where(np.isfinite(room), room, np.inf)
    packs = np.floor(np.where(np.isfinite(room), room, 0.0) / pack + 1e-9) * pack
    fits = np.where(np.isfinite(room), np.minimum(whole, packs), whole)
    fits = np.where(fits < stock.moq - 1e-9, 0.0, fits)
    quantity = np.where(wanted > 0, fits, 0.0)
    notes = np.full(len(wanted), "", dtype="U64")
    for true, code in (
        ((wanted > 0) & (stock.moq > wanted), " moq"),
        ((wanted > 0) & (whole > least + 1e-9), " pack"),
        ((wanted > 0) & (fits < whole), " shelf_life"),
    ):
        notes = np.where(true, np.char.add(notes, code), notes)
    return quantity, notes


def _sane(breaks: object) -> list[tuple[float, float]]:
    """Breaks with a quantity that is not negative and a positive price; the others are not prices."""
    pairs = [(float(start), float(unit)) for start, unit in breaks] if isinstance(breaks, list | tuple) else []
    return [(start, unit) for start, unit in pairs if start >= 0 and unit > 0 and np.isfinite(start + unit)]
