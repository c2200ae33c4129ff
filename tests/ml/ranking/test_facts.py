from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from django_ecomai.ml.recommend.ranking.facts import item_ages, smoothed_rate
from tests.ml.factories import DAY, START


def test_rates_are_drawn_to_the_mean_the_less_is_known():
    rates = smoothed_rate(np.array([50.0, 0.0, 1.0, 0.0]), np.array([100.0, 100.0, 1.0, 0.0]))
    mean = 51 / 201
    assert rates[3] == pytest.approx(mean), "nobody saw it: the shop's mean"
    assert mean < rates[2] < 1, "one of one is no certainty"
    assert 0 < rates[1] < mean < rates[0] < 0.5
    # strength of the prior by moments, worked out: the variance between items beyond chance
    weight, rate = np.array([100, 100, 1]) / 201, np.array([0.5, 0.0, 1.0])
    true = (weight * (rate - mean) ** 2).sum() - mean * (1 - mean) * 3 / 201
    strength = mean * (1 - mean) / true - 1
    assert rates[0] == pytest.approx((50 + mean * strength) / (100 + strength))


def test_equal_items_are_all_at_the_mean():
    assert smoothed_rate(np.full(5, 10.0), np.full(5, 100.0)) == pytest.approx([0.1] * 5)


def test_without_a_trial_nothing_is_known():
    assert np.isnan(smoothed_rate(np.zeros(3), np.zeros(3))).all()
    assert smoothed_rate(np.empty(0), np.empty(0)).tolist() == []


@given(st.lists(st.tuples(st.integers(0, 50), st.integers(0, 50)), min_size=1, max_size=20))
def test_a_rate_is_a_share_and_successes_beyond_trials_count_as_trials(pairs):
    won, tried = np.array(pairs, dtype=float).T
    rates = smoothed_rate(won, tried)
    assert ((rates >= 0) & (rates <= 1) | np.isnan(rates)).all()
    assert np.isnan(rates).all() == (max(won.sum(), tried.sum()) == 0)


def test_age_since_it_came_in_else_since_it_was_first_sold():
    created = np.array([START, -1, START + 9 * DAY, -1])
    first = np.array([START + DAY, START + 2 * DAY, START + 4 * DAY, -1])
    ages = item_ages(created, first, START + 5 * DAY)
    assert ages[:3].tolist() == [5, 3, 1], "a date in the future is not believed"
    assert np.isnan(ages[3])
