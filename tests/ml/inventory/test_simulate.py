"""The replay, counted by hand and held against theory."""

from __future__ import annotations

import numpy as np
import pytest

from django_ecomai.ml.inventory.formulas import rq_eil
from django_ecomai.ml.inventory.simulate import LevelPolicy, replay, within_budget

ONE = np.ones(1)


def test_a_week_by_hand():
    found = replay(
        demand=[[2, 2, 2, 2, 2, 2]],
        decide=LevelPolicy(ONE * 4, ONE * 6),
        lead_days=[2],
        on_hand=[5],
        review_days=3,
        unit_cost=10,
        holding_rate=3.65,
        order_cost=7,
        lost_per_piece=1.5,
        keep=True,
    )
    # Day 0: 5 > 4, nothing. Day 3: position 0, order 6, arrives on day 5; days 2 (one piece), 3 and 4 are lost.
    assert found.orders[0, 0].tolist() == [0, 0, 0, 6, 0, 0]
    assert found.stock[0, 0].tolist() == [3, 1, 0, 0, 0, 4]
    assert (found.sold.item(), found.demand.item(), found.fill_rate) == (7, 12, pytest.approx(7 / 12))
    assert found.holding.item() == pytest.approx(8 * 10 * 3.65 / 365)
    assert (found.ordering.item(), found.lost_margin.item(), found.days_out.item()) == (7, 7.5, 3)
    assert found.cost == pytest.approx(7.8) and found.total_cost == pytest.approx(15.3)


def test_nothing_is_made_or_lost_on_the_way():
    random = np.random.default_rng(0)
    found = replay(
        demand=random.poisson(3, (4, 5, 200)),
        decide=LevelPolicy(ONE * 30, ONE * 50, moq=5, pack=6),
        lead_days=random.integers(0, 12, (4, 5, 9)),
        on_hand=20,
        review_days=[1, 2, 3, 7, 7],
        unit_cost=1,
        keep=True,
    )
    arrived = found.sold.sum() + found.stock[:, :, -1].sum() - 4 * 5 * 20
    assert 0 <= found.bought.sum() - arrived <= 4 * 5 * 50
    assert np.all(found.orders % 6 == 0)
    assert np.all(found.stock >= 0)


def test_open_orders_come_and_count():
    values = {"demand": np.zeros((1, 6)), "decide": LevelPolicy(ONE * 4, ONE * 6), "on_hand": 0, "review_days": 1}
    found = replay(**values, lead_days=[3], unit_cost=1, on_order=5, receipt_in_days=2, keep=True)
    assert found.bought.item() == 0
    assert found.stock[0, 0].tolist() == [0, 0, 5, 5, 5, 5]
    undated = replay(**values, lead_days=[3], unit_cost=1, on_order=5, keep=True)
    assert undated.stock[0, 0].tolist() == [0, 0, 0, 5, 5, 5]


def test_a_known_policy_costs_what_theory_says():
    """(r, Q) of the textbook, played daily for 60 years; shortages are lost here and wait there, but are rare."""
    point, quantity, _ = rq_eil(0.225, 7.5, 8, 1300, 150, 1 / 12)
    demand = np.random.default_rng(1).normal(1300 / 365, 150 / np.sqrt(365), (1, 60 * 365)).clip(min=0)
    found = replay(
        demand=demand,
        decide=LevelPolicy(ONE * point, ONE * (point + quantity), lot=ONE * quantity, multiples=np.array([True])),
        lead_days=[30],
        on_hand=300,
        review_days=1,
        unit_cost=0.9,
        holding_rate=0.25,
        order_cost=8,
    )
    expected = 8 * 1300 / quantity + 0.225 * (point - 1300 / 12 + quantity / 2)
    assert found.cost / 60 == pytest.approx(expected, rel=0.15)


def test_levels_may_change_by_epoch():
    policy = LevelPolicy(np.array([[5.0], [9.0]]), np.array([[6.0], [10.0]]), epoch_days=2)
    position = np.zeros((1, 1))
    assert [policy(day, position).item() for day in range(5)] == [6, 6, 10, 10, 10]


def test_the_budget_goes_to_the_first():
    decide = within_budget(
        LevelPolicy(np.zeros(3), np.full(3, 10.0)), unit_cost=[1, 5, 2], priority=[1, 3, 2], budget=60
    )
    assert decide(0, np.zeros((2, 3))).tolist() == [[10, 10, 0]] * 2


@pytest.mark.parametrize(
    "change",
    [
        {"demand": [[-1.0]]},
        {"demand": [1.0]},
        {"lead_days": [1, 2]},
        {"on_hand": [-1]},
        {"on_order": [np.nan]},
        {"warm_up": 1},
    ],
)
def test_what_cannot_be_played_is_said(change):
    values = {"demand": [[1.0]], "decide": LevelPolicy(ONE, ONE), "lead_days": [1], "on_hand": [1], "review_days": 1}
    with pytest.raises(ValueError, match="must"):
        replay(**{**values, "unit_cost": 1, **change})


def test_an_overdue_order_comes_after_the_lead_time():
    values = {"demand": np.zeros((1, 6)), "decide": LevelPolicy(ONE * 4, ONE * 6), "on_hand": 0, "review_days": 1}
    found = replay(**values, lead_days=[3], unit_cost=1, on_order=5, receipt_in_days=-2, keep=True)
    assert found.stock[0, 0].tolist() == [0, 0, 0, 5, 5, 5]
