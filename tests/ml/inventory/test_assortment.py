"""One fill rate for many products: reached, and no dearer than the same for each."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from django_ecomai.ml.inventory.assortment import SharedTarget, steered_fill
from django_ecomai.ml.inventory.policy import levels
from django_ecomai.ml.inventory.protection import Sales, demand_paths, risk_level
from django_ecomai.ml.inventory.simulate import LevelPolicy, replay

from .factories import history, paths

RATES = [0.1, 0.5, 1.0, 2.0, 5.0, 10.0]
COSTS = [60.0, 1.0, 20.0, 2.0, 40.0, 1.0]


def target(**more):
    return SharedTarget(paths(RATES, size=400), unit_cost=COSTS, holding_rate=0.25, order_cost=1.0, **more)


def played(policy):
    return replay(
        demand=demand_paths(Sales(np.array(RATES)[:, None] * np.ones(60), history(RATES), seed=7), size=12, days=500),
        decide=policy,
        lead_days=np.full(6, 10.0),
        on_hand=np.array(RATES) * 17,
        review_days=7,
        unit_cost=COSTS,
        order_cost=1.0,
        warm_up=100,
    )


def test_the_shared_target_is_reached_and_saves_against_one_for_each():
    plan = target(keep_all=True).reach(0.95)
    assert plan.shared_fill(RATES) == pytest.approx(0.95, abs=0.01)
    shared = played(LevelPolicy(plan.reorder_point, plan.order_up_to))
    assert shared.fill_rate == pytest.approx(0.95, abs=0.02)
    demand = paths(RATES, size=400)
    lots = plan.lot.clip(min=1)
    each = levels(demand, policy="sS", lot=lots, fill_target=shared.fill_rate)
    same = played(LevelPolicy(each.reorder_point, each.order_up_to))
    assert same.fill_rate == pytest.approx(shared.fill_rate, abs=0.02)
    assert shared.cost < 0.97 * same.cost
    # Service goes where it is cheap.
    assert plan.fill[5] > plan.fill[4] and plan.fill[1] > plan.fill[0]


@pytest.mark.parametrize(
    ("asked", "served", "usual", "wanted"),
    [
        (0, 0, 100, 0.9),  # nothing yet
        (100, 90, 100, 0.9),  # as asked
        (100, 85, 100, 0.95),  # five pieces are missing, and asked for in the next hundred
        (100, 85, 50, 0.9995),  # more than all cannot be
        (100, 98, 100, 0.82),
        (100, 100, 10, 0.5),
        (100, 0, 0, 0.9),  # no demand to catch up with
    ],
)
def test_what_was_missed_is_asked_for_on_top(asked, served, usual, wanted):
    assert steered_fill(0.9, asked=asked, served=served, usual=usual) == pytest.approx(wanted)


def test_weights_say_what_counts():
    pieces, turnover = (target(weight=one, keep_all=True).reach(0.9) for one in (1.0, COSTS))
    assert turnover.fill[4] > pieces.fill[4]
    assert turnover.shared_fill(np.array(RATES) * COSTS) == pytest.approx(0.9, abs=0.01)


def test_a_higher_price_of_a_lost_piece_never_lowers_a_level():
    plans = [target().plan(penalty) for penalty in (0.0, 0.1, 1, 10, 1e4)]
    for low, high in itertools.pairwise(plans):
        assert np.all(high.order_up_to >= low.order_up_to)
    assert plans[0].order_up_to.max() == 0  # a lost piece that costs nothing is not worth a shelf
    assert np.all(plans[-1].fill > 0.99)


def test_the_tail_goes_on_beyond_the_largest_path():
    ordered = np.sort(np.random.default_rng(0).exponential(10, (1, 400)), axis=1)
    assert risk_level(ordered, 0.1)[0] == ordered[0, 359]
    assert risk_level(ordered, 1e-4)[0] == pytest.approx(10 * np.log(1e4), rel=0.25)
    assert risk_level(ordered, 0.0)[0] > ordered[0, -1]
    assert risk_level(np.zeros((1, 50)), 1e-6)[0] == 0


def test_no_demand_no_stock_and_bad_numbers():
    plan = SharedTarget(paths([0.0, 1.0]), unit_cost=0.0, holding_rate=0.25, order_cost=0.0).reach(0.9)
    assert plan.order_up_to[0] == 0 and np.isfinite(plan.order_up_to[1])
    with pytest.raises(ValueError, match="negative"):
        target(weight=-1.0)
    with pytest.raises(ValueError, match="between"):
        target().reach(1.0)
