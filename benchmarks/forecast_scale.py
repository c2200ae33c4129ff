"""What forecasting costs as a shop grows: ``python -m benchmarks.forecast_scale --data DIR --json FILE [--sizes N
...]``.

The demand is simulated (seeded): 104 weeks, most products rare, some steady, a season shared by all, and promotions.
This measures seconds and memory, not quality. The engine learns from the first chunk (backtest, weights, intervals, the
boosted model), then every chunk is made, forecast 13 weeks ahead and written to a file of DIR; making the demand is not
counted. One process per size: peak memory should not grow with the size.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.by_size import by_size
from benchmarks.forecast_peers import peak_mb
from django_ecomai.ml.forecast.features import panel_enrich
from django_ecomai.ml.forecast.options import ForecastOptions
from django_ecomai.ml.forecast.panel import Panel
from django_ecomai.ml.forecast.recipe import CHUNK, recipe_apply, recipe_fit

SIZES = (20_000, 100_000, 1_000_000)
WEEKS, HORIZON = 104, 13


def chunks(series: int, seed: int = 0) -> Iterator[Panel]:
    """Simulated shops of `CHUNK` series."""
    for number, begin in enumerate(range(0, series, CHUNK)):
        random = np.random.default_rng([seed, number])
        count = min(CHUNK, series - begin)
        rate = random.lognormal(-0.5, 1.5, (count, 1))
        week = np.arange(WEEKS + HORIZON)
        promotion = (random.random((count, WEEKS + HORIZON)) < 0.05).astype(np.float64)
        season = 1 + 0.4 * np.sin(2 * np.pi * week / 52)
        mean = rate * season * (1 + promotion)
        y = random.poisson(random.gamma(1.5, mean / 1.5))[:, :WEEKS].astype(np.float64)
        y[week[:WEEKS] < random.integers(-60, 60, (count, 1))] = np.nan
        ids = np.array([f"s{begin + place}" for place in range(count)], dtype=object)
        yield panel_enrich(Panel(ids, y, 2700, "W", {"promotion": promotion}, ("promotion",)))


def measure(data: str, series: int) -> dict[str, Any]:
    """Seconds and memory of one size."""
    folder = Path(data)
    folder.mkdir(parents=True, exist_ok=True)
    options = ForecastOptions(horizon=HORIZON)
    recipe, spent, wall = None, 0.0, 0.0
    for number, panel in enumerate(chunks(series)):
        began, clock = time.process_time(), time.perf_counter()
        if recipe is None:
            recipe = recipe_fit(panel, options)
            learning = time.process_time() - began
        found = recipe_apply(recipe, panel)
        np.savez(folder / f"chunk{number % 2}.npz", mean=found.mean, quantiles=found.quantiles.astype(np.float32))
        spent += time.process_time() - began
        wall += time.perf_counter() - clock
    return {
        "metrics": {"series": series, "learning_cpu_s": round(learning, 1), "wall_s": round(wall, 1)},
        "cpu_s": round(spent, 1),
        "peak_mb": round(peak_mb(), 1),
    }


def told(row: dict[str, Any]) -> str:
    """A row as a line."""
    series, learning = row["metrics"]["series"], row["metrics"]["learning_cpu_s"]
    each = 1000 * (row["cpu_s"] - learning) / series
    return (
        f"{series:>10,} series {row['cpu_s']:8.1f} CPU s (learning {learning:.1f}, {each:.2f} ms per series)"
        f" {row['metrics']['wall_s']:8.1f} s {row['peak_mb']:7.0f} MB"
    )


def main(arguments: list[str] | None = None) -> list[dict[str, Any]]:
    return by_size(
        arguments,
        module=__spec__.name,
        doc=__doc__,
        place=("data", "scratch folder for the forecasts"),
        sizes=SIZES,
        steps={"measure": measure},
        told=told,
    )


if __name__ == "__main__":
    main()
