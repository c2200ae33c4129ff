"""The worklist of proposed prices: tick, look at what they come to together, approve or reject."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import F, QuerySet
from django.http import HttpRequest, HttpResponse
from django.urls.resolvers import URLPattern
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from django_ecomai.conf import ecomai
from django_ecomai.core.admin import ChannelFilter, ReadOnlyAdminMixin
from django_ecomai.core.admin_parts import badge, simulated_badge
from django_ecomai.core.charts import sparkline
from django_ecomai.core.prose import prose
from django_ecomai.pricing import words
from django_ecomai.pricing.asked import channel_asked, of_channel
from django_ecomai.pricing.held import exact_amount
from django_ecomai.pricing.models import PriceProposal
from django_ecomai.pricing.services import adapter_applies
from django_ecomai.pricing.worklist import worklist_summary

from .base import APPLY, DECIDE, START, STYLES, PricingAdmin
from .worklist_decide import WorklistDecide
from .worklist_filters import LIST_FILTERS
from .worklist_head import WorklistChangeList
from .worklist_pages import WorklistPages
from .worklist_waiting import ACTIONS as WAITING_ACTIONS
from .worklist_waiting import MomentForm

State = PriceProposal.State
RISKS = {"low": "ok", "medium": "warning", "high": "error"}
STATES = {
    State.APPROVED: "info", State.SCHEDULED: "info", State.WRITING: "info", State.APPLIED: "ok",
    State.REJECTED: "quiet", State.STALE: "warning", State.FAILED: "error", State.UNDONE: "quiet",
    State.HELD: "warning",
}  # fmt: skip
SETTLED = ("applied", "held", "rejected", "undone", "trouble")  # choices of the filter
DEFERRED = ("curve", "trail", "product__description", "product__attributes")


@admin.register(PriceProposal)
class PriceProposalAdmin(WorklistDecide, WorklistPages, ReadOnlyAdminMixin, PricingAdmin):
    """Rows are written by the job; here they are decided."""

    readonly_note = ""
    list_display = ("what", "price", "expected", "demand", "competitors", "standing")
    list_display_links = None
    list_filter = LIST_FILTERS
    list_select_related = ("product", "rule")
    search_fields = ("=product__external_id", "=product__sku", "product__title")
    search_help_text = gettext_lazy("Shop's id, SKU, or a word of the title")
    sortable_by = ("expected",)
    ordering = (F("gain").desc(nulls_last=True), "pk")
    list_per_page = 30
    actions = ("approve", "put", "move", "reopen", "reject")
    change_list_template = "ecomai/pricing/admin/worklist.html"

    class Media:
        css = {"all": STYLES}
        js = ("ecomai/keys.js", "ecomai/worklist.js")

    def has_decide_permission(self, request: HttpRequest) -> bool:
        """For ``allowed_permissions`` of actions."""
        return request.user.has_perm(DECIDE)

    def get_urls(self) -> list[URLPattern]:
        return [*self.page_urls(), *super().get_urls()]

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[WorklistChangeList]:
        """The one that counts."""
        return WorklistChangeList

    def get_queryset(self, request: HttpRequest) -> QuerySet[PriceProposal]:
        """Without what only the page of one product shows."""
        queryset = super().get_queryset(request)
        match = request.resolver_match
        if match is not None and (match.url_name or "").endswith("_changelist"):
            return queryset.select_related("product", "rule").defer(*DEFERRED)
        return queryset

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        """With the numbers above the list and the buttons that this user may press."""
        channel = channel_asked(request)
        context = {
            "summary": worklist_summary(channel=channel),
            "is_nav_sidebar_enabled": False,  # the table needs the room
            "may_decide": self.has_decide_permission(request),
            # What is held back or settled has no button that would do anything.
            "is_decidable": request.GET.get("show") not in SETTLED,
            "is_waiting": request.GET.get("show") == "waiting",
            "may_put": request.user.has_perm(APPLY),
            "may_move": request.user.has_perm(APPLY) and adapter_applies(channel),
            "may_reopen": self.has_decide_permission(request),
            "moment_form": MomentForm(),
            "time_zone": timezone.get_current_timezone_name(),
            "applies": adapter_applies(channel),
            "start_url": self.link("ecomai_runs_run_start") if request.user.has_perm(START) else "",
            "replay_url": of_channel(self.link("ecomai_pricing_priceproposal_replay"), channel),
            "csv_url": of_channel(self.link("ecomai_pricing_priceproposal_csv"), channel),
            "selections_url": of_channel(self.link("ecomai_pricing_priceproposal_selections"), channel),
            "channel": channel,
            **(extra_context or {}),
        }
        return super().changelist_view(request, context)

    def get_actions(self, request: HttpRequest) -> dict[str, Any]:
        """None, and with them no boxes to tick, where what is shown is held back or settled; of approved ones those
        that do something with them."""
        shown = request.GET.get("show")
        if shown in SETTLED:
            return {}
        wanted = WAITING_ACTIONS if shown == "waiting" else ("approve", "reject")
        return {name: one for name, one in super().get_actions(request).items() if name in wanted}

    def get_list_filter(self, request: HttpRequest) -> Any:
        """With the shop that the numbers above the list are of, in place of the filter that shows all shops."""
        return [one for one in super().get_list_filter(request) if one is not ChannelFilter]

    # -- columns
    @admin.display(description=gettext_lazy("product"))
    def what(self, row: PriceProposal) -> SafeString:
        said = row.held_words or ". ".join(
            filter(None, [words.goal_words(row), words.demand_words(row) or words.limit_words(row)])
        )
        return format_html(
            '<a class="ecomai-what" href="{}">{}</a> <span class="ecomai-quiet">{}</span><p class="ecomai-why">{}</p>',
            self.link("ecomai_pricing_priceproposal_change", row.pk),
            row.product.title,
            row.product.sku or row.product.external_id,
            prose(said),
        )

    @admin.display(description=gettext_lazy("price"))
    def price(self, row: PriceProposal) -> SafeString:
        if row.new_price is None:
            return format_html("{}", exact_amount(row.old_price, row.currency))
        change = row.change or 0.0
        return format_html(
            '{} → <span class="ecomai-new-price">{}</span> <span class="ecomai-line-of {}">{}</span>',
            exact_amount(row.old_price, row.currency, named=False),
            exact_amount(row.new_price, row.currency),
            "ecomai-up" if change > 0 else "ecomai-down",
            words.signed_percent(change),
        )

    @admin.display(description=gettext_lazy("expected gain"), ordering=F("gain").asc(nulls_first=True))
    def expected(self, row: PriceProposal) -> SafeString:
        if row.gain is None:
            return format_html('<span class="ecomai-quiet">{}</span>', _("not known"))
        first, between = words.gain_words(row)
        lines = [between, _("chance of a gain %(chance)s") % {"chance": words.gain_chance(row)}]
        if row.horizon_days != ecomai.PRICING_HORIZON_DAYS:  # else the head of the list says it for all
            lines.append(_("in %(days)s days") % {"days": row.horizon_days})
        return format_html(
            '<strong class="ecomai-line-of">{} <span class="ecomai-phone">{}</span></strong>{}',
            first,
            _("expected gain"),
            _quiet(lines),
        )

    @admin.display(description=gettext_lazy("demand"))
    def demand(self, row: PriceProposal) -> SafeString:
        title = _("Sold per week: %(product)s") % {"product": row.product.title}
        units = (row.history or {}).get("units") or []
        return format_html(
            '{}<span class="ecomai-line-of ecomai-quiet">{} <span class="ecomai-phone">{}</span></span>',
            sparkline(units, title=title, width=84),
            words.elasticity_words(row),
            _("price elasticity"),
        )

    @admin.display(description=gettext_lazy("competitors"))
    def competitors(self, row: PriceProposal) -> SafeString:
        if not row.market:
            return format_html('<span class="ecomai-quiet">{}</span>', _("no offers"))
        lowest = _("from %(price)s") % {"price": exact_amount(row.market.get("lowest"), row.currency)}
        told = format_html('<span class="ecomai-line-of">{}</span>{}', words.market_words(row), _quiet([lowest]))
        return told + simulated_badge() if row.market.get("simulated") else told

    @admin.display(description=gettext_lazy("risk"))
    def standing(self, row: PriceProposal) -> SafeString:
        parts = [] if row.state == State.HELD else [badge(words.RISKS.get(row.risk, row.risk), RISKS[row.risk])]
        if row.state != State.OPEN:
            parts.append(badge(row.get_state_display(), STATES.get(State(row.state), "info")))
        if row.state == State.SCHEDULED and row.apply_at:
            moment = date_format(timezone.localtime(row.apply_at), "SHORT_DATETIME_FORMAT")
            text = (
                _("%(moment)s at the earliest, if those that go first do well")
                if getattr(row, "follows", False)
                else "%(moment)s"
            )
            parts.append(format_html('<span class="ecomai-quiet">{}</span>', text % {"moment": moment}))
        if row.reason:
            parts.append(format_html('<span class="ecomai-quiet">{}</span>', row.reason))
        return format_html_join("", '<span class="ecomai-line-of">{}</span>', ((part,) for part in parts))


def _quiet(lines: list[str]) -> SafeString:
    return format_html_join(
        "", '<span class="ecomai-line-of ecomai-quiet">{}</span>', ((prose(line),) for line in lines)
    )
