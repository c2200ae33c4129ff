"""What all endpoints share."""

from __future__ import annotations

from django_ecomai.core.staff_api import MOST_ROWS, StaffView, check_known, whole
from django_ecomai.events.throttling import ApiThrottle

__all__ = ["APP", "MOST_ROWS", "PricingView", "check_known", "whole"]

APP = "ecomai_pricing"


class PricingThrottle(ApiThrottle):
    """``ApiThrottle``, counted apart from other endpoints."""

    scope = APP


class PricingView(StaffView):
    """What all endpoints share."""

    app = APP
    throttle_classes = (PricingThrottle,)
