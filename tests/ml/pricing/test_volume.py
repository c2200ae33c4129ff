"""Prices for more pieces, against sums worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest

from django_ecomai.ml.pricing.volume import bundle_price, quantity_break

PRICE = {"price": 10.0, "cost": 4.0, "elasticity": -2.0, "sd": 0.0}


def test_lines_just_below_the_quantity_take_it_for_the_same_money():
    # 100 lines of 9 pieces: ten for 9.00 each are 90, as nine were; one piece more costs the shop 4 and brings nothing.
    # Ten at 9.10 bring 91 - 40 = 51 in place of 90 - 36 = 54: no such break pays. Demand that answers does.
    rigid = quantity_break([9.0] * 100, **{**PRICE, "elasticity": -0.01})
    assert (rigid.reason, rigid.gain) == ("no_gain", 0.0)


def test_elastic_large_lines_pay_for_their_discount():
    # Half of the lines have one piece, half ten: from ten on the best price is the markup rule, 4 * 2 / (2 - 1) = 8
    found = quantity_break([1.0] * 50 + [10.0] * 50, **PRICE)
    assert found.discount == pytest.approx(0.2)
    assert found.quantity == 10.0
    assert found.gain == pytest.approx(500 * (0.8**-2 * 4 - 6))
    assert (found.gain_sd, found.gain_chance) == (pytest.approx(0.0), 1.0)


def test_a_break_never_leaves_the_limits():
    found = quantity_break([1.0] * 50 + [10.0] * 50, **PRICE, lowest=9.0)
    assert found.discount == pytest.approx(0.1)


def test_a_break_is_a_price_that_can_be_written_on_a_label():
    # In steps of 1.50 there are 9.00 and 7.50: 500 * (10 / 7.5) ** 2 at 3.50 each beat 500 * (10 / 9) ** 2 at 5
    found = quantity_break([1.0] * 50 + [10.0] * 50, **PRICE, step=1.5)
    assert found.discount == pytest.approx(0.25)
    assert found.gain == pytest.approx(500 * (0.75**-2 * 3.5 - 6))
    assert quantity_break([1.0] * 50 + [10.0] * 50, **PRICE, step=20.0).reason == "no_gain"


def test_what_most_lines_reach_is_no_quantity_for_a_break():
    lines = [1.0] * 20 + [2.0] * 60 + [10.0] * 20
    assert quantity_break(lines, **PRICE).quantity == 2.0
    assert quantity_break(lines, **PRICE, most_reached=0.25).quantity == 3.0  # whoever takes two is near to it
    assert quantity_break([5.0] * 50, **PRICE, most_reached=0.25).reason == "no_gain"


def test_an_unsure_elasticity_is_said():
    found = quantity_break([1.0] * 50 + [10.0] * 50, **{**PRICE, "sd": 0.8})
    assert found.gain_sd > 0
    assert 0.5 < found.gain_chance < 1.0


@pytest.mark.parametrize(
    ("quantities", "changed", "reason"),
    [
        ([1.0] * 29, {}, "too_few_lines"),
        ([np.nan, 0.0, -3.0] * 30, {}, "too_few_lines"),
        ([10.0] * 50, {"cost": 10.0}, "no_margin"),
        ([10.0] * 50, {"cost": float("nan")}, "no_margin"),
        ([10.0] * 50, {"elasticity": float("nan")}, "no_elasticity"),
    ],
)
def test_why_there_is_no_break(quantities, changed, reason):
    assert quantity_break(quantities, **{**PRICE, **changed}).reason == reason


def test_a_price_of_nothing_is_refused():
    with pytest.raises(ValueError, match="above 0"):
        quantity_break([1.0] * 50, **{**PRICE, "price": 0.0})


BOTH = {"price": (10.0, 10.0), "cost": (4.0, 4.0), "elasticity": (-3.0, -3.0), "sd": (0.0, 0.0)}


def test_a_bundle_pays_where_many_buy_only_one_of_both():
    found = bundle_price(100, 1000, 1000, **BOTH)

    def by_hand(d: float) -> float:
        """Both cost 20 * (1 - d), and the other one 10 - 20 d on top of the first."""
        more = 100 * ((1 - 2 * d) ** -3 - 1)
        return 100 * (20 * (1 - d) - 20) + 2 * min(more, 1000) * (20 * (1 - d) - 8 - 6)

    best = max(np.round(np.arange(0.02, 0.31, 0.01), 2), key=by_hand)
    assert found.discount == best
    assert found.gain == pytest.approx(by_hand(best))
    assert found.reason == ""


def test_a_bundle_does_not_pay_where_everybody_buys_both_already():
    assert bundle_price(1000, 0, 0, **BOTH).reason == "no_gain"


def test_nobody_takes_the_other_twice():
    # 5 orders hold only one of both: no more than these can be won
    few = bundle_price(100, 5, 5, **BOTH)
    assert few.gain <= 10 * 6


@pytest.mark.parametrize(
    ("orders", "changed", "reason"),
    [
        ((29, 500, 500), {}, "too_few_lines"),
        ((100, 500, 500), {"cost": (4.0, 12.0)}, "no_margin"),
        ((100, 500, 500), {"elasticity": (-2.0, float("nan"))}, "no_elasticity"),
    ],
)
def test_why_there_is_no_bundle(orders, changed, reason):
    assert bundle_price(*orders, **{**BOTH, **changed}).reason == reason


def test_a_bundle_is_a_price_that_can_be_written_on_a_label():
    found = bundle_price(100, 1000, 1000, **BOTH, step=0.75)
    assert 20 * (1 - found.discount) / 0.75 == pytest.approx(round(20 * (1 - found.discount) / 0.75))


def test_a_bundle_never_leaves_the_limits():
    assert bundle_price(100, 1000, 1000, **BOTH, lowest=19.0).discount <= 0.05


@pytest.mark.parametrize("bad", [{"price": (0.0, 10.0)}, {}])
def test_numbers_that_cannot_be_are_refused(bad):
    with pytest.raises(ValueError, match="must"):
        bundle_price(-1 if not bad else 100, 10, 10, **{**BOTH, **bad})
