"""Competitors and their offers in the admin: what they ask now and before, and where the shop stands."""

from __future__ import annotations

from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import Count, Max, QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import path
from django.urls.resolvers import URLPattern
from django.utils.formats import date_format
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.timezone import localtime
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from django_ecomai.conf import ecomai
from django_ecomai.core.admin import ViewOnlyMixin
from django_ecomai.core.admin_parts import badge, simulated_badge
from django_ecomai.core.charts import CHART_SCRIPTS, canvas_chart
from django_ecomai.mirror.admin.base import NONE, day_format
from django_ecomai.mirror.models import Product
from django_ecomai.pricing.asked import channel_asked, key_asked, text_asked
from django_ecomai.pricing.held import exact_amount
from django_ecomai.pricing.market import fresh_since, market_positions
from django_ecomai.pricing.market_alerts import MARKET_ALERTS, MarketAlert
from django_ecomai.pricing.market_rows import offer_looked_at, unmatched_rows
from django_ecomai.pricing.market_stored import KIND, MarketNumbers, market_numbers_shown
from django_ecomai.pricing.models import Competitor, CompetitorMatch, CompetitorOffer
from django_ecomai.pricing.models.rules import POSITION_WORDS
from django_ecomai.pricing.services.competitors_deciding import MatchError, match_declare

from .base import MARKET
from .market_base import MarketAdmin, percent
from .market_import import ImportMixin

MOST_POINTS = 200


@admin.register(Competitor)
class CompetitorAdmin(MarketAdmin):
    """Whose prices are watched."""

    list_display = ("name", "code", "number", "last_seen", "is_active", "simulated")
    list_filter = ("is_active",)
    search_fields = ("=code", "name")
    sortable_by = ()
    ordering = ("name", "pk")
    fields = ("channel", ("name", "code"), "url", "currency", "is_active", "note")
    change_list_template = "ecomai/pricing/admin/market_list.html"

    def get_queryset(self, request: HttpRequest) -> QuerySet[Competitor]:
        """With the number of offers and the newest of them."""
        rows = super().get_queryset(request)
        return rows.annotate(offers_number=Count("offers"), newest=Max("offers__observed_at"))

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        """Cards on phones."""
        return super().changelist_view(request, {"cards_on_phones": True, **(extra_context or {})})

    @admin.display(description=gettext_lazy("offers"))
    def number(self, row: Competitor) -> str:
        url = self.link("ecomai_pricing_competitoroffer_changelist")
        number = int(getattr(row, "offers_number", 0))
        return format_html('<a href="{}?competitor__id__exact={}">{}</a>', url, row.pk, number) if url else str(number)

    @admin.display(description=gettext_lazy("last seen"))
    def last_seen(self, row: Competitor) -> str:
        newest = getattr(row, "newest", None)
        return day_format(newest) if newest else NONE

    @admin.display(description="")
    def simulated(self, row: Competitor) -> str:
        return simulated_badge() if row.is_simulated else ""


class DoubtFilter(admin.SimpleListFilter):
    """Offers that are not used, and why."""

    title = gettext_lazy("use")
    parameter_name = "use"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [
            ("unmatched", _("without a product")),
            ("old", _("too old")),
            *[pair for pair in CompetitorOffer.Doubt.choices if pair[0]],
        ]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        if self.value() is None:
            return queryset
        if self.value() == "unmatched":
            return unmatched_rows(queryset)
        if self.value() == "old":
            return queryset.filter(observed_at__lt=fresh_since())
        return queryset.filter(doubt=self.value())


@admin.register(CompetitorOffer)
class CompetitorOfferAdmin(ImportMixin, ViewOnlyMixin, MarketAdmin):
    """Offers come from files, REST or the adapter; here they are read, and told which product they are."""

    list_display = ("what", "price_now", "ours", "stock", "seen", "use")
    list_display_links = None
    list_filter = (("competitor", admin.RelatedOnlyFieldListFilter), DoubtFilter, "available")
    list_select_related = ("competitor",)
    search_fields = ("=ean", "=sku", "=external_id", "title")
    search_help_text = gettext_lazy("EAN, SKU, the competitor's id, or a word of the title")
    sortable_by = ()
    ordering = ("-observed_at", "-pk")
    change_list_template = "ecomai/pricing/admin/market_list.html"

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view
        return [
            path("market/", view(self.market_view), name="ecomai_pricing_competitoroffer_market"),
            path("<int:pk>/product/", view(self.product_view), name="ecomai_pricing_competitoroffer_product"),
            *super().get_urls(),
        ]

    def get_queryset(self, request: HttpRequest) -> QuerySet[CompetitorOffer]:
        """With what was accepted."""
        return super().get_queryset(request).prefetch_related("matches__product")

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        """Without the menu at the side."""
        context = {
            "cards_on_phones": True,
            "is_nav_sidebar_enabled": False,  # the table needs the room
            **(extra_context or {}),
        }
        return super().changelist_view(request, context)

    # -- columns
    @admin.display(description=gettext_lazy("offer"))
    def what(self, row: CompetitorOffer) -> SafeString:
        return format_html(
            '<a class="ecomai-what" href="{}">{}</a> {}<p class="ecomai-why">{}</p>',
            self.link("ecomai_pricing_competitoroffer_change", row.pk),
            row.title or row.ean or row.sku,
            simulated_badge() if row.competitor.is_simulated else "",
            " · ".join(filter(None, [row.competitor.name, row.brand, row.sku, row.ean])),
        )

    @admin.display(description=gettext_lazy("price"))
    def price_now(self, row: CompetitorOffer) -> str:
        return exact_amount(row.price, row.currency)

    @admin.display(description=gettext_lazy("your product"))
    def ours(self, row: CompetitorOffer) -> str:
        match = accepted_match(row)
        if match is None:
            return NONE
        own = exact_amount(match.product.price, match.product.currency)
        return format_html('{}<span class="ecomai-quiet"> {}</span>', match.product.title, own)

    @admin.display(description=gettext_lazy("in stock"))
    def stock(self, row: CompetitorOffer) -> str:
        return NONE if row.available is None else _("yes") if row.available else badge(_("sold out"), "warning")

    @admin.display(description=gettext_lazy("seen"))
    def seen(self, row: CompetitorOffer) -> str:
        return day_format(row.observed_at)

    @admin.display(description=gettext_lazy("use"))
    def use(self, row: CompetitorOffer) -> str:
        return use_badge(row)

    # -- pages
    def changeform_view(
        self, request: HttpRequest, object_id: Any = None, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        """An offer: its price and availability over time, and which product it is."""
        rows = self.get_queryset(request).select_related("competitor")
        offer = rows.filter(pk=key_asked(object_id)).first()
        if offer is None:
            raise Http404(_("There is no such offer."))
        if not self.has_view_permission(request, offer):
            raise PermissionDenied
        match = accepted_match(offer)
        position = None
        if match is not None:
            found = market_positions(channel=offer.competitor.channel, product_ids=[match.product_id])
            position = found.get(match.product_id)
        context = {
            **self.admin_site.each_context(request),
            **self.market_context(request),
            "title": offer.title or offer.ean or offer.sku,
            "opts": self.opts,
            "offer": offer,
            "match": match,
            "matches": [
                (one, badge(one.get_state_display(), {"accepted": "ok", "rejected": "quiet"}.get(one.state, "warning")))
                for one in offer.matches.all()
            ],
            "position": position,
            "position_word": POSITION_WORDS.get(position.position, "") if position else "",
            "use": use_badge(offer),
            "chart": _history_chart(offer),
            "chart_scripts": CHART_SCRIPTS,
            "may_decide": request.user.has_perm("ecomai_pricing.decide_competitormatch"),
            "looked_at": offer_looked_at(offer),
            "kind": KIND,
            "channel": offer.competitor.channel,
            "facts": _facts(offer, match),
            **(extra_context or {}),
        }
        return TemplateResponse(request, "ecomai/pricing/admin/market_offer.html", context)

    def product_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Say by hand which product an offer is: ``POST product`` (the shop's id or SKU)."""
        if not request.user.has_perm("ecomai_pricing.decide_competitormatch"):
            raise PermissionDenied
        offer = self.get_queryset(request).select_related("competitor").filter(pk=pk).first()
        if offer is None or request.method != "POST":
            raise Http404(_("There is no such offer."))
        told = text_asked(request.POST.get("product"))
        products = Product.objects.filter(channel=offer.competitor.channel, removed_at=None)
        product = products.filter(external_id=told).first() or (products.filter(sku=told).first() if told else None)
        if product is None:
            messages.error(request, _("There is no product with the id or SKU “%(told)s”.") % {"told": told})
        else:
            try:
                match_declare(offer=offer, product=product, user=request.user)
                messages.success(request, _("It is “%(product)s” from now on.") % {"product": product})
            except MatchError as error:
                messages.error(request, str(error))
        return HttpResponseRedirect(self.link("ecomai_pricing_competitoroffer_change", pk))

    def market_view(self, request: HttpRequest) -> HttpResponse:
        """Where the shop stands: positions per category, and what happened."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        channel = channel_asked(request)
        found = market_numbers_shown(channel=channel)
        context = {
            **self.admin_site.each_context(request),
            **self.market_context(request),
            "title": MARKET,
            "opts": self.opts,
            "found": found,
            "kind": KIND,
            "channel": channel,
            "words": POSITION_WORDS,
            "categories": [
                (row, percent(row.gap), [(row.counts[one], _share(row, one)) for one in POSITION_WORDS])
                for row in (found.categories if found else [])
            ],
            "alerts": [_alerts(kind, label, found) for kind, label in MARKET_ALERTS.items()] if found else [],
            "simulated": Competitor.objects.filter(channel=channel, is_simulated=True, is_active=True).exists(),
            "days": ecomai.PRICING_COMPETITOR_MAX_AGE_DAYS,
            "offer_page": "admin:ecomai_pricing_competitoroffer_change",
        }
        return TemplateResponse(request, "ecomai/pricing/admin/market_overview.html", context)


def _alerts(kind: str, label: Any, found: MarketNumbers) -> tuple[Any, int, list[MarketAlert], int]:
    """Name, how many, the first of them, and how many more there are."""
    number, rows = found.alerts.get(kind, 0), found.first.get(kind, [])
    return label, number, rows, number - len(rows)


def accepted_match(offer: CompetitorOffer) -> CompetitorMatch | None:
    """Out of what was prefetched."""
    return next((one for one in offer.matches.all() if one.state == CompetitorMatch.State.ACCEPTED), None)


def use_badge(offer: CompetitorOffer) -> SafeString:
    """Whether an offer counts, and if not, why."""
    if offer.doubt:
        return badge(offer.get_doubt_display(), "error")
    if offer.observed_at < fresh_since():
        return badge(_("too old"), "quiet")
    match = accepted_match(offer)
    if match is None:
        return badge(_("without a product"), "warning")
    sure = match.decided_at is not None or match.confidence >= ecomai.PRICING_MATCH_ACCEPT
    return badge(_("used"), "ok") if sure else badge(_("not sure enough"), "warning")


def _share(row: Any, position: str) -> str:
    return f"{round(100 * row.counts[position] / row.products)} %" if row.products else NONE


def _facts(offer: CompetitorOffer, match: CompetitorMatch | None) -> list[tuple[Any, Any]]:
    stock = NONE if offer.available is None else _("yes") if offer.available else _("sold out")
    facts: list[tuple[Any, Any]] = [
        (_("Competitor"), offer.competitor.name),
        (_("Price"), exact_amount(offer.price, offer.currency)),
        (_("In stock"), stock),
        (_("Seen"), date_format(localtime(offer.observed_at), "SHORT_DATETIME_FORMAT")),
        (_("Brand"), offer.brand or NONE),
        ("EAN", offer.ean or NONE),
        ("SKU", offer.sku or NONE),
    ]
    if match is not None:
        facts.append((_("Your price"), exact_amount(match.product.price, match.product.currency)))
    return facts


def _history_chart(offer: CompetitorOffer) -> SafeString:
    points = list(offer.prices.order_by("-observed_at")[:MOST_POINTS])[::-1]
    labels = [date_format(localtime(point.observed_at), "SHORT_DATE_FORMAT") for point in points]
    prices = [point.price for point in points]
    series: list[tuple[Any, Any]] = [(_("price"), prices)]
    sold_out = [point.price if point.available is False else None for point in points]
    if any(value is not None for value in sold_out):
        series.append((_("sold out at this price"), sold_out))
    if points and points[-1].observed_at.date() != offer.observed_at.date():
        labels.append(date_format(localtime(offer.observed_at), "SHORT_DATE_FORMAT"))
        series = [(name, [*values, values[-1]]) for name, values in series]
    title = _("Price in %(currency)s since each change") % {"currency": offer.currency}
    return canvas_chart(kind="line", labels=labels, series=series, title=title, label_heading=_("Since"), stepped=True)
