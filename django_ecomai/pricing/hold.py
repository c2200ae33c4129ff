"""A price that was shown stays valid for the cart: a signed token of product, price, currency, time."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal, InvalidOperation
from hashlib import sha256
from typing import Any

from django.core import signing
from django.core.cache import cache

from django_ecomai.conf import ecomai

logger = logging.getLogger("django_ecomai")
SALT = "ecomai.pricing.hold"


@dataclass(frozen=True, slots=True)
class HeldPrice:
    """What a valid token promises."""

    product_id: str
    price: Decimal
    currency: str


def price_hold(*, product_id: str, price: Decimal, currency: str, channel: str = "") -> str:
    """A token that holds a price for ``ECOMAI["PRICE_HOLD_MINUTES"]``; empty where that is 0 or there is no price."""
    if not ecomai.PRICE_HOLD_MINUTES or not price.is_finite() or price <= 0:
        return ""
    return signed([channel, str(product_id), f"{price.normalize():f}", currency])


def price_hold_verify(*, token: str, product_id: str, channel: str = "") -> HeldPrice | None:
    """The price that a token holds for this product; ``None`` when it is forged, of another product, too old or void.

    Reads the cache once, for ``price_hold_void``.
    """
    kept = unsigned(token, products=lambda content: [(content[0], content[1])], length=4)
    if kept is None or kept[:2] != [channel, str(product_id)]:
        return None
    try:
        return HeldPrice(product_id=kept[1], price=Decimal(kept[2]), currency=kept[3])
    except (ValueError, TypeError, InvalidOperation):
        return None


def signed(content: list[Any]) -> str:
    """A token of some terms and of this moment."""
    return signing.TimestampSigner(salt=SALT).sign_object(content)


def unsigned(token: str, *, products: Callable[[Any], list[tuple[str, str]]], length: int) -> list[Any] | None:
    """What a token holds, a list of ``length`` texts; ``None`` when it is forged, too old, of another kind, or void for
    one of its ``products`` (channel and id of each)."""
    if not token or not ecomai.PRICE_HOLD_MINUTES:
        return None
    try:
        content = signing.TimestampSigner(salt=SALT).unsign_object(
            token, max_age=timedelta(minutes=ecomai.PRICE_HOLD_MINUTES)
        )
    except (signing.BadSignature, ValueError, TypeError):
        return None
    if not isinstance(content, list) or len(content) != length or not all(isinstance(one, str) for one in content):
        return None
    made = signing.b62_decode(token.rsplit(":", 2)[1])
    for channel, product in products(content):
        voided = _voided(channel, product)
        if voided is not None and made <= voided:
            return None
    return content


def price_hold_cheaper(*, kept: str, shown: str, product_id: str, channel: str = "") -> str:
    """Of the token that the cart keeps and the one just shown, the valid one with the lower price; "" without any. In
    another currency than the one shown the kept price says nothing: the shown one counts."""
    old, new = (price_hold_verify(token=token, product_id=product_id, channel=channel) for token in (kept, shown))
    if old is None:
        return shown if new is not None else ""
    return kept if new is None or (old.currency == new.currency and old.price < new.price) else shown


def price_hold_void(*, product_id: str, channel: str = "") -> None:
    """Make all tokens of a product void that were made until now: for a price that was mistyped.

    Kept in the cache of the name ``default`` for as long as a token lives; all web processes must share it.
    """
    cache.set(_void_key(channel, str(product_id)), int(time.time()), timeout=60 * ecomai.PRICE_HOLD_MINUTES + 60)


def _voided(channel: str, product_id: str) -> int | None:
    """Until when tokens of the product are void. A cache that is away must not stop the shop's cart."""
    try:
        found: int | None = cache.get(_void_key(channel, product_id))
    except Exception:
        logger.exception("EcomAI could not read which held prices are void; the cart goes on.")
        return None
    return found


def _void_key(channel: str, product_id: str) -> str:
    # Ids of a shop may be long and hold whatever a cache refuses in its keys.
    return f"ecomai:hold-void:{sha256(f'{channel}/{product_id}'.encode()).hexdigest()[:32]}"
