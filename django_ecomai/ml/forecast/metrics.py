"""Measures of forecasts [S, H] against what came [S, H] (NaN = unknown, not scored), scaled by the history [S, T].

RMSSE, WRMSSE and the scaled pinball loss as in the M5 competition (Makridakis, Spiliotis & Assimakopoulos,
International Journal of Forecasting 38, 2022): scaled by the one-step naive errors of the history after its leading
zeros. MASE as Hyndman & Koehler (same journal, 22, 2006), with the same one-step scale.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def naive_scales(history: Floats) -> tuple[Floats, Floats]:
    """Mean absolute and mean squared one-step change [S]; NaN where the history never changes."""
    change = np.diff(history, axis=1)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        absolute, squared = np.nanmean(np.abs(change), axis=1), np.nanmean(change**2, axis=1)
    if not change.shape[1]:
        absolute = squared = np.full(len(history), np.nan)
    return np.where(absolute > 0, absolute, np.nan), np.where(squared > 0, squared, np.nan)


def rmsse_per_series(actual: Floats, forecast: Floats, squared_scale: Floats) -> Floats:
    """Root mean squared scaled error [S]; NaN where nothing is known or the scale is."""
    return np.asarray(np.sqrt(_mean((actual - forecast) ** 2) / squared_scale))


def point_metrics(actual: Floats, forecast: Floats, history: Floats, weights: Floats | None = None) -> dict[str, float]:
    """``rmsse``, ``mase`` (means over series), ``wrmsse`` (weighted with ``weights`` [S], by default the volume of the
    history's last H periods), ``wape``, ``bias`` (sum of errors over sum of demand, + = too high), ``n`` series.
    """
    absolute, squared = naive_scales(history)
    if weights is None:
        weights = np.nansum(history[:, max(history.shape[1] - actual.shape[1], 0) :], axis=1)
    known = ~np.isnan(actual)
    error = np.where(known, forecast - actual, 0.0)
    demand = float(np.nansum(actual))
    rmsse = rmsse_per_series(actual, forecast, squared)
    scored = np.isfinite(rmsse)
    mass = float(weights[scored].sum())
    return {
        "rmsse": _over(rmsse),
        "wrmsse": float((rmsse[scored] * weights[scored]).sum() / mass) if mass > 0 else float("nan"),
        "mase": _over(_mean(np.abs(actual - forecast)) / absolute),
        "wape": float(np.abs(error).sum() / demand) if demand > 0 else float("nan"),
        "bias": float(error.sum() / demand) if demand > 0 else float("nan"),
        "n": float(known.any(axis=1).sum()),
    }


def pinball(actual: Floats, quantiles: Mapping[float, Floats], history: Floats) -> float:
    """Scaled pinball loss: mean over quantiles, periods and then series; ``quantiles`` probability -> [S, H]."""
    absolute, _ = naive_scales(history)
    total = np.zeros(actual.shape)
    for q, forecast in quantiles.items():
        total += np.maximum(q * (actual - forecast), (q - 1) * (actual - forecast))
    return _over(_mean(total / max(len(quantiles), 1)) / absolute)


def coverage(actual: Floats, low: Floats, high: Floats) -> float:
    """Share of the known values inside ``[low, high]``."""
    known = ~np.isnan(actual)
    inside = (actual >= low - 1e-9) & (actual <= high + 1e-9)
    return float(inside[known].mean()) if known.any() else float("nan")


def randomised_pit(actual: Floats, quantiles: Mapping[float, Floats], *, seed: int = 0) -> Floats:
    """Randomised probability integral transform of each known value [n]: uniform when the quantiles are calibrated, for
    counts too (Czado, Gneiting & Held, Biometrics 65, 2009).

    The distribution is the step and line through the quantiles; values beyond the outermost lie between them and 0 or
    1.
    """
    levels = np.array(sorted(quantiles))
    known = ~np.isnan(actual)
    values = actual[known]
    grid = np.stack([quantiles[q][known] for q in levels], axis=1)
    below = _cdf(values, grid, levels, right=False)
    upto = _cdf(values, grid, levels, right=True)
    draw = np.random.default_rng(seed).uniform(size=len(values))
    return np.asarray(below + draw * (upto - below))


def _cdf(values: Floats, grid: Floats, levels: Floats, *, right: bool) -> Floats:
    """Probability of at most (``right``) or less than each value; ties among the quantiles are one step."""
    place = ((grid <= values[:, None]) if right else (grid < values[:, None])).sum(axis=1)
    padded_q = np.r_[0.0, levels, 1.0]
    padded = np.concatenate([grid[:, :1], grid, grid[:, -1:]], axis=1)
    rows = np.arange(len(values))
    low, high = padded[rows, place], padded[rows, np.minimum(place + 1, len(levels) + 1)]
    with np.errstate(invalid="ignore", divide="ignore"):
        share = np.where(high > low, np.clip((values - low) / (high - low), 0, 1), 0.0)
    whole = (grid == np.rint(grid)).all(axis=1) & (values == np.rint(values))
    # between two whole quantiles nobody knows where the steps are: half way
    share = np.where(whole, 0.5, share)
    outside = (place == 0) | (place == len(levels))
    share = np.where(outside, np.where(right, 1.0, 0.0), share)
    return np.asarray(padded_q[place] + share * (padded_q[place + 1] - padded_q[place]))


def interval_quantiles(levels: Sequence[int]) -> tuple[float, ...]:
    """Probabilities of the ends of these intervals (percent), and the median."""
    ends = {round(side, 6) for level in levels for side in (0.5 - level / 200, 0.5 + level / 200)}
    return tuple(sorted(ends | {0.5}))


def _mean(values: Floats) -> Floats:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        return np.asarray(np.nanmean(values, axis=1)) if values.shape[1] else np.full(len(values), np.nan)


def _over(values: Floats) -> float:
    finite = values[np.isfinite(values)]
    return float(finite.mean()) if len(finite) else float("nan")
