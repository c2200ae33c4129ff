"""Receipts in the admin."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from django_ecomai.core.admin import ChannelFilter
from django_ecomai.core.charts import format_value
from django_ecomai.inventory.models import PurchaseOrder, Receipt
from django_ecomai.inventory.services import OrderError, receipt_add, receipt_remove
from django_ecomai.mirror.admin.base import quantity_format
from django_ecomai.mirror.models import Product

from .base import InventoryAdmin, simulated_badge


class ReceiptForm(forms.ModelForm):
    """With the number of the order that the goods fill."""

    order_number = forms.CharField(
        label=_("Purchase order"),
        required=False,
        max_length=64,
        help_text=_("Its number, when they were ordered here: what is missing of the order gets less."),
    )

    def clean(self) -> dict[str, Any]:
        """The line of the order that holds the product."""
        found: dict[str, Any] = super().clean() or self.cleaned_data
        number, product = found.get("order_number", "").strip(), found.get("product")
        reference = found.get("reference", "")
        if product is not None and reference:
            known = Receipt.objects.filter(channel=product.channel, reference=reference, product=product)
            if known.exists():
                raise forms.ValidationError({"reference": gettext("This delivery of this product is known already.")})
        if number and product is not None:
            order = PurchaseOrder.objects.filter(channel=product.channel, number=number).first()
            if order is None:
                raise forms.ValidationError({"order_number": gettext("There is no such purchase order.")})
            self.instance.line = order.lines.filter(product=product).first()
            if self.instance.line is None:
                raise forms.ValidationError({"order_number": gettext("The order does not hold this product.")})
        return found


@admin.register(Receipt)
class ReceiptAdmin(InventoryAdmin):
    """What arrived and how long it took."""

    list_display = ("received_at", "product", "supplier", "pieces", "took", "reference", "simulated")
    list_select_related = ("product", "supplier")
    list_filter = (("supplier", admin.RelatedOnlyFieldListFilter), ChannelFilter)
    search_fields = ("=reference",)
    sortable_by = ()
    day_field = "received_at"
    raw_id_fields = ("product",)
    form = ReceiptForm
    fields = ("product", "quantity", "order_number", "supplier", "ordered_at", "received_at", "reference")

    def get_autocomplete_fields(self, request: HttpRequest) -> tuple[str, ...]:
        """Search as one types, where the site has the catalogue."""
        return ("product",) if self.admin_site.is_registered(Product) else ()

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """A receipt is a fact: it can be added, or deleted when it was wrong."""
        return False

    def get_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        """A receipt that is looked at has its order line instead of a number to type."""
        return self.fields if obj is None else tuple("line" if name == "order_number" else name for name in self.fields)

    def changeform_view(
        self, request: HttpRequest, object_id: Any = None, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        """What the service refuses is said on the same page."""
        try:
            return super().changeform_view(request, object_id, form_url, extra_context)
        except OrderError as error:
            messages.error(request, str(error))
            return HttpResponseRedirect(request.get_full_path())

    def save_model(self, request: HttpRequest, obj: Receipt, form: Any, change: bool) -> None:
        """By the service, which fills the order."""
        made = receipt_add(
            product=obj.product,
            quantity=obj.quantity,
            received_at=obj.received_at,
            supplier=obj.supplier,
            line=obj.line,
            ordered_at=obj.ordered_at,
            reference=obj.reference,
            user=request.user,
        )
        obj.__dict__.update(made.__dict__)

    def delete_model(self, request: HttpRequest, obj: Receipt) -> None:
        """By the service, which opens the order again."""
        receipt_remove(receipt=obj, user=request.user)

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Receipt]) -> None:
        """One by one: each may open an order again."""
        for receipt in queryset.order_by("pk"):
            receipt_remove(receipt=receipt, user=request.user)

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
