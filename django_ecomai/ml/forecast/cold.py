"""Products that were never sold yet: what products like them sold in their first periods."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from .demand import counts
from .models.simple import recent_mean
from .panel import Panel
from .words import word_matrix

Floats = NDArray[np.float64]
#: Analogues of one product.
NEAREST: Final = 12
#: Products that are looked through for analogues.
MOST: Final = 20_000


def panel_with_cold(panel: Panel, static: Any) -> Panel:
    """``panel`` and a row without history for every id of ``static`` (pandas) that it lacks."""
    if static is None or "unique_id" not in static.columns:
        return panel
    known = set(panel.ids.tolist())
    fresh = [name for name in dict.fromkeys(static["unique_id"].tolist()) if name not in known]
    if not fresh:
        return panel
    blank = np.full((len(fresh), panel.length), np.nan)
    regressors = {
        name: np.concatenate([values, np.zeros((len(fresh), values.shape[1]))])
        for name, values in panel.regressors.items()
    }
    since = {
        name: np.concatenate([values, np.full(len(fresh), panel.regressors[name].shape[1])])
        for name, values in panel.since.items()
    }
    ids = np.concatenate([panel.ids, np.array(fresh, dtype=object)])
    return replace(panel, ids=ids, y=np.concatenate([panel.y, blank]), regressors=regressors, since=since)


def likeness(cold: Any, known: Any) -> Floats:
    """Likeness [C, K] of the rows of two static frames with the same columns, at most 1: the mean over category and
    brand (the same or not), title (cosine of words) and price (a factor of two halves it), of those that both tell.
    """
    total, count = np.zeros((len(cold), len(known))), np.zeros((len(cold), len(known)))
    for name, weight in (("category", 2.0), ("brand", 1.0)):
        if name in known.columns:
            both = cold[name].notna().to_numpy()[:, None] & known[name].notna().to_numpy()[None, :]
            total += weight * (both & (cold[name].to_numpy()[:, None] == known[name].to_numpy()[None, :]))
            count += weight * both
    if "price" in known.columns:
        with np.errstate(divide="ignore", invalid="ignore"):
            one, other = (np.log(frame["price"].to_numpy(np.float64, na_value=np.nan)) for frame in (cold, known))
            near = np.exp(-np.abs(one[:, None] - other[None, :]))
        told = np.isfinite(one)[:, None] & np.isfinite(other)[None, :]
        total += np.where(told, np.nan_to_num(near), 0.0)
        count += told
    if "title" in known.columns:
        words = word_matrix([*cold["title"].fillna("").tolist(), *known["title"].fillna("").tolist()])
        total += 2 * np.clip(words[: len(cold)] @ words[len(cold) :].T, 0, None)
        count += 2.0
    return np.where(count > 0, total / np.maximum(count, 1e-9), 0.0)


def launches(panel: Panel, horizon: int) -> tuple[NDArray[np.int64], Floats, NDArray[np.bool_]]:
    """``(rows, demand, seen)``: demand [K, horizon] of known series in their first periods, NaN after the end of the
    history. A series that begins with the panel was on sale before: not ``seen``, its demand is its mean.
    """
    rows = np.flatnonzero(panel.start < panel.length)[-MOST:]
    seen = panel.start[rows] > 0
    columns = panel.start[rows][:, None] + np.arange(horizon)
    inside = columns < panel.length
    curve = np.where(inside, panel.y[rows[:, None], np.minimum(columns, panel.length - 1)], np.nan)
    curve[~seen] = recent_mean(panel.y[rows[~seen]], max(2 * horizon, 8))[:, None]
    return rows, curve, seen


def cold_forecast(
    panel: Panel, cold: NDArray[np.int64], static: Any, horizon: int, probabilities: tuple[float, ...]
) -> tuple[Floats, Floats]:
    """Mean [C, H] and quantiles [C, H, Q] of the rows ``cold``: the launches of their `NEAREST` analogues, weighted by
    likeness, their spread as the interval. 0 when nothing was ever launched.
    """
    rows, curve, seen = launches(panel, horizon)
    mean, spread = np.zeros((len(cold), horizon)), np.zeros((len(cold), horizon, len(probabilities)))
    if not len(rows):
        return mean, spread
    table = static.drop_duplicates("unique_id").set_index("unique_id")
    alike = likeness(table.reindex(panel.ids[cold]), table.reindex(panel.ids[rows]))
    alike *= np.where(seen, 1.0, 0.8)  # a launch says more about a launch
    count = min(NEAREST, len(rows))
    for place in range(len(cold)):
        best = np.argsort(-alike[place], kind="stable")[:count]
        weight = alike[place][best] ** 2 + 1e-6
        known = np.isfinite(curve[best])
        mass = (known * weight[:, None]).sum(axis=0)
        total = (np.nan_to_num(curve[best]) * weight[:, None]).sum(axis=0)
        overall = total.sum() / max(mass.sum(), 1e-12)
        mean[place] = np.where(mass > 0, total / np.maximum(mass, 1e-12), overall)
        values = curve[best][known]
        spread[place] = np.quantile(values, probabilities) if len(values) else 0.0
    whole = bool(counts(panel.y[rows]).all())
    return mean, np.rint(spread) if whole else spread
