"""What-if: nothing changed is no difference, and every change moves what it should."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from django_ecomai.ml.inventory.protection import Sales, protection_demand
from django_ecomai.ml.inventory.substitution import Substitutes
from django_ecomai.ml.inventory.suggest import suggest
from django_ecomai.ml.inventory.whatif import Scenario, _policy, compare, play

from .factories import history, stock

RATES = [0.3, 2.0, 8.0]


def scenario(**more):
    position = stock(RATES, [6, 40, 150], order_cost=1.0, **more)
    return Scenario(
        position,
        np.repeat(np.array(RATES)[:, None], 60, axis=1),
        history(RATES),
        np.random.default_rng(0).gamma(9, 1, (3, 200)),
    )


def test_nothing_changed_is_no_difference():
    base = scenario()
    found = compare(base, base.changed(), paths=30)
    assert set(found.difference().values()) == {0.0}
    assert np.array_equal(found.base.replay.stock, found.changed.replay.stock)
    assert found.base.stock_value.shape == (3, 90) and found.base.out.shape == (90,)


@pytest.mark.parametrize(
    ("change", "more", "less"),
    [
        ({"demand": 1.5}, ("bought", "ordering"), ()),
        ({"demand": np.r_[np.full(20, 3.0), np.ones(40)][None]}, ("bought", "ordering"), ()),
        ({"lead_days": 20}, ("lost_margin", "stockout_days"), ("fill_rate",)),
        ({"lead_time": 0.2}, (), ("holding",)),
        ({"fill_target": 0.999}, ("holding", "fill_rate"), ("lost_margin",)),
        ({"unit_price": 9.0}, ("lost_margin",), ()),
        ({"order_cost": 9.0}, ("ordering",), ("orders",)),
        ({"budget": 30.0}, ("lost_margin", "stockout_days"), ("bought", "fill_rate")),
    ],
)
def test_what_a_change_moves(change, more, less):
    base = scenario()
    moved = compare(base, base.changed(**change), paths=30).difference()
    assert all(moved[name] > 0 for name in more), moved
    assert all(moved[name] < 0 for name in less), moved


def test_margin_is_of_what_is_sold_and_a_dear_price_alone_earns_more():
    base = scenario()
    found = compare(base, base.changed(unit_price=base.stock.unit_price * 2), paths=30)
    one, replay = found.base, found.base.replay
    earns = (base.stock.unit_price - base.stock.unit_cost) * replay.sold
    assert one.margin == pytest.approx(earns.sum(axis=1).mean())
    assert one.revenue == pytest.approx((base.stock.unit_price * replay.sold).sum(axis=1).mean())
    assert one.profit == pytest.approx(one.margin - one.holding - one.ordering)
    assert found.changed.sold >= one.sold and found.difference()["profit"] > 0


def test_common_luck_makes_small_changes_visible():
    base = scenario()
    steps = [compare(base, base.changed(demand=factor), paths=20).changed.bought for factor in (1.0, 1.05, 1.1, 1.2)]
    assert steps == sorted(steps)


def test_levels_follow_the_forecast_of_their_day():
    base = scenario()
    later = base.changed(demand=np.r_[np.ones(30), np.full(30, 4.0)][None])
    found = compare(base, later, paths=20)
    bought = [
        [one.replay.orders[:, :, start : start + 28].sum() for start in (0, 42)] for one in (found.base, found.changed)
    ]
    assert bought[1][1] > 3 * bought[0][1] > 3 * 0.5 * bought[1][0]


def test_levels_of_today_are_those_of_the_worklist_with_what_moves_in():
    base = scenario(service_target=0.9)
    empty = replace(base.stock, on_hand=np.array([6.0, 0.0, 150.0]))
    links = Substitutes.build([1], [2], [1.0], n=3)
    tied = replace(base, stock=empty, substitutes=links)
    demand = protection_demand(
        Sales(base.mean, base.history, seed=0),
        lead_time_samples=base.lead_time_samples,
        review_days=empty.review_days,
        on_hand=empty.on_hand,
    )
    listed = suggest(empty, demand, substitutes=links)
    alone, found = play(replace(tied, substitutes=None), days=30, paths=5), play(tied, days=30, paths=5)
    assert found.order_up_to == pytest.approx(listed.order_up_to)
    assert found.reorder_point == pytest.approx(listed.reorder_point)
    assert found.order_up_to[2] > alone.order_up_to[2] and listed.moved_in[2] > 0


def test_what_moves_in_today_is_no_level_for_ever():
    stock_now, links = stock([2.0, 2.0], [0, 500]), Substitutes.build([0], [1], [1.0], n=2)
    calm = Scenario(stock_now, np.full((2, 60), 2.0), history([2.0, 2.0]), np.full((2, 40), 10.0), substitutes=links)
    policy = _policy(calm, stock_now.cleaned(), 60, 0)
    alone = _policy(replace(calm, substitutes=None), stock_now.cleaned(), 60, 0)
    assert policy.top.shape == (2, 2) and alone.top.shape == (1, 2)
    assert policy.top[0, 1] > alone.top[0, 1] and policy.top[1].tolist() == alone.top[0].tolist()


def test_what_cannot_be_compared_is_said():
    base = scenario()
    for change, message in (({"demand": -1}, "factors"), ({"colour": 1}, "no colour")):
        with pytest.raises(ValueError, match=message):
            base.changed(**change)
    other = Scenario(base.stock, base.mean, base.history, base.lead_time_samples[:, :9])
    with pytest.raises(ValueError, match="same products"):
        compare(base, other)
    with pytest.raises(ValueError, match="at least 1"):
        compare(base, base, days=0)
