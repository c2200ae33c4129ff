"""Volume prices in the admin: what is suggested and why, dismissed with a way back; and the parts of the trade."""

from __future__ import annotations

from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.template.response import TemplateResponse
from django.urls import path
from django.urls.resolvers import URLPattern
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from django_ecomai.conf import ecomai
from django_ecomai.core.admin import ViewOnlyMixin
from django_ecomai.core.charts import bar_chart, format_value
from django_ecomai.pricing import offer_words
from django_ecomai.pricing.asked import channel_asked
from django_ecomai.pricing.models import VolumeOffer
from django_ecomai.pricing.offers_export import offers_csv
from django_ecomai.pricing.offers_job import KIND
from django_ecomai.pricing.segments_stored import segments_latest
from django_ecomai.pricing.selectors import OFFER_STATES
from django_ecomai.pricing.services import (
    PricingError,
    offers_approve,
    offers_dismiss,
    offers_restore,
    offers_withdraw,
)
from django_ecomai.pricing.worklist import costs_simulated
from django_ecomai.runs.models import Run

from .base import SEGMENTS, START, PricingAdmin

DISMISS, APPROVE = "ecomai_pricing.dismiss_volumeoffer", "ecomai_pricing.approve_volumeoffer"


class StateFilter(admin.SimpleListFilter):
    """What is suggested, unless something else is asked for."""

    title = gettext_lazy("decision")
    parameter_name = "show"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [("approved", _("approved")), ("dismissed", _("dismissed")), ("all", _("all"))]

    def choices(self, changelist: Any) -> Any:
        for choice in super().choices(changelist):
            if choice["query_string"] == changelist.get_query_string(remove=[self.parameter_name]):
                choice["display"] = _("suggested")
            yield choice

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        if self.value() == "all":
            return queryset
        return queryset.filter(OFFER_STATES.get(self.value() or "", OFFER_STATES["suggested"]))


@admin.register(VolumeOffer)
class VolumeOfferAdmin(ViewOnlyMixin, PricingAdmin):
    """The largest expected gain first."""

    list_display = ("offer", "expected", "evidence", "standing")
    list_display_links = None
    list_select_related = ("product", "other", "approved_by", "seconded_by")
    list_filter = (StateFilter, "kind")
    search_fields = ("=product__external_id", "=other__external_id", "=product__sku", "product__title")
    search_help_text = gettext_lazy("Shop's id, SKU, or a word of the title")
    sortable_by = ()
    ordering = ("-gain", "pk")
    actions = ("approve", "withdraw", "dismiss", "restore")
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

    def has_approve_permission(self, request: HttpRequest) -> bool:
        """For ``permissions`` of the actions."""
        return request.user.has_perm(APPROVE)

    def get_action_choices(self, request: HttpRequest, *args: Any) -> list[tuple[str, str]]:
        """Only what can be done with what the filter shows."""
        fits = {"approved": ("withdraw",), "dismissed": ("restore",), "all": self.actions}
        first_of_two = ("withdraw",) if ecomai.PRICING_FOUR_EYES else ()
        chosen = ("", *fits.get(request.GET.get("show", ""), ("approve", *first_of_two, "dismiss")))
        return [choice for choice in super().get_action_choices(request, *args) if choice[0] in chosen]

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        """With what to do with a suggestion, and the buttons."""
        channel = channel_asked(request)
        context = {
            "is_nav_sidebar_enabled": False,  # the table needs the room
            "start_url": self.link("ecomai_runs_run_start") if request.user.has_perm(START) else "",
            "csv_url": f"{self.link('ecomai_pricing_volumeoffer_csv')}?show={_shown(request)}",
            "shown": _shown(request),
            "four_eyes": ecomai.PRICING_FOUR_EYES,
            "kind": KIND,
            "worked_out": Run.objects.filter(kind=KIND, channel=channel, state=Run.State.DONE).exists(),
            "simulated": costs_simulated(channel=channel),
        }
        return super().changelist_view(request, {**context, **(extra_context or {})})

    def csv_view(self, request: HttpRequest) -> HttpResponseBase:
        """What is suggested, approved or dismissed, as a file."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        pieces = offers_csv(channel=channel_asked(request), state=_shown(request))
        headers = {"Content-Disposition": 'attachment; filename="volume-prices.csv"'}
        return StreamingHttpResponse(pieces, content_type="text/csv; charset=utf-8", headers=headers)

    def segments_view(self, request: HttpRequest) -> HttpResponse:
        """A picture and a table per attribute."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        run, found = segments_latest(channel=channel_asked(request))
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

    @admin.display(description=gettext_lazy("volume price"))
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

    @admin.display(description=gettext_lazy("decision"))
    def standing(self, row: VolumeOffer) -> str:
        if row.approved_at is None:
            first = _("approved by %(user)s; a second person must do so too") % {"user": row.seconded_by}
            return first if row.seconded_by is not None else _("worked out %s") % _day(row.made_at)
        named = {"day": _day(row.approved_at), "user": row.approved_by or "–"}
        said = _("approved %(day)s by %(user)s") % named
        if not row.held_reason:
            return said
        return format_html("{}<br><strong>{}</strong> {}", said, _("Held back:"), row.held_reason)

    @admin.action(description=gettext_lazy("Approve: the shop shows it from now on"), permissions=["approve"])
    def approve(self, request: HttpRequest, queryset: QuerySet[VolumeOffer]) -> None:
        """The shop shows and charges them from now on."""
        try:
            found = offers_approve(offers=queryset, user=request.user)
        except PricingError as problem:
            messages.error(request, str(problem))
            return
        if found.rows:
            number = len(found.rows)
            text = ngettext("%(n)s volume price approved.", "%(n)s volume prices approved.", number)
            url = f"{self.link('ecomai_pricing_volumeoffer_changelist')}?show=approved"
            said = text % {"n": format_value(number)}
            messages.success(request, format_html('{} <a href="{}">{}</a>', said, url, _("Take back…")))
        if found.first:
            number = len(found.first)
            text = ngettext(
                "%(n)s waits for a second person to approve it.",
                "%(n)s wait for a second person to approve them.",
                number,
            )
            messages.success(request, text % {"n": format_value(number)})
        for row, reason in found.refused[:10]:
            messages.error(request, f"{row}: {reason}")
        if len(found.refused) > 10:
            text = _("And %(n)s more were not approved.")
            messages.error(request, text % {"n": format_value(len(found.refused) - 10)})

    @admin.action(description=gettext_lazy("Take the approval back"), permissions=["approve"])
    def withdraw(self, request: HttpRequest, queryset: QuerySet[VolumeOffer]) -> None:
        """The shop shows them no more."""
        number = len(offers_withdraw(offers=queryset, user=request.user))
        text = ngettext("%(n)s approval taken back.", "%(n)s approvals taken back.", number)
        messages.success(request, text % {"n": format_value(number)})

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


def _shown(request: HttpRequest) -> str:
    """The state that the list shows; all: what is suggested."""
    asked = request.GET.get("show", "")
    return asked if asked in OFFER_STATES else "suggested"


def _day(moment: Any) -> str:
    return date_format(timezone.localtime(moment), "SHORT_DATE_FORMAT")


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
