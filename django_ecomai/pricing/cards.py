"""The panel on the merchant's start page."""

from __future__ import annotations

from typing import Any

from django.db.models import F
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from django_ecomai.core.admin_parts import admin_url
from django_ecomai.core.registry import Card, dashboard_cards

from .models import PriceProposal
from .worklist import worklist_summary

SHOWN = 4


def prices_context(request: HttpRequest) -> dict[str, Any]:
    """What is to decide, what it is expected to earn, and the proposals that earn most; four queries."""
    from django.contrib import admin

    channel = request.ecomai_period.channel  # type: ignore[attr-defined]
    rows = PriceProposal.objects.filter(channel=channel, state=PriceProposal.State.OPEN, gain__gt=0)
    best = rows.select_related("product").only(
        "old_price", "new_price", "currency", "gain", "goal", "horizon_days", "product__title"
    )
    return {
        "summary": worklist_summary(channel=channel),
        "best": list(best.order_by(F("gain").desc(nulls_last=True), "pk")[:SHOWN]),
        "url": admin_url(admin.site, "ecomai_pricing_priceproposal_changelist"),
    }


def register() -> None:
    """Called once from ``ready()``."""
    dashboard_cards.register(
        "pricing.prices",
        Card(
            title=_("Price proposals"),
            template="ecomai/pricing/card.html",
            context=prices_context,
            permission="ecomai_pricing.view_priceproposal",
            order=6,
            of_period=False,
        ),
    )
