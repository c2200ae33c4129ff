"""Golden values of the measures, worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest

from django_ecomai.ml.forecast import metrics

HISTORY = np.array([[np.nan, 2.0, 4, 1, 3], [5, 5, 5, 5, 5]])
ACTUAL = np.array([[4.0, 2], [6, np.nan]])
FORECAST = np.array([[3.0, 3], [5, 5]])


def test_scales_are_those_of_the_one_step_naive_forecast_after_the_start():
    absolute, squared = metrics.naive_scales(HISTORY)
    assert absolute[0] == pytest.approx((2 + 3 + 2) / 3)
    assert squared[0] == pytest.approx((4 + 9 + 4) / 3)
    assert np.isnan([absolute[1], squared[1]]).all()


def test_point_metrics():
    found = metrics.point_metrics(ACTUAL, FORECAST, HISTORY)
    assert found["rmsse"] == pytest.approx(np.sqrt(1 / (17 / 3)))
    assert found["wrmsse"] == pytest.approx(found["rmsse"])
    assert found["mase"] == pytest.approx(1 / (7 / 3))
    assert found["wape"] == pytest.approx(3 / 12)
    assert found["bias"] == pytest.approx((-1 + 1 - 1) / 12)
    assert found["n"] == 2


def test_all_zero_has_a_bias_of_minus_one():
    found = metrics.point_metrics(ACTUAL, np.zeros((2, 2)), HISTORY)
    assert found["bias"] == -1
    assert found["wape"] == 1


def test_pinball_by_hand():
    quantiles = {0.1: np.array([[1.0]]), 0.9: np.array([[5.0]])}
    history = np.array([[0.0, 2, 4]])
    # y = 3: .1 * 2 and .1 * 2, mean .2, over a naive error of 2
    assert metrics.pinball(np.array([[3.0]]), quantiles, history) == pytest.approx(0.1)
    # y = 8: .1 * 7 and .9 * 3, mean 1.7
    assert metrics.pinball(np.array([[8.0]]), quantiles, history) == pytest.approx(0.85)


def test_coverage_counts_the_ends_and_leaves_out_what_is_unknown():
    actual = np.array([[1.0, 2, 3, np.nan]])
    assert metrics.coverage(actual, np.full((1, 4), 1.0), np.full((1, 4), 2.0)) == pytest.approx(2 / 3)
    assert np.isnan(metrics.coverage(np.full((1, 1), np.nan), np.zeros((1, 1)), np.ones((1, 1))))


@pytest.mark.parametrize("rate", [0.3, 2.0, 40.0])
def test_randomised_pit_of_the_true_distribution_is_uniform(rate):
    random = np.random.default_rng(0)
    draws = np.sort(random.poisson(rate, 200_001))
    levels = np.arange(1, 20) / 20
    actual = random.poisson(rate, (4000, 1)).astype(float)
    quantiles = {q: np.full((4000, 1), float(draws[int(q * 200_000)])) for q in levels}
    pit = metrics.randomised_pit(actual, quantiles)
    assert ((pit > 0.1) & (pit < 0.9)).mean() == pytest.approx(0.8, abs=0.05)
    assert pit.mean() == pytest.approx(0.5, abs=0.05)


def test_quantiles_of_levels():
    assert metrics.interval_quantiles((80, 95)) == (0.025, 0.1, 0.5, 0.9, 0.975)
