"""Suppliers and stages: who delivers late, where it takes long, and what hangs on it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .policy import expected_short
from .protection import ProtectionDemand

#: Upper ends in days of the ages by which late orders are counted; the last age has no end.
AGES = (7.0, 30.0)


@dataclass(frozen=True, eq=False)
class Scorecard:
    """Suppliers [k]; shares 0..1, days; NaN where nothing is known.

    ``lines`` were due by today; ``on_time``, ``in_full`` and ``on_time_in_full`` are shares of them. ``lead_mean``,
    ``lead_spread`` (standard deviation) and ``lead_p90`` are of what came; ``trend`` is how many days a lead time gets
    longer per 90 days. ``late`` [k, ages] are open lines past their day by age, ``late_quantity`` [k] their pieces.
    """

    lines: NDArray[np.int64]
    on_time: NDArray[np.float64]
    in_full: NDArray[np.float64]
    on_time_in_full: NDArray[np.float64]
    lead_mean: NDArray[np.float64]
    lead_spread: NDArray[np.float64]
    lead_p90: NDArray[np.float64]
    trend: NDArray[np.float64]
    late: NDArray[np.int64]
    late_quantity: NDArray[np.float64]


def scorecard(
    *,
    supplier: ArrayLike,
    ordered: ArrayLike,
    due: ArrayLike,
    received: ArrayLike,
    quantity: ArrayLike,
    came: ArrayLike,
    today: float,
    suppliers: int,
    ages: Sequence[float] = AGES,
) -> Scorecard:
    """From order lines [m]: ``supplier`` a number below ``suppliers``, days as numbers (NaN: not yet, unknown).

    ``received`` is the day of the last receipt, ``came`` the pieces so far of ``quantity``. A line counts as due when
    its day has passed or it came in full; one without a due day is judged by whether it is full. What came before it
    was ordered has no lead time. The trend is the median of the slopes of all pairs (Theil, 1950; Sen, 1968) of the
    last 100 receipts, so that one container that was held up is no trend. Raises ``ValueError`` for supplier numbers
    out of range and columns of different lengths.
    """
    who = np.asarray(supplier, dtype=np.int64)
    start, end, done, wanted, got = (
        np.asarray(one, dtype=np.float64) for one in (ordered, due, received, quantity, came)
    )
    if not all(one.shape == who.shape and one.ndim == 1 for one in (start, end, done, wanted, got)):
        raise ValueError("all columns must be [m]")
    if len(who) and (who.min() < 0 or who.max() >= suppliers):
        raise ValueError("supplier must be a number from 0 to suppliers - 1")
    full = (got >= wanted - 1e-9) & (wanted > 0)
    judged = (wanted > 0) & (full | (end < today))
    timely = ~(done > end) & np.isfinite(done)
    count = np.bincount(who[judged], minlength=suppliers)
    took = done - start
    known = np.isfinite(took) & (took >= 0)
    lead = np.full((4, suppliers), np.nan)
    for one in np.unique(who[known]):
        mine = known & (who == one)
        lead[:3, one] = took[mine].mean(), took[mine].std(), np.quantile(took[mine], 0.9)
        lead[3, one] = _slope(start[mine], took[mine])
    open_late = (wanted > 0) & ~full & (end < today)
    age = np.digitize(today - end[open_late], [*ages], right=True)
    late = np.zeros((suppliers, len(ages) + 1), dtype=np.int64)
    np.add.at(late, (who[open_late], age), 1)
    return Scorecard(
        lines=count,
        on_time=_share(who, judged, timely, count),
        in_full=_share(who, judged, full, count),
        on_time_in_full=_share(who, judged, full & timely, count),
        lead_mean=lead[0],
        lead_spread=lead[1],
        lead_p90=lead[2],
        trend=lead[3],
        late=late,
        late_quantity=_sums(who[open_late], (wanted - got)[open_late], suppliers),
    )


def _sums(groups: NDArray[np.int64], values: NDArray[np.float64], size: int) -> NDArray[np.float64]:
    return np.bincount(groups, weights=values, minlength=size).astype(np.float64)


def _share(
    who: NDArray[np.int64], judged: NDArray[np.bool_], good: NDArray[np.bool_], count: NDArray[np.int64]
) -> NDArray[np.float64]:
    found = np.bincount(who[judged & good], minlength=len(count))
    return np.where(count > 0, found / np.maximum(count, 1), np.nan)


def _slope(when: NDArray[np.float64], took: NDArray[np.float64]) -> float:
    """Days per 90 days; NaN below five receipts or when all were ordered at once."""
    order = np.argsort(when, kind="stable")[-100:]
    x, y = when[order], took[order]
    first, second = np.triu_indices(len(x), 1)
    apart = x[second] - x[first]
    known = apart > 0
    if len(x) < 5 or not known.any():
        return float("nan")
    return float(np.median((y[second] - y[first])[known] / apart[known]) * 90)


@dataclass(frozen=True, eq=False)
class Stages:
    """Consecutive stages [s] of orders: how many orders know both ends, days (mean, 90 % quantile), what is late.

    ``late_days`` [s] are the days beyond the allowed ones, summed over orders; ``cost`` [s] what that lateness cost;
    ``constraining`` is the number of the stage that costs most (else takes longest), -1 without any order.
    """

    count: NDArray[np.int64]
    mean: NDArray[np.float64]
    p90: NDArray[np.float64]
    late_days: NDArray[np.float64]
    cost: NDArray[np.float64]
    constraining: int


def stages(moments: ArrayLike, *, allowed_days: ArrayLike | None = None, cost_per_day: ArrayLike = 0.0) -> Stages:
    """Durations between the columns of ``moments`` [m, s + 1] in days (NaN: not reached, unknown).

    ``allowed_days`` [s] is what a stage may take (default: the median of what it takes); ``cost_per_day`` [m] is what
    one day of waiting of an order costs: the margin of the demand that waits for it per day. A stage that ends before
    it begins is a slip of the pen and left out.
    """
    when = np.asarray(moments, dtype=np.float64)
    if when.ndim != 2 or when.shape[1] < 2:
        raise ValueError("moments must be [m, stages + 1]")
    days = np.diff(when, axis=1)
    days = np.where(days >= 0, days, np.nan)
    known = np.isfinite(days)
    count = known.sum(axis=0)
    size = days.shape[1]
    mean, p90, usual = (np.full(size, np.nan) for _ in range(3))
    for at in np.flatnonzero(count):
        here = days[known[:, at], at]
        mean[at], p90[at], usual[at] = here.mean(), np.quantile(here, 0.9), np.median(here)
    allowed = usual if allowed_days is None else np.broadcast_to(np.asarray(allowed_days, dtype=np.float64), size)
    late = np.where(known, (days - allowed).clip(min=0.0), 0.0)
    price = np.broadcast_to(np.asarray(cost_per_day, dtype=np.float64), len(when))
    cost = (late * price[:, None]).sum(axis=0)
    return Stages(count, mean, p90, late.sum(axis=0), cost, _constraining(cost, mean))


def _constraining(cost: NDArray[np.float64], otherwise: NDArray[np.float64]) -> int:
    measure = cost if np.any(cost > 0) else np.nan_to_num(otherwise, nan=-1.0)
    return int(measure.argmax()) if len(measure) and measure.max() > 0 else -1


@dataclass(frozen=True, eq=False)
class Flow:
    """What gets lost and what waits between the stages [s] of a flow, over n products.

    ``lost`` [s, n] pieces that entered a stage and did not leave it in the time seen, ``cost`` [s] their value,
    ``inside`` [s, n] the pieces that wait in it on a mean day, ``waiting_days`` [s] how long a piece waits on
    average, ``passed`` [s] the share that left. ``constraining`` is the stage that loses most value, ``slowest``
    the one in which most value waits; -1 when none does.
    """

    lost: NDArray[np.float64]
    cost: NDArray[np.float64]
    inside: NDArray[np.float64]
    waiting_days: NDArray[np.float64]
    passed: NDArray[np.float64]
    constraining: int
    slowest: int


def flow(quantities: ArrayLike, *, value: ArrayLike = 1.0) -> Flow:
    """From daily pieces [s + 1, n, days] at the gates of a chain, in order: asked, made, issued, delivered, ...

    A stage lies between two gates. Waiting is the mean of what is inside over what leaves per day (Little, 1961), where
    the stock at the start is the least that explains what left. ``value`` [n] is what a piece earns. Missing or
    negative quantities count as 0.
    """
    pieces = np.nan_to_num(np.asarray(quantities, dtype=np.float64), nan=0.0, posinf=0.0).clip(min=0.0)
    if pieces.ndim != 3 or len(pieces) < 2 or not pieces.shape[2]:
        raise ValueError("quantities must be [stages + 1, n, days], with at least two gates and a day")
    sums = np.cumsum(pieces, axis=2)
    lost = (sums[:-1, :, -1] - sums[1:, :, -1]).clip(min=0.0)
    inside = sums[:-1] - sums[1:]
    inside = (inside - np.minimum(inside.min(axis=2, keepdims=True), 0.0)).mean(axis=2)
    out = pieces[1:].mean(axis=2).sum(axis=1)
    waiting = np.divide(inside.sum(axis=1), out, out=np.full(len(out), np.nan), where=out > 0)
    entered = sums[:-1, :, -1].sum(axis=1)
    passed = np.divide(entered - lost.sum(axis=1), entered, out=np.full(len(out), np.nan), where=entered > 0)
    worth = np.broadcast_to(np.asarray(value, dtype=np.float64), lost.shape[1])
    cost, held = (lost * worth).sum(axis=1), (inside * worth).sum(axis=1)
    return Flow(lost, cost, inside, waiting, passed, _largest(cost), _largest(held))


def _largest(values: NDArray[np.float64]) -> int:
    return int(values.argmax()) if values.max() > 0 else -1


@dataclass(frozen=True, eq=False)
class Slip:
    """Margin [n] expected to be lost until the next receipt: as planned, and when it comes as late as it slips to."""

    planned: NDArray[np.float64]
    slipped: NDArray[np.float64]

    @property
    def at_risk(self) -> NDArray[np.float64]:
        """What the slip costs."""
        return (self.slipped - self.planned).clip(min=0.0)


def margin_at_risk(position: ArrayLike, margin: ArrayLike, demand: ProtectionDemand) -> Slip:
    """Both plans under the same luck: demand over the usual lead times and until the day of the slip, path by path.

    ``demand`` is made with ``slip_days``, such as the 90 % quantile of each product's lead times; ``position`` [n] is
    free stock and what is under way in time, ``margin`` [n] what a piece earns. Raises ``ValueError`` without a slip.
    """
    if demand.slipped is None:
        raise ValueError("demand must be made with slip_days")
    have = np.nan_to_num(np.asarray(position, dtype=np.float64), nan=0.0).clip(min=0.0)
    earns = np.nan_to_num(np.asarray(margin, dtype=np.float64), nan=0.0).clip(min=0.0)
    planned, slipped = (earns * expected_short(paths, have) for paths in (demand.lead, demand.slipped))
    return Slip(planned, slipped)


@dataclass(frozen=True, eq=False)
class Exposure:
    """Per supplier [k]: products and what they earn per day, and the part that nobody else offers."""

    products: NDArray[np.int64]
    earns: NDArray[np.float64]
    single_products: NDArray[np.int64]
    single_earns: NDArray[np.float64]


def exposure(supplier: ArrayLike, sources: ArrayLike, earns: ArrayLike, *, suppliers: int) -> Exposure:
    """What hangs on each supplier and on nobody else.

    ``supplier`` [n] delivers a product now (-1: nobody), ``sources`` [n] is how many could, ``earns`` [n] per day.
    """
    who, many, worth = (np.asarray(one) for one in (supplier, sources, earns))
    if who.shape != many.shape or who.shape != worth.shape or (len(who) and who.max() >= suppliers):
        raise ValueError("supplier, sources and earns must be [n], supplier below suppliers")
    worth = np.nan_to_num(worth.astype(np.float64), nan=0.0).clip(min=0.0)
    some, single = who >= 0, (who >= 0) & (many <= 1)
    return Exposure(
        products=np.bincount(who[some], minlength=suppliers),
        earns=_sums(who[some], worth[some], suppliers),
        single_products=np.bincount(who[single], minlength=suppliers),
        single_earns=_sums(who[single], worth[single], suppliers),
    )
