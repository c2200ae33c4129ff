"""What a checkout costs the shop: after its commit, and not once per line."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from django_ecomai.mirror.models import Order
from django_ecomai.mirror.services import shop_sync

from . import shop

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("lines", [1, 6])
def test_an_order_is_read_once_and_its_products_together(
    lines: int, committing: Callable[[], AbstractContextManager[Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    from django_ecomai.adapters.oscar import OscarAdapter

    products = [shop.product(stock=9) for _ in range(lines)]
    shop_sync()
    read: list[tuple[str, int]] = []
    rows_of = OscarAdapter.rows_of

    def counted(self: OscarAdapter, table: str, **kwargs: Any) -> Any:
        read.append((table, len(kwargs.get("pks") or ())))
        return rows_of(self, table, **kwargs)

    monkeypatch.setattr(OscarAdapter, "rows_of", counted)
    with committing():
        with CaptureQueriesContext(connection) as seen:
            placed = shop.order(*products)
        assert read == []
        assert not [one for one in seen.captured_queries if "ecomai_" in one["sql"]], (
            "nothing of ours before the commit"
        )

    assert sorted(read) == [("order", 1), ("product", lines)]
    assert Order.objects.get().lines.count() == lines
    assert placed.num_lines == lines
