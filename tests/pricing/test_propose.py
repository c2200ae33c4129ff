"""From orders and prices to proposals."""

from __future__ import annotations

import pytest

from django_ecomai.pricing.models import PriceProposal, ProductElasticity
from django_ecomai.pricing.services.propose import proposals_make

from .shop import NOW, shop_make

pytestmark = pytest.mark.django_db


def test_every_product_gets_a_price_with_its_arithmetic() -> None:
    shop_make()
    report = proposals_make(now=NOW)
    assert report.products == 3 and report.learned == 3
    found = {row.product.external_id: row for row in ProductElasticity.objects.select_related("product")}
    for name, true in (("p0", -3.0), ("p1", -2.5), ("p2", -2.0)):
        assert found[name].low < true < found[name].high
    for row in PriceProposal.objects.select_related("product"):
        print(row.product.external_id, row.why, row.risk, row.trail, row.held_reason, row.binding)
        print(row.curve, row.history)
        assert row.state == "open"
    assert report.proposals == 3
