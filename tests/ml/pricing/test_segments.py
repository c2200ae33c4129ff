"""Segments of the trade, on a simulated market whose two halves have other elasticities."""

from __future__ import annotations

import numpy as np
import pytest

from django_ecomai.ml.pricing.panel import PricePanel
from django_ecomai.ml.pricing.segments import segment_elasticities


def market(elasticity: float, seed: int, products: int = 30, weeks: int = 60) -> PricePanel:
    """Prices that move at random, demand that answers."""
    draw = np.random.default_rng(seed)
    price = 10 * draw.choice([0.8, 0.9, 1.0, 1.1], (products, weeks))
    level = draw.uniform(20, 60, products)[:, None]
    units = draw.poisson(level * (price / 10) ** elasticity)
    return PricePanel.build(
        product=np.repeat(np.arange(products), weeks),
        period=np.tile(np.arange(weeks), products),
        units=units.ravel(),
        price=price.ravel(),
    )


def test_each_segment_has_its_own_elasticity():
    found = segment_elasticities("customer_tier", {"retail": market(-1.0, 1), "wholesale": market(-3.0, 2)})
    assert found.names == ("retail", "wholesale")
    assert (found.low < [-1.0, -3.0]).all()
    assert (found.high > [-1.0, -3.0]).all()
    assert found.apart[1, 0] > 0.9  # one category each, so that much of the doubt is about the shop
    assert found.apart[0, 1] == pytest.approx(1 - found.apart[1, 0])
    assert found.products.tolist() == [30, 30]


def test_a_segment_with_too_little_in_it_has_none():
    found = segment_elasticities("channel", {"web": market(-2.0, 1), "phone": market(-2.0, 2, products=3)})
    assert dict(zip(found.names, found.reason.tolist(), strict=True)) == {"phone": "too_few_products", "web": ""}
    assert np.isnan(found.elasticity[0])


@pytest.mark.parametrize("attribute", ["gender", "age", "postcode", "device", "name", ""])
def test_nothing_about_a_person_divides_prices(attribute: str):
    with pytest.raises(ValueError, match="channel, region, customer_tier, volume"):
        segment_elasticities(attribute, {})
