"""Forecasts of intermittent demand: its size and its interval, or its size and its probability, smoothed apart.

Croston (Operational Research Quarterly 23, 1972); SBA: Syntetos & Boylan (International Journal of Forecasting 21,
2005); TSB: Teunter, Syntetos & Babai (European Journal of Operational Research 214, 2011); ADIDA: Nikolopoulos et al.
(Journal of the Operational Research Society 62, 2011); IMAPA: Petropoulos & Kourentzes (same journal, 66, 2015).
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ..base import Floats, SeriesModel
from .smoothing import SimpleSmoothing


class Croston(SeriesModel):
    """Smoothed size over smoothed interval, both with ``alpha``."""

    kind = "croston"
    factor = 1.0

    def __init__(self, alpha: float = 0.1) -> None:
        self.alpha = alpha

    def _fit(self, y: Floats, season_length: int) -> None:
        size, interval, waited = np.zeros(len(y)), np.ones(len(y)), np.ones(len(y))
        begun = np.zeros(len(y), dtype=bool)
        for t in range(y.shape[1]):
            value = y[:, t]
            sold = value > 0
            fresh = sold & ~begun
            again = sold & begun
            size = np.where(fresh, value, np.where(again, size + self.alpha * (value - size), size))
            interval = np.where(fresh, waited, np.where(again, interval + self.alpha * (waited - interval), interval))
            waited = np.where(sold, 1.0, waited + ~np.isnan(value))
            begun |= sold
        self.level_ = np.where(begun, self.factor * size / interval, 0.0)

    def _predict(self, horizon: int) -> Floats:
        return np.repeat(self.level_[:, None], horizon, axis=1)


class SBA(Croston):
    """Croston with the Syntetos-Boylan approximation, which removes most of its upward bias."""

    kind = "sba"

    @property
    def factor(self) -> float:  # type: ignore[override]
        return 1 - self.alpha / 2


class TSB(SeriesModel):
    """Smoothed size times smoothed probability of demand: falls towards 0 when nothing is sold any more."""

    kind = "tsb"

    def __init__(
        self, alphas: Sequence[float] = (0.05, 0.1, 0.2), betas: Sequence[float] = (0.02, 0.05, 0.1, 0.2)
    ) -> None:
        self.alphas = alphas
        self.betas = betas

    def _fit(self, y: Floats, season_length: int) -> None:
        sold_ever = y > 0
        count = np.maximum(sold_ever.sum(axis=1), 1)
        early = np.cumsum(sold_ever, axis=1) <= 3
        start_size = np.where(sold_ever & early, y, 0).sum(axis=1) / np.minimum(count, 3)
        known = (~np.isnan(y)).sum(axis=1)
        start_chance = np.where(known > 0, sold_ever.sum(axis=1) / np.maximum(known, 1), 0.0)
        best = np.full(len(y), np.inf)
        self.level_ = np.zeros(len(y))
        for alpha, beta in itertools.product(self.alphas, self.betas):
            size, chance, errors = start_size, start_chance, np.zeros(len(y))
            for t in range(y.shape[1]):
                value = y[:, t]
                unknown, sold = np.isnan(value), value > 0
                errors += np.where(unknown, 0.0, (value - size * chance) ** 2)
                size = np.where(sold, size + alpha * (value - size), size)
                chance = np.where(unknown, chance, chance + beta * (sold - chance))
            better = errors < best
            best = np.where(better, errors, best)
            self.level_ = np.where(better, size * chance, self.level_)

    def _predict(self, horizon: int) -> Floats:
        return np.repeat(self.level_[:, None], horizon, axis=1)


class ADIDA(SeriesModel):
    """Simple smoothing of demand summed over its mean interval, spread evenly again."""

    kind = "adida"

    def __init__(self, most: int = 24) -> None:
        self.most = most

    def _fit(self, y: Floats, season_length: int) -> None:
        levels = aggregation_levels(y, self.most)
        self.level_ = np.zeros(len(y))
        for level in np.unique(levels):
            rows = levels == level
            self.level_[rows] = aggregated(y[rows], int(level))

    def _predict(self, horizon: int) -> Floats:
        return np.repeat(self.level_[:, None], horizon, axis=1)


class IMAPA(ADIDA):
    """Mean of the forecasts of all aggregation levels from 1 to the mean interval of demand."""

    kind = "imapa"

    def _fit(self, y: Floats, season_length: int) -> None:
        levels = aggregation_levels(y, self.most)
        total = np.zeros(len(y))
        for level in range(1, int(levels.max(initial=1)) + 1):
            rows = levels >= level
            total[rows] += aggregated(y[rows], level)
        self.level_ = total / np.maximum(levels, 1)


def aggregation_levels(y: Floats, most: int) -> NDArray[np.int64]:
    """Rounded mean interval between periods with demand [S], 1 to ``most``."""
    sold, known = (y > 0).sum(axis=1), (~np.isnan(y)).sum(axis=1)
    return np.clip(np.rint(known / np.maximum(sold, 1)), 1, max(1, min(most, y.shape[1] // 3))).astype(np.int64)


def aggregated(y: Floats, level: int) -> Floats:
    """Simple smoothing of sums over ``level`` periods counted back from the end, per single period [S]."""
    blocks = y.shape[1] // level
    if level == 1 or blocks < 2:
        return SimpleSmoothing().fit(y).level_
    cut = y[:, y.shape[1] - blocks * level :].reshape(len(y), blocks, level)
    known = (~np.isnan(cut)).sum(axis=2)
    with np.errstate(invalid="ignore"):
        sums = np.where(known > level / 2, np.nansum(cut, axis=2) / np.maximum(known, 1), np.nan)
    return SimpleSmoothing().fit(sums).level_
