"""How demand answers to prices, and the tests that would tell more."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db.models import F, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed, HttpResponseRedirect
from django.urls import URLPattern, path
from django.utils.formats import number_format
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from django_ecomai.conf import ecomai
from django_ecomai.core.admin import ReadOnlyAdminMixin
from django_ecomai.core.charts import format_value
from django_ecomai.core.prose import prose
from django_ecomai.mirror.admin.base import NONE
from django_ecomai.pricing import words
from django_ecomai.pricing.asked import channel_asked, text_asked
from django_ecomai.pricing.held import exact_amount
from django_ecomai.pricing.models import ProductElasticity
from django_ecomai.pricing.services import adapter_applies
from django_ecomai.pricing.services.price_test_groups import MOST_PRODUCTS
from django_ecomai.runs.services import run_start

from .base import APPLY, START, PricingAdmin, labelled

LEARN = "ecomai_pricing_productelasticity_learn"


@admin.register(ProductElasticity)
class ProductElasticityAdmin(ReadOnlyAdminMixin, PricingAdmin):
    """One row per product: an elasticity with its interval, or why there is none."""

    readonly_note = gettext_lazy(
        "By how many per cent demand changes when a price rises by one, as the last run learned it, with its "
        "interval. Where a small test would tell more, it is proposed."
    )
    list_display = ("product", "value", "interval", "known", "learned_from", "test")
    list_select_related = ("product",)
    list_filter = ("source", "reason")
    search_fields = ("=product__external_id", "=product__sku", "product__title")
    search_help_text = gettext_lazy("Shop's id, SKU, or a word of the title")
    # PostgreSQL would begin with those that have no test
    ordering = (F("test_worth").desc(nulls_last=True), "pk")
    fields = ("product", "says", "rests_on", "known", "learned_from", "test", "proposal")
    readonly_fields = fields
    sortable_by = ()
    actions = ("try_together",)

    def has_apply_permission(self, request: HttpRequest) -> bool:
        """For ``permissions`` of the action."""
        return request.user.has_perm(APPLY)

    @admin.action(description=gettext_lazy("Try two prices of all of them by week …"), permissions=["apply"])
    def try_together(self, request: HttpRequest, queryset: QuerySet[ProductElasticity]) -> HttpResponse:
        """Leads to the page that says which of them can be tested together."""
        keys = ",".join(str(pk) for pk in queryset.values_list("product_id", flat=True)[:MOST_PRODUCTS])
        return HttpResponseRedirect(f"{self.link('ecomai_pricing_pricetestgroup_start')}?products={keys}")

    change_list_template = "ecomai/pricing/admin/elasticities.html"

    def get_urls(self) -> list[URLPattern]:
        """With the button's own."""
        learn = path("learn/", self.admin_site.admin_view(self.learn_view), name=LEARN)
        return [learn, *super().get_urls()]

    def learn_view(self, request: HttpRequest) -> HttpResponse:
        """POST ``channel``: learn again now, however young the elasticities are, and show the page of the run."""
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        if not request.user.has_perm(START):
            raise PermissionDenied
        channel = text_asked(request.POST.get("channel", ecomai.CHANNEL))[:32]
        run = run_start(kind="pricing.propose", channel=channel, parameters={"learn": True}, user=request.user)
        return HttpResponseRedirect(self.link("ecomai_runs_run_change", run.pk) or "../")

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> Any:
        from django_ecomai.pricing.learning import learned_at  # with it come the readers of sales

        channel = channel_asked(request)
        context = {
            "channel": channel,
            "learned_at": learned_at(channel=channel),
            "learn_days": ecomai.PRICING_LEARN_DAYS,
            "learn_url": self.link(LEARN) if request.user.has_perm(START) else "",
            "cards_on_phones": True,
            "is_nav_sidebar_enabled": False,  # the table needs the room
            **(extra_context or {}),
        }
        return super().changelist_view(request, context)

    def get_list_display(self, request: HttpRequest) -> Any:
        """Who may put prices into the shop starts tests here."""
        may = request.user.has_perm(APPLY) and adapter_applies(channel_asked(request))
        return (*self.list_display[:-1], "try_prices") if may else self.list_display

    @admin.display(description=gettext_lazy("price test"))
    def try_prices(self, row: ProductElasticity) -> SafeString:
        url = self.link("ecomai_pricing_pricetest_start", row.product_id)
        if row.test_low is None or not url:
            return format_html("{}", self.test(row))
        name = _("Price test …")
        return format_html(
            '{} <a class="ecomai-line-of" href="{}" aria-label="{}">{}</a>',
            self.test(row), url, f"{name} {row.product}", name,
        )  # fmt: skip

    @admin.display(description=gettext_lazy("elasticity"))
    def value(self, row: ProductElasticity) -> SafeString:
        return labelled(_two(row.elasticity), _("price elasticity"))

    @admin.display(description=gettext_lazy("between"))
    def interval(self, row: ProductElasticity) -> str:
        if row.low is None or row.high is None:
            return str(row.get_reason_display()) if row.reason else NONE
        return _("%(low)s to %(high)s") % {"low": _two(row.low), "high": _two(row.high)}

    # -- of its page
    @admin.display(description=gettext_lazy("what it says"))
    def says(self, row: ProductElasticity) -> str:
        if row.elasticity is None:
            return _("It is not known: %(reason)s.") % {"reason": row.get_reason_display() or NONE}
        told = _("If the price rises by 1 %%, demand changes by %(value)s %% (%(low)s to %(high)s).") % {
            "value": _two(row.elasticity), "low": _two(row.low), "high": _two(row.high)
        }  # fmt: skip
        return prose(told)

    @admin.display(description=gettext_lazy("rests on"))
    def rests_on(self, row: ProductElasticity) -> str:
        text = _(
            "%(weeks)s weeks on sale at %(prices)s prices, %(rate)s pieces per week. Its own sales count for "
            "%(share)s, its category and the shop for the rest."
        )
        named = {"weeks": row.periods, "prices": row.levels, "rate": format_value(round(row.rate, 1))}
        return prose(text % {**named, "share": words.percent(row.weight)})

    @admin.display(description=gettext_lazy("price proposal"))
    def proposal(self, row: ProductElasticity) -> str:
        found = row.product.price_proposals.order_by("-made_at", "-pk").values_list("pk", flat=True).first()
        url = self.link("ecomai_pricing_priceproposal_change", found) if found else ""
        return format_html('<a href="{}">{}</a>', url, _("Open it")) if url else NONE

    @admin.display(description=gettext_lazy("evidence"))
    def known(self, row: ProductElasticity) -> str:
        return str(words.STRENGTHS.get(row.strength, row.strength))

    @admin.display(description=gettext_lazy("learned from"))
    def learned_from(self, row: ProductElasticity) -> str:
        return str(row.get_source_display())

    @admin.display(description=gettext_lazy("price test"))
    def test(self, row: ProductElasticity) -> str:
        if row.test_low is None or row.test_high is None:
            return NONE
        currency = row.product.currency
        told = _("%(low)s and %(high)s in turn, %(weeks)s weeks") % {
            "low": exact_amount(row.test_low, currency, named=False), "high": exact_amount(row.test_high, currency),
            "weeks": row.test_weeks,
        }  # fmt: skip
        return prose(told)


def _two(value: float | None) -> str:
    return NONE if value is None else prose(number_format(round(value, 2), decimal_pos=2))
