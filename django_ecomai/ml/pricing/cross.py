"""What the prices of others do to a product's demand: of its category, and of competitors."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .elasticity import Z95, Elasticities
from .panel import PricePanel
from .shrink import shrink

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


#: Products of a category that are looked at: those that sell most. Fewer others say nothing about its demand.
TOP, FEWEST_OTHERS = 5, 3
#: Least weeks that two products were sold together, pieces a week, and deviation of what is left of a log price.
_WEEKS, _RATE, _VARIED = 40, 3.0, 0.02
#: What is known of the mean effect in any shop, and neighbouring weeks whose errors are taken for one.
_PRIOR_SD, _LAGS = 0.25, 4
PAIR_REASONS = ("price_never_varied", "implausible_sign", "not_told_from_none")


@dataclass(frozen=True, eq=False)
class PairPrices:
    """m pairs of products of one category: demand of ``product`` [m] answers to the price of ``other`` [m] by
    ``elasticity`` (per cent per per cent), with ``sd``, ``low`` and ``high`` (95 %). ``reason`` [m] is one of
    ``PAIR_REASONS`` where that is too little known to be used, else empty. ``why`` [n] says of a product of the panel
    why it is in no pair: "" (it is), "not_top", "too_few_sales" or "too_few_products"; ``top`` [n]: one of those that
    sell most."""

    product: NDArray[np.int64]
    other: NDArray[np.int64]
    elasticity: Floats
    sd: Floats
    low: Floats
    high: Floats
    reason: NDArray[np.str_]
    why: NDArray[np.str_]
    top: NDArray[np.bool_]


def pair_prices(panel: PricePanel, found: Elasticities, *, periods_per_year: float = 52.0) -> PairPrices:
    """What the prices of the products that sell most do to each other's sales, in each category.

    The logarithm of demand on the logarithms of the others' prices, with the own price, its promotions, trend and
    season, and with price and demand of the *rest* of the category in that period: what moves all of it at once is no
    effect of one price. A price that moves with the own one, or with one of the others, tells nothing. Rows count as a
    quasi-likelihood counts them, errors may last for some weeks (Newey and West, 1987). Pairs are drawn to their
    category and the shop, whose mean is taken to be near 0 (`shrink`). Only an effect whose interval is above 0 (a
    cheaper product takes sales) is given for use.
    """
    n = panel.n_products
    why, chosen = np.full(n, "not_top", dtype="U20"), np.zeros(n, dtype=bool)
    starts = np.searchsorted(panel.product, np.arange(n + 1))
    slope = np.where(found.accepted, found.elasticity, found.fallback)
    period, at = np.unique(panel.period, return_inverse=True)
    log = np.log(panel.price)
    log -= panel.mean(log)[panel.product]
    left = np.log((panel.units + 0.5) / np.nan_to_num(panel.in_stock, nan=1.0)) - slope[panel.product] * log
    left -= panel.mean(left)[panel.product]
    rows: list[tuple[int, int, float, float]] = []
    order = np.argsort(panel.category, kind="stable")
    for members in np.split(order, np.cumsum(np.bincount(panel.category))[:-1]):
        top = members[np.argsort(-found.rate[members], kind="stable")[:TOP]]
        chosen[top] = True
        rest = np.setdiff1d(members, top)
        if len(rest) < FEWEST_OTHERS:
            why[members] = "too_few_products"
            continue
        index = _index(panel, starts, at, rest, (left, log), len(period))
        prices = np.full((len(top), len(period)), np.nan)
        for place, who in enumerate(top.tolist()):
            whole = slice(starts[who], starts[who + 1])
            prices[place, at[whole]] = log[whole]
        for place, who in enumerate(top.tolist()):
            mine = np.arange(starts[who], starts[who + 1])
            mine = mine[(panel.units[mine] > 0) & np.isfinite(panel.in_stock[mine])]
            if len(mine) < _WEEKS or found.rate[who] < _RATE:
                why[who] = "too_few_sales"
                continue
            why[who] = ""
            others = np.flatnonzero(np.arange(len(top)) != place)
            mean, variance = _answers(
                panel, found, mine, prices[others][:, at[mine]], index[:, at[mine]], periods_per_year
            )
            rows += zip([who] * len(others), top[others].tolist(), mean.tolist(), variance.tolist(), strict=True)
    return _pairs(panel, rows, why, chosen)


def _index(
    panel: PricePanel,
    starts: NDArray[np.int64],
    at: NDArray[np.int64],
    rest: NDArray[np.int64],
    values: tuple[Floats, ...],
    periods: int,
) -> Floats:
    """Means [k, periods] of values [m] over some products, 0 where there are none."""
    rows = np.concatenate([np.arange(starts[who], starts[who + 1]) for who in rest.tolist()])
    size = np.bincount(at[rows], minlength=periods)
    return np.stack([np.bincount(at[rows], one[rows], periods) / np.maximum(size, 1) for one in values])


def _answers(
    panel: PricePanel, found: Elasticities, mine: NDArray[np.int64], prices: Floats, index: Floats, year: float
) -> tuple[Floats, Floats]:
    """Effects of prices [k, r] on the demand of one product and their variances [k], infinite where nothing is told."""
    k = len(prices)
    known = np.isfinite(prices)
    x = np.where(known, prices, 0.0)
    time = panel.period[mine].astype(np.float64)
    angle = 2 * np.pi * time / year
    own = np.log(panel.price[mine])
    controls = [np.ones(len(mine)), (time - time.mean()) / max(float(np.ptp(time)), 1.0), np.sin(angle), np.cos(angle),
                panel.promotion[mine], own - own.mean(), *index]  # fmt: skip
    y = np.log(panel.units[mine] / panel.in_stock[mine])
    who = int(panel.product[mine[0]])
    root = np.sqrt(panel.units[mine] / (1 + found.alpha[who] * panel.units[mine]))
    mean, variance = np.zeros(k), np.full(k, np.inf)
    # what is left of each price once controls and the prices before it are taken off
    triangle = np.linalg.qr(np.column_stack([*controls, *x]) * root[:, None], mode="r")
    alone = np.abs(np.diag(triangle))[len(controls) :] / np.sqrt((root**2).sum())
    varied = (alone >= _VARIED) & (known.sum(axis=1) >= _WEEKS)
    design = np.column_stack([x[varied].T, *controls])
    free = len(mine) - design.shape[1]
    if not varied.any() or free < 10:
        return mean, variance
    w = design * root[:, None]
    inverse = np.linalg.pinv(w.T @ w)
    b = inverse @ (w.T @ (y * root))
    score = w * (y * root - w @ b)[:, None]
    meat = score.T @ score
    for lag in range(1, _LAGS + 1):
        near = score[lag:].T @ score[:-lag]
        meat += (1 - lag / (_LAGS + 1)) * (near + near.T)
    spread = np.diag(inverse @ meat @ inverse) * len(mine) / free
    plain = np.diag(inverse) * float(((y * root - w @ b) ** 2).sum()) / free
    mean[varied] = b[: int(varied.sum())]
    variance[varied] = np.maximum(spread, plain)[: int(varied.sum())]
    return mean, variance


def _pairs(
    panel: PricePanel, rows: list[tuple[int, int, float, float]], why: NDArray[np.str_], top: NDArray[np.bool_]
) -> PairPrices:
    product, other = (np.array([row[at] for row in rows], dtype=np.int64) for at in range(2))
    mean, variance = (np.array([row[at] for row in rows], dtype=np.float64) for at in range(2, 4))
    reason = np.full(len(rows), "", dtype="U20")
    reason[~np.isfinite(variance)] = PAIR_REASONS[0]
    category = panel.category[product]
    size = int(panel.category.max(initial=0)) + 1
    drawn = shrink(mean, variance, category, n_categories=size, prior_mean=0.0, prior_sd=_PRIOR_SD)
    low, high = drawn.mean - Z95 * drawn.sd, drawn.mean + Z95 * drawn.sd
    reason[(reason == "") & (high < 0)] = PAIR_REASONS[1]
    reason[(reason == "") & (low <= 0)] = PAIR_REASONS[2]
    return PairPrices(product, other, drawn.mean, drawn.sd, low, high, reason, why, top)
