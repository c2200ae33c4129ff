"""Where Saleor sends its webhooks. Plain Django: works without the REST framework."""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from django.db import DatabaseError, InterfaceError
from django.http import HttpRequest, HttpResponse, JsonResponse, UnreadablePostError
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

from django_ecomai.conf import ecomai
from django_ecomai.core.db import without_transaction
from django_ecomai.core.extras import MissingExtra
from django_ecomai.events.cleaning import moment_read
from django_ecomai.ingest.reading import JSON_BYTES, BadDelivery

from .config import BadConfig, SaleorShop, shop_of
from .mapping import payload_open
from .services import webhook_apply
from .signatures import NoKeys, signature_valid

logger = logging.getLogger("django_ecomai.ingest")

_AHEAD = timedelta(minutes=5)
RETRY_AFTER = 10  # seconds


@csrf_exempt  # the signature takes its place
@require_POST
@never_cache
@without_transaction
def webhook(request: HttpRequest) -> HttpResponse:
    """A webhook of a Saleor shop that `ECOMAI["SALEOR"]` names, signed by it; each is taken once."""
    try:
        shop, body = _checked(request)
        payload = _payload(body)
        event = _event(request, payload)
        taken = webhook_apply(shop=shop, event=event, payload=payload, body=body, issued_at=_issued(payload))
    except BadDelivery as error:
        return JsonResponse(error.answer, status=error.status)
    except (BadConfig, MissingExtra, NoKeys) as error:
        logger.error("A webhook could not be checked: %s", str(error) or type(error).__name__)
        return _later("not_checked")
    except (DatabaseError, InterfaceError):
        logger.exception("A webhook could not be stored.")
        return _later("not_stored")
    if taken is None:
        return JsonResponse({"status": "duplicate"})
    return JsonResponse({"status": taken.outcome, **({"reason": taken.reason} if taken.reason else {})})


def _later(error: str) -> JsonResponse:
    answer = JsonResponse({"error": error, "detail": "Not now: send it again later."}, status=503)
    answer["Retry-After"] = str(RETRY_AFTER)
    return answer


def _checked(request: HttpRequest) -> tuple[SaleorShop, bytes]:
    """The shop that signed the body. Raises ``BadDelivery``."""
    shop = shop_of(_header(request, "Saleor-Domain"))
    if shop is None:
        raise BadDelivery(403, "unknown_domain", "Webhooks of this domain are not taken.")
    try:
        length = int(request.META.get("CONTENT_LENGTH") or 0)
        body = request.read(JSON_BYTES + 1) if length <= JSON_BYTES else b""
    except (ValueError, UnreadablePostError):
        raise BadDelivery(400, "truncated", "The body could not be read.") from None
    if length > JSON_BYTES or len(body) > JSON_BYTES:
        raise BadDelivery(413, "too_large", "The body is too large.", max_bytes=JSON_BYTES)
    if not signature_valid(shop, body, _header(request, "Saleor-Signature")):
        raise BadDelivery(401, "bad_signature", "The signature is not that of the shop.")
    return shop, body


def _header(request: HttpRequest, name: str) -> str:
    return request.headers.get(name) or request.headers.get(f"X-{name}", "")


def _payload(body: bytes) -> Mapping[str, Any]:
    try:
        payload = payload_open(json.loads(body, parse_float=Decimal))
    except (ValueError, RecursionError):
        raise BadDelivery(400, "not_json", "The body must be JSON.") from None
    if not payload:
        raise BadDelivery(400, "not_an_object", "The body must be the event of a subscription.")
    return payload


def _event(request: HttpRequest, payload: Mapping[str, Any]) -> str:
    """The event's name. The header is not signed: where the payload names it too, both must agree."""
    event = _header(request, "Saleor-Event").strip().upper()
    typename = payload.get("__typename")
    if not isinstance(typename, str) or not typename:
        detail = "Ask for __typename and issuedAt in the subscription: the signature covers only the body."
        raise BadDelivery(400, "typename_missing", detail)
    signed = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", typename).upper()
    if event and event != signed:
        raise BadDelivery(400, "event_mismatch", "The header names another event than the body.")
    return signed


def _issued(payload: Mapping[str, Any]) -> datetime:
    value = payload.get("issuedAt")
    if not isinstance(value, str):
        raise BadDelivery(400, "issued_at_missing", "Ask for issuedAt in the subscription.")
    try:
        moment, _naive = moment_read(value)
    except ValueError:
        raise BadDelivery(400, "issued_at_missing", "issuedAt must be a time.") from None
    now = datetime.now(UTC)
    if moment < now - timedelta(seconds=ecomai.SALEOR_MAX_AGE):
        raise BadDelivery(400, "too_old", "The webhook was issued too long ago.")
    if moment > now + _AHEAD:
        raise BadDelivery(400, "in_future", "The webhook is from the future: check the clocks.")
    return moment
