"""The copy of the shop in the admin: for looking, not for editing."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.contrib import admin
from django.db.models import Count, QuerySet, Sum
from django.http import HttpRequest
from django.urls import reverse
from django.utils import formats, timezone
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from django_ecomai.core.admin import FastModelAdmin, ReadOnlyAdminMixin
from django_ecomai.core.charts import line_chart

from .models import Category, Customer, Order, OrderLine, Product, ReturnLine, SyncIssue, SyncReport
from .report import action_label, issue_label

POINTS = 200
NONE = "–"


def amount_format(value: Any, currency: str = "") -> str:
    """``12.50 GBP``, a dash for nothing."""
    if value is None:
        return NONE
    number = formats.number_format(round(value, 2), decimal_pos=2, use_l10n=True, force_grouping=True)
    return f"{number} {currency}".strip()


def quantity_format(value: Any) -> str:
    """``3``, ``2.5``: no idle zeros."""
    return NONE if value is None else formats.number_format(f"{value:f}".rstrip("0").rstrip(".") or "0")


def _day(moment: Any) -> str:
    return formats.date_format(timezone.localtime(moment), "SHORT_DATE_FORMAT")


class ReadOnlyInline(admin.TabularInline):
    """Rows of a copy under their parent."""

    extra = 0
    can_delete = False
    show_change_link = False
    classes = ("ecomai-inline",)

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Who may see the parent may see its rows."""
        return True

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


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
            return _("gone from the shop since %(day)s") % {"day": _day(obj.removed_at)}
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
            rows = ((p[2] or _("main"), _day(p[0]), quantity_format(p[1])) for p in points[:20])
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
        return _("%(pieces)s pieces in %(orders)s orders; last on %(day)s") % {
            "pieces": quantity_format(numbers["pieces"]),
            "orders": numbers["orders"],
            "day": _day(last),
        }


def _history(points: list[tuple[Any, Any]], *, title: str) -> str | SafeString:
    known = [(_day(at), None if value is None else float(value)) for at, value in points]
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
    search_help_text = gettext_lazy("Customer number.")
    fields = (
        "external_id", "user", "first_seen", "last_seen", "bought", "latest_orders", "birth_year", "gender", "country",
        "region", "attributes", "synced_at", "removed_at",
    )  # fmt: skip
    readonly_fields = ("bought", "latest_orders")

    def get_fields(self, request: HttpRequest, obj: Customer | None = None) -> Any:
        """Demographic columns are shown only where something was collected."""
        empty = {n for n in ("birth_year", "gender", "country", "region") if obj is not None and not getattr(obj, n)}
        return [name for name in super().get_fields(request, obj) if name not in empty]

    @admin.display(description=gettext_lazy("bought"))
    def bought(self, obj: Customer) -> str:
        orders = obj.orders.filter(removed_at=None).exclude(status__in=("cancelled", "returned"))
        numbers = orders.aggregate(count=Count("pk"), total=Sum("total"))
        return _("%(count)s orders, %(total)s in total") % {
            "count": numbers["count"],
            "total": amount_format(numbers["total"]),
        }

    @admin.display(description=gettext_lazy("latest orders"))
    def latest_orders(self, obj: Customer) -> str | SafeString:
        orders = obj.orders.filter(removed_at=None).order_by("-placed_at")[:10]
        rows = (
            (
                reverse("admin:ecomai_mirror_order_change", args=[o.pk]),
                o,
                _day(o.placed_at),
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
    search_help_text = gettext_lazy("Order or customer number.")
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


class SyncIssueInline(ReadOnlyInline):
    """One kind of finding per row, in words."""

    model = SyncIssue
    fields = readonly_fields = ("where", "found", "times", "done", "seen_in")
    verbose_name_plural = gettext_lazy("What was found in the shop's data, and what was done with it")

    def get_queryset(self, request: HttpRequest) -> QuerySet[SyncIssue]:
        return super().get_queryset(request).order_by("-count", "pk")

    @admin.display(description=gettext_lazy("where"))
    def where(self, obj: SyncIssue) -> str:
        table = obj.table.replace("_", " ")
        return f"{table}: {obj.column.replace('_', ' ')}" if obj.column else table

    @admin.display(description=gettext_lazy("finding"))
    def found(self, obj: SyncIssue) -> str:
        return issue_label(obj)

    @admin.display(description=gettext_lazy("how often"))
    def times(self, obj: SyncIssue) -> str:
        return formats.number_format(obj.count, use_l10n=True, force_grouping=True)

    @admin.display(description=gettext_lazy("what was done"))
    def done(self, obj: SyncIssue) -> str:
        return action_label(obj)

    @admin.display(description=gettext_lazy("for example"))
    def seen_in(self, obj: SyncIssue) -> str | SafeString:
        rows = (
            (" · ".join(str(e[k]) for k in ("line", "id", "value") if e.get(k) not in (None, "")),)
            for e in obj.examples
        )
        return format_html_join("", "{}<br>", rows) or NONE


@admin.register(SyncReport)
class SyncReportAdmin(ReadOnlyAdminMixin, FastModelAdmin):
    """What each copy of the shop did and found."""

    readonly_note = gettext_lazy("Each row is one copy of your shop's data: how many rows, and what was wrong in them.")
    list_display = ("started_at", "mode", "state", "rows_shown", "took")
    list_filter = ("mode",)
    sortable_by = ()
    inlines = (SyncIssueInline,)
    fields = readonly_fields = ("mode", "state", "started_at", "took", "table", "run")

    def get_queryset(self, request: HttpRequest) -> QuerySet[SyncReport]:
        return super().get_queryset(request).select_related("run")

    @admin.display(description=gettext_lazy("state"))
    def state(self, obj: SyncReport) -> str:
        if obj.finished_at is None:
            after = obj.resume.get("table") or _("the beginning")
            return _("not finished; the next one goes on at %(table)s") % {"table": after}
        return _("tried out, nothing was written") if obj.dry_run else _("finished")

    @admin.display(description=gettext_lazy("changes"))
    def rows_shown(self, obj: SyncReport) -> str:
        parts = []
        for name, label in (
            ("created", _("new")),
            ("updated", _("changed")),
            ("removed", _("gone")),
            ("drifted", _("differed")),
        ):
            number = sum(numbers.get(name, 0) for numbers in obj.counts.values())
            if number:
                parts.append(f"{formats.number_format(number, use_l10n=True, force_grouping=True)} {label}")
        return ", ".join(parts) or _("nothing changed")

    @admin.display(description=gettext_lazy("took"))
    def took(self, obj: SyncReport) -> str:
        if obj.finished_at is None:
            return NONE
        seconds = int((obj.finished_at - obj.started_at).total_seconds())
        return _("%(minutes)d min %(seconds)d s") % {"minutes": seconds // 60, "seconds": seconds % 60}

    @admin.display(description=gettext_lazy("rows per table"))
    def table(self, obj: SyncReport) -> str | SafeString:
        heads = [
            ("seen", _("read")), ("created", _("new")), ("updated", _("changed")), ("unchanged", _("unchanged")),
            ("removed", _("gone")), ("skipped", _("left out")), ("drifted", _("differed")),
        ]  # fmt: skip
        heads = [(n, label) for n, label in heads if any(numbers.get(n) for numbers in obj.counts.values())]
        if not heads:
            return NONE
        body = format_html_join(
            "",
            "<tr><th scope=row>{}</th>{}</tr>",
            (
                (
                    table.replace("_", " "),
                    format_html_join(
                        "",
                        "<td>{}</td>",
                        (
                            (formats.number_format(numbers.get(n, 0), use_l10n=True, force_grouping=True),)
                            for n, _l in heads
                        ),
                    ),
                )
                for table, numbers in obj.counts.items()
            ),
        )
        head = format_html_join("", "<th scope=col>{}</th>", ((label,) for _n, label in heads))
        return format_html("<table><thead><tr><th></th>{}</tr></thead><tbody>{}</tbody></table>", head, body)
