"""One target for many products: where a piece of safety stock buys the most service."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .formulas import eoq
from .policy import DAYS_PER_YEAR, expected_short
from .protection import ProtectionDemand, risk_level

_STEPS = 36


@dataclass(frozen=True, eq=False)
class Plan:
    """Levels [n] for one price of a lost piece, with what they are expected to do.

    ``fill`` [n] is the expected share of demand served, ``cost`` [n] holding and ordering per day, ``penalty`` what a
    lost piece (of weight 1) was taken to cost. Products that are not worth keeping have level 0 and fill 0.
    """

    reorder_point: NDArray[np.float64]
    order_up_to: NDArray[np.float64]
    lot: NDArray[np.float64]
    fill: NDArray[np.float64]
    cost: NDArray[np.float64]
    penalty: float

    def shared_fill(self, weight: ArrayLike) -> float:
        """Expected share of the weighted demand that is served; ``weight`` [n] is demand times what a piece counts."""
        heavy = np.asarray(weight, dtype=np.float64)
        return float((self.fill * heavy).sum() / heavy.sum()) if heavy.sum() > 0 else 1.0


def steered_fill(target: float, *, asked: float, served: float, usual: float) -> float:
    """The fill rate to ask for from now on, so that what was served catches up with ``target``.

    What is missing so far, ``target * asked - served`` pieces, is asked for on top over the next ``usual`` pieces of
    demand (feedback on what was reached, as in adaptive conformal inference; Gibbs and Candes, 2021): the target is
    reached in the long run, whatever the forecasts are wrong about. Between half and 99.95 %.
    """
    missing = (target * asked - served) / usual if usual > 0 else 0.0
    return float(np.clip(target + missing, 0.5, 0.9995))


class SharedTarget:
    """(s, S) levels of n products that reach one fill rate over all of them at least cost.

    Every product takes the risk at which one more piece costs as much to hold as it saves: ``penalty`` per lost piece
    times ``weight`` (Hadley and Whitin, 1963, lost sales). The penalty is found by bisection, so that no other split
    of the same expected fill holds less (a Lagrange multiplier over the assortment; Sherbrooke, 2004, for spare parts).
    In theory the risk that pays grows with the length of an order cycle; when levels are forecast, not known, the root
    of it (``cycle_power``) served more at the same cost in replays of two shops. Lots are the economic ones times
    ``lot_factor``. What costs more to keep than a lost piece is worth is not kept in stock, unless ``keep_all``.
    ``weight`` 1 counts pieces, the price counts turnover, the margin counts margin.
    """

    def __init__(
        self,
        demand: ProtectionDemand,
        *,
        unit_cost: ArrayLike,
        holding_rate: ArrayLike,
        order_cost: ArrayLike,
        weight: ArrayLike = 1.0,
        least_lot: ArrayLike = 1.0,
        most_cover_days: ArrayLike = 365.0,
        cycle_power: float = 0.5,
        lot_factor: float = 1.0,
        keep_all: bool = False,
    ) -> None:
        n = len(demand)
        cost, rate, self.order_cost, self.weight, least, longest = (
            np.array(np.broadcast_to(np.asarray(one, dtype=np.float64), n))
            for one in (unit_cost, holding_rate, order_cost, weight, least_lot, most_cover_days)
        )
        if not all(np.all(one >= 0) for one in (cost, rate, self.order_cost, self.weight, least, longest)):
            raise ValueError("costs, rates, weights and lots must not be negative or missing")
        self.demand = demand
        self.daily = demand.daily
        self.holding = cost * rate / DAYS_PER_YEAR
        self.cycle_power, self.keep_all = cycle_power, keep_all
        best = np.rint(lot_factor * eoq(self.order_cost, np.maximum(self.holding, 1e-12), self.daily))
        self.lot = best.clip(least, np.maximum(self.daily * longest, least))
        self.ordered = np.sort(demand.total, axis=1)
        self.mean_total = demand.total.mean(axis=1, dtype=np.float64)
        self.review = (demand.total - demand.lead).mean(axis=1, dtype=np.float64)

    def plan(self, penalty: float) -> Plan:
        """Levels for a given price of a lost piece."""
        lost, lot = penalty * self.weight, self.lot
        cycle = np.maximum(lot, self.review)
        length = np.divide(cycle, self.daily, out=np.zeros(len(lot)), where=self.daily > 0)
        held = self.holding * length**self.cycle_power
        risk = np.divide(held, lost + held, out=np.ones(len(lot)), where=lost + held > 0)
        level = risk_level(self.ordered, risk)
        share = np.divide(self.review, cycle, out=np.ones(len(lot)), where=cycle > 0)
        # At the last review without an order the position lay half a review's demand above the point, on average.
        point = (level - np.minimum(lot, self.review)).clip(min=0.0)
        middle = point + np.minimum(lot, self.review) / 2
        short = expected_short(self.demand.total, middle) - share * expected_short(self.demand.lead, middle)
        short = short.clip(min=0.0)
        fill = np.divide(cycle, cycle + short, out=np.zeros(len(lot)), where=cycle > 0)
        stock = (level - self.mean_total + short).clip(min=0.0) + cycle / 2
        per_day = self.holding * stock + self.order_cost * self.daily * fill / np.maximum(cycle, 1e-9)
        kept = (self.daily > 0) & (self.keep_all | (per_day < lost * self.daily * fill))
        point = np.rint(point)  # whole pieces, as stock is
        return Plan(
            reorder_point=np.where(kept, point, 0.0),
            order_up_to=np.where(kept, np.maximum(point + lot, level), 0.0),
            lot=np.where(kept, lot, 0.0),
            fill=np.where(kept, fill, 0.0),
            cost=np.where(kept, per_day, 0.0),
            penalty=float(penalty),
        )

    def reach(self, fill: float) -> Plan:
        """The plan whose expected fill over all products is at least ``fill``; raises ``ValueError`` outside (0, 1)."""
        if not 0 < fill < 1:
            raise ValueError("fill must be between 0 and 1")
        heavy = self.daily * self.weight
        scale = float(self.holding.max(initial=0.0)) or 1.0
        low, high = 1e-6 * scale, 1e9 * scale
        plan = self.plan(high)
        for _ in range(_STEPS):
            middle = float(np.sqrt(low * high))
            found = self.plan(middle)
            if found.shared_fill(heavy) >= fill:
                plan, high = found, middle
            else:
                low = middle
            if high / low < 1.01:
                break
        return plan
