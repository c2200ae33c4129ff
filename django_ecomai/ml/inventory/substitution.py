"""Products that stand in for each other: whose demand moves where when one is sold out, and what that saves."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .protection import ProtectionDemand

if TYPE_CHECKING:
    from .suggest import StockPosition


@dataclass(frozen=True, eq=False)
class Substitutes:
    """m pairs of products' numbers: who misses ``product`` [m] takes ``substitute`` [m] with the chance ``share`` [m].

    A pair says nothing about the way back. The shares of a product sum to 1 at most: nobody buys twice.
    """

    product: NDArray[np.int64]
    substitute: NDArray[np.int64]
    share: NDArray[np.float64]

    @classmethod
    def build(cls, product: ArrayLike, substitute: ArrayLike, share: ArrayLike, *, n: int) -> Substitutes:
        """Of n products. Shares that sum above 1 are scaled down; those of 0 and a product's own are left out.

        Raises ``ValueError`` for lengths that differ, numbers out of range and shares outside 0 .. 1.
        """
        of, to = np.asarray(product, dtype=np.int64), np.asarray(substitute, dtype=np.int64)
        part = np.asarray(share, dtype=np.float64)
        if not of.shape == to.shape == part.shape or of.ndim != 1:
            raise ValueError("product, substitute and share must be [m]")
        if len(of) and (min(of.min(), to.min()) < 0 or max(of.max(), to.max()) >= n):
            raise ValueError("products must be numbers from 0 to n - 1")
        if not np.all((part >= 0) & (part <= 1)):
            raise ValueError("a share must be between 0 and 1")
        kept = (of != to) & (part > 0)
        of, to, part = of[kept], to[kept], part[kept]
        sums = np.bincount(of, weights=part, minlength=n)
        return cls(of, to, part / np.maximum(sums, 1.0)[of])

    def __len__(self) -> int:
        return len(self.product)


def moves(links: Substitutes, short: NDArray[np.floating], spare: NDArray[np.floating]) -> NDArray[np.float64]:
    """Pieces [m, S] that go to each substitute when ``short`` [n, S] are missed and ``spare`` [n, S] can be given.

    Several products that want the same substitute get it in proportion to what they want.
    """
    wanted = links.share[:, None] * short[links.product]
    load = np.zeros(spare.shape)
    np.add.at(load, links.substitute, wanted)
    given = np.divide(spare, load, out=np.ones(spare.shape), where=load > spare).clip(0.0, 1.0)
    return np.asarray(wanted * given[links.substitute])


def with_moved_in(stock: StockPosition, demand: ProtectionDemand, links: Substitutes) -> ProtectionDemand:
    """The demand of each product and what comes to it from those that are sold out until their next receipt.

    Along a path a product is asked for at an even pace; what its free stock does not meet before its next receipt (an
    open order's day, else the lead time of an order placed today) moves by its share. The day a substitute runs out
    comes sooner by as much as its demand grows.
    """
    if not len(links):
        return demand
    of, to = links.product, links.substitute
    until = demand.lead_days.astype(np.float64)
    known = np.isfinite(stock.receipt_in_days) & (stock.on_order > 0)
    until = np.where(known[:, None], stock.receipt_in_days[:, None], until)[of]
    bridged = demand.lead_days + demand.review_days[:, None]
    pace = np.divide(demand.total, bridged, out=np.zeros(demand.total.shape), where=bridged > 0)[of]
    free = (stock.on_hand - stock.reserved).clip(min=0.0)[of, None]
    total, lead = demand.total.astype(np.float64), demand.lead.astype(np.float64)
    for sums, days in ((total, bridged[to]), (lead, demand.lead_days[to])):
        missed = (pace * np.minimum(days, until) - free).clip(min=0.0)
        np.add.at(sums, to, links.share[:, None] * missed)
    faster = np.divide(total, demand.total, out=np.ones(total.shape), where=demand.total > 0)
    return replace(
        demand,
        total=total.astype(np.float32),
        lead=lead.astype(np.float32),
        stockout_day=np.ceil(demand.stockout_day / faster - 1e-6).astype(np.float32),
    )


@dataclass(frozen=True, eq=False)
class Saved:
    """``margin`` [n] is earned by substitutes of a product while it is short, ``spare`` [m] pieces are what each could
    give: what is left of its stock and open orders after its own demand over lead time + review, on average."""

    margin: NDArray[np.float64]
    spare: NDArray[np.float64]

    @classmethod
    def none(cls, n: int) -> Saved:
        """Nothing, of n products without substitutes."""
        return cls(np.zeros(n), np.zeros(0))


def saved(stock: StockPosition, demand: ProtectionDemand, links: Substitutes) -> Saved:
    """What substitutes earn of the demand that runs short while an order waits for the next review."""
    if not len(links):
        return Saved.none(len(stock))
    # Only products that stand in a pair are looked at.
    used, at = np.unique(np.r_[links.product, links.substitute], return_inverse=True)
    near = Substitutes(at[: len(links)], at[len(links) :], links.share)
    have = (stock.on_hand - stock.reserved + stock.on_order).clip(min=0.0)[used, None]
    total, lead = demand.total[used].astype(np.float64), demand.lead[used].astype(np.float64)
    short = (total - have).clip(min=0.0) - (lead - have).clip(min=0.0)
    spare = (have - total).clip(min=0.0)
    margin = (stock.unit_price - stock.unit_cost).clip(min=0.0)[links.substitute]
    earned = moves(near, short, spare).mean(axis=1) * margin
    return Saved(
        np.bincount(links.product, weights=earned, minlength=len(stock)).astype(np.float64),
        spare.mean(axis=1)[near.substitute],
    )
