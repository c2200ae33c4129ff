"""``GET api/ingest/recommendations/<placement>/``: for the server of a front end that is not made of our templates."""

from __future__ import annotations

from typing import Any, cast

from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework import status
from rest_framework.request import Request
from rest_framework.response import Response

from django_ecomai.core.persons import refused_purposes
from django_ecomai.events.consent import PURPOSES
from django_ecomai.recommend.api import (
    RecommendationsSerializer,
    known_placements,
    placement_exists,
    private,
    recommendations_body,
)
from django_ecomai.recommend.parameters import read_parameters
from django_ecomai.recommend.serving import carousels

from .authentication import IngestReadThrottle, KeyView
from .models import ApiKey, Scope
from .services.events import consents_of, visitor_hash

_LONGEST = {"customer_id": 64, "visitor_id": 200}


class RecommendationsView(KeyView):
    """Recommendations for a placement, for everybody or for one consenting person. Scope `recommendations:read`."""

    throttle_classes = (IngestReadThrottle,)
    scope = Scope.RECOMMENDATIONS

    @extend_schema(
        operation_id="ecomai_ingest_recommendations",
        summary="Recommendations for a customer or visitor of a shop elsewhere",
        description=(
            "Personal only with consent to `personalization`: in `consent`, or with the customer. Whoever has objected "
            "or was erased gets what everybody gets. The other parameters are those of `ecomai_recommendations`."
        ),
        parameters=[
            OpenApiParameter("customer_id", str, description="The shop's own id."),
            OpenApiParameter("visitor_id", str, description="As sent with events."),
            OpenApiParameter("consent", str, description="Purposes joined by dots, e.g. analytics.personalization."),
            OpenApiParameter("product", str, many=True, description="Id of the product on the page; may be repeated."),
            OpenApiParameter("exclude", str, many=True, description="Id of a product that must not appear."),
            OpenApiParameter("category", str, description="Id of the category on the page."),
            OpenApiParameter("strategy", str, description="Only this strategy, e.g. similar."),
            OpenApiParameter("limit", int, description="Products per list."),
        ],
        responses={
            200: RecommendationsSerializer,
            400: OpenApiResponse(description="A parameter cannot be used; the answer names it and says what to send."),
            401: OpenApiResponse(description="No key, an unknown one, or one that was revoked or has expired."),
            403: OpenApiResponse(description="The key does not open this address."),
            404: OpenApiResponse(description="There is no such placement; the answer lists those that exist."),
            429: OpenApiResponse(description="Too often; Retry-After says when to ask again."),
            503: OpenApiResponse(description="The database failed: ask again after Retry-After."),
        },
        tags=["ingest"],
    )
    def get(self, request: Request, placement: str) -> Response:
        """See the schema."""
        key = cast(ApiKey, request.auth)
        asked = read_parameters(request.query_params)
        errors = {**asked.errors, **_errors(request)}
        if errors:
            return private(Response(errors, status=status.HTTP_400_BAD_REQUEST))
        found = carousels(
            placement, strategy=asked.strategy, products=asked.products, category=asked.category,
            exclude=asked.exclude, limit=asked.limit, narrow=asked.narrow, words=asked.words, channel=key.channel,
            **_person(request, key.channel),
        )  # fmt: skip
        if not found and not placement_exists(placement, channel=key.channel):
            known = ", ".join(known_placements(key.channel))
            detail = f"There is no placement {placement!r}. Use one of: {known}."
            return private(Response({"detail": detail}, status=status.HTTP_404_NOT_FOUND))
        return private(Response(recommendations_body(placement, found)))


def _errors(request: Request) -> dict[str, str]:
    errors = {}
    for name, most in _LONGEST.items():
        value = request.query_params.get(name, "")
        if len(value) > most or "\x00" in value:
            errors[name] = f"Send an id of at most {most} characters."
    if unknown := _consent(request) - PURPOSES:
        errors["consent"] = f"There is no purpose {', '.join(sorted(unknown))}. Use: {', '.join(sorted(PURPOSES))}."
    return errors


def _consent(request: Request) -> frozenset[str]:
    return frozenset(request.query_params.get("consent", "").split(".")) - {""}


def _person(request: Request, channel: str) -> dict[str, Any]:
    """Whom it is for, as far as he has agreed to it and not objected; nobody otherwise."""
    customer = request.query_params.get("customer_id", "").strip()
    visitor = visitor_hash(channel=channel, visitor_id=request.query_params.get("visitor_id", "").strip())
    if not customer and not visitor:
        return {}
    agreed = _consent(request)
    if "consent" not in request.query_params and customer:
        agreed = consents_of(channel=channel, customer_ids=[customer]).get(customer, frozenset())
    persons = [("customer", customer), ("visitor", visitor)]
    # Whoever refuses everything refuses this, and so does whoever cannot be asked about.
    objected = refused_purposes(channel=channel, persons=persons)
    if "personalization" not in agreed or objected & {"", "?", "personalization"}:
        return {}
    return {"customer_id": customer or None, "visitor_id": visitor or None}
