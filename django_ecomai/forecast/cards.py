"""The panel on the merchant's start page."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest

from django_ecomai.conf import ecomai
from django_ecomai.core.charts import format_value


def forecast_context(request: HttpRequest) -> dict[str, Any]:
    """The shop's expected sales and the products that will sell most, with overrides; few queries."""
    from .models import Forecast
    from .pictures import forecast_sparkline
    from .presenting import before_words, day_words, last_day, near_change, near_finals, near_words

    channel = request.ecomai_period.channel  # type: ignore[attr-defined]
    whole = Forecast.objects.filter(channel=channel, measure="money", level="shop").first()
    if whole is None:
        return {"whole": None}
    top = list(Forecast.objects.filter(channel=channel, measure="pieces", level="product").order_by("-total")[:5])
    near_finals([whole])
    near_finals(top)
    now, change = near_change(whole)
    return {
        "whole": whole,
        "when": near_words(whole.frequency),
        "before": before_words(whole.frequency),
        "made_on": day_words(last_day(whole)),
        "amount": format_value(now),
        "currency": ecomai.CURRENCY,
        "change": change,
        "picture": forecast_sparkline(
            whole.history[-26:],
            whole.mean[:13],
            whole.lo_80[:13],
            whole.hi_80[:13],
            title=whole.title,
            width=320,
            height=64,
        ),
        "rows": [
            {
                "row": row,
                "pieces": format_value(round(near_change(row)[0], 1)),
                "change": near_change(row)[1],
                "picture": forecast_sparkline(
                    row.history[-26:], row.mean[:13], row.lo_80[:13], row.hi_80[:13], title=row.title
                ),
            }
            for row in top
        ],
    }
