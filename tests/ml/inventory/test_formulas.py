"""Lot sizes and levels against published examples, brute force and stockpyl when it is installed."""

from __future__ import annotations

import importlib

import numpy as np
import pytest

from django_ecomai.ml.inventory import formulas as f

BREAKS = [(0, 0.75), (400, 0.72), (800, 0.68)]


def test_the_published_examples_of_snyder_and_shen():
    assert float(f.eoq(8, 0.225, 1300)) == pytest.approx(304.0467800264368, abs=1e-9)
    assert float(f.lot_cost(304.0467800264368, 8, 0.225, 1300)) == pytest.approx(68.41052550594829, abs=1e-9)
    assert f.newsvendor_normal(0.18, 0.70, 50, 8) == pytest.approx((56.60395592743389, 1.9976051931766445), abs=1e-9)
    assert f.rq_eil(0.225, 7.5, 8, 1300, 150, 1 / 12) == pytest.approx(
        (213.97044213580244, 318.5901810768729, 95.45114022285196), abs=1e-6
    )
    assert f.ss_poisson(1, 4, 5, 6) == pytest.approx((4, 10, 8.034111561471642), abs=1e-9)
    assert f.eoq_backorders(8, 0.225, 5, 1300) == pytest.approx((310.81255515896464, 0.0430622, 66.92136355), abs=1e-6)
    assert f.eoq_all_units_discount(8, 0.3, 1300, BREAKS) == pytest.approx((800, 2, 978.6), abs=1e-9)


def test_discounted_lots_are_the_cheapest_of_all_lots():
    lots = np.arange(50, 3000, 0.5)
    price = np.where(lots >= 800, 0.68, np.where(lots >= 400, 0.72, 0.75))
    cost = price * 1300 + 8 * 1300 / lots + 0.3 * price * lots / 2
    assert f.eoq_all_units_discount(8, 0.3, 1300, BREAKS).cost == pytest.approx(cost.min(), rel=1e-9)
    paid = np.minimum(lots, 400) * 0.75 + np.clip(lots - 400, 0, 400) * 0.72 + np.clip(lots - 800, 0, None) * 0.68
    cost = paid / lots * 1300 + 8 * 1300 / lots + 0.3 * paid / 2
    found = f.eoq_incremental_discount(8, 0.3, 1300, BREAKS)
    assert found.cost == pytest.approx(cost.min(), rel=1e-6)
    assert found.quantity == pytest.approx(lots[cost.argmin()], abs=0.5)


def test_lots_of_many_products_at_once():
    found = f.eoq([8, 0, 8, 8], [0.225, 0.225, 0.225, 0], [1300, 1300, 0, 5])
    assert found.tolist() == [pytest.approx(304.0467800264368), 0, 0, np.inf]


def test_newsvendor_of_samples_is_the_cheapest_level():
    samples = np.random.default_rng(0).poisson(20, 500)
    found = f.newsvendor_samples(1.0, 4.0, samples)
    costs = [np.maximum(y - samples, 0).mean() + 4 * np.maximum(samples - y, 0).mean() for y in range(60)]
    assert found.level == np.argmin(costs)
    assert found.cost == pytest.approx(min(costs))


def simulated_cost(s: int, top: int, demand: np.ndarray) -> float:
    level, cost = top, 0.0
    for one in demand:
        if level <= s:
            cost, level = cost + 5, top
        level -= one
        cost += max(level, 0) + 4 * max(-level, 0)
    return cost / len(demand)


def test_the_exact_min_max_costs_what_a_simulation_of_it_costs():
    demand = np.random.default_rng(0).poisson(6, 40_000)
    found = f.ss_poisson(1, 4, 5, 6)
    assert simulated_cost(found.reorder_point, found.order_up_to, demand) == pytest.approx(found.cost, rel=0.02)
    for s, top in ((3, 10), (5, 10), (4, 9), (4, 12)):
        assert simulated_cost(s, top, demand) > found.cost


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: f.eoq(-1, 1, 1), "order_cost"),
        (lambda: f.eoq(1, np.nan, 1), "holding_cost"),
        (lambda: f.lot_cost(0, 1, 1, 1), "quantity"),
        (lambda: f.eoq_backorders(1, 1, 0, 1), "stockout_cost"),
        (lambda: f.eoq_all_units_discount(1, 0.2, 10, []), "at least one"),
        (lambda: f.eoq_all_units_discount(1, 0.2, 10, [(0, 0.0)]), "positive prices"),
        (lambda: f.eoq_all_units_discount(1, 0.2, 10, [(0, 1.0), (0, 2.0)]), "repeat"),
        (lambda: f.newsvendor_samples(1, 1, []), "samples"),
        (lambda: f.newsvendor_normal(1, 1, 0, 1), "mean"),
        (lambda: f.rq_eil(100, 0.01, 8, 13, 5, 1), "too low"),
        (lambda: f.ss_discrete(1, 4, 5, [0.5, 0.2]), "sum to 1"),
        (lambda: f.ss_discrete(1, 4, 5, [1.0]), "a chance"),
    ],
)
def test_what_makes_no_sense_is_said(call, message):
    with pytest.raises(ValueError, match=message):
        call()


@pytest.mark.parametrize("seed", range(5))
def test_stockpyl_finds_the_same(seed):
    eoq, newsvendor, rq, ss = (
        pytest.importorskip(f"stockpyl.{name}", exc_type=ImportError) for name in ("eoq", "newsvendor", "rq", "ss")
    )
    random = np.random.default_rng(seed)
    order, holding, demand, sd = random.uniform(2, 50), random.uniform(0.1, 2), random.uniform(50, 500), 20.0
    close = {"rel": 1e-6, "abs": 1e-6}
    assert float(f.eoq(order, holding, demand)) == pytest.approx(
        eoq.economic_order_quantity(order, holding, demand)[0], **close
    )
    assert tuple(f.eoq_backorders(order, holding, 5.0, demand)) == pytest.approx(
        eoq.economic_order_quantity_with_backorders(order, holding, 5.0, demand), **close
    )
    starts, prices = [0, 100, 300], [1.0, 0.95, 0.9]
    pairs = list(zip(starts, prices, strict=True))
    assert tuple(f.eoq_all_units_discount(order, 0.25, demand, pairs)) == pytest.approx(
        eoq.economic_order_quantity_with_all_units_discounts(order, 0.25, demand, starts, prices), **close
    )
    assert tuple(f.eoq_incremental_discount(order, 0.25, demand, pairs)) == pytest.approx(
        eoq.economic_order_quantity_with_incremental_discounts(order, 0.25, demand, starts, prices), **close
    )
    assert tuple(f.newsvendor_normal(holding, 5.0, demand, sd)) == pytest.approx(
        newsvendor.newsvendor_normal(holding, 5.0, demand, sd), **close
    )
    mine = f.rq_eil(holding, 25.0, order, demand, sd, 0.1)
    assert tuple(mine) == pytest.approx(rq.r_q_eil_approximation(holding, 25.0, order, demand, sd, 0.1), rel=1e-4)
    assert tuple(f.ss_poisson(1, 5, order, 7.5)) == pytest.approx(
        ss.s_s_discrete_exact(1, 5, order, use_poisson=True, demand_mean=7.5), **close
    )
    assert importlib.util.find_spec("stockpyl")
