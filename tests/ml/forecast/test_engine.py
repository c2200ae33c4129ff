"""The whole run: forecasts of all levels that add up, and the bad input that shops send."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from django_ecomai.ml.forecast.engine import beats_baseline, forecast_fit
from django_ecomai.ml.forecast.hierarchy import PRODUCT
from django_ecomai.ml.forecast.options import ForecastOptions
from django_ecomai.ml.forecast.panel import panel_build
from django_ecomai.ml.forecast.recipe import cutoffs, recipe_apply, recipe_fit
from django_ecomai.ml.forecast.registry import BELOW
from django_ecomai.ml.forecast.result import COMPONENT_COLUMNS, SERIES_COLUMNS
from tests.ml.forecast.factories import catalogue, long, shop, weeks

pytestmark = pytest.mark.xdist_group("forecast engine")  # what many look at is made by one worker, once
PLAIN = ForecastOptions(horizon=4, learned=False)


def mean_of(result, name, level="product"):
    frame = result.forecasts
    return frame[(frame["unique_id"] == name) & (frame["level"] == level)]["mean"].to_numpy()


@pytest.fixture(scope="module")
def result():
    heard = []
    future = pd.DataFrame(
        [(f"p{number:02d}", day, 10.0 + number, 1.0) for number in range(24) for day in weeks(64)[60:]],
        columns=["unique_id", "ds", "price", "promotion"],
    )
    found = forecast_fit(
        shop(), options=ForecastOptions(horizon=4), static=catalogue(), future=future,
        groups=catalogue()[["unique_id", "category"]], tell=lambda fraction, message: heard.append((fraction, message)),
    )  # fmt: skip
    return found, heard


def test_every_level_adds_up(result):
    sums = result[0].forecasts.groupby(["level", "ds"])["mean"].sum().unstack("level")
    np.testing.assert_allclose(sums["product"], sums["shop"])
    np.testing.assert_allclose(sums["category"], sums["shop"])
    assert set(result[0].forecasts["level"]) == {"product", "category", "shop"}


def test_frames_have_their_columns_and_intervals_hold_their_order(result):
    frame = result[0].forecasts
    assert list(frame.columns) == ["level", "unique_id", "ds", "mean", "lo-80", "hi-80", "lo-95", "hi-95"]
    assert (frame[["lo-95", "lo-80", "hi-80", "hi-95"]].to_numpy() >= 0).all()
    assert (np.diff(frame[["lo-95", "lo-80", "hi-80", "hi-95"]].to_numpy(), axis=1) >= 0).all()
    assert frame["ds"].min() == weeks(61)[60]
    assert list(result[0].series.columns) == list(SERIES_COLUMNS)
    assert list(result[0].components.columns) == list(COMPONENT_COLUMNS)
    assert {"level", "unique_id", "cutoff", "ds", "y", "mean", "lo-80", "hi-80"} == set(result[0].backtest.columns)
    assert not frame.isna().any(axis=None)


def test_intervals_of_counts_are_counts(result):
    frame = result[0].forecasts
    ends = frame[frame["level"] == "product"][["lo-80", "hi-80"]].to_numpy()
    np.testing.assert_array_equal(ends, np.rint(ends))


def test_the_levels_are_about_right(result):
    steady, rare = mean_of(result[0], "p01"), mean_of(result[0], "p00")
    assert 8 < steady.mean() < 30
    assert rare.mean() < 2
    classes = result[0].series.set_index(["level", "unique_id"])["demand_class"]
    assert classes["product", "p01"] == "smooth"
    assert classes["product", "p00"] in ("intermittent", "lumpy")


def test_a_product_without_history_sells_like_its_category(result):
    assert mean_of(result[0], "p25").mean() == pytest.approx(mean_of(result[0], "p03").mean(), rel=0.6)
    assert mean_of(result[0], "p24").mean() < 2
    series = result[0].series.set_index("unique_id")
    assert series.loc["p25", "demand_class"] == "cold"
    assert series.loc["p25", "model"] == "analogues"


def test_metrics_stand_beside_zero_and_the_baseline(result):
    rows = [row for row in result[0].metrics if row["level"] == "product" and row["demand_class"] == "all"]
    assert {row["model"] for row in rows} >= {"blend", "zero", "moving_average"}
    ours = next(row["metrics"] for row in rows if row["ours"])
    assert {"rmsse", "wrmsse", "wape", "bias", "mase", "pinball", "coverage_80", "coverage_95", "n"} == set(ours)
    assert ours["rmsse"] < next(row["metrics"]["rmsse"] for row in rows if row["model"] == "zero")
    assert 0.6 < ours["coverage_80"] <= 1
    assert isinstance(result[0].beats_baseline, bool)


def test_components_add_up(result):
    frame = result[0].components
    parts = frame[["trend", "season", "holiday", "price", "promotion", "rest"]].sum(axis=1)
    past = frame[(frame["level"] == "shop") & (frame["ds"] < weeks(61)[60])]
    np.testing.assert_allclose(parts[past.index], shop().groupby("ds")["y"].sum().to_numpy())
    ahead = frame[(frame["level"] == "shop") & (frame["ds"] >= weeks(61)[60])]
    np.testing.assert_allclose(parts[ahead.index], mean_of(result[0], "shop", "shop"))
    coefficients = result[0].coefficients.set_index("level")
    assert coefficients.loc["shop", "promotion"] > 0


def test_progress_is_told(result):
    fractions = [fraction for fraction, _ in result[1]]
    assert fractions == sorted(fractions)
    assert 0 <= fractions[0] <= fractions[-1] <= 1


def test_the_same_data_and_seed_give_the_same_forecast():
    options = ForecastOptions(horizon=2, windows=2)
    one, other = (forecast_fit(shop(10, 30), options=options) for _ in range(2))
    pd.testing.assert_frame_equal(one.forecasts, other.forecasts)


def test_an_empty_frame_gives_empty_frames():
    found = forecast_fit(long({"a": [1]}).iloc[:0], options=PLAIN)
    assert len(found.forecasts) == len(found.series) == len(found.backtest) == 0
    assert list(found.forecasts.columns)[:4] == ["level", "unique_id", "ds", "mean"]
    assert not found.beats_baseline


@pytest.mark.parametrize("length", [1, 2, 3, 5])
def test_a_horizon_longer_than_the_history(length):
    found = forecast_fit(long({"a": [4.0] * length}), options=ForecastOptions(horizon=26))
    assert mean_of(found, "a") == pytest.approx(np.full(26, 4.0), rel=0.3)
    assert not found.beats_baseline


def test_one_sale_ever():
    y = np.zeros(50)
    y[10] = 3
    found = forecast_fit(long({"a": y}), options=PLAIN)
    assert (mean_of(found, "a") < 0.5).all()


def test_a_series_of_zeros_forecasts_zero_and_is_obsolete():
    found = forecast_fit(long({"a": np.zeros(30), "b": np.full(30, 5.0)}), options=PLAIN)
    assert (mean_of(found, "a") < 0.01).all()
    assert found.series.set_index("unique_id").loc["a", "demand_class"] == "obsolete"


def test_a_product_that_is_no_longer_sold_fades():
    found = forecast_fit(long({"a": [6.0] * 30 + [0.0] * 30, "b": [5.0] * 60}), options=PLAIN)
    assert found.series.set_index("unique_id").loc["a", "demand_class"] == "obsolete"
    assert (mean_of(found, "a") < 1).all()


def test_a_gap_of_a_year():
    random = np.random.default_rng(0)
    y = random.poisson(8, 120).astype(float)
    frame = long({"a": y, "b": random.poisson(8, 120)})
    gap = (frame["unique_id"] == "a") & frame["ds"].between("2022-07-01", "2023-07-01")
    found = forecast_fit(frame[~gap], options=PLAIN)
    assert 4 < mean_of(found, "a").mean() < 11


def test_a_spike_that_was_cancelled_minutes_later_moves_little():
    random = np.random.default_rng(0)
    series = {f"p{number}": random.poisson(5, 40).astype(float) for number in range(30)}
    series["p0"][35] = 80_995
    series["once"] = np.zeros(40)
    series["once"][39] = 80_995
    found = forecast_fit(long(series), options=PLAIN)
    assert mean_of(found, "p0").mean() < 40
    assert mean_of(found, "once").mean() < 400
    assert mean_of(found, "shop", "shop").mean() < 1000


def test_stocked_out_periods_are_not_zero_demand():
    random = np.random.default_rng(0)
    y = random.poisson(10, 60).astype(float)
    y[-6:] = np.nan
    found = forecast_fit(long({"a": y, "b": random.poisson(10, 60)}), options=PLAIN)
    assert mean_of(found, "a").mean() > 7


def test_a_price_of_zero_and_regressors_without_values():
    frame = shop(10, 40).assign(price=0.0, holiday=np.nan)
    found = forecast_fit(frame, options=ForecastOptions(horizon=3, windows=1))
    assert np.isfinite(found.forecasts["mean"]).all()
    assert np.isfinite(found.components[["price", "holiday", "rest"]].to_numpy()).all()


@pytest.mark.parametrize(("frequency", "freq"), [("D", "D"), ("M", "MS")])
def test_days_and_months(frequency, freq):
    dates = pd.date_range("2022-01-01", periods=50, freq=freq)
    weekend = np.where(np.arange(50) % 7 < 2, 10.0, 2.0)
    frame = pd.DataFrame({"unique_id": "a", "ds": dates, "y": weekend})
    found = forecast_fit(frame, options=ForecastOptions(frequency=frequency, horizon=7, learned=False))
    assert found.forecasts["ds"].iloc[0] == pd.date_range(dates[-1], periods=2, freq=freq)[1]
    if frequency == "D":
        truth = np.where(np.arange(50, 57) % 7 < 2, 10.0, 2.0)
        assert np.abs(mean_of(found, "a") - truth).max() < 3


def test_chosen_models_and_no_backtest():
    found = forecast_fit(long({"a": np.arange(30.0)}), options=ForecastOptions(horizon=2, models=("ses",), windows=0))
    assert found.series["model"].tolist() == ["ses 100 %"] * 2
    assert found.metrics == []
    with pytest.raises(ValueError, match="unknown model 'x'"):
        forecast_fit(long({"a": [1.0, 2]}), options=ForecastOptions(models=("x",)))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"frequency": "H"}, "frequency is 'H'"),
        ({"horizon": 0}, "horizon is 0"),
        ({"season_length": 0}, "season_length is 0"),
        ({"windows": -1}, "windows is -1"),
        ({"levels": (100,)}, "percentages"),
        ({"levels": ()}, "percentages"),
    ],
)
def test_options_that_cannot_be(change, message):
    with pytest.raises(ValueError, match=message):
        ForecastOptions(**change)


def test_a_group_may_not_take_the_name_of_a_level():
    groups = pd.DataFrame({"unique_id": ["a"], "shop": ["x"]})
    with pytest.raises(ValueError, match="cannot be called 'shop'"):
        forecast_fit(long({"a": [1.0, 2]}), options=PLAIN, groups=groups)
    with pytest.raises(ValueError, match="groups has no column 'unique_id'"):
        forecast_fit(long({"a": [1.0, 2]}), options=PLAIN, groups=groups.drop(columns="unique_id"))


def test_the_gate_needs_a_lower_error_than_the_baseline():
    row = {"level": "product", "demand_class": "all"}
    base = {**row, "ours": False, "baseline": True, "metrics": {"rmsse": 1.0}}
    for ours, passed in ((0.9, True), (1.0, False), (float("nan"), False)):
        assert beats_baseline([base, {**row, "ours": True, "baseline": False, "metrics": {"rmsse": ours}}]) is passed
    assert not beats_baseline([])


def test_what_is_gone_is_judged_but_not_forecast():
    frame = shop(10, 60)
    gone = ["p01", "p04"]
    options = ForecastOptions(horizon=4, windows=2, learned=False)
    found, all_there = forecast_fit(frame, options=options, gone=gone), forecast_fit(frame, options=options)
    products = found.forecasts[found.forecasts["level"] == PRODUCT]
    assert set(products["unique_id"]) == {f"p{number:02d}" for number in range(10)} - set(gone)
    assert set(found.series["unique_id"]) & set(gone) == set()
    judged = found.backtest[found.backtest["level"] == PRODUCT]
    assert set(gone) < set(judged["unique_id"])
    of_products = [[row for row in one.metrics if row["level"] == PRODUCT] for one in (found, all_there)]
    assert of_products[0] == of_products[1]
    whole = found.backtest[found.backtest["level"] == "shop"].set_index("ds")["y"]
    kept = frame[~frame["unique_id"].isin(gone)].groupby("ds")["y"].sum()
    assert whole.tolist() == kept.loc[whole.index].tolist()
    assert len(forecast_fit(frame, options=options, gone=[f"p{number:02d}" for number in range(10)]).forecasts) == 0


def test_sums_follow_the_products_where_those_know_more():
    """Forecasts of the products that were right before: the level above them takes their sum."""
    random = np.random.default_rng(2)
    panel = panel_build(long({"whole": random.normal(500, 80, 60)}), frequency="W", horizon=4)
    options = ForecastOptions(horizon=4, windows=3, learned=False)
    ends, width = cutoffs(60, options)
    right = [panel.y[:, end : end + width] + random.normal(0, 2, (1, width)) for end in ends]
    recipe = recipe_fit(panel, options, below=right)
    assert recipe.weights[0][BELOW] > 0.9
    ahead = np.array([[300.0, 700, 400, 600]])
    found = recipe_apply(recipe, panel, below=ahead)
    np.testing.assert_allclose(found.mean, ahead, rtol=0.1)
    assert BELOW not in recipe_fit(panel, options).weights[0]
