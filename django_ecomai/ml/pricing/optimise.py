"""The price that is worth most, over all that the elasticity may be, inside the guardrails."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .gains import gain_ends
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
    of the demand path, ``profit_sd`` over the posterior; ``gain`` and ``gain_sd`` are of the goal against today's
    price, ``gain_chance`` is the probability that there is any and ``gain_low`` to ``gain_high`` hold 95 % of it, both
    out of one distribution. For ``sell_through`` the gain is in pieces."""

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
    gain_low: Floats
    gain_high: Floats


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
    be sold from today on (infinite: no limit); ``left_value`` [n] what a piece is worth that is left when the path
    ends: its cost when it can be sold later, 0 or less when it spoils or must be cleared. ``elasticity`` and ``sd``
    [n]. ``aside``: what the prices do to others, where that is known; it counts for the most profit. ``arriving``
    [n, k] pieces come while the path lasts, and ``after`` [n, k] of its pieces are asked for from then on, in the order
    of their arrival with zeros behind; they cannot be sold before. None: nothing comes."""

    path: Floats
    elasticity: Floats
    sd: Floats
    stock: Floats
    left_value: Floats
    aside: Aside | None = None
    arriving: Floats | None = None
    after: Floats | None = None

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
        arriving: ArrayLike | None = None,
        after: ArrayLike | None = None,
    ) -> Demand:
        """``left_value`` is ``cost`` where nothing is said. Raises ``ValueError`` for shapes that do not fit."""
        days = np.asarray(path, dtype=np.float64)
        if days.ndim != 2:
            raise ValueError("path must be [products, periods]")
        n = len(days)
        numbers = [cost if left_value is None else left_value, elasticity, sd, stock]
        for one in numbers:
            if np.ndim(one) > 1 or (np.ndim(one) and len(np.asarray(one)) != n):
                raise ValueError(f"elasticity, sd, cost, stock and left_value must be one number or [{n}]")
        value, mean, spread, pieces = (np.array(np.broadcast_to(np.asarray(one, np.float64), n)) for one in numbers)
        days = np.nan_to_num(days).clip(min=0.0)
        found = cls(days, mean, spread, np.where(np.isnan(pieces), np.inf, pieces).clip(min=0.0), value)
        if arriving is None:
            return found
        come, later = np.asarray(arriving, np.float64), np.asarray(after, np.float64)
        if come.ndim != 2 or come.shape != later.shape or len(come) != n:
            raise ValueError(f"arriving and after must be [{n}, arrivals] alike")
        return replace(found, arriving=come.clip(min=0.0), after=later.clip(min=0.0)) if come.any() else found

    def only(self, rows: NDArray[np.int64]) -> Demand:
        """That of some products."""
        return Demand(
            self.path[rows], self.elasticity[rows], self.sd[rows], self.stock[rows], self.left_value[rows],
            None if self.aside is None else self.aside.only(rows),
            None if self.arriving is None else self.arriving[rows], None if self.after is None else self.after[rows],
        )  # fmt: skip

    @property
    def supply(self) -> Floats:
        """All pieces [n] that can be sold until the path ends."""
        return self.stock if self.arriving is None else self.stock + self.arriving.sum(axis=1)

    def caps(self) -> tuple[Floats, Floats]:
        """What is sold where ``f`` times the path is asked for is the least of ``f * slope`` + ``given`` [n, 2 + k]:
        all that is asked for, or what was there before an arrival and all that is asked for from it on, or all pieces.
        """
        whole, none = self.path.sum(axis=1), np.zeros(len(self.path))
        if self.arriving is None or self.after is None:
            return np.column_stack([whole, none]), np.column_stack([none, self.stock])
        there = self.stock[:, None] + np.cumsum(self.arriving, axis=1)
        return np.column_stack([whole, self.after, none]), np.column_stack([none, self.stock, there])

    def sold(self, power: Floats) -> Floats:
        """Pieces [n, g, q] sold where ``power`` [n, g, q] times the path is asked for."""
        found = self.path.sum(axis=1)[:, None, None] * power
        np.minimum(found, self.supply[:, None, None], out=found)
        if self.arriving is not None:
            some = np.flatnonzero(self.arriving.any(axis=1) & np.isfinite(self.stock))
            slope, given = self.only(some).caps()
            part, asked = found[some], power[some]
            for at in range(1, slope.shape[1] - 1):
                np.minimum(part, slope[:, at, None, None] * asked + given[:, at, None, None], out=part)
            found[some] = part
        return found


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
    through a stock that is not known has no target. A family gets the one price that is worth most to all of its
    members with the same goal together, or that sells that share of what they have together. Raises ``ValueError`` for
    unknown goals and shapes that do not fit.
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
    for rows in _chunks(limits.family):
        target[rows] = _best(
            demand.only(rows), limits.price[rows], low[rows], high[rows], kind[rows], share[rows], caution,
            limits.family[rows],
        )  # fmt: skip
    guarded = guard(target, limits, endings=endings, ending_base=ending_base)
    held = guarded.held.copy()
    held[~np.isfinite(demand.elasticity)] = "no_elasticity"
    price = np.where(held == "", guarded.price, limits.price)
    return Proposals(price, target, held, guarded, *outcome(demand, limits, goal=kind, price=price))


def outcome(demand: Demand, limits: Limits, *, goal: ArrayLike, price: ArrayLike) -> Floats:
    """What prices [n] from elsewhere bring, float64 [9, n]: units, revenue, profit and its deviation, gain of the goal
    against today's price, its deviation, the probability that there is any, and the ends of its 95 % interval."""
    n = len(limits)
    kind = np.broadcast_to(np.asarray(goal), n)
    asked = np.broadcast_to(np.asarray(price, dtype=np.float64), n)
    parts = []
    for start in range(0, n, _CHUNK):
        rows = np.arange(start, min(start + _CHUNK, n))
        parts.append(_outcome(demand.only(rows), limits.price[rows], kind[rows], asked[rows]))
    return np.concatenate(parts, axis=1) if parts else np.zeros((9, 0))


def _power(demand: Demand, log_ratio: Floats, nodes: Floats) -> Floats:
    """By what demand is multiplied, [n, g, q], at log price ratios [n, g] for each node of the posterior."""
    slope = np.nan_to_num(demand.elasticity)[:, None] + np.nan_to_num(demand.sd)[:, None] * nodes
    # nobody buys more because it costs more: what is above 0 of the posterior counts as 0
    found = np.minimum(slope, 0.0)[:, None, :] * log_ratio[:, :, None]
    return np.asarray(np.exp(found, out=found))


def _chunks(family: NDArray[np.int64]) -> Iterator[NDArray[np.int64]]:
    """Rows in parts of some size that cut no family."""
    rows = np.argsort(family, kind="stable")
    start = 0
    while start < len(rows):
        end = min(start + _CHUNK, len(rows))
        while end < len(rows) and family[rows[end]] >= 0 and family[rows[end]] == family[rows[end - 1]]:
            end += 1
        yield rows[start:end]
        start = end


@dataclass(frozen=True, eq=False)
class _Together:
    """``rows`` that share a price with others, and the dense index ``group`` of theirs."""

    rows: NDArray[np.int64]
    group: NDArray[np.int64]

    def sums(self, values: Floats) -> Floats:
        """[n, g] with those of a group added up, for each of its rows."""
        if not len(self.rows):
            return values
        total = np.zeros((self.group.max() + 1, values.shape[1]))
        np.add.at(total, self.group, values[self.rows])
        found = values.copy()
        found[self.rows] = total[self.group]
        return found

    def least(self, values: Floats) -> Floats:
        """[n] the lowest of a group, for each of its rows."""
        return self._of(values, np.minimum, np.inf)

    def most(self, values: Floats) -> Floats:
        """[n] the highest of a group, for each of its rows."""
        return self._of(values, np.maximum, -np.inf)

    def _of(self, values: Floats, which: np.ufunc, start: float) -> Floats:
        if not len(self.rows):
            return values
        ends = np.full(self.group.max() + 1, start)
        which.at(ends, self.group, values[self.rows])
        found = values.copy()
        found[self.rows] = ends[self.group]
        return found


def _together(family: NDArray[np.int64], kind: NDArray[np.str_], ok: NDArray[np.bool_]) -> _Together:
    """Members of a family that seek the same, so that what prices are worth to them may be added up."""
    rows = np.flatnonzero((family >= 0) & ok)
    pairs = np.column_stack([family[rows], np.unique(kind[rows], return_inverse=True)[1]]) if len(rows) else None
    group = rows if pairs is None else np.unique(pairs, axis=0, return_inverse=True)[1].reshape(-1)
    return _Together(rows, group)


def _best(
    demand: Demand,
    price: Floats,
    low: Floats,
    high: Floats,
    kind: NDArray[np.str_],
    share: Floats,
    caution: float,
    family: NDArray[np.int64],
) -> Floats:
    ok = np.isfinite(price) & (price > 0) & np.isfinite(demand.elasticity) & (low <= high)
    ok &= (kind != "sell_through") | np.isfinite(demand.stock)
    safe = np.where(ok, price, 1.0)
    together = _together(family, kind, ok)
    lowest = np.where(ok, np.maximum(low, together.least(safe) * (1 - _WIDEST)), 1.0)
    highest = np.where(ok, np.maximum(np.minimum(high, together.most(safe) * (1 + _WIDEST)), lowest), 1.0)
    part = np.linspace(0.0, 1.0, GRID)
    log = np.log(lowest / safe)[:, None] * (1 - part) + np.log(highest / safe)[:, None] * part
    nodes, weights = posterior_nodes()
    sold = demand.sold(_power(demand, log, nodes))
    asked = safe[:, None] * np.exp(log)
    value = np.where(kind == "profit", np.nan_to_num(demand.left_value), 0.0)
    worth = (asked - value[:, None])[:, :, None] * sold
    mean = worth @ weights
    if demand.aside is not None:
        mean = mean + np.where(kind == "profit", 1.0, 0.0)[:, None] * demand.aside.gain(log)
    if caution:
        today = demand.sold(_power(demand, np.zeros((len(price), 1)), nodes)) * (safe - value)[:, None, None]
        apart = worth - today
        middle = apart @ weights
        mean = mean - today @ weights - caution * np.sqrt(((apart - middle[:, :, None]) ** 2 @ weights).clip(min=0.0))
    best = together.sums(mean).argmax(axis=1)
    supply = np.where(np.isfinite(demand.supply), share * demand.supply, 0.0)
    clears = together.sums(sold @ weights) >= together.sums(supply[:, None])
    last = np.where(clears.any(axis=1), GRID - 1 - clears[:, ::-1].argmax(axis=1), 0)
    best = np.where(kind == "sell_through", last, best)
    return np.where(ok, asked[np.arange(len(price)), best], np.nan)


def _outcome(demand: Demand, price: Floats, kind: NDArray[np.str_], wanted: Floats) -> Floats:
    """[9, n], see `outcome`."""
    today = np.where(np.isfinite(price) & (price > 0), price, 1.0)
    asked = np.where(np.isfinite(wanted) & (wanted > 0), wanted, today)
    both = np.column_stack([asked, today])
    log = np.log(both / today[:, None])
    nodes, weights = posterior_nodes()
    sold = demand.sold(_power(demand, log, nodes))
    left = np.nan_to_num(demand.left_value)[:, None]
    profit, revenue = (both - left)[:, :, None] * sold, both[:, :, None] * sold
    goal = kind[:, None]
    # what a piece counts for at both prices
    each = np.where(goal == "profit", both - left, np.where(goal == "revenue", both, 1.0))
    apart = each[:, :1] * sold[:, 0] - each[:, 1:] * sold[:, 1]
    beside, doubt = np.zeros(len(price)), np.zeros(len(price))
    if demand.aside is not None:
        beside = np.where(kind == "profit", demand.aside.gain(log[:, :1])[:, 0], 0.0)
        doubt = np.where(kind == "profit", demand.aside.doubt(log[:, 0]), 0.0)
    gain, earned = apart @ weights, profit[:, 0] @ weights
    return np.vstack(
        [
            sold[:, 0] @ weights,
            revenue[:, 0] @ weights,
            earned,
            np.sqrt(((profit[:, 0] - earned[:, None]) ** 2 @ weights).clip(min=0.0)),
            gain + beside,
            np.sqrt(((apart - gain[:, None]) ** 2 @ weights).clip(min=0.0) + doubt**2),
            *gain_ends(demand, log[:, 0], each, beside, doubt),
        ]
    )
