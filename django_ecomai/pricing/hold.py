"""A price that was shown stays valid for the cart: a signed token of product, price, currency, time."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal, InvalidOperation

from django.core import signing

from django_ecomai.conf import ecomai

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
    return signing.TimestampSigner(salt=SALT).sign_object(
        [channel, str(product_id), f"{price.normalize():f}", currency]
    )


def price_hold_verify(*, token: str, product_id: str, channel: str = "") -> HeldPrice | None:
    """The price that a token holds for this product; ``None`` when it is forged, of another product, or too old."""
    if not token or not ecomai.PRICE_HOLD_MINUTES:
        return None
    try:
        kept = signing.TimestampSigner(salt=SALT).unsign_object(
            token, max_age=timedelta(minutes=ecomai.PRICE_HOLD_MINUTES)
        )
        shop, product, price, currency = kept
        amount = Decimal(price)
    except (signing.BadSignature, ValueError, TypeError, InvalidOperation):
        return None
    if (shop, product) != (channel, str(product_id)):
        return None
    return HeldPrice(product_id=product, price=amount, currency=currency)
