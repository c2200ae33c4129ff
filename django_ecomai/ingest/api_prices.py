"""``api/ingest/ledger/`` and ``…/holds/``: what the server of a shop elsewhere needs beside a price that it shows."""

from __future__ import annotations

from decimal import Decimal
from typing import Any, cast

from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework import serializers
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

from django_ecomai.conf import ecomai
from django_ecomai.mirror.models import Product
from django_ecomai.pricing.api.ledger import LedgerLineSerializer, ledger_lines, products_asked
from django_ecomai.pricing.hold import price_hold, price_hold_verify

from .authentication import IngestReadThrottle, KeyView
from .models import ApiKey, Scope

MOST_ROWS = 500
_ANSWERS = {
    400: OpenApiResponse(description="The body or a parameter cannot be used."),
    401: OpenApiResponse(description="No key, an unknown one, or one that was revoked or has expired."),
    403: OpenApiResponse(description="The key does not open this address."),
    429: OpenApiResponse(description="Too often; Retry-After says when to ask again."),
    503: OpenApiResponse(description="The database failed: ask again after Retry-After."),
}


class HoldAskedSerializer(serializers.Serializer[Any]):
    """A price that is about to be shown."""

    product_id = serializers.CharField(max_length=64)
    price = serializers.DecimalField(
        max_digits=14, decimal_places=4, required=False, min_value=Decimal(0), help_text="Default: that of the copy."
    )
    currency = serializers.CharField(max_length=3, required=False, default="", allow_blank=True)


class HoldsAskedSerializer(serializers.Serializer[Any]):
    """Prices to hold."""

    rows = serializers.ListField(child=HoldAskedSerializer(), max_length=MOST_ROWS)


class HoldSerializer(serializers.Serializer[Any]):
    """A token beside a price; empty where there is no price to hold."""

    product_id = serializers.CharField()
    token = serializers.CharField(allow_blank=True)


class HoldsSerializer(serializers.Serializer[Any]):
    """Tokens in the order of the rows, and for how many minutes they hold."""

    minutes = serializers.IntegerField()
    rows = HoldSerializer(many=True)


class TokenSerializer(serializers.Serializer[Any]):
    """What a cart kept."""

    product_id = serializers.CharField(max_length=64)
    token = serializers.CharField(max_length=500, allow_blank=True)


class TokensSerializer(serializers.Serializer[Any]):
    """Lines of a cart."""

    rows = serializers.ListField(child=TokenSerializer(), max_length=MOST_ROWS)


class HeldSerializer(serializers.Serializer[Any]):
    """What a token promises; ``price`` is null when it is forged, of another product or shop, too old or void."""

    product_id = serializers.CharField()
    price = serializers.DecimalField(max_digits=14, decimal_places=4, allow_null=True)
    currency = serializers.CharField(allow_blank=True)


class HeldRowsSerializer(serializers.Serializer[Any]):
    """Held prices in the order of the rows."""

    rows = HeldSerializer(many=True)


class _PricesView(KeyView):
    throttle_classes = (IngestReadThrottle,)
    scope = Scope.PRICES


class LedgerView(_PricesView):
    """Running reductions with the lowest price of the 30 days before: ``GET ?product=…``. Scope `prices:hold`."""

    @extend_schema(
        operation_id="ecomai_ingest_ledger",
        summary="What must be told beside reduced prices, for the shop of the key",
        parameters=[OpenApiParameter("product", str, many=True, description="The shop's ids; up to 100 times.")],
        responses={200: LedgerLineSerializer(many=True), **_ANSWERS},
        tags=["ingest"],
    )
    def get(self, request: Request) -> Response:
        """See the schema; products that are not reduced are absent."""
        key = cast(ApiKey, request.auth)
        found = ledger_lines(channel=key.channel, product_ids=products_asked(request))
        return Response(LedgerLineSerializer(found, many=True).data)


class HoldsView(_PricesView):
    """Hold prices that a page shows: ``POST``. Scope `prices:hold`."""

    @extend_schema(
        operation_id="ecomai_ingest_hold",
        summary="Signed tokens that hold prices for the cart",
        request=HoldsAskedSerializer,
        responses={200: HoldsSerializer, **_ANSWERS},
        tags=["ingest"],
    )
    def post(self, request: Request) -> Response:
        """See the schema. A token names nobody, so it may stand in a page that is cached."""
        rows, channel = _rows(HoldsAskedSerializer(data=request.data)), cast(ApiKey, request.auth).channel
        known = _known(channel, [row["product_id"] for row in rows if "price" not in row or not row["currency"]])
        found = []
        for row in rows:
            price, currency = known.get(row["product_id"], (None, ""))
            asked = row.get("price", price)
            token = ""
            if asked is not None:
                token = price_hold(
                    product_id=row["product_id"], price=asked, channel=channel,
                    currency=row["currency"] or currency or ecomai.CURRENCY,
                )  # fmt: skip
            found.append({"product_id": row["product_id"], "token": token})
        return Response(HoldsSerializer({"minutes": ecomai.PRICE_HOLD_MINUTES, "rows": found}).data)


class HoldsCheckView(_PricesView):
    """What the tokens of a cart promise: ``POST``. Scope `prices:hold`."""

    @extend_schema(
        operation_id="ecomai_ingest_hold_check",
        summary="Held prices of a cart",
        request=TokensSerializer,
        responses={200: HeldRowsSerializer, **_ANSWERS},
        tags=["ingest"],
    )
    def post(self, request: Request) -> Response:
        """See the schema."""
        rows, channel = _rows(TokensSerializer(data=request.data)), cast(ApiKey, request.auth).channel
        found = []
        for row in rows:
            held = price_hold_verify(token=row["token"], product_id=row["product_id"], channel=channel)
            told = {"price": None, "currency": ""} if held is None else {"price": held.price, "currency": held.currency}
            found.append({"product_id": row["product_id"], **told})
        return Response(HeldRowsSerializer({"rows": found}).data)


def _rows(asked: serializers.Serializer[Any]) -> list[dict[str, Any]]:
    asked.is_valid(raise_exception=True)
    rows: list[dict[str, Any]] = asked.validated_data["rows"]
    if any("\x00" in str(value) for row in rows for value in row.values()):
        raise ValidationError({"rows": "A value holds a NUL character."})
    return rows


def _known(channel: str, wanted: list[str]) -> dict[str, tuple[Any, str]]:
    """Price and currency of the copy, of products on sale, by the shop's id."""
    rows = Product.objects.filter(channel=channel, external_id__in=wanted, is_active=True, removed_at=None)
    return {ident: (price, currency) for ident, price, currency in rows.values_list("external_id", "price", "currency")}
