"""Signed tokens: what was recommended where (so that clicks cannot be invented), and that a page of ours was loaded."""

from __future__ import annotations

import hashlib
import hmac
import json
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from django.conf import settings
from django.core import signing
from django.http import HttpRequest
from django.utils.encoding import force_bytes

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
    #: None: the chance is not known exactly
    propensity: float | None


def token_make(
    *,
    run: object,
    placement: str,
    slot: object,
    position: int,
    product_id: str,
    recommendation_id: str,
    propensity: float | None = 1.0,
) -> str:
    """Sign what was recommended. ``position`` counts from 0; ``propensity`` is the chance that it was given its place,
    None where that is not known exactly.
    """
    values = [
        "" if run is None else str(run),
        placement,
        "" if slot is None else str(slot),
        int(position),
        product_id,
        str(recommendation_id),
        None if propensity is None else round(float(propensity), 6),
    ]
    return _signer(settings.SECRET_KEY).sign(signing.b64_encode(_encode(values).encode()).decode())


class _ItemSigner(signing.TimestampSigner):
    """Django's signer with the salted key kept: a page signs dozens of items, and hashing it anew is half of the work.

    What it signs is the same to the last character.
    """

    def __init__(self, key: str | bytes) -> None:
        super().__init__(key=key, salt=_ITEM_SALT)
        self._salted = hashlib.sha256(f"{_ITEM_SALT}signer".encode() + force_bytes(key)).digest()

    def signature(self, value: Any, key: Any = None) -> str:
        """As `Signer.signature`; another ``key`` (a fallback) takes the long way."""
        if key is not None and key != self.key:
            return super().signature(value, key)
        return signing.b64_encode(hmac.digest(self._salted, force_bytes(value), "sha256")).decode()


@lru_cache(maxsize=2)
def _signer(key: str | bytes) -> _ItemSigner:
    return _ItemSigner(key)


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
