"""A **simulated** market whose true elasticities are known: it says how estimators err, not how shoppers behave.

Prices are endogenous: they rise with the season of the category and with its passing heat, promotions fall into the
season and are advertised, and costs move prices for reasons that have nothing to do with demand. Demand has a trend per
product, noise that lasts, and Poisson chance; shelves run empty, half of the time at an unknown moment.

`STRESS` are options for markets, **simulated** as well, in which other products of a category are a poor control.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from django_ecomai.ml.pricing.panel import PricePanel

Floats = NDArray[np.float64]
#: Prices of a product as parts of its list price.
LADDER = np.array([0.7, 0.8, 0.9, 1.0, 1.1, 1.2])
PROMOTED = 0.15
#: Prices and promotions that a category moves together; a few products that replace each other, and as few that do not.
STRESS: dict[str, dict[str, Any]] = {
    "together": {"together": 0.95},
    "substitutes": {"categories": 60, "taken": 0.25},
    "small": {"categories": 60},
}


@dataclass(frozen=True, eq=False)
class Market:
    """``panel`` is what the shop sees; ``truth`` [n] the elasticities; ``varied`` [n] whether the price ever moved.

    ``listed`` [n] are list prices, ``base`` [n, t] the logarithm of the demand that is expected at them without a
    promotion, ``stock`` [n, t] what can be sold in a week (infinite: all that is asked for)."""

    panel: PricePanel
    truth: Floats
    varied: NDArray[np.bool_]
    listed: Floats
    base: Floats
    stock: Floats


def _lasting(draw: np.random.Generator, shape: tuple[int, int], rho: float, sd: float) -> Floats:
    """AR(1) rows with the standard deviation ``sd``."""
    noise = draw.normal(0, sd * np.sqrt(1 - rho**2), shape)
    out = np.empty(shape)
    out[:, 0] = draw.normal(0, sd, shape[0])
    for at in range(1, shape[1]):
        out[:, at] = rho * out[:, at - 1] + noise[:, at]
    return out


def simulate(
    seed: int, *, products: int = 200, weeks: int = 52, categories: int = 8, together: float = 0.0, taken: float = 0.0
) -> Market:
    """The market of a seed.

    In a share ``together`` of its weeks a product has the price step and the promotion of the first of its category.
    ``taken``: this share of what price and promotion add to the logarithm of a product's demand is taken off that of
    every other product of the category (so its cross-price elasticity is this share of the elasticity).
    """
    draw = np.random.default_rng(seed)
    n, t = products, weeks
    category = np.sort(draw.integers(0, categories, n))
    middle = draw.normal(-2.0, 0.5, categories)
    truth = np.minimum(middle[category] + draw.normal(0, 0.5, n), -0.2)
    week = np.arange(t)
    phase, height = draw.uniform(0, 2 * np.pi, categories), draw.uniform(0.1, 0.5, categories)
    season = height[:, None] * np.sin(2 * np.pi * week / 52 + phase[:, None])
    heat = _lasting(draw, (categories, t), 0.6, 0.15)
    known = (season + heat)[category]
    moved = draw.random(n) >= 0.1
    # how high the price stands: costs (exogenous, slow), some whim, and what the manager sees of demand
    wish = _lasting(draw, (n, t), 0.85, 0.7) + draw.normal(0, 0.5, (n, t)) + 1.5 * known
    step = np.clip(np.round(2.5 + 1.1 * wish), 1, len(LADDER) - 1).astype(int)
    # most prices are looked at every few weeks only
    every = draw.integers(1, 6, n)
    held = (week[None, :] // every[:, None]) * every[:, None]
    step = np.take_along_axis(step, held, axis=1)
    likely = PROMOTED * np.exp(1.5 * known)
    promotion = draw.random((n, t)) < likely
    depth = draw.integers(0, 2, n)
    step = np.where(promotion, depth[:, None], step)
    if together:
        first = np.searchsorted(category, category)
        follows = np.random.default_rng([seed, 1]).random((n, t)) < together
        step, promotion = (np.where(follows, one[first], one) for one in (step, promotion))
    promotion &= moved[:, None]
    step = np.where(moved[:, None], step, 3)
    listed = np.round(np.exp(draw.normal(np.log(15), 0.8, n)), 2)
    price = np.round(listed[:, None] * LADDER[step], 2)
    lift = draw.normal(0.3, 0.15, n)
    trend = draw.normal(0, 0.2, n)[:, None] * (week / t - 0.5)
    base = draw.normal(np.log(15), 1.0, n)[:, None] + known + trend + _lasting(draw, (n, t), 0.4, 0.25)
    log = base + truth[:, None] * np.log(LADDER[step]) + lift[:, None] * promotion
    if taken:
        gain = truth[:, None] * np.log(LADDER[step]) + lift[:, None] * promotion
        whole = np.zeros((categories, t))
        np.add.at(whole, category, gain)
        log -= taken * (whole[category] - gain)
    demand = draw.poisson(np.exp(log)).astype(float)
    # one delivery in twelve is too small for what usually sells
    usual = np.exp(log.mean(axis=1))
    stock = np.where(draw.random((n, t)) < 1 / 12, np.ceil(usual[:, None] * draw.uniform(0.4, 1.2, (n, t))), np.inf)
    units = np.minimum(demand, stock)
    share = np.where(demand > stock, stock / np.maximum(demand, 1), 1.0)
    share[(demand > stock) & (draw.random((n, t)) < 0.5)] = np.nan
    panel = PricePanel.build(
        product=np.repeat(np.arange(n), t),
        period=np.tile(week, n),
        units=units.ravel(),
        price=price.ravel(),
        promotion=promotion.ravel(),
        in_stock=share.ravel(),
        category=category,
    )
    return Market(panel, truth, moved & (np.ptp(price, axis=1) > 0), listed, base, stock)
