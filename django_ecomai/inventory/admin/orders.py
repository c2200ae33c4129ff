"""Purchase orders in the admin: from the draft to the receipt, with a page to print and a file for the supplier."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import Count, DecimalField, F, QuerySet, Sum
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import path
from django.urls.resolvers import URLPattern
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_POST

from django_ecomai.core.admin import ChannelFilter
from django_ecomai.inventory.models import PurchaseOrder, PurchaseOrderLine
from django_ecomai.inventory.services import OrderError, order_advance, order_cancel, order_line_change, order_receive
from django_ecomai.inventory.services.orders import NEXT, order_line_remove
from django_ecomai.inventory.tables_out import order_csv
from django_ecomai.mirror.admin.base import amount_format, day_format, quantity_format

from .base import InventoryAdmin, badge, simulated_badge

S = PurchaseOrder.Status
APPROVE = "ecomai_inventory.approve_purchaseorder"
BUTTONS = {
    S.APPROVED: gettext_lazy("Approve"),
    S.ORDERED: gettext_lazy("Mark as ordered"),
    S.CONFIRMED: gettext_lazy("Mark as confirmed"),
    S.SHIPPED: gettext_lazy("Mark as shipped"),
    S.RECEIVED: gettext_lazy("All has arrived"),
}
_KINDS = {S.DRAFT: "quiet", S.RECEIVED: "ok", S.CANCELLED: "quiet"}
_AMOUNT: Any = Sum(
    F("lines__quantity") * F("lines__unit_cost"), output_field=DecimalField(max_digits=20, decimal_places=4)
)


class QuantityField(forms.DecimalField):
    """Without idle zeros: ``24``, not ``24.000``."""

    def prepare_value(self, value: Any) -> Any:
        """As people write it."""
        return f"{value.normalize():f}" if isinstance(value, Decimal) else value


class LineInline(admin.TabularInline):
    """Products of the order; quantities can be changed while it is a draft."""

    model = PurchaseOrderLine
    extra = 0
    fields = ("sku", "supplier_sku", "quantity", "cost", "arrived")
    readonly_fields = ("sku", "supplier_sku", "pieces", "cost", "arrived")

    def get_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        """Quantities without idle zeros where they cannot be changed."""
        if self.has_change_permission(request, obj):
            return self.fields
        return ("sku", "supplier_sku", "pieces", "cost", "arrived")

    def formfield_for_dbfield(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        if db_field.name == "quantity":
            kwargs["form_class"] = QuantityField
        return super().formfield_for_dbfield(db_field, request, **kwargs)

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Lines come from the worklist."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return _is_draft(obj) and super().has_change_permission(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self.has_change_permission(request, obj)

    @admin.display(description=gettext_lazy("quantity"))
    def pieces(self, line: PurchaseOrderLine) -> str:
        return quantity_format(line.quantity)

    @admin.display(description=gettext_lazy("unit cost"))
    def cost(self, line: PurchaseOrderLine) -> str:
        return amount_format(line.unit_cost, line.order.currency)

    @admin.display(description=gettext_lazy("arrived"))
    def arrived(self, line: PurchaseOrderLine) -> str:
        return quantity_format(line.received)


def _is_draft(order: Any) -> bool:
    return order is not None and order.status == S.DRAFT


@admin.register(PurchaseOrder)
class PurchaseOrderAdmin(InventoryAdmin):
    """Orders to suppliers."""

    list_display = ("number", "supplier", "stage", "line_count", "amount", "created", "expected_on", "simulated")
    list_filter = ("status", ("supplier", admin.RelatedOnlyFieldListFilter), ChannelFilter)
    list_select_related = ("supplier", "created_by", "approved_by")
    search_fields = ("=number",)
    sortable_by = ()
    ordering = ("-pk",)
    inlines = (LineInline,)
    fields = ("summary", "expected_on", "note")
    readonly_fields = ("summary",)
    change_form_template = "ecomai/inventory/admin/order.html"
    change_list_template = "ecomai/inventory/admin/order_list.html"

    def get_queryset(self, request: HttpRequest) -> QuerySet[PurchaseOrder]:
        """With the number of lines and their sum."""
        return super().get_queryset(request).annotate(lines_number=Count("lines"), lines_amount=_AMOUNT)

    def formfield_for_dbfield(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        """A note of two lines: what is ordered stands below it."""
        field = super().formfield_for_dbfield(db_field, request, **kwargs)
        if field is not None and db_field.name == "note":
            field.widget.attrs["rows"] = 2
        return field

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Orders are made from the worklist."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Orders are cancelled, and kept."""
        return False

    @admin.display(description=gettext_lazy("status"))
    def stage(self, order: PurchaseOrder) -> str:
        return badge(order.get_status_display(), _KINDS.get(S(order.status), "info"))

    @admin.display(description=gettext_lazy("lines"))
    def line_count(self, order: PurchaseOrder) -> int:
        return int(getattr(order, "lines_number", 0))

    @admin.display(description=gettext_lazy("amount"))
    def amount(self, order: PurchaseOrder) -> str:
        return amount_format(getattr(order, "lines_amount", None), order.currency)

    @admin.display(description=gettext_lazy("order"))
    def summary(self, order: PurchaseOrder) -> SafeString:
        """Supplier, status, amount, and who did what when, in two lines."""
        url = self.link("ecomai_inventory_supplier_change", order.supplier_id)
        steps = [
            (_("created"), order.created_at, order.created_by),
            (_("approved"), order.approved_at, order.approved_by),
        ]
        later = (S.ORDERED, S.CONFIRMED, S.SHIPPED, S.RECEIVED, S.CANCELLED)
        steps += [(str(stage.label), getattr(order, f"{stage}_at"), None) for stage in later]
        told = [
            f"{label} {date_format(timezone.localtime(at), 'SHORT_DATE_FORMAT')}" + (f" ({user})" if user else "")
            for label, at, user in steps
            if at is not None
        ]
        return format_html(
            '<a href="{}">{}</a> · {} · {}<br><span class="ecomai-quiet">{}</span>',
            url, order.supplier.name, self.stage(order), self.amount(order), " → ".join(told),
        )  # fmt: skip

    @admin.display(description=gettext_lazy("created"))
    def created(self, order: PurchaseOrder) -> str:
        return day_format(order.created_at)

    @admin.display(description="")
    def simulated(self, order: PurchaseOrder) -> str:
        return simulated_badge() if order.is_simulated else ""

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view
        name = "ecomai_inventory_purchaseorder"
        return [
            path("<int:pk>/stage/", view(require_POST(self.stage_view)), name=f"{name}_stage"),
            path("<int:pk>/csv/", view(self.csv_view), name=f"{name}_csv"),
            path("<int:pk>/print/", view(self.print_view), name=f"{name}_print"),
            *super().get_urls(),
        ]

    def changeform_view(
        self, request: HttpRequest, object_id: Any = None, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        """With the buttons that this user may press now."""
        context = dict(extra_context or {})
        order = self.get_object(request, str(object_id)) if object_id else None
        if order is not None:
            allowed = [to for to in NEXT[order.status] if self._may(request, order, to)]
            context |= {
                "buttons": [(to, BUTTONS[S(to)]) for to in allowed],
                "may_cancel": order.status not in (S.RECEIVED, S.CANCELLED) and self._may(request, order, S.CANCELLED),
                "stage_url": self.link("ecomai_inventory_purchaseorder_stage", order.pk),
                "csv_url": self.link("ecomai_inventory_purchaseorder_csv", order.pk),
                "print_url": self.link("ecomai_inventory_purchaseorder_print", order.pk),
                "worklist_url": self.link("ecomai_inventory_suggestion_changelist"),
                "simulated": order.is_simulated or order.supplier.is_simulated,
            }
        return super().changeform_view(request, object_id, form_url, context)

    def save_formset(self, request: HttpRequest, form: Any, formset: Any, change: bool) -> None:
        """Changed and removed lines go through the services, which keep prices and suggestions right."""
        formset.save(commit=False)
        try:
            for line, _names in formset.changed_objects:
                order_line_change(line=line, quantity=line.quantity, user=request.user)
            for line in formset.deleted_objects:
                order_line_remove(line=line, user=request.user)
        except OrderError as error:
            messages.error(request, str(error))

    def stage_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Take the order one stage further, or cancel it."""
        order, to = self._order(request, pk), request.POST.get("to", "")
        if not self._may(request, order, to):
            raise PermissionDenied
        try:
            if to == S.CANCELLED:
                order = order_cancel(order=order, user=request.user)
            elif to == S.RECEIVED:
                order = order_receive(order=order, user=request.user)
            else:
                order = order_advance(order=order, to=to, user=request.user)
        except OrderError as error:
            messages.error(request, str(error))
        else:
            named = {"order": order.number, "stage": order.get_status_display()}
            messages.success(request, _("Purchase order %(order)s is now “%(stage)s”.") % named)
        return HttpResponseRedirect(self.link("ecomai_inventory_purchaseorder_change", pk))

    def csv_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """The lines as a file."""
        order = self._order(request, pk)
        response = HttpResponse(order_csv(order), content_type="text/csv; charset=utf-8")
        response["Content-Disposition"] = f'attachment; filename="{order.number}.csv"'
        return response

    def print_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """A page to print, or to save as a PDF by the browser."""
        order = self._order(request, pk)
        lines = list(order.lines.order_by("pk"))
        total = sum((line.quantity * line.unit_cost for line in lines if line.unit_cost is not None), Decimal(0))
        rows = [
            {
                "line": line,
                "quantity": quantity_format(line.quantity),
                "cost": amount_format(line.unit_cost),
                "sum": amount_format(None if line.unit_cost is None else line.quantity * line.unit_cost),
            }
            for line in lines
        ]
        context = {
            "order": order,
            "rows": rows,
            "total": amount_format(total, order.currency),
            "back_url": self.link("ecomai_inventory_purchaseorder_change", pk),
        }
        return TemplateResponse(request, "ecomai/inventory/print_order.html", context)

    def _order(self, request: HttpRequest, pk: int) -> PurchaseOrder:
        order = self.get_queryset(request).select_related("supplier").filter(pk=pk).first()
        if order is None:
            raise Http404(_("There is no such purchase order."))
        if not self.has_view_permission(request, order):
            raise PermissionDenied
        return order

    def _may(self, request: HttpRequest, order: PurchaseOrder, to: str) -> bool:
        """Approving and ordering spend money and have a permission of their own; the rest is changing."""
        if to in (S.APPROVED, S.ORDERED):
            return request.user.has_perm(APPROVE)
        return self.has_change_permission(request, order)
