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
    return _given(wanted, links.substitute, spare[links.substitute], len(spare))


def with_moved_in(stock: StockPosition, demand: ProtectionDemand, links: Substitutes) -> ProtectionDemand:
    """The demand of each product and what comes to it from those that are sold out until their next receipt.

    Along a path a product is asked for at an even pace; what its free stock does not meet before its next receipt (an
    open order's day, else the lead time of an order placed today) wants to move by its share. It moves as far as the
    substitute can give: until its own next receipt what its free stock leaves after its own demand, then what is left
    with its open order, and all from the day on which an order placed today comes. So nothing moves to what is sold out
    as well. The day a substitute runs out comes sooner by as much as more is wanted of it. Without demand of its own,
    ``daily`` is what moves, over lead time + review.
    """
    if not len(links):
        return demand
    used, near = _near(links)
    found = _moved_in(stock.only(used), demand.only(used), near)
    new = {name: getattr(demand, name).copy() for name in ("total", "lead", "stockout_day", "daily")}
    for name, values in new.items():
        values[used] = getattr(found, name)
    return replace(demand, **new)


def _near(links: Substitutes) -> tuple[NDArray[np.int64], Substitutes]:
    """The products that stand in a pair, and the pairs by their places among these: only they are looked at."""
    used, at = np.unique(np.r_[links.product, links.substitute], return_inverse=True)
    return used, Substitutes(at[: len(links)], at[len(links) :], links.share)


def _moved_in(stock: StockPosition, demand: ProtectionDemand, links: Substitutes) -> ProtectionDemand:
    of, to, n = links.product, links.substitute, len(stock)
    lead_days = demand.lead_days.astype(np.float64)
    bridged = lead_days + demand.review_days[:, None]
    pace = np.divide(demand.total, bridged, out=np.zeros(demand.total.shape), where=bridged > 0)
    known = np.isfinite(stock.receipt_in_days) & (stock.on_order > 0)
    receipt = np.where(known[:, None], stock.receipt_in_days[:, None], lead_days)
    free = (stock.on_hand - stock.reserved).clip(min=0.0)[:, None]
    end = np.minimum(bridged[to], receipt[of])
    comes, ordered = np.minimum(receipt[to], end), np.minimum(np.maximum(receipt, lead_days)[to], end)

    def wanted(until: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.asarray(links.share[:, None] * (pace[of] * until - free[of]).clip(min=0.0))

    left = (free[to] - pace[to] * comes).clip(min=0.0)
    first = _given(wanted(comes), to, left, n)
    taken = _summed(first, to, n)[to]
    left = (left - taken).clip(min=0.0) + stock.on_order[to, None] - pace[to] * (ordered - comes)
    second = _given(wanted(ordered) - wanted(comes), to, left.clip(min=0.0), n)
    asked = wanted(end)
    moved = _summed(first + second + asked - wanted(ordered), to, n)
    in_lead = _summed(np.minimum(first, wanted(np.minimum(comes, lead_days[to]))) + second, to, n)
    more = _summed(asked, to, n)
    faster = np.divide(demand.total + more, demand.total, out=np.ones(more.shape), where=demand.total > 0)
    runs_out = np.ceil(demand.stockout_day / faster - 1e-6)
    # Who has no demand of its own runs out at the pace of what is wanted of it.
    reached = (demand.total <= 0) & (more > 0) & (more >= free)
    runs_out = np.where(reached, np.ceil(free * bridged / np.where(more > 0, more, 1.0) - 1e-6), runs_out)
    per_day = moved.mean(axis=1) / np.where(bridged.mean(axis=1) > 0, bridged.mean(axis=1), 1.0)
    return replace(
        demand,
        total=(demand.total + moved).astype(np.float32),
        lead=(demand.lead + in_lead).astype(np.float32),
        stockout_day=runs_out.clip(min=0.0).astype(np.float32),
        daily=np.where(demand.daily > 0, demand.daily, per_day),
    )


def _given(
    wanted: NDArray[np.float64], to: NDArray[np.int64], spare: NDArray[np.floating], n: int
) -> NDArray[np.float64]:
    """What each pair gets [m, S] of the ``wanted`` [m, S] pieces where its substitute has ``spare`` [m, S]."""
    load = _summed(wanted, to, n)[to]
    part = np.divide(spare, load, out=np.ones(wanted.shape), where=load > spare)
    return np.asarray(wanted * part.clip(0.0, 1.0))


def _summed(pieces: NDArray[np.float64], to: NDArray[np.int64], n: int) -> NDArray[np.float64]:
    sums = np.zeros((n, pieces.shape[1]))
    np.add.at(sums, to, pieces)
    return sums


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


def saved(
    stock: StockPosition, demand: ProtectionDemand, links: Substitutes, *, moved: ProtectionDemand | None = None
) -> Saved:
    """What substitutes earn of the demand that runs short while an order waits for the next review.

    ``moved`` is the demand with what has moved in (None: nothing has): such pieces are not given twice.
    """
    if not len(links):
        return Saved.none(len(stock))
    used, near = _near(links)
    have = (stock.on_hand - stock.reserved + stock.on_order).clip(min=0.0)[used, None]
    total, lead = demand.total[used].astype(np.float64), demand.lead[used].astype(np.float64)
    short = (total - have).clip(min=0.0) - (lead - have).clip(min=0.0)
    spare = (have - (demand if moved is None else moved).total[used]).clip(min=0.0)
    margin = (stock.unit_price - stock.unit_cost).clip(min=0.0)[links.substitute]
    earned = moves(near, short, spare).mean(axis=1) * margin
    return Saved(
        np.bincount(links.product, weights=earned, minlength=len(stock)).astype(np.float64),
        spare.mean(axis=1)[near.substitute],
    )
