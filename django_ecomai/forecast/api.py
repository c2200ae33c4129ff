"""``GET ecomai/api/forecasts/``: forecasts and their past as long frames, JSON or CSV."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework import serializers
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

from django_ecomai.core.staff_api import whole

from .api_base import ForecastView, csv_response
from .exporting import COLUMNS, ENDS, forecast_export
from .models import Forecast, PastForecast
from .models.results import Level, Measure

MOST_SERIES = 500
MOST_PAST = 5000
PAST_COLUMNS = (
    "measure", "series", "unique_id", "ds", "lag", "y", "final", "model", "naive", "lo-80", "hi-80",
)  # fmt: skip
_CHANNEL = OpenApiParameter("channel", str, description="The shop, where one installation serves several.")
_SERIES = OpenApiParameter("series", str, enum=Level.values, description="What the series add up; default product.")
_MEASURE = OpenApiParameter("measure", str, enum=Measure.values, description="Pieces or money; default pieces.")
_KEYS = OpenApiParameter(
    "unique_id", str, many=True, description="The shop's id of a product or category; may be repeated."
)
_OUTPUT = OpenApiParameter("output", str, enum=["json", "csv"], description="csv streams all pages as one file.")


class ForecastRowSerializer(serializers.Serializer[Any]):
    """One period of one series. The ends of the intervals are there as far as ``level`` asks for them."""

    measure = serializers.CharField()
    series = serializers.CharField()
    unique_id = serializers.CharField(help_text="The shop's id; empty for the whole shop.")
    ds = serializers.DateField(help_text="First day of the period.")
    mean = serializers.FloatField(help_text="As the model made it.")
    final = serializers.FloatField(help_text="With overrides.")

    def get_fields(self) -> Any:
        """``lo-80`` and the like are no names in Python."""
        ends = {name: serializers.FloatField(required=False) for name in ENDS}
        return {**super().get_fields(), **ends}


class ForecastPageSerializer(serializers.Serializer[Any]):
    """A page of series; ``next`` is the number of the following page or null."""

    frequency = serializers.CharField(help_text="D, W (weeks from Monday) or M.")
    made_on = serializers.DateField(allow_null=True, help_text="First day without data.")
    next = serializers.IntegerField(allow_null=True)
    results = ForecastRowSerializer(many=True)


class ForecastsView(ForecastView):
    """Forecasts as long frames (one row per series and period), as Nixtla's libraries take and give them."""

    needs = {"GET": ("view_forecast",)}

    @extend_schema(
        operation_id="ecomai_forecasts",
        summary="Forecasts as long frames",
        parameters=[
            _CHANNEL, _MEASURE, _SERIES, _KEYS,
            OpenApiParameter("level", str, description="Intervals in percent: 80, 95 or 80,95 (default); 0 for none."),
            OpenApiParameter("page", int, description="Page, from 1."),
            OpenApiParameter("page_size", int, description=f"Series per page, at most {MOST_SERIES}; default 100."),
            _OUTPUT,
        ],
        responses={
            200: ForecastPageSerializer,
            (200, "text/csv"): OpenApiTypes.STR,
            400: OpenApiResponse(description="A parameter cannot be used; the answer names it and says what to send."),
            403: OpenApiResponse(description="The user may not see forecasts."),
        },
    )  # fmt: skip
    def get(self, request: Request) -> Any:
        """See the schema."""
        ends = [name for name in ENDS if int(name[3:]) in _levels(request)]
        rows = _series_rows(self.channel(request), request)
        header = [*COLUMNS, *ends]
        keep = [*range(len(COLUMNS)), *(len(COLUMNS) + place for place, name in enumerate(ENDS) if name in ends)]
        if _wants_csv(request):
            lines = ([line[place] for place in keep] for line in forecast_export(rows))
            return csv_response(header, lines, "forecasts.csv")
        page = whole(request, "page", 1, 1, 100_000)
        size = whole(request, "page_size", 100, 1, MOST_SERIES)
        keys = list(rows.values_list("pk", flat=True)[(page - 1) * size : page * size + 1])
        part = rows.filter(pk__in=keys[:size])
        first = part.values_list("frequency", "made_on").first()
        names = ["measure", "series", *header[2:]]
        results = [dict(zip(names, [line[place] for place in keep], strict=True)) for line in forecast_export(part)]
        body = {"frequency": first[0] if first else "", "made_on": first[1].isoformat() if first else None}
        return Response({**body, "next": page + 1 if len(keys) > size else None, "results": results})


class PastForecastsView(ForecastView):
    """What was forecast before, beside the simple forecast and what happened."""

    needs = {"GET": ("view_forecast",)}

    @extend_schema(
        operation_id="ecomai_past_forecasts",
        summary="Past forecasts beside what happened",
        parameters=[
            _CHANNEL, _MEASURE, _SERIES, _KEYS,
            OpenApiParameter("lag", int, description="Periods ahead, 1 (default) or 4."),
            OpenApiParameter("limit", int, description=f"Rows, newest first, at most {MOST_PAST}; default 1000."),
            _OUTPUT,
        ],
        responses={200: OpenApiTypes.OBJECT, (200, "text/csv"): OpenApiTypes.STR},
    )  # fmt: skip
    def get(self, request: Request) -> Any:
        """See the schema."""
        rows = PastForecast.objects.filter(channel=self.channel(request), **_where(request))
        keys = _keys(request)
        if keys:
            rows = rows.filter(key__in=keys)
        rows = rows.filter(lag=whole(request, "lag", 1, 1, 100))
        limit = whole(request, "limit", 1000, 1, MOST_PAST)
        columns = (
            "measure", "level", "key", "period", "lag", "actual", "final_value", "model_value", "naive_value", "lo_80",
            "hi_80",
        )  # fmt: skip
        found = rows.order_by("-period", "key").values_list(*columns)[:limit]
        if _wants_csv(request):
            return csv_response(PAST_COLUMNS, found, "past-forecasts.csv")
        return Response({"results": [dict(zip(PAST_COLUMNS, row, strict=True)) for row in found]})


def _series_rows(channel: str, request: Request) -> QuerySet[Forecast]:
    rows = Forecast.objects.filter(channel=channel, **_where(request)).order_by("pk")
    keys = _keys(request)
    return rows.filter(key__in=keys) if keys else rows


def _keys(request: Request) -> list[str]:
    keys = request.query_params.getlist("unique_id")
    if len(keys) > MOST_SERIES:
        raise ValidationError({"unique_id": [f"Ask for at most {MOST_SERIES} series at once."]})
    return keys


def _where(request: Request) -> dict[str, str]:
    asked = {"measure": ("pieces", Measure.values), "series": ("product", Level.values)}
    found = {}
    for name, (usual, known) in asked.items():
        value = request.query_params.get(name, usual)
        if value not in known:
            raise ValidationError({name: [f"Choose one of: {', '.join(known)}."]})
        found["level" if name == "series" else name] = value
    return found


def _levels(request: Request) -> set[int]:
    text = request.query_params.get("level", "80,95")
    parts = [part.strip() for part in text.split(",") if part.strip()]
    if not all(part in ("0", "80", "95") for part in parts):
        raise ValidationError({"level": ["Choose from 80 and 95, separated by a comma; 0 for no interval."]})
    return {int(part) for part in parts}


def _wants_csv(request: Request) -> bool:
    output = request.query_params.get("output", "json")
    if output not in ("json", "csv"):
        raise ValidationError({"output": ["Choose json or csv."]})
    return output == "csv"
