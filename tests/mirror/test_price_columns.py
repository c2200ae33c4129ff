"""The price history as columns of numbers."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from django_ecomai.mirror.columns import price_columns
from django_ecomai.mirror.models import PricePoint
from django_ecomai.testing import product_make

pytestmark = pytest.mark.django_db
MOMENT = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


def point(product: Any, days: int, price: Any, **fields: Any) -> None:
    PricePoint.objects.create(product=product, valid_from=MOMENT + timedelta(days=days), price=price, **fields)


def test_by_product_then_by_time(django_assert_num_queries: Any) -> None:
    a, b, other = product_make(), product_make(), product_make()
    for product, days, price in ((b, 1, "3.50"), (a, 2, "2.00"), (a, 0, "1.00"), (other, 0, "9.00")):
        point(product, days, price, currency="EUR")
    point(a, 3, None)
    point(a, 4, "0.00")
    point(a, 5, "7.00", channel="elsewhere")
    with django_assert_num_queries(1):
        found = price_columns(products=[a.pk, b.pk])
    assert found.product.tolist() == [a.pk, a.pk, b.pk]
    assert found.price.tolist() == [1.0, 2.0, 3.5]
    assert found.at.tolist() == [(MOMENT + timedelta(days=days)).timestamp() for days in (0, 2, 1)]


def test_only_in_some_currencies() -> None:
    product = product_make()
    point(product, 0, "1.00", currency="EUR")
    point(product, 1, "2.00", currency="USD")
    point(product, 2, "3.00")
    assert price_columns(products=[product.pk], currencies=["", "EUR"]).price.tolist() == [1.0, 3.0]
    assert len(price_columns(products=[]).price) == 0
