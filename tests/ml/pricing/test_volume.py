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
    # The elasticity is known, but not which orders come: 50 lines of ten were seen, give or take sqrt(50 + 50) to come.
    assert found.gain_sd == pytest.approx(10 * np.sqrt(50 + 50) * (0.8**-2 * 4 - 6), rel=0.05)
    assert found.gain_low == pytest.approx(found.gain - 1.96 * found.gain_sd, abs=0.3 * found.gain_sd)
    assert found.gain_chance == 1.0


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
    sure, found = (quantity_break([1.0] * 50 + [10.0] * 50, **{**PRICE, "sd": sd}) for sd in (0.0, 0.8))
    assert found.gain_high - found.gain_low > 2 * (sure.gain_high - sure.gain_low)
    assert 0.5 < found.gain_chance < 1.0


@pytest.mark.parametrize("sd", np.arange(0.05, 1.5, 0.05).tolist())
def test_interval_and_chance_never_contradict_each_other(sd):
    """An interval of 95 % begins above 0 exactly where a loss is as good as left out, which is at 97.5 %."""
    offers = [quantity_break([1.0] * 60 + [4.0, 6.0, 12.0] * 6, **{**PRICE, "sd": sd})]
    offers.append(bundle_price(60, 400, 200, **{**BOTH, "sd": (sd, sd)}))
    for offer in (one for one in offers if not one.reason):
        assert offer.gain_low < offer.gain < offer.gain_high
        assert (offer.gain_low > 0) == (offer.gain_chance > 0.9755) or abs(offer.gain_chance - 0.975) < 0.001


def test_the_same_lines_give_the_same_offer():
    lines = [1.0] * 60 + [6.0] * 20
    assert quantity_break(lines, **{**PRICE, "sd": 0.5}) == quantity_break(lines, **{**PRICE, "sd": 0.5})


# -- whether intervals cover and chances come true, in shops whose truth is known --------------------------------------
def _break_market(seed, level):
    """What an offer says of a simulated product, and what it really earns more in as many weeks again.

    Rates of orders by size, and the elasticity, are known here and not to the offer: it sees the orders of one period
    and an elasticity whose doubt is as large as it says; what it earns is counted over the orders of another period."""
    rng = np.random.default_rng(seed)
    sizes = np.unique(np.round(np.exp(rng.normal(rng.uniform(0.3, 1.8), rng.uniform(0.4, 1.0), 12))).clip(1, 200))
    rate = rng.dirichlet(np.ones(len(sizes)) * 2) * rng.uniform(40, 500)
    told, sd, cost = -rng.gamma(6, 0.4), rng.uniform(0.1, 1.2), rng.uniform(3, 7)
    real = min(rng.normal(told, sd), 0.0)
    seen, later = rng.poisson(rate), rng.poisson(rate)
    offer = quantity_break(
        np.repeat(sizes, seen), price=10.0, cost=cost, elasticity=told, sd=sd, most_reached=0.25, level=level
    )
    asked = 10 * (1 - offer.discount)
    grown, jump = sizes >= offer.quantity, (sizes < offer.quantity) & (sizes * 10 >= offer.quantity * asked)
    more = (sizes * later)[grown].sum() * ((1 - offer.discount) ** real * (asked - cost) - (10 - cost))
    taken = later[jump].sum() * offer.quantity * (asked - cost) - (sizes * later)[jump].sum() * (10 - cost)
    return offer, more + taken


def _bundle_market(seed, level):
    """The same for two products for one price."""
    rng = np.random.default_rng(seed)
    rates, told, sd = rng.uniform([40, 100, 100], [200, 900, 900]), -rng.gamma(6, 0.4, 2), rng.uniform(0.2, 1.5, 2)
    cost = tuple(rng.uniform(3, 6, 2))
    real = np.minimum(rng.normal(told, sd), 0.0)
    seen, later = rng.poisson(rates), rng.poisson(rates)
    offer = bundle_price(*seen.tolist(), price=(10, 10), cost=cost, elasticity=tuple(told), sd=tuple(sd), level=level)
    asked = 20 * (1 - offer.discount)
    more = [min(later[0] * (((asked - 10) / 10) ** real[at] - 1), later[2 - at]) for at in (1, 0)]
    return offer, (
        later[0] * (asked - 20)
        + more[0] * (asked - sum(cost) - 10 + cost[0])
        + more[1] * (asked - sum(cost) - 10 + cost[1])
    )


@pytest.mark.parametrize("market", [_break_market, _bundle_market])
@pytest.mark.parametrize("level", [0.8, 0.95])
def test_intervals_hold_what_they_promise_and_chances_come_true(market, level):
    found = [market(seed, level) for seed in range(1500)]
    found = [(offer, real) for offer, real in found if not offer.reason and offer.gain_chance >= 0.5]
    assert len(found) > 450
    low, high, chance, gain = np.array([(o.gain_low, o.gain_high, o.gain_chance, o.gain) for o, _real in found]).T
    real = np.array([real for _offer, real in found])
    covered = float(((low <= real) & (real <= high)).mean())
    print(f"{market.__name__}: {level:.0%} interval holds {covered:.1%} of {len(found)}")
    assert covered == pytest.approx(level, abs=4 * np.sqrt(level * (1 - level) / len(found)))
    assert real.mean() == pytest.approx(gain.mean(), abs=4 * (real - gain).std() / np.sqrt(len(found)))
    for least, most in ((0.5, 0.75), (0.75, 0.9), (0.9, 0.975), (0.975, 1.01)):
        some = (chance >= least) & (chance < most)
        said, was = float(chance[some].mean()), float((real[some] > 0).mean())
        print(f"  told {said:.1%}, came true {was:.1%} of {some.sum()}")
        assert was == pytest.approx(said, abs=4 * np.sqrt(said * (1 - said) / some.sum()) + 0.01)


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
