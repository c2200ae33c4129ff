"""The policies of `benchmarks.inventory`: for each knob, levels per epoch; ours and the baselines.

Every policy is reviewed at the same times, orders by (s, S) with the same cost per order, sees the same receipts and
the same demand up to the day it decides (the clairvoyant and stockpyl apart, which are told the truth), and has its
knob turned until the fill rate is that of the others. What else a policy can be told is chosen for it on validation.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from benchmarks.inventory_data import World
from django_ecomai.ml.forecast.engine import forecast_fit
from django_ecomai.ml.forecast.hierarchy import PRODUCT
from django_ecomai.ml.forecast.options import ForecastOptions
from django_ecomai.ml.inventory.assortment import SharedTarget
from django_ecomai.ml.inventory.formulas import eoq
from django_ecomai.ml.inventory.policy import levels
from django_ecomai.ml.inventory.pooling import PooledSpread
from django_ecomai.ml.inventory.protection import ProtectionDemand, Sales, protection_demand
from django_ecomai.ml.inventory.simulate import Decide, LevelPolicy

Floats = NDArray[np.float64]
#: The orders of a policy whose knob stands at a number.
Policy = Callable[[float], Decide]
PATHS = 128
#: Weeks or months after which our forecasts are fitted anew.
REFIT = 4


def smoothed(past: Floats, half_life: float) -> Floats:
    """Exponentially weighted mean per period [n] of what is known [n, periods]."""
    weight = 0.5 ** (np.arange(past.shape[1])[::-1] / half_life)
    known = np.isfinite(past)
    return np.nan_to_num(
        (np.where(known, past, 0) * weight).sum(axis=1) / np.maximum((known * weight).sum(axis=1), 1e-12)
    )


def paying_lot(world: World, mean: Floats) -> Floats:
    """Economic order quantity [n], at most a year."""
    shape = world.shape
    year = 365 / shape.days_per_period
    lot = eoq(shape.order_cost, 0.25 * world.cost, mean * year)
    return np.clip(lot, 1.0, np.maximum(mean * year, 1.0))


def over_epochs(world: World, one: Callable[[int], tuple[Floats, Floats]]) -> LevelPolicy:
    """The policy whose levels are ``one(period)`` at each epoch."""
    found = [one(period) for period in world.epochs]
    points, tops = (np.array([each[at] for each in found]) for at in range(2))
    return LevelPolicy(points, tops, epoch_days=world.shape.review)


def static_min_max(world: World, half_life: float) -> Policy:
    """Minimum and maximum set once, before the first order, and never looked at again."""
    mean = smoothed(world.known(world.start), half_life)
    cover = world.times.mean() + world.shape.review
    lot = paying_lot(world, mean)
    return lambda knob: LevelPolicy(mean * cover * knob, mean * cover * knob + lot)


def days_of_cover(world: World, half_life: float, *, lots: bool = False) -> Policy:
    """Sales per day x (lead time + review) x knob, at every review anew, and filled up to there at every review."""
    cover = world.times.mean() + world.shape.review
    means = {period: smoothed(world.known(period), half_life) for period in world.epochs}

    def turn(knob: float) -> Decide:
        def one(period: int) -> tuple[Floats, Floats]:
            point = means[period] * cover * knob
            return point, point + (paying_lot(world, means[period]) if lots else 0)

        return over_epochs(world, one)

    return turn


def days_of_cover_in_lots(world: World, half_life: float) -> Policy:
    """The same level, but at or below it an economic lot above it is ordered."""
    return days_of_cover(world, half_life, lots=True)


def normal_safety_stock(world: World, half_life: float, *, lots: bool = False) -> Policy:
    """Mean demand over lead time + review plus z standard deviations (demand and lead time), the same z for all."""
    cover = world.times.mean() + world.shape.review
    spread = world.times.sample(256).std(axis=1)
    known: dict[int, tuple[Floats, Floats]] = {}
    for period in world.epochs:
        past = world.known(period)
        mean = smoothed(past, half_life)
        deviation = np.sqrt(smoothed((past - mean[:, None]) ** 2, half_life))
        known[period] = mean, np.sqrt(cover * deviation**2 + (mean * spread) ** 2)

    def turn(knob: float) -> Decide:
        def one(period: int) -> tuple[Floats, Floats]:
            mean, deviation = known[period]
            point = mean * cover + knob * deviation
            return point, point + (paying_lot(world, mean) if lots else 0)

        return over_epochs(world, one)

    return turn


def normal_safety_stock_in_lots(world: World, half_life: float) -> Policy:
    """The same level, but at or below it an economic lot above it is ordered."""
    return normal_safety_stock(world, half_life, lots=True)


def stockpyl_true(world: World, _: float) -> Policy:
    """(r, Q) of stockpyl told the true mean and deviation of the demand that comes; the knob is the cost of a loss."""
    from stockpyl.rq import r_q_eil_approximation

    shape = world.shape
    future = world.demand[:, shape.begin : shape.end]
    mean, deviation = future.mean(axis=1), future.std(axis=1)
    cover = world.times.mean() + shape.review
    holding = 0.25 * world.cost * shape.days_per_period / 365
    lots = paying_lot(world, mean)

    def turn(knob: float) -> Decide:
        point, lot = np.zeros(len(mean)), lots.copy()
        for at in np.flatnonzero(mean > 0):
            # Too cheap a loss has no solution: nothing is kept in stock.
            if holding[at] * np.sqrt(2 * shape.order_cost * mean[at] / holding[at]) >= knob * mean[at]:
                continue
            try:
                point[at], lot[at], _ = r_q_eil_approximation(
                    holding[at], knob, shape.order_cost, mean[at], max(deviation[at], 1e-3), cover[at]
                )
            except (ValueError, ArithmeticError):
                continue
        point = np.nan_to_num(point).clip(min=0)
        return LevelPolicy(point, point + np.nan_to_num(lot))

    return turn


def clairvoyant(world: World, _: float) -> Policy:
    """Knows demand and lead times: orders what sells until the order after next arrives, in the lots that pay."""
    shape = world.shape
    total = np.concatenate([np.zeros((len(world.demand), 1)), np.cumsum(world.demand, axis=1)], axis=1)
    last = total.shape[1] - 1

    def turn(knob: float) -> Decide:
        del knob

        def decide(day: int, position: Floats) -> Floats:
            now = world.start + day
            here = world.lead[:, :, day % world.lead.shape[2]]
            ahead = world.lead[:, :, (day + shape.review) % world.lead.shape[2]]
            rows = np.arange(len(total))[None, :]
            need = total[rows, np.minimum(now + shape.review + ahead, last)] - total[:, now][None, :]
            far = np.minimum(now + here + shape.review, last)
            mean = (total[rows, far] - total[:, now][None, :]) / np.maximum(far - now, 1)
            lot = np.sqrt(2 * shape.order_cost * mean * 365 / shape.days_per_period / (0.25 * world.cost))
            reach = np.ceil(np.divide(lot, mean, out=np.zeros_like(lot), where=mean > 0)).astype(np.int64)
            until = np.minimum(now + here + np.maximum(reach, shape.review), last)
            enough = np.maximum(total[rows, until] - total[:, now][None, :], need)
            return np.where(position < need, enough - position, 0.0)

        return decide

    return turn


class Forecasts:
    """Mean demand per period [n, horizon] as forecast in a period, each made once.

    ``told`` is a half-life (exponentially weighted mean, a flat forecast) or "engine": `ml.forecast` on weeks or
    months, fitted anew every `REFIT` periods of it and read from there in between.
    """

    def __init__(self, world: World, told: float | str) -> None:
        self.world, self.told = world, told
        self.fitted: dict[int, Floats] = {}

    def __call__(self, period: int) -> Floats:
        if self.told != "engine":
            return smoothed(self.world.known(period), float(self.told))[:, None]
        step = 7 if self.world.shape.days_per_period == 1 else 1
        age = (period - self.world.start) // step % REFIT
        begun = period - age * step
        if begun not in self.fitted:
            self.fitted[begun] = self._engine(begun, step)
        return self.fitted[begun][:, age * step :]

    def _engine(self, period: int, step: int) -> Floats:
        """Per period [n, horizon] from all demand before ``period``."""
        known = self.world.known(period)
        n, buckets = len(known), known.shape[1] // step
        parts = known[:, known.shape[1] - buckets * step :].reshape(n, buckets, step)
        sums = np.where(np.isnan(parts).all(axis=2), np.nan, np.nansum(parts, axis=2))
        series, at = np.nonzero(np.isfinite(sums))
        # Dates are made up: weeks or months that end now.
        dates = pd.date_range(end="2011-01-03", periods=buckets, freq="W-MON" if step == 7 else "MS")
        ids = np.array([f"{one:06d}" for one in range(n)])
        frame = pd.DataFrame({"unique_id": ids[series], "ds": dates[at], "y": sums[series, at]})
        options = ForecastOptions(frequency="W" if step == 7 else "M", horizon=12)
        result = forecast_fit(
            frame, options=options, static=pd.DataFrame({"unique_id": ids, "price": self.world.price})
        )
        products = result.forecasts[result.forecasts["level"] == PRODUCT]
        wide = products.pivot(index="unique_id", columns="ds", values="mean").reindex(ids).to_numpy(float)
        return np.repeat(np.nan_to_num(wide).clip(min=0), step, axis=1) / step


class Ours:
    """Bootstrapped demand over lead time + review at every epoch; computed once, asked at every target."""

    def __init__(self, world: World, told: float | str) -> None:
        self.world = world
        self.known: list[ProtectionDemand] = []
        forecast = Forecasts(world, told)
        monthly = world.shape.days_per_period > 1
        for number, period in enumerate(world.epochs):
            demand = protection_demand(
                Sales(forecast(period), world.known(period), seed=number, block_days=2 if monthly else 28),
                lead_time_samples=world.times.sample(PATHS),
                review_days=world.shape.review,
            )
            self.known.append(PooledSpread().fit_transform(demand))

    def shared(self, weight: Any, lot_factor: float) -> Policy:
        """One fill rate over all products; the knob is what a lost piece (times ``weight``) costs."""
        shape = self.world.shape
        targets = [
            SharedTarget(
                demand,
                unit_cost=self.world.cost,
                holding_rate=0.25 * shape.days_per_period,
                order_cost=shape.order_cost,
                weight=weight,
                most_cover_days=365 / shape.days_per_period,
                lot_factor=lot_factor,
            )
            for demand in self.known
        ]

        def turn(knob: float) -> Decide:
            plans = [target.plan(knob) for target in targets]
            return self._policy([(plan.reorder_point, plan.order_up_to) for plan in plans])

        return turn

    def each(self) -> Policy:
        """The knob is the fill rate asked of every product by itself."""

        def turn(knob: float) -> Decide:
            found = [
                levels(demand, policy="sS", lot=paying_lot(self.world, demand.daily), fill_target=knob)
                for demand in self.known
            ]
            return self._policy([(one.reorder_point, one.order_up_to) for one in found])

        return turn

    def _policy(self, found: list[tuple[Floats, Floats]]) -> LevelPolicy:
        points, tops = (np.array([one[at] for one in found]) for at in range(2))
        return LevelPolicy(points, tops, epoch_days=self.world.shape.review)
