"""Prices that were put into the shop, and taking them back."""

from __future__ import annotations

from typing import Any

from django.utils.decorators import method_decorator
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework import serializers
from rest_framework.exceptions import NotFound, ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

from django_ecomai.conf import ecomai
from django_ecomai.core.db import without_transaction
from django_ecomai.pricing.models import PriceChange
from django_ecomai.pricing.selectors import change_rows
from django_ecomai.pricing.services import AgainstLimits, PricingError, SecondNeeded, change_undo
from django_ecomai.pricing.worklist import costs_simulated

from .base import PAGE, PricingView, paged
from .simulated import CostsSimulated


class PriceChangeSerializer(serializers.ModelSerializer[PriceChange]):
    """A price that was written into the shop."""

    product_id = serializers.CharField(source="product.external_id", help_text="The shop's own id.")
    proposal = serializers.IntegerField(source="proposal_id", allow_null=True)
    watch = serializers.JSONField(help_text="What it earned beside what was expected, as last looked at.")

    class Meta:
        model = PriceChange
        fields: tuple[str, ...] = (
            "id", "product_id", "proposal", "kind", "at", "old_price", "new_price", "old_list_price", "new_list_price",
            "currency", "is_canary", "undone_at", "verdict", "watch",
        )  # fmt: skip


class UndoneSerializer(CostsSimulated, PriceChangeSerializer):
    """A price that was taken back."""

    # no choices: the schema has them under the name of a change's
    kind = serializers.CharField(help_text="As in the list of changes.")

    class Meta(PriceChangeSerializer.Meta):
        fields = (*PriceChangeSerializer.Meta.fields, "costs_simulated")


class PriceChangesPageSerializer(CostsSimulated):
    """A part of the changes; ``next_offset`` is null at the end."""

    results = PriceChangeSerializer(many=True)
    next_offset = serializers.IntegerField(allow_null=True)


class UndoSerializer(serializers.Serializer[Any]):
    """How an applied price is taken back."""

    confirm = serializers.BooleanField(
        required=False, default=False, help_text="Restore the price before although it breaks a limit of now."
    )


class ChangesView(PricingView):
    """Prices that were put into the shop, newest first: ``GET``."""

    needs = {"GET": ("view_pricechange",)}

    @extend_schema(
        operation_id="ecomai_pricing_changes",
        summary="Applied prices and what became of them",
        parameters=[
            OpenApiParameter("product", str, description="The shop's id of a product."),
            *PAGE,
        ],
        responses={200: PriceChangesPageSerializer, 400: OpenApiResponse(description="A parameter cannot be used.")},
    )
    def get(self, request: Request) -> Response:
        """See the schema."""
        rows = change_rows(channel=ecomai.CHANNEL)
        if product := request.query_params.get("product", "").replace("\x00", ""):
            rows = rows.filter(product__external_id=product)
        return paged(request, rows, PriceChangeSerializer, costs_simulated=costs_simulated(channel=ecomai.CHANNEL))


@method_decorator(without_transaction, name="dispatch")
class UndoView(PricingView):
    """Restore the price before a change: ``POST``. What was written must stay noted, whatever fails afterwards."""

    needs = {"POST": ("undo_pricechange",)}

    @extend_schema(
        operation_id="ecomai_pricing_undo",
        summary="Take an applied price back",
        request=UndoSerializer,
        responses={
            200: UndoneSerializer,
            202: OpenApiResponse(
                description="With `PRICING_FOUR_EYES`: the confirmation against a limit is noted, and the price comes "
                "back when somebody else confirms it too."
            ),
            400: OpenApiResponse(
                description="The shop has another price by now; or a limit forbids the price before: then `limits` "
                "names each product and the limit, and `confirm` restores it all the same."
            ),
        },
    )
    def post(self, request: Request, number: int) -> Response:
        """See the schema."""
        asked = UndoSerializer(data=request.data)
        asked.is_valid(raise_exception=True)
        change = change_rows(channel=ecomai.CHANNEL).filter(pk=number).first() if number < 2**63 else None
        if change is None:
            raise NotFound(f"There is no change {number}.")
        try:
            undone = change_undo(change=change, user=request.user, confirmed=asked.validated_data["confirm"])
        except AgainstLimits as error:
            limits = [{"product_id": one.product.external_id, "why": str(reason)} for one, reason in error.against]
            raise ValidationError({"detail": str(error), "limits": limits}) from error
        except SecondNeeded as error:
            return Response({"detail": str(error)}, status=202)
        except PricingError as error:
            raise ValidationError({"detail": str(error)}) from error
        return Response(UndoneSerializer(undone).data)
