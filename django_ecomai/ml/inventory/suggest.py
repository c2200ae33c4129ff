"""What to order of each product, and what it is worth: the numbers behind one row of the worklist."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .formulas import eoq
from .orders import Limits, least_order, order_quantity, price_at, worth_rounding_up
from .policy import DAYS_PER_YEAR, Levels, economic_service, expected_short, levels
from .protection import ProtectionDemand
from .substitution import Saved, Substitutes, saved, with_moved_in

#: Smaller packs are no packs: shops keep three decimals.
LEAST_PACK = 0.001
STATUSES = ("stocked_out", "will_stock_out", "reorder", "ok", "surplus", "obsolete", "phantom")
#: ``[(from quantity, unit price), ...]`` of one product, or None.
Breaks = Sequence[tuple[float, float]] | None
_DEFAULTS = {
    "on_order": 0.0,
    "reserved": 0.0,
    "unit_price": np.nan,
    "moq": 0.0,
    "pack_size": 1.0,
    "review_days": 7.0,
    "order_cost": 0.0,
    "holding_rate": 0.25,
    "service_target": np.nan,
    "fill_target": np.nan,
    "shelf_life_days": np.nan,
    "days_since_sale": np.nan,
    "receipt_in_days": np.nan,
    "sale_rate": np.nan,
}


@dataclass(frozen=True, eq=False)
class StockPosition:
    """n products, float64 [n] each: pieces, money per piece, days.

    ``on_order`` is under way from suppliers, ``reserved`` promised to customers; ``holding_rate`` is per year and unit
    of cost; ``service_target`` (probability of no shortage per cycle) and ``fill_target`` (share of demand served at
    once) may be NaN; ``receipt_in_days`` is when the next open order comes (NaN, or overdue: unknown);
    ``days_since_sale`` counts days on which it could be bought;
    ``demand_daily`` is the mean forecast; ``sale_rate`` the usual share of days with a sale (NaN: from the forecast);
    ``policy`` [n] is one of ``policy.POLICIES``; ``price_breaks`` has one list or None per product, or is None.
    ``build`` fills in what is not said.
    """

    on_hand: NDArray[np.float64]
    on_order: NDArray[np.float64]
    reserved: NDArray[np.float64]
    unit_cost: NDArray[np.float64]
    unit_price: NDArray[np.float64]
    moq: NDArray[np.float64]
    pack_size: NDArray[np.float64]
    review_days: NDArray[np.float64]
    order_cost: NDArray[np.float64]
    holding_rate: NDArray[np.float64]
    service_target: NDArray[np.float64]
    fill_target: NDArray[np.float64]
    shelf_life_days: NDArray[np.float64]
    demand_daily: NDArray[np.float64]
    days_since_sale: NDArray[np.float64]
    receipt_in_days: NDArray[np.float64]
    sale_rate: NDArray[np.float64]
    policy: NDArray[np.str_]
    price_breaks: Sequence[Breaks] | None = None

    @classmethod
    def build(
        cls,
        *,
        on_hand: ArrayLike,
        unit_cost: ArrayLike,
        demand_daily: ArrayLike,
        policy: ArrayLike = "sS",
        price_breaks: Sequence[Breaks] | None = None,
        **values: ArrayLike,
    ) -> StockPosition:
        """From lists or single numbers; raises ``ValueError`` for unknown names and lengths that differ."""
        unknown = set(values) - set(_DEFAULTS)
        if unknown:
            raise ValueError(f"a stock position has no {', '.join(sorted(unknown))}")
        given: dict[str, Any] = {**_DEFAULTS, **values}
        given.update(on_hand=on_hand, unit_cost=unit_cost, demand_daily=demand_daily)
        n = len(np.atleast_1d(np.asarray(on_hand)))
        arrays = {}
        for name, value in given.items():
            found = np.asarray(value, dtype=np.float64)
            if found.ndim > 1 or (found.ndim and len(found) != n):
                raise ValueError(f"{name} must be one number or [{n}]")
            arrays[name] = np.array(np.broadcast_to(found, n))
        if price_breaks is not None and len(price_breaks) != n:
            raise ValueError(f"price_breaks must be [{n}]")
        kinds = np.array(np.broadcast_to(np.asarray(policy, dtype="U10"), n))
        return cls(**arrays, policy=kinds, price_breaks=price_breaks)

    def __len__(self) -> int:
        return len(self.on_hand)

    def only(self, rows: NDArray[np.int64]) -> StockPosition:
        """Those of some products."""
        new = {one.name: getattr(self, one.name)[rows] for one in fields(self) if one.name != "price_breaks"}
        breaks = None if self.price_breaks is None else [self.price_breaks[row] for row in rows.tolist()]
        return StockPosition(**new, price_breaks=breaks)

    def cleaned(self) -> StockPosition:
        """What cannot be is replaced: stock below 0 counts as 0, packs as 1, costs and lots as 0, and so on."""
        new = {one.name: getattr(self, one.name) for one in fields(self)}
        for name in ("on_hand", "on_order", "reserved", "unit_cost", "moq", "order_cost", "demand_daily"):
            new[name] = np.nan_to_num(new[name], nan=0.0, posinf=0.0, neginf=0.0).clip(min=0.0)
        new["pack_size"] = np.where(np.isfinite(self.pack_size) & (self.pack_size >= LEAST_PACK), self.pack_size, 1.0)
        for name, default in (("holding_rate", 0.25), ("review_days", 7.0)):
            fine = np.isfinite(new[name]) & (new[name] >= 0)
            new[name] = np.where(fine, new[name], default)
        new["unit_price"] = np.where(np.isfinite(self.unit_price), self.unit_price, new["unit_cost"]).clip(min=0.0)
        for name in ("service_target", "fill_target"):
            fine = np.isfinite(new[name]) & (new[name] > 0) & (new[name] <= 1)
            new[name] = np.where(fine, new[name], np.nan)
        with np.errstate(invalid="ignore"):  # overdue: nobody knows when it comes
            new["receipt_in_days"] = np.where(self.receipt_in_days >= 0, self.receipt_in_days, np.nan)
        life = self.shelf_life_days
        new["shelf_life_days"] = np.where(np.isfinite(life) & (life > 0), life, np.nan)
        return StockPosition(**new)


@dataclass(frozen=True, eq=False)
class Suggestions:
    """[n] each, pieces, days and money.

    ``free`` = on hand - reserved, ``position`` = free + on order. ``p50`` and ``p90`` are demand over lead time +
    review; ``cover_days`` how long the free stock lasts at the mean forecast (infinite without demand);
    ``stockout_in_days`` the median day it runs out (infinite beyond the horizon); ``stockout_probability`` that it does
    before the next receipt. ``quantity`` is after MOQ, packs, price breaks and shelf life, ``unit_cost`` its price per
    piece, ``value`` their product. ``lost_margin`` is what is expected to be lost if the order waits for the next
    review, less ``saved_margin``, which substitutes earn of it; ``moved_in`` pieces of the demand come from products
    that this one stands in for, ``spare`` [m] is what each substitute could give. ``holding_cost`` is what the ordered
    pieces cost until they are sold. ``notes`` [n] holds codes, separated by spaces: see ``orders.NOTES``.
    """

    status: NDArray[np.str_]
    free: NDArray[np.float64]
    position: NDArray[np.float64]
    p50: NDArray[np.float64]
    p90: NDArray[np.float64]
    cover_days: NDArray[np.float64]
    stockout_in_days: NDArray[np.float64]
    stockout_probability: NDArray[np.float64]
    reorder_point: NDArray[np.float64]
    order_up_to: NDArray[np.float64]
    eoq: NDArray[np.float64]
    safety_stock: NDArray[np.float64]
    service: NDArray[np.float64]
    raw_quantity: NDArray[np.float64]
    quantity: NDArray[np.float64]
    unit_cost: NDArray[np.float64]
    value: NDArray[np.float64]
    lost_margin: NDArray[np.float64]
    saved_margin: NDArray[np.float64]
    moved_in: NDArray[np.float64]
    holding_cost: NDArray[np.float64]
    notes: NDArray[np.str_]
    spare: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.status)


def suggest(
    stock: StockPosition,
    demand: ProtectionDemand,
    *,
    limits: Limits | None = None,
    substitutes: Substitutes | None = None,
) -> Suggestions:
    """Status, levels and order quantity of every product; ``demand`` must be that of the same products.

    The target is ``fill_target``, else ``service_target``, else the one that pays (lost margin against holding).
    ``demand.stockout_day`` must have been made for the free stock (``on_hand - reserved``). What ``substitutes`` take
    over while a product is sold out counts as their demand, and what they earn of it is not lost; their own
    ``lost_margin`` is of their own demand.
    """
    if len(stock) != len(demand):
        raise ValueError("stock and demand must be of the same products")
    limits = limits or Limits()
    clean = stock.cleaned()
    own = demand
    if substitutes is not None:
        demand = with_moved_in(clean, demand, substitutes)
    stays = Saved.none(len(stock)) if substitutes is None else saved(clean, own, substitutes, moved=demand)
    free = clean.on_hand - clean.reserved
    position = free + clean.on_order
    lot = paying_lot(clean, limits)
    found = stock_levels(clean, demand, lot, limits)
    # What only moves here is sold as well, though it pays for no lot.
    own_daily = clean.demand_daily
    only_moved = (own_daily <= 0) & (own.daily <= 0) & (demand.daily > 0)
    clean = replace(clean, demand_daily=np.where(only_moved, demand.daily, own_daily))
    due = (position <= found.reorder_point) & (found.order_up_to > position) & (clean.demand_daily > 0)
    raw = np.where(due, found.order_up_to - position, 0.0)
    whole = np.ceil(lot).clip(min=1.0)
    multiple = (np.floor((found.reorder_point - position) / whole) + 1) * whole
    raw = np.where(due & (clean.policy == "RQ"), multiple, raw)
    raw = np.where(raw > 0, np.ceil(raw - 1e-9), 0.0)
    wanted = worth_rounding_up(raw, clean, limits)
    left = (position - demand.lead.mean(axis=1, dtype=np.float64)).clip(min=0.0)
    quantity, notes = order_quantity(wanted, left, clean, limits)
    bulky = least_order(clean) > clean.demand_daily * limits.most_cover_days
    loses = bulky & ~_least_order_pays(clean, demand, position)
    quantity = np.where(loses, 0.0, quantity)
    cost = price_at(quantity, clean)
    chance = _stockout_probability(clean, demand, free)
    median = demand.quantile(0.5)
    cover = np.divide(
        free.clip(min=0), clean.demand_daily, out=np.full(len(free), np.inf), where=clean.demand_daily > 0
    )
    # Of its own demand alone: what moved here is lost where it came from.
    lost = _lost_margin(clean, own, position)
    for bad, code in (
        ((quantity > 0) & (wanted > raw), " price_break"),
        ((raw > 0) & loses, " moq_over_cover"),
        ((quantity > 0) & bulky, " long_cover"),
        (stock.on_hand < 0, " negative_stock"),
        (~(stock.pack_size >= LEAST_PACK), " no_pack_size"),
    ):
        notes = np.where(bad, np.char.add(notes, code), notes)
    return Suggestions(
        status=_status(clean, own_daily, free, position, found, chance, quantity, cover, limits),
        free=free,
        position=position,
        p50=median,
        p90=demand.quantile(0.9),
        cover_days=cover,
        stockout_in_days=demand.stockout_quantile(0.5),
        stockout_probability=chance,
        reorder_point=found.reorder_point,
        order_up_to=found.order_up_to,
        eoq=lot,
        safety_stock=(found.protected - demand.total.mean(axis=1, dtype=np.float64)).clip(min=0.0),
        service=found.service,
        raw_quantity=raw,
        quantity=quantity,
        unit_cost=cost,
        value=quantity * cost,
        lost_margin=(lost - stays.margin).clip(min=0.0),
        saved_margin=np.minimum(stays.margin, lost),
        moved_in=(demand.total - own.total).mean(axis=1, dtype=np.float64),
        holding_cost=holding_cost(quantity, position, clean, demand, cost),
        notes=np.char.strip(notes),
        spare=stays.spare,
    )


def paying_lot(stock: StockPosition, limits: Limits) -> NDArray[np.float64]:
    """Economic order quantity [n], at most ``limits.most_cover_days`` of demand and the shelf life."""
    yearly = stock.demand_daily * DAYS_PER_YEAR
    lot = eoq(stock.order_cost, stock.holding_rate * stock.unit_cost, yearly)
    longest = np.fmin(stock.shelf_life_days, limits.most_cover_days)
    return np.minimum(lot, stock.demand_daily * longest)


def stock_levels(stock: StockPosition, demand: ProtectionDemand, lot: NDArray[np.float64], limits: Limits) -> Levels:
    """Levels of the policies; a product of a short shelf life weighs what spoils against what is lost."""
    margin = (stock.unit_price - stock.unit_cost).clip(min=0.0)
    size = np.maximum(lot, np.maximum(stock.moq, stock.pack_size))
    held = stock.holding_rate * stock.unit_cost / DAYS_PER_YEAR
    pays = economic_service(size, stock.demand_daily, held, margin * limits.lost_sale_weight)
    spoiled = margin + stock.unit_cost
    once = np.divide(margin, spoiled, out=np.zeros(len(stock)), where=spoiled > 0)
    pays = np.where(margin > 0, pays, np.nan)  # an unknown margin says nothing
    pays = np.where((stock.policy == "newsvendor") & np.isfinite(stock.shelf_life_days), once, pays)
    return levels(
        demand,
        policy=stock.policy,
        lot=lot,
        service_target=stock.service_target,
        fill_target=stock.fill_target,
        economic=pays,
    )


def _lost_margin(stock: StockPosition, demand: ProtectionDemand, position: NDArray[np.float64]) -> NDArray[np.float64]:
    """Margin lost when the order waits a review: what runs short then less what would run short anyway."""
    have = position.clip(min=0.0)
    more = expected_short(demand.total, have) - expected_short(demand.lead, have)
    return np.asarray((stock.unit_price - stock.unit_cost).clip(min=0.0) * more.clip(min=0.0))


def _least_order_pays(
    stock: StockPosition, demand: ProtectionDemand, position: NDArray[np.float64]
) -> NDArray[np.bool_]:
    """Whether a piece of the least order earns more than it costs to keep until it is sold; no margin never does."""
    pieces = (position - demand.lead.mean(axis=1, dtype=np.float64)).clip(min=0.0) + least_order(stock) / 2
    days = np.divide(pieces, stock.demand_daily, out=np.full(len(stock), np.inf), where=stock.demand_daily > 0)
    with np.errstate(invalid="ignore"):
        kept = stock.unit_cost * stock.holding_rate * days / DAYS_PER_YEAR
    return np.asarray((stock.unit_price - stock.unit_cost) > np.nan_to_num(kept, nan=0.0))


def holding_cost(
    quantity: NDArray[np.float64],
    position: NDArray[np.float64],
    stock: StockPosition,
    demand: ProtectionDemand,
    unit_cost: NDArray[np.float64],
) -> NDArray[np.float64]:
    """Money [n] that the ordered pieces cost from arrival until sold, first in first out, at most a year."""
    waits = (position - demand.lead.mean(axis=1, dtype=np.float64)).clip(min=0.0) + quantity / 2
    days = np.divide(waits, stock.demand_daily, out=np.full(len(stock), DAYS_PER_YEAR), where=stock.demand_daily > 0)
    return np.asarray(quantity * unit_cost * stock.holding_rate * days.clip(max=DAYS_PER_YEAR) / DAYS_PER_YEAR)


def _stockout_probability(
    stock: StockPosition, demand: ProtectionDemand, free: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Share of paths on which free stock runs out before the next receipt (an open order, else one placed today)."""
    known = np.isfinite(stock.receipt_in_days) & (stock.on_order > 0)
    comes = np.where(known[:, None], stock.receipt_in_days[:, None], demand.lead_days)
    gone = (demand.stockout_day < comes) | (free <= 0)[:, None]
    # An open order without a date comes within the lead time; what is beyond the horizon is asked of the paths.
    beyond = ~known[:, None] & (demand.lead_days > demand.horizon) & (demand.lead > free[:, None])
    return np.asarray((gone | beyond).mean(axis=1), dtype=np.float64)


def _status(
    stock: StockPosition,
    own_daily: NDArray[np.float64],
    free: NDArray[np.float64],
    position: NDArray[np.float64],
    found: Levels,
    chance: NDArray[np.float64],
    quantity: NDArray[np.float64],
    cover: NDArray[np.float64],
    limits: Limits,
) -> NDArray[np.str_]:
    """The first that is true of ``phantom, obsolete, stocked_out, will_stock_out, reorder, surplus, ok``."""
    silent = np.nan_to_num(stock.days_since_sale, nan=0.0, posinf=1e9)
    rate = np.where(np.isfinite(stock.sale_rate), stock.sale_rate, np.minimum(own_daily, 1.0)).clip(0.0, 1.0)
    surprising = np.exp(-rate * silent) < limits.phantom_chance
    sells = stock.demand_daily > 0
    dead = (free > 0) & (silent >= limits.obsolete_days) & (stock.demand_daily * DAYS_PER_YEAR < 1)
    most = np.maximum(found.order_up_to, stock.moq) + stock.demand_daily * limits.surplus_days
    return np.select(
        [
            (free > 0) & surprising & (own_daily > 0) & ~dead,
            dead | ((free > 0) & ~sells & (silent >= limits.obsolete_days)),
            (free <= 0) & sells,
            sells & (chance > limits.stockout_risk),
            quantity > 0,
            (free > 0) & (position > most) & (cover > limits.surplus_days),
        ],
        ["phantom", "obsolete", "stocked_out", "will_stock_out", "reorder", "surplus"],
        default="ok",
    ).astype("U14")
