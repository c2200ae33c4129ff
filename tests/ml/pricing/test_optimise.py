from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from django_ecomai.ml.pricing import optimise as optimiser
from django_ecomai.ml.pricing.explore import thompson
from django_ecomai.ml.pricing.guardrails import violations
from django_ecomai.ml.pricing.optimise import Aside, Proposals, optimise, outcome
from tests.ml.pricing.factories import demand, limits


def test_the_best_price_of_a_constant_elasticity_is_the_markup_rule():
    # cost * e / (e - 1) with e = 2: twice the cost
    found = optimise(demand(), limits())
    assert found.target[0] == pytest.approx(8.0, rel=0.02)
    assert found.profit[0] == pytest.approx((found.price[0] - 4) * 40 * (10 / found.price[0]) ** 2)
    assert found.gain[0] > 0
    assert found.gain_chance[0] == 1.0


def test_short_stock_raises_the_price_until_it_lasts():
    plenty, short = optimise(demand(2, stock=[np.inf, 25.0]), limits(2)).target
    # 40 * (10 / p) ** 2 = 25
    assert plenty == pytest.approx(8.0, rel=0.02)
    assert short == pytest.approx(10 * np.sqrt(40 / 25), rel=0.02)


def test_stock_that_spoils_is_marked_down():
    kept, spoils = optimise(demand(2, stock=100.0, left_value=[4.0, 0.0]), limits(2)).target
    # worth nothing later: down to where the stock is just sold, 40 * (10 / p) ** 2 = 100
    assert spoils == pytest.approx(10 * np.sqrt(0.4), rel=0.02)
    assert kept > spoils


def test_revenue_and_profit_are_different_goals():
    profit, revenue = optimise(demand(2), limits(2), goal=["profit", "revenue"]).target
    assert profit == pytest.approx(8.0, rel=0.02)
    assert revenue == 5.0  # elastic demand: the lowest price of the corridor sells the most


def test_surplus_is_cleared_by_its_end_date_at_the_highest_price_that_does_it():
    found = optimise(
        demand(path=[[10.0, 10.0]], stock=60.0), limits(corridor_low=0.3), goal="sell_through", sell_through=0.8
    )
    # two periods: 20 * (10 / p) ** 2 = 48
    assert found.target[0] == pytest.approx(10 * np.sqrt(20 / 48), rel=0.03)
    assert found.units[0] >= 47.9


def test_selling_through_a_stock_nobody_knows_is_no_goal():
    assert optimise(demand(), limits(), goal="sell_through").held[0] == "no_target"


def test_guardrails_win_over_the_optimum():
    found = optimise(demand(), limits(max_change_day=0.05))
    assert (found.price[0], found.guarded.binding[0]) == (9.5, "max_fall_day")


def test_without_an_elasticity_nothing_is_proposed():
    found = optimise(demand(elasticity=np.nan), limits())
    assert (found.held[0], found.price[0], found.gain[0]) == ("no_elasticity", 10.0, 0.0)


def test_doubt_is_carried_to_the_profit():
    sure, unsure = optimise(demand(2, sd=[0.0, 0.5]), limits(2)).profit_sd
    assert sure == 0.0
    assert unsure > 10.0


def test_caution_keeps_prices_nearer_to_today_s():
    bold = optimise(demand(sd=0.8), limits()).target[0]
    careful = optimise(demand(sd=0.8), limits(), caution=2.0).target[0]
    assert abs(np.log(careful / 10)) < abs(np.log(bold / 10))


def test_unknown_goals_and_shapes_are_refused():
    with pytest.raises(ValueError, match="goal must be one of"):
        optimise(demand(), limits(), goal="fame")
    with pytest.raises(ValueError, match="demand is of 2 products"):
        optimise(demand(2), limits())


def test_thompson_logs_the_share_of_draws_that_lead_to_its_price():
    asked, told = limits(600, step=1.0), demand(600, sd=0.6)
    found = thompson(told, asked, random_state=1)
    prices, counts = np.unique(found.price, return_counts=True)
    chances = [np.unique(found.propensity[found.price == price]) for price in prices]
    assert len(prices) > 2
    assert all(len(each) == 1 for each in chances)  # equal products: one probability for each price
    assert sum(each[0] for each in chances) == pytest.approx(1.0)
    assert counts / 600 == pytest.approx(np.concatenate(chances), abs=0.07)
    assert not violations(found.price, asked).any()


def test_thompson_gives_a_family_one_price_and_the_held_today_s():
    found = thompson(demand(3, sd=0.6), limits(3, family=[1, 1, -1], cost=[4.0, 4.0, np.nan]), random_state=3)
    assert found.price[0] == found.price[1]
    assert (found.held[2], found.price[2], found.propensity[2]) == ("cost_missing", 10.0, 1.0)


class TestFamilies:
    """One price for all, and the one that is worth most to all of them together."""

    @staticmethod
    def asked(pieces: list[float], elasticity: list[float], **more: Any) -> Proposals:
        n = len(pieces)
        told = demand(n, path=np.array(pieces)[:, None], elasticity=elasticity, sd=0.0, cost=5.0)
        return optimise(told, limits(n, family=[7] * n, cost=5.0, max_change_day=0.1), **more)

    def test_a_size_that_sells_hundreds_decides(self):
        """Alone they would be 11.00 and 9.00, and of the mean nobody gains anything."""
        found = self.asked([400.0, 1.0], [-1.5, -6.0])
        assert found.price.tolist() == [11.0, 11.0]
        # 400 * (1.1 ** -1.5 * 6 - 5) and 1.1 ** -6 * 6 - 5
        assert found.gain == pytest.approx([80.28, -1.613], abs=0.01)
        assert self.asked([1.0, 400.0], [-1.5, -6.0]).price.tolist() == [9.0, 9.0]

    def test_members_of_other_goals_are_not_added_up(self):
        profit = self.asked([400.0, 400.0, 1.0], [-1.5, -1.5, -6.0], goal=["profit", "revenue", "profit"])
        assert profit.target == pytest.approx([11.0, 9.0, 11.0])

    def test_what_they_have_together_is_sold_through(self):
        told = demand(2, path=[[20.0], [20.0]], stock=[10.0, 70.0], left_value=0.0)
        found = optimise(told, limits(2, family=[1, 1], corridor_low=0.3), goal="sell_through", sell_through=0.8)
        # of 80 pieces 64: the 10 of one, and 20 * (10 / p) ** 2 = 54 of the other
        assert found.target == pytest.approx([10 * np.sqrt(20 / 54)] * 2, rel=0.03)

    @pytest.mark.parametrize("seed", range(5))
    def test_no_other_price_of_theirs_earns_more(self, seed: int, monkeypatch: pytest.MonkeyPatch):
        """Whatever the number of members, and wherever the catalogue is cut for the memory's sake."""
        monkeypatch.setattr(optimiser, "_CHUNK", 3)
        random = np.random.default_rng(seed)
        family = random.integers(-1, 4, 14)
        told = demand(
            14, path=random.lognormal(2.5, 1.2, (14, 1)), elasticity=random.normal(-2.2, 0.6, 14).clip(max=-0.5), sd=0.3
        )
        asked = limits(14, family=family, max_change_day=0.1)
        found = optimise(told, asked)
        for one in range(4):
            rows = np.flatnonzero(family == one)
            sums = {
                price: outcome(told.only(rows), asked.only(rows), goal="profit", price=np.full(len(rows), price))[
                    4
                ].sum()
                for price in np.arange(900, 1101) / 100
            }
            assert found.gain[rows].sum() >= max(sums.values()) - 0.01 * abs(max(sums.values())) - 1e-9


class TestOtherProducts:
    """One of them earns 100, and sells 1 % more for each per cent that this one costs more."""

    @staticmethod
    def beside(sd=0.0, worth=100.0):
        aside = Aside(np.array([[worth, 0.0]]), np.array([[1.0, 0.0]]), np.array([[sd, 0.0]]))
        return replace(demand(), aside=aside)

    def test_what_they_gain_counts_and_own_numbers_stay(self):
        alone = outcome(demand(), limits(), goal="profit", price=11.0)
        found = outcome(self.beside(), limits(), goal="profit", price=11.0)
        assert found[:4].tolist() == alone[:4].tolist()
        assert found[4, 0] - alone[4, 0] == pytest.approx(10.0)  # 100 * (11 / 10 - 1)
        assert found[5, 0] == pytest.approx(alone[5, 0])
        for goal in ("revenue", "sell_through"):
            alone, found = (outcome(one, limits(), goal=goal, price=11.0) for one in (demand(), self.beside()))
            assert found.tolist() == alone.tolist()

    def test_their_doubt_joins_that_of_the_gain(self):
        sure, unsure = (outcome(self.beside(sd), limits(), goal="profit", price=11.0) for sd in (0.0, 0.5))
        # 100 * 1.1 * log(1.1) * 0.5
        assert unsure[5, 0] ** 2 - sure[5, 0] ** 2 == pytest.approx((110 * np.log(1.1) * 0.5) ** 2)
        assert unsure[6, 0] != sure[6, 0] and 0 < unsure[6, 0] < 1

    def test_the_best_price_is_higher_with_them(self):
        alone, found = optimise(demand(), limits()), optimise(self.beside(), limits())
        assert alone.target[0] == pytest.approx(8.0, rel=0.02)
        price = np.linspace(5, 15, 2001)
        worth = (price - 4) * 40 * (10 / price) ** 2 + 100 * (price / 10 - 1)
        assert found.target[0] == pytest.approx(price[worth.argmax()], rel=0.03) and found.target[0] > 8.3
        assert (
            optimise(self.beside(), limits(), goal="revenue").target.tolist()
            == optimise(demand(), limits(), goal="revenue").target.tolist()
        )
        assert optimise(self.beside(worth=0.0), limits()).target[0] == alone.target[0]
