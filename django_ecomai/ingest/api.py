"""``api/ingest/…``: a shop elsewhere delivers its rows and events, and asks for recommendations."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Iterable
from typing import Any, cast

from django.db import DatabaseError, InterfaceError
from django.utils.decorators import method_decorator
from drf_spectacular.openapi import AutoSchema
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from django_ecomai.core.db import without_transaction

from .authentication import IngestThrottle, KeyAuthentication, ScopePermission
from .models import ApiKey, Scope
from .reading import NDJSON, BadDelivery, Line, body_receive
from .schemas import DeliveredSerializer, RefusedSerializer, batch_of
from .services import AnswerConflict, answer_begin, answer_finish, answer_release, events_deliver, rows_deliver
from .services.rows import RowVerdict

logger = logging.getLogger("django_ecomai.ingest")

_HEADER_LONGEST = 200
_CONFLICTS = {
    "other_body": (422, "This Idempotency-Key was used for another body. Use a new one for a new delivery."),
    "in_progress": (409, "The same delivery is being worked on. Ask again in a moment."),
}


@method_decorator(without_transaction, name="dispatch")
class DeliveryView(APIView):
    """Base of the addresses that take rows. A subclass names its ``scope`` and ``deliver``."""

    authentication_classes = (KeyAuthentication,)
    permission_classes = (ScopePermission,)
    throttle_classes = (IngestThrottle,)
    schema = AutoSchema()  # whatever the project's default is
    scope: str = ""

    def deliver(self, lines: Iterable[Line], channel: str) -> list[RowVerdict]:
        """Write the rows."""
        raise NotImplementedError

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
                response["Retry-After"] = "2"
        except (DatabaseError, InterfaceError):
            logger.exception("A delivery could not be stored.")
            detail = "Not everything could be stored now. Send it again: what is stored already is a duplicate then."
            response = Response({"error": "not_stored", "detail": detail}, status=503)
        return response

    def _answered(self, request: Request, key: ApiKey) -> Response:
        header = request.headers.get("Idempotency-Key", "").strip()
        if len(header) > _HEADER_LONGEST:
            raise BadDelivery(400, "idempotency_key", f"Send an Idempotency-Key of at most {_HEADER_LONGEST} letters.")
        body = body_receive(request._request)
        if not header:
            return Response(_told(self.deliver(body.lines(), key.channel)))
        answer = answer_begin(key=key, header=header, address=request.path, body_digest=body.sha256)
        if answer.status is not None:
            response = Response(answer.answer, status=answer.status)
            response["Idempotency-Replayed"] = "true"
            return response
        done = False
        try:
            told = _told(self.deliver(body.lines(), key.channel))
            answer_finish(answer=answer, status=200, body=told)
            done = True
            return Response(told)
        finally:
            if not done:
                answer_release(answer=answer)


def _told(verdicts: list[RowVerdict]) -> dict[str, Any]:
    counts = Counter(verdict.status for verdict in verdicts)
    return {
        "rows": len(verdicts),
        **{status: counts[status] for status in ("accepted", "duplicate", "rejected")},
        "verdicts": [verdict.as_dict() for verdict in verdicts],
    }


def _documented(name: str, table: str, summary: str, description: str) -> Callable[[Any], Any]:
    return extend_schema(
        operation_id=f"ecomai_ingest_{name}",
        summary=summary,
        description=f"{description} Answers with a verdict per row; what is wrong with one row harms no other.",
        parameters=[
            OpenApiParameter(
                "Idempotency-Key", str, OpenApiParameter.HEADER,
                description="The same key with the same body gets the same answer, and nothing is written twice.",
            )
        ],
        request={"application/json": batch_of(table), NDJSON[0]: OpenApiTypes.STR},
        responses={
            200: DeliveredSerializer,
            400: OpenApiResponse(RefusedSerializer, description="The body cannot be read; nothing was written."),
            401: OpenApiResponse(description="No key, an unknown one, or one that was revoked or has expired."),
            403: OpenApiResponse(description="The key does not open this address."),
            409: OpenApiResponse(RefusedSerializer, description="The same delivery is being worked on."),
            411: OpenApiResponse(RefusedSerializer, description="No Content-Length: the body came in chunks."),
            413: OpenApiResponse(RefusedSerializer, description="Too large; nothing was written."),
            415: OpenApiResponse(RefusedSerializer, description="Neither JSON nor NDJSON, or compressed."),
            422: OpenApiResponse(RefusedSerializer, description="The Idempotency-Key was used for another body."),
            429: OpenApiResponse(description="Too often; Retry-After says when to ask again."),
            503: OpenApiResponse(RefusedSerializer, description="The database failed: send it again."),
        },
        tags=["ingest"],
    )  # fmt: skip


class RowsView(DeliveryView):
    """Rows of one table of the mirror."""

    table: str = ""

    def deliver(self, lines: Iterable[Line], channel: str) -> list[RowVerdict]:
        return rows_deliver(table=self.table, lines=lines, channel=channel)


class CategoriesView(RowsView):
    """Send categories. Scope `catalogue:write`."""

    scope = Scope.CATALOGUE
    table = "category"

    @_documented("categories", table, "Send categories", "The tree of categories; parents and children in any order.")
    def post(self, request: Request) -> Response:
        return super().post(request)


class ProductsView(RowsView):
    """Send products and variants. Scope `catalogue:write`."""

    scope = Scope.CATALOGUE
    table = "product"

    @_documented(
        "products", table, "Send products and variants", "Fields that are left out stay as they are, null empties them."
    )
    def post(self, request: Request) -> Response:
        return super().post(request)


class PricesView(RowsView):
    """Send prices. Scope `catalogue:write`."""

    scope = Scope.CATALOGUE
    table = "price"

    @_documented(
        "prices", table, "Send prices", "A price holds from its time on; the newest is the product's current one."
    )
    def post(self, request: Request) -> Response:
        return super().post(request)


class StockView(RowsView):
    """Send stock. Scope `catalogue:write`."""

    scope = Scope.CATALOGUE
    table = "stock"

    @_documented("stock", table, "Send stock", "The stock of a product at a location from a moment on.")
    def post(self, request: Request) -> Response:
        return super().post(request)


class PromotionsView(RowsView):
    """Send promotions. Scope `catalogue:write`."""

    scope = Scope.CATALOGUE
    table = "promotion"

    @_documented("promotions", table, "Send promotions", "Reductions and campaigns that explain sales.")
    def post(self, request: Request) -> Response:
        return super().post(request)


class CustomersView(RowsView):
    """Send customers and what they have agreed to. Scope `customers:write`."""

    scope = Scope.CUSTOMERS
    table = "customer"

    @_documented(
        "customers", table, "Send customers and what they have agreed to", "Persons who were erased are rejected."
    )
    def post(self, request: Request) -> Response:
        return super().post(request)


class OrdersView(RowsView):
    """Send orders with all their lines. Scope `orders:write`."""

    scope = Scope.ORDERS
    table = "order"

    @_documented("orders", table, "Send orders with all their lines", "A line that is left out is taken for removed.")
    def post(self, request: Request) -> Response:
        return super().post(request)


class ReviewsView(RowsView):
    """Send reviews. Scope `orders:write`."""

    scope = Scope.ORDERS
    table = "review"

    @_documented("reviews", table, "Send reviews", "Of products that are known.")
    def post(self, request: Request) -> Response:
        return super().post(request)


class EventsView(DeliveryView):
    """Send what shoppers do, with their consent. Scope `events:write`."""

    scope = Scope.EVENTS

    @_documented("events", "event", "Send events", "Each needs the consent of whoever did it.")
    def post(self, request: Request) -> Response:
        return super().post(request)

    def deliver(self, lines: Iterable[Line], channel: str) -> list[RowVerdict]:
        return events_deliver(lines=lines, channel=channel)
