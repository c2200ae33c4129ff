"""``ecomai/api/inventory/…``: the worklist, decisions, purchase orders and tables as JSON and CSV, for staff."""

from __future__ import annotations

from typing import Any

from django.http import HttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework import serializers, status
from rest_framework.exceptions import NotFound, ValidationError
from rest_framework.permissions import BasePermission
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from django_ecomai.conf import ecomai
from django_ecomai.events.throttling import ApiThrottle

from .models import PurchaseOrder, Suggestion
from .scorecards import scorecards
from .selectors import suggestion_rows
from .services import (
    DecisionError,
    OrderError,
    order_advance,
    order_cancel,
    order_receive,
    orders_draft,
    suggestions_decide,
)
from .tables_in import COLUMNS, MOST_BYTES, FileError, table_import
from .tables_out import table_csv
from .what_if import BOUNDS, MOST_PRODUCTS, BadChange, change_read, play, products_that_sell_most

MOST_ROWS = 500
APP = "ecomai_inventory"
_UNITS = {
    "demand": "per cent more or less",
    "promotion": "per cent more in the first four weeks",
    "price": "per cent more or less",
    "lead_days": "days more or less",
    "service": "per cent instead of the policies' targets",
    "budget": "money per order day",
}
_TABLE_PERMISSIONS = {
    "suppliers": ("supplier", ("add", "change")),
    "supplier_products": ("supplierproduct", ("add", "change")),
    "receipts": ("receipt", ("add",)),
}


class InventoryThrottle(ApiThrottle):
    """``ApiThrottle``, counted apart from other endpoints."""

    scope = "ecomai_inventory"


class StaffPermission(BasePermission):
    """Staff with the permission that the view names for the method."""

    def has_permission(self, request: Request, view: APIView) -> bool:
        user: Any = request.user
        needed = getattr(view, "needs", {}).get(request.method, ())
        return bool(user and user.is_active and user.is_staff) and all(user.has_perm(f"{APP}.{one}") for one in needed)


class InventoryView(APIView):
    """What all endpoints share."""

    permission_classes = (StaffPermission,)
    throttle_classes = (InventoryThrottle,)
    needs: dict[str, tuple[str, ...]] = {}


class SuggestionSerializer(serializers.ModelSerializer[Suggestion]):
    """A row of the worklist."""

    product_id = serializers.CharField(source="product.external_id", help_text="The shop's own id.")
    title = serializers.CharField(source="product.title")
    supplier = serializers.CharField(source="supplier.code", default=None, allow_null=True)
    purchase_order = serializers.CharField(source="order_line.order.number", default=None, allow_null=True)
    why = serializers.CharField(help_text="The arithmetic behind it, in one line.")

    class Meta:
        model = Suggestion
        fields = (
            "product_id", "title", "supplier", "status", "state", "as_of", "abc", "xyz", "on_hand", "on_order",
            "reserved", "demand_day", "p50", "p90", "lead_time_days", "protection_days", "cover_days", "stock_out_on",
            "stock_out_probability", "reorder_point", "order_up_to", "quantity", "unit_cost", "currency", "value",
            "lost_margin", "holding_cost", "decided_quantity", "reason", "snoozed_until", "purchase_order", "alerts",
            "why",
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


class OutcomeSerializer(serializers.Serializer[Any]):
    """What became of a file."""

    read = serializers.IntegerField()
    created = serializers.IntegerField()
    updated = serializers.IntegerField()
    failed = serializers.IntegerField()
    check_only = serializers.BooleanField()
    problems = serializers.ListField(child=serializers.DictField())


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


class WhatIfSerializer(serializers.Serializer[Any]):
    """Today's plan and the changed one under the same luck."""

    products = serializers.IntegerField()
    currency = serializers.CharField()
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
    margin_at_risk = serializers.FloatField()
    currency = serializers.CharField()
    products_without_margin = serializers.IntegerField(help_text="Left out of the money: another currency.")


class SuggestionsView(InventoryView):
    """The worklist: ``GET`` with filters by status and state."""

    needs = {"GET": ("view_suggestion",)}

    @extend_schema(
        operation_id="ecomai_inventory_suggestions",
        summary="The replenishment worklist",
        parameters=[
            OpenApiParameter("status", str, many=True, description="e.g. stocked_out; may be repeated."),
            OpenApiParameter("state", str, description="open, accepted, edited, snoozed or rejected."),
            OpenApiParameter("limit", int, description=f"Rows, 1 to {MOST_ROWS}; default 100."),
            OpenApiParameter("offset", int, description="Rows to pass over."),
        ],
        responses={200: PageSerializer, 400: OpenApiResponse(description="A parameter cannot be used.")},
    )
    def get(self, request: Request) -> Response:
        """See the schema."""
        statuses = request.query_params.getlist("status")
        state = request.query_params.get("state", "")
        _known("status", statuses, Suggestion.Status.values)
        _known("state", [state] if state else [], Suggestion.State.values)
        limit, offset = _whole(request, "limit", 100, 1, MOST_ROWS), _whole(request, "offset", 0, 0, 10**9)
        rows = list(
            suggestion_rows(channel=ecomai.CHANNEL, statuses=statuses, state=state)[offset : offset + limit + 1]
        )
        more = offset + limit if len(rows) > limit else None
        return Response({"results": SuggestionSerializer(rows[:limit], many=True).data, "next_offset": more})


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
        _known("status", [asked] if asked else [], PurchaseOrder.Status.values)
        rows = _orders()
        rows = rows.filter(status=asked) if asked else rows
        return Response(OrderSerializer(rows.order_by("-pk")[: _whole(request, "limit", 20, 1, 100)], many=True).data)

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
        found = play(channel=ecomai.CHANNEL, product_ids=pks, change=change) if pks else None
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


class TableView(InventoryView):
    """A table as CSV: ``GET`` it, ``POST`` a file with rows to add or change (``?check_only=1``: write nothing)."""

    @extend_schema(
        operation_id="ecomai_inventory_table",
        summary="Suppliers, their products, or receipts as CSV",
        responses={(200, "text/csv"): OpenApiTypes.STR},
    )
    def get(self, request: Request, table: str) -> HttpResponse:
        """See the schema."""
        self._allow(request, table, ("view",))
        return HttpResponse(table_csv(table=table, channel=ecomai.CHANNEL), content_type="text/csv; charset=utf-8")

    @extend_schema(
        operation_id="ecomai_inventory_table_import",
        summary="Read a CSV",
        request={"text/csv": OpenApiTypes.BINARY},
        parameters=[OpenApiParameter("check_only", bool, description="Only say what is wrong.")],
        responses={200: OutcomeSerializer, 400: OpenApiResponse(description="The file cannot be read.")},
    )
    def post(self, request: Request, table: str) -> Response:
        """See the schema."""
        self._allow(request, table, _TABLE_PERMISSIONS.get(table, ("", ()))[1])
        body = request._request.read(MOST_BYTES + 1)
        try:
            found = table_import(
                table=table,
                content=body,
                channel=ecomai.CHANNEL,
                check_only=request.query_params.get("check_only", "") in ("1", "true"),
                user=request.user,
            )
        except FileError as error:
            raise ValidationError({"detail": str(error)}) from error
        return Response(OutcomeSerializer({**vars(found), "problems": [vars(one) for one in found.problems]}).data)

    def _allow(self, request: Request, table: str, actions: tuple[str, ...]) -> None:
        if table not in _TABLE_PERMISSIONS:
            raise NotFound(f"There is no table {table!r}. Use one of: {', '.join(COLUMNS)}.")
        user: Any = request.user
        if not all(user.has_perm(f"{APP}.{action}_{_TABLE_PERMISSIONS[table][0]}") for action in actions):
            self.permission_denied(request)


def _orders() -> Any:
    return PurchaseOrder.objects.filter(channel=ecomai.CHANNEL).select_related("supplier").prefetch_related(
        "lines__product"
    )  # fmt: skip


def _known(name: str, values: list[str], known: list[str]) -> None:
    if wrong := [value for value in values if value not in known]:
        raise ValidationError({name: f"{wrong[0]!r} is none of {', '.join(known)}."})


def _whole(request: Request, name: str, default: int, least: int, most: int) -> int:
    text = request.query_params.get(name)
    if text is None:
        return default
    if not (text.isascii() and text.isdigit()) or not least <= int(text) <= most:
        raise ValidationError({name: f"Give a whole number from {least} to {most}."})
    return int(text)
