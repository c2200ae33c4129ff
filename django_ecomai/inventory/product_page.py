"""What the page of one product shows: its past and forecast, and how its stock goes with and without the order."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

from django.utils.formats import date_format
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from django_ecomai.core.charts import canvas_chart, format_value
from django_ecomai.forecast.models import Forecast
from django_ecomai.forecast.periods import period_heading, period_labels
from django_ecomai.forecast.presenting import effects_of, final_ends, final_mean
from django_ecomai.forecast.selectors import forecast_days
from django_ecomai.mirror.admin.base import NONE, amount_format

from .models import PurchaseOrderLine, Suggestion
from .positions import OPEN_ORDERS
from .words import class_words, days_left, pieces

WEEKS_BACK, WEEKS_AHEAD = 26, 12


def product_page(*, row: Suggestion) -> dict[str, Any]:
    """Context of the page, in a fixed number of queries."""
    ahead = forecast_days(channel=row.channel, product_ids=[row.product_id], days=7 * WEEKS_AHEAD, start=row.as_of)
    weeks = [float(value) for value in ahead.mean[0].reshape(-1, 7).sum(axis=1)] if ahead.has_forecast[0] else []
    return {
        "facts": _facts(row),
        "waits": _waits(row),
        "sales_chart": _sales(row, weeks),
        "stock_chart": _stock(row, weeks),
        "has_forecast": bool(weeks),
    }


def _day(day: date | None) -> str:
    return date_format(day, "SHORT_DATE_FORMAT") if day else NONE


def _days(days: float | None) -> str:
    """Whole days: nothing here is known to the hour."""
    if days is None:
        return NONE
    return ngettext("%(n)s day", "%(n)s days", round(days)) % {"n": format_value(round(days))}


def _waits(row: Suggestion) -> str:
    """Why now: what it costs to wait."""
    if row.to_order <= 0 or row.order_line_id is not None or not row.lost_margin:
        return ""
    money = amount_format(row.lost_margin, row.currency)
    return _("If it waits for the next order day, it arrives later, and %(money)s of margin are likely to be lost.") % {
        "money": money
    }


def _facts(row: Suggestion) -> list[tuple[Any, Any]]:
    money = row.currency
    return [
        (_("On hand"), pieces(row.on_hand)),
        (_("On order"), pieces(row.on_order)),
        (_("Reserved"), pieces(row.reserved)),
        (_("Demand per day"), pieces(round(row.demand_day, 2))),
        (_("Lead time"), _days(row.lead_time_days)),
        (_("Days to bridge, until the order after this one arrives"), _days(row.protection_days)),
        (_("Demand of these days: as likely more as less than"), pieces(round(row.p50))),
        (_("Demand of these days: in nine of ten cases at most"), pieces(round(row.p90))),
        (_("Lasts"), _days(days_left(row))),
        (_("Sold out on"), _day(row.stock_out_on)),
        (_("Risk of selling out before an order of today arrives"), _percent(row.stock_out_probability)),
        (_("Order when stock and orders fall to (reorder point)"), pieces(round(row.reorder_point))),
        (_("An order fills up to (target level)"), pieces(round(row.order_up_to))),
        (_("Suggested quantity"), pieces(row.quantity)),
        (_("Unit cost"), amount_format(row.unit_cost, money)),
        (_("Value of the order"), amount_format(row.value, money)),
        (_("Margin lost if it waits for the next order day"), amount_format(row.lost_margin, money)),
        (_("Cost of keeping the order until it is sold"), amount_format(row.holding_cost, money)),
        (_("Class"), class_words(row.abc, row.xyz) or NONE),
    ]


def _percent(share: float) -> str:
    return f"{format_value(round(100 * share))} %"


def _sales(row: Suggestion, weeks: list[float]) -> SafeString:
    """Pieces per week, past and ahead: in the weeks of a weekly forecast, so that its likely range can be shown and
    both pages name the same weeks; else in weeks that begin with the day of the suggestion."""
    stored = Forecast.objects.filter(
        channel=row.channel, product_id=row.product_id, level="product", measure="pieces", frequency="W"
    ).first()
    band = None
    if weeks and stored is not None and stored.mean:
        past, final = list(stored.history[-WEEKS_BACK:]), final_mean(stored, effects_of(stored))
        ahead = final[:WEEKS_AHEAD]
        gap: list[Any] = [None] * len(past)
        if len(stored.lo_80) == len(stored.hi_80) == len(stored.mean):
            low, high = (ends[:WEEKS_AHEAD] for ends in final_ends(stored, final))
            band = _("likely at least"), [*gap, *low], _("likely range"), [*gap, *high]
        begin = stored.starts_on - timedelta(days=7 * len(past))
        labels = period_labels(begin, len(past) + len(ahead), "W")
    else:
        past, ahead = list(row.history), [round(value, 2) for value in weeks]
        gap = [None] * len(past)
        # The history of a suggestion ends the day before it stands for.
        first = row.as_of - timedelta(days=7 * len(past))
        labels = [_day(first + timedelta(days=7 * week)) for week in range(len(past) + len(ahead))]
    series: list[tuple[Any, Any]] = [(_("sold"), [*past, *[None] * len(ahead)])]
    if ahead:
        series.append((_("expected"), [*gap, *ahead]))
    return canvas_chart(
        kind="line", labels=labels, series=series, title=_("Pieces per week"), label_heading=period_heading("W"),
        band=band,
    )  # fmt: skip


def _stock(row: Suggestion, weeks: list[float]) -> SafeString:
    """Expected stock at the end of each week, receipts on their days, with and without the suggested order."""
    weekly = weeks or [row.demand_day * 7] * WEEKS_AHEAD
    arriving = [0.0] * (WEEKS_AHEAD + 1)
    lines = PurchaseOrderLine.objects.filter(product_id=row.product_id, order__status__in=OPEN_ORDERS)
    lead = row.lead_time_days
    for line in lines.select_related("order"):
        due = line.order.expected_on
        # What is overdue comes nobody knows when: as an order of today would.
        days = (due - row.as_of).days if due and due >= row.as_of else lead
        arriving[min(int(days // 7), WEEKS_AHEAD)] += float(line.quantity - line.received)
    ordered = min(int(lead // 7), WEEKS_AHEAD)
    without, with_order, stock, stock_with = [], [], row.on_hand - row.reserved, row.on_hand - row.reserved
    for week in range(WEEKS_AHEAD):
        come = arriving[week]
        stock = max(stock + come - weekly[week], 0.0)
        more = float(row.to_order) if week == ordered and row.order_line_id is None else 0.0
        stock_with = max(stock_with + come + more - weekly[week], 0.0)
        without.append(round(stock, 1))
        with_order.append(round(stock_with, 1))
    labels = [_day(row.as_of + timedelta(days=7 * week + 6)) for week in range(WEEKS_AHEAD)]
    series = [(_("without an order"), without)]
    if row.to_order > 0 and row.order_line_id is None:
        series.append((_("with the order"), with_order))
    return canvas_chart(
        kind="line", labels=labels, series=series, title=_("Expected stock in pieces, week by week"),
        label_heading=_("At the end of"),
    )  # fmt: skip
