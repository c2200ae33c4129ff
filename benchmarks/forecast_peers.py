"""One peer of `benchmarks.forecast` in a process and, where it needs another pandas, an environment of its own.

``python -m benchmarks.forecast_peers FOLDER MODEL`` reads FOLDER/{train,future,static}.parquet and meta.json and writes
FOLDER/out.npz: ``ids``, ``mean`` [S, H] and ``quantiles`` [S, H, Q] of the probabilities in meta.json. Every model
gets the intervals that its library has for it: its own, else the library's conformal ones; a series too short for
those a normal distribution of its own spread. Demand below zero is set to zero for all.
"""

from __future__ import annotations

import json
import sys
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

#: Levels of the intervals whose ends are the probabilities that are scored.
LEVELS = [10, 20, 30, 40, 50, 60, 70, 80, 90, 95]
OWN_INTERVALS = ("SeasonalNaive", "AutoETS", "AutoTheta", "DynamicOptimizedTheta", "AutoCES")
CONFORMAL = ("CrostonSBA", "TSB", "ADIDA", "IMAPA")
MODELS = (*OWN_INTERVALS, *CONFORMAL, "mlforecast LightGBM", "Prophet")
FREQUENCIES = {"D": "D", "W": "W-MON", "M": "MS"}


def statsforecast_model(name: str, season_length: int, intervals: Any) -> Any:
    from statsforecast import models

    if name == "CrostonSBA":
        return models.CrostonSBA(prediction_intervals=intervals)
    if name == "ADIDA":
        return models.ADIDA(prediction_intervals=intervals)
    if name == "IMAPA":
        return models.IMAPA(prediction_intervals=intervals)
    if name == "TSB":
        return models.TSB(alpha_d=0.2, alpha_p=0.2, prediction_intervals=intervals)
    return getattr(models, name)(season_length=season_length, alias=name)


def statsforecast(name: str, train: pd.DataFrame, meta: dict[str, Any]) -> pd.DataFrame:
    """Forecast frame with columns mean, lo-.., hi-...; series too short for conformal intervals have none."""
    from statsforecast import StatsForecast
    from statsforecast.models import SeasonalNaive
    from statsforecast.utils import ConformalIntervals

    horizon = meta["horizon"]
    length = train.groupby("unique_id")["y"].transform("size")
    parts = []
    enough = length > 2 * horizon + 1 if name in CONFORMAL else length >= 0
    for conformal, part in ((True, train[enough]), (False, train[~enough])):
        if not len(part):
            continue
        intervals = ConformalIntervals(n_windows=2, h=horizon) if conformal and name in CONFORMAL else None
        model = statsforecast_model(name, meta["season_length"], intervals)
        fallback = SeasonalNaive(season_length=1)
        engine = StatsForecast(models=[model], freq=FREQUENCIES[meta["frequency"]], n_jobs=1, fallback_model=fallback)
        found = engine.forecast(df=part[["unique_id", "ds", "y"]], h=horizon, level=LEVELS if conformal else None)
        parts.append(found.rename(columns=lambda column: column.replace(f"{name}-", "").replace(name, "mean")))
    return pd.concat(parts, ignore_index=True)


def mlforecast(train: pd.DataFrame, future: pd.DataFrame | None, meta: dict[str, Any]) -> pd.DataFrame:
    """The library's usual recipe: differences from nothing, lags, rolling means, date features, recursive."""
    import lightgbm
    from mlforecast import MLForecast
    from mlforecast.lag_transforms import RollingMean
    from mlforecast.utils import PredictionIntervals

    shortest = int(train.groupby("unique_id").size().min())
    lags = {"D": [1, 7, 14, 28], "W": [1, 2, 3, 4, 52], "M": [1, 2, 3, 12]}[meta["frequency"]]
    windows = {"D": [7, 28], "W": [4, 13], "M": [3, 12]}[meta["frequency"]]
    dates = {"D": ["dayofweek", "day", "month"], "W": ["week", "month"], "M": ["month"]}[meta["frequency"]]
    model = lightgbm.LGBMRegressor(n_estimators=300, learning_rate=0.05, num_leaves=31, verbosity=-1, n_jobs=1)
    engine = MLForecast(
        models={"mean": model},
        freq=FREQUENCIES[meta["frequency"]],
        lags=lags,
        lag_transforms={1: [RollingMean(size, min_samples=1) for size in windows]},
        date_features=dates,
    )
    names = [] if future is None else [name for name in future.columns if name not in ("unique_id", "ds")]
    columns = ["unique_id", "ds", "y", *names]
    horizon = meta["horizon"]
    intervals = PredictionIntervals(n_windows=2, h=horizon) if shortest > 2 * horizon + 1 else None
    engine.fit(train[columns], static_features=[], dropna=False, prediction_intervals=intervals)
    later = None if future is None else future[["unique_id", "ds", *names]]
    found = engine.predict(horizon, X_df=later, level=LEVELS if intervals else None)
    return found.rename(columns=lambda column: column.replace("mean-", ""))


def prophet(train: pd.DataFrame, future: pd.DataFrame | None, meta: dict[str, Any]) -> pd.DataFrame:
    """Prophet per series with the regressors known ahead; quantiles of its samples."""
    import logging

    from prophet import Prophet

    logging.getLogger("cmdstanpy").disabled = True
    names = [] if future is None else [name for name in future.columns if name not in ("unique_id", "ds")]
    parts = []
    for key, part in train.groupby("unique_id"):
        if len(part) < 2:
            continue
        model = Prophet(uncertainty_samples=200)
        for name in names:
            model.add_regressor(name)
        np.random.seed(0)
        model.fit(part[["ds", "y", *names]])
        ahead = model.make_future_dataframe(meta["horizon"], freq=FREQUENCIES[meta["frequency"]], include_history=False)
        if names:
            ahead = ahead.merge(future[future["unique_id"] == key], on="ds", how="left").ffill().fillna(0.0)
        drawn = model.predictive_samples(ahead)["yhat"]
        columns = {"unique_id": key, "ds": ahead["ds"], "mean": drawn.mean(axis=1)}
        for level in LEVELS:
            low, high = np.quantile(drawn, [0.5 - level / 200, 0.5 + level / 200], axis=1)
            columns |= {f"lo-{level}": low, f"hi-{level}": high}
        parts.append(pd.DataFrame(columns))
    return pd.concat(parts, ignore_index=True)


def peak_mb() -> float:
    """Peak memory of this process alone; getrusage would count that of the process it was forked from."""
    status = Path("/proc/self/status").read_text(encoding="utf-8")
    return next(int(row.split()[1]) / 1024 for row in status.splitlines() if row.startswith("VmHWM"))


def main(folder: Path, name: str) -> None:
    warnings.simplefilter("ignore")
    meta = json.loads((folder / "meta.json").read_text())
    train = pd.read_parquet(folder / "train.parquet")
    file = folder / "future.parquet"
    future = pd.read_parquet(file) if file.exists() else None
    if name == "mlforecast LightGBM":
        found = mlforecast(train, future, meta)
    elif name == "Prophet":
        found = prophet(train, future, meta)
    else:
        found = statsforecast(name, train, meta)
    ids, horizon, probabilities = meta["ids"], meta["horizon"], meta["probabilities"]
    found = found.sort_values(["unique_id", "ds"])
    spread = train.groupby("unique_id")["y"].std(ddof=0).reindex(ids).fillna(0.0).to_numpy()
    mean = np.zeros((len(ids), horizon))
    quantiles = np.zeros((len(ids), horizon, len(probabilities)))
    place = {key: number for number, key in enumerate(ids)}
    rows = np.array([place[key] for key in found["unique_id"].iloc[::horizon]])
    mean[rows] = found["mean"].to_numpy(float).reshape(-1, horizon)
    from statistics import NormalDist

    for number, q in enumerate(probabilities):
        quantiles[:, :, number] = mean + spread[:, None] * NormalDist().inv_cdf(q)
        level = round(abs(2 * q - 1) * 100)
        column = "mean" if not level else f"{'lo' if q < 0.5 else 'hi'}-{level}"
        if column in found and level:
            told = found[column].to_numpy(float).reshape(-1, horizon)
            quantiles[rows, :, number] = np.where(np.isfinite(told), told, quantiles[rows, :, number])
        elif not level:
            quantiles[:, :, number] = mean
    np.savez(folder / "out.npz", mean=np.maximum(np.nan_to_num(mean), 0), quantiles=np.maximum(quantiles, 0))
    (folder / "peak").write_text(str(peak_mb()))


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
