"""Nothing that came after an origin reaches its forecast, and nothing judges itself."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from django_ecomai.ml.forecast import recipe as recipes
from django_ecomai.ml.forecast.demand import COLD
from django_ecomai.ml.forecast.engine import forecast_fit
from django_ecomai.ml.forecast.features import FeatureMaker, panel_enrich
from django_ecomai.ml.forecast.options import ForecastOptions
from django_ecomai.ml.forecast.panel import panel_build
from django_ecomai.ml.forecast.recipe import bias_factors, cutoffs, recipe_fit
from django_ecomai.ml.forecast.report import judged
from tests.ml.forecast.factories import catalogue, long, shop, weeks


def rows_at(panel, origin):
    names, features, _level = FeatureMaker(panel, 52).rows(
        np.array([0]), np.array([origin]), np.array([0, 0]), np.array([1, 3])
    )
    return dict(zip(names, features.T.tolist(), strict=True))


def test_prices_paid_after_an_origin_change_no_feature_of_it():
    paid = np.where(np.arange(40) < 20, 10.0, 5.0)
    frame = long({"a": np.full(40, 6.0)}).assign(price_paid=paid, price=np.where(np.arange(40) < 20, np.nan, 9.0))
    future = pd.DataFrame({"unique_id": "a", "ds": weeks(44)[40:], "price": 9.0})
    panel = panel_build(frame, frequency="W", horizon=4, future=future)
    seen = rows_at(panel, 20)
    assert seen["price_paid_now"] == [10.0, 10.0]
    assert "price_paid_then" not in seen
    # What only fills the price before its first entry is no price.
    np.testing.assert_array_equal(seen["price_now"], [np.nan, np.nan])
    assert seen["price_then"] == [9.0, 9.0]
    np.testing.assert_array_equal(seen["price_ratio"], [np.nan, np.nan])
    other = panel_build(frame.assign(price_paid=np.where(np.arange(40) < 20, 10.0, 77.0)), frequency="W", horizon=4,
                        future=future)  # fmt: skip
    for name, values in rows_at(other, 20).items():
        np.testing.assert_array_equal(values, seen[name], err_msg=name)


def test_a_discount_for_quantity_tells_no_forecast_anything():
    """Prices paid that follow the demand of their own week exactly: the forecast is that of the same weeks without."""
    random = np.random.default_rng(1)
    series = {f"p{number}": random.poisson(20, 50).astype(float) + 1 for number in range(10)}
    frame = long(series)
    paid = frame.assign(price_paid=10 - frame["y"] / 10)
    options = ForecastOptions(horizon=4, windows=2)
    with_price, without = (
        next(
            row["metrics"]["rmsse"] for row in forecast_fit(one, options=options).metrics
            if row["level"] == "product" and row["demand_class"] == "all" and row["model"] == "learned"
        ) for one in (paid, frame)
    )  # fmt: skip
    assert with_price > 0.97 * without


def test_the_price_of_today_is_no_feature_where_there_is_one_per_period():
    panel = panel_build(shop(6, 30), frequency="W", horizon=2)
    assert "price" not in panel_enrich(panel, catalogue(6)).static
    bare = replace(panel, regressors={}, since={})
    assert panel_enrich(bare, catalogue(6)).static["price"].tolist() == [10.0] * 6


@pytest.mark.parametrize(
    ("length", "horizon", "windows", "ends", "width"),
    [
        (53, 4, 3, [41, 45, 49], 4),
        (130, 13, 3, [91, 104, 117], 13),
        (104, 26, 3, [52, 78], 26),
        (104, 53, 3, [52, 78], 26),
        (60, 13, 1, [34, 47], 13),
        (39, 12, 3, [21, 30], 9),
        (8, 53, 3, [4, 6], 2),
        (7, 2, 3, [], 0),
        (60, 4, 0, [], 0),
    ],
)
def test_windows_do_not_overlap(length, horizon, windows, ends, width):
    assert cutoffs(length, ForecastOptions(horizon=horizon, windows=windows)) == (ends, width)


def test_an_origin_is_judged_by_what_had_ended_before_it():
    """What came in the last window changes nothing about how it is forecast, and the first one is not judged."""
    panel = panel_build(shop(8, 60), frequency="W", horizon=4)
    options = ForecastOptions(horizon=4, windows=3, learned=False)
    recipe = recipe_fit(panel, options)
    found = judged(recipe)
    assert [origin.cutoff for origin, _mean, _spread in found] == [52, 56]
    changed = replace(recipe.origins[2], actual=recipe.origins[2].actual * 9 + 5)
    again = judged(replace(recipe, origins=(*recipe.origins[:2], changed)))
    for one, other in zip(found, again, strict=True):
        np.testing.assert_array_equal(one[1], other[1])
        np.testing.assert_array_equal(one[2], other[2])


def test_one_origin_judges_nothing_and_says_nothing_of_the_bias():
    panel = panel_build(shop(8, 60), frequency="W", horizon=4)
    recipe = recipe_fit(panel, ForecastOptions(horizon=4, windows=2, learned=False))
    assert judged(replace(recipe, origins=recipe.origins[:1])) == []
    first = recipe.origins[:1]
    assert set(bias_factors(first, [first[0].actual * 0.5 + 1]).values()) == {1.0}


def test_a_history_too_short_to_be_tested_beats_nothing():
    found = forecast_fit(long({"a": [3.0, 4, 5, 4, 3, 4, 5]}), options=ForecastOptions(horizon=2, learned=False))
    assert found.metrics == [] and len(found.backtest) == 0 and not found.beats_baseline


def test_a_history_that_reaches_a_year_and_a_quarter_between_two_origins():
    """The place in the year is told from then on: the model of the first origin must still read the last one."""
    found = forecast_fit(shop(8, 72), options=ForecastOptions(horizon=4))
    assert {row["model"] for row in found.metrics if row["level"] == "product"} >= {"learned", "blend"}


def test_more_series_than_are_judged(monkeypatch):
    monkeypatch.setattr(recipes, "JUDGED", 5)
    found = forecast_fit(shop(12, 40), options=ForecastOptions(horizon=4, windows=2, learned=False))
    rows = found.backtest[found.backtest["level"] == "product"]
    assert rows["unique_id"].nunique() == 5
    wide = shop(12, 40).set_index(["unique_id", "ds"])["y"]
    assert (wide.loc[list(zip(rows["unique_id"], rows["ds"], strict=True))].to_numpy() == rows["y"].to_numpy()).all()


def test_sums_are_judged_by_what_was_sold_spikes_included():
    random = np.random.default_rng(0)
    series = {f"p{number}": random.poisson(5, 40).astype(float) for number in range(30)}
    series["p0"][38] = 4000
    found = forecast_fit(long(series), options=ForecastOptions(horizon=4, windows=2, learned=False))
    rows = found.backtest[found.backtest["level"] == "shop"]
    assert rows["y"].tolist() == sum(series.values())[36:].tolist()


def test_what_was_not_yet_sold_at_an_origin_says_nothing_of_the_intervals():
    """Products that came in during the test would be errors of the size of their whole demand."""
    options = ForecastOptions(horizon=4, windows=2, learned=False)
    frame = shop(12, 60)
    late = long({f"new{number}": np.full(6, 500.0) for number in range(12)}, start=str(weeks(60)[54].date()))
    alone, beside = (
        recipe_fit(panel_build(one, frequency="W", horizon=4), options)
        for one in (frame, pd.concat([frame, late[["unique_id", "ds", "y"]]]))
    )
    fresh = np.char.startswith(np.array(sorted({*frame["unique_id"], *late["unique_id"]})), "new")
    assert (beside.origins[0].code[fresh] == COLD).all()
    first = [recipes.calibrated(one.origins[:1], [recipes.blend(one, one.origins[0].candidates, one.origins[0].code)],
                                options) for one in (alone, beside)]  # fmt: skip
    assert np.abs(first[1].table).max() < 2 * np.abs(first[0].table).max()
