"""What the pages of this app share."""

from __future__ import annotations

from typing import Any

from django_ecomai.core.admin import FastModelAdmin
from django_ecomai.core.admin_parts import admin_url, badge, simulated_badge
from django_ecomai.mirror.admin.shop import ShopFieldMixin

__all__ = ["InventoryAdmin", "admin_url", "badge", "simulated_badge"]


class InventoryAdmin(ShopFieldMixin, FastModelAdmin):
    """Lists that stay fast; the shop is asked for only where there are several."""

    class Media:
        css = {"all": ("ecomai/admin.css", "ecomai/worklist.css", "ecomai/inventory/inventory.css")}

    def link(self, name: str, *args: Any) -> str:
        """An address in this admin site; empty where the site has no such page."""
        return admin_url(self.admin_site, name, *args)
