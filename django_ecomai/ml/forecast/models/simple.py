"""The trivial forecasts that stand beside every other one."""

from __future__ import annotations

import warnings

import numpy as np

from ..base import Floats, SeriesModel
from ..season import enough


class Zero(SeriesModel):
    """Nothing will be sold: what measures of absolute error like best when demand is intermittent."""

    kind = "zero"

    def _fit(self, y: Floats, season_length: int) -> None:
        self.n_series_ = len(y)

    def _predict(self, horizon: int) -> Floats:
        return np.zeros((self.n_series_, horizon))


class MovingAverage(SeriesModel):
    """Mean of the last ``window`` known periods (None: one season, at most 13)."""

    kind = "moving_average"

    def __init__(self, window: int | None = None) -> None:
        self.window = window

    def _fit(self, y: Floats, season_length: int) -> None:
        window = self.window or (min(season_length, 13) if season_length > 1 else 8)
        self.level_ = recent_mean(y, window)

    def _predict(self, horizon: int) -> Floats:
        return np.repeat(self.level_[:, None], horizon, axis=1)


class SeasonalNaive(SeriesModel):
    """The same period one season ago; below two seasons, and where that period is unknown, the moving average."""

    kind = "seasonal_naive"
    seasonal = True

    def _fit(self, y: Floats, season_length: int) -> None:
        self.fallback_ = MovingAverage().fit(y, season_length=season_length).level_
        usable = enough(y, season_length)
        m = min(season_length, y.shape[1])
        last = np.where(usable[:, None], y[:, y.shape[1] - m :], np.nan)
        self.season_ = np.where(np.isnan(last), self.fallback_[:, None], last)

    def _predict(self, horizon: int) -> Floats:
        if not self.season_.shape[1]:
            return np.repeat(self.fallback_[:, None], horizon, axis=1)
        return np.asarray(self.season_[:, np.arange(horizon) % self.season_.shape[1]])


def recent_mean(y: Floats, window: int) -> Floats:
    """Mean [S] of the last ``window`` known periods; 0 without one."""
    known = ~np.isnan(y)
    from_end = np.cumsum(known[:, ::-1], axis=1)[:, ::-1]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        return np.nan_to_num(np.nanmean(np.where(known & (from_end <= window), y, np.nan), axis=1))
