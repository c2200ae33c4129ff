from __future__ import annotations

import numpy as np
import pytest

from django_ecomai.ml.pricing.cross import category_price, cross_prices, pair_prices
from django_ecomai.ml.pricing.elasticity import fit_elasticities
from django_ecomai.ml.pricing.panel import PricePanel


def rivals(effect, *, products=20, periods=60, still=False):
    """A shop in which one competitor's price moves by itself and takes or brings demand."""
    draw = np.random.default_rng(2)
    log = draw.choice([-0.15, 0.0, 0.15], (products, periods))
    theirs = np.zeros(periods) if still else draw.choice([-0.2, 0.0, 0.2], periods)
    units = draw.poisson(80 * np.exp(-2 * log + effect * theirs))
    panel = PricePanel.build(
        product=np.repeat(np.arange(products), periods), period=np.tile(np.arange(periods), products),
        units=units.ravel(), price=10 * np.exp(log).ravel(),
    )  # fmt: skip
    return panel, theirs[panel.period]


def test_a_competitor_s_price_is_told_from_our_own():
    panel, theirs = rivals(0.8)
    found = cross_prices(panel, fit_elasticities(panel), theirs)
    assert found.reason[0] == ""
    assert found.elasticity[0] == pytest.approx(0.8, abs=0.1)
    assert found.low[0] < 0.8 < found.high[0]


@pytest.mark.parametrize(
    ("told", "reason"), [({"effect": 0.5, "still": True}, "price_never_varied"), ({"effect": -0.8}, "implausible_sign")]
)
def test_what_cannot_be_is_refused(told, reason):
    panel, theirs = rivals(**told)
    found = cross_prices(panel, fit_elasticities(panel), theirs)
    assert found.reason[0] == reason
    assert np.isnan(found.elasticity[0])


def test_prices_that_nobody_knows_say_nothing():
    panel, theirs = rivals(0.5)
    assert cross_prices(panel, fit_elasticities(panel), np.full(len(theirs), np.nan)).reason[0] == "too_few_rows"
    with pytest.raises(ValueError, match="other must be"):
        cross_prices(panel, fit_elasticities(panel), [1.0])


def test_the_price_of_the_others_leaves_the_product_out():
    panel = PricePanel.build(
        product=[0, 0, 1, 1, 2], period=[0, 1, 0, 1, 1], units=1.0, price=[1.0, 1.0, 1.0, np.e, 5.0],
        category=[0, 0, 1],
    )  # fmt: skip
    assert category_price(panel) == pytest.approx([-0.5, 0.5, 0.0, 0.0, np.nan], nan_ok=True)


def category(effect, *, products=9, periods=104, rate=60.0, twins=False):
    """Products of one category at random prices; demand of the first answers to the price of the second."""
    draw = np.random.default_rng(4)
    log = draw.choice([-0.2, -0.1, 0.0, 0.1], (products, periods))
    if twins:
        log[1] = log[0]
    rates = rate * np.linspace(1.4, 0.6, products)[:, None]
    expected = rates * np.exp(-2 * log)
    expected[0] *= np.exp(effect * log[1])
    units = draw.poisson(expected)
    return PricePanel.build(
        product=np.repeat(np.arange(products), periods), period=np.tile(np.arange(periods), products),
        units=units.ravel(), price=10 * np.exp(log).ravel(),
    )  # fmt: skip


def answer(found, product, other):
    (at,) = np.flatnonzero((found.product == product) & (found.other == other))
    return at


class TestPairs:
    def test_who_takes_whose_sales(self):
        panel = category(0.8)
        found = pair_prices(panel, fit_elasticities(panel))
        # five products that sell most, each with the prices of the other four
        assert len(found.product) == 20 and set(found.product.tolist()) == set(range(5))
        at = answer(found, 0, 1)
        assert found.reason[at] == "" and found.low[at] < 0.8 < found.high[at]
        assert found.elasticity[at] == pytest.approx(0.8, abs=0.15)
        back = answer(found, 1, 0)
        assert found.reason[back] == "not_told_from_none" and found.low[back] < 0 < found.high[back]
        assert found.why.tolist() == [""] * 5 + ["not_top"] * 4

    def test_without_any_effect_none_is_told(self):
        panel = category(0.0)
        found = pair_prices(panel, fit_elasticities(panel))
        assert set(found.reason) == {"not_told_from_none"} and np.abs(found.elasticity).max() < 0.1

    def test_what_sells_together_is_no_substitute(self):
        panel = category(-0.8)
        found = pair_prices(panel, fit_elasticities(panel))
        assert found.reason[answer(found, 0, 1)] == "implausible_sign"

    def test_a_price_that_moves_with_the_own_one_tells_nothing(self):
        panel = category(0.8, twins=True)
        found = pair_prices(panel, fit_elasticities(panel))
        assert found.reason[answer(found, 0, 1)] == found.reason[answer(found, 1, 0)] == "price_never_varied"

    @pytest.mark.parametrize(
        ("told", "why"),
        [({"products": 7}, "too_few_products"), ({"periods": 30}, "too_few_sales"), ({"rate": 2.0}, "too_few_sales")],
    )
    def test_what_is_too_little(self, told, why):
        panel = category(0.8, **told)
        found = pair_prices(panel, fit_elasticities(panel))
        assert len(found.product) == 0 and set(found.why[found.top].tolist()) == {why} and found.top.sum() == 5
