"""What the learned model sees of a series at an origin, for a period ahead: nothing that came after the origin,
except the calendar and the regressors that are known ahead.

Everything that has a unit is divided by the series' own recent level, so that one model serves all series.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from .calendar import calendar_features
from .demand import without_spikes
from .panel import Panel
from .words import word_axes, word_matrix

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
LAGS: Final = {"D": 14, "W": 8, "M": 12}
WINDOWS: Final = {"D": (7, 14, 28, 56, 182, 364), "W": (2, 4, 8, 13, 26, 52), "M": (2, 3, 6, 12, 24)}
LEVEL_WINDOW: Final = {"D": 56, "W": 26, "M": 12}
YEAR: Final = {"D": 365, "W": 52, "M": 12}
#: Distinct texts of a static column that are told apart; the rest share a code.
MOST_CODES: Final = 200
WORD_AXES: Final = 6
#: Regressors that are prices: told in the price history, or paid and so known only afterwards.
PRICES: Final = ("price", "price_paid")


def panel_enrich(panel: Panel, static: Any = None) -> Panel:
    """``panel`` with the static features and the totals of the shop, the category and the brand.

    ``static`` (pandas): one row per unique_id; numbers stay, texts become codes, ``title`` becomes word axes. A static
    price is that of today, which no origin in the past knew: where there is a price per period, it is left out.
    """
    import pandas as pd

    codes: dict[str, Ints] = {"shop": np.zeros(len(panel), dtype=np.int64)}
    numbers: dict[str, Floats] = {}
    if static is not None and "unique_id" in static.columns:
        known = static.drop_duplicates("unique_id").set_index("unique_id").reindex(panel.ids)
        priced = any(name in panel.regressors for name in PRICES)
        for name in known.columns:
            column = known[name]
            if name in PRICES and priced:
                continue
            if name == "title":
                matrix = word_matrix(column.fillna("").tolist())
                for place, values in enumerate((matrix @ word_axes(matrix, WORD_AXES)).T):
                    numbers[f"title_{place}"] = values
            elif pd.api.types.is_numeric_dtype(column):
                numbers[name] = column.to_numpy(dtype=np.float64, na_value=np.nan)
            else:
                found, texts = pd.factorize(column, sort=True)
                order = np.argsort(-np.bincount(found[found >= 0], minlength=len(texts)), kind="stable")
                rank = np.full(len(texts) + 1, -1)
                rank[order] = np.minimum(np.arange(len(texts)), MOST_CODES)
                numbers[name] = rank[found].astype(np.float64)
                if name in ("category", "brand"):
                    codes[name] = found.astype(np.int64) + 1
    y = np.nan_to_num(without_spikes(panel.y))
    totals = {}
    for name, code in codes.items():
        total = np.zeros((int(code.max(initial=0)) + 1, panel.length))
        np.add.at(total, code, y)
        totals[name] = total
    return replace(panel, static=numbers, codes=codes, totals=totals)


class FeatureMaker:
    """Rows of features for any (series, origin, step) of a panel. ``origin`` counts the known periods, ``step`` from 1.
    ``yearly``: whether the place in the year is told (None: where some was seen twice)."""

    def __init__(self, panel: Panel, season_length: int, *, yearly: bool | None = None) -> None:
        self.panel = panel
        self.season = season_length
        self.y = without_spikes(panel.y)
        known = ~np.isnan(self.y)
        filled = np.nan_to_num(self.y)
        self._filled = filled
        self._sum, self._square = _running(filled), _running(filled**2)
        self._count, self._sold = _running(known.astype(np.float64)), _running((filled > 0).astype(np.float64))
        self._last_sale = _last(filled > 0)
        self._start = panel.start
        self._smooth = {alpha: _smoothed(self.y, alpha) for alpha in (0.1, 0.3)}
        self._totals = {name: _running(values) for name, values in panel.totals.items()}
        self._floor = 0.05 * float(np.nanmean(filled)) + 1e-9 if filled.size else 1e-9
        steps = np.arange(panel.length + 400) + panel.first
        self._calendar = calendar_features(steps, panel.frequency)
        self.yearly = panel.length >= 1.25 * YEAR[panel.frequency] if yearly is None else yearly
        if not self.yearly:  # no day of the year was ever seen twice
            for name in ("day_of_year", "month"):
                self._calendar.pop(name)

    def level(self, series: Ints, origin: Ints) -> Floats:
        """Recent mean of each series: the unit of its features and of the target."""
        window = LEVEL_WINDOW[self.panel.frequency]
        mean = self._mean(series, origin, window)
        # of nothing for so long (sold out, a hole in the data) all that came before it tells
        mean = np.where(np.isnan(mean), np.nan_to_num(self._mean(series, origin, self.panel.length)), mean)
        n = np.minimum(self._window(self._count, series, origin, window), window)
        # few periods know little: half a period's worth of the long mean
        return np.maximum(mean, 0) + np.minimum(self._floor, 1.0 / np.maximum(n, 1))

    def rows(self, series: Ints, origin: Ints, pair: Ints, step: Ints) -> tuple[list[str], NDArray[np.float32], Floats]:
        """Features [n, F] of ``step`` [n] ahead of the pairs (``series``, ``origin``)[``pair``], and their level
        [n]."""
        level = self.level(series, origin)
        base = self._of_origin(series, origin, level)
        ahead = self._of_target(series[pair], origin[pair], step, level[pair])
        names = [*base, *ahead]
        found = np.empty((len(pair), len(names)), dtype=np.float32)
        for column, values in enumerate(base.values()):
            found[:, column] = values[pair]
        for column, values in enumerate(ahead.values()):
            found[:, len(base) + column] = values
        return names, found, level[pair]

    def _of_origin(self, series: Ints, origin: Ints, level: Floats) -> dict[str, Floats]:
        frequency = self.panel.frequency
        found: dict[str, Floats] = {"log_level": np.log(level), "age": (origin - self._start[series]).astype(float)}
        for lag in range(1, LAGS[frequency] + 1):
            found[f"lag_{lag}"] = self._at(series, origin - lag) / level
        for window in WINDOWS[frequency]:
            found[f"mean_{window}"] = self._mean(series, origin, window) / level
        for window in WINDOWS[frequency][2:4]:
            mean = self._mean(series, origin, window)
            square = self._window(self._square, series, origin, window)
            count = np.maximum(self._window(self._count, series, origin, window), 1)
            found[f"deviation_{window}"] = np.sqrt(np.maximum(square / count - mean**2, 0)) / level
            found[f"sold_{window}"] = self._window(self._sold, series, origin, window) / count
        found["since_sale"] = origin - self._last_sale[series, origin]
        for alpha, levels in self._smooth.items():
            found[f"smooth_{alpha}"] = levels[series, origin] / level
        for name, total in self._totals.items():
            code = self.panel.codes[name][series]
            short, long = WINDOWS[frequency][1], WINDOWS[frequency][4]
            found[f"{name}_growth"] = _ratio(
                self._group_mean(total, code, origin, short), self._group_mean(total, code, origin, long)
            )
        for name, values in self.panel.regressors.items():
            now = self._told(name, values, series, origin - 1)
            found[f"{name}_now"] = now
            if name not in self.panel.ahead:
                for window in WINDOWS[frequency][1:5:3]:
                    found[f"{name}_{window}"] = self._regressor_mean(name, values, series, origin, window)
            if name in PRICES:
                found[f"{name}_now_ratio"] = _ratio(now, self._regressor_mean(name, values, series, origin))
        for name, single in self.panel.static.items():
            found[name] = single[series]
        return found

    def _of_target(self, series: Ints, origin: Ints, step: Ints, level: Floats) -> dict[str, Floats]:
        m, frequency = self.season, self.panel.frequency
        target = origin + step - 1
        found: dict[str, Floats] = {"step": step.astype(float)}
        for name, values in self._calendar.items():
            found[name] = values[target]
        if m > 1:
            back = target - m * -(-step // m)
            found["season_lag"] = self._at(series, back) / level
            found["season_lag_2"] = self._at(series, back - m) / level
            found["season_near"] = self._near(series, back, origin) / level
            if frequency == "D":
                weeks = [self._at(series, back - 7 * week) for week in range(8)]
                found["weekday_4"] = _rowmean(weeks[:4]) / level
                found["weekday_8"] = _rowmean(weeks) / level
                year = target - 364
                found["year_near"] = self._near(series, year, origin, 3) / level
            window = WINDOWS[frequency][2]
            anchor = back - (target - origin)
            before = self._mean(series, anchor, window)
            found["season_profile"] = _ratio(self._near(series, back, origin), before)
            found["season_forecast"] = found["season_profile"] * self._mean(series, origin, window) / level
            for name, total in self._totals.items():
                code = self.panel.codes[name][series]
                here = self._group_near(total, code, back, origin)
                there = self._group_mean(total, code, anchor, window)
                found[f"{name}_profile"] = _ratio(here, there)
                found[f"{name}_forecast"] = found[f"{name}_profile"] * self._mean(series, origin, window) / level
        for name in self.panel.ahead:
            values = self.panel.regressors[name]
            last = values.shape[1] - 1
            then = self._told(name, values, series, np.minimum(target, last))
            usual = self._regressor_mean(name, values, series, origin)
            found[f"{name}_then"] = then
            found[f"{name}_change"] = then - usual
            if name in PRICES:
                found[f"{name}_ratio"] = _ratio(then, usual)
            else:
                found[f"{name}_next"] = self._told(name, values, series, np.minimum(target + 1, last))
                found[f"{name}_before"] = self._told(name, values, series, target - 1)
            if m > 1:
                found[f"{name}_season"] = self._told(name, values, series, target - m * -(-step // m))
        return found

    def _at(self, series: Ints, column: Ints) -> Floats:
        """Demand in ``column``; NaN before the history."""
        return np.where(column >= 0, self.y[series, np.clip(column, 0, self.y.shape[1] - 1)], np.nan)

    def _window(self, running: Floats, series: Ints, origin: Ints, window: int) -> Floats:
        end = np.clip(origin, 0, running.shape[1] - 1)
        return np.asarray(running[series, end] - running[series, np.maximum(end - window, 0)])

    def _mean(self, series: Ints, origin: Ints, window: int) -> Floats:
        count = self._window(self._count, series, origin, window)
        return (
            np.where(count > 0, self._window(self._sum, series, origin, window) / np.maximum(count, 1), np.nan)
            if window > 0
            else np.full(len(series), np.nan)
        )

    def _near(self, series: Ints, column: Ints, origin: Ints, reach: int = 1) -> Floats:
        """Mean of the periods around ``column`` that were known at ``origin``."""
        end = np.clip(np.minimum(column + reach + 1, origin), 0, self.y.shape[1])
        begin = np.clip(column - reach, 0, end)
        count = self._count[series, end] - self._count[series, begin]
        total = self._sum[series, end] - self._sum[series, begin]
        return np.where((count > 0) & (column >= 0), total / np.maximum(count, 1), np.nan)

    def _group_mean(self, running: Floats, code: Ints, origin: Ints, window: int) -> Floats:
        end = np.clip(origin, 0, running.shape[1] - 1)
        begin = np.maximum(end - window, 0)
        return np.where(end > begin, (running[code, end] - running[code, begin]) / np.maximum(end - begin, 1), np.nan)

    def _group_near(self, running: Floats, code: Ints, column: Ints, origin: Ints) -> Floats:
        end = np.clip(np.minimum(column + 2, origin), 0, running.shape[1] - 1)
        begin = np.clip(column - 1, 0, end)
        mean = (running[code, end] - running[code, begin]) / np.maximum(end - begin, 1)
        return np.where((column >= 0) & (end > begin), mean, np.nan)

    def _told(self, name: str, values: Floats, series: Ints, column: Ints) -> Floats:
        """A regressor in ``column``; NaN before its first value was told."""
        since = self.panel.since.get(name)
        known = column >= (0 if since is None else since[series])
        return np.where(known, values[series, np.maximum(column, 0)], np.nan)

    def _regressor_mean(
        self, name: str, values: Floats, series: Ints, origin: Ints, window: int | None = None
    ) -> Floats:
        """Mean of a regressor over the last periods before ``origin``, as far as it was told; NaN if it was not."""
        columns = origin[:, None] - 1 - np.arange(window or LAGS[self.panel.frequency])
        told = self._told(name, values, series[:, None], columns)
        count = (~np.isnan(told)).sum(axis=1)
        return np.where(count > 0, np.nan_to_num(told).sum(axis=1) / np.maximum(count, 1), np.nan)


def _running(values: Floats) -> Floats:
    out = np.zeros((values.shape[0], values.shape[1] + 1))
    np.cumsum(values, axis=1, out=out[:, 1:])
    return out


def _last(flags: NDArray[np.bool_]) -> Floats:
    """Per origin the column of the last flag before it, -1 without one: [S, T + 1]."""
    place = np.where(flags, np.arange(flags.shape[1]), -1)
    out = np.full((flags.shape[0], flags.shape[1] + 1), -1.0)
    np.maximum.accumulate(place, axis=1, out=place)
    out[:, 1:] = place
    return out


def _smoothed(y: Floats, alpha: float) -> Floats:
    """Exponentially smoothed level before each period [S, T + 1], begun with the first known one."""
    out = np.full((y.shape[0], y.shape[1] + 1), np.nan)
    level = np.full(y.shape[0], np.nan)
    for t in range(y.shape[1]):
        value = y[:, t]
        level = np.where(np.isnan(value), level, np.where(np.isnan(level), value, level + alpha * (value - level)))
        out[:, t + 1] = level
    return out


def _ratio(one: Floats, other: Floats) -> Floats:
    with np.errstate(divide="ignore", invalid="ignore"):
        found = np.where(other > 1e-9, one / other, np.nan)
    return np.minimum(found, 20.0)


def _rowmean(columns: list[Floats]) -> Floats:
    stacked = np.stack(columns)
    known = ~np.isnan(stacked)
    return np.where(known.any(axis=0), np.nan_to_num(stacked).sum(axis=0) / np.maximum(known.sum(axis=0), 1), np.nan)
