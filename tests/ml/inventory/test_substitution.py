"""Products that stand in for each other: exact numbers on demand that is the same on every path."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from django_ecomai.ml.inventory.protection import ProtectionDemand
from django_ecomai.ml.inventory.simulate import replay
from django_ecomai.ml.inventory.substitution import Substitutes, moves, saved, with_moved_in
from django_ecomai.ml.inventory.suggest import StockPosition, suggest

PATHS = 4


def even(daily: list[float], on_hand: list[float], *, lead: float = 10, review: float = 10) -> ProtectionDemand:
    """Demand of so many pieces on every day of every path."""
    rate = np.repeat(np.array(daily)[:, None], PATHS, axis=1).astype(np.float32)
    runs_out = np.where(rate > 0, np.ceil(np.array(on_hand)[:, None] / np.maximum(rate, 1e-9)), np.inf)
    return ProtectionDemand(
        total=rate * (lead + review),
        lead=rate * lead,
        lead_days=np.full(rate.shape, lead, dtype=np.float32),
        stockout_day=runs_out.astype(np.float32),
        review_days=np.full(len(daily), review),
        daily=np.array(daily),
        horizon=60,
    )


def position(daily: list[float], on_hand: list[float], **more: Any) -> StockPosition:
    """Products of 2.00 that sell for 5.00."""
    values: dict[str, Any] = {
        "unit_cost": 2.0,
        "unit_price": 5.0,
        "days_since_sale": 0.0,
        "service_target": 0.9,
        **more,
    }
    return StockPosition.build(on_hand=on_hand, demand_daily=daily, **values)


def test_what_a_sold_out_product_misses_asks_for_its_substitute() -> None:
    daily, hand = [2.0, 3.0], [6.0, 90.0]
    links = Substitutes.build([0], [1], [0.5], n=2)
    found = with_moved_in(position(daily, hand), even(daily, hand), links)
    # The first lasts 3 days and goods come after 10: half of 14 pieces move, all within the lead time of the second.
    assert found.total[1].tolist() == [60 + 7] * PATHS and found.lead[1].tolist() == [30 + 7] * PATHS
    assert found.total[0].tolist() == [40] * PATHS
    assert found.stockout_day[1].tolist() == [np.ceil(30 / (67 / 60))] * PATHS


@pytest.mark.parametrize(("comes", "moved"), [(4.0, 1.0), (3.0, 0.0), (50.0, 17.0), (np.nan, 7.0)])
def test_an_open_order_ends_the_move(comes: float, moved: float) -> None:
    daily, hand = [2.0, 3.0], [6.0, 90.0]
    stock = position(daily, hand, on_order=[40, 0], receipt_in_days=[comes, np.nan])
    found = with_moved_in(stock, even(daily, hand), Substitutes.build([0], [1], [0.5], n=2))
    # Beyond its lead time and review of 20 days the substitute does not care.
    assert found.total[1].tolist() == [60 + moved] * PATHS


def moved(daily: list[float], hand: list[float], links: Any, **stock: Any) -> tuple[list[float], list[float]]:
    """Pieces that come to each product over lead time + review, and of them over the lead time."""
    own = even(daily, hand)
    found = with_moved_in(position(daily, hand, **stock), own, Substitutes.build(*links, n=len(daily)))
    return (found.total - own.total)[:, 0].tolist(), (found.lead - own.lead)[:, 0].tolist()


def test_nothing_moves_to_what_is_sold_out_as_well() -> None:
    daily, hand, both = [10.0, 10.0], [0.0, 0.0], ([0, 1], [1, 0], [1.0, 1.0])
    assert moved(daily, hand, both) == ([0, 0], [0, 0])
    alone = suggest(position(daily, hand), even(daily, hand))
    found = suggest(position(daily, hand), even(daily, hand), substitutes=Substitutes.build(*both, n=2))
    assert found.quantity.tolist() == alone.quantity.tolist() == [200, 200]
    assert found.lost_margin.tolist() == alone.lost_margin.tolist() == [300, 300]


def test_no_more_moves_than_the_substitute_can_give() -> None:
    # 20 are missed in 10 days; the second sells 30 of its 40 itself.
    assert moved([2, 3], [0, 40], ([0], [1], [1.0])) == ([0, 10], [0, 10])
    # Two ask for 20 and 10 of the 15 that are left.
    assert moved([2, 1, 3], [0, 0, 45], ([0, 1], [2, 2], [1.0, 1.0])) == ([0, 0, 15], [0, 0, 15])


@pytest.mark.parametrize(("under_way", "gives"), [(100, 8), (17, 5), (12, 0)])
def test_what_is_under_way_gives_from_its_day_on(under_way: float, gives: float) -> None:
    # The second is sold out for 6 days and sells 12 in the other 4, in which 8 of the first are missed.
    stock = {"on_order": [0, under_way], "receipt_in_days": [np.nan, 6]}
    assert moved([2, 3], [0, 0], ([0], [1], [1.0]), **stock) == ([0, gives], [0, gives])


def test_what_comes_after_an_order_of_today_is_ordered() -> None:
    # The first comes back on day 16, an order of the second on day 10: 12 pieces move in between.
    stock = {"on_order": [40, 0], "receipt_in_days": [16, np.nan]}
    assert moved([2, 3], [0, 0], ([0], [1], [1.0]), **stock) == ([0, 12], [0, 0])
    # Both ways: the first is not there for the second meanwhile.
    assert moved([2, 3], [0, 0], ([0, 1], [1, 0], [1.0, 1.0]), **stock) == ([0, 12], [0, 0])


def test_margin_is_lost_once_where_it_was_missed() -> None:
    daily, hand = [10.0, 10.0], [0.0, 250.0]
    found = suggest(position(daily, hand), even(daily, hand), substitutes=Substitutes.build([0], [1], [1.0], n=2))
    # 100 move: the second needs 300 of its 250, but loses nothing of its own 200.
    assert found.moved_in.tolist() == [0, 100] and found.order_up_to.tolist() == [200, 300]
    assert found.lost_margin.tolist() == [300, 0]


def test_a_substitute_that_sells_only_meanwhile() -> None:
    daily, hand, links = [10.0, 0.0], [0.0, 30.0], Substitutes.build([0], [1], [1.0], n=2)
    stock = position(daily, hand, days_since_sale=[0.0, 300.0])
    found = suggest(stock, even(daily, hand), substitutes=links)
    # It has 30 for the 100 that are missed in 10 days, 5 a day over lead time and review, and none of its own.
    assert (found.moved_in[1], found.order_up_to[1], found.quantity[1]) == (30, 30, 0)
    assert (found.stockout_in_days[1], found.stockout_probability[1], found.status[1]) == (6, 1, "will_stock_out")
    # Where the other stays away for longer than an order takes, it is ordered for: 6 days of 10.
    late = position(daily, [0.0, 0.0], on_order=[400, 0], receipt_in_days=[16, np.nan])
    found = suggest(late, even(daily, [0.0, 0.0]), substitutes=links)
    assert (found.moved_in[1], found.quantity[1], found.status[1]) == (60, 60, "stocked_out")


def test_what_substitutes_earn_is_not_lost() -> None:
    daily, hand = [2.0, 1.0], [0.0, 25.0]
    demand = even(daily, hand)
    alone = suggest(position(daily, hand), demand)
    # Waiting a review of 10 days loses 20 pieces at 3.00.
    assert alone.lost_margin[0] == 60 and alone.saved_margin.tolist() == [0, 0] and len(alone.spare) == 0
    found = suggest(position(daily, hand), demand, substitutes=Substitutes.build([0], [1], [0.2], n=2))
    # Of the second, 20 are its own demand and 4 of the first's 20 missed in the lead time move: 1 of 25 is to spare.
    assert found.moved_in.tolist() == [0, 4] and found.spare.tolist() == [1]
    assert found.saved_margin.tolist() == [3, 0] and found.lost_margin[0] == 57
    # More is needed of the substitute.
    assert (alone.order_up_to[1], found.order_up_to[1]) == (20, 24)


def test_a_dear_substitute_never_makes_a_gain_of_a_shortage() -> None:
    daily, hand = [2.0, 0.5], [0.0, 500.0]
    stock = position(daily, hand, unit_price=[5.0, 50.0])
    found = suggest(stock, even(daily, hand), substitutes=Substitutes.build([0], [1], [1.0], n=2))
    assert found.lost_margin[0] == 0 and found.saved_margin[0] == 60


def test_two_that_want_one_substitute_share_it() -> None:
    links = Substitutes.build([0, 1], [2, 2], [1.0, 0.5], n=3)
    short, spare = np.array([[9.0], [6.0], [0.0]]), np.array([[0.0], [0.0], [8.0]])
    assert moves(links, short, spare).tolist() == [[6.0], [2.0]]


def test_shares_of_a_product_sum_to_one_at_most() -> None:
    links = Substitutes.build([0, 0, 1, 1], [1, 2, 1, 0], [0.9, 0.6, 0.5, 0.0], n=3)
    assert links.product.tolist() == [0, 0] and links.share.tolist() == pytest.approx([0.6, 0.4])
    for values, message in (
        (([0], [1], [1.5]), "between 0 and 1"),
        (([0], [3], [0.5]), "from 0 to n - 1"),
        (([0, 1], [1], [0.5]), r"\[m\]"),
    ):
        with pytest.raises(ValueError, match=message):
            Substitutes.build(*values, n=3)


def test_the_simulation_serves_from_what_is_left() -> None:
    played = replay(
        demand=[[4, 4, 4], [1, 1, 1]],
        decide=lambda day, position: np.zeros_like(position),
        lead_days=[5, 5],
        on_hand=[2, 9],
        review_days=1,
        unit_cost=2.0,
        lost_per_piece=[3.0, 1.0],
        keep=True,
        substitutes=Substitutes.build([0], [1], [0.75], n=2),
    )
    # Missed 2, 4, 4: of them 1.5, 3 and 1.5 (all that is left) move; a piece earns 1 there instead of 3.
    assert played.stock is not None and played.stock[0, 1].tolist() == [6.5, 2.5, 0]
    assert played.moved.tolist() == [[6, 0]] and played.sold.tolist() == [[2, 3]]
    assert played.lost_margin.tolist() == [[10 * 3 - 6 * 1, 0]]
    assert played.fill_rate == 5 / 15


@given(st.data())
def test_no_more_moves_than_is_missed_or_left(data: st.DataObject) -> None:
    n, m = 4, data.draw(st.integers(0, 8))
    products = st.lists(st.integers(0, n - 1), min_size=m, max_size=m)
    share = st.lists(st.floats(0, 1), min_size=m, max_size=m)
    links = Substitutes.build(data.draw(products), data.draw(products), data.draw(share), n=n)
    pieces = st.lists(st.integers(0, 1000).map(float), min_size=n, max_size=n)
    short, spare = (np.array(data.draw(pieces))[:, None] for _ in range(2))
    moved = moves(links, short, spare)
    for row in range(n):
        assert moved[links.product == row].sum() <= short[row, 0] * (1 + 1e-9)
        assert moved[links.substitute == row].sum() <= spare[row, 0] * (1 + 1e-9)
    assert (moved >= 0).all()
    demand = even([1.0, 2.0, 0.0, 5.0], [0.0] * n)
    kept = saved(position([1.0, 2.0, 0.0, 5.0], spare[:, 0].tolist()), demand, links)
    assert (kept.margin >= 0).all() and len(kept.spare) == len(links)
