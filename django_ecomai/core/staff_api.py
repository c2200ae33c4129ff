"""What REST endpoints for staff share; only endpoints import it, since it needs Django REST framework."""

from __future__ import annotations

from typing import Any, ClassVar

from django.db.models import QuerySet
from drf_spectacular.utils import OpenApiParameter
from rest_framework.exceptions import ValidationError
from rest_framework.permissions import BasePermission
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import BaseSerializer
from rest_framework.views import APIView

#: Rows of one answer or request.
MOST_ROWS = 500
#: More digits than any bound has; Python refuses to read thousands of them.
_MOST_DIGITS = 11
#: What ``paged`` reads, for the schema.
PAGE = (
    OpenApiParameter("limit", int, description=f"Rows, 1 to {MOST_ROWS}; default 100."),
    OpenApiParameter("offset", int, description="Rows to pass over."),
)


class StaffPermission(BasePermission):
    """Staff with the permissions of its app that the view names for the method (``app``, ``needs``)."""

    message = "Your user lacks the permission that this needs. Ask an administrator of the shop."

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

    def finalize_response(self, request: Request, response: Any, *args: Any, **kwargs: Any) -> Any:
        """What is confidential is kept by nobody on the way."""
        response = super().finalize_response(request, response, *args, **kwargs)
        response["Cache-Control"] = "private, no-store"
        return response


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


def paged(request: Request, rows: QuerySet[Any], serializer: type[BaseSerializer[Any]], **beside: Any) -> Response:
    """The rows that ``limit`` and ``offset`` of the query ask for, and the ``next_offset``, null at the end; ``beside``
    is what else the answer says."""
    limit, offset = whole(request, "limit", 100, 1, MOST_ROWS), whole(request, "offset", 0, 0, 10**9)
    found = list(rows[offset : offset + limit + 1])
    more = offset + limit if len(found) > limit else None
    return Response({"results": serializer(found[:limit], many=True).data, "next_offset": more, **beside})
