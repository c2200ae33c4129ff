"""The price history as columns of numbers."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connection

from django_ecomai.mirror.columns import of_products, price_columns
from django_ecomai.mirror.models import PricePoint, Product
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


def test_products_whose_keys_lie_far_apart_are_named_one_by_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("django_ecomai.mirror.columns.KEYS_CHUNK", 2)
    first = product_make().pk
    rows = Product.objects.order_by("pk")
    for number in range(40):
        Product.objects.create(pk=first + 1 + number, external_id=f"n{number}")
    near, far = [first, first + 2, first + 4], [first, first + 1, first + 40]
    assert list(of_products(rows, near, "pk").values_list("pk", flat=True)) == list(range(first, first + 5))
    found = list(of_products(rows, far, "pk").values_list("pk", flat=True))
    # SQLite takes no long lists, there the caller leaves out what lies between
    assert found == (list(range(first, first + 41)) if connection.vendor == "sqlite" else far)
