"""Demand through the engine: forecasts per series as arrays, with their accuracy beside the simple baseline."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from .days import SEASON
from .train_options import TrainOptions

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from django_ecomai.ml.forecast.result import ForecastResult

Tell = Callable[[float, str], None]
LEVELS = (80, 95)
ENDS = ("lo-80", "hi-80", "lo-95", "hi-95")
#: Parts of a decomposition that are kept; what they leave is "rest".
PARTS = ("trend", "season", "holiday", "price", "promotion")
#: Products that sell most of the time, the largest first, are decomposed: of the others no part could be told.
DECOMPOSED = 2_000
#: Periods over which the trend of a decomposition is smoothed.
SMOOTHED = {"D": 15, "W": 9, "M": 5}
#: Simple forecasts that stand in when nothing beats them.
BASELINES = ("seasonal_naive", "moving_average")


@dataclass(frozen=True, eq=False)
class SeriesForecast:
    """One series: arrays [H] by column, the history [T] it rests on, and what the test said."""

    level: str
    key: str
    mean: NDArray[np.float64]
    ends: dict[str, NDArray[np.float64]]
    history: NDArray[np.float64]
    demand_class: str = ""
    model: str = ""
    accuracy: dict[str, Any] = field(default_factory=dict)
    components: dict[str, list[float]] = field(default_factory=dict)
    components_start: Any = None
    naive: NDArray[np.float64] | None = None


@dataclass(frozen=True, eq=False)
class Fit:
    """Series of a run of the engine, its metrics, and whether the baseline was beaten."""

    series: list[SeriesForecast]
    metrics: list[dict[str, Any]]
    beats_baseline: bool
    #: Set where another recipe than the one asked for is used.
    options: TrainOptions | None = None


def fit_frames(
    frames: Mapping[str, Any],
    *,
    options: TrainOptions,
    bottom: str,
    tell: Tell,
    baseline_only: bool = False,
) -> Fit:
    """Forecast a set of frames; ``bottom`` is our name of the lowest level. Raises ``ValueError`` for bad frames."""
    from django_ecomai.ml.forecast.engine import forecast_fit
    from django_ecomai.ml.forecast.options import ForecastOptions

    given = ForecastOptions(
        frequency=options.frequency,
        horizon=options.horizon,
        levels=LEVELS,
        windows=options.windows,
        models=BASELINES if baseline_only else None,
        extra=() if baseline_only else options.extra,
        learned=options.learned and not baseline_only,
        seed=options.seed,
    )
    result = forecast_fit(**frames, options=given, tell=tell)
    names = {"product": bottom}
    metrics = [{**row, "level": names.get(row["level"], row["level"])} for row in result.metrics]
    history = _histories(frames, names)
    series = _series(result, names, history, options.frequency)
    baseline = next((row["model"] for row in metrics if row["baseline"]), BASELINES[1])
    if bottom == "product" and not baseline_only:
        _decompose(series, frames, options)
    _with_naive(series, baseline, options)
    return Fit(_with_backtest(series, result, names, baseline, options), metrics, bool(result.beats_baseline))


def add_up_to(series: Sequence[SeriesForecast], whole: SeriesForecast) -> list[SeriesForecast]:
    """``series`` scaled per period so that they add up to ``whole``: top-down by the shares that their own forecasts
    have (Gross and Sohl, 1990; Athanasopoulos, Ahmed and Hyndman, 2009). Where all of them are zero, by the shares of
    what each has sold."""
    if not series:
        return []
    means = np.stack([np.nan_to_num(one.mean) for one in series])
    sold = np.array([float(np.nansum(one.history)) for one in series])
    share = sold / sold.sum() if sold.sum() > 0 else np.full(len(series), 1 / len(series))
    total = means.sum(axis=0)
    factor = np.where(total > 0, whole.mean / np.where(total > 0, total, 1.0), 0.0)
    empty = np.where(total > 0, 0.0, whole.mean)
    return [
        replace(
            one,
            mean=means[row] * factor + share[row] * empty,
            ends={name: ends * factor + share[row] * np.where(total > 0, 0.0, whole.ends[name])
                  for name, ends in one.ends.items()},
            components={},
            components_start=None,
        )
        for row, one in enumerate(series)
    ]  # fmt: skip


def _histories(frames: Mapping[str, Any], names: Mapping[str, str]) -> dict[tuple[str, str], NDArray[np.float64]]:
    """History [T] of every series and of the groups above, NaN before the first sale and where unknown."""
    frame = frames["frame"]
    frame = frame[~frame["unique_id"].isin(frames.get("gone") or ())]
    if not len(frame):
        return {}
    dates, period = np.unique(frame["ds"].to_numpy(), return_inverse=True)
    import pandas as pd

    code, ids = pd.factorize(frame["unique_id"])
    y = np.full((len(ids), len(dates)), np.nan)
    y[code, period] = frame["y"].to_numpy(dtype=np.float64)
    found = {(names["product"], str(key)): y[row] for row, key in enumerate(ids)}
    known = np.nan_to_num(y)
    hole = np.isnan(y).all(axis=0)  # of these periods nothing is known at all
    groups = frames.get("groups")
    if groups is not None:
        place = pd.Index(ids).get_indexer(groups["unique_id"])
        for level in groups.columns.drop("unique_id"):
            number, keys = pd.factorize(groups[level])
            total = np.zeros((len(keys), len(dates)))
            np.add.at(total, number[place >= 0], known[place[place >= 0]])
            total[:, hole] = np.nan
            found |= {(str(level), str(key)): total[row] for row, key in enumerate(keys)}
    found[("shop", "shop")] = np.where(hole, np.nan, known.sum(axis=0))
    return found


def _series(
    result: ForecastResult,
    names: Mapping[str, str],
    history: Mapping[tuple[str, str], NDArray[np.float64]],
    frequency: str,
) -> list[SeriesForecast]:
    table = result.forecasts
    if not len(table):
        return []
    heads = np.flatnonzero(
        (table["level"].to_numpy()[1:] != table["level"].to_numpy()[:-1])
        | (table["unique_id"].to_numpy()[1:] != table["unique_id"].to_numpy()[:-1])
    )
    starts = np.concatenate([[0], heads + 1])
    horizon = len(table) // len(starts)
    columns = {name: table[name].to_numpy(dtype=np.float64).reshape(-1, horizon) for name in ("mean", *ENDS)}
    about = {
        (level, str(key)): (kind, model, adi, cv2)
        for level, key, kind, model, adi, cv2 in result.series[
            ["level", "unique_id", "demand_class", "model", "adi", "cv2"]
        ].itertuples(index=False)
    }
    parts = _components(result.components, horizon, frequency)
    found = []
    named = table[["level", "unique_id"]].iloc[starts].itertuples(index=False)
    for row, (level, key) in enumerate(named):
        ours, key = names.get(level, level), str(key)
        kind, model, adi, cv2 = about.get((level, key), ("", "", None, None))
        begin, components = parts.get((level, key), (None, {}))
        found.append(
            SeriesForecast(
                level=ours,
                key=key,
                mean=columns["mean"][row],
                ends={name: columns[name][row] for name in ENDS},
                history=history.get((ours, key), np.empty(0)),
                demand_class=str(kind),
                model=str(model),
                accuracy={"adi": _short(adi), "cv2": _short(cv2)},
                components=components,
                components_start=begin,
            )
        )
    return found


def _components(table: Any, horizon: int, frequency: str) -> dict[tuple[str, str], tuple[Any, dict[str, list[float]]]]:
    """First day and the parts that are not all zero, of every series that was decomposed.

    The trend is what the other parts leave: smoothed in the past, as forecast ahead. A straight line over the whole
    history would say little, and contradict the forecast where that does not follow it.
    """
    if not len(table):
        return {}
    level, key = table["level"].to_numpy(), table["unique_id"].to_numpy()
    starts = np.concatenate([[0], np.flatnonzero((level[1:] != level[:-1]) | (key[1:] != key[:-1])) + 1, [len(table)]])
    days = table["ds"].to_numpy().astype("datetime64[D]")
    values = table[list(PARTS)].to_numpy(dtype=np.float64)
    rest = table["rest"].to_numpy(dtype=np.float64)
    found = {}
    for begin, end in zip(starts[:-1].tolist(), starts[1:].tolist(), strict=True):
        block = np.nan_to_num(values[begin:end])
        block[:, 0] = _level(block[:, 0] + np.nan_to_num(rest[begin:end]), horizon, SMOOTHED[frequency])
        block = np.round(block, 1)
        used = {name: block[:, place].tolist() for place, name in enumerate(PARTS) if block[:, place].any()}
        found[(str(level[begin]), str(key[begin]))] = (days[begin].item(), used)
    return found


def _level(left: NDArray[np.float64], horizon: int, window: int) -> NDArray[np.float64]:
    """``left`` [T + horizon] with its past as a centred moving average of ``window``, shorter at both ends."""
    past = left[: len(left) - horizon]
    total = np.concatenate([[0.0], np.cumsum(past)])
    at = np.arange(len(past))
    first, last = np.maximum(at - window // 2, 0), np.minimum(at + window // 2 + 1, len(past))
    return np.concatenate([(total[last] - total[first]) / np.maximum(last - first, 1), left[len(past) :]])


def _decompose(series: list[SeriesForecast], frames: Mapping[str, Any], options: TrainOptions) -> None:
    """Put the parts of a regression on the products that sell most of the time, in place."""
    from django_ecomai.ml.forecast.components import components_frames
    from django_ecomai.ml.forecast.panel import panel_build

    places = [
        row for row, one in enumerate(series) if one.level == "product" and one.demand_class in ("smooth", "erratic")
    ]
    places = sorted(places, key=lambda row: -float(np.nan_to_num(series[row].mean).sum()))[:DECOMPOSED]
    if not places:
        return
    panel = panel_build(frames["frame"], frequency=options.frequency, horizon=options.horizon, future=frames["future"])
    rows = {str(key): row for row, key in enumerate(panel.ids)}
    places = [place for place in places if series[place].key in rows]
    part = panel.take(np.array([rows[series[place].key] for place in places], dtype=np.int64))
    mean = np.stack([series[place].mean for place in places])
    level = np.full(len(places), "product", dtype=object)
    table, _coefficients = components_frames(part, level, mean, SEASON[options.frequency])
    found = _components(table, options.horizon, options.frequency)
    for place in places:
        begin, parts = found.get(("product", series[place].key), (None, {}))
        series[place] = replace(series[place], components=parts, components_start=begin)


def _with_naive(series: list[SeriesForecast], baseline: str, options: TrainOptions) -> None:
    """Put the simple forecast [H] of every series beside ours, in place."""
    rows = [place for place, one in enumerate(series) if len(one.history)]
    if not rows:
        return
    y = np.stack([series[place].history for place in rows])
    naive = naive_forecast(y, baseline, options.horizon, options.frequency)
    for row, place in enumerate(rows):
        series[place] = replace(series[place], naive=naive[row])


def naive_forecast(y: NDArray[np.float64], baseline: str, horizon: int, frequency: str) -> NDArray[np.float64]:
    """The simple forecast [S, horizon] of histories [S, T]."""
    from django_ecomai.ml.forecast.registry import model_build

    return np.asarray(model_build(baseline).fit(y, season_length=SEASON[frequency]).predict(horizon))


def _with_backtest(
    series: list[SeriesForecast],
    result: ForecastResult,
    names: Mapping[str, str],
    baseline: str,
    options: TrainOptions,
) -> list[SeriesForecast]:
    """Errors of each series in the test, beside those of the simple forecast of the same moments."""
    table = result.backtest
    if not len(table):
        return series
    import pandas as pd

    levels = table["level"].map(lambda one: names.get(one, one)).to_numpy()
    index = {(one.level, one.key): row for row, one in enumerate(series)}
    code = np.array([index.get(pair, -1) for pair in zip(levels.tolist(), table["unique_id"].tolist(), strict=True)])
    y, mean = table["y"].to_numpy(np.float64), table["mean"].to_numpy(np.float64)
    inside = (y >= table["lo-80"].to_numpy(np.float64)) & (y <= table["hi-80"].to_numpy(np.float64))
    naive = _naive_past(series, code, table, baseline, options)
    known = (code >= 0) & np.isfinite(y)
    sums = {
        "y": y, "error": np.abs(y - mean), "bias": mean - y, "inside": inside.astype(float),
        "naive": np.abs(y - naive), "n": np.ones(len(y)),
    }  # fmt: skip
    total = {
        name: np.bincount(code[known], weights=np.nan_to_num(values[known]), minlength=len(series))
        for name, values in sums.items()
    }
    windows = int(pd.Series(table["cutoff"]).nunique())
    found = []
    for row, one in enumerate(series):
        sold, periods = total["y"][row], total["n"][row]
        facts = dict(one.accuracy)
        if periods:
            facts |= {"windows": windows, "coverage_80": _short(total["inside"][row] / periods)}
            facts |= {"mae": _short(total["error"][row] / periods), "naive_mae": _short(total["naive"][row] / periods)}
        if sold > 0:
            facts |= {"wape": _short(total["error"][row] / sold), "bias": _short(total["bias"][row] / sold)}
            facts["naive_wape"] = _short(total["naive"][row] / sold)
        found.append(replace(one, accuracy={name: value for name, value in facts.items() if value is not None}))
    return found


def _naive_past(
    series: list[SeriesForecast], code: NDArray[np.int64], table: Any, baseline: str, options: TrainOptions
) -> NDArray[np.float64]:
    """The simple forecast for each row of the backtest, from what was known at its cutoff."""
    from .days import period_numbers

    found = np.full(len(table), np.nan)
    rows = [place for place, one in enumerate(series) if len(one.history)]
    if not rows:
        return found
    place = np.full(len(series) + 1, -1)
    place[rows] = np.arange(len(rows))
    y = np.stack([series[row].history for row in rows])
    period = period_numbers(table["ds"].to_numpy().astype("datetime64[D]").astype(np.int64), options.frequency)
    cutoff = period_numbers(table["cutoff"].to_numpy().astype("datetime64[D]").astype(np.int64), options.frequency)
    last = int(period.max())  # the backtest ends where the history does
    for end in np.unique(cutoff).tolist():
        here = np.flatnonzero((cutoff == end) & (place[code] >= 0))
        length = y.shape[1] - (last - end)
        if length < 1 or not len(here):
            continue
        ahead = period[here] - end - 1
        past = naive_forecast(y[:, :length], baseline, int(ahead.max()) + 1, options.frequency)
        found[here] = past[place[code[here]], ahead]
    return found


def _short(value: Any) -> float | None:
    """Four digits, None for what is no number."""
    if value is None or not np.isfinite(value):
        return None
    return float(f"{float(value):.4g}")
