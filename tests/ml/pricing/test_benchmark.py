"""The simulated market, the peers that need nothing but numpy, and the fuzz, on a small scale."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("pandas")

from benchmarks import pricing, pricing_peers, pricing_scale
from benchmarks.pricing_market import STRESS, simulate


def test_a_market_is_decided_by_its_seed():
    one, two = simulate(3, products=20, weeks=10), simulate(3, products=20, weeks=10)
    assert np.array_equal(one.panel.units, two.panel.units)
    assert one.varied.sum() < 20
    assert (one.truth <= -0.2).all()
    assert (one.panel.price_levels() <= 6).all()


def test_prices_of_a_category_move_together_in_a_market_that_is_made_so():
    def common(**options):
        """Share of the variance of log prices that a mean for each category and week tells."""
        panel = simulate(2, weeks=26, **options).panel
        log = np.log(panel.price)
        log -= panel.mean(log)[panel.product]
        cell = panel.category[panel.product] * 26 + panel.period
        mean = np.bincount(cell, log) / np.maximum(np.bincount(cell), 1)
        return (mean[cell] ** 2).mean() / (log**2).mean()

    assert common() == pytest.approx(0.05, abs=0.01)
    assert common(**STRESS["together"]) == pytest.approx(0.87, abs=0.01)


def test_what_a_product_gains_its_substitutes_lose():
    alone, market = (simulate(4, weeks=26, categories=60, taken=taken) for taken in (0.0, 0.25))
    assert np.array_equal(alone.panel.price, market.panel.price)
    assert np.array_equal(alone.truth, market.truth)
    panel = market.panel
    cell = panel.category[panel.product] * 26 + panel.period
    # the logarithm of what price and promotion of the others in the category add to their demand, lifts at their mean
    gain = market.truth[panel.product] * np.log(panel.price / market.listed[panel.product]) + 0.3 * panel.promotion
    others = np.bincount(cell, gain)[cell] - gain
    shift = np.log((panel.units + 0.5) / (alone.panel.units + 0.5))
    others = others - panel.mean(others)[panel.product]
    assert (shift * others).sum() / (others**2).sum() == pytest.approx(-0.25, abs=0.03)


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


def test_markets_that_were_played_are_not_played_again(tmp_path, monkeypatch):
    from types import SimpleNamespace

    from benchmarks import pricing_regret as regret

    asked = []

    def child(command, **more):
        name, seeds = command[command.index("--child") + 1], command[command.index("--seeds") + 1 :]
        asked.append((name, seeds))
        profits = [100.0 if name == "Oracle" else 90.0 - int(seed) for seed in seeds]
        return SimpleNamespace(returncode=0, stdout=f"[{profits}, 1.0, 50.0]", stderr="")

    monkeypatch.setattr(regret.subprocess, "run", child)
    told = ["--models", "Cost-plus", "--chunk", "2", "--json", str(tmp_path / "rows.json"), "--seeds"]
    regret.main([*told, "1", "2"])
    rows = regret.main([*told, "1", "2", "3"])
    assert asked == [("Oracle", ["1", "2"]), ("Cost-plus", ["1", "2"]), ("Oracle", ["3"]), ("Cost-plus", ["3"])]
    assert rows[1]["metrics"]["regret"] == pytest.approx(0.12)
    # another past is another row
    assert regret.main([*told, "1", "--history", "26"])[1]["profits"] == {"1": 89.0}
    assert regret.main(told[:-1])[1]["profits"] == {"1": 89.0, "2": 88.0, "3": 87.0}


def test_a_peer_is_told_title_maker_and_price_as_its_example_cleans_them():
    from benchmarks.matching_peers import _record

    row = {"left_title": "Adobe  CS3: Design-Standard, 'upgrade'", "left_manufacturer": float("nan"), "left_price": 0.0}
    assert _record(row, "left") == {"title": "adobe cs3 designstandard upgrade", "manufacturer": None, "price": None}


def test_regressions_with_effects_find_the_slope_they_were_made_with():
    from benchmarks.pricing_published import least_squares, poisson, without

    draw = np.random.default_rng(0)
    product, week = np.repeat(np.arange(40), 30), np.tile(np.arange(30), 40)
    price = draw.normal(size=1200) + product / 20 + week / 30
    log = -1.7 * price + product / 10 - week / 15
    left = without(np.column_stack([log, price]), [product, week])
    slope, error = least_squares(left[:, 0], left[:, 1:], product)
    assert slope[0] == pytest.approx(-1.7, abs=1e-9)
    assert error[0] == pytest.approx(0.0, abs=1e-9)
    found, _error = poisson(draw.poisson(np.exp(log + 2)).astype(float), price, [product, week], product)
    assert found == pytest.approx(-1.7, abs=0.02)


def test_rows_without_store_and_week_are_those_of_the_larger_file_or_refused(tmp_path):
    import pandas as pd

    from benchmarks.pricing_published import BRANDS, juice_rows

    folder = tmp_path / "orange-juice"
    folder.mkdir()
    large = pd.DataFrame(
        {"store": [2, 5] * 3, "brand": [1, 1, 5, 5, 10, 10], "week": [40, 41] * 3, "logmove": [8.0, 8.5] * 3}
    )
    large.to_parquet(folder / "orangeJuice_yx.parquet")
    names = {number: name for name, number in BRANDS.items()}
    small = pd.DataFrame({"sales": np.exp(large["logmove"]), "brand": large["brand"].map(names), "price": 2.0})
    small.to_csv(folder / "oj.csv", index=False)
    assert juice_rows(tmp_path)["week"].tolist() == [40, 41] * 3
    small[::-1].to_csv(folder / "oj.csv", index=False)
    with pytest.raises(ValueError, match="are not those of brand"):
        juice_rows(tmp_path)


def test_one_to_one_leaves_the_best_pair_of_each_offer_and_product():
    from benchmarks.matching_peers import one_to_one

    score = np.array([0.9, 0.8, 0.7, 0.6])
    settled = one_to_one(score, np.array([0, 0, 1, 1]), np.array([0, 1, 0, 1]))
    assert (settled >= 0.5).tolist() == [True, False, False, True]
    assert settled[1] > settled[2]
