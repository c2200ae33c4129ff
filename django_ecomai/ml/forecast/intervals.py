"""Prediction intervals: residuals of the backtest, scaled and pooled over series, become quantiles (split conformal
prediction with normalised scores: Lei, G'Sell, Rinaldo, Tibshirani & Wasserman, Journal of the American Statistical
Association 113, 2018).

One series has a handful of backtest errors, all series together have thousands. Errors are divided by a scale that each
series earns from its own history and that grows with the forecast; quantiles of the scaled errors are taken per bin of
forecast size and relative scale, since scaled errors of rare demand are skewed and those of steady demand are not.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .models.smoothing import likelihoods
from .season import phases, seasonal_indices

Floats = NDArray[np.float64]
#: Scaled errors that a bin needs.
ENOUGH = 150
#: Scaled errors beyond this are cut: one of them says nothing about other series.
LARGEST = 30.0
#: Reactions of simple smoothing that are tried to tell how fast a level moves.
REACTIONS = (0.02, 0.1, 0.25, 0.5, 0.85)


@dataclass(frozen=True, eq=False)
class Calibration:
    """``table`` [bins, Q] quantiles of scaled errors, ``growth`` [H] of the scale with the horizon, edges of the
    bins."""

    probabilities: tuple[float, ...]
    table: Floats
    growth: Floats
    edges_size: Floats
    edges_ratio: Floats
    #: How much the series' own quantiles count per class of demand; the rest are the pooled ones.
    own: tuple[float, ...] = ()


@dataclass(frozen=True, eq=False)
class Spread:
    """What the history of each series [S] says of its errors: ``relative`` and ``absolute`` size of those one period
    ahead, and ``reaction``, the squared share of one that stays in the level (simple smoothing: the variance of an
    error h periods ahead is 1 + (h - 1) reaction times that of one)."""

    relative: Floats
    absolute: Floats
    reaction: Floats

    def take(self, rows: NDArray[np.int64]) -> Spread:
        """Some series."""
        return Spread(self.relative[rows], self.absolute[rows], self.reaction[rows])


def history_spread(y: Floats, window: int, season_length: int = 1) -> Spread:
    """Spread of each series of ``y`` [S, T] around its own level times its season, errors of ``window`` periods ago
    counting half; the relative one is drawn towards that of all series. In the unit of ``y``: demand divided by an
    index of next to nothing would have errors of any size.
    """
    expected = phases(seasonal_indices(y, season_length), 0, y.shape[1])
    alpha = np.array(REACTIONS)[:, None]
    known = ~np.isnan(y)
    early = known & (np.cumsum(known, axis=1) <= 4)
    shape = (len(alpha), len(y))
    # the level is what was sold over what the season lets expect, older periods counting less; one period of mean
    # demand beside the first ones, for a series may begin in its dead season
    mean = np.where(known, y, 0.0).sum(axis=1) / np.maximum(known.sum(axis=1), 1)
    periods = early.sum(axis=1) + 1
    sold = np.broadcast_to((np.where(early, y, 0.0).sum(axis=1) + mean) / periods, shape)
    usual = np.broadcast_to((np.where(early, expected, 0.0).sum(axis=1) + 1) / periods, shape)
    errors = np.zeros(shape)
    squares, mass, n = np.zeros(shape), np.zeros(shape), np.zeros(len(y))
    kept = 0.5 ** (1 / max(window, 1))
    for t in range(y.shape[1]):
        ahead = np.maximum(sold / usual, 0.0) * expected[:, t]
        error = np.where(known[:, t], y[:, t] - ahead, 0.0)
        errors += error**2
        squares, n = kept * squares + error**2, kept * n + known[:, t]
        mass = kept * mass + np.where(known[:, t], ahead**2, 0.0)
        sold = np.where(known[:, t], (1 - alpha) * sold + alpha * y[:, t], sold)
        usual = np.where(known[:, t], (1 - alpha) * usual + alpha * expected[:, t], usual)
    weight = likelihoods(errors, y)
    squares, mass = (weight * squares).sum(axis=0), (weight * mass).sum(axis=0)
    with np.errstate(divide="ignore", invalid="ignore"):
        relative = np.where(mass > 0, squares / mass, np.nan)
    pooled = float(np.nanmedian(relative)) if np.isfinite(relative).any() else 1.0
    drawn = (n * np.nan_to_num(relative, nan=pooled) + 4 * pooled) / (n + 4)
    # of the whole history, so that it is above 0 for everything that ever sold differently
    absolute = np.sqrt((weight * errors).sum(axis=0) / np.maximum(known.sum(axis=1), 1))
    return Spread(np.sqrt(drawn), absolute, (weight * alpha**2).sum(axis=0))


def error_scale(mean: Floats, spread: Spread) -> Floats:
    """Expected size [S, H] of the error of ``mean`` [S, H]."""
    own = 0.7 * (spread.relative[:, None] * mean) ** 2 + 0.3 * spread.absolute[:, None] ** 2
    longer = 1 + spread.reaction[:, None] * np.arange(mean.shape[1])
    return np.asarray(np.sqrt(own * longer + 0.25 * np.minimum(mean, 1) + 1e-4))


def calibrate(actual: Floats, mean: Floats, scale: Floats, probabilities: tuple[float, ...]) -> Calibration | None:
    """From backtest rows [n, H]; None without a single known value."""
    known = np.isfinite(actual) & np.isfinite(mean)
    if not known.any():
        return None
    scaled = np.where(known, np.clip((actual - mean) / scale, -LARGEST, LARGEST), np.nan)
    growth = _growth(scaled)
    scaled = scaled / growth
    size, ratio = mean[known], (scale / np.maximum(mean, 1e-9))[known]
    bins = max(1, min(8, int(np.sqrt(known.sum() / ENOUGH))))
    inner = np.linspace(0, 1, bins + 1)[1:-1]
    edges_size, edges_ratio = np.quantile(size, inner), np.quantile(ratio, inner)
    z = scaled[known]
    place = _place(size, ratio, edges_size, edges_ratio)
    everything = np.quantile(z, probabilities)
    table = np.empty((bins * bins, len(probabilities)))
    for place_ in range(bins * bins):
        inside = z[place == place_]
        own = len(inside) / (len(inside) + ENOUGH / 3)
        table[place_] = own * np.quantile(inside, probabilities) + (1 - own) * everything if len(inside) else everything
    return Calibration(probabilities, table, growth, edges_size, edges_ratio)


def quantiles(
    calibration: Calibration | None,
    mean: Floats,
    scale: Floats,
    whole: NDArray[np.bool_],
    probabilities: tuple[float, ...],
) -> Floats:
    """Quantiles [S, H, Q], never negative, ascending; whole numbers where ``whole`` [S]. Without a calibration they are
    those of a normal error of this ``scale``.
    """
    horizon = mean.shape[1]
    if calibration is None:
        from statistics import NormalDist

        z = np.broadcast_to([NormalDist().inv_cdf(q) for q in probabilities], (*mean.shape, len(probabilities)))
        growth = np.ones(horizon)
    else:
        growth = np.interp(np.arange(horizon), np.arange(len(calibration.growth)), calibration.growth)
        at = _place(mean, scale / np.maximum(mean, 1e-9), calibration.edges_size, calibration.edges_ratio)
        z = calibration.table[at]
    found = np.maximum(mean[..., None] + (scale * growth)[..., None] * z, 0.0)
    found = np.maximum.accumulate(found, axis=2)
    return np.where(whole[:, None, None], np.rint(found), found)


def mixed(pooled: Floats, own: Floats, share: Floats, whole: NDArray[np.bool_]) -> Floats:
    """Mean of both quantile functions, ``share`` [S] of it the own one."""
    found = pooled + share[:, None, None] * (own - pooled)
    return np.where(whole[:, None, None], np.rint(found), found)


def own_quantiles(y: Floats, mean: Floats, window: int, probabilities: tuple[float, ...]) -> Floats:
    """Quantiles [S, H, Q] of each series' last ``window`` periods, moved to the level of ``mean`` [S, H]: the pattern
    of rare demand is the product's own.
    """
    recent = np.sort(y[:, max(y.shape[1] - window, 0) :], axis=1)  # NaN goes last
    n = (~np.isnan(recent)).sum(axis=1)
    level = np.where(np.isnan(recent), 0.0, recent).sum(axis=1) / np.maximum(n, 1)
    at = np.asarray(probabilities) * np.maximum(n - 1, 0)[:, None]
    low = np.floor(at).astype(np.int64)
    high = np.minimum(low + 1, np.maximum(n - 1, 0)[:, None])
    if not recent.shape[1]:
        return np.repeat(mean[..., None], len(probabilities), axis=2)
    values = np.nan_to_num(recent)
    below, above = (np.take_along_axis(values, place, axis=1) for place in (low, high))
    found = below + (at - low) * (above - below)
    with np.errstate(divide="ignore", invalid="ignore"):
        share = np.where(level[:, None] > 0, np.clip(mean / level[:, None], 0.25, 4.0), 0.0)
    return np.asarray(found[:, None, :] * share[:, :, None])


def _growth(scaled: Floats) -> Floats:
    """Root mean square per horizon over that of all, never falling; extreme errors are cut."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        cut = np.nanquantile(np.abs(scaled), 0.98)
        spread = np.sqrt(np.nanmean(np.minimum(np.abs(scaled), cut) ** 2, axis=0))
    overall = float(np.nanmean(spread))
    if not overall > 0:
        return np.ones(scaled.shape[1])
    return np.maximum.accumulate(np.where(np.isfinite(spread), np.maximum(spread / overall, 0.05), 0.05))


def _place(size: Floats, ratio: Floats, edges_size: Floats, edges_ratio: Floats) -> NDArray[np.int64]:
    bins = len(edges_size) + 1
    return np.asarray(np.searchsorted(edges_size, size) * bins + np.searchsorted(edges_ratio, ratio))
