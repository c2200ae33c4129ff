"""Payloads of Saleor's subscription webhooks into rows of a delivery.

The fields are those that the subscription in the how-to page asks for; what a payload lacks is left as it is.
Shapes: https://docs.saleor.io/developer/extending/webhooks/subscription-webhook-payloads
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import Any

from django.utils.html import strip_tags

# What is to be written: pairs of table and row, in this order.
Rows = list[tuple[str, dict[str, Any]]]
# In place of a table: a category that is to be written only when there is none yet.
UNKNOWN_CATEGORY = "unknown category"

_CANCELLED = {"CANCELED", "CANCELLED", "EXPIRED"}
_BACK = {"RETURNED", "REFUNDED_AND_RETURNED"}
_PAID = {"FULLY_CHARGED", "FULL", "OVERCHARGED"}
_DESCRIPTION_LONGEST = 20_000


def payload_open(value: Any) -> Mapping[str, Any]:
    """The event itself, however it is wrapped; empty when there is none."""
    for _step in range(3):
        if isinstance(value, list) and len(value) == 1:
            value = value[0]
        for name in ("data", "event"):
            if isinstance(value, Mapping) and isinstance(value.get(name), Mapping):
                value = value[name]
    return value if isinstance(value, Mapping) else {}


def event_rows(event: str, payload: Mapping[str, Any], *, saleor_channel: str = "") -> Rows | None:
    """What an event means for the mirror; ``None``: nothing, it is not one that we need.

    Raises ``ValueError`` when the payload lacks what the event is about.
    """
    found = _EVENTS.get(event)
    if found is None:
        return None
    name, make = found
    subject = payload.get(name)
    if not isinstance(subject, Mapping) or not subject.get("id"):
        raise ValueError(f"{name}_missing")
    return make(subject, saleor_channel, event)


def _map(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _list(value: Any) -> list[Mapping[str, Any]]:
    return [one for one in value if isinstance(one, Mapping)] if isinstance(value, list) else []


def _listing(value: Any, channel: str) -> Mapping[str, Any]:
    """The entry of the Saleor channel that counts; without one named: the first."""
    entries = _list(value)
    if not channel:
        return entries[0] if entries else {}
    return next((one for one in entries if _map(one.get("channel")).get("slug") == channel), {})


def _category(subject: Mapping[str, Any], channel: str, event: str) -> Rows:
    if event == "CATEGORY_DELETED":
        return [("category", {"id": subject["id"], "deleted": True})]
    row = {
        "id": subject["id"],
        "name": subject.get("name"),
        "slug": subject.get("slug"),
        "parent_id": _map(subject.get("parent")).get("id"),
    }
    return [("category", row)]


def _product(subject: Mapping[str, Any], channel: str, event: str) -> Rows:
    variants = _list(subject.get("variants"))
    if event == "PRODUCT_DELETED":
        gone = [subject["id"], *(one["id"] for one in variants if one.get("id"))]
        return [("product", {"id": ident, "deleted": True}) for ident in gone]
    rows: Rows = []
    row: dict[str, Any] = {"id": subject["id"]}
    for name, ours in (("name", "title"), ("created", "created_at"), ("externalUrl", "url")):
        if name in subject:
            row[ours] = subject[name]
    if "description" in subject:
        row["description"] = text_of(subject["description"])
    category = _map(subject.get("category"))
    if category.get("id"):
        if category.get("name"):
            # Of its place in the tree the product's webhook knows nothing.
            rows.append((UNKNOWN_CATEGORY, {key: category[key] for key in ("id", "name", "slug") if key in category}))
        row["category_ids"] = [category["id"]]
    picture = _map(subject.get("thumbnail")).get("url") or next(
        (one["url"] for one in _list(subject.get("media")) if one.get("url")), None
    )
    if picture:
        row["image_url"] = picture
    if "attributes" in subject:
        row["attributes"] = _attributes(subject["attributes"])
    if "channelListings" in subject:
        listing = _listing(subject["channelListings"], channel)
        row["is_active"] = (
            bool(listing.get("isPublished", False)) and listing.get("isAvailableForPurchase") is not False
        )
    made = [_variant_row(one, subject, channel) for one in variants if one.get("id")]
    rows.append(("product", row))
    active = {"is_active": row["is_active"]} if "is_active" in row else {}
    return rows + [("product", {**one, **active}) for one in made]


def _attributes(value: Any) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for one in _list(value):
        name = _map(one.get("attribute")).get("slug")
        values = [str(each.get("name") or each.get("slug") or "") for each in _list(one.get("values"))]
        if name and values:
            found[str(name)] = values[0] if len(values) == 1 else values
    return found


def _variant_row(subject: Mapping[str, Any], product: Mapping[str, Any], channel: str) -> dict[str, Any]:
    row: dict[str, Any] = {"id": subject["id"]}
    if product.get("id"):
        row["parent_id"] = product["id"]
    if "sku" in subject:
        row["sku"] = subject["sku"]
    names = [str(one) for one in (product.get("name"), subject.get("name")) if one]
    if names and "name" in subject:
        row["title"] = " – ".join(dict.fromkeys(names))
    if "channelListings" in subject:
        listing = _listing(subject["channelListings"], channel)
        price, before = _map(listing.get("price")), _map(listing.get("priorPrice"))
        row["price"], row["currency"] = price.get("amount"), price.get("currency")
        row["list_price"] = before.get("amount")
        if _map(listing.get("costPrice")).get("amount") is not None:
            row["cost"] = listing["costPrice"]["amount"]
    if subject.get("trackInventory") is False:
        row["stock"] = None
    elif "stocks" in subject:
        row["stock"] = sum(
            (
                Decimal(str(one.get("quantity") or 0)) - Decimal(str(one.get("quantityAllocated") or 0))
                for one in _list(subject["stocks"])
            ),
            Decimal(0),
        )
    return row


def _variant(subject: Mapping[str, Any], channel: str, event: str) -> Rows:
    if event == "PRODUCT_VARIANT_DELETED":
        return [("product", {"id": subject["id"], "deleted": True})]
    row = _variant_row(subject, _map(subject.get("product")), channel)
    if event == "PRODUCT_VARIANT_OUT_OF_STOCK" and "stocks" not in subject:
        row["stock"] = 0
    return [("product", row)]


def _order(subject: Mapping[str, Any], channel: str, event: str) -> Rows:
    if str(subject.get("status")) == "DRAFT":
        return []
    slug = _map(subject.get("channel")).get("slug")
    if channel and slug and slug != channel:
        return []  # an order of another of Saleor's channels, which fills another shop of ours
    total = _map(subject.get("total"))
    gross = _map(total.get("gross"))
    sent = [one for one in _list(subject.get("fulfillments")) if one.get("status") == "FULFILLED"]
    address = _map(subject.get("shippingAddress")) or _map(subject.get("billingAddress"))
    row = {
        "id": subject["id"],
        "number": subject.get("number"),
        "placed_at": subject.get("created"),
        "customer_id": _map(subject.get("user")).get("id"),
        "email": subject.get("userEmail"),
        "status": _order_status(subject, event, sent),
        "shipped_at": sent[0].get("created") if sent else None,
        "currency": gross.get("currency"),
        "total": gross.get("amount"),
        "total_net": _map(total.get("net")).get("amount"),
        "total_tax": _map(total.get("tax")).get("amount"),
        "country": _map(address.get("country")).get("code"),
        "lines": [_line(one) for one in _list(subject.get("lines"))],
        "returns": [back for one in _list(subject.get("fulfillments")) for back in _returns(one)],
    }
    if "lines" not in subject:
        raise ValueError("lines_missing")
    return [("order", row)]


def _order_status(subject: Mapping[str, Any], event: str, sent: Sequence[Any]) -> str:
    status = str(subject.get("status") or "")
    if status in _CANCELLED or event in ("ORDER_CANCELLED", "ORDER_EXPIRED"):
        return "cancelled"
    money = {subject.get("paymentStatus"), subject.get("chargeStatus")}
    if status == "RETURNED" or "FULLY_REFUNDED" in money or event == "ORDER_FULLY_REFUNDED":
        return "returned"
    if status == "FULFILLED" or sent:
        return "shipped"
    if money & _PAID or subject.get("isPaid") is True or event in ("ORDER_PAID", "ORDER_FULLY_PAID"):
        return "paid"
    return "open"


def _line(one: Mapping[str, Any]) -> dict[str, Any]:
    variant = _map(one.get("variant"))
    names = [str(part) for part in (one.get("productName"), one.get("variantName")) if part]
    return {
        "id": one.get("id"),
        "product_id": variant.get("id") or one.get("productVariantId"),
        "title": " – ".join(dict.fromkeys(names)),
        "sku": one.get("productSku"),
        "quantity": one.get("quantity"),
        "unit_price": _map(_map(one.get("unitPrice")).get("gross")).get("amount"),
    }


def _returns(fulfillment: Mapping[str, Any]) -> list[dict[str, Any]]:
    if fulfillment.get("status") not in _BACK:
        return []
    return [
        {
            "id": one.get("id"),
            "line_id": _map(one.get("orderLine")).get("id"),
            "product_id": _map(_map(one.get("orderLine")).get("variant")).get("id"),
            "quantity": one.get("quantity"),
            "returned_at": fulfillment.get("created"),
        }
        for one in _list(fulfillment.get("lines"))
        if one.get("quantity")
    ]


def _customer(subject: Mapping[str, Any], channel: str, event: str) -> Rows:
    if event == "CUSTOMER_DELETED":
        return [("customer", {"id": subject["id"], "deleted": True})]
    return [("customer", {"id": subject["id"], "first_seen": subject.get("dateJoined")})]


def text_of(description: Any) -> str:
    """The words of a rich text as EditorJS keeps it, without its markup; any other text as it is."""
    try:
        blocks = json.loads(description)["blocks"] if isinstance(description, str) else _map(description)["blocks"]
    except (ValueError, KeyError, TypeError, RecursionError):
        return description[:_DESCRIPTION_LONGEST] if isinstance(description, str) else ""
    words = []
    for block in _list(blocks):
        data = _map(block.get("data"))
        items = data.get("items")
        words += [data.get("text"), *(items if isinstance(items, list) else [])]
    return " ".join(strip_tags(one) for one in words if isinstance(one, str))[:_DESCRIPTION_LONGEST]


_Maker = Callable[[Mapping[str, Any], str, str], Rows]
_EVENTS: dict[str, tuple[str, _Maker]] = {
    **dict.fromkeys(("CATEGORY_CREATED", "CATEGORY_UPDATED", "CATEGORY_DELETED"), ("category", _category)),
    **dict.fromkeys(("PRODUCT_CREATED", "PRODUCT_UPDATED", "PRODUCT_DELETED"), ("product", _product)),
    **dict.fromkeys(
        (
            "PRODUCT_VARIANT_CREATED",
            "PRODUCT_VARIANT_UPDATED",
            "PRODUCT_VARIANT_DELETED",
            "PRODUCT_VARIANT_STOCK_UPDATED",
            "PRODUCT_VARIANT_OUT_OF_STOCK",
            "PRODUCT_VARIANT_BACK_IN_STOCK",
        ),
        ("productVariant", _variant),
    ),
    **dict.fromkeys(
        (
            "ORDER_CREATED",
            "ORDER_CONFIRMED",
            "ORDER_PAID",
            "ORDER_FULLY_PAID",
            "ORDER_UPDATED",
            "ORDER_CANCELLED",
            "ORDER_EXPIRED",
            "ORDER_FULFILLED",
            "ORDER_REFUNDED",
            "ORDER_FULLY_REFUNDED",
        ),
        ("order", _order),
    ),
    **dict.fromkeys(("CUSTOMER_CREATED", "CUSTOMER_UPDATED", "CUSTOMER_DELETED"), ("user", _customer)),
}
EVENTS = tuple(_EVENTS)
"""The events that are taken over; all others are answered and counted as ignored."""
