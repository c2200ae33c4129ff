"""Backtest rows and frames of a level."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from . import intervals
from .calendar import dates_of
from .demand import CLASSES, COLD, classify
from .metrics import coverage, interval_quantiles, pinball, point_metrics
from .panel import Panel
from .recipe import Forecasts, Origin, Recipe, blend, ended, from_origins, spread_of
from .result import interval_columns

Floats = NDArray[np.float64]
BLEND = "blend"


def judged(recipe: Recipe) -> list[tuple[Origin, Floats, Floats]]:
    """``(origin, mean, quantiles)`` of our forecast at the origins, with weights, bias and intervals from the windows
    that had ended by then. Origins without such a one are not judged; none may be."""
    found = []
    for origin in recipe.origins:
        earlier = ended(recipe, origin)
        if not earlier:
            continue
        honest = from_origins(earlier, recipe.options, recipe.baseline, recipe.learned)
        mean = blend(honest, origin.candidates, origin.code)
        scale = intervals.error_scale(mean, origin.spread)
        spread = spread_of(honest.calibration, origin.history, mean, scale, origin.code, recipe.options)
        found.append((origin, mean, spread))
    return found


def seen(ours: Sequence[tuple[Origin, Floats, Floats]], y: Floats) -> list[tuple[Origin, Floats, Floats]]:
    """``ours`` beside what came in ``y`` [S, T]."""
    found = []
    for origin, mean, spread in ours:
        actual = y[:, origin.cutoff : origin.cutoff + origin.actual.shape[1]]
        found.append((replace(origin, actual=actual), mean, spread))
    return found


def metric_rows(
    recipe: Recipe, ours: Sequence[tuple[Origin, Floats, Floats]], level: NDArray[Any]
) -> list[dict[str, Any]]:
    """Rows per level [names per series], class and model; class "all" sums up."""
    rows: list[dict[str, Any]] = []
    if not ours:
        return rows
    names = [BLEND, *sorted({name for origin, _, _ in ours for name in origin.candidates})]
    for level_name in dict.fromkeys(level.tolist()):
        for kind in (-1, *range(len(CLASSES))):
            for name in names:
                found = _metrics(recipe, ours, name, level == level_name, kind)
                if found is not None:
                    rows.append(
                        {
                            "level": level_name,
                            "demand_class": "all" if kind < 0 else CLASSES[kind],
                            "model": name,
                            "ours": name == BLEND,
                            "baseline": name == recipe.baseline,
                            "metrics": found,
                        }
                    )
    return rows


def _metrics(
    recipe: Recipe, ours: Sequence[tuple[Origin, Floats, Floats]], name: str, inside: NDArray[np.bool_], kind: int
) -> dict[str, float] | None:
    probabilities = interval_quantiles(recipe.options.levels)
    per_origin = []
    for origin, mean, spread in ours:
        rows = inside & np.isfinite(origin.actual).any(axis=1)
        # what was not yet sold at the origin is not judged: nothing was known of it
        rows &= (origin.code == kind) if kind >= 0 else (origin.code != COLD)
        if not rows.any():
            continue
        forecast = mean if name == BLEND else origin.candidates[name]
        if not np.isfinite(forecast[rows]).all():
            return None  # not a candidate of every series here
        found = point_metrics(origin.actual[rows], forecast[rows], origin.history[rows])
        if name == BLEND:
            by_q = {q: spread[rows][:, :, place] for place, q in enumerate(probabilities)}
            found["pinball"] = pinball(origin.actual[rows], by_q, origin.history[rows])
            for column, q in interval_columns(recipe.options.levels)[::2]:
                low, high = by_q[q], by_q[round(1 - q, 6)]
                found[f"coverage_{column[3:]}"] = coverage(origin.actual[rows], low, high)
        per_origin.append(found)
    if not per_origin:
        return None
    return {key: _mean([found[key] for found in per_origin]) for key in per_origin[0]}


def _mean(values: Sequence[float]) -> float:
    finite = [value for value in values if np.isfinite(value)]
    return float(np.mean(finite)) if finite else float("nan")


def series_frame(panel: Panel, recipe: Recipe, level: NDArray[Any]) -> Any:
    """Class, ADI, CV² and blend of every series."""
    import pandas as pd

    demand = classify(panel.y)
    texts = np.array([blend_text(recipe.weights.get(code, {})) for code in range(len(CLASSES))], dtype=object)
    return pd.DataFrame(
        {
            "level": level,
            "unique_id": panel.ids,
            "demand_class": np.array(CLASSES, dtype=object)[demand.code],
            "adi": np.where(np.isfinite(demand.adi), demand.adi, np.nan),
            "cv2": demand.cv2,
            "model": texts[demand.code],
        }
    )


def blend_text(weights: Mapping[str, float]) -> str:
    """Such as "learned 62 %, ses 38 %"."""
    parts = sorted(((weight, name) for name, weight in weights.items() if weight >= 0.005), reverse=True)
    return ", ".join(f"{name} {100 * weight:.0f} %" for weight, name in parts) or "analogues"


def forecast_frame(panel: Panel, level: NDArray[Any], forecasts: Forecasts, levels: tuple[int, ...]) -> Any:
    """Long frame of the forecasts."""
    import pandas as pd

    series, horizon = forecasts.mean.shape
    dates = dates_of(panel.first + panel.length + np.arange(horizon), panel.frequency)
    columns: dict[str, Any] = {
        "level": np.repeat(level, horizon),
        "unique_id": np.repeat(panel.ids, horizon),
        "ds": np.tile(dates.astype("datetime64[ns]"), series),
        "mean": forecasts.mean.ravel(),
    }
    probabilities = interval_quantiles(levels)
    for name, q in interval_columns(levels):
        columns[name] = forecasts.quantiles[:, :, probabilities.index(q)].ravel()
    return pd.DataFrame(columns)


def backtest_frame(
    panel: Panel,
    level: NDArray[Any],
    ids: NDArray[Any],
    ours: Sequence[tuple[Origin, Floats, Floats]],
    levels: tuple[int, ...],
) -> Any:
    """Long frame of our past forecasts beside what came."""
    import pandas as pd

    narrow = min(levels)
    probabilities = interval_quantiles(levels)
    names = ["level", "unique_id", "cutoff", "ds", "y", "mean", f"lo-{narrow}", f"hi-{narrow}"]
    parts = []
    for origin, mean, spread in ours:
        series, horizon = mean.shape
        dates = dates_of(panel.first + origin.cutoff + np.arange(-1, horizon), panel.frequency).astype("datetime64[ns]")
        ends = [spread[:, :, probabilities.index(round(0.5 + side * narrow / 200, 6))].ravel() for side in (-1, 1)]
        values = [
            np.repeat(level, horizon), np.repeat(ids, horizon), np.full(series * horizon, dates[0]),
            np.tile(dates[1:], series), origin.actual.ravel(), mean.ravel(), *ends,
        ]  # fmt: skip
        frame = pd.DataFrame(dict(zip(names, values, strict=True)))
        parts.append(frame[frame["y"].notna()])
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=names)
