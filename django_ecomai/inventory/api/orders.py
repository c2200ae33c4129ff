"""Purchase orders: drafts out of suggestions, and their stages."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework import serializers, status
from rest_framework.exceptions import NotFound, ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

from django_ecomai.conf import ecomai
from django_ecomai.inventory.models import PurchaseOrder
from django_ecomai.inventory.selectors import suggestion_rows
from django_ecomai.inventory.services import OrderError, order_advance, order_cancel, order_receive, orders_draft

from .base import APP, MOST_ROWS, InventoryView, check_known, whole


class DraftSerializer(serializers.Serializer[Any]):
    """Which products are put into drafts."""

    products = serializers.ListField(child=serializers.CharField(max_length=64), min_length=1, max_length=MOST_ROWS)


class LineSerializer(serializers.Serializer[Any]):
    """A line of a purchase order."""

    product_id = serializers.CharField(source="product.external_id")
    title = serializers.CharField()
    sku = serializers.CharField()
    supplier_sku = serializers.CharField()
    quantity = serializers.DecimalField(max_digits=14, decimal_places=3)
    received = serializers.DecimalField(max_digits=14, decimal_places=3)
    unit_cost = serializers.DecimalField(max_digits=14, decimal_places=4, allow_null=True)


class OrderSerializer(serializers.ModelSerializer[PurchaseOrder]):
    """A purchase order."""

    supplier = serializers.CharField(source="supplier.code")
    lines = LineSerializer(many=True)

    class Meta:
        model = PurchaseOrder
        fields = (
            "number", "supplier", "status", "currency", "created_at", "approved_at", "ordered_at", "confirmed_at",
            "shipped_at", "received_at", "cancelled_at", "expected_on", "is_simulated", "note", "lines",
        )  # fmt: skip


class StageSerializer(serializers.Serializer[Any]):
    """The stage that an order has reached."""

    to = serializers.ChoiceField(choices=["approved", "ordered", "confirmed", "shipped", "received", "cancelled"])


class OrdersView(InventoryView):
    """Purchase orders: ``GET`` the newest, ``POST products`` to put suggestions into drafts."""

    needs = {"GET": ("view_purchaseorder",), "POST": ("decide_suggestion", "add_purchaseorder")}

    @extend_schema(
        operation_id="ecomai_inventory_orders",
        summary="Purchase orders, newest first",
        parameters=[
            OpenApiParameter("status", str, description="e.g. draft."),
            OpenApiParameter("limit", int, description="Orders, 1 to 100; default 20."),
        ],
        responses={200: OrderSerializer(many=True)},
    )
    def get(self, request: Request) -> Response:
        """See the schema."""
        asked = request.query_params.get("status", "")
        check_known("status", [asked] if asked else [], PurchaseOrder.Status.values)
        rows = _orders()
        rows = rows.filter(status=asked) if asked else rows
        return Response(OrderSerializer(rows.order_by("-pk")[: whole(request, "limit", 20, 1, 100)], many=True).data)

    @extend_schema(
        operation_id="ecomai_inventory_draft",
        summary="One draft per supplier out of suggestions",
        request=DraftSerializer,
        responses={201: OrderSerializer(many=True), 400: OpenApiResponse(description="One cannot be ordered.")},
    )
    def post(self, request: Request) -> Response:
        """See the schema."""
        asked = DraftSerializer(data=request.data)
        asked.is_valid(raise_exception=True)
        ids = asked.validated_data["products"]
        rows = list(suggestion_rows(channel=ecomai.CHANNEL).filter(product__external_id__in=ids))
        missing = sorted(set(ids) - {row.product.external_id for row in rows})
        if missing:
            raise ValidationError({"products": f"There is no suggestion for {', '.join(missing[:10])}."})
        try:
            made = orders_draft(suggestions=rows, user=request.user)
        except OrderError as error:
            raise ValidationError({"detail": str(error)}) from error
        found = _orders().filter(pk__in=[order.pk for order in made]).order_by("pk")
        return Response(OrderSerializer(found, many=True).data, status=status.HTTP_201_CREATED)


class StageView(InventoryView):
    """The next stage of a purchase order: ``POST to``."""

    needs = {"POST": ("change_purchaseorder",)}

    @extend_schema(
        operation_id="ecomai_inventory_stage",
        summary="Approve, order, confirm, ship, receive or cancel",
        request=StageSerializer,
        responses={200: OrderSerializer, 400: OpenApiResponse(description="Not from this stage.")},
    )
    def post(self, request: Request, number: str) -> Response:
        """See the schema."""
        asked = StageSerializer(data=request.data)
        asked.is_valid(raise_exception=True)
        to = asked.validated_data["to"]
        user: Any = request.user
        if to in ("approved", "ordered") and not user.has_perm(f"{APP}.approve_purchaseorder"):
            self.permission_denied(request)
        order = _orders().filter(number=number).first()
        if order is None:
            raise NotFound(f"There is no purchase order {number!r}.")
        try:
            if to == "cancelled":
                order_cancel(order=order, user=user)
            elif to == "received":
                order_receive(order=order, user=user)
            else:
                order_advance(order=order, to=to, user=user)
        except OrderError as error:
            raise ValidationError({"detail": str(error)}) from error
        return Response(OrderSerializer(_orders().get(pk=order.pk)).data)


def _orders() -> Any:
    return PurchaseOrder.objects.filter(channel=ecomai.CHANNEL).select_related("supplier").prefetch_related(
        "lines__product"
    )  # fmt: skip
