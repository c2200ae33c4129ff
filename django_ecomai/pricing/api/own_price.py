"""A price of one's own in place of the proposed one."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework import serializers
from rest_framework.exceptions import NotFound, ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

from django_ecomai.conf import ecomai
from django_ecomai.pricing.selectors import proposal_rows
from django_ecomai.pricing.services import PricingError, own_price_preview, own_price_set

from .base import PricingView
from .proposals import ProposalSerializer


class OwnPriceSerializer(serializers.Serializer[Any]):
    """The price that is wanted. ``preview``: only say what it would bring."""

    price = serializers.DecimalField(max_digits=14, decimal_places=4, min_value=0)
    preview = serializers.BooleanField(required=False, default=False)


class OwnPricedSerializer(ProposalSerializer):
    """The proposal with that price. In a preview ``refused`` says why it cannot be had, and ``unknown`` why there are
    no numbers of it."""

    refused = serializers.CharField(read_only=True, default="")
    unknown = serializers.CharField(read_only=True, default="")

    class Meta(ProposalSerializer.Meta):
        fields = (*ProposalSerializer.Meta.fields, "refused", "unknown")


class OwnPriceView(PricingView):
    """Another price than the proposed one: ``POST price``; it is decided as any other."""

    needs = {"POST": ("decide_priceproposal",)}

    @extend_schema(
        operation_id="ecomai_pricing_own_price",
        summary="Make a price of one's own the proposal, or see what it would bring",
        request=OwnPriceSerializer,
        responses={
            200: OwnPricedSerializer,
            400: OpenApiResponse(description="A limit forbids it, or the proposal is decided already."),
            404: OpenApiResponse(description="There is none of this number."),
        },
    )
    def post(self, request: Request, number: int) -> Response:
        """See the schema."""
        asked = OwnPriceSerializer(data=request.data)
        asked.is_valid(raise_exception=True)
        price, preview = asked.validated_data["price"], asked.validated_data["preview"]
        rows = proposal_rows(channel=ecomai.CHANNEL)
        row = rows.filter(pk=number).first() if number < 2**63 else None
        if row is None:
            raise NotFound(f"There is no proposal {number}.")
        if price <= 0:
            raise ValidationError({"price": "Give a price above 0."})
        if preview:
            found = own_price_preview(proposal=row, price=price)
            told = {"refused": found.told, "unknown": str(found.unknown)}
            return Response(OwnPricedSerializer(found.row).data | told)
        try:
            own_price_set(proposal=row, price=price, user=request.user)
        except PricingError as error:
            raise ValidationError({"detail": str(error)}) from error
        return Response(OwnPricedSerializer(rows.get(pk=number)).data)
