"""What all endpoints share."""

from __future__ import annotations

from django_ecomai.core.staff_api import MOST_ROWS, StaffView, check_known, whole
from django_ecomai.events.throttling import ApiThrottle

__all__ = ["APP", "MOST_ROWS", "InventoryView", "check_known", "whole"]

APP = "ecomai_inventory"


class InventoryThrottle(ApiThrottle):
    """``ApiThrottle``, counted apart from other endpoints."""

    scope = APP


class InventoryView(StaffView):
    """What all endpoints share."""

    app = APP
    throttle_classes = (InventoryThrottle,)
