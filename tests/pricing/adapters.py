"""Shops in memory that take prices."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from django_ecomai.testing import FakeAdapter


class PricedShop(FakeAdapter):
    """Remembers every price that was written; products in ``broken`` raise."""

    def __init__(self) -> None:
        super().__init__()
        self.written: list[tuple[str, Decimal]] = []
        self.broken: set[str] = set()

    def apply_price(self, product_id: str, price: Any) -> None:
        if product_id in self.broken:
            raise RuntimeError("the till is closed")
        self.written.append((product_id, Decimal(price)))


SHOP = PricedShop()
# Writes no prices: it has the base's apply_price.
READING = FakeAdapter()
