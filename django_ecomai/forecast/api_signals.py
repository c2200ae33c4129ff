"""Signals from outside through REST: read, write, and CSV in."""

from __future__ import annotations

import math
from typing import Any

from django.core.exceptions import ValidationError as InvalidSignal
from django.shortcuts import get_object_or_404
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework import serializers, status
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

from .api_base import ForecastView, from_csv
from .csv_files import signal_import
from .models import Signal
from .services import signal_create, signal_delete, signal_update, signal_values_set

MOST_ROWS = 500
MOST_VALUES = 10_000
_CHANNEL = OpenApiParameter("channel", str, description="The shop, where one installation serves several.")
_WRONG = OpenApiResponse(description="Something cannot be used; the answer names it and says what to send.")


class SignalSerializer(serializers.ModelSerializer[Signal]):
    """A signal from outside."""

    class Meta:
        model = Signal
        fields = ("key", "name", "description", "is_active")
        extra_kwargs: dict[str, Any] = {"key": {"validators": []}}


class SignalValueSerializer(serializers.Serializer[Any]):
    """The value from a day on."""

    day = serializers.DateField()
    value = serializers.FloatField()

    def validate_value(self, value: float) -> float:
        """A number that a database can keep."""
        if not math.isfinite(value):
            raise ValidationError("Give a finite number.")
        return value


class SignalsView(ForecastView):
    """Signals from outside: market trends, weather, budgets."""

    needs = {"GET": ("view_signal",), "POST": ("add_signal",)}

    @extend_schema(
        operation_id="ecomai_signals", summary="Signals", parameters=[_CHANNEL],
        responses={200: SignalSerializer(many=True)},
    )  # fmt: skip
    def get(self, request: Request) -> Response:
        """See the schema."""
        rows = Signal.objects.filter(channel=self.channel(request)).order_by("key")[:MOST_ROWS]
        return Response(SignalSerializer(rows, many=True).data)

    @extend_schema(
        operation_id="ecomai_signal_create", summary="Make a signal", parameters=[_CHANNEL], request=SignalSerializer,
        responses={201: SignalSerializer, 400: _WRONG},
    )  # fmt: skip
    def post(self, request: Request) -> Response:
        """See the schema."""
        form = SignalSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        try:
            signal = signal_create(channel=self.channel(request), values=form.validated_data, user=request.user)
        except InvalidSignal:
            raise ValidationError({"key": ["There is a signal with this key: send its values to it."]}) from None
        return Response(SignalSerializer(signal).data, status=status.HTTP_201_CREATED)


class SignalView(ForecastView):
    """One signal."""

    needs = {"PATCH": ("change_signal",), "DELETE": ("delete_signal",)}

    @extend_schema(
        operation_id="ecomai_signal_change", summary="Rename a signal, or use it no longer", parameters=[_CHANNEL],
        request=SignalSerializer, responses={200: SignalSerializer, 400: _WRONG},
    )  # fmt: skip
    def patch(self, request: Request, key: str) -> Response:
        """See the schema."""
        signal = get_object_or_404(Signal, channel=self.channel(request), key=key)
        form = SignalSerializer(signal, data=request.data, partial=True)
        form.is_valid(raise_exception=True)
        if form.validated_data.get("key", key) != key:
            raise ValidationError({"key": ["The key of a signal stays: make another signal."]})
        signal = signal_update(signal=signal, values=form.validated_data, user=request.user)
        return Response(SignalSerializer(signal).data)

    @extend_schema(
        operation_id="ecomai_signal_delete", summary="Delete a signal with its values", parameters=[_CHANNEL],
        description="Both come back when the change is undone: see the list of changes.", responses={204: None},
    )  # fmt: skip
    def delete(self, request: Request, key: str) -> Response:
        """See the schema."""
        signal = get_object_or_404(Signal, channel=self.channel(request), key=key)
        signal_delete(signal=signal, user=request.user)
        return Response(status=status.HTTP_204_NO_CONTENT)


class SignalValuesView(ForecastView):
    """Values of a signal, over those that are there."""

    needs = {"POST": ("change_signal",), "GET": ("view_signal",)}

    @extend_schema(
        operation_id="ecomai_signal_values", summary="Values of a signal, newest first", parameters=[_CHANNEL],
        responses={200: SignalValueSerializer(many=True)},
    )  # fmt: skip
    def get(self, request: Request, key: str) -> Response:
        """See the schema."""
        signal = get_object_or_404(Signal, channel=self.channel(request), key=key)
        return Response(list(signal.values.order_by("-day").values("day", "value")[:MOST_VALUES]))

    @extend_schema(
        operation_id="ecomai_signal_values_set",
        summary="Write values of a signal, as a JSON list or a CSV body",
        description=f"A list of at most {MOST_VALUES} objects with day and value, or CSV with these columns.",
        parameters=[_CHANNEL],
        request={"application/json": SignalValueSerializer(many=True), "text/csv": OpenApiTypes.STR},
        responses={200: OpenApiTypes.OBJECT, 400: _WRONG},
    )
    def post(self, request: Request, key: str) -> Response:
        """See the schema."""
        signal = get_object_or_404(Signal, channel=self.channel(request), key=key)
        if isinstance(request.data, bytes):
            return from_csv(request.data, lambda lines: signal_import(signal=signal, lines=lines, user=request.user))
        form = SignalValueSerializer(data=request.data, many=True)
        form.is_valid(raise_exception=True)
        if len(form.validated_data) > MOST_VALUES:
            raise ValidationError({"detail": [f"Send at most {MOST_VALUES} values at once."]})
        values = {row["day"]: row["value"] for row in form.validated_data}
        signal_values_set(signal=signal, values=values, user=request.user)
        return Response({"written": len(values), "duplicates": len(form.validated_data) - len(values), "errors": []})
