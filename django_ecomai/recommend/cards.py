"""The panel on the merchant's start page."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest

from django_ecomai.conf import ecomai

from .selectors import attribution_rule, placement_performance


def performance_context(request: HttpRequest) -> dict[str, Any]:
    """Rows per placement of the period and shop that the page looks at, and the rule behind them."""
    period = request.ecomai_period  # type: ignore[attr-defined]
    rows = placement_performance(channel=period.channel, since=period.since, until=period.until)
    return {
        "rows": rows,
        "anything": any(row.impressions or row.clicks or row.orders for row in rows),
        "rule": attribution_rule(),
        "currency": ecomai.CURRENCY,
    }
