"""What must be told beside a reduced price: for everybody, as on the shop's pages."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework import serializers
from rest_framework.exceptions import ValidationError
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from django_ecomai.conf import ecomai
from django_ecomai.mirror.models import Product
from django_ecomai.pricing.asked import text_asked
from django_ecomai.pricing.ledger import LowestPrice, reductions_told

from .base import PricingThrottle

MOST_PRODUCTS = 100


class LedgerLineSerializer(serializers.Serializer[Any]):
    """The running reduction of a product: what the tag ``{% price_ledger %}`` tells, and nothing of costs."""

    product_id = serializers.CharField()
    lowest = serializers.DecimalField(
        max_digits=14, decimal_places=4, allow_null=True,
        help_text="The lowest price of the 30 days before; null where no earlier price is known.",
    )  # fmt: skip
    currency = serializers.CharField()
    price = serializers.DecimalField(max_digits=14, decimal_places=4, help_text="Of the reduction's first step.")
    list_price = serializers.DecimalField(max_digits=14, decimal_places=4, allow_null=True)
    began_at = serializers.DateTimeField()
    known_since = serializers.DateTimeField(help_text="Where the price history begins.")


def products_asked(request: Request) -> list[str]:
    """The shop's ids in ``product``. Raises ``ValidationError`` for none and for more than 100."""
    asked = [text_asked(one) for one in request.query_params.getlist("product")]
    if not 1 <= len(asked) <= MOST_PRODUCTS:
        raise ValidationError({"product": f"Name 1 to {MOST_PRODUCTS} products."})
    return asked


def ledger_lines(*, channel: str, product_ids: Sequence[str]) -> list[LowestPrice]:
    """Running reductions of products on sale, in the order of ``product_ids``; two queries."""
    found = reductions_told(channel=channel, product_ids=product_ids)
    on_sale = Product.objects.filter(channel=channel, external_id__in=list(found), is_active=True, removed_at=None)
    shown = set(on_sale.values_list("external_id", flat=True))
    return [found[one] for one in dict.fromkeys(product_ids) if one in shown]


class LedgerView(APIView):
    """Running reductions with the lowest price of the 30 days before, for everybody: ``GET ?product=…``, up to 100."""

    permission_classes = (AllowAny,)
    throttle_classes = (PricingThrottle,)

    @extend_schema(
        operation_id="ecomai_pricing_ledger",
        summary="What must be told beside reduced prices",
        description="Open to everybody, as the same line stands on the pages of the products; no costs.",
        parameters=[OpenApiParameter("product", str, many=True, description="The shop's ids; up to 100 times.")],
        responses={
            200: LedgerLineSerializer(many=True),
            400: OpenApiResponse(description="No product is asked for, or too many."),
            429: OpenApiResponse(description="Too many requests; Retry-After says when to ask again."),
        },
    )
    def get(self, request: Request) -> Response:
        """See the schema; products that are not reduced are absent."""
        found = ledger_lines(channel=ecomai.CHANNEL, product_ids=products_asked(request))
        return Response(LedgerLineSerializer(found, many=True).data)
