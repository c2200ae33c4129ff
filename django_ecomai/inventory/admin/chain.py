"""All suppliers side by side."""

from __future__ import annotations

from typing import Any

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import path
from django.urls.resolvers import URLPattern
from django.utils.formats import number_format
from django.utils.translation import gettext as _

from django_ecomai.conf import ecomai
from django_ecomai.core.charts import format_value
from django_ecomai.inventory.pictures import chain_picture, constraint_words
from django_ecomai.inventory.scorecards import Scorecard, scorecards, stands_for
from django_ecomai.inventory.words import money_format
from django_ecomai.mirror.admin.base import NONE

PICTURES = 8


class ChainMixin:
    """Mix in before the admin's base class: adds the page."""

    admin_site: Any
    opts: Any
    link: Any

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(self.chain_view)
        return [path("chain/", view, name="ecomai_inventory_supplier_chain"), *super().get_urls()]  # type: ignore[misc]

    def chain_view(self, request: HttpRequest) -> HttpResponse:
        """Scorecards as a table, the way of goods as pictures."""
        if not self.has_view_permission(request):  # type: ignore[attr-defined]
            raise PermissionDenied
        channel = request.GET.get("channel", ecomai.CHANNEL)
        cards = scorecards(channel=channel)
        context = {
            **self.admin_site.each_context(request),
            "title": _("Suppliers side by side"),
            "opts": self.opts,
            "heads": [
                _("Complete on the day agreed"),
                _("Lead time agreed, days"),
                _("Lead time really, days"),
                _("Slowest tenth takes, days"),
                _("Trend, days per 90 days"),
                _("Late orders"),
                _("Products"),
                _("Products without another supplier"),
                _("Margin of a week"),
                _("Margin at risk"),
            ],
            "rows": [
                (card, self.link("ecomai_inventory_supplier_change", card.supplier.pk), _cells(card)) for card in cards
            ],
            "pictures": [
                (card, chain_picture(card, []), constraint_words(card)) for card in cards[:PICTURES] if card.constraint
            ],
            "simulated": any(card.supplier.is_simulated for card in cards),
            "as_of": stands_for(channel),
        }
        return TemplateResponse(request, "ecomai/inventory/admin/chain.html", context)


def _cells(card: Scorecard) -> list[str]:
    def days(value: float | None, sign: bool = False) -> str:
        if value is None:
            return NONE
        number = number_format(abs(value), decimal_pos=1)
        mark = "+" if sign and value > 0 else "−" if value < 0 else ""
        return mark + number if number.strip("0.,") else number

    return [
        NONE if card.on_time_in_full is None else f"{format_value(round(100 * card.on_time_in_full))} %",
        days(float(card.supplier.lead_time_days)),
        days(card.lead_mean),
        days(card.lead_p90),
        days(card.trend, sign=True),
        format_value(card.late_orders),
        format_value(card.products),
        format_value(card.single_source),
        money_format(card.margin_per_week, card.currency),
        money_format(card.margin_at_risk, card.currency),
    ]
