"""``{% load ecomai_pricing %}``: what the law wants beside a price, and a price that is held. The tags never raise."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from contextlib import nullcontext
from decimal import Decimal, InvalidOperation
from typing import Any

from django import template
from django.http import HttpRequest
from django.utils.translation import gettext as _

from django_ecomai.adapters.base import get_adapter
from django_ecomai.conf import ecomai
from django_ecomai.core.db import shielded
from django_ecomai.pricing.held import exact_amount
from django_ecomai.pricing.hold import price_hold as hold_make
from django_ecomai.pricing.ledger import LowestPrice, reductions_told
from django_ecomai.pricing.volume_prices import VolumePrice
from django_ecomai.pricing.volume_prices import volume_prices as volume_read

register = template.Library()
logger = logging.getLogger("django_ecomai")
_KEPT = "_ecomai_price_ledger"


@register.simple_tag(takes_context=True)
def price_ledger(context: template.Context, product: Any) -> LowestPrice | None:
    """``{% price_ledger product as ledger %}``: the running reduction of a product of the shop (or its id).

    ``None`` without one. ``ledger.lowest`` is the lowest price of the 30 days before it began (``None`` where no
    earlier price is known), with ``currency``, ``began_at``, ``known_since``, ``list_price`` and ``price`` (of its
    first step). One query, none after ``price_ledgers``; some more while the job ``pricing.ledger`` has not come to
    the product.
    """
    found = _read(context, [product])
    return found[0] if found else None


@register.simple_tag(takes_context=True)
def price_ledgers(context: template.Context, products: Iterable[Any]) -> dict[str, LowestPrice]:
    """``{% price_ledgers products as ledgers %}``: the running reductions of many products, in one query.

    By the shop's product id. ``{% price_ledger %}`` and ``{% lowest_price %}`` of these products then ask for nothing
    more on the same page.
    """
    return {one.product_id: one for one in _read(context, products) if one is not None}


@register.inclusion_tag("ecomai/pricing/lowest_price.html", takes_context=True)
def lowest_price(context: template.Context, product: Any) -> dict[str, Any]:
    """``{% lowest_price product %}``: a ready line with the lowest price of the last 30 days before the reduction.

    Nothing when the product is not reduced, or when no earlier price is known. Its template
    ``ecomai/pricing/lowest_price.html`` may be overridden.
    """
    return {"ledger": price_ledger(context, product)}


@register.filter
def exact_price(price: Any, currency: str = "") -> str:
    """``{{ ledger.lowest|exact_price:ledger.currency }}``: ``1.234 KWD``, ``12.50 EUR``, ``900 JPY``.

    With all digits that are charged, and no fewer than the currency has, in the language of the page. Empty for what is
    no number.
    """
    try:
        return "" if price is None else exact_amount(price, currency)
    except ArithmeticError:
        return ""


@register.inclusion_tag("ecomai/pricing/disclosure.html")
def price_disclosure() -> dict[str, Any]:
    """``{% price_disclosure %}``: tells that a price was personalised by a computer.

    Nothing unless ``ECOMAI["PRICE_DISCLOSURE"]`` says so. EcomAI itself never makes a price for a person; shops that do
    must tell (Directive 2011/83/EU, Article 6(1)(ea)).
    """
    told = ecomai.PRICE_DISCLOSURE
    return {"text": _("This price was personalised by automated decision-making.") if told is True else told or ""}


@register.simple_tag
def price_hold(product: Any, price: Any, currency: str = "") -> str:
    """``{% price_hold product product.price as token %}``: a signed token that holds the price shown for the cart.

    Valid for ``ECOMAI["PRICE_HOLD_MINUTES"]``; checked by ``pricing.hold.price_hold_verify``. Empty without a price. No
    query of its own; in a transaction of the shop an object costs a savepoint, the shop's id nothing.
    """
    token = ""
    try:
        amount = Decimal(str(price))
    except InvalidOperation:  # no price, which is no error
        return token
    try:
        plain = isinstance(product, str | int)  # asks for nothing, so nothing of the shop's transaction can be spoiled
        with nullcontext() if plain else shielded("hold a price", reads=True):
            adapter = get_adapter(ecomai.CHANNEL)
            token = hold_make(
                product_id=adapter.product_id(product),
                price=amount,
                currency=currency or adapter.currency,
                channel=ecomai.CHANNEL,
            )
    except Exception:  # whatever the shop's objects, its adapter or the database do: the page is shown
        logger.exception("EcomAI could not hold a price; the page goes on without it.")
    return token


@register.simple_tag
def volume_prices(product: Any) -> list[VolumePrice]:
    """``{% volume_prices product as offers %}``: approved prices for more pieces of a product of the shop (or its id).

    Each reads as a sentence (``{{ offer }}``) and has ``quantity``, ``price``, ``currency``, ``kind``, of a bundle
    ``other_id``, ``other_title`` and ``other_url`` of the second product, and ``token``, which holds it for the cart.
    One query.
    """
    found: list[VolumePrice] = []
    try:
        with shielded("read volume prices", reads=True):
            one = get_adapter(ecomai.CHANNEL).product_id(getattr(product, "object", product))
            offers = volume_read(product_ids=[one], channel=ecomai.CHANNEL).get(one, [])
            found = [offer.facing(one) for offer in offers]
    except Exception:  # whatever the shop's objects, its adapter or the database do: the page is shown
        logger.exception("EcomAI could not read volume prices; the page goes on without them.")
    return found


def _read(context: template.Context, products: Any) -> list[LowestPrice | None]:
    """One entry per product; what this page has read already is kept."""
    kept = _kept(context)
    try:
        adapter = get_adapter(ecomai.CHANNEL)
        ids = [adapter.product_id(getattr(one, "object", one)) for one in products or () if one not in (None, "")]
        missing = [one for one in dict.fromkeys(ids) if one not in kept]
        if missing:
            with shielded("read the price ledger", reads=True):
                found = reductions_told(channel=ecomai.CHANNEL, product_ids=missing)
                kept.update({one: found.get(one) for one in missing})
    except Exception:  # whatever the shop's objects, its adapter or the database do: the page is shown
        logger.exception("EcomAI could not read the price ledger; the page goes on without it.")
        return []
    return [kept.get(one) for one in ids]


def _kept(context: template.Context) -> dict[str, LowestPrice | None]:
    """A dict that lives as long as the page."""
    request = context.get("request")
    if isinstance(request, HttpRequest):
        if not hasattr(request, _KEPT):
            setattr(request, _KEPT, {})
        found: dict[str, LowestPrice | None] = getattr(request, _KEPT)
        return found
    here: dict[str, LowestPrice | None] = context.dicts[0].setdefault(_KEPT, {})
    return here
