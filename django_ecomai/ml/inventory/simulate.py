"""Stock day by day under a policy: one engine for what-if and benchmark."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .policy import DAYS_PER_YEAR
from .substitution import Substitutes, moves

#: ``decide(day, position [R, n]) -> pieces to order [R, n]``; asked in the morning, after receipts.
Decide = Callable[[int, NDArray[np.float64]], NDArray[np.float64]]


@dataclass(frozen=True, eq=False)
class Replay:
    """[R, n] each, over the days that count: pieces and money; ``None`` where paths were not kept.

    ``stock`` [R, n, days] is at the end of each day, ``orders`` [R, n, days] what was ordered in its morning.
    ``asked_by_day`` and ``sold_by_day`` [R, days] are pieces of all products, the warm-up included. ``moved`` pieces of
    the product were asked for and met by a substitute: they count as ``sold`` nowhere, and ``lost_margin`` is less by
    what the substitute earned.
    """

    demand: NDArray[np.float64]
    sold: NDArray[np.float64]
    moved: NDArray[np.float64]
    holding: NDArray[np.float64]
    ordering: NDArray[np.float64]
    lost_margin: NDArray[np.float64]
    orders_placed: NDArray[np.float64]
    bought: NDArray[np.float64]
    days_out: NDArray[np.float64]
    mean_stock: NDArray[np.float64]
    asked_by_day: NDArray[np.float64]
    sold_by_day: NDArray[np.float64]
    stock: NDArray[np.float32] | None
    orders: NDArray[np.float32] | None

    @property
    def fill_rate(self) -> float:
        """Share of all pieces asked for that were served at once."""
        asked = float(self.demand.sum())
        return float(self.sold.sum()) / asked if asked else 1.0

    @property
    def cost(self) -> float:
        """Holding and ordering, mean over replications."""
        return float((self.holding + self.ordering).sum(axis=1).mean())

    @property
    def total_cost(self) -> float:
        """Holding, ordering and lost margin, mean over replications."""
        return self.cost + float(self.lost_margin.sum(axis=1).mean())


@dataclass(frozen=True, eq=False)
class LevelPolicy:
    """(s, S), (R, S) or (s, nQ): at or below ``point`` order up to ``top``, or with ``multiples`` in lots.

    ``point``, ``top`` and ``lot`` are [n], or [epochs, n] when they change: epoch ``day // epoch_days`` holds.
    Orders are at least ``moq`` and whole packs.
    """

    point: NDArray[np.float64]
    top: NDArray[np.float64]
    lot: NDArray[np.float64] | None = None
    multiples: NDArray[np.bool_] | None = None
    moq: ArrayLike = 0.0
    pack: ArrayLike = 1.0
    epoch_days: int = 1

    def __call__(self, day: int, position: NDArray[np.float64]) -> NDArray[np.float64]:
        """Pieces to order [R, n]."""
        point, top = self._now(self.point, day), self._now(self.top, day)
        due = (position <= point) & (top > position)
        need = np.where(due, top - position, 0.0)
        if self.multiples is not None and self.lot is not None:
            whole = np.ceil(self._now(self.lot, day)).clip(min=1.0)
            need = np.where(due & self.multiples, (np.floor((point - position) / whole) + 1) * whole, need)
        pack = np.asarray(self.pack, dtype=np.float64)
        least = np.maximum(need, np.asarray(self.moq, dtype=np.float64))
        return np.where(need > 0, np.ceil(least / pack - 1e-9) * pack, 0.0)

    def _now(self, values: NDArray[np.float64], day: int) -> NDArray[np.float64]:
        if values.ndim == 1:
            return values
        return np.asarray(values[min(day // self.epoch_days, len(values) - 1)])


def within_budget(decide: Decide, *, unit_cost: ArrayLike, priority: ArrayLike, budget: float) -> Decide:
    """Orders of a day in the order of ``priority`` [n] (high first) as long as the sum fits into ``budget``.

    An order that does not fit is left out whole and the next smaller one may still fit behind it.
    """
    price = np.asarray(unit_cost, dtype=np.float64)
    order = np.argsort(-np.asarray(priority, dtype=np.float64), kind="stable")

    def capped(day: int, position: NDArray[np.float64]) -> NDArray[np.float64]:
        wanted = np.array(decide(day, position))
        left = np.full(len(wanted), float(budget))
        for at in order[(wanted[:, order] > 0).any(axis=0)]:
            value = wanted[:, at] * price[at]
            fits = value <= left + 1e-9
            wanted[~fits, at] = 0.0
            left -= np.where(fits, value, 0.0)
        return wanted

    return capped


def replay(
    *,
    demand: ArrayLike,
    decide: Decide,
    lead_days: ArrayLike,
    on_hand: ArrayLike,
    review_days: ArrayLike,
    unit_cost: ArrayLike,
    holding_rate: ArrayLike = 0.25,
    order_cost: ArrayLike = 0.0,
    lost_per_piece: ArrayLike = 0.0,
    on_order: ArrayLike = 0.0,
    receipt_in_days: ArrayLike = np.nan,
    warm_up: int = 0,
    days_per_period: float = 1.0,
    keep: bool = False,
    substitutes: Substitutes | None = None,
) -> Replay:
    """Play ``demand`` [n, days] or [R, n, days] against a policy; what is not there is a lost sale.

    With ``substitutes`` a share of what is missed is served, at the end of the day, from what they have left.

    A morning brings receipts, then (every ``review_days`` [n], from day 0 on) an order, then the day's demand. An order
    of day t with the lead time L arrives on the morning of day t + L. ``lead_days`` is [n], [n, K] or [R, n, K]: the
    order of day t takes number ``t % K``, whatever was ordered before, so that policies that are compared meet the same
    luck (common random numbers). Open orders (``on_order`` [n]) come after ``receipt_in_days`` [n] (NaN, or below 0
    when overdue: after the first lead time). ``holding_rate`` is per year; a period lasts ``days_per_period`` days, in
    which review and lead times are then counted in periods. The first ``warm_up`` periods are played but do not count.
    Raises ``ValueError`` for shapes that do not fit, negative demand or stock.
    """
    asked = np.asarray(demand, dtype=np.float64)
    asked = asked[None] if asked.ndim == 2 else asked
    if asked.ndim != 3 or not np.all(asked >= 0):
        raise ValueError("demand must be [n, days] or [R, n, days], not negative and never missing")
    n, days = asked.shape[1:]
    lead = _leads(lead_days, n)
    times = max(len(asked), len(lead))
    if len(asked) not in (1, times) or len(lead) not in (1, times):
        raise ValueError("demand and lead_days must have the same number of replications")
    asked = np.broadcast_to(asked, (times, n, days))
    lead = np.broadcast_to(lead, (times, *lead.shape[1:]))
    have = _start(on_hand, "on_hand", times, n)
    review = np.rint(np.broadcast_to(np.asarray(review_days, dtype=np.float64), n)).astype(np.int64).clip(min=1)
    if not 0 <= warm_up < max(days, 1):
        raise ValueError("warm_up must leave a day that counts")
    price, rate, each, lost = (
        np.broadcast_to(np.asarray(one, dtype=np.float64), n)
        for one in (unit_cost, holding_rate, order_cost, lost_per_piece)
    )
    per_piece = price * rate * days_per_period / DAYS_PER_YEAR
    coming = np.zeros((times, n, days + int(lead.max(initial=0)) + 1), dtype=np.float32)
    pending = _start(on_order, "on_order", times, n)
    first = np.broadcast_to(np.asarray(receipt_in_days, dtype=np.float64), n)
    due = np.where(np.isfinite(first) & (first >= 0), np.rint(first), lead[:, :, 0]).astype(np.int64)
    due = np.broadcast_to(due, (times, n)).clip(max=coming.shape[2] - 1)
    rows, columns = np.arange(times)[:, None], np.arange(n)[None, :]
    np.add.at(coming, (rows, columns, due), pending)
    sums = {name: np.zeros((times, n)) for name in ("demand", "sold", "moved", "stock", "orders", "bought", "out")}
    kept = np.zeros((times, n))
    stocks, orders = (np.zeros((times, n, days), dtype=np.float32) if keep else None for _ in range(2))
    sold_by_day = np.zeros((times, days))
    for day in range(days):
        arrived = coming[:, :, day]
        have, pending = have + arrived, pending - arrived
        wanted = np.zeros((times, n))
        asks = day % review == 0
        if asks.any():
            wanted = np.where(asks, decide(day, have + pending), 0.0)
            took = lead[:, :, day % lead.shape[2]]
            now = wanted * (took == 0)
            have, pending = have + now, pending + wanted - now
            np.add.at(coming, (rows, columns, day + took), wanted - now)
        sold = np.minimum(have, asked[:, :, day])
        have = have - sold
        gone = np.zeros((0, times))
        if substitutes is not None and len(substitutes):
            gone = moves(substitutes, (asked[:, :, day] - sold).T, have.T)
            np.subtract.at(have.T, substitutes.substitute, gone)
            have = have.clip(min=0.0)  # what rounding leaves
        sold_by_day[:, day] = sold.sum(axis=1)
        if stocks is not None and orders is not None:
            stocks[:, :, day], orders[:, :, day] = have, wanted
        if day >= warm_up:
            sums["demand"] += asked[:, :, day]
            sums["sold"] += sold
            sums["stock"] += have
            sums["orders"] += wanted > 0
            sums["bought"] += wanted
            sums["out"] += (have <= 0) & (asked[:, :, day] > sold)
            if len(gone) and substitutes is not None:
                np.add.at(sums["moved"].T, substitutes.product, gone)
                np.add.at(kept.T, substitutes.product, gone * lost[substitutes.substitute, None])
    counted = max(days - warm_up, 1)
    return Replay(
        demand=sums["demand"],
        sold=sums["sold"],
        holding=sums["stock"] * per_piece,
        ordering=sums["orders"] * each,
        moved=sums["moved"],
        lost_margin=((sums["demand"] - sums["sold"]) * lost - kept).clip(min=0.0),
        orders_placed=sums["orders"],
        bought=sums["bought"],
        days_out=sums["out"],
        mean_stock=sums["stock"] / counted,
        asked_by_day=asked.sum(axis=1),
        sold_by_day=sold_by_day,
        stock=stocks,
        orders=orders,
    )


def _leads(lead_days: ArrayLike, n: int) -> NDArray[np.int64]:
    found = np.asarray(lead_days, dtype=np.float64)
    found = found[:, None] if found.ndim == 1 else found
    found = found[None] if found.ndim == 2 else found
    if found.ndim != 3 or found.shape[1] != n or not found.shape[2]:
        raise ValueError("lead_days must be [n], [n, K] or [R, n, K]")
    clean = np.nan_to_num(found, nan=0.0, posinf=0.0, neginf=0.0).clip(min=0.0)
    return np.asarray(np.rint(clean).astype(np.int64))


def _start(values: ArrayLike, name: str, times: int, n: int) -> NDArray[np.float64]:
    found = np.asarray(values, dtype=np.float64)
    if not np.all(found >= 0):
        raise ValueError(f"{name} must not be negative or missing")
    return np.array(np.broadcast_to(found, (times, n)))
