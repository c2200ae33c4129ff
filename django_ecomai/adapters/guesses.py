"""What shops call their models and columns: the knowledge behind ``ecomai_adapter``."""
# ruff: noqa: E501 - tables read better with long lines

from __future__ import annotations

from typing import Any

from django.db import models

# Word in a model's name -> how much it speaks for the role.
NAMES: dict[str, dict[str, int]] = {
    "product": {"product": 6, "article": 4, "item": 2, "good": 3, "goods": 3, "listing": 4, "book": 3, "produkt": 6, "artikel": 5, "ware": 3, "variant": 2},
    "order": {"order": 6, "invoice": 4, "purchase": 4, "sale": 3, "bestellung": 6, "auftrag": 5, "receipt": 3},
    "line": {"line": 5, "item": 4, "position": 4, "entry": 2, "detail": 3, "row": 2, "posten": 4},
    "category": {"category": 6, "collection": 3, "department": 4, "kategorie": 6, "section": 2, "genre": 3, "shelf": 3, "group": 1, "type": 1},
    "customer": {"customer": 6, "client": 4, "buyer": 5, "shopper": 5, "kunde": 6, "profile": 2, "member": 2, "account": 2},
    "review": {"review": 6, "rating": 5, "feedback": 3, "comment": 2, "bewertung": 6},
}  # fmt: skip

_CREATED = (
    "created",
    "created_at",
    "date_created",
    "created_on",
    "date_added",
    "added",
    "added_at",
    "pub_date",
    "published_at",
    "timestamp",
    "date",
)
_UPDATED = (
    "updated",
    "updated_at",
    "modified",
    "modified_at",
    "date_updated",
    "date_modified",
    "last_modified",
    "changed",
    "changed_at",
)
_NAME = ("title", "name", "label", "product_name", "item_name", "headline", "bezeichnung")

# Role -> row field -> (names by likelihood, kind of column).
FIELDS: dict[str, dict[str, tuple[tuple[str, ...], str]]] = {
    "category": {
        "name": (("name", "title", "label"), "text"),
        "slug": (("slug",), "text"),
    },
    "product": {
        "sku": (("sku", "upc", "ean", "code", "article_number", "part_number", "barcode", "isbn", "product_code"), "text"),
        "title": (_NAME, "text"),
        "description": (("description", "body", "text", "long_description", "details", "content", "beschreibung"), "text"),
        "brand": (("brand", "manufacturer", "vendor", "maker", "marke"), "text"),
        "price": (("price", "unit_price", "price_gross", "gross_price", "sale_price", "price_incl_tax", "amount", "preis", "cost_price"), "number"),
        "list_price": (("list_price", "regular_price", "old_price", "compare_at_price", "rrp", "msrp", "price_before"), "number"),
        "cost": (("cost", "cost_price", "purchase_price", "buying_price", "wholesale_price"), "number"),
        "currency": (("currency", "price_currency"), "text"),
        "stock": (("stock", "stock_quantity", "inventory", "quantity", "qty", "num_in_stock", "units_in_stock", "available_quantity", "bestand"), "number"),
        "image_url": (("image", "picture", "photo", "thumbnail", "image_url", "bild"), "file"),
        "is_active": (("is_active", "active", "is_public", "is_published", "published", "visible", "is_visible", "enabled", "available", "is_available"), "flag"),
        "is_service": (("is_service", "is_shipping", "is_virtual"), "flag"),
        "created_at": (_CREATED, "time"),
        "updated": (_UPDATED, "time"),
    },
    "customer": {
        "first_seen": (("date_joined", "joined", *_CREATED), "time"),
        "updated": (_UPDATED, "time"),
    },
    "order": {
        "number": (("number", "order_number", "invoice_number", "reference", "code", "no", "order_no"), "text"),
        "placed_at": (("placed_at", "date_placed", "ordered_at", "order_date", "ordered", "placed", "completed_at", *_CREATED), "time"),
        "status": (("status", "state", "order_status"), "text"),
        "paid_at": (("paid_at", "date_paid", "payment_date"), "time"),
        "shipped_at": (("shipped_at", "date_shipped", "shipping_date", "dispatched_at"), "time"),
        "delivered_at": (("delivered_at", "date_delivered", "delivery_date"), "time"),
        "cancelled_at": (("cancelled_at", "canceled_at", "date_cancelled"), "time"),
        "currency": (("currency",), "text"),
        "total": (("total", "total_incl_tax", "grand_total", "total_gross", "total_price", "total_amount", "amount", "summe"), "number"),
        "total_net": (("total_net", "total_excl_tax", "subtotal", "net_total"), "number"),
        "total_tax": (("total_tax", "tax", "tax_total", "vat"), "number"),
        "updated": (_UPDATED, "time"),
    },
    "line": {
        "title": (_NAME, "text"),
        "sku": (("sku", "product_code", "upc", "partner_sku", "code"), "text"),
        "quantity": (("quantity", "qty", "count", "amount", "units", "pieces", "menge", "anzahl"), "number"),
        "unit_price": (("unit_price", "price", "price_each", "unit_price_incl_tax", "item_price", "price_gross", "preis"), "number"),
        "unit_cost": (("unit_cost", "cost"), "number"),
        "discount": (("discount", "discount_amount"), "number"),
        "tax": (("tax", "tax_amount", "vat"), "number"),
    },
    "review": {
        "rating": (("rating", "score", "stars", "points"), "number"),
        "title": (("title", "headline", "subject"), "text"),
        "text": (("text", "body", "comment", "content", "review"), "text"),
        "created_at": (_CREATED, "time"),
    },
}  # fmt: skip

# Drafted as comments: identifying values are mapped only when a person decides so.
OPTIONAL_HASHED = {
    "email": ("email", "email_address", "guest_email"),
    "ip": ("ip", "ip_address", "remote_addr"),
    "address": ("address", "shipping_address", "street"),
    "device": ("device", "device_id", "fingerprint", "user_agent"),
}

_NUMBERS = (models.DecimalField, models.FloatField, models.IntegerField)
_TIMES = (models.DateField,)  # a DateTimeField is one, too
_TEXTS = (models.CharField, models.TextField)


def fits(field: Any, kind: str) -> bool:
    """Whether a column can hold such a value."""
    if field.is_relation or field.primary_key:
        return False
    if kind == "number":
        return isinstance(field, _NUMBERS)
    if kind == "time":
        return isinstance(field, _TIMES)
    if kind == "flag":
        return isinstance(field, models.BooleanField)
    if kind == "file":
        return isinstance(field, models.FileField | models.URLField) or (
            isinstance(field, models.CharField) and "url" in field.name
        )
    return isinstance(field, (*_TEXTS, models.IntegerField))
