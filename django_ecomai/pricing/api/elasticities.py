"""How demand answers to prices."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from django_ecomai.conf import ecomai
from django_ecomai.pricing.models import CrossEffect, ProductElasticity

from .base import PAGE, PricingView, paged


class CrossEffectSerializer(serializers.ModelSerializer[CrossEffect]):
    """What another price does to the sales of a product, or why that is not known."""

    kind = serializers.CharField(help_text="product or competitor: whose price.")
    other_id = serializers.CharField(
        source="other.external_id", default=None, allow_null=True, help_text="The shop's own id of that product."
    )

    class Meta:
        model = CrossEffect
        fields = ("kind", "other_id", "elasticity", "low", "high", "reason")


class ElasticitySerializer(serializers.ModelSerializer[ProductElasticity]):
    """The price elasticity of a product, or why it has none, and the price test that would tell most."""

    product_id = serializers.CharField(source="product.external_id", help_text="The shop's own id.")
    source = serializers.CharField(  # type: ignore[assignment]
        help_text="own, category, shop or none: what it mostly rests on."
    )
    strength = serializers.CharField(help_text="strong, fair, weak or none.")
    others = CrossEffectSerializer(
        source="product.cross_effects", many=True, help_text="Effects of the prices of other products and competitors."
    )

    class Meta:
        model = ProductElasticity
        fields = (
            "product_id", "elasticity", "low", "high", "reason", "source", "strength", "weight", "levels", "periods",
            "rate", "test_low", "test_high", "test_weeks", "made_at", "others",
        )  # fmt: skip


class ElasticitiesPageSerializer(serializers.Serializer[Any]):
    """A part of the elasticities; ``next_offset`` is null at the end."""

    results = ElasticitySerializer(many=True)
    next_offset = serializers.IntegerField(allow_null=True)


class ElasticitiesView(PricingView):
    """Price elasticities by product: ``GET``."""

    needs = {"GET": ("view_productelasticity",)}

    @extend_schema(
        operation_id="ecomai_pricing_elasticities",
        summary="Price elasticities, and suggested price tests",
        parameters=[
            OpenApiParameter("product", str, description="The shop's id of a product."),
            OpenApiParameter("tests", bool, description="Only products with a suggested test, the most worth first."),
            *PAGE,
        ],
        responses={200: ElasticitiesPageSerializer, 400: OpenApiResponse(description="A parameter cannot be used.")},
    )
    def get(self, request: Request) -> Response:
        """See the schema."""
        rows = ProductElasticity.objects.filter(channel=ecomai.CHANNEL).select_related("product").order_by("pk")
        rows = rows.prefetch_related("product__cross_effects__other")
        if product := request.query_params.get("product", "").replace("\x00", ""):
            rows = rows.filter(product__external_id=product)
        if request.query_params.get("tests", "") in ("1", "true"):
            rows = rows.filter(test_worth__isnull=False).order_by("-test_worth", "pk")
        return paged(request, rows, ElasticitySerializer)
