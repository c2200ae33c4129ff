"""The interval of a difference between two prices that alternate by week."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from django_ecomai.ml.pricing.paired import paired_difference, t975


def test_one_product_is_students_interval() -> None:
    values = [3.0, 5.0, 4.0, 8.0]
    found = paired_difference([values])
    low, high = stats.t.interval(0.95, 3, loc=5.0, scale=stats.sem(values))
    assert (found.mean, found.df, found.pairs, found.units) == (5.0, pytest.approx(3.0), 4, 1)
    assert (found.low, found.high) == (pytest.approx(low, abs=1e-3), pytest.approx(high, abs=1e-3))


def test_several_products_add_up_with_satterthwaites_degrees_of_freedom() -> None:
    one, other = [1.0, 3.0], [0.0, 4.0, 8.0]
    found = paired_difference([one, other, [7.0]])  # one pair says nothing about its own variance
    parts = (2.0 / 2, 16.0 / 3)
    assert (found.mean, found.pairs, found.units) == (6.0, 5, 2)
    assert found.sd == pytest.approx(math.sqrt(sum(parts)))
    assert found.df == pytest.approx(sum(parts) ** 2 / (parts[0] ** 2 / 1 + parts[1] ** 2 / 2))


def test_chance_is_the_least_that_is_believed() -> None:
    assert paired_difference([[2.0, 2.0, 2.0]], [12.0]).sd == 2.0
    assert paired_difference([[2.0, 2.0, 2.0]]).sd == 0.0
    assert paired_difference([[0.0, 6.0, 0.0]], [1.0]).sd == pytest.approx(2.0)


def test_nothing_to_say() -> None:
    found = paired_difference([[1.0], []])
    assert found.df == found.pairs == found.units == 0 and math.isnan(found.mean)
    with pytest.raises(ValueError, match="finite"):
        paired_difference([[1.0, math.nan]])


@pytest.mark.parametrize("df", [1, 2, 7, 30, 31, 60, 1000, 100_000])
def test_quantiles_are_those_of_scipy(df: int) -> None:
    assert t975(df) == pytest.approx(stats.t.ppf(0.975, df), abs=2e-4)
    assert t975(df + 0.9) == t975(df)


def test_no_degree_of_freedom_is_no_quantile() -> None:
    with pytest.raises(ValueError, match="1 or more"):
        t975(0.5)


def simulated(draw: np.random.Generator, *, products: int, pairs: int, rate: float, rho: float, effect: float):
    """Differences [products, pairs] of a simulated test, and the variance that chance alone gives each: weekly demand
    is negative binomial (variance mean + 0.2 mean2) around a level that wanders with ``rho``, rises by 2 % a week and
    has a season that all products share; what a piece leaves is 5 at the lower and 6 at the higher price."""
    weeks = 2 * pairs
    common = 0.25 * np.sin(np.arange(weeks) / 4 + draw.uniform(0, 6)) + 0.02 * np.arange(weeks)
    level = np.empty((products, weeks))
    level[:, 0] = draw.normal(0, 0.2, products)
    for week in range(1, weeks):
        level[:, week] = rho * level[:, week - 1] + draw.normal(0, 0.2 * math.sqrt(1 - rho**2), products)
    first_low = np.array([draw.permutation(np.arange(products) < products / 2) for _pair in range(pairs)]).T
    if products == 1:
        first_low = draw.random((1, pairs)) < 0.5
    low = np.stack([first_low, ~first_low], axis=2).reshape(products, weeks)
    mean = rate * np.exp(level + common) * np.where(low, 1.0, effect)
    units = draw.poisson(draw.gamma(5.0, mean / 5.0))
    profit = units * np.where(low, 5.0, 6.0)
    two = profit.reshape(products, pairs, 2)
    signs = np.where(first_low, 1.0, -1.0)
    sold_low, sold_high = (np.where(kind, units, 0).sum(axis=1) / pairs for kind in (low, ~low))
    return signs * (two[:, :, 1] - two[:, :, 0]), 25 * sold_low + 36 * sold_high


@pytest.mark.parametrize(
    ("products", "pairs", "rate"), [(1, 3, 20.0), (1, 6, 20.0), (1, 13, 4.0), (1, 6, 0.7), (12, 3, 8.0), (40, 6, 5.0)]
)
def test_simulated_tests_are_covered(products: int, pairs: int, rate: float) -> None:
    """At least 95 of 100 intervals hold the truth, which here is no difference of profit (5 * 6 = 6 * 5), although
    weeks err alike, the shop grows and a season moves all products at once; with few pairs or few pieces it is more."""
    draw = np.random.default_rng(11)
    held, wide, runs = 0, 0.0, 2000
    for _run in range(runs):
        values, chance = simulated(draw, products=products, pairs=pairs, rate=rate, rho=0.6, effect=5 / 6)
        found = paired_difference(list(values), chance)
        held += found.low <= 0 <= found.high
        wide += (found.high - found.low) / runs
    print(f"\n{products} products, {pairs} pairs, {rate} a week: coverage {held / runs:.3f}, mean width {wide:.1f}")
    assert 0.94 <= held / runs <= (0.98 if products * pairs > 12 or (rate > 4 and pairs > 3) else 0.996)


def test_a_difference_that_is_there_is_found() -> None:
    draw = np.random.default_rng(5)
    told = []
    for _run in range(300):
        values, chance = simulated(draw, products=30, pairs=6, rate=10.0, rho=0.6, effect=1.0)
        found = paired_difference(list(values), chance)
        told.append(found.low > 0)
    print(f"\nsixth of the profit more, 30 products, 12 weeks: told in {np.mean(told):.2f} of the tests")
    assert np.mean(told) > 0.8
