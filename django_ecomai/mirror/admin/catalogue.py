"""Products and categories."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.contrib import admin
from django.db.models import Count, QuerySet, Sum
from django.http import HttpRequest
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from django_ecomai.core.admin import FastModelAdmin, ReadOnlyAdminMixin
from django_ecomai.core.charts import line_chart
from django_ecomai.core.registry import product_panels
from django_ecomai.mirror.models import Category, OrderLine, Product, ReturnLine

from .base import NONE, amount_format, day_format, quantity_format

POINTS = 200


@admin.register(Product)
class ProductAdmin(ReadOnlyAdminMixin, FastModelAdmin):
    """Products with the history of price and stock."""

    list_display = ("title", "external_id", "price_shown", "stock_shown", "state_shown", "created_at")
    list_filter = ("is_active", "is_service")
    search_fields = ("=external_id", "=sku", "title")
    search_help_text = gettext_lazy("Id, SKU or words of the title.")
    fieldsets = (
        (None, {"fields": ("title", "external_id", "sku", "state_shown", "parent", "category_names", "brand", "page")}),
        (gettext_lazy("Price and stock"), {"fields": ("price_shown", "list_price_shown", "cost_shown", "stock_shown")}),
        (gettext_lazy("History"), {"fields": ("price_history", "stock_history")}),
        (gettext_lazy("Sales"), {"fields": ("sold",)}),
        (
            gettext_lazy("More"),
            {
                "classes": ("collapse",),
                "fields": ("description", "attributes", "created_at", "updated_at", "synced_at"),
            },
        ),
    )

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        """With what other apps know of products, where any does."""
        found = super().get_fieldsets(request, obj)
        return [*found[:-1], (None, {"fields": ("panels",)}), found[-1]] if product_panels.names() else found

    @admin.display(description=gettext_lazy("also known"))
    def panels(self, obj: Product) -> str | SafeString:
        shown = [(panel.label, panel.shown(obj)) for _name, panel in product_panels.items()]
        return format_html_join("", "<p><strong>{}</strong></p>{}", [pair for pair in shown if pair[1]]) or NONE

    def get_queryset(self, request: HttpRequest) -> QuerySet[Product]:
        queryset = super().get_queryset(request)
        match = request.resolver_match
        if match is not None and match.url_name and match.url_name.endswith("_changelist"):
            # Descriptions may be long: a list of fifty does not need them.
            return queryset.defer("description", "attributes", "category_external_ids", "parent")
        return queryset.select_related("parent")

    @admin.display(description=gettext_lazy("price"))
    def price_shown(self, obj: Product) -> str:
        return amount_format(obj.price, obj.currency)

    @admin.display(description=gettext_lazy("list price"))
    def list_price_shown(self, obj: Product) -> str:
        return amount_format(obj.list_price, obj.currency)

    @admin.display(description=gettext_lazy("cost"))
    def cost_shown(self, obj: Product) -> str:
        return amount_format(obj.cost, obj.currency)

    @admin.display(description=gettext_lazy("stock"))
    def stock_shown(self, obj: Product) -> str:
        return _("not counted") if obj.stock is None else quantity_format(obj.stock)

    @admin.display(description=gettext_lazy("state"))
    def state_shown(self, obj: Product) -> str:
        if obj.removed_at is not None:
            return _("gone from the shop since %(day)s") % {"day": day_format(obj.removed_at)}
        if obj.is_service:
            return _("no product (fee, postage)")
        return _("on sale") if obj.is_active else _("not on sale")

    @admin.display(description=gettext_lazy("categories"))
    def category_names(self, obj: Product) -> str:
        return ", ".join(obj.categories.order_by("name").values_list("name", flat=True)) or NONE

    @admin.display(description=gettext_lazy("page"))
    def page(self, obj: Product) -> str | SafeString:
        # Only addresses that a browser opens as pages: the shop's data is not trusted to hold no "javascript:".
        if obj.url.startswith(("/", "http://", "https://")):
            return format_html('<a href="{}">{}</a>', obj.url, obj.url)
        return obj.url or NONE

    @admin.display(description=gettext_lazy("price"))
    def price_history(self, obj: Product) -> str | SafeString:
        points = list(obj.price_points.order_by("-valid_from").values_list("valid_from", "price")[:POINTS])[::-1]
        return _history(points, title=_("Price history"))

    @admin.display(description=gettext_lazy("stock"))
    def stock_history(self, obj: Product) -> str | SafeString:
        points = list(
            obj.stock_points.order_by("-valid_from").values_list("valid_from", "quantity", "location")[:POINTS]
        )
        if len({p[2] for p in points}) > 1:
            rows = ((p[2] or _("main"), day_format(p[0]), quantity_format(p[1])) for p in points[:20])
            return format_html(
                "<table>{}</table>", format_html_join("", "<tr><td>{}</td><td>{}</td><td>{}</td></tr>", rows)
            )
        return _history([(at, quantity) for at, quantity, _place in points[::-1]], title=_("Stock history"))

    @admin.display(description=gettext_lazy("sold in the last 12 months of data"))
    def sold(self, obj: Product) -> str:
        lines = OrderLine.objects.filter(product=obj, removed_at=None)
        last = lines.order_by("-placed_at").values_list("placed_at", flat=True).first()
        if last is None:
            return _("never")
        year = lines.filter(placed_at__gt=last - timedelta(days=365))
        numbers = year.aggregate(pieces=Sum("quantity"), orders=Count("order", distinct=True))
        text = ngettext(
            "%(pieces)s sold in %(orders)s order; last on %(day)s",
            "%(pieces)s sold in %(orders)s orders; last on %(day)s",
            numbers["orders"],
        ) % {
            "pieces": quantity_format(numbers["pieces"]),
            "orders": quantity_format(numbers["orders"]),
            "day": day_format(last),
        }
        came_back = ReturnLine.objects.filter(
            product=obj, removed_at=None, returned_at__gt=last - timedelta(days=365)
        ).aggregate(pieces=Sum("quantity"))["pieces"]
        if not came_back:
            return text
        return _("%(sold)s; %(pieces)s returned") % {"sold": text, "pieces": quantity_format(came_back)}


def _history(points: list[tuple[Any, Any]], *, title: str) -> str | SafeString:
    known = [(day_format(at), None if value is None else float(value)) for at, value in points]
    if not known:
        return _("Nothing recorded yet.")
    if len(known) == 1:
        return _("Unchanged since %(day)s.") % {"day": known[0][0]}
    return line_chart(known, title=title)


@admin.register(Category)
class CategoryAdmin(ReadOnlyAdminMixin, FastModelAdmin):
    """The category tree."""

    list_display = ("name", "parent", "external_id", "gone")
    list_select_related = ("parent",)
    ordering = ("name", "pk")
    search_fields = ("=external_id", "name")
    fields = ("name", "slug", "parent", "external_id", "products_count", "synced_at", "removed_at")
    readonly_fields = ("products_count",)

    @admin.display(description=gettext_lazy("gone from the shop"), boolean=True)
    def gone(self, obj: Category) -> bool:
        return obj.removed_at is not None

    @admin.display(description=gettext_lazy("products"))
    def products_count(self, obj: Category) -> int:
        return obj.products.count()
