"""The review list: is this offer this product? Two keys and the next pair."""

from __future__ import annotations

from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse
from django.urls import path
from django.urls.resolvers import URLPattern
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from django_ecomai.core.admin import FirstChoiceFilter, ViewOnlyMixin
from django_ecomai.core.admin_parts import badge, simulated_badge
from django_ecomai.core.paging import channels_of
from django_ecomai.pricing.asked import channel_asked, key_asked, of_channel
from django_ecomai.pricing.held import exact_amount
from django_ecomai.pricing.market_rows import decided_titles, review_rows
from django_ecomai.pricing.models import Competitor, CompetitorMatch
from django_ecomai.pricing.services.competitors_deciding import MatchError, match_undo, matches_decide

from .market_base import MarketAdmin, percent
from .worklist_filters import ShopFilter

DECIDE = "ecomai_pricing.decide_competitormatch"
#: As `ml.pricing.matching.model.LEAST`, which web processes do not import.
ENOUGH = 30
KINDS = {"proposed": "warning", "accepted": "ok", "rejected": "quiet"}


class ShowFilter(FirstChoiceFilter):
    """What is to decide, unless something else is asked for."""

    title = gettext_lazy("decision")
    parameter_name = "show"
    first_choice = gettext_lazy("to decide")

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [
            ("accepted", CompetitorMatch.State.ACCEPTED.label),
            ("rejected", CompetitorMatch.State.REJECTED.label),
            ("mine", _("decided by a person")),
            ("all", _("all")),
        ]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        shown = self.value()
        if shown is None:
            return queryset.filter(pk__in=review_rows(channel=channel_asked(request)).values("pk"))
        if shown == "mine":
            return queryset.filter(decided_at__isnull=False)
        return queryset if shown == "all" else queryset.filter(state=shown)


class CompetitorShopFilter(ShopFilter):
    """Of which shop: the table itself names none, the competitor's does."""

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        channels = channels_of(Competitor)
        return [(channel, channel or _("main shop")) for channel in channels] if len(channels) > 1 else []

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        return queryset.filter(offer__competitor__channel=channel_asked(request))


@admin.register(CompetitorMatch)
class CompetitorMatchAdmin(ViewOnlyMixin, MarketAdmin):
    """Pairs are found by the job; here they are decided."""

    list_display_links = None
    list_filter = (ShowFilter, CompetitorShopFilter, "method", ("offer__competitor", admin.RelatedOnlyFieldListFilter))
    list_select_related = ("offer__competitor", "product")
    search_fields = ("=product__external_id", "=product__sku", "=offer__ean", "offer__title")
    search_help_text = gettext_lazy("Shop's id or SKU, EAN, or a word of the offer's title")
    sortable_by = ()
    ordering = ("-confidence", "pk")
    list_per_page = 50
    actions = ("accept", "reject")
    change_list_template = "ecomai/pricing/admin/market_review.html"

    class Media:
        js = ("ecomai/keys.js", "ecomai/pricing/market.js")

    def has_decide_permission(self, request: HttpRequest) -> bool:
        """For ``allowed_permissions`` of actions."""
        return request.user.has_perm(DECIDE)

    def get_list_display(self, request: HttpRequest) -> tuple[str, ...]:
        """Who may not decide sees no buttons."""
        return ("offered", "ours", "sure", "decide" if self.has_decide_permission(request) else "standing")

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(self.decide_view)
        return [
            path("<int:pk>/<slug:action>/", view, name="ecomai_pricing_competitormatch_decide"),
            *super().get_urls(),
        ]

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        """With what is left, and what this user may do."""
        channel = channel_asked(request)
        waiting = review_rows(channel=channel)
        context = {
            **self.market_context(request),
            "channel": channel,
            "left": waiting.count(),
            "simulated": waiting.filter(offer__competitor__is_simulated=True).exists(),
            "may_decide": self.has_decide_permission(request),
            "learning": min(decided_titles(channel=channel).values()) < ENOUGH,
            "enough": ENOUGH,
            "cards_on_phones": True,
            "is_nav_sidebar_enabled": False,  # the two sides need the room
            **(extra_context or {}),
        }
        return super().changelist_view(request, context)

    def changeform_view(
        self, request: HttpRequest, object_id: Any = None, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        """A match has no page of its own: the offer's shows it."""
        match = self.get_queryset(request).filter(pk=key_asked(object_id)).first()
        if match is None:
            raise Http404(_("There is no such match."))
        return HttpResponseRedirect(self.link("ecomai_pricing_competitoroffer_change", match.offer_id))

    # -- columns
    @admin.display(description=gettext_lazy("offer"))
    def offered(self, row: CompetitorMatch) -> SafeString:
        offer = row.offer
        return format_html(
            '<a class="ecomai-what" href="{}">{}</a> {}<p class="ecomai-why">{}</p><strong>{}</strong>',
            self.link("ecomai_pricing_competitoroffer_change", offer.pk),
            offer_name(row),
            simulated_badge() if offer.competitor.is_simulated else "",
            " · ".join(filter(None, [offer.competitor.name, offer.brand, offer.sku, offer.ean])),
            exact_amount(offer.price, offer.currency),
        )

    @admin.display(description=gettext_lazy("your product"))
    def ours(self, row: CompetitorMatch) -> SafeString:
        product, price = row.product, row.offer.price
        gap = ""
        if price and product.price and row.offer.currency == product.currency:
            gap = _("the offer is %(gap)s") % {"gap": percent(float(price / product.price) - 1)}
        return format_html(
            '<span class="ecomai-what">{}</span><p class="ecomai-why">{}</p><strong>{}</strong> '
            '<span class="ecomai-quiet">{}</span>',
            product.title,
            " · ".join(filter(None, [product.brand, product.sku or product.external_id])),
            exact_amount(product.price, product.currency),
            gap,
        )

    @admin.display(description=gettext_lazy("confidence"))
    def sure(self, row: CompetitorMatch) -> SafeString:
        return format_html(
            '{} % <span class="ecomai-quiet ecomai-line-of">{}</span>',
            round(100 * row.confidence),
            row.get_method_display(),
        )

    @admin.display(description="")
    def decide(self, row: CompetitorMatch) -> SafeString:
        """Buttons of the row; they post the form of the list to an address of their own."""
        parts = []
        if row.state != CompetitorMatch.State.ACCEPTED:
            parts.append(("same", _("The same"), "default"))
        if row.state != CompetitorMatch.State.REJECTED:
            parts.append(("other", _("Not this product"), ""))
        if row.before:
            parts.append(("undo", _("Undo"), "ecomai-second"))
        state = "" if row.state == CompetitorMatch.State.PROPOSED else badge(row.get_state_display(), KINDS[row.state])
        # Each button names the pair that it is about: who hears the page does not see its row.
        buttons = format_html_join(
            " ",
            '<button class="button {}" formaction="{}" data-ecomai-decide="{}" aria-label="{}">{}</button>',
            (
                (
                    kind,
                    self.link("ecomai_pricing_competitormatch_decide", row.pk, action),
                    action,
                    f"{label}: {pair_words(row)}",
                    label,
                )
                for action, label, kind in parts
            ),
        )
        return format_html(
            '<span data-ecomai-state>{}</span> <span class="ecomai-buttons" data-ecomai-pair="{}" '
            'data-ecomai-offer="{}">{}</span>',
            state, pair_words(row), offer_name(row), buttons,
        )  # fmt: skip

    @admin.display(description=gettext_lazy("state"))
    def standing(self, row: CompetitorMatch) -> SafeString:
        return badge(row.get_state_display(), KINDS[row.state])

    # -- decisions
    def decide_view(self, request: HttpRequest, pk: int, action: str) -> HttpResponse:
        """``same``, ``other`` or ``undo``; answers with JSON where that is asked for, else goes back to the list."""
        if not self.has_decide_permission(request):
            raise PermissionDenied
        row = self.get_queryset(request).select_related("offer__competitor", "product").filter(pk=pk).first()
        if row is None or action not in ("same", "other", "undo") or request.method != "POST":
            raise Http404(_("There is no such match."))
        error = ""
        try:
            if action == "undo":
                match_undo(match=row, user=request.user)
            else:
                matches_decide(matches=[row], same=action == "same", user=request.user)
        except MatchError as problem:
            error = str(problem)
        row.refresh_from_db()
        if "application/json" in request.headers.get("Accept", ""):
            return JsonResponse(
                {"state": row.state, "label": row.get_state_display(), "error": error,
                 "left": review_rows(channel=row.offer.competitor.channel).count()},
                status=409 if error else 200,
            )  # fmt: skip
        if error:
            messages.error(request, error)
        else:
            messages.success(request, f"{pair_words(row)}: {row.get_state_display()}")
        url = self.link("ecomai_pricing_competitormatch_changelist")
        return HttpResponseRedirect(of_channel(url, row.offer.competitor.channel))

    @admin.action(description=gettext_lazy("The same"), permissions=["decide"])
    def accept(self, request: HttpRequest, queryset: QuerySet[CompetitorMatch]) -> None:
        """All that are ticked."""
        self._decide(request, queryset, same=True)

    @admin.action(description=gettext_lazy("Another product"), permissions=["decide"])
    def reject(self, request: HttpRequest, queryset: QuerySet[CompetitorMatch]) -> None:
        """They are not proposed again."""
        self._decide(request, queryset, same=False)

    def _decide(self, request: HttpRequest, queryset: QuerySet[CompetitorMatch], *, same: bool) -> None:
        try:
            number = matches_decide(matches=queryset, same=same, user=request.user)
        except MatchError as error:
            messages.error(request, str(error))
        else:
            text = ngettext("%(n)d pair decided.", "%(n)d pairs decided.", number) % {"n": number}
            messages.success(request, text)


def offer_name(row: CompetitorMatch) -> str:
    """What the offer is called, else its number."""
    return str(row.offer.title or row.offer.ean or row.offer.sku)


def pair_words(row: CompetitorMatch) -> str:
    """The pair in words: the offer with its price, and the product with its own."""
    offer, product = row.offer, row.product
    return _("offer “%(offer)s”, %(offer_price)s; your product “%(product)s”, %(price)s") % {
        "offer": offer_name(row),
        "offer_price": exact_amount(offer.price, offer.currency),
        "product": product.title,
        "price": exact_amount(product.price, product.currency),
    }
