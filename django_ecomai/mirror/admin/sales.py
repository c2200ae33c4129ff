"""Customers and orders."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import Count, QuerySet, Sum
from django.http import HttpRequest
from django.urls import reverse
from django.utils import formats
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy, ngettext

from django_ecomai.core.admin import FastModelAdmin, ReadOnlyAdminMixin
from django_ecomai.core.registry import customer_features
from django_ecomai.mirror.models import Customer, Order, OrderLine, ReturnLine

from .base import NONE, ReadOnlyInline, amount_format, day_format, quantity_format


class OrderLineInline(ReadOnlyInline):
    """What was sold."""

    model = OrderLine
    fields = readonly_fields = ("what", "sku", "pieces", "price_each", "sum")
    verbose_name_plural = gettext_lazy("Lines")

    def get_queryset(self, request: HttpRequest) -> QuerySet[OrderLine]:
        return super().get_queryset(request).filter(removed_at=None).order_by("pk")

    @admin.display(description=gettext_lazy("product"))
    def what(self, obj: OrderLine) -> str | SafeString:
        name = obj.title or obj.product_external_id or NONE
        if obj.product_id is None:
            return name
        return format_html(
            '<a href="{}">{}</a>', reverse("admin:ecomai_mirror_product_change", args=[obj.product_id]), name
        )

    @admin.display(description=gettext_lazy("quantity"))
    def pieces(self, obj: OrderLine) -> str:
        return quantity_format(obj.quantity)

    @admin.display(description=gettext_lazy("unit price"))
    def price_each(self, obj: OrderLine) -> str:
        return amount_format(obj.unit_price)

    @admin.display(description=gettext_lazy("sum"))
    def sum(self, obj: OrderLine) -> str:
        return NONE if obj.unit_price is None else amount_format(obj.unit_price * obj.quantity - (obj.discount or 0))


class ReturnLineInline(ReadOnlyInline):
    """What came back."""

    model = ReturnLine
    fk_name = "order"
    fields = readonly_fields = ("product_external_id", "pieces", "value", "reason", "returned_at")
    verbose_name_plural = gettext_lazy("Returns")

    def get_queryset(self, request: HttpRequest) -> QuerySet[ReturnLine]:
        return super().get_queryset(request).filter(removed_at=None).order_by("pk")

    @admin.display(description=gettext_lazy("quantity"))
    def pieces(self, obj: ReturnLine) -> str:
        return quantity_format(obj.quantity)

    @admin.display(description=gettext_lazy("amount"))
    def value(self, obj: ReturnLine) -> str:
        return amount_format(obj.amount)


@admin.register(Customer)
class CustomerAdmin(ReadOnlyAdminMixin, FastModelAdmin):
    """Customers by the shop's number; names stay in the shop."""

    day_field = "last_seen"
    list_display = ("external_id", "user", "first_seen", "last_seen")
    list_select_related = ("user",)
    search_fields = ("=external_id",)
    search_help_text = gettext_lazy("The whole number of a customer.")
    fields = (
        "external_id", "user", "first_seen", "last_seen", "bought", "latest_orders", "derived", "birth_year", "gender",
        "country", "region", "attributes", "synced_at", "removed_at",
    )  # fmt: skip
    readonly_fields = ("bought", "latest_orders", "derived")

    def get_fields(self, request: HttpRequest, obj: Customer | None = None) -> Any:
        """Demographic columns are shown only where something was collected."""
        empty = {n for n in ("birth_year", "gender", "country", "region") if obj is not None and not getattr(obj, n)}
        if not customer_features.names():
            empty.add("derived")
        return [name for name in super().get_fields(request, obj) if name not in empty]

    @admin.display(description=gettext_lazy("bought"))
    def bought(self, obj: Customer) -> str:
        orders = obj.orders.filter(removed_at=None).exclude(status__in=("cancelled", "returned"))
        numbers = orders.aggregate(count=Count("pk"), total=Sum("total"))
        text = ngettext("%(count)s order, %(total)s in total", "%(count)s orders, %(total)s in total", numbers["count"])
        return text % {
            "count": formats.number_format(numbers["count"], force_grouping=True),
            "total": amount_format(numbers["total"]),
        }

    @admin.display(description=gettext_lazy("derived"))
    def derived(self, obj: Customer) -> str | SafeString:
        """What other capabilities worked out about him."""
        rows = [
            (feature.label, ", ".join(lines))
            for _name, feature in customer_features.items()
            if (lines := feature.shown(obj.channel, obj.external_id))
        ]
        return format_html_join("", "{}: {}<br>", rows) or NONE

    @admin.display(description=gettext_lazy("latest orders"))
    def latest_orders(self, obj: Customer) -> str | SafeString:
        orders = obj.orders.filter(removed_at=None).order_by("-placed_at")[:10]
        rows = (
            (
                reverse("admin:ecomai_mirror_order_change", args=[o.pk]),
                o,
                day_format(o.placed_at),
                amount_format(o.total, o.currency),
            )
            for o in orders
        )
        return format_html_join("", '<a href="{}">{}</a> · {} · {}<br>', rows) or NONE


@admin.register(Order)
class OrderAdmin(ReadOnlyAdminMixin, FastModelAdmin):
    """Orders with lines and returns."""

    day_field = "placed_at"
    list_display = ("number_shown", "placed_at", "customer", "status", "total_shown")
    list_select_related = ("customer",)
    list_filter = ("status",)
    search_fields = ("=external_id", "=customer__external_id")
    search_help_text = gettext_lazy("The whole number of an order or of a customer.")
    inlines = (OrderLineInline, ReturnLineInline)
    fields = (
        "number_shown", "status", "customer", "placed_at", "paid_at", "shipped_at", "delivered_at", "cancelled_at",
        "total_shown", "net_shown", "tax_shown", "synced_at", "removed_at",
    )  # fmt: skip
    readonly_fields = ("number_shown", "total_shown", "net_shown", "tax_shown")

    def get_fields(self, request: HttpRequest, obj: Order | None = None) -> Any:
        """Times that have not come yet are left out."""
        times = ("paid_at", "shipped_at", "delivered_at", "cancelled_at", "removed_at")
        empty = {n for n in times if obj is not None and getattr(obj, n) is None}
        return [name for name in super().get_fields(request, obj) if name not in empty]

    def get_inline_instances(self, request: HttpRequest, obj: Order | None = None) -> list[Any]:
        """Returns are shown only where something came back."""
        inlines = super().get_inline_instances(request, obj)
        if obj is None or obj.returns.filter(removed_at=None).exists():
            return inlines
        return [inline for inline in inlines if not isinstance(inline, ReturnLineInline)]

    @admin.display(description=gettext_lazy("number"))
    def number_shown(self, obj: Order) -> str:
        return obj.number or obj.external_id

    @admin.display(description=gettext_lazy("total"))
    def total_shown(self, obj: Order) -> str:
        return amount_format(obj.total, obj.currency)

    @admin.display(description=gettext_lazy("net total"))
    def net_shown(self, obj: Order) -> str:
        return amount_format(obj.total_net, obj.currency)

    @admin.display(description=gettext_lazy("tax"))
    def tax_shown(self, obj: Order) -> str:
        return amount_format(obj.total_tax, obj.currency)
