"""Demand over lead time + review: mean of the forecast, spread of the past, whatever the input."""

from __future__ import annotations

import numpy as np
import pytest

from django_ecomai.ml.inventory.protection import Sales, protection_demand

from .factories import history, paths

RATES = [0.05, 0.5, 4.0, 60.0]


def test_mean_is_the_forecasts_and_variance_that_of_the_past():
    found = paths(RATES, size=4000)
    expected = np.array(RATES) * 17
    assert found.total.mean(axis=1) == pytest.approx(expected, rel=0.1)
    assert found.lead.mean(axis=1) == pytest.approx(np.array(RATES) * 10, rel=0.1)
    sold = (history(RATES) > 0).sum(axis=1)
    # Poisson, and a level that is known only as well as the number of sales allows.
    assert found.total.var(axis=1) == pytest.approx(expected + expected**2 / (sold + 1), rel=0.35)
    assert np.all(found.lead <= found.total)


def test_a_forecast_of_twice_the_past_sells_twice_as_often_not_twice_as_much():
    past = np.zeros((1, 300))
    past[0, ::20] = 6.0
    found = protection_demand(
        Sales(np.full((1, 60), 0.6), past), lead_time_samples=np.full((1, 2000), 10), review_days=10
    )
    assert found.total.mean() == pytest.approx(12, rel=0.1)
    assert set(np.unique(found.total % 6)) == {0}


def test_the_level_may_be_known_badly():
    sure, unsure = (paths([60.0], size=4000, level_spread=spread) for spread in (0.0, 0.4))
    assert unsure.total.mean() == pytest.approx(sure.total.mean(), rel=0.05)
    assert unsure.total.std() > 3 * sure.total.std()


def test_days_out_of_stock_and_missing_days_say_nothing():
    past = history([4.0, 4.0])
    past[0, 50:150] = 0
    censored = np.zeros(past.shape, dtype=bool)
    censored[0, 50:150] = True
    past[1, 60:120] = np.nan
    past[1, 120:130] = -5
    found = paths([4.0, 4.0], history=past, censored=censored, size=2000)
    plain = paths([4.0, 4.0], size=2000)
    assert found.total.std(axis=1) == pytest.approx(plain.total.std(axis=1), rel=0.2)


def test_new_products_zeros_and_a_spike():
    past = np.zeros((4, 100))
    past[1] = np.nan
    past[2, 50] = 80_995
    found = protection_demand(
        Sales(np.array([2.0, 2.0, 3.0, 0.0])[:, None] * np.ones(30), past),
        lead_time_samples=np.full((4, 500), 10),
        review_days=7,
    )
    assert found.total[:2].mean(axis=1) == pytest.approx([34, 34], rel=0.35)
    assert np.quantile(found.total[2], 0.9) == 0  # one sale ever is no reason to keep 80,995
    assert found.total[3].max() == 0
    assert np.all(np.isfinite(found.total))


def test_lead_time_zero_negative_or_missing():
    lead = np.array([[0.0], [-3.0], [np.nan]]) * np.ones(200)
    found = protection_demand(Sales(np.ones((3, 20)), history([1.0] * 3)), lead_time_samples=lead, review_days=7)
    assert np.all(found.lead == 0)
    assert found.total.mean(axis=1) == pytest.approx([7, 7, 7], rel=0.1)


def test_an_interval_beyond_the_horizon_goes_on_at_its_last_pace():
    found = protection_demand(
        Sales(np.repeat([[1.0] * 14 + [3.0] * 28], 2, axis=0), history([2.0, 2.0])),
        lead_time_samples=np.full((2, 1000), 70),
        review_days=[0, 1000],
    )
    assert found.lead.mean(axis=1) == pytest.approx([14 + 3 * 56] * 2, rel=0.05)
    assert found.total[1].mean() == pytest.approx(14 + 3 * 1056, rel=0.1)


def test_when_stock_runs_out():
    found = paths([2.0, 2.0, 2.0, 0.0], on_hand=[20, 0, 1e6, 5], size=500)
    assert found.stockout_quantile(0.5)[:2].tolist() == pytest.approx([10, 0], abs=2)
    assert np.all(np.isinf(found.stockout_day[2:]))
    assert found.stockout_quantile(0.05)[0] < found.stockout_quantile(0.95)[0]


def test_chunks_change_the_luck_only(monkeypatch):
    whole = paths(RATES * 10, size=200, on_hand=20)
    monkeypatch.setattr("django_ecomai.ml.inventory.protection.CHUNK_BYTES", 200_000)
    parts = paths(RATES * 10, size=200, on_hand=20)
    assert parts.total.mean(axis=1) == pytest.approx(whole.total.mean(axis=1), rel=0.5, abs=1)
    assert np.array_equal(paths(RATES, seed=5).total, paths(RATES, seed=5).total)
    assert not np.array_equal(paths(RATES, seed=5).total, paths(RATES, seed=6).total)


@pytest.mark.parametrize(
    "change",
    [
        {"mean": np.ones(3)},
        {"history": np.ones((2, 9))},
        {"lead_time_samples": np.ones((3, 0))},
        {"censored": np.ones((3, 2), dtype=bool)},
        {"block_days": 0},
    ],
)
def test_shapes_are_checked(change):
    values = {
        "mean": np.ones((3, 9)),
        "history": np.ones((3, 9)),
        "lead_time_samples": np.ones((3, 5)),
    } | change
    lead = values.pop("lead_time_samples")
    with pytest.raises(ValueError, match=r"must|needs"):
        protection_demand(Sales(**values), lead_time_samples=lead, review_days=7)


def test_quantiles_are_paths():
    found = paths(RATES)
    assert np.array_equal(found.quantile(1.0), found.total.max(axis=1))
    assert found.quantile([0.1, 0.5, 0.9, 1.0]).shape == (4,)
    with pytest.raises(ValueError, match="q must be"):
        found.quantile(-0.1)
