"""Small price tests: which product, which prices, how many weeks, to know its elasticity as well as wanted."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .elasticity import Z95, Elasticities

Floats = NDArray[np.float64]
#: Parts of the price by which a test moves it, smallest first; the first that is good enough is taken.
STEPS = (0.03, 0.05, 0.08, 0.10, 0.15)
#: Longest test in periods that is still suggested.
LONGEST = 26
#: By which part the interval must get narrower, or a test is not worth its while.
WORTHWHILE = 0.1


@dataclass(frozen=True, eq=False)
class PriceTests:
    """k tests, the most worth first: ``product`` [k] indices, ``low`` and ``high`` [k] prices to alternate (weeks in
    random order, half each), ``step`` [k] their distance from today's as a part of it, ``weeks`` [k] how long until the
    95 % interval is as narrow as wanted, ``width_before`` and ``width_after`` [k], ``worth`` [k] turnover per period
    times the doubt that goes."""

    product: NDArray[np.int64]
    low: Floats
    high: Floats
    step: Floats
    weeks: NDArray[np.int64]
    width_before: Floats
    width_after: Floats
    worth: Floats


def told_per_period(rate: ArrayLike, dispersion: ArrayLike, alpha: ArrayLike, rho: ArrayLike) -> Floats:
    """What a period tells about the elasticity, per squared distance h of log prices from their middle: ``rate`` sold
    per period with variance ``dispersion * (mean + alpha * mean2)`` (Poisson quasi-likelihood, half of the periods at
    each price), lessened by neighbouring periods that err alike by ``rho`` and by one period in ten for the level that
    is learned too."""
    sold, alike = np.asarray(rate, dtype=np.float64), np.asarray(rho, dtype=np.float64)
    told = sold / (np.asarray(dispersion) * (1 + np.asarray(alpha) * sold))
    return np.asarray(told * 0.9 * (1 - alike) / (1 + alike))


def width_after(sd: float, per_period: float, low: float, high: float, periods: int) -> float:
    """Width of the 95 % interval after a test at two prices that begins with the standard deviation ``sd``."""
    step = np.log(high / low) / 2
    return float(2 * Z95 / np.sqrt(1 / sd**2 + per_period * step**2 * periods))


def suggest_tests(
    found: Elasticities,
    price: ArrayLike,
    *,
    wanted_width: float = 1.5,
    most: int = 20,
    steps: tuple[float, ...] = STEPS,
    widest: ArrayLike = np.inf,
) -> PriceTests:
    """Tests for the products whose 95 % interval is wider than ``wanted_width`` or that have no elasticity.

    A period at log price +-h around today's brings the information ``h2 * rate / (dispersion * (1 + alpha * rate))``
    about the elasticity (see ``told_per_period``). The smallest step that needs no more than 26 periods is suggested,
    and an even number of them. ``widest`` [n] is the largest step that limits allow: where it is less than what is
    needed, it is taken for 26 periods, if that makes the interval narrower by `WORTHWHILE`. Products that no step
    brings there, or without sales, are left out. ``price`` [n] is today's. Raises ``ValueError`` for a width of 0 or
    less.
    """
    if wanted_width <= 0:
        raise ValueError("wanted_width must be above 0")
    today = np.asarray(price, dtype=np.float64)
    if today.shape != found.elasticity.shape:
        raise ValueError(f"price must be [{len(found.elasticity)}]")
    sd = np.where(found.accepted, found.sd, found.fallback_sd)
    before = 2 * Z95 * sd
    useful = (before > wanted_width) & (found.rate > 0) & np.isfinite(today) & (today > 0)
    wanted = (2 * Z95 / wanted_width) ** 2 - 1 / sd**2
    per_period = told_per_period(found.rate, found.dispersion, found.alpha, found.rho)
    room = np.broadcast_to(np.asarray(widest, dtype=np.float64), sd.shape)
    step, weeks = np.full(len(sd), np.nan), np.zeros(len(sd), dtype=np.int64)

    def needs(moved: Floats) -> Floats:
        gain = per_period * np.log1p(moved) ** 2
        needed = np.ceil(np.divide(wanted, gain, out=np.full(len(sd), np.inf), where=gain > 0))
        return np.asarray(2 * np.ceil(np.maximum(needed, 2) / 2))

    # as far as limits allow, then the smallest that is good enough
    furthest = np.clip(room, 0.0, max(steps))
    reached = 2 * Z95 / np.sqrt(1 / sd**2 + per_period * np.log1p(furthest) ** 2 * LONGEST)
    tight = useful & (room < max(steps)) & (reached <= (1 - WORTHWHILE) * before)
    step[tight], weeks[tight] = furthest[tight], np.minimum(needs(furthest)[tight], LONGEST).astype(np.int64)
    for one in sorted(steps, reverse=True):
        needed = needs(np.full(len(sd), one))
        short = useful & (needed <= LONGEST) & (one <= room + 1e-9)
        step[short], weeks[short] = one, needed[short].astype(np.int64)
    rows = np.flatnonzero(np.isfinite(step))
    gain = per_period[rows] * np.log1p(step[rows]) ** 2 * weeks[rows]
    after = 2 * Z95 / np.sqrt(1 / sd[rows] ** 2 + gain)
    worth = found.rate[rows] * today[rows] * (before[rows] - after)
    order = np.argsort(-worth, kind="stable")[:most]
    rows, after, worth = rows[order], after[order], worth[order]
    return PriceTests(
        product=rows,
        low=today[rows] / (1 + step[rows]),
        high=today[rows] * (1 + step[rows]),
        step=step[rows],
        weeks=weeks[rows],
        width_before=before[rows],
        width_after=after,
        worth=worth,
    )
