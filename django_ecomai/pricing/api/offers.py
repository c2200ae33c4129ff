"""Suggested volume prices, decisions about them, and how price-sensitive parts of the trade are."""

from __future__ import annotations

from typing import Any

from django.db import transaction
from django.http import StreamingHttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework import serializers
from rest_framework.exceptions import PermissionDenied, ValidationError
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from django_ecomai.conf import ecomai
from django_ecomai.pricing.models import VolumeOffer
from django_ecomai.pricing.offers_export import offers_csv
from django_ecomai.pricing.segments_stored import segments_latest
from django_ecomai.pricing.selectors import OFFER_STATES, offer_rows
from django_ecomai.pricing.services import offers_approve, offers_dismiss, offers_restore, offers_withdraw
from django_ecomai.pricing.volume_prices import volume_prices
from django_ecomai.pricing.worklist import costs_simulated

from .base import APP, MOST_ROWS, PAGE, PricingThrottle, PricingView, check_known, paged
from .simulated import CostsSimulated

_KIND = OpenApiParameter("kind", str, many=True, description="break or bundle; may be repeated.")
_STATE = OpenApiParameter("state", str, description="suggested (the default), approved or dismissed.")


_DISMISSALS: dict[str, Any] = {"dismiss": offers_dismiss, "restore": offers_restore}
_APPROVALS = ("approve", "withdraw")


class OfferSerializer(serializers.ModelSerializer[VolumeOffer]):
    """A quantity break, or two products for one price."""

    product_id = serializers.CharField(source="product.external_id", help_text="The shop's own id.")
    title = serializers.CharField(source="product.title")
    other_id = serializers.CharField(
        source="other.external_id", default=None, allow_null=True, help_text="The second product of a bundle."
    )
    other_title = serializers.CharField(source="other.title", default=None, allow_null=True)
    held_reason = serializers.CharField(help_text="Approved, but not given to the shop: why. Looked at every hour.")
    what = serializers.CharField(help_text="What to enter into the shop, in a sentence.")
    why = serializers.CharField(help_text="What it is expected to earn, and on what that rests.")

    class Meta:
        model = VolumeOffer
        fields = (
            "id", "kind", "product_id", "title", "other_id", "other_title", "quantity", "discount", "old_price",
            "price", "currency", "gain", "gain_low", "gain_high", "gain_chance", "weeks", "lines", "made_at",
            "approved_at", "held_reason", "dismissed_at", "what", "why",
        )  # fmt: skip


class OffersPageSerializer(CostsSimulated):
    """A part of the volume prices; ``next_offset`` is null at the end."""

    results = OfferSerializer(many=True)
    next_offset = serializers.IntegerField(allow_null=True)


_MOST_PRODUCTS = 100


class OfferDecisionSerializer(serializers.Serializer[Any]):
    """What is to become of which volume prices."""

    offers = serializers.ListField(
        child=serializers.IntegerField(min_value=1, max_value=2**63 - 1), min_length=1, max_length=MOST_ROWS
    )
    action = serializers.ChoiceField(choices=[*_DISMISSALS, *_APPROVALS])


class VolumePriceSerializer(serializers.Serializer[Any]):
    """What the shop is to show and to charge."""

    kind = serializers.CharField(help_text="break or bundle.")
    product_id = serializers.CharField(help_text="The shop's own id.")
    other_id = serializers.CharField(help_text="The second product of a bundle, else empty.")
    quantity = serializers.DecimalField(max_digits=14, decimal_places=3, help_text="From so many on; of a bundle 1.")
    price = serializers.DecimalField(max_digits=14, decimal_places=4, help_text="Per piece; of a bundle for both.")
    currency = serializers.CharField()
    text = serializers.CharField(source="__str__", help_text="The same as a sentence.")
    token = serializers.CharField(help_text="Holds it for a cart; see `volume_hold_verify`.")


class SegmentSerializer(serializers.Serializer[Any]):
    """A part of the trade."""

    name = serializers.CharField(allow_blank=True)
    lines = serializers.IntegerField(help_text="Order lines it rests on.")
    products = serializers.IntegerField(help_text="Products with an elasticity of their own there.")
    elasticity = serializers.FloatField(allow_null=True)
    low = serializers.FloatField(allow_null=True)
    high = serializers.FloatField(allow_null=True)
    reason = serializers.CharField(allow_blank=True, help_text="Why it has none.")
    more_than_first = serializers.FloatField(
        allow_null=True, help_text="Probability that it is more price-sensitive than the first."
    )


class SegmentsSerializer(serializers.Serializer[Any]):
    """Parts of the trade by one attribute: channel, region, customer_tier or volume."""

    attribute = serializers.CharField()
    products = serializers.IntegerField(help_text="Products that were compared.")
    segments = SegmentSerializer(many=True)


class OffersView(PricingView):
    """Suggested volume prices: ``GET``."""

    needs = {"GET": ("view_volumeoffer",)}

    @extend_schema(
        operation_id="ecomai_pricing_offers",
        summary="Quantity breaks and bundles, the largest gain first",
        parameters=[
            _KIND,
            _STATE,
            OpenApiParameter("product", str, description="The shop's id of either product."),
            *PAGE,
        ],
        responses={200: OffersPageSerializer, 400: OpenApiResponse(description="A parameter cannot be used.")},
    )
    def get(self, request: Request) -> Response:
        """See the schema."""
        rows = offer_rows(channel=ecomai.CHANNEL, **_asked(request))
        if product := request.query_params.get("product", "").replace("\x00", ""):
            rows = rows.filter(product__external_id=product) | rows.filter(other__external_id=product)
        return paged(request, rows, OfferSerializer, costs_simulated=costs_simulated(channel=ecomai.CHANNEL))


class OffersExportView(PricingView):
    """Suggested volume prices as CSV: ``GET``."""

    needs = {"GET": ("view_volumeoffer",)}

    @extend_schema(
        operation_id="ecomai_pricing_offers_export",
        summary="Quantity breaks and bundles as CSV",
        parameters=[_KIND, _STATE],
        responses={(200, "text/csv"): OpenApiTypes.STR, 400: OpenApiResponse(description="There is no such kind.")},
    )
    def get(self, request: Request) -> StreamingHttpResponse:
        """See the schema."""
        pieces = offers_csv(channel=ecomai.CHANNEL, **_asked(request))
        return StreamingHttpResponse(pieces, content_type="text/csv; charset=utf-8")


class OfferDecisionView(PricingView):
    """Approve volume prices, take that back, dismiss them or bring them back: ``POST``, for all of them or for none."""

    needs = {"POST": ("view_volumeoffer",)}

    @extend_schema(
        operation_id="ecomai_pricing_offers_decide",
        summary="Approve volume prices or take that back, dismiss them or bring them back",
        description="`approve` and `withdraw` need `approve_volumeoffer`, the others `dismiss_volumeoffer`.",
        request=OfferDecisionSerializer,
        responses={
            200: OfferSerializer(many=True),
            400: OpenApiResponse(description="There is none of a number."),
            409: OpenApiResponse(description="One of them cannot be approved: none is. `reasons` by number."),
        },
    )
    def post(self, request: Request) -> Response:
        """See the schema."""
        asked = OfferDecisionSerializer(data=request.data)
        asked.is_valid(raise_exception=True)
        numbers, action = asked.validated_data["offers"], asked.validated_data["action"]
        permission = "approve_volumeoffer" if action in _APPROVALS else "dismiss_volumeoffer"
        if not request.user.has_perm(f"{APP}.{permission}"):
            raise PermissionDenied
        rows = VolumeOffer.objects.filter(channel=ecomai.CHANNEL, pk__in=numbers)
        missing = sorted(set(numbers) - set(rows.values_list("pk", flat=True)))
        if missing:
            raise ValidationError({"offers": f"There is no volume price {', '.join(map(str, missing[:10]))}."})
        if action == "approve":
            with transaction.atomic():
                refused = offers_approve(offers=rows, user=request.user).refused
                transaction.set_rollback(bool(refused))
            if refused:
                return Response({"reasons": {str(row.pk): text for row, text in refused}}, status=409)
        else:
            decide = offers_withdraw if action == "withdraw" else _DISMISSALS[action]
            decide(offers=rows, user=request.user)
        found = rows.select_related("product", "other").order_by("pk")
        return Response(OfferSerializer(found, many=True).data)


class VolumePricesView(APIView):
    """What is approved, for storefronts that are not rendered by Django: ``GET``, open to everybody."""

    permission_classes = (AllowAny,)
    throttle_classes = (PricingThrottle,)

    @extend_schema(
        operation_id="ecomai_pricing_volume_prices_current",
        summary="Approved volume prices of products, as the shop shows them",
        parameters=[OpenApiParameter("product", str, many=True, required=True, description="Shop's id; up to 100.")],
        responses={200: VolumePriceSerializer(many=True), 400: OpenApiResponse(description="None, or too many ids.")},
    )
    def get(self, request: Request) -> Response:
        """See the schema."""
        asked = {one for one in request.query_params.getlist("product") if one and "\x00" not in one}
        if not 1 <= len(asked) <= _MOST_PRODUCTS:
            raise ValidationError({"product": f"Give 1 to {_MOST_PRODUCTS} ids of products."})
        found = volume_prices(product_ids=asked, channel=ecomai.CHANNEL).values()
        each = {offer.terms: offer for offers in found for offer in offers}
        return Response(VolumePriceSerializer(list(each.values()), many=True).data)


class SegmentsView(PricingView):
    """How price-sensitive shops, regions, tiers and sizes of orders are: ``GET``. Never about a person."""

    needs = {"GET": ("view_volumeoffer",)}

    @extend_schema(
        operation_id="ecomai_pricing_segments",
        summary="Price elasticities of parts of the trade",
        responses={200: SegmentsSerializer(many=True)},
    )
    def get(self, request: Request) -> Response:
        """See the schema."""
        _run, found = segments_latest(channel=ecomai.CHANNEL)
        return Response(SegmentsSerializer(found, many=True).data)


def _asked(request: Request) -> dict[str, Any]:
    kinds, state = request.query_params.getlist("kind"), request.query_params.get("state", "suggested")
    check_known("kind", kinds, VolumeOffer.Kind.values)
    check_known("state", [state], list(OFFER_STATES))
    return {"kinds": kinds, "state": state}
