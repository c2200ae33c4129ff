"""What all endpoints share."""

from __future__ import annotations

from django_ecomai.core.staff_api import MOST_ROWS, PAGE, StaffView, check_known, paged, whole
from django_ecomai.events.throttling import ApiThrottle

__all__ = ["APP", "MOST_ROWS", "PAGE", "PricingView", "check_known", "paged", "whole"]

APP = "ecomai_pricing"


class PricingThrottle(ApiThrottle):
    """``ApiThrottle``, counted apart from other endpoints."""

    scope = APP


class PricingView(StaffView):
    """What all endpoints share."""

    app = APP
    throttle_classes = (PricingThrottle,)
