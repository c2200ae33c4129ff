"""Our engine, or a trivial forecast, on one origin of `benchmarks.forecast`: ``FOLDER MODEL`` as in
`forecast_peers`."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from benchmarks.forecast_data import LEVELS
from benchmarks.forecast_peers import peak_mb
from django_ecomai.ml.forecast.engine import forecast_fit
from django_ecomai.ml.forecast.hierarchy import PRODUCT
from django_ecomai.ml.forecast.intervals import calibrate, error_scale, history_spread, quantiles
from django_ecomai.ml.forecast.metrics import interval_quantiles
from django_ecomai.ml.forecast.options import ForecastOptions
from django_ecomai.ml.forecast.panel import panel_build
from django_ecomai.ml.forecast.registry import model_build

NAMES = {"all zero": "zero", "moving average": "moving_average", "seasonal naive (ours)": "seasonal_naive"}
PROBABILITIES = interval_quantiles(LEVELS)


def frames(folder: Path) -> dict[str, Any]:
    found = {}
    for name in ("train", "static", "future", "groups"):
        file = folder / f"{name}.parquet"
        found[name] = pd.read_parquet(file) if file.exists() else None
    return found


def ours(meta: dict[str, Any], data: dict[str, Any]) -> tuple[np.ndarray, np.ndarray]:
    options = ForecastOptions(
        frequency=meta["frequency"], horizon=meta["horizon"], levels=LEVELS, season_length=meta["season_length"]
    )
    result = forecast_fit(
        data["train"], options=options, static=data["static"], future=data["future"], groups=data["groups"]
    )
    found = result.forecasts[result.forecasts["level"] == PRODUCT].sort_values(["unique_id", "ds"])
    shape = (len(meta["ids"]), meta["horizon"])
    mean = found["mean"].to_numpy().reshape(shape)
    spread = np.zeros((*shape, len(PROBABILITIES)))
    for place, q in enumerate(PROBABILITIES):
        level = round(abs(2 * q - 1) * 100)
        column = "median" if not level else f"{'lo' if q < 0.5 else 'hi'}-{level}"
        values = found["lo-10"] + (found["hi-10"] - found["lo-10"]) / 2 if column == "median" else found[column]
        spread[:, :, place] = values.to_numpy().reshape(shape)
    return mean, spread


def trivial(name: str, meta: dict[str, Any], data: dict[str, Any]) -> tuple[np.ndarray, np.ndarray]:
    """With intervals from the errors of the same forecast one horizon earlier."""
    horizon, season = meta["horizon"], meta["season_length"]
    panel = panel_build(data["train"][["unique_id", "ds", "y"]], frequency=meta["frequency"], horizon=horizon)
    past = panel.until(panel.length - horizon)
    before = model_build(name).fit(past.y, season_length=season).predict(horizon)
    mean = model_build(name).fit(panel.y, season_length=season).predict(horizon)
    scale = error_scale(before, history_spread(past.y, 2 * season, season))
    known = calibrate(panel.y[:, -horizon:], before, scale, PROBABILITIES)
    now = error_scale(mean, history_spread(panel.y, 2 * season, season))
    return mean, quantiles(known, mean, now, np.zeros(len(panel), dtype=bool), PROBABILITIES)


def main(folder: Path, model: str) -> None:
    meta = json.loads((folder / "meta.json").read_text(encoding="utf-8"))
    data = frames(folder)
    mean, spread = trivial(NAMES[model], meta, data) if model in NAMES else ours(meta, data)
    np.savez(folder / "out.npz", mean=mean, quantiles=spread)
    (folder / "peak").write_text(str(peak_mb()), encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
