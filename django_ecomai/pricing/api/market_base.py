"""What the endpoints about competitors share."""

from __future__ import annotations

from typing import Any

from rest_framework.exceptions import ValidationError
from rest_framework.permissions import BasePermission
from rest_framework.request import Request
from rest_framework.views import APIView

from django_ecomai.events.throttling import ApiThrottle

#: Rows of one answer or request.
MOST_ROWS = 500
APP = "ecomai_pricing"


class MarketThrottle(ApiThrottle):
    """``ApiThrottle``, counted apart from other endpoints."""

    scope = "ecomai_pricing"


class StaffPermission(BasePermission):
    """Staff with the permissions that the view names for the method."""

    def has_permission(self, request: Request, view: APIView) -> bool:
        user: Any = request.user
        needs: dict[str, tuple[str, ...]] = getattr(view, "needs", {})
        # HEAD runs GET, and OPTIONS describes it: neither is open to those who may not.
        method = "GET" if request.method in ("HEAD", "OPTIONS") else request.method
        needed = needs.get(str(method)) or next(iter(needs.values()), ())
        return bool(user and user.is_active and user.is_staff) and all(user.has_perm(f"{APP}.{one}") for one in needed)


class MarketView(APIView):
    """What all endpoints share."""

    permission_classes = (StaffPermission,)
    throttle_classes = (MarketThrottle,)
    needs: dict[str, tuple[str, ...]] = {}


def whole(request: Request, name: str, default: int, least: int, most: int) -> int:
    """A whole number of the query; raises ``ValidationError`` outside the bounds."""
    text = request.query_params.get(name)
    if text is None:
        return default
    if not (text.isascii() and text.isdigit()) or len(text) > 12 or not least <= int(text) <= most:
        raise ValidationError({name: f"Give a whole number from {least} to {most}."})
    return int(text)
