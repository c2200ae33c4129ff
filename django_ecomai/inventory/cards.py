"""The panel on the merchant's start page."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest
from django.urls import NoReverseMatch, reverse

from .alerts import ALERTS
from .models import Suggestion
from .selectors import alert_counts, worklist_summary

MOST = 5


def stock_context(request: HttpRequest) -> dict[str, Any]:
    """What is to be decided, the alerts with how many products each, and the first orders of the worklist."""
    channel = request.ecomai_period.channel  # type: ignore[attr-defined]
    rows = Suggestion.objects.filter(channel=channel)
    # As the worklist begins: those with most margin at stake.
    urgent = rows.filter(state="open", quantity__gt=0, order_line=None).select_related("product")
    try:
        url = reverse("admin:ecomai_inventory_suggestion_changelist")
    except NoReverseMatch:
        url = ""
    return {
        "summary": worklist_summary(channel=channel),
        "alerts": [(code, ALERTS[code], number) for code, number in alert_counts(channel=channel).items() if number],
        "urgent": list(urgent.order_by("-lost_margin", "-p50", "pk")[:MOST]),
        "url": url,
    }
