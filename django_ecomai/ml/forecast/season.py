"""Seasonal indices of many series at once, by classical decomposition (ratio or difference to a centred average)."""

from __future__ import annotations

import warnings

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def enough(y: Floats, season_length: int) -> NDArray[np.bool_]:
    """Series [S] with at least two seasons of known history: below that there is no telling season from trend."""
    known = ~np.isnan(y)
    if season_length < 2 or not y.shape[1]:
        return np.zeros(len(y), dtype=bool)
    age = np.where(known.any(axis=1), y.shape[1] - known.argmax(axis=1), 0)
    return np.asarray((age >= 2 * season_length) & (known.sum(axis=1) >= 1.5 * season_length))


def centred_average(y: Floats, season_length: int) -> Floats:
    """Centred moving average [S, T] over one season, NaN-aware; NaN within half a season of the ends."""
    m, length = season_length, y.shape[1]
    known = ~np.isnan(y)
    total = np.cumsum(np.pad(np.nan_to_num(y), ((0, 0), (1, 0))), axis=1)
    count = np.cumsum(np.pad(known.astype(np.float64), ((0, 0), (1, 0))), axis=1)
    average = np.full(y.shape, np.nan)
    half = m // 2
    at = np.arange(half, length - half)
    if not len(at):
        return average
    if m % 2:
        sums, counts = total[:, at + half + 1] - total[:, at - half], count[:, at + half + 1] - count[:, at - half]
    else:  # the 2 x m average: half a weight on both ends
        sums = (total[:, at + half] - total[:, at - half] + total[:, at + half + 1] - total[:, at - half + 1]) / 2
        counts = (count[:, at + half] - count[:, at - half] + count[:, at + half + 1] - count[:, at - half + 1]) / 2
    with np.errstate(invalid="ignore", divide="ignore"):
        average[:, at] = np.where(counts >= 0.75 * m, sums / counts, np.nan)
    return average


def _to_the_ends(average: Floats) -> Floats:
    """``average`` [S, T] with its first and last known value held to the ends."""
    known = ~np.isnan(average)
    place = np.arange(average.shape[1])
    last = np.maximum.accumulate(np.where(known, place, -1), axis=1)
    first = np.minimum.accumulate(np.where(known, place, len(place))[:, ::-1], axis=1)[:, ::-1]
    at = np.where(last >= 0, last, np.minimum(first, len(place) - 1))
    return np.take_along_axis(average, at, axis=1)


def seasonal_indices(y: Floats, season_length: int, *, multiplicative: bool = True) -> Floats:
    """Index of each phase [S, m], phase of column t being ``t mod m``; neutral (1 or 0) below two seasons.

    Indices are drawn towards neutral by the noise of their own mean, so that few seasons give weak ones; a phase that
    was seen in one season only stays neutral.
    """
    m = season_length
    neutral = 1.0 if multiplicative else 0.0
    index = np.full((len(y), m), neutral)
    rows = np.flatnonzero(enough(y, m))
    if m < 2 or not len(rows):
        return index
    values = y[rows]
    average = centred_average(values, m)
    # Below three seasons the average ends half a season before the history does, so that phases are seen once: nothing
    # would tell their noise, and one odd period would pass for a season. There it goes on to the ends.
    short = (~np.isnan(average)).sum(axis=1) < 2 * m
    average[short] = _to_the_ends(average[short])
    with np.errstate(invalid="ignore", divide="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        parts = values / np.where(average > 0, average, np.nan) if multiplicative else values - average
        pad = -values.shape[1] % m
        folded = np.pad(parts, ((0, 0), (0, pad)), constant_values=np.nan).reshape(len(rows), -1, m)
        n = (~np.isnan(folded)).sum(axis=1)
        means = np.nanmean(folded, axis=1)
        inside = np.nansum((folded - means[:, None, :]) ** 2, axis=(1, 2))
        freedom = np.maximum((n - 1).clip(0).sum(axis=1), 1)
        noise = (inside / freedom)[:, None] / np.maximum(n, 1)
        # what came once is no season, and nothing tells its noise
        means = np.where(n > 1, means, np.nan)
        raw = np.nan_to_num(means - np.nanmean(means, axis=1, keepdims=True))
        # positive-part empirical Bayes: variance of the indices beyond what their noise explains
        beyond = np.where(n > 1, raw**2 - noise, 0.0).sum(axis=1) / np.maximum((n > 1).sum(axis=1), 1)
        signal = np.maximum(beyond, 0.0)[:, None]
    with np.errstate(invalid="ignore", divide="ignore"):
        kept = np.nan_to_num(signal / (signal + noise), nan=1.0)
    shrunk = neutral + raw * kept
    index[rows] = np.maximum(shrunk, 0.01) if multiplicative else shrunk
    return index


def phases(index: Floats, first: int, count: int) -> Floats:
    """Indices [S, count] of the columns ``first .. first + count - 1``."""
    return np.asarray(index[:, (first + np.arange(count)) % index.shape[1]])
