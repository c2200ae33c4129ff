"""Columns of Oscar's products: what a child lacks is its parent's."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from html import unescape
from typing import Any

from django.db.models import Q
from django.utils.html import strip_tags

_UNREADABLE = ("file", "image", "entity", "richtext")


@dataclass(frozen=True, slots=True)
class Offer:
    """What a shopper pays for a product, and how much of it is there; ``stock=None``: nobody counts it."""

    price: Decimal | None = None
    currency: str = ""
    stock: Decimal | int | None = 0
    sku: str = ""


def offer_of(product: Any, strategy: Any) -> Offer:
    """Ask a strategy of Oscar.

    A parent has no stock of its own: it is not counted while a child can be bought, and 0 when none can.
    """
    if product.is_parent:
        info = strategy.fetch_for_parent(product)
        return Offer(*_money(info.price), stock=None if info.availability.is_available_to_buy else 0)
    info = strategy.fetch_for_product(product)
    record = info.stockrecord
    if record is None:
        return Offer(*_money(info.price))
    counted = product.get_product_class().track_stock
    return Offer(*_money(info.price), stock=record.net_stock_level if counted else None, sku=record.partner_sku or "")


def _money(price: Any) -> tuple[Decimal | None, str]:
    if not price.exists:
        return None, ""
    # A parent takes its first child's price, which may be missing; where tax is not known yet, none is shown either.
    known = price.is_tax_known and price.excl_tax is not None
    return (price.incl_tax if known else price.excl_tax), price.currency or ""


def with_parent(product: Any) -> list[Any]:
    """The product, and its parent where it has one."""
    return [product, product.parent] if product.parent_id and product.parent is not None else [product]


def description(product: Any) -> str:
    """As plain text: Oscar's editor writes HTML."""
    for one in with_parent(product):
        if one.description:
            return unescape(strip_tags(one.description)).strip()
    return ""


def category_ids(product: Any) -> list[Any]:
    """Public categories; a child has none of its own."""
    return [category.pk for category in getattr(with_parent(product)[-1], "ecomai_categories", ())]


def is_active(product: Any) -> bool:
    """Public, and so is its parent."""
    return all(one.is_public for one in with_parent(product))


def image_url(product: Any) -> str:
    """Address of the first picture."""
    for one in with_parent(product):
        for image in sorted(one.images.all(), key=lambda image: (image.display_order, image.pk)):
            if image.original:
                return str(image.original.url)
    return ""


def attributes(product: Any) -> dict[str, Any]:
    """Attributes by their code, a child's over its parent's: numbers and truths as they are, options as their text."""
    found: dict[str, Any] = {}
    for one in reversed(with_parent(product)):
        for value in getattr(one, "ecomai_attributes", ()):
            if value.attribute.type not in _UNREADABLE:
                found[value.attribute.code] = _plain(value, value.attribute)
    return {code: value for code, value in found.items() if value not in (None, "", [])}


def _plain(value: Any, attribute: Any) -> Any:
    if attribute.type == "multi_option":
        return [str(option) for option in value.value_multi_option.all()]
    if attribute.type == "option":
        return str(value.value_option) if value.value_option is not None else None
    plain = getattr(value, f"value_{attribute.type}", None)
    return plain if plain is None or isinstance(plain, bool | int | float | str) else str(plain)


def brand(product: Any, codes: Sequence[str]) -> str:
    """The first of the attributes ``codes`` that the product has."""
    known = attributes(product)
    return next((str(known[code]) for code in codes if code in known), "")


def changed_since(since: datetime) -> Q:
    """Products that were changed themselves, or in their stock record, or that belong to such a one."""
    touched = Q()
    for path in ("", "children__", "parent__"):
        touched |= Q(**{f"{path}date_updated__gte": since})
    return touched | Q(stockrecords__date_updated__gte=since) | Q(children__stockrecords__date_updated__gte=since)
