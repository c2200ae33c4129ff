"""The worklist and decisions about it."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework import serializers
from rest_framework.exceptions import NotFound, ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

from django_ecomai.conf import ecomai
from django_ecomai.inventory.models import Suggestion
from django_ecomai.inventory.selectors import suggestion_rows
from django_ecomai.inventory.services import DecisionError, suggestions_decide

from .base import PAGE, InventoryView, check_known, paged


class SuggestionSerializer(serializers.ModelSerializer[Suggestion]):
    """A row of the worklist."""

    product_id = serializers.CharField(source="product.external_id", help_text="The shop's own id.")
    title = serializers.CharField(source="product.title")
    supplier = serializers.CharField(source="supplier.code", default=None, allow_null=True)
    purchase_order = serializers.CharField(source="order_line.order.number", default=None, allow_null=True)
    why = serializers.CharField(help_text="The arithmetic behind it, in one line.")
    substitutes = serializers.JSONField(help_text="What stands in for it: share of its demand, pieces to spare, days.")

    class Meta:
        model = Suggestion
        fields = (
            "product_id", "title", "supplier", "status", "state", "as_of", "abc", "xyz", "on_hand", "on_order",
            "reserved", "demand_day", "p50", "p90", "lead_time_days", "protection_days", "cover_days", "stock_out_on",
            "stock_out_probability", "reorder_point", "order_up_to", "quantity", "unit_cost", "currency", "value",
            "lost_margin", "planned_loss", "slipped_loss", "holding_cost", "substitutes", "decided_quantity", "reason",
            "snoozed_until", "purchase_order", "alerts", "why",
        )  # fmt: skip


class PageSerializer(serializers.Serializer[Any]):
    """A part of the worklist; ``next_offset`` is absent at its end."""

    results = SuggestionSerializer(many=True)
    next_offset = serializers.IntegerField(allow_null=True)


class DecisionSerializer(serializers.Serializer[Any]):
    """A decision about one product."""

    action = serializers.ChoiceField(choices=["accept", "edit", "snooze", "reject"])
    quantity = serializers.DecimalField(max_digits=14, decimal_places=3, min_value=0, required=False, allow_null=True)
    until = serializers.DateField(required=False, allow_null=True)
    reason = serializers.CharField(required=False, default="", allow_blank=True, max_length=255)


class SuggestionsView(InventoryView):
    """The worklist: ``GET`` with filters by status and state."""

    needs = {"GET": ("view_suggestion",)}

    @extend_schema(
        operation_id="ecomai_inventory_suggestions",
        summary="The replenishment worklist",
        parameters=[
            OpenApiParameter("status", str, many=True, description="e.g. stocked_out; may be repeated."),
            OpenApiParameter("state", str, description="open, accepted, edited, snoozed or rejected."),
            *PAGE,
        ],
        responses={200: PageSerializer, 400: OpenApiResponse(description="A parameter cannot be used.")},
    )
    def get(self, request: Request) -> Response:
        """See the schema."""
        statuses = request.query_params.getlist("status")
        state = request.query_params.get("state", "")
        check_known("status", statuses, Suggestion.Status.values)
        check_known("state", [state] if state else [], Suggestion.State.values)
        rows = suggestion_rows(channel=ecomai.CHANNEL, statuses=statuses, state=state)
        return paged(request, rows, SuggestionSerializer)


class DecideView(InventoryView):
    """A decision about the suggestion of one product: ``POST action``."""

    needs = {"POST": ("decide_suggestion",)}

    @extend_schema(
        operation_id="ecomai_inventory_decide",
        summary="Accept, edit, snooze or reject",
        request=DecisionSerializer,
        responses={200: SuggestionSerializer, 400: OpenApiResponse(description="It cannot be decided so.")},
    )
    def post(self, request: Request, product_id: str) -> Response:
        """See the schema."""
        asked = DecisionSerializer(data=request.data)
        asked.is_valid(raise_exception=True)
        row = suggestion_rows(channel=ecomai.CHANNEL).filter(product__external_id=product_id).first()
        if row is None:
            raise NotFound(f"There is no suggestion for the product {product_id!r}.")
        try:
            (row,) = suggestions_decide(suggestions=[row], user=request.user, **asked.validated_data)
        except DecisionError as error:
            raise ValidationError({"detail": str(error)}) from error
        return Response(SuggestionSerializer(row).data)
