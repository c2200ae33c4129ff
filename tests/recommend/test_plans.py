"""The database finds the products of a page by indexes, however large the catalogue is."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import connection

from django_ecomai.mirror.models import Product
from django_ecomai.recommend.catalogue.query import _newest
from tests.recommend.factories import START

pytestmark = pytest.mark.django_db


def test_new_arrivals_are_read_off_an_index() -> None:
    Product.objects.bulk_create(
        Product(external_id=f"p{i}", title="x", price=1, created_at=START + timedelta(minutes=i)) for i in range(3000)
    )
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")

    plan = _newest(Product.objects.filter(channel=""), 48, "").explain().lower()

    assert "ecomai_product_newest" in plan
    assert "sort" not in plan
    assert "temp b-tree" not in plan
