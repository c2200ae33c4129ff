"""Demand over the protection interval (lead time + review) by a bootstrap that is true to intermittent demand."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

#: Bytes of working arrays per chunk of products.
CHUNK_BYTES = 64_000_000
#: A path strings at most so many past days together; beyond it quantities are multiplied instead.
MOST_DAYS = 360
#: Rows with fewer days of history are filled up with days of a negative binomial around the forecast.
FEWEST_DAYS = 56


@dataclass(frozen=True, eq=False)
class ProtectionDemand:
    """Simulated demand of each product, S paths each, float32.

    ``total`` [n, S] pieces over lead time + review, ``lead`` [n, S] over the lead time alone, ``lead_days`` [n, S] the
    lead time of the path, ``stockout_day`` [n, S] the day (1 = today) in which the stock on hand runs out, infinite
    when it lasts the whole horizon. ``daily`` [n] is the mean forecast per day, ``horizon`` its number of days.
    ``slipped`` [n, S] is what is asked for until the day to which a receipt slips (None: not asked).
    """

    total: NDArray[np.float32]
    lead: NDArray[np.float32]
    lead_days: NDArray[np.float32]
    stockout_day: NDArray[np.float32]
    review_days: NDArray[np.float64]
    daily: NDArray[np.float64]
    horizon: int
    slipped: NDArray[np.float32] | None = None

    def __len__(self) -> int:
        return len(self.total)

    def only(self, rows: NDArray[np.int64]) -> ProtectionDemand:
        """That of some products."""
        names = ("total", "lead", "lead_days", "stockout_day", "review_days", "daily")
        slipped = None if self.slipped is None else self.slipped[rows]
        return replace(self, slipped=slipped, **{name: getattr(self, name)[rows] for name in names})

    def quantile(self, q: ArrayLike) -> NDArray[np.float64]:
        """Quantile of ``total``, one probability for all or one per product [n]; the smallest path at or above it."""
        return row_quantile(np.sort(self.total, axis=1), q)

    def stockout_quantile(self, q: ArrayLike) -> NDArray[np.float64]:
        """Day by which the stock on hand has run out with probability ``q``; infinite beyond the horizon."""
        return row_quantile(np.sort(self.stockout_day, axis=1), q)


def row_quantile(ordered: NDArray[np.floating], q: ArrayLike) -> NDArray[np.float64]:
    """Element ``ceil(q * S)`` of each sorted row; ``q`` is one number or [n]."""
    chance = np.broadcast_to(np.asarray(q, dtype=np.float64), len(ordered))
    if np.any(~((chance >= 0) & (chance <= 1))):
        raise ValueError("q must be between 0 and 1")
    size = ordered.shape[1]
    at = np.clip(np.ceil(chance * size - 1e-9).astype(np.int64) - 1, 0, size - 1)
    return ordered[np.arange(len(ordered)), at].astype(np.float64)


def risk_level(ordered: NDArray[np.floating], risk: ArrayLike) -> NDArray[np.float64]:
    """Level [n] that is exceeded with probability ``risk``, beyond the largest path too.

    Below one path in S the tail goes on exponentially with the mean excess of the largest tenth of the paths (the
    exponential case of peaks over threshold; Pickands, 1975): no finite number of paths says that nothing larger comes.
    """
    size = ordered.shape[1]
    chance = np.broadcast_to(np.asarray(risk, dtype=np.float64), len(ordered)).clip(1e-12, 1.0)
    level = row_quantile(ordered, 1 - np.maximum(chance, 1 / size))
    top = max(size // 10, 1)
    excess = (ordered[:, -top:].mean(axis=1, dtype=np.float64) - ordered[:, -top]).clip(min=0.0)
    return np.asarray(level + excess * np.log(np.maximum(1 / (size * chance), 1.0)))


@dataclass(frozen=True, eq=False)
class Sales:
    """What the demand of n products is drawn from.

    ``mean`` [n, days] is the daily forecast (its last 28 days repeat beyond its horizon), ``history`` [n, d] past daily
    demand, ``censored`` [n, d] marks days that say nothing (out of stock, before launch); missing or negative demand
    counts as censored. ``level_spread`` is how far forecasts of the level err, [n] or one number; ``block_days`` past
    days are drawn together. The same ``seed`` is the same luck, whatever the forecast.
    """

    mean: ArrayLike
    history: ArrayLike
    censored: ArrayLike | None = None
    level_spread: ArrayLike = 0.0
    block_days: int = 28
    seed: int = 0

    def cleaned(self) -> _Clean:
        """As arrays; raises ``ValueError`` for shapes that do not fit."""
        forecast, past = np.asarray(self.mean, dtype=np.float64), np.asarray(self.history)
        if forecast.ndim != 2 or past.ndim != 2 or len(past) != len(forecast):
            raise ValueError("mean must be [n, days] and history [n, d]")
        if not forecast.shape[1] or self.block_days < 1:
            raise ValueError("mean needs a day, block_days must be at least 1")
        hidden = None if self.censored is None else np.asarray(self.censored, dtype=bool)
        if hidden is not None and hidden.shape != past.shape:
            raise ValueError("censored must have the shape of history")
        forecast = np.nan_to_num(forecast, nan=0.0, posinf=0.0, neginf=0.0).clip(min=0.0)
        spread = _row(self.level_spread, len(forecast)).clip(min=0.0)
        return _Clean(forecast, past, hidden, spread, self.block_days, self.seed)


@dataclass(frozen=True, eq=False)
class _Clean:
    forecast: NDArray[np.float64]
    past: NDArray[np.generic]
    hidden: NDArray[np.bool_] | None
    spread: NDArray[np.float64]
    block: int
    seed: int

    def only(self, rows: slice) -> _Clean:
        hidden = None if self.hidden is None else self.hidden[rows]
        return replace(
            self, forecast=self.forecast[rows], past=self.past[rows], hidden=hidden, spread=self.spread[rows]
        )

    def chunks(self, *, size: int, ahead: int) -> Iterator[tuple[slice, _Paths]]:
        """Rows and their paths, which may be asked ``ahead`` days; what stands together depends on shapes alone."""
        longest = max(self.forecast.shape[1], min(ahead, MOST_DAYS))
        per_row = 36 * size * (MOST_DAYS // self.block + 8) + 40 * max(self.past.shape[1], FEWEST_DAYS) + 32 * longest
        step = max(1, CHUNK_BYTES // per_row)
        for number, start in enumerate(range(0, len(self.forecast), step)):
            rows = slice(start, min(start + step, len(self.forecast)))
            yield rows, _Paths(self.only(rows), size, (self.seed, number), longest)


def protection_demand(
    sales: Sales,
    *,
    lead_time_samples: ArrayLike,
    review_days: ArrayLike,
    on_hand: ArrayLike | None = None,
    slip_days: ArrayLike | None = None,
) -> ProtectionDemand:
    """Bootstrap the demand of n products over each path's lead time + review.

    ``lead_time_samples`` [n, S] and ``review_days`` [n] are days, ``on_hand`` [n] is the stock free to sell (default:
    none, every path is out of stock today). With ``slip_days`` [n] demand until that day is told along the same paths
    (``slipped``).

    A path strings blocks of past days together and reads them at the speed of the forecast: a day whose forecast is
    twice the past mean uses up two past days. So sizes of sales stay those that happened, whole pieces stay whole, and
    the mean is the forecast's (moving-block bootstrap of Kuensch, 1989, in operational time; Willemain et al., 2004,
    bootstrap lead-time demand of intermittent items). The speed of each path is drawn from a gamma distribution of mean
    1: its variance is ``level_spread`` squared + 1 / (days with a sale + 1), so that a product with few sales gets wide
    tails. Rows with fewer than 56 days are filled up with days of a negative binomial around the forecast. Works in
    chunks: memory beyond the result stays flat in n. Raises ``ValueError`` for shapes that do not fit.
    """
    source, lead_days = sales.cleaned(), np.asarray(lead_time_samples)
    n = len(source.forecast)
    if lead_days.ndim != 2 or len(lead_days) != n or not lead_days.shape[1]:
        raise ValueError("lead_time_samples must be [n, S], with at least one sample")
    review = _row(review_days, n).clip(min=0.0)
    stock = _row(0.0 if on_hand is None else on_hand, n)
    slip = _row(0.0 if slip_days is None else slip_days, n).clip(min=0.0)
    size = lead_days.shape[1]
    made = [np.zeros((n, size), dtype=np.float32) for _ in range(4 if slip_days is None else 5)]
    finite = lead_days[np.isfinite(lead_days)]
    ahead = int(max(finite.max(initial=0) + review.max(initial=0), slip.max(initial=0))) + 1
    for rows, paths in source.chunks(size=size, ahead=ahead):
        took = np.nan_to_num(np.asarray(lead_days[rows], dtype=np.float64), nan=0.0, posinf=0.0).clip(min=0.0)
        took = np.rint(took)
        made[0][rows] = paths.until(took + review[rows, None])
        made[1][rows] = paths.until(took)
        made[2][rows] = took
        if slip_days is not None:
            made[4][rows] = paths.until(np.broadcast_to(np.rint(slip[rows, None]), took.shape))
        if on_hand is not None:
            made[3][rows] = paths.runs_out(stock[rows])
    return ProtectionDemand(
        total=made[0],
        lead=made[1],
        lead_days=made[2],
        stockout_day=made[3],
        review_days=review,
        daily=source.forecast.mean(axis=1),
        horizon=source.forecast.shape[1],
        slipped=None if slip_days is None else made[4],
    )


def demand_paths(sales: Sales, *, size: int, days: int) -> NDArray[np.float32]:
    """Daily demand [size, n, days] along the paths of ``protection_demand``: the same seed is the same luck.

    Another ``mean`` with the same seed moves the paths, not their luck (common random numbers).
    """
    source = sales.cleaned()
    made = np.empty((size, len(source.forecast), days), dtype=np.float32)
    for rows, paths in source.chunks(size=size, ahead=days):
        before = np.zeros(paths.luck.shape)
        for day in range(days):
            reached = paths.until(np.full(paths.luck.shape, day + 1.0))
            made[:, rows, day] = (reached - before).T
            before = reached
    return made


def _row(values: ArrayLike, n: int) -> NDArray[np.float64]:
    found = np.nan_to_num(np.asarray(values, dtype=np.float64), nan=0.0, posinf=0.0, neginf=0.0)
    return np.array(np.broadcast_to(found, n))


def _extended(forecast: NDArray[np.float64], days: int) -> NDArray[np.float64]:
    """The forecast over ``days`` days: its last 28 repeat."""
    horizon = forecast.shape[1]
    if days <= horizon:
        return forecast
    tail = min(28, horizon)
    return forecast[:, np.r_[np.arange(horizon), horizon - tail + np.arange(days - horizon) % tail]]


class _Paths:
    """Cumulative demand of a chunk of products along S paths, asked at any day."""

    def __init__(self, source: _Clean, size: int, seed: tuple[int, int], longest: int) -> None:
        forecast, spread, block = source.forecast, source.spread, source.block
        # One stream per purpose: another forecast must not shift the luck of what it has nothing to do with.
        random = [np.random.default_rng([*seed, purpose]) for purpose in range(4)]
        demand, days = _told(source.past, source.hidden)
        demand, days = _filled_up(demand, days, forecast.mean(axis=1), random[0])
        self.block, self.rows = block, np.arange(len(demand))[:, None]
        # The past goes round in a circle: every day is equally likely to be drawn.
        round_ = np.take_along_axis(demand, np.arange(demand.shape[1] + block) % days[:, None], axis=1)
        self.sums = np.concatenate([np.zeros((len(demand), 1)), np.cumsum(round_, axis=1)], axis=1)
        usual = self.sums[np.arange(len(demand)), days] / days
        sold = (demand > 0).sum(axis=1)
        shape = 1.0 / (spread**2 + 1.0 / (sold + 1.0))
        self.speed = random[1].gamma(shape[:, None], 1.0 / shape[:, None], size=(len(demand), size))
        self.horizon = forecast.shape[1]
        clock = np.cumsum(_extended(forecast, longest), axis=1) / np.where(usual > 0, usual, 1.0)[:, None]
        clock = np.where((usual > 0)[:, None], clock, 0.0)
        self.clock = np.concatenate([np.zeros((len(clock), 1)), clock], axis=1)
        # Two thirds of MOST_DAYS, so that a path may be half as fast again before it is stretched.
        self.factor = np.maximum(self.clock[:, -1] / (MOST_DAYS / 1.5), 1.0)[:, None]
        self.clock = self.clock / self.factor
        self.luck = random[2].random((len(demand), size))
        blocks = int(np.ceil((self.clock[:, -1].max(initial=0.0) * 1.5 + 1) / block)) + 1
        self.starts = np.empty((len(demand), size, blocks), dtype=np.int32)
        for at in range(blocks):  # one by one: a longer path begins like a shorter one
            self.starts[:, :, at] = random[3].random((len(demand), size)) * days[:, None]
        rows = self.rows[:, :, None]
        whole = self.sums[rows, self.starts + block] - self.sums[rows, self.starts]
        self.heads = np.concatenate([np.zeros((*whole.shape[:2], 1)), np.cumsum(whole, axis=2)], axis=2)

    def until(self, days: NDArray[np.float64]) -> NDArray[np.float64]:
        """Demand of the first ``days`` [rows, S] days of each path."""
        time = self._time(days) * self.speed
        last = self.starts.shape[2] * self.block
        # Beyond the strung blocks (a fast path, a very long lead time) demand goes on at the path's own pace.
        stretch = np.maximum(time / max(last - 1, 1), 1.0)
        step = np.floor(time / stretch + self.luck).astype(np.int64).clip(max=last - 1)
        at, rest = step // self.block, step % self.block
        columns = np.arange(step.shape[1])[None, :]
        begin = self.starts[self.rows, columns, at]
        part = self.sums[self.rows, begin + rest] - self.sums[self.rows, begin]
        return np.asarray((self.heads[self.rows, columns, at] + part) * self.factor * stretch)

    def _time(self, days: NDArray[np.float64]) -> NDArray[np.float64]:
        """Past days used up by the first ``days`` days; beyond the clock's end at its last pace."""
        horizon = self.clock.shape[1] - 1
        inside = np.minimum(days, horizon)
        low = np.floor(inside).astype(np.int64)
        high = np.minimum(low + 1, horizon)
        known = self.clock[self.rows, low]
        known = known + (inside - low) * (self.clock[self.rows, high] - known)
        tail = min(28, horizon)
        pace = (self.clock[:, -1] - self.clock[:, -1 - tail])[:, None] / tail
        return np.asarray(known + (days - inside) * pace)

    def runs_out(self, stock: NDArray[np.float64]) -> NDArray[np.float64]:
        """First day (from 1) by whose end demand has reached the stock; 0 when there is none, else infinite."""
        horizon = self.horizon
        low = np.zeros(self.luck.shape)
        high = np.full(self.luck.shape, float(horizon))
        ever = self.until(high) >= stock[:, None]
        for _ in range(int(np.ceil(np.log2(horizon))) + 1):
            middle = np.floor((low + high) / 2)
            reached = self.until(middle) >= stock[:, None]
            high = np.where(reached, middle, high)
            low = np.where(reached, low, middle + 1).clip(max=horizon)
        return np.where(stock[:, None] <= 0, 0.0, np.where(ever, high, np.inf))


def _told(past: NDArray[np.generic], hidden: NDArray[np.bool_] | None) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """``(demand, days)``: the days that say something, moved to the left and in order, and how many they are."""
    demand = np.asarray(past, dtype=np.float64)
    silent = ~np.isfinite(demand) | (demand < 0)
    if hidden is not None:
        silent |= hidden
    if silent.any():
        order = np.argsort(silent, axis=1, kind="stable")
        demand = np.take_along_axis(np.where(silent, 0.0, demand), order, axis=1)
    return demand, (~silent).sum(axis=1)


def _filled_up(
    demand: NDArray[np.float64], days: NDArray[np.int64], mean: NDArray[np.float64], random: np.random.Generator
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Rows of too few days get days of a negative binomial (variance twice the mean) around the forecast behind them.

    A history without one sale gets them too when the forecast expects some: what never sold has no sizes to draw from.
    """
    wanted = np.where(days < FEWEST_DAYS, FEWEST_DAYS, days)
    never = (demand.sum(axis=1) <= 0) & (mean > 0)
    wanted = np.where(never, np.maximum(wanted, days + FEWEST_DAYS), wanted)
    if demand.shape[1] < wanted.max(initial=0):
        demand = np.pad(demand, ((0, 0), (0, int(wanted.max()) - demand.shape[1])))
    short = np.flatnonzero(wanted > days)
    if len(short):
        rate = random.gamma(np.maximum(mean[short], 1e-9)[:, None], 1.0, size=(len(short), demand.shape[1]))
        made = random.poisson(rate)
        at = np.arange(demand.shape[1])[None, :]
        fill = (at >= days[short][:, None]) & (at < wanted[short][:, None])
        demand[short] = np.where(fill, made, demand[short])
    return demand, wanted
