"""The what-if page: sliders on the left, today's plan and the changed one side by side."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils.formats import date_format, number_format
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from django_ecomai.conf import ecomai
from django_ecomai.core.charts import CHART_SCRIPTS, canvas_chart, format_value
from django_ecomai.inventory.models import Suggestion
from django_ecomai.inventory.scorecards import stands_for
from django_ecomai.inventory.what_if import (
    BadChange,
    Change,
    Played,
    change_read,
    play,
    products_that_sell_most,
)
from django_ecomai.mirror.admin.base import amount_format
from django_ecomai.ml.inventory.whatif import Outcome

STEP = 7
MEDIAN = 1  # of the quantiles of an outcome's stock value
# name, label, least, most, step, unit: what the sliders offer; the address bar and the API take more.
SLIDERS: tuple[tuple[str, Any, float, float, float, Any], ...] = (
    ("lead_days", gettext_lazy("Lead time"), -14, 42, 1, gettext_lazy("days")),
    ("demand", gettext_lazy("Demand"), -60, 100, 5, "%"),
    ("promotion", gettext_lazy("Promotion of the first four weeks"), 0, 200, 10, "%"),
    ("price", gettext_lazy("Price"), -50, 50, 1, "%"),
)


class WhatIfMixin:
    """Mixed into the worklist's admin."""

    admin_site: Any
    opts: Any
    link: Any

    def what_if_view(self, request: HttpRequest) -> HttpResponse:
        """GET: the changes stand in the address, so that a scenario can be kept as a bookmark or sent."""
        if not self.has_view_permission(request):  # type: ignore[attr-defined]
            raise PermissionDenied
        channel = request.GET.get("channel", ecomai.CHANNEL)
        error, change, found = "", Change(), None
        row = self._chosen(request)
        pks = [row.product_id] if row else products_that_sell_most(channel=channel)
        try:
            change = change_read(request.GET)
            if pks:
                found = play(channel=row.channel if row else channel, product_ids=pks, change=change)
        except BadChange as problem:
            error = str(problem)
        simulated = Suggestion.objects.filter(product__in=pks[:1], supplier__is_simulated=True).exists()
        context = {
            **self.admin_site.each_context(request),
            "is_nav_sidebar_enabled": False,
            "title": _("What if …"),
            "opts": self.opts,
            "row": row,
            "error": error,
            "sliders": _sliders(request),
            "service": request.GET.get("service", ""),
            "budget": request.GET.get("budget", ""),
            "elasticity": request.GET.get("elasticity", ""),
            "elasticity_told": _elasticity_told(found, change) if found else "",
            "change": change,
            "found": found,
            "money": found.currency if found else ecomai.CURRENCY,
            "sentence": _sentence(found, change) if found else "",
            "scope": self._scope(row, found),
            "rows": _rows(found, change) if found else [],
            "charts": _charts(found, stands_for(channel), changed=not change.is_none) if found else [],
            "chart_scripts": CHART_SCRIPTS,
            "simulated": simulated,
            "reset_url": f"?product={row.pk}" if row else "?",
        }
        return TemplateResponse(request, "ecomai/inventory/admin/what_if.html", context)

    def _chosen(self, request: HttpRequest) -> Suggestion | None:
        asked = request.GET.get("product", "")
        if not asked.isdigit():
            return None
        rows = self.get_queryset(request).select_related("product")  # type: ignore[attr-defined]
        found: Suggestion | None = rows.filter(pk=asked).first()
        return found

    @staticmethod
    def _scope(row: Suggestion | None, found: Played | None) -> str:
        if row is not None and found is not None and found.substitutes:
            return _("%(product)s and what stands in for it") % {"product": row.product}
        if row is not None:
            return str(row.product)
        if found is None:
            return ""
        return _("The %(n)d products that are expected to sell most") % {"n": found.products}


def _sliders(request: HttpRequest) -> list[dict[str, Any]]:
    sliders = []
    for name, label, least, most, step, unit in SLIDERS:
        try:
            value = float(request.GET.get(name) or 0)
        except ValueError:
            value = 0.0
        sliders.append(
            {
                "name": name,
                "label": label,
                "least": f"{min(least, value):g}",
                "most": f"{max(most, value):g}",
                "step": f"{step:g}",
                "value": f"{value:g}",
                "unit": unit,
                "told": _change_told(value, str(unit)),
            }
        )
    return sliders


def _change_told(value: float, unit: str) -> str:
    """``+10 days``, ``−5 %``, ``as planned``."""
    if not value:
        return _("as planned")
    return f"{'+' if value > 0 else '−'}{format_value(abs(value))} {unit}"


def _sentence(found: Played, change: Change) -> str:
    """What the table below comes to, in one sentence."""
    today, changed, money = found.futures.base, found.futures.changed, found.currency
    if change.is_none:
        return _(
            "As planned, %(profit)s are earned in twelve weeks after holding and ordering, and there are %(days)s days "
            "without stock, all products together. Move a slider to see what changes."
        ) % {"days": format_value(round(today.stockout_days)), "profit": _shown(today.profit, money)}
    days, profit = _gap(today.stockout_days, changed.stockout_days, ""), changed.profit - today.profit
    named = {"days": format_value(abs(days)), "profit": _shown(abs(profit), money)}
    if days > 0:
        text = ngettext("%(days)s more day without stock", "%(days)s more days without stock", days) % named
    elif days < 0:
        text = ngettext("%(days)s day less without stock", "%(days)s days less without stock", -days) % named
    else:
        text = _("As many days without stock")
    if abs(profit) < 1:
        money_text = _("as much profit as today's plan")
    else:
        money_text = (_("%(profit)s more profit") if profit > 0 else _("%(profit)s less profit")) % named
    return _("%(changes)s: %(profit)s in twelve weeks, and %(days)s, all products together.") % {
        "changes": "; ".join(_changes_told(change, money)),
        "days": text[0].lower() + text[1:],
        "profit": money_text,
    }


def _changes_told(change: Change, money: str) -> list[str]:
    told = [
        f"{label} {_change_told(getattr(change, name), str(unit))}"
        for name, label, _least, _most, _step, unit in SLIDERS
        if getattr(change, name)
    ]
    if change.service is not None:
        told.append(_("Stock suffices in %(n)s %% of cases") % {"n": format_value(round(100 * change.service, 1))})
    if change.budget is not None:
        told.append(_("Budget of %(money)s per order day") % {"money": _shown(change.budget, money)})
    return told


def _elasticity_told(found: Played, change: Change) -> str:
    """With which elasticity another price was played, and where it comes from."""
    if not change.price:
        return ""
    value = number_format(found.elasticity, decimal_pos=2)
    if change.elasticity is not None:
        return _("Price elasticity %(value)s, as you said.") % {"value": value}
    if not found.elasticity_known:
        return _(
            "Price elasticity %(value)s is assumed: a published mean of consumer goods (Tellis, 1988), not learned "
            "from your shop. Say yours if you know it."
        ) % {"value": value}
    return _(
        "Price elasticity %(value)s on average, learned for %(known)d of %(all)d products, assumed for the others."
    ) % {
        "value": value,
        "known": found.elasticity_known,
        "all": found.products,
    }


def _rows(found: Played, change: Change) -> list[dict[str, Any]]:
    """Label, today, changed, difference, and whether that is better or worse.

    Where the change moves demand, less to serve costs less: that alone is no gain, and only profit is judged.
    """
    today, changed, money = found.futures.base, found.futures.changed, found.currency
    held, held_changed = (float(one.stock_value[MEDIAN].mean()) for one in (today, changed))
    cost = 0 if change.demand or change.promotion or change.price else -1
    lines = [
        (_("Pieces sold"), today.sold, changed.sold, "", 1),
        (_("Revenue"), today.revenue, changed.revenue, money, 1),
        (_("Margin of what is sold"), today.margin, changed.margin, money, 1),
        (_("Profit: margin less holding and ordering"), today.profit, changed.profit, money, 1),
        (_("Share of demand served"), today.fill_rate * 100, changed.fill_rate * 100, "%", -cost),
        (_("Days without stock, all products together"), today.stockout_days, changed.stockout_days, "", cost),
        (_("Stock value, mean"), held, held_changed, money, 0),
        (_("Orders placed"), today.orders, changed.orders, "", 0),
        (_("Bought for"), today.bought, changed.bought, money, 0),
        (_("Cost of holding"), today.holding, changed.holding, money, cost),
        (_("Cost of ordering"), today.ordering, changed.ordering, money, cost),
        (_("Margin lost to stock-outs"), today.lost_margin, changed.lost_margin, money, cost),
    ]
    if today.moved or changed.moved:
        lines.insert(6, (_("Pieces that moved to substitutes"), today.moved, changed.moved, "", 0))
    return [
        {
            "label": label,
            "today": _shown(before, unit),
            "changed": _shown(after, unit),
            "difference": _signed(_gap(before, after, unit), unit),
            "verdict": _verdict(after - before, good, scale=max(abs(before), abs(after))),
        }
        for label, before, after, unit, good in lines
    ]


def _shown(value: float, unit: str) -> str:
    if value < 0:
        return f"−{_shown(-value, unit)}"
    if unit == "%":
        return f"{number_format(value, decimal_pos=1)} %"
    if unit:
        return f"{format_value(round(value))} {unit}" if value >= 100 else amount_format(value, unit)
    return format_value(round(value))


def _gap(before: float, after: float, unit: str) -> float:
    """The difference; of whole numbers that of those shown, so that the row adds up."""
    return after - before if unit else round(after) - round(before)


def _signed(value: float, unit: str) -> str:
    if unit == "%":  # of two percentages
        text = _("%(n)s points") % {"n": number_format(abs(value), decimal_pos=1)}
    else:
        text = _shown(abs(value), unit)
    if not any(letter in "123456789" for letter in text):
        return "±0"
    return f"{'+' if value > 0 else '−'}{text}"


def _verdict(difference: float, good: int, *, scale: float) -> str:
    if not good or abs(difference) <= 1e-3 * max(scale, 1e-9):
        return ""
    return "better" if difference * good > 0 else "worse"


def _charts(found: Played, as_of: Any, *, changed: bool) -> list[SafeString]:
    """Stock value and products without stock, a point a week."""
    days = list(range(0, found.days, STEP))
    labels = [date_format(as_of + timedelta(days=day), "SHORT_DATE_FORMAT") for day in days]

    def chart(title: Any, values: Callable[[Outcome], Any]) -> SafeString:
        futures = [(_("today's plan"), found.futures.base)]
        if changed:
            futures.append((_("changed"), found.futures.changed))
        series = [(name, [round(float(values(one)[day]), 1) for day in days]) for name, one in futures]
        return canvas_chart(kind="line", labels=labels, series=series, title=title, label_heading=_("Day"))

    return [
        chart(_("Stock value (%(currency)s)") % {"currency": found.currency}, lambda one: one.stock_value[MEDIAN]),
        chart(_("Products without stock"), lambda one: one.out),
    ]
