"""The simulated market, the peers that need nothing but numpy, and the fuzz, on a small scale."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("pandas")

from benchmarks import pricing, pricing_peers, pricing_scale
from benchmarks.pricing_market import simulate


def test_a_market_is_decided_by_its_seed():
    one, two = simulate(3, products=20, weeks=10), simulate(3, products=20, weeks=10)
    assert np.array_equal(one.panel.units, two.panel.units)
    assert one.varied.sum() < 20
    assert (one.truth <= -0.2).all()
    assert (one.panel.price_levels() <= 6).all()


def test_simulated_rows_say_how_far_off_a_model_is():
    metrics, details = pricing.simulated("OLS, each category", 30, seeds=2)
    assert set(metrics) == {"bias", "mae", "coverage_95", "refused", "named"}
    assert 0 < metrics["mae"] < 2
    assert metrics["named"] == 1.0
    assert details["seeds"] == 2


def test_peers_are_told_the_category_without_the_product():
    market = simulate(1, products=20, weeks=20, categories=2)
    table = pricing_peers.Table(market.panel)
    assert (table.panel.in_stock == 1).all()
    assert table.panel.mean(table.y) == pytest.approx(np.zeros(20), abs=1e-12)


def test_random_limits_are_never_broken():
    assert pricing_scale.fuzz(2000)["violations"] == 0
    assert pricing_scale.fuzz(2000)["let_through"] > 200


def test_a_policy_that_knows_the_truth_earns_most_and_none_leaves_the_limits():
    from benchmarks import pricing_regret as regret
    from django_ecomai.ml.pricing.guardrails import violations

    play = regret.Play(1)
    allowed = play.limits()
    _profit, price = play.week(0, np.full(play.n, 1e6))
    assert not violations(price, allowed).any()
    assert len(play.panel()) > len(play.rows[0])
    assert regret.earned("Oracle", 1) > regret.earned("Fixed (list price)", 1) > 0
