"""Volume prices in the admin: what is suggested and why, dismissed with a way back; and the parts of the trade."""

from __future__ import annotations

from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import path
from django.urls.resolvers import URLPattern
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from django_ecomai.conf import ecomai
from django_ecomai.core.admin import ViewOnlyMixin
from django_ecomai.core.charts import bar_chart, format_value
from django_ecomai.pricing import offer_words
from django_ecomai.pricing.models import VolumeOffer
from django_ecomai.pricing.offers_export import offers_csv
from django_ecomai.pricing.offers_job import KIND
from django_ecomai.pricing.segments_stored import segments_latest
from django_ecomai.pricing.services import offers_dismiss, offers_restore
from django_ecomai.pricing.worklist import costs_simulated
from django_ecomai.runs.models import Run

from .base import SEGMENTS, START, PricingAdmin

DISMISS = "ecomai_pricing.dismiss_volumeoffer"


class DismissedFilter(admin.SimpleListFilter):
    """What is suggested, unless what was dismissed is asked for."""

    title = gettext_lazy("decision")
    parameter_name = "show"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [("dismissed", _("dismissed")), ("all", _("all"))]

    def choices(self, changelist: Any) -> Any:
        for choice in super().choices(changelist):
            if choice["query_string"] == changelist.get_query_string(remove=[self.parameter_name]):
                choice["display"] = _("suggested")
            yield choice

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        if self.value() == "all":
            return queryset
        return queryset.filter(dismissed_at__isnull=self.value() != "dismissed")


@admin.register(VolumeOffer)
class VolumeOfferAdmin(ViewOnlyMixin, PricingAdmin):
    """The largest expected gain first."""

    list_display = ("offer", "expected", "evidence", "made_at")
    list_display_links = None
    list_select_related = ("product", "other")
    list_filter = (DismissedFilter, "kind")
    search_fields = ("=product__external_id", "=other__external_id", "=product__sku", "product__title")
    search_help_text = gettext_lazy("Shop's id, SKU, or a word of the title")
    sortable_by = ()
    ordering = ("-gain", "pk")
    actions = ("dismiss", "restore")
    change_list_template = "ecomai/pricing/admin/offers.html"

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view
        return [
            path("segments/", view(self.segments_view), name="ecomai_pricing_volumeoffer_segments"),
            path("csv/", view(self.csv_view), name="ecomai_pricing_volumeoffer_csv"),
            *super().get_urls(),
        ]

    def has_dismiss_permission(self, request: HttpRequest) -> bool:
        """For ``permissions`` of the actions."""
        return request.user.has_perm(DISMISS)

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        """With what to do with a suggestion, and the buttons."""
        channel = request.GET.get("channel", ecomai.CHANNEL)
        context = {
            "is_nav_sidebar_enabled": False,  # the table needs the room
            "start_url": self.link("ecomai_runs_run_start") if request.user.has_perm(START) else "",
            "csv_url": self.link("ecomai_pricing_volumeoffer_csv"),
            "kind": KIND,
            "worked_out": Run.objects.filter(kind=KIND, channel=channel, state=Run.State.DONE).exists(),
            "simulated": costs_simulated(channel=channel),
        }
        return super().changelist_view(request, {**context, **(extra_context or {})})

    def csv_view(self, request: HttpRequest) -> HttpResponse:
        """What is suggested, as a file."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        text = offers_csv(channel=request.GET.get("channel", ecomai.CHANNEL))
        headers = {"Content-Disposition": 'attachment; filename="volume-prices.csv"'}
        return HttpResponse(text, content_type="text/csv; charset=utf-8", headers=headers)

    def segments_view(self, request: HttpRequest) -> HttpResponse:
        """A picture and a table per attribute."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        run, found = segments_latest(channel=request.GET.get("channel", ecomai.CHANNEL))
        request.current_app = self.admin_site.name
        context = {
            **self.admin_site.each_context(request),
            "title": SEGMENTS,
            "missing": _missing(found) if found else "",
            "opts": self.opts,
            "run": run,
            "tables": [_table(one) for one in found],
            "price_links": self.price_links(request),
            "list_url": self.link("ecomai_pricing_volumeoffer_changelist"),
        }
        return TemplateResponse(request, "ecomai/pricing/admin/segments.html", context)

    @admin.display(description=gettext_lazy("what to enter"))
    def offer(self, row: VolumeOffer) -> SafeString:
        parts = [row.product] if row.other is None else [row.product, row.other]
        links = format_html_join(
            " + ",
            '<a href="{}">{}</a>',
            ((self.link("ecomai_mirror_product_change", one.pk), one.title) for one in parts),
        )
        kind = "" if row.other is None else format_html("{}: ", row.get_kind_display())
        return format_html("<strong>{}{}</strong><br>{}", kind, links, row.what)

    @admin.display(description=gettext_lazy("expected"))
    def expected(self, row: VolumeOffer) -> str:
        return offer_words.gain_line(row)

    @admin.display(description=gettext_lazy("why"))
    def evidence(self, row: VolumeOffer) -> str:
        return offer_words.rests_line(row)

    @admin.action(description=gettext_lazy("Dismiss"), permissions=["dismiss"])
    def dismiss(self, request: HttpRequest, queryset: QuerySet[VolumeOffer]) -> None:
        """They are not suggested again."""
        number = len(offers_dismiss(offers=queryset, user=request.user))
        text = ngettext("%(n)s suggestion dismissed.", "%(n)s suggestions dismissed.", number)
        url = f"{self.link('ecomai_pricing_volumeoffer_changelist')}?show=dismissed"
        said = text % {"n": format_value(number)}
        messages.success(request, format_html('{} <a href="{}">{}</a>', said, url, _("Bring them back…")))

    @admin.action(description=gettext_lazy("Bring back"), permissions=["dismiss"])
    def restore(self, request: HttpRequest, queryset: QuerySet[VolumeOffer]) -> None:
        """As if they had not been dismissed."""
        number = len(offers_restore(offers=queryset, user=request.user))
        text = ngettext("%(n)s suggestion brought back.", "%(n)s suggestions brought back.", number)
        messages.success(request, text % {"n": format_value(number)})


def _missing(found: list[dict[str, Any]]) -> str:
    """What could not be compared, as the shop has fewer than two of it."""
    there = {str(one.get("attribute", "")) for one in found}
    names = [str(offer_words.ATTRIBUTES[name]) for name in ("region", "customer_tier", "channel") if name not in there]
    if not names:
        return ""
    return _("Not compared, as fewer than two are known: %(names)s.") % {"names": ", ".join(names)}


def _table(found: dict[str, Any]) -> dict[str, Any]:
    """One attribute: bars of per cent of demand lost per per cent of price, and the same with intervals as rows."""
    attribute = str(found.get("attribute", ""))
    heading = offer_words.ATTRIBUTES.get(attribute, attribute)
    rows = [(offer_words.segment_name(attribute, str(one.get("name", ""))), one) for one in found.get("segments", [])]
    known = [(name, -one["elasticity"]) for name, one in rows if one.get("elasticity") is not None]
    title = _("By how many per cent demand falls when the price rises by one")
    return {
        "heading": heading,
        "products": format_value(found.get("products", 0)),
        "picture": bar_chart(known, title=f"{heading}: {title}", width=460, label_width=200) if len(known) > 1 else "",
        "picture_help": title,
        "rows": [(name, offer_words.segment_cells(one)) for name, one in rows],
        "is_volume": attribute == "volume",
    }
