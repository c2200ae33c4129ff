"""Models of statsforecast behind our interface, with a library that only pretends; the real one where it is there."""

from __future__ import annotations

import sys
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pytest

from django_ecomai.ml.forecast.engine import forecast_fit
from django_ecomai.ml.forecast.models.nixtla import EXTRA_MODELS, MissingStatsforecast, StatsforecastETS
from django_ecomai.ml.forecast.options import ForecastOptions
from django_ecomai.ml.forecast.registry import model_build
from tests.ml.forecast.factories import long, shop


class Last:
    """Goes on with the last value; fails on a series that ends with 13."""

    def __init__(self, season_length: int) -> None:
        self.season_length = season_length

    def forecast(self, *, y: Any, h: int) -> dict[str, Any]:
        assert not np.isnan(y).any()
        if y[-1] == 13:
            raise ValueError("no")
        return {"mean": np.full(h, 1e9 if y[-1] == 99 else y[-1])}


@pytest.fixture
def library(monkeypatch: pytest.MonkeyPatch) -> None:
    models = ModuleType("statsforecast.models")
    for kind in EXTRA_MODELS.values():
        setattr(models, kind.name, Last)
    monkeypatch.setitem(sys.modules, "statsforecast", SimpleNamespace(models=models))
    monkeypatch.setitem(sys.modules, "statsforecast.models", models)


@pytest.mark.usefixtures("library")
def test_gaps_are_filled_and_what_the_library_cannot_forecast_gets_its_recent_mean():
    rows = [
        [np.nan, 1, 2, np.nan, 4, 5, 6],
        [1, 2, 3, 4, 5, 6, np.nan],
        [7, 7, 7, 7, 7, 7, 7],
        [1, 2, 3, 4, 5, 6, 13],
        [1, 2, 3, 4, 5, 6, 99],
        [np.nan, np.nan, np.nan, 1, 2, 3, np.nan],
    ]
    found = model_build("statsforecast_theta").fit(np.array(rows), season_length=4).predict(2)
    mean = [6, 6, 7, (4 + 5 + 6 + 13) / 4, (4 + 5 + 6 + 99) / 4, 2]
    np.testing.assert_allclose(found, np.repeat(np.array(mean)[:, None], 2, axis=1))


@pytest.mark.usefixtures("library")
def test_they_are_candidates_of_steady_demand_only():
    options = ForecastOptions(horizon=4, windows=2, learned=False, extra=("statsforecast_ets",))
    found = forecast_fit(shop(8, 40), options=options)
    rows = {(row["demand_class"], row["model"]) for row in found.metrics if row["level"] == "product"}
    assert ("smooth", "statsforecast_ets") in rows
    assert ("intermittent", "statsforecast_ets") not in rows and ("intermittent", "tsb") in rows


def test_without_the_library_the_message_says_what_to_type(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(sys.modules, "statsforecast.models", None)
    with pytest.raises(MissingStatsforecast, match=r"pip install 'django-ecomai\[statsforecast\]'"):
        StatsforecastETS().fit(np.ones((1, 9)))


def test_an_unknown_model_is_named_beside_those_there_are():
    with pytest.raises(ValueError, match=r"unknown model 'ets'.*statsforecast_arima"):
        model_build("ets")


@pytest.mark.parametrize("name", EXTRA_MODELS)
def test_the_real_library_carries_a_season_on(name: str):
    pytest.importorskip("statsforecast", reason="statsforecast is not installed (it needs pandas < 3)")
    y = 50 + 20 * np.sin(2 * np.pi * np.arange(60) / 12)
    truth = 50 + 20 * np.sin(2 * np.pi * np.arange(60, 66) / 12)
    found = model_build(name).fit(y[None, :], season_length=12).predict(6)[0]
    assert np.abs(found - truth).max() < 8
    frame = long({"a": y, "b": y + np.random.default_rng(0).normal(0, 5, 60)})
    options = ForecastOptions(horizon=4, windows=2, season_length=12, learned=False, extra=(name,))
    assert forecast_fit(frame, options=options).beats_baseline in (True, False)
