"""``GET ecomai/api/recommendations/<placement>/``: the same answers as the template tag, as JSON."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from operator import attrgetter
from typing import Any

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework import serializers, status
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.settings import api_settings
from rest_framework.views import APIView

from django_ecomai.conf import ecomai
from django_ecomai.core.db import shielded
from django_ecomai.core.registry import strategies
from django_ecomai.events.throttling import ApiThrottle

from .config import kept
from .defaults import default_keys
from .drafting import MOST
from .models import Placement
from .narrow import LEAST_FACTOR, MOST_FACTOR
from .parameters import MOST_PRODUCTS, read_parameters
from .results import Carousel
from .serving import carousels

_FACTORS = f"factor {LEAST_FACTOR:g} to {MOST_FACTOR:g}"


class RecommendThrottle(ApiThrottle):
    """``ApiThrottle``, counted apart from other endpoints."""

    scope = "ecomai_recommend"


class ItemSerializer(serializers.Serializer[Any]):
    """One product. Cost and margin are never part of it."""

    product_id = serializers.CharField(help_text="The shop's own id.")
    title = serializers.CharField(source="card.title")
    url = serializers.CharField(source="card.url")
    image_url = serializers.CharField(source="card.image_url")
    price = serializers.DecimalField(source="card.price", max_digits=14, decimal_places=2, allow_null=True)
    list_price = serializers.DecimalField(source="card.list_price", max_digits=14, decimal_places=2, allow_null=True)
    currency = serializers.CharField(source="card.currency")
    in_stock = serializers.BooleanField(source="card.in_stock")
    reason = serializers.CharField(help_text="Why it is shown, as a sentence.")
    reason_code = serializers.CharField(help_text="The same for programs, e.g. viewed, together, popular_in, reduced.")
    because_id = serializers.CharField(help_text="Id of the product or category that the reason names, or empty.")
    position = serializers.IntegerField(help_text="Place in the list, from 0.")
    token = serializers.CharField(help_text="Send it back with impressions and clicks.")


class CarouselSerializer(serializers.Serializer[Any]):
    """One list of a placement."""

    strategy = serializers.CharField()
    title = serializers.CharField()
    recommendation_id = serializers.CharField()
    items = ItemSerializer(many=True)


class RecommendationsSerializer(serializers.Serializer[Any]):
    """The lists of a placement that hold something, in the merchant's order."""

    placement = serializers.CharField()
    carousels = CarouselSerializer(many=True)


class RecommendationsView(APIView):
    """Recommendations for the current visitor (his cookie, or his login); nobody else's can be asked for."""

    permission_classes = (AllowAny,)
    throttle_classes = (RecommendThrottle,)

    @extend_schema(
        operation_id="ecomai_recommendations",
        summary="Recommendations for a placement",
        description="Lists for the current visitor. Without consent to personalization everybody gets the same answer.",
        parameters=[
            OpenApiParameter("product", str, many=True, description="Id of the product on the page; may be repeated."),
            OpenApiParameter(
                "products", str, description=f"Ids separated by commas, e.g. the cart; at most {MOST_PRODUCTS}."
            ),
            OpenApiParameter(
                "exclude", str, many=True, description="Id of a product that must not appear; may be repeated."
            ),
            OpenApiParameter("category", str, description="Id of the category on the page."),
            OpenApiParameter("words", str, description="What was searched for, for the strategy empty_search."),
            OpenApiParameter(
                "in_category", str, many=True, description="Only products of this category or below; may be repeated."
            ),
            OpenApiParameter("brand", str, many=True, description="Only this brand; may be repeated."),
            OpenApiParameter("min_price", OpenApiTypes.DECIMAL, description="Only from this price on."),
            OpenApiParameter("max_price", OpenApiTypes.DECIMAL, description="Only up to this price."),
            OpenApiParameter("in_stock", bool, description="Only what is in stock, whatever the carousel says."),
            OpenApiParameter(
                "attribute",
                str,
                many=True,
                description="Only products with name:value; names as in ECOMAI['FILTER_ATTRIBUTES']; may be repeated.",
            ),
            OpenApiParameter("boost_category", str, many=True, description=f"More of category:factor, {_FACTORS}."),
            OpenApiParameter("boost_brand", str, many=True, description=f"More of brand:factor, {_FACTORS}."),
            OpenApiParameter("boost_attribute", str, many=True, description=f"More of name:value:factor, {_FACTORS}."),
            OpenApiParameter("boost_margin", float, description=f"More of what earns more, {_FACTORS}. Staff only."),
            OpenApiParameter("strategy", str, description="Only this strategy, e.g. similar."),
            OpenApiParameter(
                "limit", int, description=f"Products per list, 1 to {MOST}; default: as set in the admin."
            ),
        ],
        responses={
            200: RecommendationsSerializer,
            400: OpenApiResponse(description="A parameter cannot be used; the answer names it and says what to send."),
            404: OpenApiResponse(description="There is no such placement; the answer lists those that exist."),
            429: OpenApiResponse(description="Too many requests; Retry-After says when to ask again."),
        },
    )
    def get(self, request: Request, placement: str) -> Response:
        """See the schema."""
        asked = read_parameters(request.query_params, staff=bool(getattr(request.user, "is_staff", False)))
        if asked.errors:
            return private(Response(asked.errors, status=status.HTTP_400_BAD_REQUEST))
        found = carousels(
            placement,
            strategy=asked.strategy,
            # Django's request carries the visitor; the user is the one that DRF authenticated (a token, a session).
            request=_with_user(request),
            products=asked.products,
            category=asked.category,
            exclude=asked.exclude,
            limit=asked.limit,
            narrow=asked.narrow,
            words=asked.words,
        )
        if not found and not placement_exists(placement):
            known = ", ".join(known_placements())
            names = ", ".join(strategies.names())
            detail = f"There is no placement {placement!r}. Use one of: {known}; or a strategy: {names}."
            return private(Response({"detail": detail}, status=status.HTTP_404_NOT_FOUND))
        return private(Response(recommendations_body(placement, found)))


def _with_user(request: Request) -> Any:
    inner = request._request
    inner.user = request.user
    return inner


def recommendations_body(placement: str, found: list[Carousel]) -> dict[str, Any]:
    """What ``RecommendationsSerializer`` would give: it is asked once how, as asking it per value costs most of a
    request.
    """
    carousel, item = _readers(CarouselSerializer), _readers(ItemSerializer)
    return {
        "placement": placement,
        "carousels": [{**_read(carousel, one), "items": [_read(item, each) for each in one.items]} for one in found],
    }


def _read(readers: Sequence[tuple[str, Any, Any]], thing: Any) -> dict[str, Any]:
    return {name: None if (value := get(thing)) is None else show(value) for name, get, show in readers}


@cache
def _readers(kind: type[serializers.Serializer[Any]]) -> tuple[tuple[str, Any, Any], ...]:
    """Name, getter and representation of each plain field of a serializer."""
    return tuple(
        (name, attrgetter(str(field.source)), _representation(field))
        for name, field in kind().fields.items()
        if not isinstance(field, serializers.BaseSerializer)
    )


def _representation(field: serializers.Field[Any, Any, Any, Any]) -> Callable[[Any], Any]:
    if not isinstance(field, serializers.DecimalField) or field.localize:
        return field.to_representation
    if not getattr(field, "coerce_to_string", api_settings.COERCE_DECIMAL_TO_STRING):
        return field.to_representation
    return f"{{:.{field.decimal_places}f}}".format  # the same text without a decimal context per value


def private(response: Response) -> Response:
    """An answer for one visitor: no cache keeps it."""
    response["Cache-Control"] = "private, no-store"
    return response


def known_placements(channel: str | None = None) -> list[str]:
    """Keys of the placements of a shop."""
    shop = ecomai.CHANNEL if channel is None else channel
    config = kept(shop)
    if config is not None and config.placements:
        return sorted(config.placements)
    with shielded("read the names of the placements", reads=True):
        keys = sorted(Placement.objects.filter(channel=shop).values_list("key", flat=True))
        return keys or default_keys()
    return default_keys()


def placement_exists(placement: str, *, channel: str | None = None) -> bool:
    """Whether a shop has such a placement, or there is such a strategy."""
    return placement in strategies or placement in known_placements(channel)
