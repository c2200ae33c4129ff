"""Prices that were put into the shop, what became of them, and the way back."""

from __future__ import annotations

from typing import Any

from django.contrib import admin, messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import path
from django.urls.resolvers import URLPattern
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django.views.decorators.http import require_POST

from django_ecomai.core.admin import ReadOnlyAdminMixin
from django_ecomai.core.admin_parts import badge
from django_ecomai.core.charts import format_value
from django_ecomai.core.db import without_transaction
from django_ecomai.pricing import words
from django_ecomai.pricing.asked import key_asked, text_asked
from django_ecomai.pricing.held import exact_amount, why_of
from django_ecomai.pricing.models import PriceChange, PriceSelection
from django_ecomai.pricing.selection_job import AT_ONCE as DECIDED_AT_ONCE
from django_ecomai.pricing.selection_job import selection_start
from django_ecomai.pricing.services import (
    AgainstLimits,
    PricingError,
    change_undo,
    selection_confirm,
    undo_select,
)

from .base import UNDO, PricingAdmin
from .selections import PAGE, against_page, history_in_words

AT_ONCE = DECIDED_AT_ONCE["undo"]  # taken back within the request; more are a job's
RECENT = 2000  # changes whose approvals the filter lists
VERDICTS = {"kept": "ok", "below": "error", "unknown": "quiet", "": "info"}


class BatchFilter(admin.SimpleListFilter):
    """Prices that were approved together: the last ten approvals, and the one asked for."""

    title = gettext_lazy("approved together")
    parameter_name = "batch"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        rows = PriceChange.objects.filter(kind=PriceChange.Kind.APPLY).exclude(batch="").order_by("-at", "-pk")
        found: dict[str, list[Any]] = {}
        for batch, at in rows.values_list("batch", "at")[:RECENT]:
            found.setdefault(batch, []).append(at)
        named = {batch: self._named(times[-1], len(times)) for batch, times in list(found.items())[:10]}
        asked = text_asked(request.GET.get("batch"))[:32]
        if asked and asked not in named:
            named[asked] = str(_("the one that was asked for"))
        return list(named.items())

    def _named(self, at: Any, number: int) -> str:
        moment = date_format(timezone.localtime(at), "SHORT_DATETIME_FORMAT")
        return ngettext("%(moment)s: %(n)s price", "%(moment)s: %(n)s prices", number) % {
            "moment": moment, "n": format_value(number)
        }  # fmt: skip

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        return queryset.filter(batch=self.value()) if self.value() else queryset


class RunFilter(admin.SimpleListFilter):
    """Prices that one run has proposed; shown where one is asked for."""

    title = gettext_lazy("proposed by the run")
    parameter_name = "run"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        key = key_asked(request.GET.get("run"))
        return [(str(key), f"#{key}")] if key else []

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        key = key_asked(self.value())
        return queryset.filter(proposal__run_number=key) if key else queryset


@admin.register(PriceChange)
class PriceChangeAdmin(ReadOnlyAdminMixin, PricingAdmin):
    """Newest first; tick and take back."""

    readonly_note = gettext_lazy(
        "What was done to prices in the shop. Tick a price to take it back; that works while the shop still has it."
    )
    list_display = ("moment", "what", "price", "done", "who", "outcome")
    list_display_links = None
    list_select_related = ("product", "user", "proposal")
    list_filter = ("kind", "verdict", BatchFilter, RunFilter)
    search_fields = ("=product__external_id", "=product__sku", "product__title")
    search_help_text = gettext_lazy("Shop's id, SKU, or a word of the title")
    day_field = "at"
    sortable_by = ()
    list_per_page = AT_ONCE
    actions = ("take_back", "take_back_all")

    def has_undo_permission(self, request: HttpRequest) -> bool:
        """For ``allowed_permissions`` of actions."""
        return request.user.has_perm(UNDO)

    def get_urls(self) -> list[URLPattern]:
        view, name = self.admin_site.admin_view, "ecomai_pricing_pricechange"
        return [
            # What was written must stay noted, whatever fails afterwards: no transaction of the request around it.
            path("", without_transaction(view(self.changelist_view)), name=f"{name}_changelist"),
            path("take-back/", view(require_POST(self.take_back_view)), name=f"{name}_take_back"),
            *super().get_urls(),
        ]

    def history_view(self, request: HttpRequest, object_id: str, extra_context: Any = None) -> HttpResponse:
        """Django's page, its lines in the reader's language."""
        return history_in_words(super().history_view(request, object_id, extra_context))

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> Any:
        if request.method == "POST" and request.POST.get("action") == "take_back_all":
            # as if everything with these filters was ticked
            post = request.POST.copy()
            post["action"], post["select_across"] = "take_back", "1"
            post.setlist(ACTION_CHECKBOX_NAME, ["0"])
            request.POST = post  # type: ignore[assignment]
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
            exact_amount(row.old_price, row.currency, named=False),
            exact_amount(row.new_price, row.currency),
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
        shown = badge(row.get_verdict_display(), VERDICTS.get(row.verdict, "info"))
        refused = why_of(row.watch.get("refused"))
        return format_html('{} <span class="ecomai-quiet">{}</span>', shown, str(refused)) if refused else shown

    @admin.action(description=gettext_lazy("Take back: the price before"), permissions=["undo"])
    def take_back(self, request: HttpRequest, queryset: QuerySet[PriceChange]) -> HttpResponse | None:
        """First the prices that would come back; then each by itself: what the shop has changed since is left alone,
        and named. What a limit forbids is asked about on a page of its own, and many are a job's."""
        rows = list(queryset.select_related("product", "proposal")[: AT_ONCE + 1])
        if len(rows) > AT_ONCE:
            return self.take_back_many(request, queryset)
        if "confirmed" not in request.POST:
            return self.take_back_page(request, rows)
        done = 0
        against: list[Any] = []
        keys: list[int] = []
        for change in rows:
            try:
                change_undo(change=change, user=request.user, confirmed=request.POST.get("against") == "1")
            except AgainstLimits as error:
                against += error.against
                keys.append(change.pk)
            except PricingError as error:
                messages.warning(request, str(error))
            else:
                done += 1
        if done:
            text = ngettext("%(n)s price was taken back.", "%(n)s prices were taken back.", done)
            messages.success(request, text % {"n": format_value(done)})
        if not against:
            return None
        forbidden = {one.pk: reason for one, reason in against}
        hidden = [("action", "take_back"), ("index", "0"), ("confirmed", "1"), ("against", "1")]
        return against_page(
            self, request, rows=list({one.pk: one for one, _why in against}.values()), forbidden=forbidden,
            number=len(forbidden), hidden=[*hidden, *((ACTION_CHECKBOX_NAME, str(key)) for key in keys)],
            action_url=request.get_full_path(), list_url=request.get_full_path(),
        )  # fmt: skip

    @admin.action(description=gettext_lazy("Take back all with these filters …"), permissions=["undo"])
    def take_back_all(self, request: HttpRequest, queryset: QuerySet[PriceChange]) -> HttpResponse | None:
        """Never called: ``changelist_view`` presses the other one with everything ticked."""
        return self.take_back(request, queryset)

    def take_back_many(self, request: HttpRequest, queryset: QuerySet[PriceChange]) -> HttpResponse | None:
        """Store what was chosen, and ask."""
        channels = list(queryset.order_by().values_list("channel", flat=True).distinct()[:2])
        if len(channels) > 1:
            messages.error(request, _("These are prices of several shops: choose one of them first."))
            return None
        try:
            selection = undo_select(
                rows=queryset, channel=channels[0], user=request.user, filters=dict(request.GET.lists())
            )
        except PricingError:
            messages.warning(request, _("None of these is in the shop any more."))
            return None
        rows = PriceChange.objects.filter(pk__in=[pk for pk, _price in selection.parts.order_by("place")[0].rows])
        return self.take_back_page(request, list(rows.select_related("product")), selection=selection)

    def take_back_view(self, request: HttpRequest) -> HttpResponse:
        """POST ``selection``: its prices are taken back by a job."""
        if not self.has_undo_permission(request):
            raise PermissionDenied
        key = key_asked(request.POST.get("selection"))
        selection = PriceSelection.objects.filter(pk=key, kind=PriceSelection.Kind.UNDO).first()
        try:
            if selection is None:
                raise PricingError(_("This choice was too old and is forgotten: choose again."))
            selection_start(selection_confirm(selection=selection, user=request.user))
        except PricingError as error:
            messages.error(request, str(error))
            return HttpResponseRedirect(self.link("ecomai_pricing_pricechange_changelist"))
        return HttpResponseRedirect(self.link(PAGE, selection.pk))

    def take_back_page(
        self, request: HttpRequest, rows: list[PriceChange], selection: PriceSelection | None = None
    ) -> HttpResponse:
        """What the shop would say again, and yes or no."""
        number = len(rows) if selection is None else selection.number
        context = {
            **self.admin_site.each_context(request),
            "title": ngettext("Take back %(n)s price", "Take back %(n)s prices", number) % {"n": format_value(number)},
            "opts": self.opts,
            "rows": [
                {
                    "pk": row.pk,
                    "title": row.product.title,
                    "now": exact_amount(row.new_price, row.currency),
                    "then": exact_amount(row.old_price, row.currency),
                }
                for row in rows
            ],
            "more": number - len(rows),
            "selection": selection,
            "action_url": request.get_full_path()
            if selection is None
            else self.link("ecomai_pricing_pricechange_take_back"),
            "list_url": request.get_full_path(),
        }
        return TemplateResponse(request, "ecomai/pricing/admin/take_back.html", context)
