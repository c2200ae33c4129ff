"""Suppliers in the admin: what they offer, how they deliver, and what hangs on them."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import Count, QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils.html import format_html
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from django_ecomai.core.admin import ChannelFilter
from django_ecomai.inventory.models import Supplier, SupplierProduct
from django_ecomai.inventory.scorecards import supplier_page
from django_ecomai.mirror.admin.base import amount_format, quantity_format
from django_ecomai.mirror.models import Product

from .base import InventoryAdmin, simulated_badge
from .chain import ChainMixin
from .files import FilesMixin


@admin.register(Supplier)
class SupplierAdmin(ChainMixin, FilesMixin, InventoryAdmin):
    """Who delivers."""

    list_display = ("name", "code", "offers", "lead_time_days", "is_active", "simulated")
    list_filter = ("is_active", ChannelFilter)
    search_fields = ("=code", "name")
    sortable_by = ()
    ordering = ("name", "pk")
    fields = ("channel", ("name", "code"), ("email", "country"), ("currency", "lead_time_days"), "is_active", "note")
    change_form_template = "ecomai/inventory/admin/supplier.html"
    change_list_template = "ecomai/inventory/admin/supplier_list.html"

    def get_queryset(self, request: HttpRequest) -> QuerySet[Supplier]:
        """With the number of products."""
        return super().get_queryset(request).annotate(offers_number=Count("products"))

    @admin.display(description=gettext_lazy("products"))
    def offers(self, supplier: Supplier) -> str:
        url = self.link("ecomai_inventory_supplierproduct_changelist")
        number = int(getattr(supplier, "offers_number", 0))
        return (
            format_html('<a href="{}?supplier__id__exact={}">{}</a>', url, supplier.pk, number) if url else str(number)
        )

    @admin.display(description="")
    def simulated(self, supplier: Supplier) -> str:
        return simulated_badge() if supplier.is_simulated else ""

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        """With the way to the files."""
        context = {
            "files_url": self.link("ecomai_inventory_supplier_files"),
            "chain_url": self.link("ecomai_inventory_supplier_chain"),
            **(extra_context or {}),
        }
        return super().changelist_view(request, context)

    def changeform_view(
        self, request: HttpRequest, object_id: Any = None, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        """With the scorecard above the form."""
        context = dict(extra_context or {})
        supplier = self.get_object(request, str(object_id)) if object_id else None
        if supplier is not None:
            context |= supplier_page(supplier=supplier)
            context["chain_url"] = self.link("ecomai_inventory_supplier_chain")
            products = self.link("ecomai_inventory_supplierproduct_changelist")
            context["products_url"] = f"{products}?supplier__id__exact={supplier.pk}" if products else ""
            work = self.link("ecomai_inventory_suggestion_changelist")
            context["worklist_url"] = f"{work}?supplier__id__exact={supplier.pk}" if work else ""
        return super().changeform_view(request, object_id, form_url, context)


@admin.register(SupplierProduct)
class SupplierProductAdmin(InventoryAdmin):
    """Who offers what, at which price."""

    list_display = ("product", "supplier", "price", "packs", "lead_time_days", "is_preferred")
    list_filter = (("supplier", admin.RelatedOnlyFieldListFilter), "is_preferred")
    list_select_related = ("product", "supplier")
    search_fields = ("=product__external_id", "=supplier_sku", "product__title")
    sortable_by = ()
    ordering = ("supplier", "pk")
    raw_id_fields = ("product",)
    fields = (
        ("supplier", "product"),
        "supplier_sku",
        ("cost", "currency"),
        ("moq", "pack_size"),
        "price_breaks",
        ("lead_time_days", "shelf_life_days"),
        "is_preferred",
    )

    def get_autocomplete_fields(self, request: HttpRequest) -> tuple[str, ...]:
        """Search as one types, where the site has the catalogue."""
        return ("product",) if self.admin_site.is_registered(Product) else ()

    @admin.display(description=gettext_lazy("cost"))
    def price(self, offer: SupplierProduct) -> str:
        return amount_format(offer.cost, offer.currency or offer.supplier.currency)

    @admin.display(description=gettext_lazy("least order, pack"))
    def packs(self, offer: SupplierProduct) -> str:
        return _("%(moq)s, in packs of %(pack)s") % {
            "moq": quantity_format(offer.moq),
            "pack": quantity_format(offer.pack_size),
        }
