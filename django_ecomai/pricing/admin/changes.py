"""Prices that were put into the shop, what became of them, and the way back."""

from __future__ import annotations

from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from django_ecomai.core.admin import ReadOnlyAdminMixin
from django_ecomai.core.admin_parts import badge
from django_ecomai.core.charts import format_value
from django_ecomai.mirror.admin.base import amount_format
from django_ecomai.pricing import words
from django_ecomai.pricing.apply_job import AT_ONCE
from django_ecomai.pricing.models import PriceChange
from django_ecomai.pricing.services import PricingError, change_undo

from .base import UNDO, PricingAdmin

VERDICTS = {"kept": "ok", "below": "error", "unknown": "quiet", "": "info"}


@admin.register(PriceChange)
class PriceChangeAdmin(ReadOnlyAdminMixin, PricingAdmin):
    """Newest first; tick and take back."""

    readonly_note = gettext_lazy(
        "What was done to prices in the shop. Tick a price to take it back; that works while the shop still has it."
    )
    list_display = ("moment", "what", "price", "done", "who", "outcome")
    list_display_links = None
    list_select_related = ("product", "user", "proposal")
    list_filter = ("kind", "verdict")
    search_fields = ("=product__external_id", "=product__sku", "product__title")
    search_help_text = gettext_lazy("Shop's id, SKU, or a word of the title")
    day_field = "at"
    sortable_by = ()
    list_per_page = AT_ONCE
    actions = ("take_back",)

    def has_undo_permission(self, request: HttpRequest) -> bool:
        """For ``allowed_permissions`` of actions."""
        return request.user.has_perm(UNDO)

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> Any:
        context = {
            "cards_on_phones": True,
            "is_nav_sidebar_enabled": False,  # the table needs the room
            **(extra_context or {}),
        }
        return super().changelist_view(request, context)

    @admin.display(description=gettext_lazy("when"))
    def moment(self, row: PriceChange) -> str:
        return str(date_format(timezone.localtime(row.at), "SHORT_DATETIME_FORMAT"))

    @admin.display(description=gettext_lazy("product"))
    def what(self, row: PriceChange) -> SafeString:
        name = "ecomai_pricing_priceproposal_change"
        url = self.link(name, row.proposal_id) if row.proposal_id else ""
        if not url:
            return format_html("{}", row.product.title)
        return format_html('<a href="{}">{}</a>', url, row.product.title)

    @admin.display(description=gettext_lazy("price"))
    def price(self, row: PriceChange) -> SafeString:
        share = float(row.new_price / row.old_price) - 1 if row.old_price else None
        return format_html(
            '{} → <span class="ecomai-new-price">{}</span> <span class="ecomai-quiet">{}</span>',
            amount_format(row.old_price),
            amount_format(row.new_price, row.currency),
            words.signed_percent(share),
        )

    @admin.display(description=gettext_lazy("what was done"))
    def done(self, row: PriceChange) -> str:
        text = str(row.get_kind_display())
        return _("%(what)s, went first") % {"what": text} if row.is_canary else text

    @admin.display(description=gettext_lazy("who"))
    def who(self, row: PriceChange) -> str:
        return str(row.user or _("the schedule"))

    @admin.display(description=gettext_lazy("what became of it"))
    def outcome(self, row: PriceChange) -> SafeString:
        if row.undone_at is not None:
            return badge(_("undone"), "quiet")
        if row.kind != PriceChange.Kind.APPLY:
            return SafeString("")
        return badge(row.get_verdict_display(), VERDICTS.get(row.verdict, "info"))

    @admin.action(description=gettext_lazy("Take back: the price before"), permissions=["undo"])
    def take_back(self, request: HttpRequest, queryset: QuerySet[PriceChange]) -> HttpResponse | None:
        """First the prices that would come back; then each by itself: what the shop has changed since is left alone,
        and named."""
        rows = list(queryset.select_related("product", "proposal")[: AT_ONCE + 1])
        if len(rows) > AT_ONCE:
            text = _("At most %(n)s prices are taken back at once: tick fewer.")
            messages.error(request, text % {"n": format_value(AT_ONCE)})
            return None
        if "confirmed" not in request.POST:
            return self.take_back_page(request, rows)
        done = 0
        for change in rows:
            try:
                change_undo(change=change, user=request.user)
            except PricingError as error:
                messages.warning(request, str(error))
            else:
                done += 1
        if done:
            text = ngettext("%(n)s price was taken back.", "%(n)s prices were taken back.", done)
            messages.success(request, text % {"n": format_value(done)})
        return None

    def take_back_page(self, request: HttpRequest, rows: list[PriceChange]) -> HttpResponse:
        """What the shop would say again, and yes or no."""
        context = {
            **self.admin_site.each_context(request),
            "title": ngettext("Take back %(n)s price", "Take back %(n)s prices", len(rows))
            % {"n": format_value(len(rows))},
            "opts": self.opts,
            "rows": [
                {
                    "pk": row.pk,
                    "title": row.product.title,
                    "now": amount_format(row.new_price, row.currency),
                    "then": amount_format(row.old_price, row.currency),
                }
                for row in rows
            ],
            "list_url": request.get_full_path(),
        }
        return TemplateResponse(request, "ecomai/pricing/admin/take_back.html", context)
