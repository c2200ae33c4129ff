"""Where categories stand, what a merchant should hear of, and what an offer has asked before, for staff."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework import serializers
from rest_framework.exceptions import NotFound
from rest_framework.request import Request
from rest_framework.response import Response

from django_ecomai.conf import ecomai
from django_ecomai.mirror.models import Product
from django_ecomai.pricing.asked import text_asked
from django_ecomai.pricing.market_alerts import MARKET_ALERTS, MarketAlert, market_alerts
from django_ecomai.pricing.market_rows import offer_rows
from django_ecomai.pricing.market_stored import market_is_small, market_numbers_latest, market_numbers_shown
from django_ecomai.pricing.models import CompetitorPrice

from .base import MOST_ROWS, PAGE, PricingView, check_known, paged, whole


class CategoryPositionSerializer(serializers.Serializer[Any]):
    """How many products of a category are where."""

    category = serializers.CharField(source="name", allow_blank=True)
    products = serializers.IntegerField()
    cheapest = serializers.IntegerField(source="counts.cheapest", default=0)
    average = serializers.IntegerField(source="counts.average", default=0)
    premium = serializers.IntegerField(source="counts.premium", default=0)
    gap = serializers.FloatField(help_text="Mean of own price over the median of the offers, less 1.")


class AlertSerializer(serializers.Serializer[Any]):
    """A competitor's offer that matters."""

    kind = serializers.CharField(help_text=f"{', '.join(MARKET_ALERTS)}.")
    product_id = serializers.CharField(help_text="The shop's own id.")
    title = serializers.CharField(source="product")
    offer = serializers.IntegerField(source="offer_id")
    competitor = serializers.CharField()
    price = serializers.DecimalField(max_digits=14, decimal_places=4)
    own = serializers.DecimalField(max_digits=14, decimal_places=4)
    currency = serializers.CharField()
    below = serializers.FloatField(help_text="Share by which the offer is cheaper.")
    simulated = serializers.BooleanField()


class AlertsPageSerializer(serializers.Serializer[Any]):
    """A part of the alerts; ``next_offset`` is null at their end."""

    results = AlertSerializer(many=True)
    next_offset = serializers.IntegerField(allow_null=True)
    counts = serializers.DictField(
        child=serializers.IntegerField(),
        help_text="How many there are of each kind. With more than 20,000 offers the gravest 20 of each are told.",
    )


class CompetitorPriceSerializer(serializers.ModelSerializer[CompetitorPrice]):
    """What an offer asked from a moment on."""

    class Meta:
        model = CompetitorPrice
        fields = ("observed_at", "price", "currency", "available")


class CompetitorPricesPageSerializer(serializers.Serializer[Any]):
    """A part of the history; ``next_offset`` is null at its end."""

    results = CompetitorPriceSerializer(many=True)
    next_offset = serializers.IntegerField(allow_null=True)


class CategoryPositionsView(PricingView):
    """Where categories stand among fresh, certain, plausible offers: ``GET``, the largest first."""

    needs = {"GET": ("view_competitoroffer",)}

    @extend_schema(
        operation_id="ecomai_pricing_category_positions",
        summary="Market positions by category",
        responses={200: CategoryPositionSerializer(many=True)},
    )
    def get(self, request: Request) -> Response:
        """See the schema; a product counts in each of its categories, one without any in that with an empty name.
        With many offers as the last run counted them."""
        shown = market_numbers_shown(channel=ecomai.CHANNEL)
        return Response(CategoryPositionSerializer([] if shown is None else shown.categories, many=True).data)


class AlertsView(PricingView):
    """Who undercuts, has become the cheapest, or has sold out: ``GET``, the largest difference of each kind first."""

    needs = {"GET": ("view_competitoroffer",)}

    @extend_schema(
        operation_id="ecomai_pricing_alerts",
        summary="Alerts about competitors",
        parameters=[
            OpenApiParameter("kind", str, many=True, description=f"{', '.join(MARKET_ALERTS)}; may be repeated."),
            *PAGE,
        ],
        responses={200: AlertsPageSerializer, 400: OpenApiResponse(description="A parameter cannot be used.")},
    )
    def get(self, request: Request) -> Response:
        """See the schema; with many offers the gravest 20 of each kind, as the last run counted them."""
        kinds = request.query_params.getlist("kind")
        check_known("kind", kinds, list(MARKET_ALERTS))
        limit, offset = whole(request, "limit", 100, 1, MOST_ROWS), whole(request, "offset", 0, 0, 10**9)
        alerts, counts = _alerts(ecomai.CHANNEL)
        found = [one for kind in kinds or MARKET_ALERTS for one in alerts.get(kind, [])]
        part = found[offset : offset + limit]
        ids = dict(Product.objects.filter(pk__in=[one.product_id for one in part]).values_list("pk", "external_id"))
        rows = [{**vars(one), "product_id": ids[one.product_id]} for one in part if one.product_id in ids]
        more = offset + limit if len(found) > offset + limit else None
        results = AlertSerializer(rows, many=True).data
        return Response({"results": results, "next_offset": more, "counts": counts})


def _alerts(channel: str) -> tuple[dict[str, list[MarketAlert]], dict[str, int]]:
    """Alerts by kind, and how many there are of each: counted now where that is quick, else as the last run has."""
    if market_is_small(channel=channel):
        alerts = market_alerts(channel=channel)
        return alerts, {kind: len(rows) for kind, rows in alerts.items() if rows}
    stored = market_numbers_latest(channel=channel)
    return ({}, {}) if stored is None else (stored.first, stored.alerts)


class OfferHistoryView(PricingView):
    """What a competitor's offer has asked: ``GET ?competitor=…&offer=…``, the newest first."""

    needs = {"GET": ("view_competitoroffer",)}

    @extend_schema(
        operation_id="ecomai_pricing_offer_history",
        summary="Price history of a competitor's offer",
        parameters=[
            OpenApiParameter("competitor", str, required=True, description="Its code."),
            OpenApiParameter("offer", str, required=True, description="The competitor's id of the offer."),
            *PAGE,
        ],
        responses={
            200: CompetitorPricesPageSerializer,
            400: OpenApiResponse(description="A parameter cannot be used."),
            404: OpenApiResponse(description="There is no such offer."),
        },
    )
    def get(self, request: Request) -> Response:
        """See the schema."""
        competitor, offer = (text_asked(request.query_params.get(name)) for name in ("competitor", "offer"))
        row = offer_rows(channel=ecomai.CHANNEL).filter(competitor__code=competitor, external_id=offer).first()
        if row is None:
            raise NotFound("There is no such offer.")
        prices = CompetitorPrice.objects.filter(offer=row).order_by("-observed_at")
        return paged(request, prices, CompetitorPriceSerializer)
