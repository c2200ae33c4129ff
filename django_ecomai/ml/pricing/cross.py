"""What the prices of others do to a product's demand: of its category, and of competitors."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .elasticity import Z95, Elasticities
from .panel import PricePanel

Floats = NDArray[np.float64]
#: Why a category has no cross-price elasticity; the empty string: it has one.
REASONS = ("too_few_rows", "price_never_varied", "implausible_sign")
_FEWEST = 60


@dataclass(frozen=True, eq=False)
class CrossPrices:
    """[c] categories: ``elasticity`` of a product's demand to the price of the others, ``sd``, ``low``, ``high`` (95 %)
    and ``reason`` (see ``REASONS``; refused categories are NaN). Positive: they are substitutes."""

    elasticity: Floats
    sd: Floats
    low: Floats
    high: Floats
    reason: NDArray[np.str_]


def category_price(panel: PricePanel) -> Floats:
    """Mean log price [m], against their own means, of the *other* products of the category in that period; NaN where
    there is none."""
    log = np.log(panel.price)
    log -= panel.mean(log)[panel.product]
    _, period = np.unique(panel.period, return_inverse=True)
    cell = panel.category[panel.product] * (int(period.max(initial=0)) + 1) + period
    total, size = np.bincount(cell, log)[cell], np.bincount(cell)[cell]
    return np.divide(total - log, size - 1, out=np.full(len(log), np.nan), where=size > 1)


def cross_prices(
    panel: PricePanel, found: Elasticities, other: ArrayLike, *, periods_per_year: float = 52.0
) -> CrossPrices:
    """Elasticity of demand to ``other`` [m], the log price of others (`category_price`, or of a competitor; NaN: not
    known), one for each category.

    Demand is freed of the product's own price by its elasticity, or by what its category says; product means, trend,
    season and promotion are partialled out of demand and of ``other``. Rows count as a Poisson quasi-likelihood counts
    them. The price of others is the same for many products of a period and lasts: the standard error has products *and*
    periods as clusters (Cameron, Gelbach and Miller, 2011). A demand shock of the whole category that also moves all of
    its prices is not told from a cross effect: prefer prices of competitors, which do not know our demand. A
    significantly negative effect is refused.
    """
    price = np.asarray(other, dtype=np.float64)
    if price.shape != panel.product.shape:
        raise ValueError(f"other must be [{len(panel)}]")
    size = int(panel.category.max(initial=0)) + 1
    mean, sd = np.full(size, np.nan), np.full(size, np.nan)
    reason = np.full(size, REASONS[0], dtype="U32")
    keep = np.isfinite(price) & (panel.units > 0) & np.isfinite(panel.in_stock)
    used, x = panel.rows(keep), price[keep]
    slope = np.where(found.accepted, found.elasticity, found.fallback)[used.product]
    y = np.log(used.units / used.in_stock) - slope * np.log(used.price)
    weight = used.units / (1 + found.alpha[used.product] * used.units)
    time = used.period.astype(np.float64)
    angle = 2 * np.pi * time / periods_per_year
    columns = [time / max(float(np.ptp(time)) if len(time) else 1.0, 1.0), np.sin(angle), np.cos(angle), used.promotion]

    def cleared(values: Floats) -> Floats:
        return values - used.mean(values, weight)[used.product]

    x, y, controls = cleared(x), cleared(y), np.column_stack([cleared(one) for one in columns])
    group = used.category[used.product]
    for at in range(size):
        rows = np.flatnonzero(group == at)
        if len(rows) < _FEWEST:
            continue
        root = np.sqrt(weight[rows])
        w = controls[rows] * root[:, None]
        pair = np.column_stack([x[rows], y[rows]]) * root[:, None]
        pair = pair - w @ np.linalg.lstsq(w, pair, rcond=None)[0]
        square = float(pair[:, 0] @ pair[:, 0])
        if square / max(float((root**2).sum()), 1e-9) < 1e-4:
            reason[at] = REASONS[1]
            continue
        b = float(pair[:, 0] @ pair[:, 1]) / square
        score = pair[:, 0] * (pair[:, 1] - b * pair[:, 0])
        _, when = np.unique(used.period[rows], return_inverse=True)
        both = sum(float((np.bincount(key, score) ** 2).sum()) for key in (used.product[rows], when))
        periods = int(when.max()) + 1
        both = max(both - float((score**2).sum()), float((score**2).sum())) * periods / max(periods - 6, 1)
        error = float(np.sqrt(both)) / square
        if b + 1.645 * error < 0:
            reason[at] = REASONS[2]
            continue
        mean[at], sd[at], reason[at] = b, error, ""
    return CrossPrices(mean, sd, mean - Z95 * sd, mean + Z95 * sd, reason)
