"""Blend, levels, intervals and classes, each by itself."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from django_ecomai.ml.forecast import intervals
from django_ecomai.ml.forecast.blend import blend_weights, onto_simplex
from django_ecomai.ml.forecast.cold import likeness
from django_ecomai.ml.forecast.demand import CLASSES, classify, without_spikes
from django_ecomai.ml.forecast.hierarchy import hierarchy_build, reconcile
from django_ecomai.ml.forecast.options import ForecastOptions
from django_ecomai.ml.forecast.recipe import cutoffs
from django_ecomai.ml.forecast.season import centred_average, seasonal_indices

RANDOM = np.random.default_rng(0)


def test_weights_prefer_the_smaller_error_and_mix_what_is_independent():
    good, bad = RANDOM.normal(0, 1, 4000), RANDOM.normal(0, 1, 4000)
    equal = blend_weights(np.stack([good, bad]))
    assert equal == pytest.approx([0.5, 0.5], abs=0.05)
    unequal = blend_weights(np.stack([good, 3 * bad]), ridge=0.0)
    assert unequal == pytest.approx([0.9, 0.1], abs=0.03)  # inverse variances
    assert blend_weights(np.stack([good, good + 5]), ridge=0.0) == pytest.approx([1, 0], abs=0.01)
    assert blend_weights(np.empty((3, 0))) == pytest.approx([1 / 3] * 3)


def test_projection_onto_the_simplex():
    assert onto_simplex(np.array([0.2, 0.8])) == pytest.approx([0.2, 0.8])
    assert onto_simplex(np.array([2.0, 0.0])) == pytest.approx([1, 0])
    assert onto_simplex(np.array([1.0, 1.0, -5])) == pytest.approx([0.5, 0.5, 0])


def test_reconciliation_moves_what_is_uncertain_and_meets_a_certain_total():
    hierarchy = hierarchy_build(np.array(["a", "b"], dtype=object))
    bottom, upper = np.array([[10.0], [10.0]]), np.array([[26.0]])
    moved = reconcile(bottom, np.array([1.0, 2.0]), upper, np.array([1e-9]), hierarchy)
    assert moved[:, 0] == pytest.approx([12, 14], rel=1e-4)
    doubtful = reconcile(bottom, np.array([1.0, 2.0]), upper, np.array([3.0]), hierarchy)
    assert doubtful.sum() == pytest.approx(23)  # half way: both variances are 3
    assert reconcile(bottom, np.zeros(2), upper, np.array([1.0]), hierarchy).tolist() == bottom.tolist()


def test_levels_that_cross_each_other_are_reconciled_too():
    groups = pd.DataFrame({"unique_id": list("abcd"), "category": list("xxyy"), "country": ["de", "fr", "de", None]})
    hierarchy = hierarchy_build(np.array(list("abcd"), dtype=object), groups)
    assert hierarchy.ids.tolist() == ["shop", "x", "y", "de", "fr"]
    bottom = np.array([[1.0], [2], [3], [4]])
    assert hierarchy.sums(bottom)[:, 0].tolist() == [10, 3, 7, 4, 2]
    upper = np.array([[12.0], [3], [9], [5], [2]])
    moved = reconcile(bottom, np.ones(4), upper, np.full(5, 1e-6), hierarchy)
    np.testing.assert_allclose(hierarchy.sums(moved), upper, atol=1e-3)


def test_quantiles_cover_what_they_promise():
    mean = RANDOM.uniform(5, 50, (3000, 4))
    actual = RANDOM.normal(mean, 0.2 * mean)
    probabilities = (0.025, 0.1, 0.5, 0.9, 0.975)
    scale = intervals.error_scale(mean, intervals.Spread(np.full(3000, 0.3), np.zeros(3000), np.zeros(3000)))
    known = intervals.calibrate(actual[:1500], mean[:1500], scale[:1500], probabilities)
    found = intervals.quantiles(known, mean[1500:], scale[1500:], np.zeros(1500, dtype=bool), probabilities)
    truth = actual[1500:]
    assert ((truth >= found[:, :, 1]) & (truth <= found[:, :, 3])).mean() == pytest.approx(0.8, abs=0.02)
    assert ((truth >= found[:, :, 0]) & (truth <= found[:, :, 4])).mean() == pytest.approx(0.95, abs=0.015)


def test_errors_of_a_level_that_moves_grow_with_the_horizon_and_a_season_is_no_error():
    random = np.random.default_rng(3)
    walk, noise = 500 + np.cumsum(random.normal(0, 5, 120)), 500 + random.normal(0, 5, 120)
    season = 500 + 200 * np.sin(2 * np.pi * np.arange(120) / 12)
    spread = intervals.history_spread(np.stack([walk, noise, season]), 24, 12)
    scale = intervals.error_scale(np.full((3, 9), 500.0), spread)
    assert scale[0, 8] > 2 * scale[0, 0]
    assert scale[1, 8] < 1.1 * scale[1, 0]
    assert scale[2, 0] < 20


def test_quantiles_without_a_backtest_are_normal_and_of_counts_are_whole():
    mean, scale = np.full((2, 3), 10.0), np.full((2, 3), 2.0)
    found = intervals.quantiles(None, mean, scale, np.array([False, True]), (0.1, 0.5, 0.9))
    assert found[0, 0] == pytest.approx([10 - 2 * 1.2816, 10, 10 + 2 * 1.2816], abs=1e-3)
    assert found[1, 0].tolist() == [7, 10, 13]
    assert intervals.calibrate(np.full((2, 3), np.nan), mean, scale, (0.1, 0.9)) is None


def test_own_quantiles_follow_the_level_of_the_forecast():
    y = np.array([[0.0, 0, 0, 4], [1, 2, 3, 4]])
    found = intervals.own_quantiles(y, np.array([[2.0], [2.5]]), 10, (0.5, 1.0))
    assert found[0, 0].tolist() == [0, 8]
    assert found[1, 0].tolist() == [2.5, 4]
    assert intervals.own_quantiles(y[:, :0], np.ones((2, 1)), 10, (0.5,)).tolist() == [[[1]], [[1]]]


@pytest.mark.parametrize(
    ("y", "name"),
    [
        ([5, 6, 5, 6, 5, 6], "smooth"),
        ([1, 30, 2, 40, 1, 1], "erratic"),
        ([3, 0, 3, 0, 3, 0], "intermittent"),
        ([1, 0, 0, 50, 0, 2], "lumpy"),
        ([0, 0, 0], "obsolete"),
        ([9, 9, 9, 0, 0, 0, 0, 0], "obsolete"),
        ([np.nan, np.nan], "cold"),
    ],
)
def test_classes_of_demand(y, name):
    assert CLASSES[int(classify(np.array([y], dtype=float)).code[0])] == name


def test_interval_and_size_of_demand():
    found = classify(np.array([[2.0, 0, 4, 0, 0, 6]]))
    assert found.adi[0] == 2
    assert found.cv2[0] == pytest.approx(4 / 16)


def test_weekly_peaks_are_no_spikes():
    y = np.tile([10.0, 10, 2, 2, 2, 2, 2], 6)[None, :]
    np.testing.assert_array_equal(without_spikes(y), y)


def test_seasonal_indices_of_a_pure_season_and_of_noise():
    season = np.array([0.5, 1.0, 1.5, 1.0])
    y = np.tile(season * 20, 6)[None, :]
    np.testing.assert_allclose(centred_average(y, 4)[0, 2:-2], 20)
    np.testing.assert_allclose(seasonal_indices(y, 4)[0], season, atol=0.01)
    np.testing.assert_allclose(seasonal_indices(y, 4, multiplicative=False)[0], season * 20 - 20, atol=0.1)
    noise = RANDOM.normal(100, 10, (50, 24))
    assert np.abs(seasonal_indices(noise, 4) - 1).mean() < 0.03
    np.testing.assert_array_equal(seasonal_indices(y[:, :7], 4), np.ones((1, 4)))


@pytest.mark.parametrize(("length", "count"), [(3, 0), (20, 2), (200, 3)])
def test_origins_leave_history_and_end_with_a_whole_horizon(length, count):
    ends, width = cutoffs(length, ForecastOptions(horizon=4))
    assert width == (4 if count else 0)
    assert len(ends) == count
    assert all(end >= length / 3 for end in ends)
    assert not ends or ends[-1] == length - 4
    assert ends == sorted(ends)


def test_likeness_uses_what_both_tell():
    table = pd.DataFrame(
        {"category": ["mugs", "lamps", None], "price": [10.0, 20.0, np.nan], "title": ["red mug", "", ""]}
    )
    found = likeness(table.iloc[:1], table)
    assert found[0, 0] == pytest.approx(1)
    assert found[0, 0] > found[0, 1] > 0
    assert found[0, 2] == 0


#: Thirty-three months of parts that hardly ever sell: one order in a month that the centred average reaches once,
#: beside months of nothing that agree with each other.
RARE = np.array([
    [0.0, 10, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 10, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0],
    [10, 8, 6, 8, 0, 2, 0, 0, 0, 1, 1, 0, 0, 0, 0, 0, 13, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0],
    [8, 1, 0, 0, 10, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 1, 0, 0],
])  # fmt: skip


def test_one_order_of_a_rare_product_is_no_season():
    np.testing.assert_array_equal(seasonal_indices(RARE, 12), np.ones((3, 12)))


def test_errors_of_rare_demand_are_no_larger_than_what_was_sold():
    spread = intervals.history_spread(RARE, 24, 12)
    assert (spread.absolute < RARE.std(axis=1) * 1.5).all()
    # a season that is there, as good as nothing in eleven of twelve months, and one order out of it
    ice = np.tile([0.0, 0, 0, 0, 0, 24, 0, 0, 0, 0, 0, 0], 4)
    ice[46] = 3
    assert seasonal_indices(ice[None], 12).min() < 0.05
    assert intervals.history_spread(ice[None], 24, 12).absolute[0] < 5
