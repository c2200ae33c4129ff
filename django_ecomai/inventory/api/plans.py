"""What-if, and how suppliers deliver."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework import serializers
from rest_framework.exceptions import NotFound, ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

from django_ecomai.conf import ecomai
from django_ecomai.inventory.scorecards import scorecards
from django_ecomai.inventory.selectors import suggestion_rows
from django_ecomai.inventory.what_if import (
    BOUNDS,
    MOST_PRODUCTS,
    BadChange,
    change_read,
    play,
    products_that_sell_most,
)

from .base import InventoryView

_UNITS = {
    "demand": "per cent more or less",
    "promotion": "per cent more in the first four weeks",
    "price": "per cent more or less",
    "elasticity": "per cent of demand per per cent of price",
    "lead_days": "days more or less",
    "service": "per cent instead of the policies' targets",
    "budget": "money per order day",
}


class FutureSerializer(serializers.Serializer[Any]):
    """Twelve weeks under one plan: means over the futures that were played; money in the currency of the products."""

    fill_rate = serializers.FloatField()
    stockout_days = serializers.FloatField(help_text="Days × products.")
    holding = serializers.FloatField()
    ordering = serializers.FloatField()
    lost_margin = serializers.FloatField()
    bought = serializers.FloatField()
    orders = serializers.FloatField()
    cost = serializers.FloatField(help_text="Holding, ordering and lost margin.")
    moved = serializers.FloatField(help_text="Pieces that substitutes sold instead.")
    sold = serializers.FloatField(help_text="Pieces, those that moved to substitutes among them.")
    revenue = serializers.FloatField(help_text="Of what was asked for and sold; substitutes are not in it.")
    margin = serializers.FloatField(help_text="Earned on what is sold, before holding and ordering.")
    profit = serializers.FloatField(help_text="Margin less holding and ordering: what to compare two plans by.")


class WhatIfSerializer(serializers.Serializer[Any]):
    """Today's plan and the changed one under the same luck."""

    products = serializers.IntegerField()
    substitutes = serializers.IntegerField(help_text="How many of the products were played along as substitutes.")
    currency = serializers.CharField()
    elasticity = serializers.FloatField(help_text="Mean price elasticity that another price was played with.")
    elasticity_known = serializers.IntegerField(help_text="Of how many products it was given or learned.")
    days = serializers.IntegerField()
    today = FutureSerializer(source="futures.base")
    changed = FutureSerializer(source="futures.changed")


class ScorecardSerializer(serializers.Serializer[Any]):
    """How a supplier delivered in the last year, and what hangs on it."""

    supplier = serializers.CharField(source="supplier.code")
    name = serializers.CharField(source="supplier.name")
    is_simulated = serializers.BooleanField(source="supplier.is_simulated")
    orders = serializers.IntegerField()
    lines = serializers.IntegerField()
    on_time_in_full = serializers.FloatField(allow_null=True)
    lead_time_agreed = serializers.IntegerField(source="supplier.lead_time_days")
    lead_mean = serializers.FloatField(allow_null=True)
    lead_spread = serializers.FloatField(allow_null=True)
    lead_p90 = serializers.FloatField(allow_null=True)
    trend = serializers.FloatField(allow_null=True, help_text="Days longer per 90 days.")
    late_orders = serializers.IntegerField()
    products = serializers.IntegerField()
    single_source = serializers.IntegerField()
    margin_per_week = serializers.FloatField()
    margin_single = serializers.FloatField()
    margin_planned_loss = serializers.FloatField(help_text="Until the next deliveries, as planned.")
    margin_slipped_loss = serializers.FloatField(help_text="The same if they are as slow as the slowest tenth.")
    margin_at_risk = serializers.FloatField(help_text="The difference of the two.")
    currency = serializers.CharField()
    products_without_margin = serializers.IntegerField(help_text="Left out of the money: another currency.")


class WhatIfView(InventoryView):
    """What if demand, lead time, service level, budget, a promotion or a price were others: ``GET``."""

    needs = {"GET": ("view_suggestion",)}

    @extend_schema(
        operation_id="ecomai_inventory_what_if",
        summary="Play twelve weeks as planned and changed",
        parameters=[
            OpenApiParameter(
                "product", str, many=True, description="Shop's id; default: what is expected to sell most."
            ),
            *(
                OpenApiParameter(name, float, description=f"{least:g} to {most:g}, {_UNITS[name]}.")
                for name, (least, most) in BOUNDS.items()
            ),
        ],
        responses={200: WhatIfSerializer, 400: OpenApiResponse(description="A value cannot be played.")},
    )
    def get(self, request: Request) -> Response:
        """See the schema."""
        try:
            change = change_read({name: request.query_params.get(name) for name in BOUNDS})
        except BadChange as error:
            raise ValidationError({"detail": str(error)}) from error
        asked = request.query_params.getlist("product")
        if len(asked) > MOST_PRODUCTS:
            raise ValidationError({"product": f"At most {MOST_PRODUCTS} products at once."})
        rows = suggestion_rows(channel=ecomai.CHANNEL).filter(product__external_id__in=asked)
        pks = [row.product_id for row in rows] if asked else products_that_sell_most(channel=ecomai.CHANNEL)
        try:
            found = play(channel=ecomai.CHANNEL, product_ids=pks, change=change) if pks else None
        except BadChange as error:
            raise ValidationError({"product": str(error)}) from error
        if found is None:
            raise NotFound("There is nothing to play with: no suggestion for these products.")
        return Response(WhatIfSerializer(found).data)


class SuppliersView(InventoryView):
    """Scorecards of the suppliers, what hangs on most first: ``GET``."""

    needs = {"GET": ("view_supplier",)}

    @extend_schema(
        operation_id="ecomai_inventory_suppliers",
        summary="Supplier scorecards",
        responses={200: ScorecardSerializer(many=True)},
    )
    def get(self, request: Request) -> Response:
        """See the schema."""
        return Response(ScorecardSerializer(scorecards(channel=ecomai.CHANNEL), many=True).data)
