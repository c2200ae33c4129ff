"""One call from a long frame of demand to coherent forecasts of every product, group and the shop."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from ..threads import one_blas_thread
from . import report
from .cold import cold_forecast, panel_with_cold
from .components import components_frames
from .demand import COLD
from .features import panel_enrich
from .hierarchy import PRODUCT, aggregate, hierarchy_build, reconcile
from .metrics import interval_quantiles
from .options import ForecastOptions
from .panel import Panel, panel_build
from .recipe import Forecasts, Recipe, honest_means, recipe_apply, recipe_fit
from .result import BACKTEST_COLUMNS, COMPONENT_COLUMNS, KEY_COLUMNS, SERIES_COLUMNS, ForecastResult, interval_columns

Tell = Callable[[float, str], None]


@one_blas_thread()
def forecast_fit(
    frame: Any,
    *,
    options: ForecastOptions,
    static: Any = None,
    future: Any = None,
    groups: Any = None,
    gone: Sequence[str] = (),
    tell: Tell | None = None,
) -> ForecastResult:
    """Forecast every series of ``frame`` and of the levels above them.

    ``frame`` (pandas): ``unique_id, ds, y`` and numeric regressors (price, promotion, holiday, ...); see `panel_build`
    for missing values. ``static``: one row per ``unique_id`` (category, brand, price, title); ids without rows in
    ``frame`` are forecast from analogues. ``future``: ``unique_id, ds`` and the regressors known ahead. ``groups``:
    ``unique_id`` and a column per level. ``gone``: ids in ``frame`` that are on sale no more; they are not forecast and
    in no sum, but every model learns from them and is judged by them, as at the time nobody knew. ``tell(fraction,
    message)`` hears the progress.

    Raises ValueError for frames that lack a column, hold text where numbers belong, or options that cannot be.
    """
    say = tell or (lambda fraction, message: None)
    panel = panel_build(frame, frequency=options.frequency, horizon=options.horizon, future=future)
    if not len(panel):
        return _empty(options)
    say(0.02, f"{len(panel):,} series of {panel.length:,} periods")
    tested = panel_enrich(panel_with_cold(panel, static), static)
    kept = np.flatnonzero(~np.isin(tested.ids.astype(str), np.array([*map(str, gone)], dtype=str)))
    if not len(kept):
        return _empty(options)
    panel = tested if len(kept) == len(tested) else tested.take(kept)
    recipe = recipe_fit(tested, options, tell=_part(say, 0.02, 0.6))
    bottom = recipe_apply(recipe, panel, tell=_part(say, 0.6, 0.8))
    hierarchy = hierarchy_build(panel.ids, groups)
    above = aggregate(panel, hierarchy)
    # what the products' models know may tell more than the history of the sum; a sample of them has no sum
    below = recipe.rows is None and options.models is None
    sums = [hierarchy.sums(mean[kept]) for mean in honest_means(recipe)] if below else None
    upper_recipe = recipe_fit(above, replace(options, learned=False), tell=_part(say, 0.8, 0.9), below=sums)
    upper = recipe_apply(upper_recipe, above, below=hierarchy.sums(bottom.mean) if below else None)
    bottom = _with_cold(bottom, panel, static, options)
    bottom, upper = _coherent(bottom, upper, hierarchy)
    say(0.95, "writing the tables")
    sold = aggregate(panel, hierarchy, spikes=True).y
    return _result(panel, tested, above, hierarchy.level, sold, recipe, upper_recipe, bottom, upper, options)


def _with_cold(bottom: Forecasts, panel: Panel, static: Any, options: ForecastOptions) -> Forecasts:
    """Series without history get the forecast of their analogues."""
    cold = np.flatnonzero(bottom.code == COLD)
    if static is None or not len(cold) or "unique_id" not in static.columns:
        return bottom
    probabilities = interval_quantiles(options.levels)
    mean, spread = cold_forecast(panel, cold, static, options.horizon, probabilities)
    bottom.mean[cold], bottom.quantiles[cold], bottom.scale[cold] = mean, spread, np.maximum(mean, 1e-6)
    return bottom


def _coherent(bottom: Forecasts, upper: Forecasts, hierarchy: Any) -> tuple[Forecasts, Forecasts]:
    """Means that add up; the intervals move along."""
    cold = bottom.code == COLD
    variance = np.where(cold, 0.0, (bottom.scale**2).mean(axis=1))
    # the levels above know nothing of what was never sold
    expected = upper.mean + np.nan_to_num(hierarchy.sums(np.where(cold[:, None], bottom.mean, 0.0)))
    mean = reconcile(bottom.mean, variance, expected, (upper.scale**2).mean(axis=1), hierarchy)
    total = np.nan_to_num(hierarchy.sums(mean))
    return _moved(bottom, mean), _moved(upper, total)


def _moved(forecasts: Forecasts, mean: Any) -> Forecasts:
    share = np.where(forecasts.mean > 0, mean / np.maximum(forecasts.mean, 1e-12), 1.0)
    shifted = forecasts.quantiles * np.clip(share, 0.2, 5.0)[:, :, None]
    whole = (forecasts.quantiles == np.rint(forecasts.quantiles)).all(axis=(1, 2))
    return Forecasts(mean, np.where(whole[:, None, None], np.rint(shifted), shifted), forecasts.code, forecasts.scale)


def _result(
    panel: Panel, tested: Panel, above: Panel, level: Any, sold: Any, recipe: Recipe, upper_recipe: Recipe,
    bottom: Forecasts, upper: Forecasts, options: ForecastOptions,
) -> ForecastResult:  # fmt: skip
    import pandas as pd

    products = np.full(len(panel), PRODUCT, dtype=object)
    parts: dict[str, list[Any]] = {"forecasts": [], "series": [], "backtest": []}
    metrics: list[dict[str, Any]] = []
    for part, names, shared, said in ((panel, products, recipe, bottom), (above, level, upper_recipe, upper)):
        ours = report.judged(shared)
        if part is above:  # learned without the spikes of single products, judged by what was sold
            ours = report.seen(ours, sold)
        judged = part if part is above else tested
        seen = np.arange(len(judged)) if shared.rows is None else shared.rows
        beside = names[seen] if part is above else np.full(len(seen), PRODUCT, dtype=object)
        metrics += report.metric_rows(shared, ours, beside)
        parts["forecasts"].append(report.forecast_frame(part, names, said, options.levels))
        parts["series"].append(report.series_frame(part, shared, names))
        parts["backtest"].append(report.backtest_frame(judged, beside, judged.ids[seen], ours, options.levels))
    whole = {
        name: pd.concat([f for f in frames if len(f)] or frames[:1], ignore_index=True)
        for name, frames in parts.items()
    }
    components, coefficients = components_frames(above, level, upper.mean, options.season)
    return ForecastResult(
        **whole,
        metrics=metrics,
        components=components,
        beats_baseline=beats_baseline(metrics),
        coefficients=coefficients,
    )


def beats_baseline(metrics: list[dict[str, Any]]) -> bool:
    """Whether our products' RMSSE is below the baseline's."""
    mine = [row for row in metrics if row["level"] == PRODUCT and row["demand_class"] == "all"]
    ours = [row["metrics"]["rmsse"] for row in mine if row["ours"]]
    base = [row["metrics"]["rmsse"] for row in mine if row["baseline"]]
    return bool(ours and base and ours[0] < base[0])


def _part(say: Tell, begin: float, end: float) -> Tell:
    return lambda fraction, message: say(begin + (end - begin) * fraction, message)


def _empty(options: ForecastOptions) -> ForecastResult:
    import pandas as pd

    ends = [name for name, _ in interval_columns(options.levels)]
    narrow = min(options.levels, default=80)
    return ForecastResult(
        forecasts=pd.DataFrame(columns=[*KEY_COLUMNS, "mean", *ends]),
        series=pd.DataFrame(columns=list(SERIES_COLUMNS)),
        metrics=[],
        backtest=pd.DataFrame(columns=[*BACKTEST_COLUMNS, f"lo-{narrow}", f"hi-{narrow}"]),
        components=pd.DataFrame(columns=list(COMPONENT_COLUMNS)),
        beats_baseline=False,
    )
