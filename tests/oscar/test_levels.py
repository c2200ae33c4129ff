"""Recommended is the parent; sold, counted and forecast is the child that has the stock record."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from django.utils import timezone

from django_ecomai.forecast.selectors import demand_days
from django_ecomai.inventory.positions import stock_facts
from django_ecomai.mirror.models import Product
from django_ecomai.mirror.services import shop_sync
from django_ecomai.recommend.serving import recommendations

from . import shop

pytestmark = pytest.mark.django_db


def test_parents_are_recommended_and_children_have_demand_and_stock() -> None:
    shirt = shop.parent()
    red, blue = shop.child(shirt, "Red", stock=9), shop.child(shirt, "Blue", stock=0)
    yesterday = timezone.now() - timedelta(days=1)
    shop.order(red, by=shop.user(), quantity=2, date_placed=yesterday)
    shop_sync()

    key = dict(Product.objects.values_list("external_id", "pk"))
    products = [key[str(one.pk)] for one in (shirt, red, blue)]
    day: date = timezone.localdate(yesterday)
    demand = demand_days(product_ids=products, since=day, until=day + timedelta(days=1))

    assert [one.product_id for one in recommendations("trending")] == [str(shirt.pk)]
    assert recommendations("trending")[0].object == shirt
    assert demand.quantity.tolist() == [[0.0], [2.0], [0.0]]
    assert {fact.title: fact.on_hand for fact in stock_facts(as_of=day)} == {"Red": 7.0, "Blue": 0.0}
