"""A long frame as arrays [series, time]: what every model of this package works on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from .calendar import periods_of

Floats = NDArray[np.float64]
#: Columns of the long frame that are no regressors.
KEYS = ("unique_id", "ds", "y")


@dataclass(frozen=True, eq=False)
class Panel:
    """S series of T periods, all ending in the same period.

    ``ids`` [S]; ``y`` float64 [S, T], NaN before the first sale and where demand is unknown (stocked out);
    ``first`` number of the period in column 0; ``regressors`` name -> float64 [S, T + H], those in ``ahead`` known H
    periods ahead, the others carried forward; ``since`` name -> column [S] of the first value that was told: what
    stands before it only fills the array. ``static``: name -> float64 [S]. ``codes`` name -> [S] and ``totals``
    name -> [G, T]: groups of series (shop, category, ...) and what they sold in all, known to every part of a panel.
    """

    ids: NDArray[Any]
    y: Floats
    first: int
    frequency: str
    regressors: Mapping[str, Floats] = field(default_factory=dict)
    ahead: tuple[str, ...] = ()
    since: Mapping[str, NDArray[np.int64]] = field(default_factory=dict)
    static: Mapping[str, Floats] = field(default_factory=dict)
    codes: Mapping[str, NDArray[np.int64]] = field(default_factory=dict)
    totals: Mapping[str, Floats] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def length(self) -> int:
        """Periods T of history."""
        return int(self.y.shape[1])

    @property
    def start(self) -> NDArray[np.int64]:
        """Column of the first known period of each series; T where there is none."""
        known = ~np.isnan(self.y)
        return (
            np.where(known.any(axis=1), known.argmax(axis=1), self.length) if self.length else np.zeros(len(self), int)
        )

    def until(self, end: int) -> Self:
        """The panel as it was known after ``end`` periods: regressors in ``ahead`` stay known, of the others the last
        value goes on."""
        totals = {name: values[:, :end] for name, values in self.totals.items()}
        regressors = {
            name: values if name in self.ahead else _held(values, end) for name, values in self.regressors.items()
        }
        return replace(self, y=self.y[:, :end], totals=totals, regressors=regressors)

    def take(self, rows: Any) -> Self:
        """Some series."""
        return replace(
            self,
            ids=self.ids[rows],
            y=self.y[rows],
            regressors={name: values[rows] for name, values in self.regressors.items()},
            since={name: values[rows] for name, values in self.since.items()},
            static={name: values[rows] for name, values in self.static.items()},
            codes={name: values[rows] for name, values in self.codes.items()},
        )


def panel_build(frame: Any, *, frequency: str, horizon: int, future: Any = None) -> Panel:
    """A panel of a pandas long frame ``unique_id, ds, y`` and numeric regressor columns.

    ``y`` NaN stays unknown; a missing period inside a series is zero demand, so are the periods from a series' last row
    to the end of the frame; leading zeros are trimmed; negative ``y`` counts as zero. Several rows of a series in one
    period are added (regressors: their mean). Regressors are carried forward over missing periods and into the future
    where ``future`` (``unique_id, ds``, the same columns) does not tell them. A column that ``future`` lacks is not
    known ahead: at an origin of a backtest or of the training only its values before that are used. Raises ValueError
    for missing columns and for values that are not numbers.
    """
    import pandas as pd

    for name in KEYS:
        if name not in frame.columns:
            raise ValueError(f"the frame has no column {name!r}: it needs unique_id, ds and y")
    names = [name for name in frame.columns if name not in KEYS]
    for name in ["y", *names]:
        if not pd.api.types.is_numeric_dtype(frame[name]) and not pd.api.types.is_bool_dtype(frame[name]):
            raise ValueError(f"column {name!r} is not numeric: convert it, or leave it out")
    if not len(frame):
        return Panel(np.empty(0, dtype=object), np.empty((0, 0)), 0, frequency, {})
    codes, ids = pd.factorize(frame["unique_id"], sort=True)
    times = _periods(frame["ds"], frequency)
    if (codes < 0).any():
        raise ValueError("unique_id is missing in some rows: every row belongs to a series")
    first, last = int(times.min()), int(times.max())
    shape = (len(ids), last - first + 1)
    y = frame["y"].to_numpy(dtype=np.float64, na_value=np.nan)
    if np.isinf(y).any():
        raise ValueError("y holds infinite values: leave them out, or give NaN where demand is unknown")
    dense = _demand(codes, times - first, np.maximum(y, 0), shape)
    regressors = {}
    for name in names:
        known = _spread(
            codes, times - first, frame[name].to_numpy(np.float64, na_value=np.nan), (shape[0], shape[1] + horizon)
        )
        regressors[name] = known
    if future is not None and len(future):
        _future(regressors, future, ids, first, shape[1], frequency)
    filled = {name: _carried(values) for name, values in regressors.items()}
    ahead = () if future is None else tuple(name for name in names if name in future.columns)
    since = {name: _since(values) for name, values in regressors.items()}
    return Panel(np.asarray(ids, dtype=object), dense, first, frequency, filled, ahead, since)


def _periods(dates: Any, frequency: str) -> NDArray[np.int64]:
    import pandas as pd

    values = pd.to_datetime(dates)
    if values.isna().any():
        raise ValueError("ds is missing in some rows: give the first day of the period")
    if getattr(values.dt, "tz", None) is not None:
        values = values.dt.tz_localize(None)
    return periods_of(values.to_numpy(), frequency)


def _demand(codes: NDArray[Any], columns: NDArray[Any], y: Floats, shape: tuple[int, int]) -> Floats:
    flat = codes.astype(np.int64) * shape[1] + columns
    size = shape[0] * shape[1]
    dense = np.bincount(flat, weights=np.nan_to_num(y), minlength=size).astype(np.float64)
    known = np.bincount(flat[~np.isnan(y)], minlength=size) > 0
    mentioned = np.bincount(flat, minlength=size) > 0
    dense[mentioned & ~known] = np.nan
    dense = dense.reshape(shape)
    # before the first sale a product was not there; a series without any sale begins with its first row
    sold = dense > 0
    began = np.where(sold.any(axis=1), sold.argmax(axis=1), mentioned.reshape(shape).argmax(axis=1))
    dense[np.arange(shape[1]) < began[:, None]] = np.nan
    return dense


def _spread(codes: NDArray[Any], columns: NDArray[Any], values: Floats, shape: tuple[int, int]) -> Floats:
    known = ~np.isnan(values)
    flat = codes[known].astype(np.int64) * shape[1] + columns[known]
    count = np.bincount(flat, minlength=shape[0] * shape[1])
    total = np.bincount(flat, weights=values[known], minlength=shape[0] * shape[1])
    with np.errstate(invalid="ignore"):
        return np.asarray((total / np.where(count > 0, count, np.nan)).reshape(shape))


def _future(regressors: dict[str, Floats], future: Any, ids: Any, first: int, length: int, frequency: str) -> None:
    import pandas as pd

    codes = pd.Index(ids).get_indexer(future["unique_id"])
    columns = _periods(future["ds"], frequency) - first
    for name, values in regressors.items():
        inside = (codes >= 0) & (columns >= length) & (columns < values.shape[1])
        if name in future.columns:
            told = future[name].to_numpy(np.float64, na_value=np.nan)
            inside &= ~np.isnan(told)
            values[codes[inside], columns[inside]] = told[inside]


def _since(values: Floats) -> NDArray[np.int64]:
    """Column of the first known value [S], the width where there is none."""
    known = ~np.isnan(values)
    return np.where(known.any(axis=1), known.argmax(axis=1), values.shape[1]).astype(np.int64)


def _held(values: Floats, end: int) -> Floats:
    """``values`` with the last of the first ``end`` columns from there on."""
    if not 0 < end < values.shape[1]:
        return values
    return np.concatenate([values[:, :end], np.repeat(values[:, end - 1 : end], values.shape[1] - end, axis=1)], axis=1)


def _carried(values: Floats) -> Floats:
    """Unknown values become the last known one, before the first known one that one, and 0 where none is known."""
    known = ~np.isnan(values)
    place = np.where(known, np.arange(values.shape[1]), -1)
    last = np.maximum.accumulate(place, axis=1)
    begin = known.argmax(axis=1)[:, None]
    return np.nan_to_num(np.take_along_axis(values, np.where(last < 0, begin, last), axis=1))
