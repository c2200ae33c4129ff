"""Exponential smoothing in error-correction form (Hyndman, Koehler, Ord & Snyder, "Forecasting with Exponential
Smoothing", 2008). Parameters come from a grid: every member is run over the series, and their forecasts are averaged
with the likelihood of their one-step errors (Bayesian model averaging: Hoeting, Madigan, Raftery & Volinsky,
Statistical Science 14, 1999), since a short history tells several of them about equally well. Series with two seasons
are first divided by their seasonal indices; Holt-Winters keeps the season as a state instead.
"""

from __future__ import annotations

import itertools
import warnings
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ..base import Floats, SeriesModel
from ..season import phases, seasonal_indices


class SimpleSmoothing(SeriesModel):
    """Simple exponential smoothing."""

    kind = "ses"
    seasonal = True

    def __init__(self, alphas: Sequence[float] = (0.02, 0.05, 0.1, 0.15, 0.2, 0.3, 0.45, 0.6, 0.8)) -> None:
        self.alphas = alphas

    def _fit(self, y: Floats, season_length: int) -> None:
        self.index_ = seasonal_indices(y, season_length)
        flat = y / phases(self.index_, 0, y.shape[1])
        level, _, weight = smooth(flat, [(alpha, 0.0, 1.0) for alpha in self.alphas], trend=False)
        self.level_ = (weight * level).sum(axis=0)

    def _predict(self, horizon: int) -> Floats:
        return np.asarray(self.level_[:, None] * phases(self.index_, self.length_, horizon))


class DampedTrend(SeriesModel):
    """Exponential smoothing with a damped trend (Gardner & McKenzie, Management Science 31, 1985); a ``beta`` of 0 is
    no trend."""

    kind = "damped_trend"
    seasonal = True

    def __init__(
        self,
        alphas: Sequence[float] = (0.05, 0.1, 0.2, 0.35, 0.5, 0.7, 0.9),
        betas: Sequence[float] = (0.0, 0.03, 0.1, 0.3),
        phis: Sequence[float] = (0.8, 0.92, 0.98),
    ) -> None:
        self.alphas = alphas
        self.betas = betas
        self.phis = phis

    def _fit(self, y: Floats, season_length: int) -> None:
        self.index_ = seasonal_indices(y, season_length)
        flat = y / phases(self.index_, 0, y.shape[1])
        # without a trend all phis are the same
        every = itertools.product(self.alphas, self.betas, self.phis)
        grid = [(alpha, beta, phi) for alpha, beta, phi in every if beta or phi == self.phis[0]]
        level, trend, weight = smooth(flat, grid, trend=True)
        self.level_ = (weight * level).sum(axis=0)
        phi = np.array([one[2] for one in grid])
        self.trend_ = np.stack([(weight * trend)[phi == one].sum(axis=0) for one in self.phis])  # [phis, S]

    def _predict(self, horizon: int) -> Floats:
        reach = np.cumsum(np.asarray(self.phis)[:, None] ** np.arange(1, horizon + 1), axis=1)
        flat = self.level_[:, None] + self.trend_.T @ reach
        return np.asarray(np.maximum(flat, 0) * phases(self.index_, self.length_, horizon))


class HoltWinters(SeriesModel):
    """Additive season and damped trend as states, without a season the damped trend."""

    kind = "holt_winters"
    seasonal = True

    def __init__(
        self,
        alphas: Sequence[float] = (0.05, 0.2, 0.5),
        betas: Sequence[float] = (0.02, 0.1),
        gammas: Sequence[float] = (0.05, 0.2, 0.4),
        phi: float = 0.97,
    ) -> None:
        self.alphas = alphas
        self.betas = betas
        self.gammas = gammas
        self.phi = phi

    def _fit(self, y: Floats, season_length: int) -> None:
        index = seasonal_indices(y, season_length, multiplicative=False)
        grid = list(itertools.product(self.alphas, self.betas, self.gammas))
        alpha, beta, gamma = (np.array(column)[:, None] for column in zip(*grid, strict=True))
        level, trend = initial(y - phases(index, 0, y.shape[1]))
        start = first_known(y)
        shape = (len(grid), len(y))
        season = np.repeat(index.T[:, None, :], len(grid), axis=1)  # [m, G, S]
        at_level, at_trend = np.broadcast_to(level, shape).copy(), np.broadcast_to(trend, shape).copy()
        errors = np.zeros(shape)
        # where there is no season, none may take part of the errors either: the level would lack it
        gamma = np.where(index.any(axis=1), gamma, 0.0)
        for t in range(y.shape[1]):
            phase = t % index.shape[1]
            alive = t >= start
            ahead = at_level + self.phi * at_trend
            error = np.where(np.isnan(y[:, t]), 0.0, y[:, t] - ahead - season[phase])
            errors = errors + error**2
            at_level = np.where(alive, ahead + alpha * error, at_level)
            at_trend = np.where(alive, self.phi * at_trend + alpha * beta * error, at_trend)
            season[phase] += gamma * (1 - alpha) * error
        weight = likelihoods(errors, y)
        self.level_, self.trend_ = (weight * at_level).sum(axis=0), (weight * at_trend).sum(axis=0)
        self.season_ = np.einsum("mgs,gs->sm", season, weight)
        self.season_[~index.any(axis=1)] = 0.0

    def _predict(self, horizon: int) -> Floats:
        reach = np.cumsum(self.phi ** np.arange(1, horizon + 1))
        flat = self.level_[:, None] + reach * self.trend_[:, None]
        return np.asarray(flat + phases(self.season_, self.length_, horizon))


def smooth(y: Floats, grid: Sequence[tuple[float, float, float]], *, trend: bool) -> tuple[Floats, Floats, Floats]:
    """Run every ``(alpha, beta, phi)`` over ``y`` [S, T]: ``(level, trend, weight)`` at its end, each [G, S]; the
    weights of a series sum to one.
    """
    alpha, beta, phi = (np.array(column)[:, None] for column in zip(*grid, strict=True))
    start_level, slope = initial(y)
    start = first_known(y)
    # `initial` lies one period before the first; without a trend it is four periods' mean, where they are
    moves = (beta > 0) & trend
    at = np.where(moves, start_level, start_level + 2.5 * slope)
    move = np.where(moves, slope, 0.0)
    errors = np.zeros((len(grid), len(y)))
    for t in range(y.shape[1]):
        unknown = np.isnan(y[:, t])
        if unknown.all() and not trend:
            continue
        ahead = at + phi * move if trend else at
        error = np.where(unknown, 0.0, y[:, t] - ahead)
        errors += error**2
        if trend:
            alive = t >= start
            at = np.where(alive, ahead + alpha * error, at)
            move = np.where(alive, phi * move + alpha * beta * error, move)
        else:
            at = ahead + alpha * error
    return at, move, likelihoods(errors, y)


def likelihoods(errors: Floats, y: Floats) -> Floats:
    """Weights [G, S] of the members of a grid with these sums of squared one-step errors [G, S]: their normal
    likelihoods, summing to one."""
    known = (~np.isnan(y)).sum(axis=1)
    least = errors.min(axis=0)
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = np.where(least > 0, errors / least, np.where(errors > 0, np.inf, 1.0))
        weight = np.exp(-0.5 * known * np.log(ratio))
    weight = np.where(known > 0, weight, 1.0)
    return np.asarray(weight / weight.sum(axis=0))


def initial(y: Floats, periods: int = 4) -> tuple[Floats, Floats]:
    """Starting level and slope [S] from the first ``2 * periods`` known periods."""
    known = ~np.isnan(y)
    order = np.cumsum(known, axis=1)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        early = np.nanmean(np.where(known & (order <= periods), y, np.nan), axis=1)
        late = np.nanmean(np.where(known & (order > periods) & (order <= 2 * periods), y, np.nan), axis=1)
    level = np.nan_to_num(early)
    slope = np.nan_to_num((late - early) / periods)
    return level - slope * (periods - 1) / 2 - slope, slope


def first_known(y: Floats) -> NDArray[np.int64]:
    """Column of the first known period [S]; T without one."""
    known = ~np.isnan(y)
    if not y.shape[1]:
        return np.zeros(len(y), dtype=np.int64)
    return np.where(known.any(axis=1), known.argmax(axis=1), y.shape[1])
