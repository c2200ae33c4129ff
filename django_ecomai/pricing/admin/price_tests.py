"""Price tests: started after a page that says what they cost and teach, watched, and stopped."""

from __future__ import annotations

import secrets
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.models import LogEntry
from django.contrib.contenttypes.models import ContentType
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import path
from django.urls.resolvers import URLPattern
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_POST

from django_ecomai.core.admin import ReadOnlyAdminMixin
from django_ecomai.core.admin_parts import badge
from django_ecomai.core.db import without_transaction
from django_ecomai.forecast.days import local_date
from django_ecomai.mirror.models import Product
from django_ecomai.pricing.asked import key_asked
from django_ecomai.pricing.held import exact_amount
from django_ecomai.pricing.models import PriceTest
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

from .base import APPLY, PricingAdmin
from .price_test_result import ResultMixin

STATES = {PriceTest.State.RUNNING: "info", PriceTest.State.DONE: "ok", PriceTest.State.STOPPED: "warning"}
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
class PriceTestAdmin(ReadOnlyAdminMixin, ResultMixin, PricingAdmin):
    """Two prices in turn, week by week, the same for everybody."""

    readonly_note = gettext_lazy(
        "Two prices of a product in turn, week by week and the same for everybody. Start one under “Price "
        "elasticities” or on the page of a price proposal."
    )
    list_display = ("what", "standing", "both", "starts_on", "started_by", "reason")
    list_display_links = None
    list_select_related = ("product", "started_by")
    list_filter = ("state",)
    search_fields = ("=product__external_id", "=product__sku")
    search_help_text = gettext_lazy("Shop's id or SKU")
    sortable_by = ()

    def get_urls(self) -> list[URLPattern]:
        view, name = self.admin_site.admin_view, "ecomai_pricing_pricetest"
        return [
            path("start/<int:product>/", view(self.start_view), name=f"{name}_start"),
            path("<int:pk>/approve/", view(require_POST(self.approve_view)), name=f"{name}_approve"),
            path("<int:pk>/stop/", without_transaction(view(require_POST(self.stop_view))), name=f"{name}_stop"),
            *super().get_urls(),
        ]

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> Any:
        return super().changelist_view(request, {"cards_on_phones": True, **(extra_context or {})})

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
                if test.state == PriceTest.State.ASKED:
                    messages.info(request, _("The test waits for a second person, who must approve it."))
                else:
                    messages.success(request, _("The test begins on Monday; its weeks are drawn."))
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
        row = self._row(request, object_id)
        kind = ContentType.objects.get_for_model(PriceTest)
        log = LogEntry.objects.filter(content_type=kind, object_id=str(row.pk)).select_related("user")
        may = request.user.has_perm(APPLY)
        context = {
            **self.admin_site.each_context(request),
            **test_context(test=row),
            **self.result_links(request, row),
            "title": _("Price test of “%(product)s”") % {"product": row.product.title},
            "opts": self.opts,
            "price_links": self.price_links(request),
            "row": row,
            "original": row,
            "state": badge(row.standing(local_date(timezone.now())), STATES.get(PriceTest.State(row.state), "info")),
            "may_approve": may and row.state == PriceTest.State.ASKED and row.started_by_id != request.user.pk,
            "approve_url": self.link("ecomai_pricing_pricetest_approve", row.pk),
            "may_stop": may and row.state in GOING,
            "stop_url": self.link("ecomai_pricing_pricetest_stop", row.pk),
            "log": list(log.order_by("-action_time", "-pk")[:20]),
            "simulated": costs_simulated(channel=row.channel),
            "product_url": self.link("ecomai_mirror_product_change", row.product_id),
            "list_url": self.link("ecomai_pricing_pricetest_changelist"),
        }
        return TemplateResponse(request, "ecomai/pricing/admin/price_test.html", context)

    def approve_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """POST: the second of two people lets it begin."""
        row = self._row(request, pk)
        if not request.user.has_perm(APPLY):
            raise PermissionDenied
        try:
            price_test_approve(test=row, user=request.user)
        except PricingError as error:
            messages.error(request, str(error))
        else:
            messages.success(request, _("The test begins on Monday; its weeks are drawn."))
        return HttpResponseRedirect(self.link("ecomai_pricing_pricetest_change", row.pk))

    def stop_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """POST ``reason``: end it and put the price before back."""
        row = self._row(request, pk)
        if not request.user.has_perm(APPLY):
            raise PermissionDenied
        reason = request.POST.get("reason", "").strip()
        if not reason:
            messages.error(request, _("Say why the test is stopped."))
        else:
            try:
                stopped = price_test_stop(test=row, user=request.user, reason=reason)
            except PricingError as error:
                messages.error(request, str(error))
            else:
                # the service adds to the reason what it could not restore
                if stopped.state in GOING:
                    told = _("The test ends as soon as the shop takes the price back, which is tried every hour.")
                    messages.warning(request, f"{told} {stopped.waits_for}")
                elif stopped.reason == reason[:500]:
                    price = exact_amount(stopped.product.price, stopped.currency)
                    messages.success(
                        request, _("The test is over; the shop has the price %(price)s.") % {"price": price}
                    )
                else:
                    messages.warning(request, stopped.reason)
        return HttpResponseRedirect(self.link("ecomai_pricing_pricetest_change", row.pk))

    def _row(self, request: HttpRequest, pk: Any) -> PriceTest:
        """The test, as far as this user may see it."""
        rows = self.get_queryset(request).select_related("product", "started_by", "group")
        row: PriceTest | None = rows.filter(pk=key_asked(pk)).first()
        if row is None:
            raise Http404(_("There is no such price test."))
        if not self.has_view_permission(request, row):
            raise PermissionDenied
        return row

    # -- columns
    @admin.display(description=gettext_lazy("product"))
    def what(self, row: PriceTest) -> SafeString:
        return format_html('<a href="{}">{}</a>', self.link("ecomai_pricing_pricetest_change", row.pk), row.product)

    @admin.display(description=gettext_lazy("state"))
    def standing(self, row: PriceTest) -> SafeString:
        return badge(row.standing(local_date(timezone.now())), STATES.get(PriceTest.State(row.state), "info"))

    @admin.display(description=gettext_lazy("prices"))
    def both(self, row: PriceTest) -> str:
        low = exact_amount(row.low, row.currency, named=False)
        return f"{low} / {exact_amount(row.high, row.currency)}"


def _problem(product: Product, plan: Plan) -> str:
    """Why these prices cannot be tried, before anybody presses the button."""
    try:
        return price_test_problems(product=product, pairs=[(plan.low, plan.high)])[0]
    except PricingError as error:
        return str(error)


def _plain(price: Any) -> str:
    """``9.80``: two digits at least, no more than there are."""
    text = f"{price.normalize():f}"
    return text if len(text.partition(".")[2]) >= 2 else f"{price:.2f}"
