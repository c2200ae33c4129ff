"""Stock policies in the admin."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from django_ecomai.inventory.models import StockPolicy
from django_ecomai.mirror.models import Product

from .base import InventoryAdmin


@admin.register(StockPolicy)
class StockPolicyAdmin(InventoryAdmin):
    """One row per class or product; the narrower one counts."""

    list_display = ("about", "policy", "target_kind", "target", "review_days", "order_cost", "holding_rate")
    list_select_related = ("product",)
    list_filter = ("policy",)
    sortable_by = ()
    ordering = ("product", "abc", "xyz")
    raw_id_fields = ("product",)
    fieldsets = (
        (
            None,
            {
                "fields": ("channel", ("abc", "xyz"), "product"),
                "description": _(
                    "For which products it holds. Empty classes mean any; a row of a product counts before that of "
                    "its class."
                ),
            },
        ),
        (None, {"fields": ("policy", ("target_kind", "target"), "review_days", ("order_cost", "holding_rate"))}),
    )

    def get_autocomplete_fields(self, request: HttpRequest) -> tuple[str, ...]:
        """Search as one types, where the site has the catalogue."""
        return ("product",) if self.admin_site.is_registered(Product) else ()

    @admin.display(description=_("holds for"))
    def about(self, policy: StockPolicy) -> Any:
        return str(policy)
