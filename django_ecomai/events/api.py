"""``POST api/events/``: for single-page shops, apps and servers. There only when the REST framework is installed."""

from __future__ import annotations

import logging
from io import BytesIO
from typing import Any

from django.db import DatabaseError, InterfaceError
from django.utils.decorators import method_decorator
from drf_spectacular.openapi import AutoSchema
from drf_spectacular.utils import OpenApiExample, OpenApiResponse, extend_schema
from rest_framework import serializers, status
from rest_framework.exceptions import APIException, ParseError
from rest_framework.parsers import JSONParser
from rest_framework.permissions import BasePermission
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from django_ecomai.conf import ecomai
from django_ecomai.core.db import without_transaction

from . import diagnosis
from .cleaning import Verdict
from .models import EventName
from .origin import is_same_origin
from .services import events_receive
from .throttling import ApiThrottle
from .tokens import page_token_channel
from .views import BadBatch, batch_events, batch_store
from .visitors import visitor_of

logger = logging.getLogger("django_ecomai.events")
SERVER_PERMISSION = "ecomai_events.add_event"


class EventSerializer(serializers.Serializer):
    """One event, as documented; the checks themselves are in ``cleaning``, the same for every way in."""

    id = serializers.UUIDField(required=False, help_text="UUIDv7 made by the sender: sending it twice stores it once.")
    name = serializers.ChoiceField(
        choices=EventName.values, help_text="GA4 name; names of Segment and Recombee are understood as well."
    )
    product_id = serializers.CharField(required=False, max_length=64)
    quantity = serializers.DecimalField(required=False, max_digits=14, decimal_places=3)
    query = serializers.CharField(required=False, max_length=255)
    token = serializers.CharField(required=False, help_text="Token of the recommended item that this event is about.")
    position = serializers.IntegerField(required=False, min_value=0, max_value=32767)
    dwell_seconds = serializers.FloatField(required=False, min_value=0)
    at = serializers.DateTimeField(required=False, help_text="The sender's clock.")
    properties = serializers.DictField(required=False, help_text="At most 2 kB of JSON.")
    customer_id = serializers.CharField(required=False, max_length=64, help_text="Servers only.")
    visitor_id = serializers.CharField(required=False, max_length=32, help_text="Servers only.")
    order_id = serializers.CharField(required=False, max_length=64, help_text="Servers only.")
    value = serializers.DecimalField(required=False, max_digits=14, decimal_places=4, help_text="Servers only.")
    currency = serializers.CharField(required=False, max_length=3, help_text="Servers only.")


class BatchSerializer(serializers.Serializer):
    """What is sent."""

    token = serializers.CharField(required=False, help_text="Page token; needed unless the sender is authenticated.")
    events = EventSerializer(many=True)


class VerdictSerializer(serializers.Serializer):
    """What became of one event."""

    id = serializers.CharField()
    status = serializers.ChoiceField(choices=["accepted", "duplicate", "rejected"])
    reason = serializers.CharField(required=False)
    notes = serializers.ListField(child=serializers.CharField(), required=False)


class AnswerSerializer(serializers.Serializer):
    """What is answered: verdicts in the order of the events."""

    verdicts = VerdictSerializer(many=True)
    consent = serializers.BooleanField()


class ErrorSerializer(serializers.Serializer):
    """Why a batch was refused whole."""

    error = serializers.CharField()
    detail = serializers.CharField(required=False)


class TooLarge(APIException):
    """The body exceeds ``CAPTURE_MAX_BYTES``."""

    status_code = status.HTTP_413_REQUEST_ENTITY_TOO_LARGE
    default_detail = "The batch is too large."
    default_code = "too_large"


class BoundedJSONParser(JSONParser):
    """JSON of at most ``CAPTURE_MAX_BYTES``; nesting that no honest sender makes is an error, not a crash."""

    def parse(self, stream: Any, media_type: str | None = None, parser_context: Any = None) -> Any:
        body = stream.read(ecomai.CAPTURE_MAX_BYTES + 1)
        if len(body) > ecomai.CAPTURE_MAX_BYTES:
            raise TooLarge
        try:
            return super().parse(BytesIO(body), media_type, parser_context)
        except RecursionError:
            raise ParseError("Nested too deeply.") from None


class EventsPermission(BasePermission):
    """An authenticated sender, or a page of this site with a valid page token."""

    def has_permission(self, request: Request, view: APIView) -> bool:
        if request.user and request.user.is_authenticated:
            return True
        body = request.data
        token = body.get("token") if isinstance(body, dict) else None
        return page_token_channel(token) is not None and is_same_origin(request._request)


class EventsThrottle(ApiThrottle):
    """``ApiThrottle``, counted apart from other endpoints."""

    scope = "ecomai_events"


@method_decorator(without_transaction, name="dispatch")
class EventsView(APIView):
    """Record what happened in the shop."""

    permission_classes = [EventsPermission]
    throttle_classes = [EventsThrottle]
    parser_classes = [BoundedJSONParser]
    schema = AutoSchema()  # whatever the project's default is

    @extend_schema(
        operation_id="ecomai_events_create",
        summary="Record behaviour",
        description=(
            "Stores a batch of events and answers with one verdict per event. A visitor's own sender (session log-in "
            "or page token) may not name people, prices, orders or purchases. A sender whose user has the permission "
            f"`{SERVER_PERMISSION}` may, and vouches for consent. However often an order is reported, by its lines or "
            "by the mirror, it gives one purchase event."
        ),
        request=BatchSerializer,
        responses={
            202: AnswerSerializer,
            400: OpenApiResponse(ErrorSerializer, description="Not a batch."),
            403: OpenApiResponse(description="Neither authenticated nor a page of this site."),
            413: OpenApiResponse(ErrorSerializer, description="Too many events."),
            429: OpenApiResponse(description="Too often."),
            503: OpenApiResponse(ErrorSerializer, description="The events could not be stored now."),
        },
        examples=[
            OpenApiExample(
                "A view and a click",
                value={
                    "events": [
                        {"name": "view_item", "product_id": "22423"},
                        {"name": "select_item", "token": "token of the recommended item"},
                    ]
                },
                request_only=True,
            )
        ],
        tags=["events"],
    )
    def post(self, request: Request) -> Response:
        try:
            batch = request.data
            if not isinstance(batch, dict):
                diagnosis.count("malformed")
                raise BadBatch(400, "not_an_object", detail='Expected {"events": [...]}.')
            events = batch_events(batch)
            context = visitor_of(request._request)
            channel = page_token_channel(batch.get("token"))
            if request.user.is_authenticated:
                # DRF may know the user by a key that Django's own middleware does not read.
                request._request.user = request.user
                context.forget_customer()
                context.is_bot = False  # a shop's own app calls itself what it likes
                channel = ecomai.CHANNEL if channel is None else channel
            if request.user.is_authenticated and request.user.has_perm(SERVER_PERMISSION):
                verdicts, consent = _server_events(events, channel or ""), True
            else:
                verdicts = batch_store(request._request, context, events, channel or "")
                consent = context.may_record
        except BadBatch as error:
            return Response(error.answer, status=error.status)
        answer: dict[str, Any] = {"verdicts": [verdict.as_dict() for verdict in verdicts], "consent": consent}
        return Response(answer, status=status.HTTP_202_ACCEPTED)

    def handle_exception(self, exc: Exception) -> Response:
        """Who sends it cannot be told while the database is away: he is to send it again."""
        if isinstance(exc, DatabaseError | InterfaceError):
            logger.warning("A sender cannot be recognised: the database does not answer.", exc_info=exc)
            answer = {"error": "not_stored", "detail": "The events could not be stored now. Send them again later."}
            return Response(answer, status=status.HTTP_503_SERVICE_UNAVAILABLE)
        return super().handle_exception(exc)


def _server_events(events: list[Any], channel: str) -> list[Verdict]:
    verdicts = events_receive(rows=events, channel=channel)
    if verdicts is None:
        raise BadBatch(503, "not_stored", detail="The events could not be stored now. Send them again later.")
    return verdicts
