"""Overrides and targets through REST: read, write, and CSV in."""

from __future__ import annotations

from typing import Any

from django.core.exceptions import ValidationError as DjangoValidationError
from django.shortcuts import get_object_or_404
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework import serializers, status
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

from django_ecomai.core.staff_api import whole
from django_ecomai.mirror.models import Category, Product

from .api_base import ForecastView, checked, from_csv
from .csv_files import overrides_import, targets_import
from .models import ForecastOverride, SalesTarget
from .services import override_create, override_restore, override_withdraw, target_delete, target_set
from .targets import target_states

MOST_ROWS = 500
_CHANNEL = OpenApiParameter("channel", str, description="The shop, where one installation serves several.")
_LIMIT = OpenApiParameter("limit", int, description=f"Rows, newest first, at most {MOST_ROWS}; default 100.")
_WRONG = OpenApiResponse(description="Something cannot be used; the answer names it and says what to send.")


class OverrideSerializer(serializers.ModelSerializer[ForecastOverride]):
    """An override. ``key`` is the shop's id of the product or category; empty for the whole shop."""

    key = serializers.CharField(required=False, allow_blank=True, default="")
    author = serializers.CharField(read_only=True, allow_null=True)

    class Meta:
        model = ForecastOverride
        fields = (
            "id", "level", "key", "kind", "value", "starts_on", "ends_on", "reason", "expires_on", "author",
            "created_at", "withdrawn_at",
        )  # fmt: skip
        read_only_fields = ("id", "created_at", "withdrawn_at")

    def to_representation(self, instance: ForecastOverride) -> dict[str, Any]:
        target: Any = instance.product or instance.category
        instance.key = target.external_id if target else ""  # type: ignore[attr-defined]
        return super().to_representation(instance)


class OverridesView(ForecastView):
    """What people know better."""

    needs = {"GET": ("view_forecastoverride",), "POST": ("add_forecastoverride",)}

    @extend_schema(
        operation_id="ecomai_forecast_overrides",
        summary="Overrides, newest first",
        parameters=[_CHANNEL, _LIMIT],
        responses={200: OverrideSerializer(many=True)},
    )
    def get(self, request: Request) -> Response:
        """See the schema."""
        rows = ForecastOverride.objects.filter(channel=self.channel(request)).order_by("-pk")
        limit = whole(request, "limit", 100, 1, MOST_ROWS)
        found = rows.select_related("product", "category", "author")[:limit]
        return Response(OverrideSerializer(found, many=True).data)

    @extend_schema(
        operation_id="ecomai_forecast_override_create",
        summary="Make an override, or many from a CSV body",
        description="CSV columns: level, key, kind, value, from, to, reason, and if wanted expires. All lines or none.",
        parameters=[_CHANNEL],
        request={"application/json": OverrideSerializer, "text/csv": OpenApiTypes.STR},
        responses={201: OverrideSerializer, 400: _WRONG},
    )
    def post(self, request: Request) -> Response:
        """See the schema."""
        channel = self.channel(request)
        if isinstance(request.data, bytes):
            return from_csv(
                request.data, lambda lines: overrides_import(channel=channel, lines=lines, author=request.user)
            )
        form = OverrideSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        data = form.validated_data
        level, key = data.get("level", "product"), data["key"]
        target: dict[str, Any] = {}
        if level in ("product", "category"):
            model: Any = Product if level == "product" else Category
            found = model.objects.filter(channel=channel, external_id=key).first() if key else None
            if found is None:
                raise ValidationError({"key": [f"There is no {level} with the id {key!r}."]})
            target[level] = found
        try:
            made = override_create(
                channel=channel, kind=data.get("kind", "percent"), value=data["value"], starts_on=data["starts_on"],
                ends_on=data["ends_on"], reason=data["reason"], author=request.user,
                expires_on=data.get("expires_on"), **target,
            )  # fmt: skip
        except DjangoValidationError as error:
            raise checked(error) from error
        return Response(OverrideSerializer(made).data, status=status.HTTP_201_CREATED)


class OverrideStateView(ForecastView):
    """Withdraw an override, or put it back."""

    needs = {"POST": ("change_forecastoverride",)}

    @extend_schema(
        operation_id="ecomai_forecast_override_state",
        summary="Withdraw an override or put it back",
        parameters=[OpenApiParameter("what", str, OpenApiParameter.PATH, enum=["withdraw", "restore"])],
        request=None,
        responses={200: OverrideSerializer, 404: OpenApiResponse(description="There is no such override.")},
    )
    def post(self, request: Request, pk: int, what: str) -> Response:
        """See the schema."""
        override = get_object_or_404(ForecastOverride, pk=pk, channel=self.channel(request))
        if what == "withdraw":
            override_withdraw(override=override, user=request.user)
        elif what == "restore":
            override_restore(override=override, user=request.user)
        else:
            raise ValidationError({"what": ["Use withdraw or restore."]})
        return Response(OverrideSerializer(override).data)


class TargetSerializer(serializers.ModelSerializer[SalesTarget]):
    """A target and how it stands."""

    sold = serializers.FloatField(read_only=True)
    expected = serializers.FloatField(read_only=True)
    chance = serializers.FloatField(read_only=True, allow_null=True, help_text="0..1; null without a forecast.")

    class Meta:
        model = SalesTarget
        fields = ("id", "level", "key", "starts_on", "ends_on", "amount", "note", "sold", "expected", "chance")
        validators: list[Any] = []  # a target of the same span is replaced

    def to_representation(self, instance: SalesTarget) -> dict[str, Any]:
        state = getattr(instance, "state", None)
        instance.sold = state.sold if state else 0.0  # type: ignore[attr-defined]
        instance.expected = state.expected if state else 0.0  # type: ignore[attr-defined]
        instance.chance = state.chance if state else None  # type: ignore[attr-defined]
        return super().to_representation(instance)


class TargetsView(ForecastView):
    """What is to be sold, beside what will be."""

    needs = {"GET": ("view_salestarget",), "POST": ("add_salestarget",)}

    @extend_schema(
        operation_id="ecomai_sales_targets",
        summary="Sales targets with what is expected",
        parameters=[_CHANNEL, _LIMIT],
        responses={200: TargetSerializer(many=True)},
    )
    def get(self, request: Request) -> Response:
        """See the schema."""
        rows = SalesTarget.objects.filter(channel=self.channel(request)).order_by("-ends_on", "pk")
        found = list(rows[: whole(request, "limit", 100, 1, MOST_ROWS)])
        return Response(_with_states(found))

    @extend_schema(
        operation_id="ecomai_sales_target_set",
        summary="Set a target, or many from a CSV body",
        description="Over one of the same span, which needs the permission to change targets too. CSV columns: level, "
        "key, from, to, amount, and if wanted note. All lines or none.",
        parameters=[_CHANNEL],
        request={"application/json": TargetSerializer, "text/csv": OpenApiTypes.STR},
        responses={200: TargetSerializer, 201: TargetSerializer, 400: _WRONG},
    )
    def post(self, request: Request) -> Response:
        """See the schema."""
        channel = self.channel(request)
        may_change = request.user.has_perm("ecomai_forecast.change_salestarget")
        if isinstance(request.data, bytes):
            return from_csv(
                request.data,
                lambda lines: targets_import(channel=channel, lines=lines, author=request.user, replace=may_change),
            )
        form = TargetSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        try:
            target, created = target_set(
                channel=channel, author=request.user, replace=may_change, **form.validated_data
            )
        except DjangoValidationError as error:
            raise checked(error) from error
        code = status.HTTP_201_CREATED if created else status.HTTP_200_OK
        return Response(_with_states([target])[0], status=code)


class TargetView(ForecastView):
    """One target."""

    needs = {"DELETE": ("delete_salestarget",)}

    @extend_schema(
        operation_id="ecomai_sales_target_delete", summary="Delete a target",
        description="It comes back when the change is undone: see the list of changes.", responses={204: None},
    )  # fmt: skip
    def delete(self, request: Request, pk: int) -> Response:
        """See the schema."""
        target = get_object_or_404(SalesTarget, pk=pk, channel=self.channel(request))
        target_delete(target=target, user=request.user)
        return Response(status=status.HTTP_204_NO_CONTENT)


def _with_states(targets: list[SalesTarget]) -> Any:
    for target, state in zip(targets, target_states(targets=targets), strict=True):
        target.state = state  # type: ignore[attr-defined]
    return TargetSerializer(targets, many=True).data
