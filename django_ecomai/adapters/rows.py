"""What crosses the border between a shop and EcomAI: plain, frozen rows.

Every id is the shop's own id as text. Values may be untidy (naive times, NaN, blanks): the sync cleans them and
reports what it did.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any

Number = Decimal | int | float | str | None

TABLES = ("category", "product", "price", "stock", "customer", "order", "review", "promotion")
"""Names of the tables an adapter can give, in the order of a sync. Lines and returns travel inside orders."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CategoryRow:
    """A node of the category tree; parents and children may come in any order."""

    id: str
    name: str = ""
    slug: str = ""
    parent_id: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProductRow:
    """A product, or a variant of ``parent_id``.

    ``stock=None``: the shop does not count it, so it is always available.
    """

    id: str
    title: str = ""
    parent_id: str = ""
    sku: str = ""
    description: str = ""
    brand: str = ""
    category_ids: tuple[str, ...] = ()
    price: Number = None
    list_price: Number = None
    cost: Number = None
    currency: str = ""
    stock: Number = None
    image_url: str = ""
    url: str = ""
    is_active: bool = True
    is_service: bool = False
    attributes: Mapping[str, Any] = field(default_factory=dict)
    created_at: datetime | None = None
    updated_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CustomerRow:
    """A customer. The demographic fields are dropped unless ``ECOMAI["COLLECT_DEMOGRAPHICS"]`` is true."""

    id: str
    user_id: Any = None
    first_seen: datetime | None = None
    last_seen: datetime | None = None
    attributes: Mapping[str, Any] = field(default_factory=dict)
    birth_year: int | None = None
    gender: str = ""
    country: str = ""
    region: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderLineRow:
    """One line of an order with what was sold at that moment.

    ``id`` is unique among all lines; empty: derived from the order's.
    """

    quantity: Number
    id: str = ""
    product_id: str = ""
    title: str = ""
    sku: str = ""
    unit_price: Number = None
    unit_cost: Number = None
    discount: Number = None
    tax: Number = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ReturnRow:
    """Goods that came back; ``quantity`` and ``amount`` are taken as positive."""

    quantity: Number
    id: str = ""
    product_id: str = ""
    line_id: str = ""
    amount: Number = None
    reason: str = ""
    returned_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderRow:
    """An order with its lines. A line with a negative quantity is kept as a return, never as a sale.

    ``ip``, ``device``, ``email`` and ``address`` are raw: the sync stores keyed hashes of them and never the values.
    """

    id: str
    placed_at: datetime | None
    customer_id: str = ""
    number: str = ""
    status: str = "open"
    paid_at: datetime | None = None
    shipped_at: datetime | None = None
    delivered_at: datetime | None = None
    cancelled_at: datetime | None = None
    currency: str = ""
    total_net: Number = None
    total_tax: Number = None
    total: Number = None
    country: str = ""
    ip: str = ""
    device: str = ""
    email: str = ""
    address: str = ""
    lines: tuple[OrderLineRow, ...] = ()
    returns: tuple[ReturnRow, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ReviewRow:
    """A review of a product."""

    id: str
    product_id: str
    customer_id: str = ""
    rating: Number = None
    title: str = ""
    text: str = ""
    created_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PromotionRow:
    """A reduction or campaign. ``kind``: discount, voucher, bundle, campaign or other."""

    id: str
    name: str = ""
    kind: str = "discount"
    starts_at: datetime | None = None
    ends_at: datetime | None = None
    percent: Number = None
    amount: Number = None
    product_ids: tuple[str, ...] = ()
    category_ids: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class PriceRow:
    """A price in the shop's own price history, valid from a moment on."""

    product_id: str
    valid_from: datetime | None
    price: Number = None
    list_price: Number = None
    cost: Number = None
    currency: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class StockRow:
    """The stock of a product at a location now (``valid_from=None``) or from a moment on."""

    product_id: str
    quantity: Number
    location: str = ""
    valid_from: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CompetitorOfferRow:
    """What a competitor asks for something, as it was seen at ``observed_at`` (default: now).

    ``competitor`` is his code; at least one of ``ean``, ``sku`` (the maker's number, or the shop's own) and ``title``
    says what it is. ``offer_id`` is the competitor's own id, by which the offer is known the next time.
    """

    competitor: str
    price: Number
    offer_id: str = ""
    ean: str = ""
    sku: str = ""
    title: str = ""
    brand: str = ""
    url: str = ""
    currency: str = ""
    available: bool | None = None
    observed_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class BadRow:
    """A row that could not be read.

    Adapters yield it in place of the row; it goes into the sync's report and the rest is kept.
    """

    table: str
    code: str
    column: str = ""
    line: int | None = None
    id: str = ""
    value: str = ""
    action: str = "skipped"


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """What a live receiver reports: a row that was saved (``row``) or one that is gone (``row=None``)."""

    table: str
    id: str
    row: Any = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Behaviour:
    """What a shopper has just done, as a signal of the shop tells it; ``name`` is an event's in any known vocabulary.

    ``request=None``: in the request that is being answered. ``product`` is the shop's object or its id.
    """

    name: str
    request: Any = None
    product: Any = None
    quantity: Number = None
    query: str = ""
    order_id: str = ""
    value: Number = None
    currency: str = ""
    at: datetime | None = None


ROW_TYPES: dict[str, type] = {
    "category": CategoryRow,
    "product": ProductRow,
    "price": PriceRow,
    "stock": StockRow,
    "customer": CustomerRow,
    "order": OrderRow,
    "line": OrderLineRow,
    "return_line": ReturnRow,
    "review": ReviewRow,
    "promotion": PromotionRow,
}
