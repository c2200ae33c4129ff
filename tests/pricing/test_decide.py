"""Approve, apply, undo: what the shop has afterwards, and what is never overwritten."""

from __future__ import annotations

from decimal import Decimal

import pytest
from django.contrib.auth.models import User

from django_ecomai.mirror.models import PricePoint, Product
from django_ecomai.pricing.models import PriceChange, PriceProposal
from django_ecomai.pricing.services import (
    PricingError,
    change_undo,
    changes_apply,
    proposals_approve,
    proposals_make,
)

from .adapters import PricedShop
from .shop import NOW, shop_make

pytestmark = pytest.mark.django_db


def test_from_sales_to_the_shop_and_back(shop: PricedShop) -> None:
    user = User.objects.create_user("merchant")
    shop_make((-3.0,))
    proposals_make(now=NOW)
    (row,) = proposals_approve(proposals=PriceProposal.objects.all(), user=user)
    assert (row.state, row.decided_by, row.undecided) == ("approved", user, None)
    applied = changes_apply(user=user, now=NOW)
    assert applied.as_dict() == {"applied": 1, "stale": 0, "failed": 0}
    assert shop.written == [("p0", Decimal("9.0000"))]
    product = Product.objects.get()
    assert product.price == 9
    assert PricePoint.objects.filter(product=product, price=9, valid_from=NOW).exists()
    change = PriceChange.objects.get()
    assert (change.old_price, change.new_price, change.kind, change.user) == (10, 9, "apply", user)
    undone = change_undo(change=change, user=user)
    assert (undone.kind, undone.old_price, undone.new_price) == ("undo", 9, 10)
    assert shop.written[-1] == ("p0", Decimal("10.0000"))
    assert Product.objects.get().price == 10
    row.refresh_from_db()
    assert row.state == "undone"
    with pytest.raises(PricingError, match="taken back before"):
        change_undo(change=change, user=user)
