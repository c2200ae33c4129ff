"""Rows of the worklist: statuses, quantities, money, and input that cannot be."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from django_ecomai.ml.inventory.orders import NOTES, Limits
from django_ecomai.ml.inventory.policy import POLICIES, fill_level, levels
from django_ecomai.ml.inventory.suggest import STATUSES, StockPosition, suggest

from .factories import history, paths, stock


def test_every_status_has_its_product():
    rates = [2.0, 2.0, 2.0, 2.0, 2.0, 0.0, 2.0]
    hand = [0, 8, 24, 40, 900, 30, 50]
    silent = [3, 0, 0, 0, 0, 400, 60]
    position = stock(rates, hand, days_since_sale=silent)
    found = suggest(position, paths(rates, on_hand=hand))
    assert found.status.tolist() == ["stocked_out", "will_stock_out", "reorder", "ok", "surplus", "obsolete", "phantom"]
    assert set(found.status) == set(STATUSES)
    assert found.quantity[[0, 1, 2]].min() > 0
    assert found.quantity[[3, 4, 5]].max() == 0


def test_the_numbers_of_a_row():
    found = suggest(stock([2.0], [10], reserved=4, on_order=5, policy="RS"), paths([2.0], on_hand=[6], size=2000))
    assert (found.free[0], found.position[0], found.cover_days[0]) == (6, 11, 3)
    assert found.p50[0] == pytest.approx(34, abs=1)
    assert found.p50[0] < found.p90[0] == pytest.approx(42, abs=2)
    assert found.stockout_in_days[0] == pytest.approx(3, abs=1)
    assert found.reorder_point[0] == found.order_up_to[0] == pytest.approx(40, abs=2)
    assert found.quantity[0] == np.ceil(found.order_up_to[0] - 11) == found.raw_quantity[0]
    assert found.value[0] == 2 * found.quantity[0]
    # Waiting a week loses what a week sells: the lead time alone uses up the position.
    assert found.lost_margin[0] == pytest.approx(3 * 14, rel=0.05)
    # A piece waits half the order's time: 25 % a year of 2.00.
    days = found.quantity[0] / 2 / 2
    assert found.holding_cost[0] == pytest.approx(found.quantity[0] * 2 * 0.25 * days / 365, rel=0.01)
    assert found.stockout_probability[0] == 1


def test_an_open_order_that_comes_in_time_is_no_stockout():
    soon, late, undated = (
        suggest(stock([2.0], [16], on_order=40, receipt_in_days=days), paths([2.0], on_hand=[16]))
        for days in (2.0, 30.0, np.nan)
    )
    assert (soon.stockout_probability[0], soon.status[0]) == (0, "ok")
    assert (late.stockout_probability[0], late.status[0]) == (1, "will_stock_out")
    assert 0.5 < undated.stockout_probability[0] < 0.9


def test_targets_move_the_levels():
    demand = paths([2.0] * 3)
    points = [
        suggest(stock([2.0] * 3, 0, fill_target=np.nan, service_target=target), demand).reorder_point[0]
        for target in (0.5, 0.9, 0.99)
    ]
    assert points == sorted(set(points))
    rich, poor = (
        suggest(stock([2.0] * 3, 0, fill_target=np.nan, unit_price=price, order_cost=5), demand) for price in (9, 2.05)
    )
    assert rich.service[0] > 0.97 > poor.service[0]
    unknown = suggest(stock([2.0] * 3, 0, fill_target=np.nan, unit_price=np.nan), demand)
    assert unknown.service[0] == pytest.approx(0.95, abs=0.03)


def test_a_fill_target_is_what_the_paths_are_served():
    demand = paths([2.0, 0.3], size=4000)
    level = fill_level(demand, np.array([0.9, 0.98]), np.zeros(2))
    review = (demand.total - demand.lead).mean(axis=1)
    short = np.maximum(demand.total - level[:, None], 0).mean(axis=1)
    short -= np.maximum(demand.lead - level[:, None], 0).mean(axis=1)
    assert review / (review + short) == pytest.approx([0.9, 0.98], abs=0.003)


def test_newsvendor_weighs_what_spoils():
    demand = paths([2.0], lead=1, review=3, size=4000)
    position = stock([2.0], 0, policy="newsvendor", shelf_life_days=4.0, unit_cost=4.0)
    found = suggest(position, demand)
    assert found.order_up_to[0] == np.sort(demand.total[0])[int(4000 * 0.2) - 1]


def test_lots_of_rq_are_multiples():
    found = suggest(stock([2.0], [0], policy="RQ", order_cost=0.2), paths([2.0]))
    assert found.raw_quantity[0] % np.ceil(found.eoq[0]) == 0
    assert found.position[0] + found.quantity[0] > found.reorder_point[0]


def test_packs_minimum_and_shelf_life():
    demand = paths([2.0] * 4)
    position = stock(
        [2.0] * 4, 0, pack_size=[1, 24, 1, 24], moq=[0, 0, 200, 0], shelf_life_days=[np.nan, np.nan, 10, 13]
    )
    found = suggest(position, demand)
    assert found.quantity[1] % 24 == 0 and found.quantity[1] >= found.raw_quantity[1]
    assert found.quantity[2] == 0 and "shelf_life" in found.notes[2]  # 20 pieces sell in time, 200 is the least
    assert found.quantity[3] == 24 and "shelf_life" in found.notes[3]
    assert found.notes[1] == "pack"
    assert set(" ".join(found.notes.tolist()).split()) <= set(NOTES)


def test_a_price_break_is_taken_when_it_pays():
    breaks = [[(1, 2.0), (60, 1.8)], [(1, 2.0), (60, 1.999)], None, [(-5, 1.0), (60, 0.0)]]
    found = suggest(stock([2.0] * 4, 0, policy="RS", price_breaks=breaks), paths([2.0] * 4))
    assert found.quantity[0] == 60 and found.unit_cost[0] == 1.8 and "price_break" in found.notes[0]
    assert found.quantity[1] < 60 and found.unit_cost[1] == 2.0
    assert found.unit_cost[2:].tolist() == [2.0, 2.0]


def test_a_minimum_order_above_the_yearly_demand():
    position = stock([0.02, 0.02, 0.02], 0, moq=[50, 50, 0], unit_price=[2.2, 9.0, 9.0])
    found = suggest(position, paths([0.02] * 3))
    assert found.quantity.tolist()[:2] == [0, 50]
    assert found.notes.tolist()[0] == "moq moq_over_cover" and "long_cover" in found.notes[1]


def test_input_that_cannot_be():
    rates = [2.0] * 6
    position = StockPosition.build(
        on_hand=[-20, 0, np.nan, 5, 5, 5],
        unit_cost=[2, 2, 2, 0, -1, np.nan],
        demand_daily=rates,
        pack_size=[1, 0, -6, np.nan, 1, 1],
        reserved=[0, 0, 0, -5, 0, 0],
        moq=[0, 0, 0, 0, -9, np.nan],
        holding_rate=[0.25, np.nan, -1, 0.25, 0.25, 0.25],
        fill_target=[0.95, 7, 0, np.nan, 0.95, 0.95],
        service_target=[np.nan, -1, 3, np.nan, np.nan, np.nan],
        shelf_life_days=[np.nan, 0, -3, np.nan, np.nan, np.nan],
        review_days=[7, -7, np.nan, 7, 7, 7],
        unit_price=0.0,
        order_cost=np.nan,
    )
    found = suggest(position, paths(rates, on_hand=position.on_hand))
    assert "negative_stock" in found.notes[0] and found.free[0] == 0  # what is owed is "reserved", not stock below 0
    assert ["no_pack_size" in note for note in found.notes] == [False, True, True, True, False, False]
    assert np.all(np.isfinite(found.quantity)) and np.all(found.quantity[:3] > 0)
    assert found.lost_margin.max() == 0  # a price of 0 earns nothing


def test_lengths_and_names_are_checked():
    with pytest.raises(ValueError, match="same products"):
        suggest(stock([1.0], [1]), paths([1.0, 2.0]))
    with pytest.raises(ValueError, match="no colour"):
        stock([1.0], [1], colour=3)
    with pytest.raises(ValueError, match="moq must be"):
        stock([1.0], [1], moq=[1, 2])
    with pytest.raises(ValueError, match="price_breaks"):
        stock([1.0], [1], price_breaks=[None, None])
    with pytest.raises(ValueError, match="policy must be"):
        levels(paths([1.0]), policy="what", lot=1.0)


DEMAND = paths([0.02, 0.4, 3.0, 0.0], history=history([0.02, 0.4, 3.0, 0.0]), size=100, on_hand=[3, 3, 3, 3])
NUMBER = st.floats(-50, 400) | st.just(float("nan"))


@settings(max_examples=120, deadline=None)
@given(
    hand=st.integers(-20, 150),
    more=st.integers(0, 80),
    reserved=st.floats(0, 30),
    moq=NUMBER,
    pack=NUMBER,
    price=st.floats(0, 20),
    order_cost=st.floats(0, 20),
    target=st.floats(0.05, 0.999) | st.just(float("nan")),
    life=st.floats(1, 400) | st.just(float("nan")),
    policy=st.sampled_from(POLICIES),
    breaks=st.lists(st.tuples(st.floats(0, 300), st.floats(0.1, 3.0)), max_size=3) | st.none(),
)
def test_orders_are_whole_and_more_stock_never_orders_more(
    hand, more, reserved, moq, pack, price, order_cost, target, life, policy, breaks
):
    def ordered(on_hand):
        position = stock(
            [0.02, 0.4, 3.0, 0.0],
            on_hand,
            reserved=reserved,
            moq=moq,
            pack_size=pack,
            unit_price=price,
            order_cost=order_cost,
            fill_target=target,
            shelf_life_days=life,
            policy=policy,
            price_breaks=[breaks] * 4,
        )
        return suggest(position, DEMAND, limits=Limits(lost_sale_weight=2.0)), position.cleaned()

    found, clean = ordered(hand)
    packs = found.quantity / clean.pack_size
    assert np.allclose(packs, np.round(packs), atol=1e-6)
    assert np.all((found.quantity == 0) | (found.quantity >= clean.moq - 1e-6))
    assert found.quantity[3] == 0
    assert np.all(ordered(hand + more)[0].quantity <= found.quantity + 1e-6)
    for name in ("lost_margin", "holding_cost", "value", "stockout_probability", "safety_stock"):
        assert np.all(np.isfinite(getattr(found, name))) and np.all(getattr(found, name) >= 0)


def test_an_overdue_order_comes_nobody_knows_when():
    late, undated = (
        suggest(stock([2.0], [16], on_order=40, receipt_in_days=days), paths([2.0], on_hand=[16]))
        for days in (-5.0, np.nan)
    )
    assert late.stockout_probability[0] == undated.stockout_probability[0] > 0.5


def test_what_sells_while_the_order_is_under_way_makes_room_on_the_shelf():
    # 24 are there, 20 of them are sold in the ten days until the order comes; 30 days sell 60.
    demand = paths([2.0], on_hand=[24], size=2000)
    found = suggest(
        stock([2.0], [24], shelf_life_days=30.0, policy="RS", fill_target=np.nan, service_target=0.999), demand
    )
    assert found.quantity[0] == found.raw_quantity[0] and not found.notes[0]
    # Six days sell 12, and about 4 are left of the stock: 8 and not the 0 that 12 - 24 would say.
    short = suggest(
        stock([2.0], [24], shelf_life_days=6.0, policy="RS", fill_target=np.nan, service_target=0.95), demand
    )
    left = np.maximum(24 - demand.lead.mean(), 0)
    assert short.quantity[0] == np.floor(12 - left) == 7
    assert short.notes[0] == "shelf_life"
