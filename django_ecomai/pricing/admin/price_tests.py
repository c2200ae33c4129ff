"""Price tests: started after a page that says what they cost and teach, watched, and stopped."""

from __future__ import annotations

import secrets
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import path
from django.urls.resolvers import URLPattern
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from django_ecomai.core.admin_parts import badge
from django_ecomai.core.prose import prose
from django_ecomai.forecast.days import local_date
from django_ecomai.mirror.models import Product
from django_ecomai.pricing.asked import channel_asked
from django_ecomai.pricing.held import exact_amount
from django_ecomai.pricing.models import PriceTest
from django_ecomai.pricing.price_test_export import price_tests_csv
from django_ecomai.pricing.price_test_pages import Plan, plan_suggested, plan_told, plan_warned, test_context
from django_ecomai.pricing.services import (
    PricingError,
    adapter_applies,
    price_test_approve,
    price_test_start,
    price_test_stop,
)
from django_ecomai.pricing.services.price_test_limits import price_test_problems
from django_ecomai.pricing.services.price_tests import GOING, LONGEST
from django_ecomai.pricing.worklist import costs_simulated

from .base import APPLY
from .price_test_decide import STATES, DecidedAdmin, begins, may_keep

PRICE: dict[str, Any] = {"max_digits": 14, "decimal_places": 4, "localize": False}


class PlanForm(forms.Form):
    """Which prices, and for how long; the service says what is wrong with them."""

    low = forms.DecimalField(label=gettext_lazy("Lower price"), min_value=0, **PRICE)
    high = forms.DecimalField(label=gettext_lazy("Higher price"), min_value=0, **PRICE)
    weeks = forms.IntegerField(label=gettext_lazy("Weeks"), min_value=2, max_value=LONGEST, step_size=2)

    def clean(self) -> dict[str, Any]:
        """The lower price is the lower one."""
        found = super().clean() or self.cleaned_data
        low, high = found.get("low"), found.get("high")
        if low is not None and high is not None and not 0 < low < high:
            raise forms.ValidationError(_("The lower price must be above 0 and below the higher one."))
        return found


@admin.register(PriceTest)
class PriceTestAdmin(DecidedAdmin):
    """Two prices in turn, week by week, the same for everybody."""

    page, named = "ecomai_pricing_pricetest", "test"
    approve, stop = staticmethod(price_test_approve), staticmethod(price_test_stop)

    readonly_note = gettext_lazy(
        "Two prices of a product in turn, week by week and the same for everybody. Start one under “Price "
        "elasticities” or on the page of a price proposal."
    )
    change_list_template = "ecomai/pricing/admin/price_test_list.html"
    list_display = ("what", "standing", "both", "begins", "started_by", "why")
    list_display_links = None
    list_select_related = ("product", "started_by", "group")
    list_filter = ("state",)
    search_fields = ("=product__external_id", "=product__sku")
    search_help_text = gettext_lazy("Shop's id or SKU")
    sortable_by = ()

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view
        return [
            path("start/<int:product>/", view(self.start_view), name=f"{self.page}_start"),
            path("csv/", view(self.csv_view), name=f"{self.page}_csv"),
            *super().get_urls(),
        ]

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> Any:
        """With the ways to tests of several products and to the file."""
        context = {
            "csv_url": self.link(f"{self.page}_csv"),
            "groups_url": self.link("ecomai_pricing_pricetestgroup_changelist"),
            "cards_on_phones": True,
            "is_nav_sidebar_enabled": False,  # the table needs the room
            **(extra_context or {}),
        }
        return super().changelist_view(request, context)

    def csv_view(self, request: HttpRequest) -> HttpResponse:
        """All tests with their results, as a file."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        text = price_tests_csv(channel=channel_asked(request))
        headers = {"Content-Disposition": 'attachment; filename="price-tests.csv"'}
        return HttpResponse(text, content_type="text/csv; charset=utf-8", headers=headers)

    def start_view(self, request: HttpRequest, product: int) -> HttpResponse:
        """GET: what a test would cost and teach, at the prices suggested or asked for. POST: it is started."""
        if not request.user.has_perm(APPLY):
            raise PermissionDenied
        row = Product.objects.filter(pk=product, removed_at=None).first()
        if row is None:
            raise Http404(_("There is no such product."))
        running = PriceTest.objects.filter(product=row, state__in=GOING).first()
        if running is not None and (page := self.link("ecomai_pricing_pricetest_change", running.pk)):
            messages.info(request, _("“%(product)s” is in a price test already.") % {"product": row})
            return HttpResponseRedirect(page)
        plan = plan_suggested(product=row)
        given = request.POST if request.method == "POST" else request.GET
        start = {"low": _plain(plan.low), "high": _plain(plan.high), "weeks": plan.weeks} if plan else {}
        form = PlanForm(given if "low" in given else None, initial=start)
        if form.is_bound:
            plan = Plan(**form.cleaned_data) if form.is_valid() else None
        if request.method == "POST" and form.is_bound and plan is not None:
            try:
                test = price_test_start(
                    product=row, low=plan.low, high=plan.high, weeks=plan.weeks, user=request.user,
                    seed=secrets.randbelow(2**31),
                )  # fmt: skip
            except PricingError as error:
                messages.error(request, str(error))
            else:
                messages.success(request, begins([test]))
                return HttpResponseRedirect(self.link("ecomai_pricing_pricetest_change", test.pk))
        context = {
            **self.admin_site.each_context(request),
            "title": _("Price test of “%(product)s”") % {"product": row.title},
            "opts": self.opts,
            "price_links": self.price_links(request),
            "product": row,
            "today": exact_amount(row.price, row.currency),
            "form": form,
            "problem": _problem(row, plan) if plan is not None else "",
            "warned": plan_warned(product=row, plan=plan) if plan is not None and row.price else "",
            "told": plan_told(product=row, plan=plan) if plan is not None and row.price else [],
            "applies": adapter_applies(row.channel),
            "simulated": costs_simulated(channel=row.channel),
            "list_url": self.link("ecomai_pricing_pricetest_changelist"),
        }
        return TemplateResponse(request, "ecomai/pricing/admin/price_test_start.html", context)

    def changeform_view(
        self, request: HttpRequest, object_id: Any = None, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        """One test: its weeks, what was sold at each price, and how to end it."""
        _found, (row,) = self._row(request, object_id)
        ended = row.state == PriceTest.State.DONE and row.product.price == row.base_price
        context = {
            **self.decided(request, row, [row]),
            **test_context(test=row),
            "keeps": [
                (name, _("Keep %(price)s") % {"price": exact_amount(price, row.currency)})
                for name, price in (("high", row.high), ("low", row.low))
            ] if ended and may_keep(request) else [],
            "group": row.group,
            "group_url": self.link("ecomai_pricing_pricetestgroup_change", row.group_id) if row.group_id else "",
            "title": _("Price test of “%(product)s”") % {"product": row.product.title},
            "state": badge(row.standing(local_date(timezone.now())), STATES.get(PriceTest.State(row.state), "info")),
            "product_url": self.link("ecomai_mirror_product_change", row.product_id),
        }  # fmt: skip
        return TemplateResponse(request, "ecomai/pricing/admin/price_test.html", context)

    def tests_of(self, row: PriceTest) -> Any:
        """Itself."""
        return PriceTest.objects.filter(pk=row.pk)

    # -- columns
    @admin.display(description=gettext_lazy("product"))
    def what(self, row: PriceTest) -> SafeString:
        url = self.link("ecomai_pricing_pricetest_change", row.pk)
        part = _("Part of “%(group)s”") % {"group": row.group} if row.group else ""
        return format_html('<a href="{}">{}</a> <span class="ecomai-quiet">{}</span>', url, row.product, part)

    @admin.display(description=gettext_lazy("state"))
    def standing(self, row: PriceTest) -> SafeString:
        return badge(row.standing(local_date(timezone.now())), STATES.get(PriceTest.State(row.state), "info"))

    @admin.display(description=gettext_lazy("why it was stopped"))
    def why(self, row: PriceTest) -> str:
        return prose(row.reason_words)

    @admin.display(description=gettext_lazy("prices"))
    def both(self, row: PriceTest) -> str:
        low = exact_amount(row.low, row.currency, named=False)
        both = f"{low} / {exact_amount(row.high, row.currency)}"
        return both.replace(" ", "\N{NO-BREAK SPACE}")

    @admin.display(description=gettext_lazy("first Monday"))
    def begins(self, row: PriceTest) -> str:
        return date_format(row.starts_on, "SHORT_DATE_FORMAT")


def _problem(product: Product, plan: Plan) -> str:
    """Why these prices cannot be tried, before anybody presses the button."""
    try:
        return str(price_test_problems(product=product, pairs=[(plan.low, plan.high)])[0])
    except PricingError as error:
        return str(error)


def _plain(price: Any) -> str:
    """``9.80``: two digits at least, no more than there are."""
    text = f"{price.normalize():f}"
    return text if len(text.partition(".")[2]) >= 2 else f"{price:.2f}"
