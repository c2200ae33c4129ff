"""What the pages of price tests do with a result: keep one of the prices, and the list as a file."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import path
from django.urls.resolvers import URLPattern
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_POST

from django_ecomai.conf import ecomai
from django_ecomai.core.charts import format_value
from django_ecomai.core.db import without_transaction
from django_ecomai.mirror.admin.base import amount_format
from django_ecomai.pricing.apply_now import apply_now_or_start
from django_ecomai.pricing.models import PriceProposal, PriceTest
from django_ecomai.pricing.price_test_export import price_tests_csv
from django_ecomai.pricing.services import PricingError, price_tests_keep
from django_ecomai.runs.models import Run

from .base import APPLY, DECIDE


def may_keep(request: HttpRequest) -> bool:
    """Whether this user may approve a price and put it into the shop."""
    return request.user.has_perm(DECIDE) and request.user.has_perm(APPLY)


def keep(request: HttpRequest, tests: Sequence[PriceTest], *, channel: str) -> None:
    """POST ``price``, "high" or "low": approve it, put it into the shop, and say how that went."""
    if not may_keep(request):
        raise PermissionDenied
    wanted = request.POST.get("price")
    if wanted not in ("high", "low"):
        messages.error(request, _("Say which price is to stay."))
        return
    try:
        rows = price_tests_keep(tests=tests, higher=wanted == "high", user=request.user)
        approved = [row for row in rows if row.state == PriceProposal.State.APPROVED]
        found = apply_now_or_start(rows=approved, channel=channel, user=request.user) if approved else None
    except PricingError as error:
        messages.error(request, str(error))
        return
    if found is None:
        messages.info(request, _("Approved by you; a second person must approve it, by the same button."))
    elif isinstance(found, Run):
        messages.success(request, _("The prices are approved, and go into the shop now."))
    else:
        if number := len(found.changes):
            text = ngettext("%(n)s price is in the shop now.", "%(n)s prices are in the shop now.", number)
            messages.success(request, text % {"n": format_value(number)})
        for row in [*found.stale, *found.failed]:
            messages.warning(request, f"{row.product}: {row.held_words}")


class ResultMixin:
    """Mixed into the admin of price tests, before its base."""

    change_list_template: Any = "ecomai/pricing/admin/price_test_list.html"
    admin_site: Any
    link: Any
    has_view_permission: Any
    _row: Any

    def get_urls(self) -> list[URLPattern]:
        view, name = self.admin_site.admin_view, "ecomai_pricing_pricetest"
        urls: list[URLPattern] = super().get_urls()  # type: ignore[misc]
        return [
            path("csv/", view(self.csv_view), name=f"{name}_csv"),
            path("<int:pk>/keep/", without_transaction(view(require_POST(self.keep_view))), name=f"{name}_keep"),
            *urls,
        ]

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> Any:
        """With the ways to tests of several products and to the file."""
        context = {
            "csv_url": self.link("ecomai_pricing_pricetest_csv"),
            "groups_url": self.link("ecomai_pricing_pricetestgroup_changelist"),
            **(extra_context or {}),
        }
        return super().changelist_view(request, context)  # type: ignore[misc]

    def csv_view(self, request: HttpRequest) -> HttpResponse:
        """All tests with their results, as a file."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        text = price_tests_csv(channel=request.GET.get("channel", ecomai.CHANNEL))
        headers = {"Content-Disposition": 'attachment; filename="price-tests.csv"'}
        return HttpResponse(text, content_type="text/csv; charset=utf-8", headers=headers)

    def keep_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """POST ``price``: one of the two stays."""
        row = self._row(request, pk)
        keep(request, [row], channel=row.channel)
        return HttpResponseRedirect(self.link("ecomai_pricing_pricetest_change", row.pk))

    def result_links(self, request: HttpRequest, row: PriceTest) -> dict[str, Any]:
        """For the page of a test: the buttons that keep a price, and the test of several that it belongs to."""
        prices = (("high", _("Keep %(price)s"), row.high), ("low", _("Keep %(price)s"), row.low))
        ended = row.state == PriceTest.State.DONE and row.product.price == row.base_price
        return {
            "keep_url": self.link("ecomai_pricing_pricetest_keep", row.pk),
            "keeps": [
                (name, text % {"price": amount_format(price, row.currency)}) for name, text, price in prices
            ] if ended and may_keep(request) else [],
            "group": row.group,
            "group_url": self.link("ecomai_pricing_pricetestgroup_change", row.group_id) if row.group_id else "",
        }  # fmt: skip
