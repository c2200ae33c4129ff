"""Products that stand in for each other."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework import serializers
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

from django_ecomai.conf import ecomai
from django_ecomai.inventory.models import Substitution
from django_ecomai.inventory.services import SubstitutionError, substitution_declare, substitutions_decide
from django_ecomai.mirror.models import Product

from .base import MOST_ROWS, InventoryView, check_known, whole


class SubstitutionSerializer(serializers.ModelSerializer[Substitution]):
    """What part of a product's demand another one takes while it is sold out."""

    product_id = serializers.CharField(source="product.external_id", help_text="The shop's own id.")
    substitute_id = serializers.CharField(source="substitute.external_id")
    evidence = serializers.JSONField(help_text="Of pairs that were found in the data.")

    class Meta:
        model = Substitution
        fields = ("product_id", "substitute_id", "share", "source", "state", "note", "evidence")


class DeclareSerializer(serializers.Serializer[Any]):
    """A pair. Without ``share`` one that is there is taken into use as it stands, or with ``dismiss`` out of it."""

    product_id = serializers.CharField(max_length=64)
    substitute_id = serializers.CharField(max_length=64)
    share = serializers.FloatField(min_value=0.01, max_value=1, required=False)
    note = serializers.CharField(max_length=255, required=False, default="", allow_blank=True)
    both_ways = serializers.BooleanField(required=False, default=False)
    dismiss = serializers.BooleanField(required=False, default=False)


class SubstitutionsView(InventoryView):
    """Substitutes: `GET` them, `POST` a pair to declare, use or dismiss it."""

    needs = {"GET": ("view_substitution",), "POST": ("add_substitution", "change_substitution")}

    @extend_schema(
        operation_id="ecomai_inventory_substitutions",
        summary="Products that stand in for each other",
        parameters=[
            OpenApiParameter("product", str, description="Only those of this product (the shop's id)."),
            OpenApiParameter("state", str, description="open, used or dismissed."),
            OpenApiParameter("limit", int, description=f"Rows, 1 to {MOST_ROWS}; default 100."),
            OpenApiParameter("offset", int, description="Rows to pass over."),
        ],
        responses={200: SubstitutionSerializer(many=True)},
    )
    def get(self, request: Request) -> Response:
        """See the schema."""
        state, product = (request.query_params.get(name, "") for name in ("state", "product"))
        check_known("state", [state] if state else [], Substitution.State.values)
        rows = _rows()
        rows = rows.filter(state=state) if state else rows
        rows = rows.filter(product__external_id=product) if product else rows
        limit, offset = whole(request, "limit", 100, 1, MOST_ROWS), whole(request, "offset", 0, 0, 10**9)
        return Response(SubstitutionSerializer(rows.order_by("pk")[offset : offset + limit], many=True).data)

    @extend_schema(
        operation_id="ecomai_inventory_substitution_declare",
        summary="Declare, use or dismiss a substitute",
        request=DeclareSerializer,
        responses={200: SubstitutionSerializer, 400: OpenApiResponse(description="It cannot be one.")},
    )
    def post(self, request: Request) -> Response:
        """See the schema."""
        asked = DeclareSerializer(data=request.data)
        asked.is_valid(raise_exception=True)
        data: dict[str, Any] = asked.validated_data
        product, substitute = (_product(data, name) for name in ("product_id", "substitute_id"))
        if data["dismiss"] or "share" not in data:
            row = _rows().filter(product=product, substitute=substitute).first()
            if row is None:
                raise ValidationError({"share": "This pair is not there yet: say which share of the demand moves."})
            substitutions_decide(substitutions=[row], use=not data["dismiss"], user=request.user)
        else:
            told = {name: data[name] for name in ("share", "note", "both_ways")}
            try:
                row = substitution_declare(product=product, substitute=substitute, user=request.user, **told)
            except SubstitutionError as error:
                raise ValidationError({"detail": str(error)}) from error
        return Response(SubstitutionSerializer(_rows().get(pk=row.pk)).data)


def _rows() -> Any:
    return Substitution.objects.filter(product__channel=ecomai.CHANNEL).select_related("product", "substitute")


def _product(data: dict[str, Any], name: str) -> Product:
    found = Product.objects.filter(channel=ecomai.CHANNEL, external_id=data[name]).first()
    if found is None:
        raise ValidationError({name: f"There is no product {data[name]!r} in the copy of your shop."})
    return found
