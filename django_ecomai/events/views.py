"""Where the beacon sends what it saw. Plain Django: works without the REST framework."""

from __future__ import annotations

import json
import logging
from contextlib import suppress
from typing import Any

from django.core.cache import InvalidCacheBackendError, caches
from django.core.exceptions import RequestDataTooBig
from django.db import router
from django.http import HttpRequest, HttpResponse, JsonResponse, UnreadablePostError
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_GET, require_POST

from django_ecomai.conf import ecomai
from django_ecomai.core.db import shielded, without_transaction

from . import diagnosis
from .cleaning import Verdict
from .consent import opted_out
from .limits import is_over_limit
from .models import VisitorIdentity
from .origin import is_same_origin
from .services import events_capture, visitor_link
from .tokens import page_token, page_token_channel
from .visitors import VisitorContext, visitor_of

logger = logging.getLogger("django_ecomai.events")

_TYPES = {"text/plain", "application/json"}


class BadBatch(Exception):
    """A batch that is refused whole: ``status`` and a JSON-ready ``answer``."""

    def __init__(self, status: int, error: str, **more: Any) -> None:
        super().__init__(error)
        self.status = status
        self.answer = {"error": error, **more}


@without_transaction
@csrf_exempt  # see origin.py for what takes its place
@require_POST
@never_cache
def capture(request: HttpRequest) -> HttpResponse:
    """Take a batch ``{"token": page token, "events": [...]}``; answer 202 with one verdict per event."""
    diagnosis.count("beacon")
    try:
        if not is_same_origin(request):
            diagnosis.count("foreign_origin")
            raise BadBatch(403, "foreign_origin", detail="Batches are taken from pages of this site only.")
        batch = _read(request)
        channel = page_token_channel(batch.get("token"))
        if channel is None:
            diagnosis.count("bad_token")
            raise BadBatch(403, "token_expired", detail="Get a new token and send the batch again.")
        context = visitor_of(request)
        verdicts = batch_store(request, context, batch_events(batch), channel)
    except BadBatch as error:
        return JsonResponse(error.answer, status=error.status)
    answer = {"verdicts": [verdict.as_dict() for verdict in verdicts], "consent": context.may_record}
    return JsonResponse(answer, status=202)


@without_transaction
@require_GET
@never_cache
def token(request: HttpRequest) -> HttpResponse:
    """A fresh token for a page that was cached or left open, and whether this visitor may be recorded."""
    if request.headers.get("Sec-Fetch-Site", "same-origin") != "same-origin":
        return JsonResponse({"error": "foreign_origin"}, status=403)
    may_record = visitor_of(request).may_record
    if not may_record and visitor_of(request).is_unsure:
        return JsonResponse({"error": "unknown_consent"}, status=503)  # a "no" would silence the page for good
    answer = {"token": page_token(request), "expires_in": ecomai.CAPTURE_TOKEN_AGE, "consent": may_record}
    return JsonResponse(answer)


def _read(request: HttpRequest) -> dict[str, Any]:
    if request.content_type not in _TYPES:
        raise BadBatch(415, "content_type", detail="Send text/plain or application/json.")
    try:
        length = int(request.META.get("CONTENT_LENGTH") or 0)
    except ValueError:
        length = 0
    try:
        if length > ecomai.CAPTURE_MAX_BYTES or len(request.body) > ecomai.CAPTURE_MAX_BYTES:
            raise BadBatch(413, "too_large", max_bytes=ecomai.CAPTURE_MAX_BYTES)
        batch = json.loads(request.body.decode("utf-8"))
    except RequestDataTooBig:
        raise BadBatch(413, "too_large", max_bytes=ecomai.CAPTURE_MAX_BYTES) from None
    except (ValueError, RecursionError, UnreadablePostError):
        diagnosis.count("malformed")
        raise BadBatch(400, "not_json", detail="The body must be JSON in UTF-8.") from None
    if not isinstance(batch, dict):
        diagnosis.count("malformed")
        raise BadBatch(400, "not_an_object", detail='Expected {"token": "...", "events": [...]}.')
    return batch


def batch_events(batch: dict[str, Any]) -> list[Any]:
    """The events of a batch. Raises ``BadBatch`` when there is no list or it is too long."""
    events = batch.get("events")
    if not isinstance(events, list):
        diagnosis.count("malformed")
        raise BadBatch(400, "events_missing", detail='"events" must be a list.')
    if len(events) > ecomai.CAPTURE_MAX_EVENTS:
        raise BadBatch(413, "too_many_events", max_events=ecomai.CAPTURE_MAX_EVENTS)
    return events


def batch_store(request: HttpRequest, context: VisitorContext, events: list[Any], channel: str) -> list[Verdict]:
    """Store a browser's events in the visitor's name; without consent all are rejected. Raises ``BadBatch``."""
    if not context.may_record:
        if context.is_unsure:
            diagnosis.count("refused", len(events))
            raise BadBatch(503, "unknown_consent", detail="Who has refused cannot be read now. Send them again later.")
        diagnosis.count("opted_out" if opted_out(request) else "no_consent", len(events))
        return [Verdict("", "rejected", "no_consent") for _ in events]
    if is_over_limit(request, context, len(events)):
        diagnosis.count("limited", len(events))
        raise BadBatch(429, "too_often", detail="Too many events within a minute.")
    verdicts = events_capture(rows=events, context=context, channel=channel)
    if verdicts is None:
        raise BadBatch(503, "not_stored", detail="The events could not be stored now. Send them again later.")
    _link(context, channel)
    return verdicts


def _link(context: VisitorContext, channel: str) -> None:
    """Whoever agreed after logging in was not linked by the log-in: link him with his first events."""
    visitor_id, customer_id = context.visitor_id, context.customer_id
    if not visitor_id or not customer_id:
        return
    key = f"ecomai:linked:{channel}:{visitor_id}"
    try:
        if not caches[ecomai.RECENT_CACHE].add(key, 1, 60 * 60 * 24):
            return
    except InvalidCacheBackendError:
        return
    except Exception:  # cache backends raise their client library's own exceptions
        logger.debug("The cache %r does not answer; the link is made at the next log-in.", ecomai.RECENT_CACHE)
        return
    # A savepoint of its own: what was stored stays when the link cannot be made.
    with shielded("link a visitor to a customer", using=router.db_for_write(VisitorIdentity)) as outcome:
        visitor_link(visitor_id=visitor_id, customer_id=customer_id, channel=channel)
    if not outcome.done:
        with suppress(Exception):  # see above; the next batch tries again
            caches[ecomai.RECENT_CACHE].delete(key)
