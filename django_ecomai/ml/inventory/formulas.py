"""Textbook lot sizes and stock levels of one product.

Notation and examples follow Snyder and Shen, "Fundamentals of Supply Chain Theory", 2nd ed. 2019 (chapters 3 to 5); the
time unit is free, but must be the same in every rate of a call. ``ValueError`` says which argument makes no sense.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from statistics import NormalDist
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

NORMAL = NormalDist()


class Lot(NamedTuple):
    """A lot size and its cost per time unit."""

    quantity: float
    cost: float


class BackorderLot(NamedTuple):
    """A lot of which the share ``backordered`` is already promised when it arrives."""

    quantity: float
    backordered: float
    cost: float


class DiscountLot(NamedTuple):
    """A lot bought in the price bracket number ``bracket`` (from 0); the cost holds the purchase."""

    quantity: float
    bracket: int
    cost: float


class BaseStock(NamedTuple):
    """A level that is filled up to, and its expected cost per period."""

    level: float
    cost: float


class ReorderLot(NamedTuple):
    """(r, Q): order ``quantity`` when the inventory position falls to ``reorder_point``."""

    reorder_point: float
    quantity: float
    cost: float


class MinMax(NamedTuple):
    """(s, S): at or below ``reorder_point`` order up to ``order_up_to``."""

    reorder_point: int
    order_up_to: int
    cost: float


def _positive(**values: float) -> None:
    for name, value in values.items():
        if not value > 0 or not math.isfinite(value):
            raise ValueError(f"{name} must be a positive number, not {value!r}")


def eoq(order_cost: ArrayLike, holding_cost: ArrayLike, demand_rate: ArrayLike) -> NDArray[np.float64]:
    """Economic order quantity ``sqrt(2 K d / h)``, element by element (Harris, 1913).

    ``holding_cost`` is money per piece and time unit, ``demand_rate`` pieces per time unit. No demand or no order cost
    is 0, free holding of something that sells is infinite. Raises ``ValueError`` for a negative or missing number.
    """
    order, holding, rate = (np.asarray(one, dtype=np.float64) for one in (order_cost, holding_cost, demand_rate))
    for name, value in (("order_cost", order), ("holding_cost", holding), ("demand_rate", rate)):
        if not np.all(value >= 0):
            raise ValueError(f"{name} must not be negative or missing")
    with np.errstate(divide="ignore", invalid="ignore"):
        found = np.sqrt(2.0 * order * rate / holding)
    return np.asarray(np.where(order * rate > 0, found, 0.0), dtype=np.float64)


def lot_cost(
    quantity: ArrayLike, order_cost: ArrayLike, holding_cost: ArrayLike, demand_rate: ArrayLike
) -> NDArray[np.float64]:
    """Order and holding cost per time unit of a lot size: ``K d / Q + h Q / 2``; element by element."""
    lot = np.asarray(quantity, dtype=np.float64)
    if not np.all(lot > 0):
        raise ValueError("quantity must be positive")
    orders = np.asarray(order_cost, dtype=np.float64) * np.asarray(demand_rate, dtype=np.float64) / lot
    return np.asarray(orders + np.asarray(holding_cost, dtype=np.float64) * lot / 2.0)


def eoq_backorders(order_cost: float, holding_cost: float, stockout_cost: float, demand_rate: float) -> BackorderLot:
    """Lot size when demand waits at ``stockout_cost`` per piece and time unit."""
    _positive(order_cost=order_cost, holding_cost=holding_cost, stockout_cost=stockout_cost, demand_rate=demand_rate)
    share = holding_cost / (holding_cost + stockout_cost)
    quantity = math.sqrt(2 * order_cost * demand_rate / (holding_cost * (1 - share)))
    cost = holding_cost * quantity * (1 - share) ** 2 / 2 + stockout_cost * quantity * share**2 / 2
    return BackorderLot(quantity, share, cost + order_cost * demand_rate / quantity)


def _brackets(breaks: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    """``(from quantity, unit price)`` in order; the first starts at 0, quantities are unique and prices positive."""
    found = sorted((float(start), float(price)) for start, price in breaks)
    if not found:
        raise ValueError("breaks must hold at least one (from quantity, unit price)")
    if any(not math.isfinite(start) or start < 0 or not price > 0 for start, price in found):
        raise ValueError("breaks must hold quantities that are not negative and positive prices")
    if len({start for start, _ in found}) < len(found):
        raise ValueError("breaks must not repeat a quantity")
    return [(0.0, found[0][1]), *found[1:]]


def eoq_all_units_discount(
    order_cost: float, holding_rate: float, demand_rate: float, breaks: Sequence[tuple[float, float]]
) -> DiscountLot:
    """Lot size when the price of the bracket holds for all pieces of the order.

    ``breaks`` are ``(from quantity, unit price)``; ``holding_rate`` is per unit of money and time unit.
    """
    _positive(order_cost=order_cost, holding_rate=holding_rate, demand_rate=demand_rate)
    brackets = _brackets(breaks)
    best = DiscountLot(math.nan, -1, math.inf)
    for at, (start, price) in enumerate(brackets):
        end = brackets[at + 1][0] if at + 1 < len(brackets) else math.inf
        quantity = max(math.sqrt(2 * order_cost * demand_rate / (holding_rate * price)), start)
        if quantity >= end:
            continue  # the next bracket is cheaper and begins before this one is best
        cost = price * demand_rate + order_cost * demand_rate / quantity + holding_rate * price * quantity / 2
        if cost < best.cost:
            best = DiscountLot(quantity, at, cost)
    return best


def eoq_incremental_discount(
    order_cost: float, holding_rate: float, demand_rate: float, breaks: Sequence[tuple[float, float]]
) -> DiscountLot:
    """Lot size when each price holds only for the pieces from its quantity on."""
    _positive(order_cost=order_cost, holding_rate=holding_rate, demand_rate=demand_rate)
    brackets = _brackets(breaks)
    best: DiscountLot | None = None
    paid_more = 0.0  # what the pieces below the bracket cost above its own price
    for at, (start, price) in enumerate(brackets):
        if at:
            before = brackets[at - 1]
            paid_more += (before[1] - price) * start
        end = brackets[at + 1][0] if at + 1 < len(brackets) else math.inf
        if order_cost + paid_more <= 0:
            continue
        quantity = math.sqrt(2 * (order_cost + paid_more) * demand_rate / (holding_rate * price))
        if not start <= quantity < end:
            continue
        cost = price * demand_rate + holding_rate * paid_more / 2
        cost += (order_cost + paid_more) * demand_rate / quantity + holding_rate * price * quantity / 2
        if best is None or cost < best.cost:
            best = DiscountLot(quantity, at, cost)
    if best is None:
        raise ValueError("breaks must fall in price: no bracket holds its own best lot")
    return best


def normal_loss(z: float) -> float:
    """``E[(Z - z)+]`` of a standard normal Z."""
    return NORMAL.pdf(z) - z * (1 - NORMAL.cdf(z))


def newsvendor_normal(holding_cost: float, stockout_cost: float, mean: float, sd: float) -> BaseStock:
    """Best level for one period of normal demand; costs per piece left over and per piece short."""
    _positive(holding_cost=holding_cost, stockout_cost=stockout_cost, mean=mean, sd=sd)
    z = NORMAL.inv_cdf(stockout_cost / (holding_cost + stockout_cost))
    return BaseStock(mean + z * sd, (holding_cost + stockout_cost) * NORMAL.pdf(z) * sd)


def newsvendor_samples(overage: float, underage: float, samples: ArrayLike) -> BaseStock:
    """Best level for one period whose demand is one of the ``samples`` [k]; the level is one of them."""
    _positive(overage=overage, underage=underage)
    demand = np.sort(np.asarray(samples, dtype=np.float64).ravel())
    if not len(demand) or not np.all(np.isfinite(demand)):
        raise ValueError("samples must hold at least one number, and numbers only")
    ratio = underage / (underage + overage)
    level = demand[min(max(math.ceil(ratio * len(demand) - 1e-9) - 1, 0), len(demand) - 1)]
    over, short = np.maximum(level - demand, 0).mean(), np.maximum(demand - level, 0).mean()
    return BaseStock(float(level), float(overage * over + underage * short))


def rq_eil(
    holding_cost: float,
    stockout_cost: float,
    order_cost: float,
    demand_mean: float,
    demand_sd: float,
    lead_time: float,
    *,
    tolerance: float = 1e-9,
    most: int = 1000,
) -> ReorderLot:
    """(r, Q) by the expected-inventory-level approximation, normal demand per time unit (Hadley and Whitin, 1963).

    ``stockout_cost`` is per piece short. Raises ``ValueError`` when being short is so cheap that no level is best.
    """
    _positive(holding_cost=holding_cost, stockout_cost=stockout_cost, order_cost=order_cost, demand_mean=demand_mean)
    _positive(demand_sd=demand_sd, lead_time=lead_time)
    mean, sd = demand_mean * lead_time, demand_sd * math.sqrt(lead_time)
    quantity = math.sqrt(2 * order_cost * demand_mean / holding_cost)
    point = mean
    for _ in range(most):
        risk = quantity * holding_cost / (stockout_cost * demand_mean)
        if not 0 < risk < 1:
            raise ValueError("stockout_cost is too low for an (r, Q) policy: it pays to be always out of stock")
        z = NORMAL.inv_cdf(1 - risk)
        before, point = (quantity, point), mean + z * sd
        short = sd * normal_loss(z)
        quantity = math.sqrt(2 * demand_mean * (order_cost + stockout_cost * short) / holding_cost)
        if abs(quantity - before[0]) < tolerance and abs(point - before[1]) < tolerance:
            break
    short = sd * normal_loss((point - mean) / sd)
    cost = holding_cost * (point - mean + quantity / 2)
    cost += (order_cost + stockout_cost * short) * demand_mean / quantity
    return ReorderLot(point, quantity, cost)


def poisson_pmf(mean: float, size: int) -> NDArray[np.float64]:
    """Probabilities of 0 .. ``size`` - 1 events, in logarithms so that large means do not underflow to nothing."""
    _positive(mean=mean)
    k = np.arange(size)
    logs = k * math.log(mean) - mean - np.array([math.lgamma(value + 1.0) for value in k])
    return np.asarray(np.exp(logs))


def ss_discrete(holding_cost: float, stockout_cost: float, order_cost: float, pmf: ArrayLike) -> MinMax:
    """Exact (s, S) of periodic review, discrete demand and backorders (Zheng and Federgruen, 1991).

    ``pmf`` [k] is the demand of one period; costs are per piece at its end. For a lead time of L periods use
    ``ss_from_cost`` with the expected cost of the demand over L + 1 periods.
    """
    _positive(holding_cost=holding_cost, stockout_cost=stockout_cost)
    chance = np.asarray(pmf, dtype=np.float64)
    if chance.ndim != 1 or not len(chance) or np.any(chance < 0) or not math.isclose(chance.sum(), 1, abs_tol=1e-6):
        raise ValueError("pmf must be probabilities that sum to 1")
    demand = np.arange(len(chance))
    mean = float((demand * chance).sum())

    def expected(level: int) -> float:
        over = float((np.maximum(level - demand, 0) * chance).sum())
        return holding_cost * over + stockout_cost * (over - level + mean)

    return ss_from_cost(expected, order_cost, chance)


def ss_poisson(holding_cost: float, stockout_cost: float, order_cost: float, mean: float) -> MinMax:
    """Exact (s, S) for Poisson demand of ``mean`` pieces per period; see ``ss_discrete``."""
    size = int(mean + 12 * math.sqrt(mean) + 30)
    pmf = poisson_pmf(mean, size)
    return ss_discrete(holding_cost, stockout_cost, order_cost, pmf / pmf.sum())


def ss_from_cost(expected: Callable[[int], float], order_cost: float, pmf: NDArray[np.float64]) -> MinMax:
    """The search of Zheng and Federgruen over a convex one-period cost ``expected(level)``."""
    _positive(order_cost=order_cost)
    if pmf[0] >= 1:
        raise ValueError("pmf must give demand a chance")
    known: dict[int, float] = {}

    def one(level: int) -> float:
        if level not in known:
            known[level] = float(expected(level))
        return known[level]

    # Renewal density m(j): expected number of periods in which the position stands j below the top.
    renewal = [1 / (1 - pmf[0])]

    def density(j: int) -> float:
        while len(renewal) <= j:
            n = len(renewal)
            most = min(n, len(pmf) - 1)
            past = np.array(renewal[n - most : n][::-1])
            renewal.append(float((pmf[1 : most + 1] * past).sum()) / (1 - pmf[0]))
        return renewal[j]

    def average(s: int, top: int) -> float:
        weights = [density(j) for j in range(top - s)]
        held = sum(weight * one(top - j) for j, weight in enumerate(weights))
        return (order_cost + held) / sum(weights)

    best = 0
    while one(best + 1) < one(best):
        best += 1
    while one(best - 1) < one(best):
        best -= 1
    s, top = best - 1, best
    while average(s, top) > one(s):
        s -= 1
    cost, found = average(s, top), top
    top += 1
    while one(top) <= cost:
        if average(s, top) < cost:
            found = top
            while average(s, found) <= one(s + 1):
                s += 1
            cost = average(s, found)
        top += 1
    return MinMax(s, found, float(cost))
