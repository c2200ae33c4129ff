"""The model of all series: what it learns, what it must not see, and both engines."""

from __future__ import annotations

import numpy as np
import pytest

from django_ecomai.ml.forecast.features import FeatureMaker, panel_enrich
from django_ecomai.ml.forecast.learned import GlobalBoosting
from django_ecomai.ml.forecast.panel import panel_build
from tests.ml.forecast.factories import catalogue, shop, weeks

ENGINES = ["lightgbm", "sklearn"]


def panel(products: int = 30, length: int = 60, future: bool = True):
    frame = shop(products, length)
    known, ahead = frame[frame["ds"] < weeks(length)[length - 4]], frame[frame["ds"] >= weeks(length)[length - 4]]
    built = panel_build(known, frequency="W", horizon=4, future=ahead.drop(columns="y") if future else None)
    return panel_enrich(built, catalogue(products))


@pytest.mark.parametrize("engine", ENGINES)
def test_a_promotion_that_is_known_ahead_raises_the_forecast(engine):
    if engine == "lightgbm":
        pytest.importorskip("lightgbm")
    data = panel()
    model = GlobalBoosting(engine=engine, rounds=30, least=20, learning_rate=0.2, rows=3000)
    assert model.fit(data, horizon=4, season_length=52) is model
    found = model.predict(data, 4)
    steady = np.arange(1, 30, 2)
    promoted = data.regressors["promotion"][steady, -4:] > 0
    assert found[steady][promoted].mean() > 1.3 * found[steady][~promoted].mean()
    assert found[~np.isin(np.arange(30), steady)].mean() < 2
    assert (found >= 0).all()


def test_features_see_nothing_that_came_after_the_origin():
    data = panel()
    changed = data.y.copy()
    changed[:, 40:] = 1000.0
    other = panel_build(shop(30), frequency="W", horizon=4)
    other = panel_enrich(type(other)(other.ids, changed, data.first, "W", data.regressors, data.ahead), catalogue(30))
    series, step = np.arange(30), np.full(30, 3)
    rows = []
    for one in (data, other):
        maker = FeatureMaker(one.until(40), 52)
        rows.append(maker.rows(series, np.full(30, 40), series, step)[1])
    np.testing.assert_array_equal(*rows)
    # the same origin inside a longer history: nothing but the floor of the unit may know of the rest
    names, inside, _ = FeatureMaker(data, 52).rows(series, np.full(30, 40), series, step)
    _, alone, _ = FeatureMaker(data.until(40), 52).rows(series, np.full(30, 40), series, step)
    assert names
    np.testing.assert_allclose(inside, alone, rtol=0.1, atol=0.05)


def test_regressors_that_are_not_known_ahead_are_seen_until_the_origin_only():
    names, _, _ = FeatureMaker(panel(future=False), 52).rows(
        np.arange(2), np.full(2, 40), np.arange(2), np.array([1, 4])
    )
    assert "promotion_now" in names
    assert "promotion_then" not in names


def test_too_little_to_learn_from_predicts_nothing():
    data = panel_enrich(panel_build(shop(2, 6), frequency="W", horizon=3))
    model = GlobalBoosting().fit(data, horizon=3, season_length=52)
    assert model.model_ is None
    assert np.isnan(model.predict(data, 3)).all()


def test_parameters_and_seed():
    model = GlobalBoosting(rounds=5, seed=3)
    assert model.get_params()["rounds"] == 5
    assert "seed=3" in repr(model)
    data = panel(10)
    one, other = (
        GlobalBoosting(rounds=5, rows=1000).fit(data, horizon=4, season_length=52).predict(data, 4) for _ in "ab"
    )
    np.testing.assert_array_equal(one, other)
