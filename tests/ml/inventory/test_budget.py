"""The best orders for a sum, against every set there is."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from django_ecomai.ml.inventory.budget import best_orders, gain_bound

MONEY = st.floats(0, 100).map(lambda number: round(number, 2))


@settings(max_examples=80, deadline=None)
@given(orders=st.lists(st.tuples(MONEY, MONEY), max_size=9), budget=st.floats(0, 300))
def test_no_other_set_gains_more(orders, budget):
    value, gain = np.array([one[0] for one in orders]), np.array([one[1] for one in orders])
    chosen = best_orders(value, gain, budget)
    best = max(
        gain[list(some)].sum()
        for size in range(len(orders) + 1)
        for some in itertools.combinations(range(len(orders)), size)
        if value[list(some)].sum() <= budget
    )
    assert value[chosen].sum() <= budget * (1 + 1e-9) + 1e-9
    assert gain[chosen].sum() == pytest.approx(best, abs=1e-6)
    assert best <= gain_bound(value, gain, budget) + 1e-6


def test_a_thousand_orders_are_near_the_bound():
    random = np.random.default_rng(0)
    value, gain = random.uniform(5, 500, 1000), random.uniform(0, 100, 1000)
    chosen = best_orders(value, gain, 20_000, steps=2000)
    assert value[chosen].sum() <= 20_000
    assert gain[chosen].sum() > 0.999 * gain_bound(value, gain, 20_000)


def test_no_budget_takes_what_costs_nothing():
    assert best_orders([0, 5, 0], [3, 3, 0], 0).tolist() == [True, False, False]
    assert best_orders([], [], 10).tolist() == []
    assert best_orders([5], [3], float("inf")).tolist() == [True]


@pytest.mark.parametrize("arguments", [([-1], [1], 5), ([1, 2], [1], 5), ([np.nan], [1], 5), ([1], [1], np.nan)])
def test_what_is_no_money_is_said(arguments):
    with pytest.raises(ValueError, match="must be"):
        best_orders(*arguments)
