"""The page of the sales forecast in money, beside the targets."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _

from django_ecomai.conf import ecomai
from django_ecomai.core.charts import format_value

from .. import presenting
from ..models import Forecast, SalesTarget
from ..targets import target_states
from .pages import PageMixin

MOST_TARGETS = 20
MOST_SHOPS = 50


class SalesPage(PageMixin):
    """Mix in before an admin of forecasts."""

    get_queryset: Any
    has_view_permission: Any
    picture: Any

    def sales_view(self, request: HttpRequest) -> HttpResponse:
        """What the shop, its categories and countries will sell, beside the targets."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        channel = request.GET.get("channel", ecomai.CHANNEL)
        rows = list(
            self.get_queryset(request).filter(channel=channel, measure="money").defer("components").order_by("-total")
        )
        whole = next((row for row in rows if row.level == "shop"), None)
        presenting.near_finals(rows)
        effects = presenting.effects_of(whole) if whole else None
        user: Any = request.user
        may_see = user.has_perm("ecomai_forecast.view_salestarget")
        targets = SalesTarget.objects.filter(channel=channel).order_by("-ends_on", "level", "key")[:MOST_TARGETS]
        groups = [
            {"title": title, "rows": [self._sales_row(row) for row in rows if row.level == level]}
            for level, title in (
                ("category", _("Categories")),
                ("country", _("Countries")),
                ("segment", _("Customer segments")),
            )
        ]
        total = presenting.near_total(whole, presenting.final_mean(whole, effects)) if whole else (0.0, None)
        shops = self.get_queryset(request).filter(measure="money", level="shop").order_by("-total")[:MOST_SHOPS]
        if len(shops) > 1:
            groups.insert(0, {"title": _("Shops"), "rows": [self._shop_row(row) for row in shops]})
        context = {
            "title": _("Sales forecast"),
            "whole": whole,
            "chart": presenting.forecast_chart(whole, effects) if whole else "",
            "near": format_value(round(total[0])),
            "near_words": presenting.near_words(whole.frequency) if whole else "",
            "change": presenting.change_words(*total),
            "made_on": presenting.day_words(presenting.last_day(whole)) if whole else "",
            "before_words": presenting.before_words(whole.frequency) if whole else "",
            "season_note": presenting.season_note(whole) if whole else "",
            "range_words": presenting.range_words(whole) if whole else "",
            "range_note": presenting.range_note(whole, effects) if whole else "",
            "currency": ecomai.CURRENCY,
            "groups": [group for group in groups if group["rows"]],
            "targets": [_target_row(state) for state in target_states(targets=list(targets))] if may_see else [],
            "may_see_targets": may_see,
            "add_url": self.url("salestarget_add") if user.has_perm("ecomai_forecast.add_salestarget") else "",
            "targets_url": self.url("salestarget_changelist"),
            "list_url": self.url("forecast_changelist"),
            **self.train_context(request, channel),
        }
        return self.page(request, "ecomai/forecast/admin/sales.html", **context)

    def _shop_row(self, row: Forecast) -> dict[str, Any]:
        """A shop beside the others, with the way to its own sales."""
        name = row.channel or _("main shop")
        return {**self._sales_row(row), "title": name, "url": f"?{urlencode({'channel': row.channel})}"}

    def _sales_row(self, row: Forecast) -> dict[str, Any]:
        now, change = presenting.near_change(row)
        return {
            "title": row.title,
            "url": self.url("forecast_change", row.pk),
            "picture": self.picture(row),
            "near": format_value(now),
            "change": change,
        }


def _target_row(state: Any) -> dict[str, Any]:
    chance = state.chance
    return {
        "target": state.target,
        "title": state.title or state.target.get_level_display(),
        "amount": format_value(float(state.target.amount)),
        "sold": format_value(state.sold),
        "expected": format_value(state.expected),
        "share": format_value(round(100 * state.share)),
        "chance": "–" if chance is None else _chance_words(chance),
        "covered": state.covered,
        "filled": min(max(round(100 * state.share), 0), 100),
    }


def _chance_words(chance: float) -> str:
    if chance >= 0.995:
        return "> 99 %"
    return "< 1 %" if chance < 0.005 else f"{format_value(round(100 * chance))} %"
