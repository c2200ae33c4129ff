"""Receipts in the admin."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from django_ecomai.core.admin import ChannelFilter
from django_ecomai.core.charts import format_value
from django_ecomai.inventory.models import Receipt
from django_ecomai.mirror.admin.base import quantity_format
from django_ecomai.mirror.models import Product

from .base import InventoryAdmin, simulated_badge


@admin.register(Receipt)
class ReceiptAdmin(InventoryAdmin):
    """What arrived and how long it took."""

    list_display = ("received_at", "product", "supplier", "pieces", "took", "reference", "simulated")
    list_select_related = ("product", "supplier")
    list_filter = (("supplier", admin.RelatedOnlyFieldListFilter), ChannelFilter)
    search_fields = ("=reference",)
    sortable_by = ()
    day_field = "received_at"
    raw_id_fields = ("product", "line")
    fields = ("channel", "supplier", "product", "quantity", "ordered_at", "received_at", "reference")

    def get_autocomplete_fields(self, request: HttpRequest) -> tuple[str, ...]:
        """Search as one types, where the site has the catalogue."""
        return ("product",) if self.admin_site.is_registered(Product) else ()

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """A receipt is a fact: it can be added, or deleted when it was wrong."""
        return False

    @admin.display(description=_("pieces"))
    def pieces(self, receipt: Receipt) -> str:
        return quantity_format(receipt.quantity)

    @admin.display(description=_("lead time in days"))
    def took(self, receipt: Receipt) -> str:
        if receipt.ordered_at is None:
            return "–"
        return format_value(round((receipt.received_at - receipt.ordered_at).total_seconds() / 86_400, 1))

    @admin.display(description="")
    def simulated(self, receipt: Receipt) -> str:
        return simulated_badge() if receipt.is_simulated else ""
