"""Long spans of which nothing is known: a hole in the data, a product that was sold out for months."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from django_ecomai.ml.forecast.engine import forecast_fit
from django_ecomai.ml.forecast.options import ForecastOptions
from django_ecomai.ml.forecast.registry import model_build
from django_ecomai.ml.forecast.season import seasonal_indices


@pytest.mark.parametrize("series", [range(16), range(3)], ids=["all", "a few sold out"])
def test_where_nothing_is_known_for_a_season_the_forecast_is_what_was_sold_around_it(series: range) -> None:
    random = np.random.default_rng(0)
    days = pd.date_range("2023-01-02", periods=105, freq="7D")
    rates = np.array([20.0, 5.0, 2.0, 1.0])
    y = random.poisson(rates[np.arange(16) % 4][:, None], (16, 105)).astype(float)
    y[np.array(series), 40:92] = np.nan
    frame = pd.DataFrame({"unique_id": np.repeat([f"s{one}" for one in range(16)], 105), "ds": np.tile(days, 16)})
    frame["y"] = y.reshape(-1)
    found = forecast_fit(
        frame=frame, future=None, static=None, groups=None,
        options=ForecastOptions(frequency="W", horizon=8, levels=(80, 95), windows=2, learned=True),
    )  # fmt: skip
    products = found.forecasts[found.forecasts["level"] == "product"]
    assert np.isfinite(products[["mean", "lo-80", "hi-80"]].to_numpy()).all()
    mean = products.groupby("unique_id")["mean"].mean()
    wanted = {f"s{one}": rates[one % 4] for one in range(16)}
    assert {name: bool(0.5 * rate < mean[name] < 1.6 * rate) for name, rate in wanted.items()} == dict.fromkeys(
        wanted, True
    )


@pytest.mark.parametrize("weeks", [104, 117, 130])
def test_just_above_two_years_one_odd_week_is_no_season_and_a_season_is_one(weeks: int) -> None:
    random = np.random.default_rng(1)
    steady = random.poisson(2.0, (40, weeks)).astype(float)
    for name in ("ses", "theta", "damped_trend"):
        found = model_build(name).fit(steady, season_length=52).predict(13).mean(axis=1)
        assert found.max() < 4, name
    assert np.abs(seasonal_indices(steady, 52) - 1).mean() < 0.2
    shape = 1 + 0.8 * np.sin(2 * np.pi * np.arange(weeks) / 52)
    index = seasonal_indices(random.poisson(200 * shape, (5, weeks)).astype(float), 52)
    assert index[:, 13] == pytest.approx(1.8, abs=0.15) and index[:, 39] == pytest.approx(0.2, abs=0.15)
