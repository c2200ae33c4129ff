from __future__ import annotations

import numpy as np
import pytest

from django_ecomai.ml.pricing.cross import category_price, cross_prices
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
