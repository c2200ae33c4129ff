"""Price tests of several products: planned on a page that says which can take part, watched, stopped, and decided."""

from __future__ import annotations

import secrets
from datetime import date, timedelta
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import path
from django.urls.resolvers import URLPattern
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from django_ecomai.conf import ecomai
from django_ecomai.core.admin_parts import badge
from django_ecomai.core.charts import format_value
from django_ecomai.forecast.days import local_date
from django_ecomai.mirror.models import Product
from django_ecomai.pricing import words
from django_ecomai.pricing.asked import key_asked, text_asked
from django_ecomai.pricing.held import exact_amount
from django_ecomai.pricing.models import PriceTest, PriceTestGroup, PricingRule
from django_ecomai.pricing.price_test_pages import WEEKS, result_context
from django_ecomai.pricing.price_test_power import group_told
from django_ecomai.pricing.price_test_results import price_tests_result
from django_ecomai.pricing.price_test_several import group_rows, group_state
from django_ecomai.pricing.rule_preview import rule_product_ids
from django_ecomai.pricing.services import (
    PricingError,
    adapter_applies,
    price_test_group_approve,
    price_test_group_start,
    price_test_group_stop,
)
from django_ecomai.pricing.services.price_test_groups import MOST_PRODUCTS, GroupPlan, group_plan
from django_ecomai.pricing.services.price_tests import LONGEST
from django_ecomai.pricing.worklist import costs_simulated

from .base import APPLY
from .price_test_decide import STATES, DecidedAdmin, begins, may_keep

VIEW = "ecomai_pricing.view_pricetest"
SHOWN = 50


class GroupForm(forms.Form):
    """How far, for how long, and what it is called."""

    step = forms.FloatField(label=gettext_lazy("Step in per cent"), min_value=1, max_value=30, initial=4)
    weeks = forms.IntegerField(
        label=gettext_lazy("Weeks"), min_value=2, max_value=LONGEST, step_size=2, initial=WEEKS
    )  # fmt: skip
    name = forms.CharField(label=gettext_lazy("Name"), max_length=128, required=False)


@admin.register(PriceTestGroup)
class PriceTestGroupAdmin(DecidedAdmin):
    """Seen by whoever may see price tests."""

    page, named = "ecomai_pricing_pricetestgroup", "group"
    approve, stop = staticmethod(price_test_group_approve), staticmethod(price_test_group_stop)

    readonly_note = gettext_lazy(
        "Two prices of several products in turn: in every week half of them have the lower one. Choose products on the "
        "page “Price elasticities”, or open a rule."
    )
    list_display = ("what", "standing", "number", "starts_on", "started_by")
    list_display_links = None
    list_select_related = ("started_by",)
    sortable_by = ()

    def get_queryset(self, request: HttpRequest) -> Any:
        return group_rows(super().get_queryset(request))

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return request.user.has_perm(VIEW)

    def has_module_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm(VIEW)

    def get_urls(self) -> list[URLPattern]:
        start = path("start/", self.admin_site.admin_view(self.start_view), name=f"{self.page}_start")
        return [start, *super().get_urls()]

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> Any:
        context = {"title": _("Tests of several products"), "cards_on_phones": True, **(extra_context or {})}
        return super().changelist_view(request, context)

    def start_view(self, request: HttpRequest) -> HttpResponse:
        """GET ``products`` (keys) or ``rule``: which of them can be tested, at which prices. POST: it is started."""
        if not request.user.has_perm(APPLY):
            raise PermissionDenied
        given = request.POST if request.method == "POST" else request.GET
        channel, keys, name = _chosen(given)
        form = GroupForm(given if "step" in given else {"step": 4, "weeks": WEEKS, "name": name})
        plan, problem, warned = GroupPlan(), "", ""
        told: list[str] = []
        if form.is_valid():
            values = form.cleaned_data
            step = values["step"] / 100
            try:
                if request.method == "POST":
                    group = price_test_group_start(
                        channel=channel, product_ids=keys, step=step, weeks=values["weeks"], name=values["name"],
                        user=request.user, seed=secrets.randbelow(2**31),
                    )  # fmt: skip
                    messages.success(request, begins(group.tests.all()))
                    return HttpResponseRedirect(self.link("ecomai_pricing_pricetestgroup_change", group.pk))
                plan = group_plan(channel=channel, product_ids=keys, step=step)
                told, warned = group_told(plan, weeks=values["weeks"])
            except PricingError as error:
                problem = str(error)
        context = {
            **self.admin_site.each_context(request),
            "title": _("Try two prices of several products"),
            "opts": self.opts,
            "price_links": self.price_links(request),
            "form": form,
            "problem": problem,
            "plan": plan,
            "told": told,
            "warned": warned,
            "units": [
                (", ".join(one.title for one in unit.facts), *(
                    exact_amount(price, unit.facts[0].currency) for price in (unit.facts[0].price, unit.low, unit.high)
                ))
                for unit in plan.units[:SHOWN]
            ],
            "left_out": list(plan.left_out.items())[:SHOWN],
            "keys": ",".join(map(str, keys)),
            "channel": channel,
            "applies": adapter_applies(channel),
            "simulated": costs_simulated(channel=channel),
            "list_url": self.link("ecomai_pricing_pricetestgroup_changelist"),
        }  # fmt: skip
        return TemplateResponse(request, "ecomai/pricing/admin/price_test_group_start.html", context)

    def changeform_view(
        self, request: HttpRequest, object_id: Any = None, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        """One test: its result over all products, and the products."""
        row, tests = self._row(request, object_id)
        today, state = local_date(timezone.now()), group_state(tests)
        weeks = max(len(test.weeks.all()) for test in tests)
        kept = state == PriceTest.State.DONE and may_keep(request)
        context = {
            **self.decided(request, row, tests),
            **result_context(result=price_tests_result(tests), names=(_("Lower price"), _("Higher price"))),
            "title": _("Price test: %(product)s") % {"product": row.name},
            "state": badge(_state_told(state, row, today), STATES.get(PriceTest.State(state), "info")),
            "figures": [
                (_("Products"), format_value(len(tests))),
                (_("Step"), words.percent(row.step)),
                (_("First Monday"), date_format(row.starts_on, "SHORT_DATE_FORMAT")),
                (_("Weeks"), format_value(weeks)),
                (_("Planned until"), date_format(row.starts_on + timedelta(weeks=weeks), "SHORT_DATE_FORMAT")),
            ],
            "tests": [
                (self.link("ecomai_pricing_pricetest_change", test.pk), test.product.title,
                 exact_amount(test.low, test.currency, named=False), exact_amount(test.high, test.currency),
                 test.standing(today), test.reason_words)
                for test in tests
            ],
            "left_out": list(row.left_out_words.items()),
            "keeps": [("high", _("Keep the higher prices")), ("low", _("Keep the lower prices"))] if kept else [],
        }  # fmt: skip
        return TemplateResponse(request, "ecomai/pricing/admin/price_test_group.html", context)

    def tests_of(self, row: PriceTestGroup) -> Any:
        """Those of its products."""
        return row.tests

    # -- columns
    @admin.display(description=gettext_lazy("name"))
    def what(self, row: PriceTestGroup) -> SafeString:
        return format_html('<a href="{}">{}</a>', self.link("ecomai_pricing_pricetestgroup_change", row.pk), row.name)

    @admin.display(description=gettext_lazy("state"))
    def standing(self, row: Any) -> SafeString:
        state = PriceTest.State(row.state)
        return badge(_state_told(state, row, local_date(timezone.now())), STATES.get(state, "info"))

    @admin.display(description=gettext_lazy("products"))
    def number(self, row: Any) -> str:
        return format_value(row.products)


def _chosen(given: Any) -> tuple[str, list[int], str]:
    """The shop, the products and a name, from keys or a rule."""
    rule = PricingRule.objects.filter(pk=key_asked(given.get("rule"))).first()
    if rule is not None:
        return rule.channel, rule_product_ids(rule=rule, most=MOST_PRODUCTS), rule.name
    keys = [key_asked(one) for one in text_asked(given.get("products")).split(",") if key_asked(one)]
    keys = keys[: MOST_PRODUCTS + 1]
    first = Product.objects.filter(pk__in=keys).order_by("pk").values_list("channel", flat=True).first()
    return ecomai.CHANNEL if first is None else first, keys, ""


def _state_told(state: str, group: PriceTestGroup, today: date) -> str:
    """The state in words: what runs may not have begun."""
    if state == PriceTest.State.RUNNING and group.starts_on > today:
        return _("begins on its first Monday")
    return str(PriceTest.State(state).label)
