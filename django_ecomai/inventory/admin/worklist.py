"""The worklist: what to order now. Tick, correct a quantity, press a button; a buyer is through in minutes."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal, InvalidOperation
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.helpers import ActionForm
from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls.resolvers import URLPattern
from django.utils.formats import date_format
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from django_ecomai.conf import ecomai
from django_ecomai.core.admin import ReadOnlyAdminMixin
from django_ecomai.core.charts import format_value, sparkline
from django_ecomai.inventory.alerts import ALERTS
from django_ecomai.inventory.models import Suggestion
from django_ecomai.inventory.selectors import worklist_summary
from django_ecomai.inventory.services import DecisionError, OrderError, orders_draft, suggestions_decide
from django_ecomai.inventory.words import class_words, days_left, money_format, pieces
from django_ecomai.mirror.admin.base import amount_format

from .base import InventoryAdmin, admin_url, badge
from .worklist_filters import LIST_FILTERS
from .worklist_pages import WorklistPages

DECIDE = "ecomai_inventory.decide_suggestion"
ORDER = "ecomai_inventory.add_purchaseorder"
START = "ecomai_runs.start_run"
KINDS = {
    "stocked_out": "error",
    "will_stock_out": "warning",
    "reorder": "info",
    "ok": "ok",
    "surplus": "quiet",
    "obsolete": "quiet",
    "phantom": "warning",
}
SNOOZE_DAYS = 7


class DecisionForm(ActionForm):
    """What some buttons need besides the ticks; read by the actions, which say what is wrong."""

    reason = forms.CharField(required=False, max_length=255)
    until = forms.CharField(required=False)


@admin.register(Suggestion)
class SuggestionAdmin(WorklistPages, ReadOnlyAdminMixin, InventoryAdmin):
    """Rows are written by the job; here they are decided."""

    readonly_note = ""
    list_display = ("what", "state_of_stock", "sold", "stock", "lasts", "order", "at_stake")
    list_display_links = None
    list_filter = LIST_FILTERS
    list_select_related = ("product", "supplier", "order_line__order")
    search_fields = ("=product__external_id", "=product__sku", "product__title")
    search_help_text = gettext_lazy("Shop's id, SKU, or a word of the title")
    sortable_by = ("at_stake",)
    ordering = ("-lost_margin", "-p50", "pk")
    list_per_page = 30
    actions = ("put_into_orders", "accept", "snooze", "reject")
    action_form = DecisionForm
    change_list_template = "ecomai/inventory/admin/worklist.html"

    class Media:
        css = {"all": ("ecomai/admin.css", "ecomai/worklist.css", "ecomai/inventory/inventory.css")}
        js = ("ecomai/keys.js", "ecomai/worklist.js")

    def has_decide_permission(self, request: HttpRequest) -> bool:
        """For ``allowed_permissions`` of actions."""
        return request.user.has_perm(DECIDE)

    def has_order_permission(self, request: HttpRequest) -> bool:
        """For ``allowed_permissions`` of actions."""
        return request.user.has_perm(DECIDE) and request.user.has_perm(ORDER)

    def get_urls(self) -> list[URLPattern]:
        return [*self.page_urls(), *super().get_urls()]

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        """With the numbers above the list and the buttons that this user may press."""
        summary = worklist_summary(channel=request.GET.get("channel", ecomai.CHANNEL))
        context = {
            "title": _("What to order"),
            "summary": summary,
            "is_nav_sidebar_enabled": False,  # the table needs the room
            "may_decide": self.has_decide_permission(request),
            "may_order": self.has_order_permission(request),
            "start_url": self.link("ecomai_runs_run_start") if request.user.has_perm(START) else "",
            "what_if_url": self.link("ecomai_inventory_suggestion_what_if"),
            "orders_url": self.link("ecomai_inventory_purchaseorder_changelist"),
            "csv_url": admin_url(self.admin_site, "ecomai_inventory_supplier_download", "suggestions"),
            "money": (summary.values[0][1] if summary.values else "") or ecomai.CURRENCY,
            "snooze_until": (summary.as_of + timedelta(days=SNOOZE_DAYS)).isoformat() if summary.as_of else "",
            **(extra_context or {}),
        }
        return super().changelist_view(request, context)

    # -- columns
    @admin.display(description=gettext_lazy("product"))
    def what(self, row: Suggestion) -> SafeString:
        url = self.link("ecomai_inventory_suggestion_change", row.pk)
        alerts = format_html_join("", " {}", ((badge(ALERTS[code], "warning"),) for code in row.alerts
                                              if code in ("sudden_demand",)))  # fmt: skip
        return format_html(
            '<a class="ecomai-what" href="{}">{}</a> <span class="ecomai-quiet">{}</span>{}'
            '<p class="ecomai-why">{}</p>',
            url,
            row.product.title,
            " · ".join(filter(None, [row.product.sku or row.product.external_id, class_words(row.abc, row.xyz),
                                     row.supplier.name if row.supplier else ""])),
            alerts,
            row.why,
        )  # fmt: skip

    @admin.display(description=gettext_lazy("status"))
    def state_of_stock(self, row: Suggestion) -> SafeString:
        return badge(row.get_status_display(), KINDS.get(row.status, "info"))

    @admin.display(description=gettext_lazy("sold per week"))
    def sold(self, row: Suggestion) -> SafeString:
        title = _("Sold per week, last 26 weeks: %(product)s") % {"product": row.product.title}
        return format_html(
            '{} <span class="ecomai-phone ecomai-quiet">{}</span>',
            sparkline(row.history, title=title, width=72),
            _("sold per week"),
        )

    @admin.display(description=gettext_lazy("stock"))
    def stock(self, row: Suggestion) -> SafeString:
        parts = [_("%(n)s on hand") % {"n": format_value(row.on_hand)}]
        if row.on_order:
            parts.append(_("%(n)s on order") % {"n": format_value(row.on_order)})
        if row.reserved:
            parts.append(_("%(n)s reserved") % {"n": format_value(row.reserved)})
        return format_html_join("", '<span class="ecomai-line-of">{}</span>', ((part,) for part in parts))

    @admin.display(description=gettext_lazy("how long it lasts"))
    def lasts(self, row: Suggestion) -> SafeString:
        risk = _("%(n)s %% risk of selling out") % {"n": format_value(round(100 * row.stock_out_probability))}
        return format_html_join(
            "", '<span class="ecomai-line-of">{}</span>', ((text,) for text in (*_cover(row), risk))
        )

    @admin.display(description=gettext_lazy("order"))
    def order(self, row: Suggestion) -> Any:
        if row.order_line is not None:
            order = row.order_line.order
            url = self.link("ecomai_inventory_purchaseorder_change", order.pk)
            return format_html('{} → <a href="{}">{}</a>', pieces(row.order_line.quantity), url, order.number)
        shown = f"{row.to_order.normalize():f}"
        state = "" if row.state == Suggestion.State.OPEN else row.get_state_display()
        if row.snoozed_until and row.state == Suggestion.State.SNOOZED:
            state = f"{state}: {date_format(row.snoozed_until, 'SHORT_DATE_FORMAT')}"
        return format_html(
            '<input class="ecomai-quantity" type="number" min="0" step="any" name="quantity-{}" value="{}"'
            ' aria-label="{}"> <span class="ecomai-line-of ecomai-quiet">{}</span>'
            '<span class="ecomai-line-of ecomai-quiet">{}</span>'
            '<span class="ecomai-line-of ecomai-quiet">{}</span>',
            row.pk,
            shown,
            _("Quantity to order: %(product)s") % {"product": row.product.title},
            pieces(row.to_order),
            amount_format(row.to_order * row.unit_cost if row.unit_cost else row.value, row.currency),
            f"{state} ({row.reason})" if row.reason else state,
        )

    @admin.display(description=gettext_lazy("margin at stake"), ordering="lost_margin")
    def at_stake(self, row: Suggestion) -> SafeString:
        # Under its heading the amount is enough; on a phone there is no heading.
        first = format_html(
            '<span class="ecomai-line-of">{} <span class="ecomai-phone">{}</span></span>',
            money_format(row.lost_margin, row.currency),
            _("margin at stake"),
        )
        if not row.holding_cost:
            return first
        kept = _("%(cost)s to keep it") % {"cost": money_format(row.holding_cost, row.currency)}
        return first + format_html('<span class="ecomai-line-of ecomai-quiet">{}</span>', kept)

    # -- actions
    @admin.action(description=gettext_lazy("Put into purchase orders"), permissions=["order"])
    def put_into_orders(self, request: HttpRequest, queryset: QuerySet[Suggestion]) -> HttpResponse | None:
        """A draft per supplier; quantities as typed."""
        rows = list(queryset.select_related("product", "supplier"))
        try:
            with transaction.atomic():  # all or nothing, quantities included
                self._typed(request, rows, accept=False)
                orders = orders_draft(suggestions=rows, user=request.user)
        except (DecisionError, OrderError) as error:
            messages.error(request, str(error))
            return None
        links = format_html_join(
            ", ",
            '<a href="{}">{} ({})</a>',
            (
                (self.link("ecomai_inventory_purchaseorder_change", order.pk), order.number, order.supplier.name)
                for order in orders
            ),
        )
        text = ngettext("%(n)d draft was made:", "%(n)d drafts were made:", len(orders)) % {"n": len(orders)}
        messages.success(request, format_html("{} {}", text, links))
        return None

    @admin.action(description=gettext_lazy("Accept"), permissions=["decide"])
    def accept(self, request: HttpRequest, queryset: QuerySet[Suggestion]) -> None:
        """As suggested, or with the quantity that was typed."""
        rows = list(queryset.select_related("product"))
        self._say(request, lambda: self._typed(request, rows, accept=True), rows)

    @admin.action(description=gettext_lazy("Later"), permissions=["decide"])
    def snooze(self, request: HttpRequest, queryset: QuerySet[Suggestion]) -> None:
        """Not before the day that was chosen."""
        try:
            until = forms.DateField(required=False).clean(request.POST.get("until", ""))
        except forms.ValidationError as error:
            messages.error(request, " ".join(error.messages))
            return
        rows = list(queryset)
        self._say(
            request,
            lambda: suggestions_decide(suggestions=rows, action="snooze", until=until, user=request.user),
            rows,
        )

    @admin.action(description=gettext_lazy("Reject"), permissions=["decide"])
    def reject(self, request: HttpRequest, queryset: QuerySet[Suggestion]) -> None:
        """With the reason that was typed."""
        rows, reason = list(queryset), request.POST.get("reason", "")
        self._say(
            request,
            lambda: suggestions_decide(suggestions=rows, action="reject", reason=reason, user=request.user),
            rows,
        )

    def _typed(self, request: HttpRequest, rows: list[Suggestion], *, accept: bool) -> None:
        """Take over the quantities that were typed; the others are accepted as they stand when ``accept``."""
        typed = [(row, quantity_read(request.POST.get(f"quantity-{row.pk}", ""), row)) for row in rows]
        same = [row for row, quantity in typed if quantity == row.to_order]
        with transaction.atomic():
            for row, quantity in typed:
                if quantity != row.to_order:
                    suggestions_decide(suggestions=[row], action="edit", quantity=quantity, user=request.user)
            if accept and same:
                suggestions_decide(suggestions=same, action="accept", user=request.user)

    def _say(self, request: HttpRequest, work: Any, rows: list[Suggestion]) -> None:
        try:
            work()
        except DecisionError as error:
            messages.error(request, str(error))
        else:
            text = ngettext("%(n)d suggestion decided.", "%(n)d suggestions decided.", len(rows))
            messages.success(request, text % {"n": len(rows)})

    def response_action(self, request: HttpRequest, queryset: QuerySet[Any], *args: Any) -> HttpResponse | None:
        """Back to the same place of the list, ready for the next ticks."""
        answer = super().response_action(request, queryset, *args)
        return answer or HttpResponseRedirect(request.get_full_path())


def _cover(row: Suggestion) -> list[str]:
    """How many days the stock lasts, and until when."""
    if row.status == Suggestion.Status.STOCKED_OUT:
        return [_("nothing left")]
    days = days_left(row)
    if row.cover_days is None or days is None:
        return [_("no demand")]
    told = ngettext("lasts %(n)s day", "lasts %(n)s days", days) % {"n": format_value(days)}
    if row.stock_out_on is None:
        return [told]
    return [told + ",", _("until %(day)s") % {"day": date_format(row.stock_out_on, "SHORT_DATE_FORMAT")}]


def quantity_read(text: str, row: Suggestion) -> Decimal:
    """A quantity as typed; raises ``DecisionError``."""
    if not text.strip():
        return row.to_order
    try:
        value = Decimal(text.strip().replace(",", "."))
    except InvalidOperation:
        value = Decimal("NaN")
    if not value.is_finite() or value < 0 or value >= 10**9:
        raise DecisionError(
            _("“%(text)s” is no quantity for “%(product)s”: type a number of 0 or more.")
            % {"text": text[:20], "product": row.product}
        )
    return value
