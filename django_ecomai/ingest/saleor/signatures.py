"""Whether a webhook was signed by the shop: HMAC-SHA256 with its secret, or a detached JWS with its public key."""

from __future__ import annotations

import hashlib
import hmac
import json
import logging
import time
import urllib.request
from base64 import urlsafe_b64encode
from collections import defaultdict
from threading import Lock
from typing import Any

from django_ecomai.core.extras import require

from .config import SaleorShop

logger = logging.getLogger("django_ecomai.ingest")

_KEPT = 3600  # seconds for which the keys of a shop are kept
_PAUSE = 60  # and at least between two looks, whatever key ids forged signatures name
_FAILED = 10  # and after one that failed: meanwhile nobody waits for a server that does not answer
_TIMEOUT = 5
_MOST_BYTES = 64 * 1024

# Per process. domain -> (when, keys by id); domain -> when a look failed.
_keys: dict[str, tuple[float, dict[str, Any]]] = {}
_failed: dict[str, float] = {}
_looking: defaultdict[str, Lock] = defaultdict(Lock)  # one of each shop: a slow one holds up no other


class NoKeys(Exception):
    """The shop's public keys cannot be fetched now: it may try again."""


def signature_valid(shop: SaleorShop, body: bytes, signature: str) -> bool:
    """Whether ``signature`` (the header ``Saleor-Signature``) is the shop's, of exactly this body.

    Raises ``NoKeys`` when that cannot be told now, ``MissingExtra`` without the extra ``saleor``.
    """
    if not signature or not signature.isascii():
        return False
    if shop.secret:
        expected = hmac.new(shop.secret.encode(), body, hashlib.sha256).hexdigest()
        return hmac.compare_digest(expected, signature.strip().removeprefix("sha256=").lower())
    return _jws_valid(shop, body, signature.strip())


def _jws_valid(shop: SaleorShop, body: bytes, signature: str) -> bool:
    jwt = require("jwt", extra="saleor")
    require("cryptography", extra="saleor")
    head, _, rest = signature.partition("..")
    if not head or not rest or "." in rest:  # the payload must be detached: the body is what counts
        return False
    try:
        header = jwt.get_unverified_header(signature)
    except jwt.InvalidTokenError:
        return False
    key = _key(shop, str(header.get("kid", "")), jwt)
    if key is None:
        return False
    try:
        # The algorithm is ours to choose, never the header's.
        if header.get("b64", True):
            jwt.api_jws.decode(f"{head}.{_base64(body)}.{rest}", key, algorithms=["RS256"])
        else:
            jwt.api_jws.decode(signature, key, algorithms=["RS256"], detached_payload=body)
    except jwt.InvalidTokenError:
        return False
    return True


def _base64(body: bytes) -> str:
    return urlsafe_b64encode(body).rstrip(b"=").decode()


def _key(shop: SaleorShop, kid: str, jwt: Any) -> Any:
    """The key of that id; looked up again when the shop has got a new one, but not at every forged id.

    One thread looks, the others wait for what it finds.
    """
    if _is_known(shop, kid):
        return _keys[shop.domain][1].get(kid)
    looking = _looking[shop.domain]
    if not looking.acquire(timeout=_TIMEOUT):
        raise NoKeys
    try:
        if not _is_known(shop, kid):
            _look(shop, kid, jwt)
    finally:
        looking.release()
    return _keys[shop.domain][1].get(kid)


def _is_known(shop: SaleorShop, kid: str) -> bool:
    """Whether the keys at hand are new enough to say yes or no to this id."""
    if shop.domain not in _keys:
        return False
    at, keys = _keys[shop.domain]
    return time.monotonic() - at <= (_KEPT if kid in keys else _PAUSE)


def _look(shop: SaleorShop, kid: str, jwt: Any) -> None:
    """Look the keys up. When that fails, now or a moment ago, those at hand go on; ``NoKeys`` without this one."""
    lately = shop.domain in _failed and time.monotonic() - _failed[shop.domain] <= _FAILED
    keys = _keys.get(shop.domain, (0.0, {}))[1]
    try:
        if lately:
            raise NoKeys
        keys = _fetch(shop, jwt)
        _failed.pop(shop.domain, None)
        _keys[shop.domain] = (time.monotonic(), keys)
    except NoKeys:
        if not lately:
            _failed[shop.domain] = time.monotonic()
        if kid not in keys:
            raise


def _fetch(shop: SaleorShop, jwt: Any) -> dict[str, Any]:
    found: dict[str, Any] = {}
    try:
        for one in json.loads(jwks_read(f"https://{shop.domain}/.well-known/jwks.json"))["keys"]:
            if one.get("kty") == "RSA":
                found[str(one.get("kid", ""))] = jwt.PyJWK(one, algorithm="RS256")
    except (OSError, ValueError, KeyError, TypeError, AttributeError, jwt.PyJWTError) as error:
        logger.warning("The public keys of %s cannot be read: %s", shop.domain, type(error).__name__)
        raise NoKeys from error
    return found


def jwks_read(address: str) -> bytes:
    """The document at ``address``, whose host is that of the setting, never of the request."""
    with urllib.request.urlopen(address, timeout=_TIMEOUT) as answer:  # noqa: S310 - always https
        return bytes(answer.read(_MOST_BYTES))


def keys_forget() -> None:
    """Look all keys up anew."""
    _keys.clear()
    _failed.clear()
