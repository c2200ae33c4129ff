"""What if demand, lead time, target, price or budget were others: the same future played twice, side by side."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from django.db.models import F
from django.utils.translation import gettext as _

from django_ecomai.ml.inventory.orders import Limits
from django_ecomai.ml.inventory.protection import demand_paths, protection_demand
from django_ecomai.ml.inventory.simulate import Decide, LevelPolicy, Replay, replay, within_budget
from django_ecomai.ml.inventory.suggest import StockPosition, paying_lot, stock_levels

from .models import Suggestion
from .planning import SEED, Plan, plans

if TYPE_CHECKING:
    from numpy.typing import NDArray

DAYS = 84
PATHS = 48
MOST_PRODUCTS = 60
PROMOTION_DAYS = 28


class BadChange(ValueError):
    """A change cannot be played; the message says what to give."""


@dataclass(frozen=True)
class Change:
    """What is changed: demand, promotion (of the first four weeks) and price in per cent, lead time in days, service
    level 0..1 (``None``: as set) and the budget of an order day (``None``: no limit).
    """

    demand: float = 0.0
    promotion: float = 0.0
    price: float = 0.0
    lead_days: float = 0.0
    service: float | None = None
    budget: float | None = None

    @property
    def is_none(self) -> bool:
        """Whether nothing is changed."""
        return self == Change()


@dataclass(frozen=True)
class Outcome:
    """A future, as the mean of its replications. Money is in the currency of the products."""

    fill_rate: float
    stock_outs: float
    stock_value: float
    orders: float
    bought: float
    cost: float
    lost_margin: float
    value_by_day: list[float]
    out_by_day: list[float]

    @property
    def total(self) -> float:
        """Holding, ordering and lost margin."""
        return self.cost + self.lost_margin


@dataclass(frozen=True)
class Comparison:
    """Today's plan and the changed one over the same luck."""

    today: Outcome
    changed: Outcome
    products: int
    currency: str
    days: int = DAYS


# (name, least, most): what a form or a query may give.
BOUNDS: dict[str, tuple[float, float]] = {
    "demand": (-90, 300),
    "promotion": (0, 500),
    "price": (-90, 300),
    "lead_days": (-60, 120),
    "service": (50, 99.9),
    "budget": (1, 1e9),
}


def change_read(values: Mapping[str, Any]) -> Change:
    """From the text of a query (``service`` in per cent); raises ``BadChange``. What is empty is not changed."""
    found: dict[str, float] = {}
    for name, (least, most) in BOUNDS.items():
        text = str(values.get(name) or "").strip().replace(",", ".")
        if not text:
            continue
        try:
            number = float(text)
        except ValueError:
            number = float("nan")
        if not least <= number <= most:
            raise BadChange(
                _("%(name)s: give a number from %(least)g to %(most)g.") % {"name": name, "least": least, "most": most}
            )
        found[name] = number / 100 if name == "service" else number
    return Change(**found)


def products_that_sell_most(*, channel: str = "", most: int = MOST_PRODUCTS) -> list[int]:
    """Primary keys of the products with the greatest expected turnover."""
    rows = Suggestion.objects.filter(channel=channel, demand_day__gt=0, product__price__gt=0)
    return list(
        rows.annotate(turnover=F("demand_day") * F("product__price"))
        .order_by("-turnover", "pk")
        .values_list("product_id", flat=True)[:most]
    )


def compare(*, channel: str = "", product_ids: list[int], change: Change) -> Comparison | None:
    """Play twelve weeks with and without the change; ``None`` where none of the products has a counted stock."""
    plan = next(iter(plans(channel=channel, product_ids=product_ids)), None)
    if plan is None:
        return None
    today = _play(plan, plan.stock, plan.mean, plan.lead_times, budget=None)
    if change.is_none:
        changed = today
    else:
        mean, lead = changed_demand(plan.mean, change), np.maximum(plan.lead_times + change.lead_days, 0.0)
        changed = _play(plan, _changed_stock(plan.stock, mean, change), mean, lead, budget=change.budget)
    return Comparison(today, changed, len(plan.facts), plan.facts[0].currency)


def changed_demand(mean: NDArray[np.float32], change: Change) -> NDArray[np.float32]:
    """The forecast [n, days] as it would be."""
    factor = np.full(mean.shape[1], 1 + change.demand / 100)
    factor[:PROMOTION_DAYS] *= 1 + change.promotion / 100
    return (mean * factor).astype(np.float32)


def _changed_stock(stock: StockPosition, mean: NDArray[np.float32], change: Change) -> StockPosition:
    values: dict[str, Any] = {
        "unit_price": stock.unit_price * (1 + change.price / 100),
        "demand_daily": mean.mean(axis=1).astype(np.float64),
    }
    if change.service is not None:
        values["service_target"] = np.full(len(stock), change.service)
        values["fill_target"] = np.full(len(stock), np.nan)
    return replace(stock, **values)


def _play(
    plan: Plan, stock: StockPosition, mean: NDArray[Any], lead: NDArray[np.float32], *, budget: float | None
) -> Outcome:
    """Levels for these conditions, then the days. The luck (days drawn, lead times) is the same in every call."""
    free = (stock.on_hand - stock.reserved).clip(min=0.0)
    demand = protection_demand(
        mean=mean, history=plan.history, censored=plan.censored, lead_time_samples=lead,
        review_days=stock.review_days, on_hand=free, seed=SEED,
    )  # fmt: skip
    clean, limits = stock.cleaned(), Limits()
    lot = paying_lot(clean, limits)
    found = stock_levels(clean, demand, lot, limits)
    margin = (clean.unit_price - clean.unit_cost).clip(min=0.0)
    decide: Decide = LevelPolicy(
        found.reorder_point, found.order_up_to, lot=lot, multiples=clean.policy == "RQ", moq=clean.moq,
        pack=clean.pack_size,
    )  # fmt: skip
    if budget is not None:
        decide = within_budget(decide, unit_cost=clean.unit_cost, priority=margin * clean.demand_daily, budget=budget)
    days = demand_paths(mean=mean, history=plan.history, censored=plan.censored, size=PATHS, days=DAYS, seed=SEED)
    played = replay(
        demand=days,
        decide=decide,
        lead_days=lead,
        on_hand=free,
        review_days=clean.review_days,
        unit_cost=clean.unit_cost,
        holding_rate=clean.holding_rate,
        order_cost=clean.order_cost,
        lost_per_piece=margin,
        on_order=clean.on_order,
        receipt_in_days=clean.receipt_in_days,
        keep=True,
    )
    return _outcome(played, clean.unit_cost)


def _outcome(played: Replay, unit_cost: NDArray[np.float64]) -> Outcome:
    assert played.stock is not None  # noqa: S101  kept above
    value = np.einsum("rnd,n->d", played.stock, unit_cost) / len(played.stock)
    out = (played.stock <= 0).sum(axis=1).mean(axis=0)
    return Outcome(
        fill_rate=played.fill_rate,
        stock_outs=float(played.days_out.sum(axis=1).mean()),
        stock_value=float(value.mean()),
        orders=float(played.orders_placed.sum(axis=1).mean()),
        bought=float((played.bought * unit_cost).sum(axis=1).mean()),
        cost=played.cost,
        lost_margin=float(played.lost_margin.sum(axis=1).mean()),
        value_by_day=[round(float(one), 2) for one in value],
        out_by_day=[round(float(one), 2) for one in out],
    )
