from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from django_ecomai.ml.pricing.guardrails import Limits, guard, violations
from tests.ml.pricing.factories import limits


@pytest.mark.parametrize(
    ("target", "more", "price", "binding"),
    [
        (12.0, {}, 12.0, ""),
        (3.0, {"corridor_low": 0.1}, 4.0, "cost"),
        (4.0, {"min_margin": 0.5}, 8.0, "min_margin"),
        (6.0, {"map_price": 9.0}, 9.0, "map"),
        (2.0, {}, 5.0, "corridor_low"),
        (99.0, {}, 15.0, "corridor_high"),
        (6.0, {"max_change_day": 0.1}, 9.0, "max_fall_day"),
        (14.0, {"max_change_day": 0.1}, 11.0, "max_rise_day"),
        (14.0, {"max_change_week": 0.1, "price_week_ago": 9.5}, 10.45, "max_rise_week"),
    ],
)
def test_each_limit_wins_and_is_named(target, more, price, binding):
    found = guard(target, limits(**more))
    assert (found.price[0], found.binding[0], found.held[0]) == (price, binding, "")
    assert not violations(found.price, limits(**more)).any()


def test_the_trail_says_what_moved_the_price():
    found = guard(13.4, limits(max_change_day=0.1), endings=(99, 95))
    assert found.trail(0) == [("max_rise_day", 13.4, 11.0), ("ending", 11.0, 10.99)]
    assert guard(10.0, limits()).trail(0) == []


@pytest.mark.parametrize(
    ("more", "held"),
    [
        ({"price": 0.0}, "price_missing"),
        ({"cost": np.nan}, "cost_missing"),
        ({"cost": 20.0}, "limits_contradict"),
        ({"max_change_day": 0.0001, "step": 0.3}, "no_price_point"),
    ],
)
def test_without_an_allowed_price_today_s_stays_and_the_reason_is_named(more, held):
    asked = limits(**more)
    found = guard(12.0, asked)
    assert (found.held[0], found.price[0]) == (held, asked.price[0])
    assert found.trail(0)[-1][0] == held


def test_no_target_is_no_proposal():
    assert guard(np.nan, limits()).held[0] == "no_target"


def test_a_missing_cost_may_be_allowed():
    assert guard(12.0, limits(cost=np.nan), need_cost=False).price[0] == 12.0


def test_an_ending_never_leaves_the_limits():
    # 9.99 and 10.99 are both out of reach
    assert guard(10.5, limits(max_change_day=0.08), endings=(99,)).price[0] == 10.5


@pytest.mark.parametrize(("step", "price"), [(0.05, 11.35), (1.0, 11.0), (0.01, 11.33)])
def test_prices_are_multiples_of_the_step(step, price):
    assert guard(11.333, limits(step=step)).price[0] == pytest.approx(price, abs=1e-12)


def test_a_family_has_one_price_inside_what_all_members_allow():
    family = limits(3, family=[7, 7, -1], map_price=[11.0, np.nan, np.nan])
    found = guard([8.0, 9.0, 8.0], family)
    assert found.price.tolist() == [11.0, 11.0, 8.0]
    assert not violations(found.price, family).any()


def test_a_family_without_a_common_price_is_held():
    found = guard(10.0, limits(2, family=3, map_price=[14.0, np.nan], corridor_high=[1.5, 1.2]))
    assert found.held.tolist() == ["family_contradicts"] * 2
    assert found.price.tolist() == [10.0, 10.0]


def test_violations_are_found_in_prices_from_elsewhere():
    assert violations([3.0, 10.0, 10.005, 16.0], limits(4)).tolist() == [True, False, True, True]


@pytest.mark.parametrize("bad", [{"step": 0.0}, {"min_margin": 1.0}, {"max_change_day": -0.1}, {"cost": [1.0, 2.0]}])
def test_limits_that_make_no_sense_are_refused(bad):
    with pytest.raises(ValueError, match=next(iter(bad))):
        limits(**bad)


def test_an_unknown_limit_is_refused():
    with pytest.raises(ValueError, match="there is no limit colour"):
        limits(colour=1.0)


money = st.floats(0.01, 5000, allow_nan=False)
maybe = st.one_of(st.just(float("nan")), money)
part = st.one_of(st.just(float("nan")), st.floats(0, 0.9))


@settings(max_examples=150, deadline=None)
@given(
    rows=st.lists(
        st.tuples(maybe, money, maybe, st.floats(-0.5, 0.9), maybe, maybe, part, part, maybe, st.integers(-1, 2)),
        min_size=1,
        max_size=8,
    ),
    step=st.sampled_from([0.01, 0.05, 0.1, 1.0]),
    endings=st.sampled_from([(), (99,), (99, 95, 0)]),
)
def test_no_proposal_ever_leaves_its_limits(rows, step, endings):
    target, price, cost, margin, least, listed, day, week, before, family = map(np.array, zip(*rows, strict=True))
    asked = Limits.build(
        price=price, cost=cost, min_margin=margin, map_price=least, list_price=listed, max_change_day=day,
        max_change_week=week, price_week_ago=before, step=step, family=family,
    )  # fmt: skip
    found = guard(target, asked, endings=endings, need_cost=False)
    free = found.held == ""
    assert not violations(found.price, asked)[free].any()
    assert (found.price[~free] == asked.price[~free]).all()
