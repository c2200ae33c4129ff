"""A shop whose customers have the numbers of their users."""

from __future__ import annotations

from typing import Any

from django_ecomai.adapters.base import ShopAdapter


class UserShop(ShopAdapter):
    """Knows customers, and nothing else."""

    def customer_id(self, user: Any) -> str:
        """The user's key."""
        return str(user.pk)
