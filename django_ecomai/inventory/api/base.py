"""What all endpoints share."""

from __future__ import annotations

from django_ecomai.core.staff_api import MOST_ROWS, PAGE, StaffView, check_known, paged, whole
from django_ecomai.events.throttling import ApiThrottle

__all__ = ["APP", "MOST_ROWS", "PAGE", "InventoryView", "check_known", "paged", "whole"]

APP = "ecomai_inventory"


class InventoryThrottle(ApiThrottle):
    """``ApiThrottle``, counted apart from other endpoints."""

    scope = APP


class InventoryView(StaffView):
    """What all endpoints share."""

    app = APP
    throttle_classes = (InventoryThrottle,)
