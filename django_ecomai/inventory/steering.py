"""Stock as a hint for recommendations: what is sold out later, what is surplus earlier. Behind ``INVENTORY_STEERS``."""

from __future__ import annotations

from collections.abc import Mapping

from django_ecomai.conf import ecomai
from django_ecomai.core.db import shielded

from .models import Suggestion

#: So many products of each status, those that sell or sold most; the others weigh too little to be looked up.
MOST_PRODUCTS = 2000
# Factors of a product's weight: a surplus one stands about where one of half as much again would.
FACTORS = {
    Suggestion.Status.STOCKED_OUT: 0.25,
    Suggestion.Status.SURPLUS: 1.5,
    Suggestion.Status.OBSOLETE: 1.5,
}


def stock_weights(channel: str) -> Mapping[str, float]:
    """Product id -> factor, as of the last run of the job; empty, without a query, while the switch is off.

    A limited read off an index per status, however large the shop is.
    """
    if not ecomai.INVENTORY_STEERS:
        return {}
    found: dict[str, float] = {}
    with shielded("read what is sold out and what is surplus", reads=True):
        for status, factor in FACTORS.items():
            rows = Suggestion.objects.filter(channel=channel, status=status).order_by("-demand_day")
            found |= dict.fromkeys(rows.values_list("product__external_id", flat=True)[:MOST_PRODUCTS], factor)
    return found
