"""Signed tokens: what was recommended where (so that clicks cannot be invented), and that a page of ours was loaded."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import lru_cache

from django.conf import settings
from django.core import signing
from django.http import HttpRequest

from django_ecomai.conf import ecomai

_ITEM_SALT = "django_ecomai.item"
_PAGE_SALT = "django_ecomai.page"
# A suggestion in an e-mail is clicked weeks later.
TOKEN_MAX_AGE = 60 * 60 * 24 * 60


@dataclass(frozen=True, slots=True)
class TokenData:
    """What one suggested item was: taken from the token, never from the browser's word."""

    run: str
    placement: str
    slot: str
    position: int
    product_id: str
    recommendation_id: str
    propensity: float


def token_make(
    *,
    run: object,
    placement: str,
    slot: object,
    position: int,
    product_id: str,
    recommendation_id: str,
    propensity: float = 1.0,
) -> str:
    """Sign what was recommended. ``position`` counts from 0; ``propensity`` is the chance that it was shown."""
    values = [
        "" if run is None else str(run),
        placement,
        "" if slot is None else str(slot),
        int(position),
        product_id,
        str(recommendation_id),
        round(float(propensity), 6),
    ]
    return _signer(settings.SECRET_KEY).sign(signing.b64_encode(_encode(values).encode()).decode())


@lru_cache(maxsize=2)
def _signer(key: str) -> signing.TimestampSigner:
    """Kept, as a page signs dozens of items; another key is another signer."""
    return signing.TimestampSigner(key=key, salt=_ITEM_SALT)


# `json.dumps` with arguments makes an encoder per call.
_encode = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False).encode


def token_read(token: object) -> TokenData | None:
    """What a token says, or ``None`` when it is forged, damaged or older than 60 days. Never raises."""
    if not isinstance(token, str) or len(token) > 1024:
        return None
    try:
        body = signing.TimestampSigner(salt=_ITEM_SALT).unsign(token, max_age=TOKEN_MAX_AGE)
        return TokenData(*json.loads(signing.b64_decode(body.encode())))
    except (signing.BadSignature, ValueError, TypeError, RecursionError):
        return None


def page_token(request: HttpRequest | None = None, *, channel: str | None = None) -> str:
    """A short-lived proof that a page of this shop was loaded. It holds nothing personal: pages may be cached."""
    return signing.TimestampSigner(salt=_PAGE_SALT).sign(ecomai.CHANNEL if channel is None else channel)


def page_token_channel(token: object) -> str | None:
    """The channel of a valid page token; ``None`` when it is forged or older than ``CAPTURE_TOKEN_AGE``."""
    if not isinstance(token, str) or len(token) > 256:
        return None
    try:
        return signing.TimestampSigner(salt=_PAGE_SALT).unsign(token, max_age=ecomai.CAPTURE_TOKEN_AGE)
    except (signing.BadSignature, ValueError):
        return None
