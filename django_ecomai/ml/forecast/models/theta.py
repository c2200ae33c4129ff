"""Dynamic theta model (Fiorucci, Pellegrini, Louzada, Petropoulos & Koehler, "Models for optimising the theta method
and their relationship to state space models", International Journal of Forecasting 32, 2016): exponential smoothing
plus a drift whose line is re-estimated with every observation. Smoothing and theta come from a grid, per series.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

import numpy as np

from ..base import Floats, SeriesModel
from ..season import phases, seasonal_indices
from .smoothing import initial


class DynamicTheta(SeriesModel):
    """Dynamic optimised theta, on seasonally adjusted series."""

    kind = "theta"
    seasonal = True

    def __init__(
        self,
        alphas: Sequence[float] = (0.05, 0.15, 0.3, 0.5, 0.7, 0.9),
        thetas: Sequence[float] = (1.0, 1.5, 2.0, 4.0),
    ) -> None:
        self.alphas = alphas
        self.thetas = thetas

    def _fit(self, y: Floats, season_length: int) -> None:
        self.index_ = seasonal_indices(y, season_length)
        flat = y / phases(self.index_, 0, y.shape[1])
        grid = list(itertools.product(self.alphas, self.thetas))
        alpha, theta = (np.array(column)[:, None] for column in zip(*grid, strict=True))
        state = _State(np.broadcast_to(initial(flat)[0], (len(grid), len(y))).copy(), len(y))
        errors = np.zeros((len(grid), len(y)))
        for t in range(y.shape[1]):
            known = ~np.isnan(flat[:, t])
            if not known.any():
                continue
            error = np.where(known, flat[:, t] - state.ahead(alpha, theta), 0.0)
            errors += np.where(state.n > 2, error**2, 0.0)
            state.update(np.where(known, flat[:, t], 0.0), known, alpha)
        best = np.argmin(errors, axis=0)
        self.alpha_, self.theta_ = alpha[best, 0], theta[best, 0]
        self.level_ = state.level[best, np.arange(len(y))]
        self.mean_, self.line_, self.slope_, self.n_ = state.mean, state.line, state.slope, state.n

    def _predict(self, horizon: int) -> Floats:
        state = _State(self.level_[None, :].copy(), len(self.level_))
        state.mean, state.line, state.slope, state.n = self.mean_, self.line_, self.slope_, self.n_
        alpha, theta = self.alpha_[None, :], self.theta_[None, :]
        flat = np.empty((len(self.level_), horizon))
        known = self.n_ > 0
        for step in range(horizon):
            flat[:, step] = state.ahead(alpha, theta)[0]
            state.update(flat[:, step], known, alpha)
        return np.asarray(np.maximum(flat, 0) * phases(self.index_, self.length_, horizon))


class _State:
    """Level [G, S] and, per series [S], mean, intercept and slope of the line through what was seen, and its length."""

    def __init__(self, level: Any, series: int) -> None:
        self.level = level
        self.mean, self.line, self.slope, self.n = (np.zeros(series) for _ in range(4))

    def ahead(self, alpha: Any, theta: Any) -> Any:
        """One-step forecast [G, S]."""
        fade = (1 - alpha) ** self.n
        drift = fade * self.line + (1 - fade * (1 - alpha)) / alpha * self.slope
        return self.level + (1 - 1 / theta) * drift

    def update(self, value: Any, known: Any, alpha: Any) -> None:
        """Take one observation [S] where ``known``."""
        n = self.n + known
        some = np.maximum(n, 1)
        mean = np.where(known, ((n - 1) * self.mean + value) / some, self.mean)
        with np.errstate(divide="ignore", invalid="ignore"):
            slope = ((n - 2) * self.slope + 6 / n * (value - self.mean)) / (n + 1)
        slope = np.where(known, np.where(n > 1, slope, 0.0), self.slope)
        self.level = np.where(known, alpha * value + (1 - alpha) * self.level, self.level)
        self.mean, self.slope, self.n = mean, slope, n
        self.line = mean - (n + 1) / 2 * slope
