"""Columns of Oscar's conditional offers, those behind vouchers included."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Any

#: Product ids of an offer whose range holds no product at all: it explains nothing and is left out.
NOTHING = ("",)


def kind(offer: Any) -> str:
    """``voucher`` where a code is needed, ``bundle`` for several together, ``other`` for what is off the shipping."""
    if offer.offer_type == offer.VOUCHER:
        return "voucher"
    benefit = offer.benefit
    if benefit.type in (benefit.MULTIBUY, benefit.FIXED_PRICE):
        return "bundle"
    return "discount" if benefit.type in (benefit.PERCENTAGE, benefit.FIXED, benefit.FIXED_UNIT) else "other"


def starts_at(offer: Any) -> datetime | None:
    """The offer's own date, else its first voucher's, else when it was made."""
    dates = [voucher.start_datetime for voucher in offer.vouchers.all()]
    return offer.start_datetime or min(dates, default=offer.date_created)


def ends_at(offer: Any) -> datetime | None:
    """The offer's own date, else its last voucher's; none: it goes on."""
    dates = [voucher.end_datetime for voucher in offer.vouchers.all()]
    return offer.end_datetime or max(dates, default=None)


def percent(offer: Any) -> Decimal | None:
    """Percent off the price of products."""
    return offer.benefit.value if offer.benefit.type == offer.benefit.PERCENTAGE else None


def amount(offer: Any) -> Decimal | None:
    """Money off the price of products."""
    benefit = offer.benefit
    return benefit.value if benefit.type in (benefit.FIXED, benefit.FIXED_UNIT) else None


def product_ids(offer: Any) -> tuple[str, ...]:
    """Products of the range with their children; empty: all products, as where the offer names no range."""
    scope = offer.benefit.range
    if scope is None or scope.proxy_class or (scope.includes_all_products and not scope.excluded_products.exists()):
        return ()
    model = type(scope)._meta.get_field("included_products").related_model
    found = set(scope.all_products().order_by().values_list("pk", flat=True))
    found.update(model._default_manager.filter(parent__in=found).order_by().values_list("pk", flat=True))
    return tuple(str(pk) for pk in sorted(found)) or NOTHING
