"""Tables as CSV, in and out."""

from __future__ import annotations

from typing import Any

from django.http import HttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework import serializers
from rest_framework.exceptions import NotFound, ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

from django_ecomai.conf import ecomai
from django_ecomai.inventory.tables_in import COLUMNS, MOST_BYTES, FileError, table_import
from django_ecomai.inventory.tables_out import table_csv

from .base import APP, InventoryView

_TABLE_PERMISSIONS = {
    "suppliers": ("supplier", ("add", "change")),
    "supplier_products": ("supplierproduct", ("add", "change")),
    "receipts": ("receipt", ("add",)),
    "substitutions": ("substitution", ("add", "change")),
}


class ProblemSerializer(serializers.Serializer[Any]):
    """What is wrong with a row, and where."""

    line = serializers.IntegerField()
    column = serializers.CharField()
    value = serializers.CharField()
    message = serializers.CharField()


class OutcomeSerializer(serializers.Serializer[Any]):
    """What became of a file."""

    read = serializers.IntegerField()
    created = serializers.IntegerField()
    updated = serializers.IntegerField()
    failed = serializers.IntegerField()
    check_only = serializers.BooleanField()
    problems = ProblemSerializer(many=True)


class TableView(InventoryView):
    """A table as CSV: ``GET`` it, ``POST`` a file with rows to add or change (``?check_only=1``: write nothing)."""

    @extend_schema(
        operation_id="ecomai_inventory_table",
        summary="Suppliers, their products, receipts or substitutes as CSV",
        responses={(200, "text/csv"): OpenApiTypes.STR},
    )
    def get(self, request: Request, table: str) -> HttpResponse:
        """See the schema."""
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
        return Response(OutcomeSerializer(found).data)

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        """Which permissions a method needs depends on the table."""
        super().initial(request, *args, **kwargs)
        table = kwargs["table"]
        if table not in _TABLE_PERMISSIONS:
            raise NotFound(f"There is no table {table!r}. Use one of: {', '.join(COLUMNS)}.")
        user: Any = request.user
        actions = _TABLE_PERMISSIONS[table][1] if request.method == "POST" else ("view",)
        if not all(user.has_perm(f"{APP}.{action}_{_TABLE_PERMISSIONS[table][0]}") for action in actions):
            self.permission_denied(request)
