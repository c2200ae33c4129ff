"""The adapter of the shop in `speed_settings`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django_ecomai.adapters.base import ShopAdapter


class Shop(ShopAdapter):
    """A shop whose own objects are rows of one table."""

    def resolve(self, ids: Sequence[str]) -> dict[str, Any]:
        from django_ecomai.mirror.models import Product

        return {one.external_id: one for one in Product.objects.filter(channel="", external_id__in=ids)}
