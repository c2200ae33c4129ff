"""Changes of targets, signals and by files through REST: read them, undo one."""

from __future__ import annotations

from django.shortcuts import get_object_or_404
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework import serializers, status
from rest_framework.exceptions import PermissionDenied
from rest_framework.request import Request
from rest_framework.response import Response

from django_ecomai.core.staff_api import StaffPermission, whole
from django_ecomai.core.undo import UndoConflict

from .api_base import ForecastView
from .changes import change_permissions, change_undo
from .models import ForecastChange

MOST_ROWS = 500
_CHANNEL = OpenApiParameter("channel", str, description="The shop, where one installation serves several.")


class ChangeSerializer(serializers.ModelSerializer[ForecastChange]):
    """A change: ``summary`` holds a line per value, old → new."""

    user = serializers.CharField(read_only=True, allow_null=True)

    class Meta:
        model = ForecastChange
        fields = ("id", "at", "user", "label", "summary", "undone_at")


class ChangesView(ForecastView):
    """What was changed."""

    needs = {"GET": ("view_forecastchange",)}

    @extend_schema(
        operation_id="ecomai_forecast_changes",
        summary="Changes of targets, signals and by files, newest first",
        parameters=[
            _CHANNEL,
            OpenApiParameter("limit", int, description=f"Rows, newest first, at most {MOST_ROWS}; default 100."),
        ],
        responses={200: ChangeSerializer(many=True)},
    )
    def get(self, request: Request) -> Response:
        """See the schema."""
        rows = ForecastChange.objects.filter(channel=self.channel(request)).select_related("user").order_by("-pk")
        limit = whole(request, "limit", 100, 1, MOST_ROWS)
        return Response(ChangeSerializer(rows.defer("before", "after")[:limit], many=True).data)


class ChangeUndoView(ForecastView):
    """Undo a change."""

    needs = {"POST": ("view_forecastchange",)}

    @extend_schema(
        operation_id="ecomai_forecast_change_undo",
        summary="Undo a change",
        description="Needs the permissions of doing the contrary by hand: adding targets to bring one back.",
        parameters=[_CHANNEL],
        request=None,
        responses={
            200: ChangeSerializer,
            403: OpenApiResponse(description="The user may not do the contrary of this change."),
            404: OpenApiResponse(description="There is no such change."),
            409: OpenApiResponse(description="It was undone or changed again since; the answer says so."),
        },
    )
    def post(self, request: Request, pk: int) -> Response:
        """See the schema."""
        change = get_object_or_404(ForecastChange, pk=pk, channel=self.channel(request))
        if not request.user.has_perms(change_permissions(change)):
            raise PermissionDenied(StaffPermission.message)
        try:
            change_undo(change=change, user=request.user)
        except UndoConflict as conflict:
            return Response({"detail": str(conflict)}, status=status.HTTP_409_CONFLICT)
        return Response(ChangeSerializer(change).data)
