"""Goods on order, and the range and the chance of a gain: beside day-by-day sales and draws of the posterior."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from django_ecomai.ml.pricing.curves import curves
from django_ecomai.ml.pricing.explore import thompson
from django_ecomai.ml.pricing.optimise import Aside, Demand, optimise, outcome

from .factories import demand, limits

DAYS = np.full((1, 28), 2.0)


def late(**more: Any) -> Demand:
    """Two pieces a day for four weeks, 25 in stock, and 1,000 that come on day 26: six pieces are asked for from it."""
    return demand(**{"path": DAYS, "stock": 25.0, "arriving": [[1000.0]], "after": [[6.0]], **more})


class TestGoodsOnOrder:
    def test_pieces_that_come_on_day_26_do_not_lower_todays_price(self) -> None:
        # 50 pieces are asked for before they come: 50 * (10 / p) ** 2 = 25
        assert optimise(late(), limits()).target[0] == pytest.approx(10 * np.sqrt(2), rel=0.02)
        # counted as if they were here they would lower it
        assert optimise(demand(path=DAYS, stock=1025.0), limits()).target[0] == pytest.approx(8.0, rel=0.02)

    def test_pieces_that_come_tomorrow_are_as_good_as_here(self) -> None:
        found = optimise(late(after=[[54.0]]), limits())
        assert found.target[0] == pytest.approx(8.0, rel=0.02)

    def test_what_is_sold_before_and_after(self) -> None:
        found = curves(late(), np.array([10.0]), np.array([[8.0, 10.0, 20.0]]))
        # 25 and 6 * (10 / p) ** 2; at 20 EUR a quarter of 56 pieces, as all are there
        assert found.units[0].tolist() == pytest.approx([25 + 9.375, 31.0, 14.0])
        units, _revenue, profit = outcome(late(), limits(), goal="profit", price=8.0)[:3, 0]
        assert (units, profit) == pytest.approx((34.375, 4 * 34.375))

    def test_several_arrivals_sell_as_they_do_day_by_day(self) -> None:
        draw = np.random.default_rng(4)
        for _case in range(200):
            days, stock = draw.uniform(0, 5, 28), draw.uniform(0, 40)
            when = np.sort(draw.choice(np.arange(1, 28), 3, replace=False))
            come = draw.uniform(0, 40, 3)
            factor = draw.uniform(0.3, 2.5)
            there, sold = stock, 0.0
            for day, asked in enumerate(days):
                there += come[when == day].sum()
                sold += min(asked * factor, there)
                there -= min(asked * factor, there)
            made = demand(
                path=days[None, :], stock=stock, arriving=come[None, :], after=[[days[at:].sum() for at in when]]
            )
            assert made.sold(np.full((1, 1, 1), factor))[0, 0, 0] == pytest.approx(sold)

    def test_selling_through_counts_what_comes(self) -> None:
        found = optimise(late(arriving=[[5.0]]), limits(corridor_low=0.3), goal="sell_through", sell_through=0.9)
        # 27 of 30 pieces: 56 * (10 / p) ** 2 = 27
        assert found.target[0] == pytest.approx(10 * np.sqrt(56 / 27), rel=0.02)
        assert found.units[0] >= 27

    def test_prices_that_are_tried_know_of_them_too(self) -> None:
        assert thompson(late(), limits(), random_state=1).price[0] == pytest.approx(10 * np.sqrt(2), rel=0.02)

    def test_shapes_that_do_not_fit(self) -> None:
        with pytest.raises(ValueError, match="arriving and after"):
            demand(2, arriving=[[1.0]], after=[[1.0]])


def posterior_gains(told: Demand, price: float, goal: str, draws: int = 200_000) -> np.ndarray[Any, Any]:
    """Gains against 10 EUR of elasticities that are drawn from the posterior of the first product."""
    draw = np.random.default_rng(7)
    slope = np.minimum(draw.normal(told.elasticity[0], told.sd[0], draws), 0.0)
    sold = told.sold(np.array(price / 10) ** slope[None, None, :])[0, 0]
    today = told.sold(np.ones((1, 1, 1)))[0, 0, 0]
    left = told.left_value[0]
    new, old = {"profit": (price - left, 10 - left), "revenue": (price, 10.0), "sell_through": (1.0, 1.0)}[goal]
    gain = new * sold - old * today
    if told.aside is not None and goal == "profit":
        log = np.array([np.log(price / 10)])
        gain = gain + told.aside.gain(log[None, :])[0, 0] + told.aside.doubt(log)[0] * draw.normal(size=draws)
    return np.asarray(gain)


ASIDE = Aside(np.array([[100.0]]), np.array([[1.0]]), np.array([[0.6]]))
CASES = [
    (demand(sd=0.8), 8.0, "profit"),
    (demand(sd=0.8), 11.5, "profit"),
    (demand(elasticity=-0.5, sd=0.8), 11.5, "profit"),  # part of it above 0
    (demand(elasticity=-0.5, sd=0.8), 9.0, "revenue"),
    (demand(sd=1.2, stock=45.0), 8.5, "profit"),
    (demand(sd=1.2, stock=30.0), 12.0, "profit"),
    (demand(sd=1.0, stock=30.0), 9.0, "sell_through"),
    (demand(sd=1.0, left_value=11.0), 10.5, "profit"),  # every piece loses money
    (late(sd=0.9), 12.0, "profit"),
    (Demand(*[getattr(demand(sd=0.8), n) for n in ("path", "elasticity", "sd", "stock", "left_value")], ASIDE),
     11.5, "profit"),
]  # fmt: skip


@pytest.mark.parametrize(("told", "price", "goal"), CASES)
def test_range_and_chance_are_those_of_the_posterior(told: Demand, price: float, goal: str) -> None:
    chance, low, high = outcome(told, limits(), goal=goal, price=price)[6:, 0]
    gains = posterior_gains(told, price, goal)
    scale = max(float(gains.std()), 0.1)
    assert np.quantile(gains, [0.025, 0.975]).tolist() == pytest.approx([low, high], abs=0.03 * scale)
    assert (gains > 0).mean() == pytest.approx(chance, abs=0.005)
    assert ((gains >= low - 1e-9) & (gains <= high + 1e-9)).mean() >= 0.947


def test_chance_and_range_never_contradict_each_other() -> None:
    draw = np.random.default_rng(3)
    n = 4000
    told = demand(
        n, elasticity=draw.normal(-2, 1, n), sd=draw.uniform(0, 1.5, n), cost=draw.uniform(2, 12, n),
        stock=np.where(draw.random(n) < 0.5, draw.uniform(0, 80, n), np.inf),
        arriving=draw.uniform(0, 30, (n, 1)), after=draw.uniform(0, 40, (n, 1)),
    )  # fmt: skip
    chance, low, high = outcome(told, limits(n), goal="profit", price=draw.uniform(7, 14, n))[6:]
    sharp = np.abs(chance - 0.975) > 1e-9
    assert ((low > 1e-9) == (chance > 0.975))[sharp & (np.abs(low) > 1e-9)].all()
    assert ((high > 1e-9) == (chance > 0.025))[(np.abs(chance - 0.025) > 1e-9) & (np.abs(high) > 1e-9)].all()
    assert len(np.unique(chance.round(4))) > 1000  # and not the few that nine nodes can tell apart


def test_a_price_that_stays_has_no_gain_and_no_chance_of_one() -> None:
    assert outcome(demand(sd=0.5), limits(), goal="profit", price=10.0)[4:, 0].tolist() == [0.0] * 5
