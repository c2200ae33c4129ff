"""The one query that brings the products of a page: what is shown of them and whether they may be shown now."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.db.models import Count, F, OuterRef, Q, QuerySet, Subquery
from django.db.models.expressions import Combinable
from django.db.models.functions import Coalesce

from django_ecomai.mirror.models import Order, OrderLine, Product

# Popularity without a model is read off this many last order lines: the cost stays the same however large the shop
# grows.
POPULAR_LINES = 3000


@dataclass(slots=True)  # not frozen: a page makes hundreds, and each would take three times as long
class Card:
    """What a shopper may see of a product, from the mirror: enough for a card without the shop's own object.

    ``price`` and ``list_price`` are in ``currency``; ``categories`` are pairs of external id and name. Never holds
    cost or margin.
    """

    product_id: str
    title: str = ""
    url: str = ""
    image_url: str = ""
    price: Decimal | None = None
    list_price: Decimal | None = None
    currency: str = ""
    brand: str = ""
    categories: tuple[tuple[str, str], ...] = ()
    in_stock: bool = True
    # For ranking, not for showing.
    available: bool = field(default=True, repr=False)
    lineage: frozenset[str] = field(default=frozenset(), repr=False)
    created_at: datetime | None = field(default=None, repr=False)
    pk: int = field(default=0, repr=False)
    parent_id: str = field(default="", repr=False)

    @property
    def is_reduced(self) -> bool:
        """True when there is a list price above the price."""
        return self.price is not None and self.list_price is not None and self.list_price > self.price

    @property
    def main_category(self) -> str:
        """External id of the category that counts for "most products of one category"; empty when it has none."""
        return self.categories[0][0] if self.categories else ""


@dataclass(frozen=True)
class Page:
    """The products that came back; ``newest`` and ``popular`` are lists of ids, best first; ``parents`` maps variants
    to the products they belong to. ``failed``: the database did not answer.
    """

    cards: dict[str, Card] = field(default_factory=dict)
    newest: tuple[str, ...] = ()
    popular: tuple[str, ...] = ()
    beside: tuple[str, ...] = ()
    parents: dict[str, str] = field(default_factory=dict)
    failed: bool = False


_FIELDS = (
    "pk", "external_id", "title", "url", "image_url", "price", "list_price", "currency", "brand", "stock",
    "is_active", "is_service", "removed_at", "parent__external_id", "created_at",
)  # fmt: skip
_CATEGORY = "categories__external_id"
_NAME = "categories__name"
# Rules about a category hold for what lies below it, down to three levels.
_ABOVE = (
    "categories__parent__external_id",
    "categories__parent__parent__external_id",
    "categories__parent__parent__parent__external_id",
)


def catalogue_page(
    channel: str,
    ids: Collection[str],
    *,
    newest: int = 0,
    popular: int = 0,
    category: str = "",
    beside: Collection[str] = (),
    beside_n: int = 0,
    perhaps_variants: Collection[str] = (),
) -> Page:
    """Products by external id, the ``newest`` n and the ``popular`` n (both within ``category`` when given), in one
    query.

    ``beside`` also brings the newest ``beside_n`` that share a category with these products. Those of
    ``perhaps_variants`` that are variants come back with their parents.

    Products that may not be shown now (inactive, removed, services, variants) come back with ``available`` false.
    """
    if not ids and not newest and not popular and not perhaps_variants:
        return Page()
    products = Product.objects.filter(channel=channel)
    recent = _recent_lines(channel)
    parts: list[QuerySet[Any, Any]] = [products.filter(external_id__in=sorted(ids)).values("pk")] if ids else []
    if newest:
        parts.append(products.filter(pk__in=_newest(products, newest, category)).values("pk"))
    if popular:
        parts.append(products.filter(pk__in=_popular(products, recent, popular, category)).values("pk"))
    if perhaps_variants:
        variants = products.filter(external_id__in=sorted(perhaps_variants), parent__isnull=False)
        parts += [variants.values("pk"), variants.values("parent")]
    if beside and beside_n:
        named = Q(external_id__in=sorted(beside)) | Q(variants__external_id__in=sorted(beside))
        shelves = products.filter(named).values("categories")
        near = products.filter(categories__in=shelves).values("pk")
        parts.append(products.filter(pk__in=_newest(products.filter(pk__in=near), beside_n, "")).values("pk"))
    wanted = parts[0] if len(parts) == 1 else parts[0].union(*parts[1:])
    rows = products.filter(pk__in=wanted).order_by()
    fields = [*_FIELDS, _CATEGORY, _NAME, *_ABOVE]
    if popular:
        rows = rows.annotate(page_sold=_sold(recent, "product") + _sold(recent, "product__parent"))
        fields.append("page_sold")
    cards, sales = _cards(rows.values_list(*fields), with_sales=bool(popular))
    return Page(
        cards,
        newest=_newest_order(cards, category)[:newest] if newest else (),
        popular=_popular_order(cards, sales, category)[:popular] if popular else (),
        beside=_beside_order(cards, beside)[:beside_n] if beside else (),
        parents={card.product_id: card.parent_id for card in cards.values() if card.parent_id},
    )


def _sold(recent: QuerySet[OrderLine, Any], product: str) -> Combinable:
    """How many of the recent lines sold a product (or its variants: ``product__parent``)."""
    lines = OrderLine.objects.filter(**{"pk__in": recent, product: OuterRef("pk")}).order_by().values(product)
    return Coalesce(Subquery(lines.annotate(page_n=Count("pk")).values("page_n")), 0)


def _available(products: QuerySet[Product]) -> QuerySet[Product]:
    return products.filter(is_active=True, is_service=False, removed_at=None, parent=None)


def _newest(products: QuerySet[Product], n: int, category: str) -> QuerySet[Product, Any]:
    # Not a join: a product in two categories would come twice.
    wanted = _available(products)
    if category:
        wanted = wanted.filter(pk__in=_below(products, category).values("pk"))
    return wanted.order_by(F("created_at").desc(nulls_last=True), "-pk").values("pk")[:n]


def _below(products: QuerySet[Product], category: str) -> QuerySet[Product]:
    """Products of a category and of what lies below it."""
    condition = Q()
    for name in (_CATEGORY, *_ABOVE):
        condition |= Q(**{name: category})
    return products.filter(condition)


def _recent_lines(channel: str) -> QuerySet[OrderLine, Any]:
    lines = OrderLine.objects.filter(channel=channel, product__isnull=False, quantity__gt=0)
    return (
        lines.exclude(order__status=Order.Status.CANCELLED).order_by("-placed_at", "-pk").values("pk")[:POPULAR_LINES]
    )


def _popular(
    products: QuerySet[Product], recent: QuerySet[OrderLine, Any], n: int, category: str
) -> QuerySet[OrderLine, Any]:
    wanted = _available(products)
    if category:
        wanted = _below(wanted, category)
    # What was sold of its variants was sold of the product.
    sold = OrderLine.objects.filter(pk__in=recent).annotate(page_owner=Coalesce("product__parent", "product"))
    return (
        sold.filter(page_owner__in=wanted.values("pk"))
        .order_by()
        .values("page_owner")
        .annotate(page_n=Count("pk"))
        .order_by("-page_n", "page_owner")
        .values("page_owner")[:n]
    )


def _cards(rows: Iterable[tuple[Any, ...]], *, with_sales: bool) -> tuple[dict[str, Card], dict[str, int]]:
    """One card per product from the rows, of which there is one per category of the product."""
    facts: dict[str, tuple[Any, ...]] = {}
    categories: dict[str, dict[str, str]] = {}
    lineage: dict[str, set[str]] = {}
    sales: dict[str, int] = {}
    width = len(_FIELDS)
    for row in rows:
        product_id = row[1]
        facts[product_id] = row[:width]
        category, name, *above = row[width : width + 2 + len(_ABOVE)]
        if category is not None:
            categories.setdefault(product_id, {})[category] = name
            lineage.setdefault(product_id, set()).update([category, *(one for one in above if one)])
        if with_sales:
            sales[product_id] = row[-1] or 0
    return {
        product_id: _card(fact, categories.get(product_id, {}), lineage.get(product_id, set()))
        for product_id, fact in facts.items()
    }, sales


def _card(fact: tuple[Any, ...], categories: dict[str, str], lineage: set[str]) -> Card:
    pk, product_id, title, url, image, price, list_price, currency, brand, stock = fact[:10]
    active, service, removed_at, parent, created_at = fact[10:]
    return Card(
        product_id=product_id,
        title=title,
        url=url,
        image_url=image,
        price=price,
        list_price=list_price,
        currency=currency,
        brand=brand,
        categories=tuple(sorted(categories.items())),
        in_stock=stock is None or stock > 0,
        available=bool(active) and not service and removed_at is None and parent is None,
        lineage=frozenset(lineage),
        created_at=created_at,
        pk=pk,
        parent_id=parent or "",
    )


def _newest_order(cards: dict[str, Card], category: str) -> tuple[str, ...]:
    def key(card: Card) -> tuple[bool, float, int]:
        return (card.created_at is None, -card.created_at.timestamp() if card.created_at else 0.0, -card.pk)

    wanted = [card for card in cards.values() if card.available and (not category or category in card.lineage)]
    return tuple(card.product_id for card in sorted(wanted, key=key))


def _beside_order(cards: dict[str, Card], beside: Collection[str]) -> tuple[str, ...]:
    """Products with a category in common, newest first."""
    about = {owner for one in beside if one in cards for owner in (one, cards[one].parent_id)}
    shelves = {one for product_id in about if product_id in cards for one, _name in cards[product_id].categories}
    order = _newest_order(cards, "")
    return tuple(one for one in order if one not in about and shelves.intersection(dict(cards[one].categories)))


def _popular_order(cards: dict[str, Card], sales: dict[str, int], category: str) -> tuple[str, ...]:
    wanted = [
        card for card in cards.values() if card.available and sales.get(card.product_id) and
        (not category or category in card.lineage)
    ]  # fmt: skip
    return tuple(card.product_id for card in sorted(wanted, key=lambda card: (-sales[card.product_id], card.pk)))
