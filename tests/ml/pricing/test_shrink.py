from __future__ import annotations

import numpy as np
import pytest

from django_ecomai.ml.pricing.censoring import expected_demand
from django_ecomai.ml.pricing.nuisance import CrossFit, product_folds
from django_ecomai.ml.pricing.panel import PricePanel
from django_ecomai.ml.pricing.shrink import shrink


def drawn(x, v, category=None, **more):
    x = np.asarray(x, dtype=float)
    group = np.zeros(len(x), dtype=int) if category is None else np.asarray(category)
    told = {"n_categories": int(group.max()) + 1, "prior_mean": -2.0, "prior_sd": 1.5, **more}
    return shrink(x, np.asarray(v, dtype=float), group, **told)


def test_intervals_hold_what_they_promise():
    inside = []
    for seed in range(6):
        draw = np.random.default_rng(seed)
        category = draw.integers(0, 6, 200)
        truth = draw.normal(-2, 0.5, 6)[category] + draw.normal(0, 0.5, 200)
        sd = draw.uniform(0.4, 1.2, 200)
        found = drawn(truth + draw.normal(0, sd), sd**2, category)
        inside.append((np.abs(found.mean - truth) < 1.96 * found.sd).mean())
        assert np.abs(found.mean - truth).mean() < 0.8 * np.abs(draw.normal(0, sd)).mean()
    assert 0.93 <= np.mean(inside) <= 0.97


def test_sure_estimates_stay_and_unsure_ones_move():
    found = drawn([-1.0, -1.0, -3.0, -3.0, -2.0, -2.2, 0.0], [1e-4] * 6 + [100.0])
    assert found.mean[:2] == pytest.approx([-1.0, -1.0], abs=0.01)
    assert found.mean[6] == pytest.approx(found.category_mean[0], abs=0.1)
    assert found.weight[0] > 0.99 > 0.1 > found.weight[6]


def test_what_is_not_known_is_the_category_with_all_its_doubt():
    found = drawn([-1.0, -1.1, -0.9, 5.0], [0.01, 0.01, 0.01, np.inf])
    assert found.mean[3] == pytest.approx(found.category_mean[0])
    assert found.sd[3] == pytest.approx(found.new_sd[0])


def test_a_category_without_products_is_the_shop():
    found = drawn([-1.0, -1.2], [0.01, 0.01], [0, 0], n_categories=2)
    assert found.category_mean[1] == pytest.approx(found.shop_mean)
    assert found.category_sd[1] > found.shop_sd


def test_without_anything_the_prior_is_left():
    found = drawn([0.0], [np.inf])
    assert found.mean[0] == pytest.approx(-2.0)


def test_censored_demand_is_what_a_negative_binomial_says():
    draw = np.random.default_rng(0)
    mean, alpha, least = 20.0, 0.1, 24.0
    sample = draw.negative_binomial(10, 10 / 30, 400_000)
    first, left = expected_demand(np.array([least]), np.array([mean]), np.array([alpha]))
    assert first[0] == pytest.approx(sample[sample >= least].mean(), rel=0.005)
    assert left[0] == pytest.approx(1 - sample[sample >= least].var() / sample.var(), abs=0.02)


def test_folds_spread_each_category_evenly():
    fold = product_folds(np.repeat([0, 1], [10, 25]), 5, seed=0)
    assert np.bincount(fold[:10]).tolist() == [2] * 5
    assert np.bincount(fold[10:]).tolist() == [5] * 5


def test_a_category_with_fewer_products_than_half_the_folds_has_an_index():
    heat = np.sin(np.arange(12.0))
    panel = PricePanel.build(
        product=np.repeat(np.arange(4), 12), period=np.tile(np.arange(12), 4), units=1.0, price=1.0
    )
    index = CrossFit.build(panel, folds=10).index(np.tile(heat, 4), np.ones(48))
    # drawn to the shop's mean and that to 0, by half a row each
    assert np.corrcoef(index, np.tile(heat, 4))[0, 1] == pytest.approx(1.0)
    assert np.abs(index).max() > 0.9
