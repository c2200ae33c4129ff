"""How probable a gain is and between which ends it lies: exact, by the quantiles of the posterior of the elasticity."""

from __future__ import annotations

import math
from statistics import NormalDist
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from .elasticity import Z95

if TYPE_CHECKING:
    from .optimise import Demand

Floats = NDArray[np.float64]
#: Parts of equal probability of the posterior where other products add a doubt of their own, and halvings of a search.
PARTS, HALVINGS = 33, 30
_erfc = np.frompyfunc(math.erfc, 1, 1)


def gain_ends(
    demand: Demand, log_ratio: Floats, each: Floats, beside: Floats, doubt: Floats
) -> tuple[Floats, Floats, Floats]:
    """Probability [n] of a gain and the ends [n] of its 95 % interval, at log price ratios [n].

    ``each`` [n, 2] is what a piece counts for at the new price and at today's, ``beside`` [n] what other products gain
    and ``doubt`` [n] its standard deviation. Between two prices what is sold never falls while the elasticity moves to
    one side, and so does the gain: its quantiles are its values at the quantiles of the elasticity, and the chance is
    the posterior's mass on one side of the elasticity at which nothing is gained. The chance is above 97.5 % where the
    low end is above 0, and only there. With a ``doubt`` the gain is that plus a normal number, whose distribution is
    summed over parts of equal probability and searched.
    """
    n = len(log_ratio)
    today = demand.sold(np.ones((n, 1, 1)))[:, 0, 0] * each[:, 1]
    spread = np.array([-Z95, Z95])
    ends = _gains(demand, log_ratio, each, spread) - today[:, None] + beside[:, None]
    low, high = ends.min(axis=1), ends.max(axis=1)
    chance = np.where(log_ratio == 0, 0.0, _chance(demand, log_ratio, each[:, 0], today - beside))
    some = np.flatnonzero(doubt > 0)
    if len(some):
        parts = np.array([NormalDist().inv_cdf((at + 0.5) / PARTS) for at in range(PARTS)])
        part = demand.only(some)
        means = _gains(part, log_ratio[some], each[some], parts) + (beside - today)[some][:, None]
        chance[some] = _above(means, doubt[some], 0.0)
        low[some], high[some] = (_quantile(means, doubt[some], share) for share in (0.025, 0.975))
    return chance, low, high


def _gains(demand: Demand, log_ratio: Floats, each: Floats, spread: Floats) -> Floats:
    """What is sold counts for [n, q] at the new price, at these deviations [q] of the elasticity from its mean."""
    slope = np.minimum(np.nan_to_num(demand.elasticity)[:, None] + np.nan_to_num(demand.sd)[:, None] * spread, 0.0)
    return np.asarray(each[:, :1] * demand.sold(np.exp(slope * log_ratio[:, None])[:, None, :])[:, 0])


def _chance(demand: Demand, log_ratio: Floats, worth: Floats, needed: Floats) -> Floats:
    """Probability [n] that ``worth`` [n] times what is sold exceeds ``needed`` [n]."""
    with np.errstate(divide="ignore", invalid="ignore"):
        wanted = np.where(worth == 0, np.where(needed < 0, -1.0, np.inf), needed / worth)
        slope, given = demand.caps()
        missing = wanted[:, None] - given
        # by how much demand has to be multiplied until more than that is sold; never where no more pieces come
        factor = np.where(slope > 0, missing / slope, np.where(missing >= 0, np.inf, -np.inf)).max(axis=1)
        zero = np.log(factor.clip(min=0.0)) / log_ratio  # the elasticity there
        mean, sd = np.nan_to_num(demand.elasticity), np.nan_to_num(demand.sd)
        z = np.where(sd > 0, (zero - mean) / sd, np.where(zero > mean, np.inf, -np.inf))
    below = np.asarray(0.5 * _erfc(-z / math.sqrt(2)), dtype=np.float64)
    rises = log_ratio > 0
    # an elasticity above 0 counts as 0
    more = np.where(rises, np.where(zero > 0, 0.0, 1 - below), np.where(zero >= 0, 1.0, below))
    return np.where(worth < 0, 1 - more, more)


def _above(means: Floats, doubt: Floats, amount: Floats | float) -> Floats:
    """Probability [n] that a number is above ``amount``: normal with one of ``means`` [n, q], each as probable, and the
    deviations [n]; to three digits (Page, 1977)."""
    z = ((means - np.reshape(amount, (-1, 1))) / doubt[:, None]).clip(-8, 8)
    return np.asarray(0.5 * (1 + np.tanh(0.7978845608 * (z + 0.044715 * z**3))).mean(axis=1))


def _quantile(means: Floats, doubt: Floats, share: float) -> Floats:
    """The amount [n] that such a number stays below with probability ``share``."""
    low, high = means.min(axis=1) - 8 * doubt, means.max(axis=1) + 8 * doubt
    for _halving in range(HALVINGS):
        middle = (low + high) / 2
        under = 1 - _above(means, doubt, middle) < share
        low, high = np.where(under, middle, low), np.where(under, high, middle)
    return np.asarray((low + high) / 2)
