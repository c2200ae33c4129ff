"""The results of price tests: as a file, and what may be kept of one."""

from __future__ import annotations

from typing import Any

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.urls import path
from django.urls.resolvers import URLPattern
from django.utils.translation import gettext as _

from django_ecomai.conf import ecomai
from django_ecomai.mirror.admin.base import amount_format
from django_ecomai.pricing.models import PriceTest
from django_ecomai.pricing.price_test_export import price_tests_csv

from .price_test_decide import may_keep


class ResultMixin:
    """Mixed into the admin of price tests, before its base."""

    change_list_template: Any = "ecomai/pricing/admin/price_test_list.html"
    admin_site: Any
    link: Any
    has_view_permission: Any

    def get_urls(self) -> list[URLPattern]:
        urls: list[URLPattern] = super().get_urls()  # type: ignore[misc]
        view = self.admin_site.admin_view(self.csv_view)
        return [path("csv/", view, name="ecomai_pricing_pricetest_csv"), *urls]

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

    def result_links(self, request: HttpRequest, row: PriceTest) -> dict[str, Any]:
        """For the page of a test: the buttons that keep a price, and the test of several that it belongs to."""
        prices = (("high", _("Keep %(price)s"), row.high), ("low", _("Keep %(price)s"), row.low))
        ended = row.state == PriceTest.State.DONE and row.product.price == row.base_price
        return {
            "keeps": [
                (name, text % {"price": amount_format(price, row.currency)}) for name, text, price in prices
            ] if ended and may_keep(request) else [],
            "group": row.group,
            "group_url": self.link("ecomai_pricing_pricetestgroup_change", row.group_id) if row.group_id else "",
        }  # fmt: skip
