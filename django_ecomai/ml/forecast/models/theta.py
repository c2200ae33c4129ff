"""Dynamic theta model (Fiorucci, Pellegrini, Louzada, Petropoulos & Koehler, "Models for optimising the theta method
and their relationship to state space models", International Journal of Forecasting 32, 2016): exponential smoothing
plus a drift whose line is re-estimated with every observation. Smoothing and theta come from a grid, per series, whose
members are averaged with their likelihoods.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

import numpy as np

from ..base import Floats, SeriesModel
from ..season import phases, seasonal_indices
from .smoothing import initial, likelihoods

#: Periods below which there is no line to follow.
YOUNG = 5


class DynamicTheta(SeriesModel):
    """Dynamic optimised theta, on seasonally adjusted series."""

    kind = "theta"
    seasonal = True

    def __init__(
        self,
        alphas: Sequence[float] = (0.05, 0.12, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.85, 0.98),
        thetas: Sequence[float] = (1.0, 1.25, 1.6, 2.2, 4.0),
    ) -> None:
        self.alphas = alphas
        self.thetas = thetas

    def _fit(self, y: Floats, season_length: int) -> None:
        self.index_ = seasonal_indices(y, season_length)
        flat = y / phases(self.index_, 0, y.shape[1])
        alpha, theta = self._grid()
        state = _State(np.broadcast_to(initial(flat)[0], (len(alpha), len(y))).copy(), len(y))
        errors = np.zeros((len(alpha), len(y)))
        for t in range(y.shape[1]):
            known = ~np.isnan(flat[:, t])
            if not known.any():
                continue
            error = np.where(known, flat[:, t] - state.ahead(alpha, theta), 0.0)
            errors += np.where(state.n > 2, error**2, 0.0)
            state.update(np.where(known, flat[:, t], 0.0), known, alpha)
        # errors count from the third period on: before that nothing tells a line from the start of one
        errors[(theta > 1) & (state.n < YOUNG)] = np.inf
        self.weight_ = likelihoods(errors, y)
        self.level_ = state.level
        self.mean_, self.line_, self.slope_, self.n_ = state.mean, state.line, state.slope, state.n

    def _predict(self, horizon: int) -> Floats:
        alpha, theta = self._grid()
        flat = np.empty((self.level_.shape[1], horizon))
        # every member goes on from its own forecasts
        state = _State(self.level_, self.level_.shape[1])
        state.mean, state.line, state.slope, state.n = self.mean_, self.line_, self.slope_, self.n_
        known = self.n_ > 0
        for step in range(horizon):
            ahead = state.ahead(alpha, theta)
            flat[:, step] = (self.weight_ * ahead).sum(axis=0)
            state.update(ahead, known, alpha)
        return np.asarray(np.maximum(flat, 0) * phases(self.index_, self.length_, horizon))

    def _grid(self) -> tuple[Floats, Floats]:
        alpha, theta = np.array(list(itertools.product(self.alphas, self.thetas))).T
        return alpha[:, None], theta[:, None]


class _State:
    """Level [G, S] and mean, intercept and slope of the line through what was seen, and its length, each [S] or, ahead
    of the history, where every member sees its own forecasts, [G, S]."""

    def __init__(self, level: Any, series: int) -> None:
        self.level = level
        self.mean, self.line, self.slope, self.n = (np.zeros(series) for _ in range(4))

    def ahead(self, alpha: Any, theta: Any) -> Any:
        """One-step forecast [G, S]."""
        fade = (1 - alpha) ** self.n
        drift = fade * self.line + (1 - fade * (1 - alpha)) / alpha * self.slope
        return self.level + (1 - 1 / theta) * drift

    def update(self, value: Any, known: Any, alpha: Any) -> None:
        """Take one observation [S] or [G, S] where ``known``."""
        n = self.n + known
        some = np.maximum(n, 1)
        mean = np.where(known, ((n - 1) * self.mean + value) / some, self.mean)
        with np.errstate(divide="ignore", invalid="ignore"):
            slope = ((n - 2) * self.slope + 6 / n * (value - self.mean)) / (n + 1)
        slope = np.where(known, np.where(n > 1, slope, 0.0), self.slope)
        self.level = np.where(known, alpha * value + (1 - alpha) * self.level, self.level)
        self.mean, self.slope, self.n = mean, slope, n
        self.line = mean - (n + 1) / 2 * slope
