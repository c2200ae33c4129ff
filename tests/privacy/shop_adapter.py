"""A shop whose user names lead to customers: ``ann`` is the customer of the factories."""

from __future__ import annotations

from typing import Any

from django_ecomai.adapters.base import ShopAdapter

from .factories import ANN


class MirrorShop(ShopAdapter):
    """Reads nothing; knows who is who."""

    def customer_id(self, user: Any) -> str:
        return ANN if user.username == "ann" else ""

    def product_id(self, obj: Any) -> str:
        return str(obj)
