"""What the page of one product shows: its past and forecast, and how its stock goes with and without the order."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

from django.utils.formats import date_format
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from django_ecomai.core.charts import canvas_chart, format_value
from django_ecomai.forecast.models import Forecast
from django_ecomai.forecast.selectors import forecast_days
from django_ecomai.mirror.admin.base import amount_format, quantity_format

from .models import PurchaseOrderLine, Suggestion
from .positions import OPEN_ORDERS

WEEKS_AHEAD = 12


def product_page(*, row: Suggestion) -> dict[str, Any]:
    """Context of the page, in a fixed number of queries."""
    ahead = forecast_days(channel=row.channel, product_ids=[row.product_id], days=7 * WEEKS_AHEAD, start=row.as_of)
    weeks = [float(value) for value in ahead.mean[0].reshape(-1, 7).sum(axis=1)] if ahead.has_forecast[0] else []
    return {
        "facts": _facts(row),
        "sales_chart": _sales(row, weeks),
        "stock_chart": _stock(row, weeks),
        "has_forecast": bool(weeks),
    }


def _day(day: date | None) -> str:
    return date_format(day, "SHORT_DATE_FORMAT") if day else "–"


def _facts(row: Suggestion) -> list[tuple[Any, Any]]:
    money = row.currency
    return [
        (_("On hand"), format_value(row.on_hand)),
        (_("On order"), format_value(row.on_order)),
        (_("Reserved"), format_value(row.reserved)),
        (_("Demand per day"), format_value(round(row.demand_day, 2))),
        (_("Lead time"), _("%(n)s days") % {"n": format_value(round(row.lead_time_days, 1))}),
        (_("Days to bridge"), format_value(round(row.protection_days, 1))),
        (_("Demand until then, P50"), format_value(round(row.p50))),
        (_("Demand until then, P90"), format_value(round(row.p90))),
        (_("Lasts"), "–" if row.cover_days is None else _("%(n)s days") % {"n": format_value(round(row.cover_days))}),
        (_("Sold out on"), _day(row.stock_out_on)),
        (_("Risk of selling out before goods arrive"), f"{format_value(round(100 * row.stock_out_probability))} %"),
        (_("Reorder point"), format_value(round(row.reorder_point))),
        (_("Target level"), format_value(round(row.order_up_to))),
        (_("Suggested quantity"), quantity_format(row.quantity)),
        (_("Unit cost"), amount_format(row.unit_cost, money)),
        (_("Value of the order"), amount_format(row.value, money)),
        (_("Margin lost if skipped"), amount_format(row.lost_margin, money)),
        (_("Holding cost if ordered"), amount_format(row.holding_cost, money)),
        (_("Class"), f"{row.abc}{row.xyz}"),
    ]  # fmt: skip


def _sales(row: Suggestion, weeks: list[float]) -> SafeString:
    past = len(row.history)
    # The history of a suggestion ends the day before it stands for.
    labels = [_day(row.as_of + timedelta(days=7 * (number - past))) for number in range(past + len(weeks))]
    series: list[tuple[Any, Any]] = [(_("sold"), [*row.history, *[None] * len(weeks)])]
    band = None
    if weeks:
        expected = [round(value, 2) for value in weeks]
        series.append((_("expected"), [*[None] * past, *expected]))
        band = _band(row, weeks, past)
    return canvas_chart(
        kind="line", labels=labels, series=series, title=_("Pieces per week"), label_heading=_("Week from"), band=band
    )


def _band(row: Suggestion, weeks: list[float], past: int) -> tuple[Any, Any, Any, Any] | None:
    """The range of the forecast, where it is of the same weeks and no override changes it."""
    stored = Forecast.objects.filter(
        channel=row.channel, product_id=row.product_id, level="product", measure="pieces", frequency="W"
    ).first()
    count = min(len(stored.mean), len(weeks)) if stored else 0
    if stored is None or any(abs((stored.mean[at] or 0) - weeks[at]) > 0.01 for at in range(count)):
        return None
    gap: list[Any] = [None] * past
    low, high = ([*gap, *_padded(values, len(weeks))] for values in (stored.lo_80, stored.hi_80))
    return _("lower end (80 %)"), low, _("upper end (80 %)"), high


def _padded(values: list[Any], length: int) -> list[Any]:
    return [*values[:length], *[None] * max(0, length - len(values))]


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
        kind="line", labels=labels, series=series, title=_("Expected stock at the end of the week"),
        label_heading=_("Week until"),
    )  # fmt: skip
