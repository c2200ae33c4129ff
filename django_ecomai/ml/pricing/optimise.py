"""The price that is worth most, over all that the elasticity may be, inside the guardrails."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .guardrails import Guarded, Limits, guard

Floats = NDArray[np.float64]
GOALS = ("profit", "revenue", "sell_through")
#: Prices that are tried between the lowest and the highest that are allowed, and parts of the posterior.
GRID = 41
NODES = 9
_CHUNK = 10_000
#: Without limits of change no price is tried further from today's than this.
_WIDEST = 0.5


@dataclass(frozen=True, eq=False)
class Proposals:
    """[n] each. ``price`` is the proposal (today's where ``held``, see ``guardrails.HELD`` and "no_elasticity");
    ``target`` what pays most before endings and rounding. ``units``, ``revenue``, ``profit`` are expected until the end
    of the demand path, ``profit_sd`` over the posterior; ``gain`` and ``gain_sd`` are of the goal against today's price
    and ``gain_chance`` the probability that there is any. For ``sell_through`` the gain is in pieces."""

    price: Floats
    target: Floats
    held: NDArray[np.str_]
    guarded: Guarded
    units: Floats
    revenue: Floats
    profit: Floats
    profit_sd: Floats
    gain: Floats
    gain_sd: Floats
    gain_chance: Floats


@dataclass(frozen=True, eq=False)
class Aside:
    """What a price does to the profit of other products, [n, k] each: ``worth`` is what such a product earns at today's
    prices until the path ends, and ``power`` by which it answers to the price, with its ``sd``; 0: nothing."""

    worth: Floats
    power: Floats
    sd: Floats

    def only(self, rows: NDArray[np.int64]) -> Aside:
        """Those of some products."""
        return Aside(self.worth[rows], self.power[rows], self.sd[rows])

    def gain(self, log_ratio: Floats) -> Floats:
        """Profit [n, g] more than today's at log price ratios [n, g]."""
        found = np.zeros(log_ratio.shape)
        some = np.flatnonzero(self.worth.any(axis=1))
        answers = np.expm1(self.power[some][:, None, :] * log_ratio[some][:, :, None])
        found[some] = (self.worth[some][:, None, :] * answers).sum(axis=2)
        return found

    def doubt(self, log_ratio: Floats) -> Floats:
        """Standard deviation [n] of that at log price ratios [n]."""
        slope = self.worth * np.exp(self.power * log_ratio[:, None]) * log_ratio[:, None]
        return np.asarray(np.sqrt(((slope * self.sd) ** 2).sum(axis=1)))


@dataclass(frozen=True, eq=False)
class Demand:
    """What sells of n products: ``path`` [n, h] pieces per period at today's price, as forecast; ``stock`` [n] what can
    be sold until the path ends (infinite: no limit); ``left_value`` [n] what a piece is worth that is left then: its
    cost when it can be sold later, 0 or less when it spoils or must be cleared. ``elasticity`` and ``sd`` [n].
    ``aside``: what the prices do to others, where that is known; it counts for the most profit."""

    path: Floats
    elasticity: Floats
    sd: Floats
    stock: Floats
    left_value: Floats
    aside: Aside | None = None

    @classmethod
    def build(
        cls,
        *,
        path: ArrayLike,
        elasticity: ArrayLike,
        sd: ArrayLike,
        cost: ArrayLike,
        stock: ArrayLike = np.inf,
        left_value: ArrayLike | None = None,
        sellable_periods: ArrayLike | None = None,
    ) -> Demand:
        """``left_value`` is ``cost`` where nothing is said. ``sellable_periods`` [n] ends the path of a product earlier
        (an end date, a shelf life). Raises ``ValueError`` for shapes that do not fit."""
        days = np.asarray(path, dtype=np.float64)
        if days.ndim != 2:
            raise ValueError("path must be [products, periods]")
        n, h = days.shape
        numbers = [cost if left_value is None else left_value, elasticity, sd, stock]
        for one in numbers:
            if np.ndim(one) > 1 or (np.ndim(one) and len(np.asarray(one)) != n):
                raise ValueError(f"elasticity, sd, cost, stock and left_value must be one number or [{n}]")
        value, mean, spread, pieces = (np.array(np.broadcast_to(np.asarray(one, np.float64), n)) for one in numbers)
        days = np.nan_to_num(days).clip(min=0.0)
        if sellable_periods is not None:
            ends = np.broadcast_to(np.asarray(sellable_periods, np.float64), n)
            days = np.where(np.arange(h)[None, :] < ends[:, None], days, 0.0)
        return cls(days, mean, spread, np.where(np.isnan(pieces), np.inf, pieces).clip(min=0.0), value)


def posterior_nodes(count: int = NODES) -> tuple[Floats, Floats]:
    """Standard normal nodes and weights of Gauss-Hermite quadrature."""
    nodes, weights = np.polynomial.hermite_e.hermegauss(count)
    return nodes, weights / weights.sum()


def optimise(
    demand: Demand,
    limits: Limits,
    *,
    goal: ArrayLike = "profit",
    sell_through: ArrayLike = 0.95,
    caution: float = 0.0,
    endings: tuple[int, ...] = (),
    ending_base: int = 100,
) -> Proposals:
    """Search a grid between the lowest and the highest allowed price of every product.

    Demand at price p is ``path * (p / price) ** elasticity``; what is sold is that or the stock. Profit counts ``(p -
    left_value) * sold``: with stock short the price rises until it lasts, with stock that will spoil it falls as far as
    that pays. With a constant elasticity one price for the rest of the path is as good as any sequence (Gallego and van
    Ryzin, 1994): ask again when stock or forecast have changed. ``sell_through`` [n] is the highest price that sells
    that share of the stock, in expectation, before the path ends, else the lowest allowed one. ``goal`` [n] is one of
    ``GOALS``; ``caution`` takes so many standard deviations off what a price is worth more than today's. To sell
    through a stock that is not known has no target. Raises ``ValueError`` for unknown goals and shapes that do not fit.
    """
    n = len(limits)
    if len(demand.path) != n:
        raise ValueError(f"demand is of {len(demand.path)} products, limits of {n}")
    kind = np.broadcast_to(np.asarray(goal), n)
    if not np.isin(kind, GOALS).all():
        raise ValueError(f"goal must be one of {', '.join(GOALS)}")
    share = np.broadcast_to(np.asarray(sell_through, dtype=np.float64), n)
    target = np.full(n, np.nan)
    low, high = limits.interval()
    for start in range(0, n, _CHUNK):
        rows = np.arange(start, min(start + _CHUNK, n))
        target[rows] = _best(demand, limits, low, high, kind, share, caution, rows)
    guarded = guard(target, limits, endings=endings, ending_base=ending_base)
    held = guarded.held.copy()
    held[~np.isfinite(demand.elasticity)] = "no_elasticity"
    price = np.where(held == "", guarded.price, limits.price)
    return Proposals(price, target, held, guarded, *outcome(demand, limits, goal=kind, price=price))


def outcome(demand: Demand, limits: Limits, *, goal: ArrayLike, price: ArrayLike) -> Floats:
    """What prices [n] from elsewhere bring, float64 [7, n]: units, revenue, profit and its deviation, gain of the goal
    against today's price, its deviation and the probability that there is any."""
    n = len(limits)
    kind = np.broadcast_to(np.asarray(goal), n)
    asked = np.broadcast_to(np.asarray(price, dtype=np.float64), n)
    parts = [_outcome(demand, limits, kind, asked, np.arange(s, min(s + _CHUNK, n))) for s in range(0, n, _CHUNK)]
    return np.concatenate(parts, axis=1) if parts else np.zeros((7, 0))


def _sold(demand: Demand, log_ratio: Floats, rows: NDArray[np.int64], nodes: Floats) -> Floats:
    """Pieces [r, g, q] sold at log price ratios [r, g] for each node of the posterior."""
    known = np.nan_to_num(demand.elasticity[rows])
    slope = known[:, None] + np.nan_to_num(demand.sd[rows])[:, None] * nodes
    # nobody buys more because it costs more: what is above 0 of the posterior counts as 0
    power = np.exp(np.minimum(slope, 0.0)[:, None, :] * log_ratio[:, :, None])
    return np.minimum(demand.path[rows].sum(axis=1)[:, None, None] * power, demand.stock[rows][:, None, None])


def _best(
    demand: Demand,
    limits: Limits,
    low: Floats,
    high: Floats,
    kind: NDArray[np.str_],
    share: Floats,
    caution: float,
    rows: NDArray[np.int64],
) -> Floats:
    price = limits.price[rows]
    ok = np.isfinite(price) & (price > 0) & np.isfinite(demand.elasticity[rows]) & (low[rows] <= high[rows])
    safe = np.where(ok, price, 1.0)
    lowest = np.where(ok, np.maximum(low[rows], safe * (1 - _WIDEST)), 1.0)
    highest = np.where(ok, np.maximum(np.minimum(high[rows], safe * (1 + _WIDEST)), lowest), 1.0)
    part = np.linspace(0.0, 1.0, GRID)
    log = np.log(lowest / safe)[:, None] * (1 - part) + np.log(highest / safe)[:, None] * part
    nodes, weights = posterior_nodes()
    sold = _sold(demand, log, rows, nodes)
    asked = safe[:, None] * np.exp(log)
    value = np.where(kind[rows] == "profit", np.nan_to_num(demand.left_value[rows]), 0.0)
    worth = (asked - value[:, None])[:, :, None] * sold
    mean = worth @ weights
    if demand.aside is not None:
        mean = mean + np.where(kind[rows] == "profit", 1.0, 0.0)[:, None] * demand.aside.only(rows).gain(log)
    if caution:
        today = _sold(demand, np.zeros((len(rows), 1)), rows, nodes) * (safe - value)[:, None, None]
        apart = worth - today
        middle = apart @ weights
        mean = mean - today @ weights - caution * np.sqrt(((apart - middle[:, :, None]) ** 2 @ weights).clip(min=0.0))
    best = mean.argmax(axis=1)
    ok &= (kind[rows] != "sell_through") | np.isfinite(demand.stock[rows])
    clears = sold @ weights >= (share[rows] * demand.stock[rows])[:, None]
    last = np.where(clears.any(axis=1), GRID - 1 - clears[:, ::-1].argmax(axis=1), 0)
    best = np.where(kind[rows] == "sell_through", last, best)
    return np.where(ok, asked[np.arange(len(rows)), best], np.nan)


def _outcome(demand: Demand, limits: Limits, kind: NDArray[np.str_], price: Floats, rows: NDArray[np.int64]) -> Floats:
    """[7, r]: units, revenue, profit and its deviation, gain and its deviation and chance."""
    today = np.where(np.isfinite(limits.price[rows]) & (limits.price[rows] > 0), limits.price[rows], 1.0)
    asked = np.where(np.isfinite(price[rows]) & (price[rows] > 0), price[rows], today)
    log = np.column_stack([np.log(asked / today), np.zeros(len(rows))])
    nodes, weights = posterior_nodes()
    sold = _sold(demand, log, rows, nodes)
    both = np.column_stack([asked, today])
    profit = (both - np.nan_to_num(demand.left_value[rows])[:, None])[:, :, None] * sold
    revenue = both[:, :, None] * sold
    goal = kind[rows][:, None, None]
    worth = np.where(goal == "profit", profit, np.where(goal == "revenue", revenue, sold))
    apart = worth[:, 0] - worth[:, 1]
    beside, doubt = np.zeros(len(rows)), np.zeros(len(rows))
    if demand.aside is not None:
        counts = kind[rows] == "profit"
        beside = np.where(counts, demand.aside.only(rows).gain(log[:, :1])[:, 0], 0.0)
        doubt = np.where(counts, demand.aside.only(rows).doubt(log[:, 0]), 0.0)
    apart = apart + beside[:, None]
    gain, earned = apart @ weights, profit[:, 0] @ weights
    return np.vstack(
        [
            sold[:, 0] @ weights,
            revenue[:, 0] @ weights,
            earned,
            np.sqrt(((profit[:, 0] - earned[:, None]) ** 2 @ weights).clip(min=0.0)),
            gain,
            np.sqrt(((apart - gain[:, None]) ** 2 @ weights).clip(min=0.0) + doubt**2),
            (_above(apart, doubt) @ weights).clip(max=1.0),
        ]
    )


def _above(apart: Floats, doubt: Floats) -> Floats:
    """Probability that normal numbers with means [r, q] and deviations [r] are above 0."""
    z = np.divide(apart, doubt[:, None], out=np.where(apart > 0, np.inf, -np.inf), where=doubt[:, None] > 0).clip(-8, 8)
    # to three digits (Page, 1977)
    return np.where(doubt[:, None] > 0, 0.5 * (1 + np.tanh(0.7978845608 * (z + 0.044715 * z**3))), apart > 0)
