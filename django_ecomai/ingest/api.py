"""``api/ingest/…``: a shop elsewhere delivers its rows and events, and asks for recommendations."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any, NamedTuple, cast

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema, extend_schema_view
from rest_framework.request import Request
from rest_framework.response import Response

from .authentication import IngestThrottle, KeyView
from .models import ApiKey, DeliveryAnswer, Scope
from .reading import NDJSON, BadDelivery, Line, body_receive
from .schemas import DeliveredSerializer, RefusedSerializer, batch_of
from .services import (
    AnswerConflict,
    answer_begin,
    answer_finish,
    answer_release,
    events_deliver,
    rows_deliver,
)
from .services.rows import RowVerdict

_HEADER_LONGEST = 200
_CONFLICTS = {
    "other_body": (422, "This Idempotency-Key was used for another body. Use a new one for a new delivery."),
    "in_progress": (409, "The same delivery is being worked on. Ask again in a moment."),
}


class DeliveryView(KeyView):
    """Base of the addresses that take rows, which ``ADDRESSES`` lists."""

    throttle_classes = (IngestThrottle,)
    table: str = ""
    unavailable = (
        "not_stored",
        "Not everything could be stored now. Send it again: what is stored already is a duplicate then.",
    )

    def post(self, request: Request) -> Response:
        """See the schema."""
        try:
            return self._answered(request, cast(ApiKey, request.auth))
        except BadDelivery as error:
            response = Response(error.answer, status=error.status)
        except AnswerConflict as error:
            status, detail = _CONFLICTS[error.code]
            response = Response({"error": error.code, "detail": detail}, status=status)
            if error.code == "in_progress":
                response["Retry-After"] = str(error.seconds)
        return response

    def _answered(self, request: Request, key: ApiKey) -> Response:
        header = request.headers.get("Idempotency-Key", "").strip()
        if len(header) > _HEADER_LONGEST:
            raise BadDelivery(400, "idempotency_key", f"Send an Idempotency-Key of at most {_HEADER_LONGEST} letters.")
        body = body_receive(request._request)
        if not header:
            return Response(self._delivered(body.lines(), key, None))
        answer = answer_begin(key=key, header=header, address=request.path, body_digest=body.sha256)
        if answer.status is not None:
            response = Response(answer.answer, status=answer.status)
            response["Idempotency-Replayed"] = "true"
            return response
        done = False
        try:
            told = self._delivered(body.lines(), key, answer)
            answer_finish(answer=answer, status=200, body=told)
            done = True
            return Response(told)
        finally:
            if not done:
                answer_release(answer=answer)

    def _delivered(self, lines: Iterable[Line], key: ApiKey, answer: DeliveryAnswer | None) -> dict[str, Any]:
        if self.table == "event":
            return _told(events_deliver(lines=lines, channel=key.channel, answer=answer))
        return _told(rows_deliver(table=self.table, lines=lines, channel=key.channel, answer=answer))


def _told(verdicts: list[RowVerdict]) -> dict[str, Any]:
    counts = Counter(verdict.status for verdict in verdicts)
    return {
        "rows": len(verdicts),
        **{status: counts[status] for status in ("accepted", "duplicate", "rejected")},
        "verdicts": [verdict.as_dict() for verdict in verdicts],
    }


class Address(NamedTuple):
    """What is sent to an address: rows of a table of the mirror, or events."""

    name: str
    table: str
    scope: Scope
    summary: str
    description: str


ADDRESSES = (
    Address("categories", "category", Scope.CATALOGUE, "Send categories",
            "The tree of categories; parents and children in any order."),
    Address("products", "product", Scope.CATALOGUE, "Send products and variants",
            "Fields that are left out stay as they are, null empties them."),
    Address("prices", "price", Scope.CATALOGUE, "Send prices",
            "A price holds from its time on; the newest is the product's current one."),
    Address("stock", "stock", Scope.CATALOGUE, "Send stock", "The stock of a product at a location from a moment on."),
    Address("promotions", "promotion", Scope.CATALOGUE, "Send promotions",
            "Reductions and campaigns that explain sales."),
    Address("customers", "customer", Scope.CUSTOMERS, "Send customers and what they have agreed to",
            "Persons who were erased are rejected."),
    Address("orders", "order", Scope.ORDERS, "Send orders with all their lines",
            "A line that is left out is taken for removed."),
    Address("reviews", "review", Scope.ORDERS, "Send reviews", "Of products that are known."),
    Address("events", "event", Scope.EVENTS, "Send events", "Each needs the consent of whoever did it."),
)  # fmt: skip


def _view(address: Address) -> type[DeliveryView]:
    """The view of an address, with its own texts in the OpenAPI schema."""
    about = f"{address.summary}. Scope `{address.scope.value}`."
    name = f"{address.name.title()}View"
    made = type(name, (DeliveryView,), {"__doc__": about, "scope": address.scope, "table": address.table})
    return extend_schema_view(post=_documented(address))(made)


def _documented(address: Address) -> Any:
    return extend_schema(
        operation_id=f"ecomai_ingest_{address.name}",
        summary=address.summary,
        description=(
            f"{address.description} Answers with a verdict per row; what is wrong with one row harms no other."
        ),
        parameters=[
            OpenApiParameter(
                "Idempotency-Key", str, OpenApiParameter.HEADER,
                description="The same key with the same body gets the same answer, and nothing is written twice.",
            )
        ],
        request={"application/json": batch_of(address.table), NDJSON[0]: OpenApiTypes.STR},
        responses={
            200: DeliveredSerializer,
            400: OpenApiResponse(RefusedSerializer, description="The body cannot be read; nothing was written."),
            401: OpenApiResponse(description="No key, an unknown one, or one that was revoked or has expired."),
            403: OpenApiResponse(description="The key does not open this address."),
            409: OpenApiResponse(RefusedSerializer, description="It is being worked on: see Retry-After."),
            411: OpenApiResponse(RefusedSerializer, description="No Content-Length: the body came in chunks."),
            413: OpenApiResponse(RefusedSerializer, description="Too large; nothing was written."),
            415: OpenApiResponse(RefusedSerializer, description="Neither JSON nor NDJSON, or compressed."),
            422: OpenApiResponse(RefusedSerializer, description="The Idempotency-Key was used for another body."),
            429: OpenApiResponse(description="Too often; Retry-After says when to ask again."),
            503: OpenApiResponse(RefusedSerializer, description="The database failed: send it after Retry-After."),
        },
        tags=["ingest"],
    )  # fmt: skip


VIEWS = {address.name: _view(address) for address in ADDRESSES}
"""The views by the last part of their addresses."""
