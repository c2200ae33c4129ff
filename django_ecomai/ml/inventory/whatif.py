"""What if demand, lead time, target, price, cost or budget were others: the same future, played twice."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .orders import Limits
from .pooling import PooledSpread
from .protection import Sales, demand_paths, protection_demand
from .simulate import Decide, LevelPolicy, Replay, replay, within_budget
from .substitution import Substitutes, with_moved_in
from .suggest import StockPosition, paying_lot, stock_levels

QUANTILES = (0.05, 0.5, 0.95)
#: Days after which levels are set anew.
EPOCH_DAYS = 14


@dataclass(frozen=True, eq=False)
class Scenario:
    """n products and the world they are ordered in.

    ``mean`` [n, days] is the forecast per day, ``history`` and ``censored`` as in ``Sales``,
    ``lead_time_samples`` [n, S] in days. ``budget`` is money per review day (infinite: no limit). ``spread`` is what
    was learned of the spread of demand from all products, so that a few get the levels that they have among all;
    ``substitutes`` take over a share of what a product misses.
    """

    stock: StockPosition
    mean: NDArray[np.floating]
    history: NDArray[np.floating]
    lead_time_samples: NDArray[np.floating]
    censored: NDArray[np.bool_] | None = None
    budget: float = np.inf
    limits: Limits = field(default_factory=Limits)
    spread: PooledSpread | None = None
    substitutes: Substitutes | None = None

    def changed(
        self,
        *,
        demand: ArrayLike = 1.0,
        lead_time: ArrayLike = 1.0,
        lead_days: ArrayLike = 0.0,
        budget: float | None = None,
        **stock: ArrayLike,
    ) -> Scenario:
        """The scenario with another forecast, lead time, budget or stock data.

        ``demand`` multiplies the forecast: one number, [n], or [n, days] or [1, days] (a promotion is a factor above 1
        on its days, a price change the factor that its elasticity gives). Lead times become ``lead_time * days +
        lead_days``, at least 0. Other names are fields of ``StockPosition`` (``fill_target``, ``unit_price``, ...) with
        their new values, one number or [n]. Raises ``ValueError`` for unknown names and negative factors.
        """
        factor, longer = np.asarray(demand, dtype=np.float64), np.asarray(lead_time, dtype=np.float64)
        if not np.all(factor >= 0) or not np.all(longer >= 0):
            raise ValueError("demand and lead_time are factors: they must not be negative or missing")
        mean = self.mean * (factor[:, None] if factor.ndim == 1 else factor)
        more = np.asarray(lead_days, dtype=np.float64)
        lead = self.lead_time_samples * _column(longer) + _column(more)
        n = len(self.stock)
        values: dict[str, Any] = {}
        for name, value in stock.items():
            if name not in self.stock.__dataclass_fields__:
                raise ValueError(f"a stock position has no {name}")
            values[name] = np.array(np.broadcast_to(np.asarray(value), n))
        values.setdefault("demand_daily", mean.mean(axis=1, dtype=np.float64))
        return replace(
            self,
            stock=replace(self.stock, **values),
            mean=mean,
            lead_time_samples=lead.clip(min=0.0),
            budget=self.budget if budget is None else float(budget),
        )


@dataclass(frozen=True, eq=False)
class Outcome:
    """A future of a scenario; money and pieces are means over the replications, over all products and the horizon.

    ``stock_value`` [3, days] are the 5, 50 and 95 % quantiles of the value in stock at the end of each day, ``out``
    [days] the expected number of products that are out of stock. ``reorder_point`` and ``order_up_to`` [n] are the
    levels of today, ``replay`` every product's numbers. ``sold`` pieces include those that moved to substitutes,
    ``revenue`` does not; ``margin`` is what is earned on both, before holding and ordering.
    """

    fill_rate: float
    stockout_days: float
    holding: float
    ordering: float
    lost_margin: float
    moved: float
    bought: float
    orders: float
    sold: float
    revenue: float
    margin: float
    stock_value: NDArray[np.float64]
    out: NDArray[np.float64]
    reorder_point: NDArray[np.float64]
    order_up_to: NDArray[np.float64]
    replay: Replay

    @property
    def cost(self) -> float:
        """Holding, ordering and lost margin."""
        return self.holding + self.ordering + self.lost_margin

    @property
    def profit(self) -> float:
        """Margin of what is sold, less holding and ordering."""
        return self.margin - self.holding - self.ordering


@dataclass(frozen=True, eq=False)
class Comparison:
    """Today's plan and the changed one under the same luck."""

    base: Outcome
    changed: Outcome

    def difference(self) -> dict[str, float]:
        """Changed minus base, per number of ``Outcome`` that is one number."""
        names = (
            "fill_rate",
            "stockout_days",
            "holding",
            "ordering",
            "lost_margin",
            "moved",
            "bought",
            "orders",
            "sold",
            "revenue",
            "margin",
            "profit",
            "cost",
        )
        return {name: float(getattr(self.changed, name) - getattr(self.base, name)) for name in names}


def compare(base: Scenario, changed: Scenario, *, days: int = 90, paths: int = 100, seed: int = 0) -> Comparison:
    """Play both scenarios over ``days`` with common random numbers.

    The same past days are drawn for the same paths and the same lead times for the same orders, so that the difference
    is the change's and not the luck's: an unchanged scenario differs by exactly 0. Raises ``ValueError`` when the
    scenarios are not of the same products or have no luck in common.
    """
    if len(base.stock) != len(changed.stock) or base.lead_time_samples.shape != changed.lead_time_samples.shape:
        raise ValueError("both scenarios must be of the same products and lead time samples")
    if days < 1 or paths < 1:
        raise ValueError("days and paths must be at least 1")
    return Comparison(*(play(one, days=days, paths=paths, seed=seed) for one in (base, changed)))


def play(scenario: Scenario, *, days: int = 90, paths: int = 100, seed: int = 0) -> Outcome:
    """Set the levels as ``suggest`` would, every two weeks anew, and play ``days`` from today's stock and orders.

    What moves to substitutes counts in the levels of today; later ones do not know what will be sold out then.
    """
    stock = scenario.stock.cleaned()
    free = (stock.on_hand - stock.reserved).clip(min=0.0)
    sales = Sales(scenario.mean, scenario.history, scenario.censored, seed=seed)
    asked = demand_paths(sales, size=paths, days=days)
    policy = _policy(scenario, stock, days, seed)
    margin = (stock.unit_price - stock.unit_cost).clip(min=0.0)
    played = replay(
        demand=asked,
        decide=_within(scenario, stock, policy),
        lead_days=np.asarray(scenario.lead_time_samples, dtype=np.float64),
        on_hand=free,
        review_days=stock.review_days,
        unit_cost=stock.unit_cost,
        holding_rate=stock.holding_rate,
        order_cost=stock.order_cost,
        lost_per_piece=margin,
        on_order=stock.on_order,
        receipt_in_days=stock.receipt_in_days,
        keep=True,
        substitutes=scenario.substitutes,
    )
    assert played.stock is not None  # noqa: S101  (kept above)
    value = np.einsum("rnd,n->rd", played.stock, stock.unit_cost)
    sells = scenario.mean.sum(axis=1) > 0
    return Outcome(
        fill_rate=played.fill_rate,
        stockout_days=_mean(played.days_out),
        holding=_mean(played.holding),
        ordering=_mean(played.ordering),
        lost_margin=_mean(played.lost_margin),
        moved=_mean(played.moved),
        bought=_mean(played.bought * stock.unit_cost),
        orders=_mean(played.orders_placed),
        sold=_mean(played.sold + played.moved),
        revenue=_mean(played.sold * stock.unit_price),
        # What substitutes earned is what the loss is less than all that was not served.
        margin=_mean(
            played.sold * (stock.unit_price - stock.unit_cost)
            + (played.demand - played.sold) * margin
            - played.lost_margin
        ),
        stock_value=np.quantile(value, QUANTILES, axis=0),
        out=((played.stock <= 0) & sells[None, :, None]).sum(axis=1).mean(axis=0, dtype=np.float64),
        reorder_point=policy.point[0],
        order_up_to=policy.top[0],
        replay=played,
    )


def _policy(scenario: Scenario, stock: StockPosition, days: int, seed: int) -> LevelPolicy:
    """Levels from the forecast as it stands ahead of each epoch; a flat forecast needs them once, and once more where
    demand moves today."""
    mean, links = scenario.mean, scenario.substitutes
    flat = bool(np.all(mean == mean[:, :1]))
    known = []
    starts = range(0, EPOCH_DAYS + 1 if flat and links is not None and len(links) else 1 if flat else days, EPOCH_DAYS)
    for start in starts:
        ahead = mean[:, start:] if mean.shape[1] - start >= EPOCH_DAYS else mean[:, -EPOCH_DAYS:]
        demand = protection_demand(
            Sales(ahead, scenario.history, scenario.censored, seed=seed),
            lead_time_samples=scenario.lead_time_samples,
            review_days=stock.review_days,
        )
        if scenario.spread is not None:
            demand = scenario.spread.transform(demand)
        then = replace(stock, demand_daily=demand.daily)
        lot = paying_lot(then, scenario.limits)
        if not start and links is not None:
            demand = with_moved_in(stock, demand, links)
        found = stock_levels(then, demand, lot, scenario.limits)
        known.append((found.reorder_point, found.order_up_to, lot))
    point, top, lots = (np.array([one[at] for one in known]) for at in range(3))
    return LevelPolicy(
        point, top, lot=lots, multiples=stock.policy == "RQ", moq=stock.moq, pack=stock.pack_size, epoch_days=EPOCH_DAYS
    )


def _within(scenario: Scenario, stock: StockPosition, policy: LevelPolicy) -> Decide:
    """The policy, and where there is a budget what earns most per money first."""
    if np.isinf(scenario.budget):
        return policy
    margin = (stock.unit_price - stock.unit_cost).clip(min=0.0)
    earns = np.divide(margin, stock.unit_cost, out=np.zeros(len(stock)), where=stock.unit_cost > 0)
    return within_budget(policy, unit_cost=stock.unit_cost, priority=earns, budget=scenario.budget)


def _column(values: NDArray[np.float64]) -> NDArray[np.float64]:
    return values[:, None] if values.ndim == 1 else values


def _mean(values: NDArray[np.float64]) -> float:
    return float(values.sum(axis=1).mean())
