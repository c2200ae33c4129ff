"""Cards from the rows of the one query."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Any

from .cards import Card

FIELDS = (
    "pk", "external_id", "title", "url", "image_url", "price", "list_price", "currency", "brand", "stock",
    "is_active", "is_service", "removed_at", "parent__external_id", "created_at",
)  # fmt: skip
CATEGORY = "categories__external_id"
NAME = "categories__name"
# Rules about a category hold for what lies below it, down to three levels.
ABOVE = (
    "categories__parent__external_id",
    "categories__parent__parent__external_id",
    "categories__parent__parent__parent__external_id",
)


def cards_read(rows: Iterable[tuple[Any, ...]], extra: list[str]) -> tuple[dict[str, Card], dict[str, dict[str, Any]]]:
    """One card per product from the rows, of which there is one per category of the product; and the ``extra`` columns
    that do not belong on a card, by name and product.
    """
    facts: dict[str, tuple[Any, ...]] = {}
    categories: dict[str, dict[str, str]] = {}
    lineage: dict[str, set[str]] = {}
    more: dict[str, dict[str, Any]] = {name: {} for name in extra}
    width, last = len(FIELDS), len(FIELDS) + 2 + len(ABOVE)
    for row in rows:
        product_id = row[1]
        if product_id not in facts:
            facts[product_id] = row[:width]
        category = row[width]
        if category is not None:
            if product_id not in categories:
                categories[product_id], lineage[product_id] = {}, set()
            categories[product_id][category] = row[width + 1]
            lineage[product_id].add(category)
            lineage[product_id].update(filter(None, row[width + 2 : last]))
        if extra:
            for column, value in zip(extra, row[last:], strict=True):
                more[column][product_id] = value
    attributes = more.get("attributes", {})
    return {
        product_id: _card(
            fact, categories.get(product_id, _NO_NAMES), lineage.get(product_id, ()), attributes.get(product_id)
        )
        for product_id, fact in facts.items()
    }, more


_NO_NAMES: dict[str, str] = {}


def _card(fact: tuple[Any, ...], categories: dict[str, str], lineage: Collection[str], attributes: Any) -> Card:
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
        attributes=attributes if isinstance(attributes, dict) else None,
    )


def margins_read(cards: dict[str, Card], costs: dict[str, Any]) -> dict[str, float]:
    """Share of the price that stays with the shop, where cost and price are known."""
    found = {}
    for product_id, cost in costs.items():
        price = cards[product_id].price
        if cost is not None and price is not None and price > 0:
            found[product_id] = float((price - cost) / price)
    return found
