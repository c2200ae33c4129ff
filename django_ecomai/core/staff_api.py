"""What REST endpoints for staff share; only endpoints import it, since it needs Django REST framework."""

from __future__ import annotations

from typing import Any, ClassVar

from rest_framework.exceptions import ValidationError
from rest_framework.permissions import BasePermission
from rest_framework.request import Request
from rest_framework.views import APIView

#: Rows of one answer or request.
MOST_ROWS = 500
#: More digits than any bound has; Python refuses to read thousands of them.
_MOST_DIGITS = 11


class StaffPermission(BasePermission):
    """Staff with the permissions of its app that the view names for the method (``app``, ``needs``)."""

    def has_permission(self, request: Request, view: APIView) -> bool:
        user: Any = request.user
        needs: dict[str, tuple[str, ...]] = getattr(view, "needs", {})
        # HEAD runs GET, and OPTIONS describes it: neither is open to those who may not.
        method = "GET" if request.method in ("HEAD", "OPTIONS") else request.method
        needed = needs.get(str(method)) or next(iter(needs.values()), ())
        app = getattr(view, "app", "")
        return bool(user and user.is_active and user.is_staff) and all(user.has_perm(f"{app}.{one}") for one in needed)


class StaffView(APIView):
    """Base of an app's endpoints: ``app`` is its label, ``needs`` the permissions of it by method."""

    permission_classes = (StaffPermission,)
    app: ClassVar[str] = ""
    needs: dict[str, tuple[str, ...]] = {}


def check_known(name: str, values: list[str], known: list[str]) -> None:
    """Raise ``ValidationError`` for a value that is none of the known ones."""
    if wrong := [value for value in values if value not in known]:
        raise ValidationError({name: f"{wrong[0]!r} is none of {', '.join(known)}."})


def whole(request: Request, name: str, default: int, least: int, most: int) -> int:
    """A whole number of the query; raises ``ValidationError`` outside the bounds."""
    text = request.query_params.get(name)
    if text is None:
        return default
    if not (text.isascii() and text.isdigit() and len(text) <= _MOST_DIGITS) or not least <= int(text) <= most:
        raise ValidationError({name: f"Give a whole number from {least} to {most}."})
    return int(text)
