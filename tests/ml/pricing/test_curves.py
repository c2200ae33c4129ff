"""What each price would bring."""

from __future__ import annotations

import numpy as np
import pytest

from django_ecomai.ml.pricing.curves import curves
from django_ecomai.ml.pricing.optimise import outcome

from .factories import demand, limits

TODAY = np.array([10.0])


def test_units_revenue_and_profit_at_each_price() -> None:
    found = curves(demand(), TODAY, np.array([[8.0, 10.0]]))
    assert found.units[0].tolist() == pytest.approx([62.5, 40.0])
    assert found.revenue[0].tolist() == pytest.approx([500.0, 400.0])
    assert found.profit[0].tolist() == pytest.approx([250.0, 240.0])
    assert found.profit_low[0].tolist() == found.profit_high[0].tolist() == pytest.approx([250.0, 240.0])


def test_doubt_opens_a_band_away_from_todays_price() -> None:
    found = curves(demand(sd=0.5), TODAY, np.array([[8.0, 10.0, 12.0]]))
    width = found.profit_high[0] - found.profit_low[0]
    assert width[1] == pytest.approx(0.0) and width[0] > 10 and width[2] > 10
    assert (found.profit_low[0] <= found.profit[0] + 1e-9).all()
    assert (found.profit[0] <= found.profit_high[0] + 1e-9).all()


def test_no_more_is_sold_than_there_is() -> None:
    found = curves(demand(stock=50.0), TODAY, np.array([[5.0, 10.0]]))
    assert found.units[0].tolist() == pytest.approx([50.0, 40.0])


def test_without_an_elasticity_nothing_is_said() -> None:
    found = curves(demand(elasticity=np.nan, sd=np.nan), TODAY, np.array([[8.0]]))
    assert np.isnan(found.units[0, 0]) and np.isnan(found.profit_low[0, 0])


def test_shapes_that_do_not_fit() -> None:
    with pytest.raises(ValueError, match="points"):
        curves(demand(), TODAY, np.array([8.0]))
    with pytest.raises(ValueError, match="price"):
        curves(demand(), np.array([1.0, 2.0]), np.array([[8.0]]))


def test_the_outcome_of_a_price_from_elsewhere() -> None:
    units, revenue, profit, _sd, gain, gain_sd, chance, low, high = outcome(
        demand(), limits(), goal="profit", price=8.0
    )[:, 0]
    assert (units, revenue, profit) == pytest.approx((62.5, 500.0, 250.0))
    assert (gain, gain_sd, chance, low, high) == pytest.approx((10.0, 0.0, 1.0, 10.0, 10.0))
    assert outcome(demand(), limits(), goal="revenue", price=8.0)[4, 0] == pytest.approx(100.0)
