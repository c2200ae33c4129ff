"""The one query that brings the products of a page: what is shown of them and whether they may be shown now."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.db import router
from django.db.models import Case, Count, ExpressionWrapper, F, FloatField, OuterRef, Q, QuerySet, Subquery, Value, When
from django.db.models.expressions import Combinable
from django.db.models.functions import Coalesce

from django_ecomai.core.compiled import compiled_rows
from django_ecomai.mirror.models import Order, OrderLine, Product

# Popularity without a model is read off this many last order lines: the cost stays the same however large the shop
# grows.
POPULAR_LINES = 3000
# So many titles that hold one of the words are compared with all of them.
WORDS_READ = 200
_WORD = re.compile(r"\w+")
# Share of the list price that is left; a price of nothing is the deepest reduction.
_LEFT = ExpressionWrapper(F("price") * 1.0 / F("list_price"), output_field=FloatField())


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
    # Only where a page filters or boosts by them.
    attributes: Mapping[str, Any] | None = field(default=None, repr=False, compare=False)

    @property
    def is_reduced(self) -> bool:
        """True when there is a list price above the price."""
        return self.price is not None and self.list_price is not None and self.list_price > self.price

    @property
    def percent_off(self) -> int:
        """Whole percent below the list price; 0 when it is not reduced."""
        if self.price is None or self.list_price is None or not self.is_reduced or self.price < 0:
            return 0
        return int(100 * (self.list_price - self.price) / self.list_price)

    @property
    def main_category(self) -> str:
        """External id of the category that counts for "most products of one category"; empty when it has none."""
        return self.categories[0][0] if self.categories else ""


@dataclass(frozen=True)
class Page:
    """The products that came back; ``newest`` and ``popular`` are lists of ids, best first; ``parents`` maps variants
    to the products they belong to.
    """

    cards: dict[str, Card] = field(default_factory=dict)
    newest: tuple[str, ...] = ()
    popular: tuple[str, ...] = ()
    beside: tuple[str, ...] = ()
    parents: dict[str, str] = field(default_factory=dict)
    reduced: tuple[str, ...] = ()
    worded: tuple[str, ...] = ()
    matching: tuple[str, ...] = ()
    # Share of the price that stays with the shop, where a boost asks for it; never shown.
    margins: dict[str, float] = field(default_factory=dict)
    # The database did not answer.
    failed: bool = False


@dataclass(frozen=True)
class Wanted:
    """What the query shall bring beside products by their ids: how many, best first (0: none).

    ``newest``, ``popular`` and ``reduced`` lie within ``category`` when given. ``beside`` are products whose
    shelves the newest ``beside_n`` come from. ``words_n`` products have a title near ``words``. ``matching`` fulfil
    ``condition`` and lie in one of ``in_categories`` (when given).
    """

    newest: int = 0
    popular: int = 0
    reduced: int = 0
    category: str = ""
    beside: Collection[str] = ()
    beside_n: int = 0
    perhaps_variants: Collection[str] = ()
    words: str = ""
    words_n: int = 0
    matching: int = 0
    condition: Q = field(default_factory=Q)
    in_categories: Collection[str] = ()
    attributes: bool = False
    margins: bool = False

    def anything(self) -> bool:
        """Whether there is something to bring without ids."""
        return bool(
            self.newest or self.popular or self.reduced or self.perhaps_variants or self.words_n or self.matching
        )


NOTHING = Wanted()

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


def catalogue_page(channel: str, ids: Collection[str], wanted: Wanted = NOTHING) -> Page:
    """Products by external id, and what ``wanted`` asks for, in one query.

    Those of ``perhaps_variants`` that are variants come back with their parents. Products that may not be shown now
    (inactive, removed, services, variants) come back with ``available`` false.
    """
    if not ids and not wanted.anything():
        return Page()
    extra = [name for name, asked in (("attributes", wanted.attributes), ("cost", wanted.margins)) if asked]
    extra += ["page_sold"] if wanted.popular else []
    cards, more = _cards(_rows(channel, ids, wanted, extra), extra)
    sales = more.get("page_sold", {})
    category = wanted.category
    return Page(
        cards,
        newest=_newest_order(cards, category)[: wanted.newest] if wanted.newest else (),
        popular=_popular_order(cards, sales, category)[: wanted.popular] if wanted.popular else (),
        beside=_beside_order(cards, wanted.beside)[: wanted.beside_n] if wanted.beside else (),
        parents={card.product_id: card.parent_id for card in cards.values() if card.parent_id},
        reduced=_reduced_order(cards, category)[: wanted.reduced] if wanted.reduced else (),
        worded=_worded_order(cards, wanted.words)[: wanted.words_n] if wanted.words_n else (),
        matching=_newest_order(cards, "") if wanted.matching else (),
        margins=_margins(cards, more.get("cost", {})),
    )


def _rows(channel: str, ids: Collection[str], wanted: Wanted, extra: Sequence[str]) -> Iterable[tuple[Any, ...]]:
    """One row per product and category of it; what only differs in ids is compiled once (`core.compiled`)."""
    if wanted.words_n or wanted.matching:
        return _query(channel, ids, wanted, extra)
    lists = {"ids": ids, "beside": wanted.beside, "perhaps_variants": wanted.perhaps_variants}
    texts: dict[str, Any] = {name: sorted(found) for name, found in lists.items() if found}
    if wanted.category:
        texts["category"] = wanted.category
    rest = {name: found for name, found in texts.items() if name != "ids"}
    key = (
        "catalogue", channel, wanted.newest, wanted.popular, wanted.reduced, wanted.beside_n if wanted.beside else 0,
        POPULAR_LINES, *extra,
    )  # fmt: skip

    def make(given: Mapping[str, Any]) -> QuerySet[Product, Any]:
        asked = replace(wanted, **{name: given[name] for name in rest})
        return _query(channel, given.get("ids", ()), asked, extra)

    return compiled_rows(key, make, texts, using=router.db_for_read(Product))


def _query(channel: str, ids: Collection[str], wanted: Wanted, extra: Sequence[str]) -> QuerySet[Product, Any]:
    products = Product.objects.filter(channel=channel)
    recent = _recent_lines(channel)
    parts = _parts(products, recent, ids, wanted)
    found = parts[0] if len(parts) == 1 else parts[0].union(*parts[1:])
    rows = products.filter(pk__in=found).order_by()
    if wanted.popular:
        rows = rows.annotate(page_sold=_sold(recent, "product") + _sold(recent, "product__parent"))
    return rows.values_list(*_FIELDS, _CATEGORY, _NAME, *_ABOVE, *extra)


def _parts(
    products: QuerySet[Product], recent: QuerySet[OrderLine, Any], ids: Collection[str], wanted: Wanted
) -> list[QuerySet[Any, Any]]:
    """Primary keys of the products to fetch, as the parts of a UNION."""
    parts: list[QuerySet[Any, Any]] = [products.filter(external_id__in=sorted(ids)).values("pk")] if ids else []
    category = wanted.category
    if wanted.newest:
        parts.append(products.filter(pk__in=_newest(products, wanted.newest, category)).values("pk"))
    if wanted.popular:
        parts.append(products.filter(pk__in=_popular(products, recent, wanted.popular, category)).values("pk"))
    if wanted.reduced:
        parts.append(products.filter(pk__in=_reduced(products, wanted.reduced, category)).values("pk"))
    if wanted.perhaps_variants:
        variants = products.filter(external_id__in=sorted(wanted.perhaps_variants), parent__isnull=False)
        parts += [variants.values("pk"), variants.values("parent")]
    if wanted.beside and wanted.beside_n:
        beside = sorted(wanted.beside)
        named = Q(external_id__in=beside) | Q(variants__external_id__in=beside)
        shelves = products.filter(named).values("categories")
        near = products.filter(categories__in=shelves).values("pk")
        parts.append(products.filter(pk__in=_newest(products.filter(pk__in=near), wanted.beside_n, "")).values("pk"))
    stems = word_stems(wanted.words)
    if wanted.words_n and stems:
        worded = _worded(products, stems, max(wanted.words_n, WORDS_READ))
        parts.append(products.filter(pk__in=worded).values("pk"))
    if wanted.matching:
        fitting = products.filter(wanted.condition)
        if wanted.in_categories:
            shelf = Q()
            for name in (_CATEGORY, *_ABOVE):
                shelf |= Q(**{f"{name}__in": sorted(wanted.in_categories)})
            fitting = fitting.filter(pk__in=products.filter(shelf).values("pk"))
        parts.append(products.filter(pk__in=_newest(fitting, wanted.matching, "")).values("pk"))
    return parts or [products.none().values("pk")]


def _sold(recent: QuerySet[OrderLine, Any], product: str) -> Combinable:
    """How many of the recent lines sold a product (or its variants: ``product__parent``)."""
    lines = OrderLine.objects.filter(**{"pk__in": recent, product: OuterRef("pk")}).order_by().values(product)
    return Coalesce(Subquery(lines.annotate(page_n=Count("pk")).values("page_n")), 0)


def _available(products: QuerySet[Product]) -> QuerySet[Product]:
    return products.filter(is_active=True, is_service=False, removed_at=None, parent=None)


def _reduced(products: QuerySet[Product], n: int, category: str) -> QuerySet[Product, Any]:
    """The deepest reductions first."""
    wanted = _available(products).filter(list_price__gt=F("price"), price__gte=0)
    if category:
        wanted = wanted.filter(pk__in=_below(products, category).values("pk"))
    return wanted.annotate(page_left=_LEFT).order_by("page_left", "-pk").values("pk")[:n]


def _worded(products: QuerySet[Product], stems: Collection[str], n: int) -> QuerySet[Product, Any]:
    """Titles that hold the most of the stems, the newest first among equals."""
    titled = Q()
    hits: Combinable = Value(0)
    for stem in stems:
        titled |= Q(title__icontains=stem)
        hits = hits + Case(When(title__icontains=stem, then=Value(1)), default=Value(0))
    found = _available(products).filter(titled).annotate(page_hits=hits)
    return found.order_by("-page_hits", F("created_at").desc(nulls_last=True), "-pk").values("pk")[:n]


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


def _cards(rows: Iterable[tuple[Any, ...]], extra: list[str]) -> tuple[dict[str, Card], dict[str, dict[str, Any]]]:
    """One card per product from the rows, of which there is one per category of the product; and the ``extra`` columns
    that do not belong on a card, by name and product.
    """
    facts: dict[str, tuple[Any, ...]] = {}
    categories: dict[str, dict[str, str]] = {}
    lineage: dict[str, set[str]] = {}
    more: dict[str, dict[str, Any]] = {name: {} for name in extra}
    width, last = len(_FIELDS), len(_FIELDS) + 2 + len(_ABOVE)
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


def _margins(cards: dict[str, Card], costs: dict[str, Any]) -> dict[str, float]:
    found = {}
    for product_id, cost in costs.items():
        price = cards[product_id].price
        if cost is not None and price is not None and price > 0:
            found[product_id] = float((price - cost) / price)
    return found


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


def _reduced_order(cards: dict[str, Card], category: str) -> tuple[str, ...]:
    wanted = [
        card for card in cards.values()
        if card.available and card.percent_off > 0 and (not category or category in card.lineage)
    ]  # fmt: skip

    def left(card: Card) -> tuple[Decimal, int]:
        return ((card.price or Decimal()) / (card.list_price or Decimal(1)), -card.pk)

    return tuple(card.product_id for card in sorted(wanted, key=left))


def word_stems(words: str) -> list[str]:
    """What titles are looked through for: the first letters of each word, so that endings do not matter."""
    tokens = [token for token in _WORD.findall(words.casefold()[:255]) if len(token) >= 3]
    return list(dict.fromkeys(token if len(token) <= 4 else token[: max(4, len(token) - 3)] for token in tokens))[:6]


def _worded_order(cards: dict[str, Card], words: str) -> tuple[str, ...]:
    """Titles that hold the most of the words' beginnings, twice as much where a word of the title begins so ("lant" is
    meant for lanterns, not for plants); among equals those that share the most letter triples with the words (Dice's
    coefficient), then the newest.
    """
    asked = _triples(words)
    close = {card.product_id: _dice(asked, _triples(card.title)) for card in cards.values() if card.available}
    stems = word_stems(words)
    titles = {one: f" {' '.join(_WORD.findall(cards[one].title.casefold()))}" for one in close}
    hits = {one: sum((stem in title) + (f" {stem}" in title) for stem in stems) for one, title in titles.items()}
    order = [one for one in _newest_order(cards, "") if hits[one]]
    return tuple(sorted(order, key=lambda one: (-hits[one], -close[one])))


def _triples(text: str) -> frozenset[str]:
    return frozenset(f" {token} "[at : at + 3] for token in _WORD.findall(text.casefold()) for at in range(len(token)))


def _dice(one: frozenset[str], other: frozenset[str]) -> float:
    return 2 * len(one & other) / (len(one) + len(other)) if one or other else 0.0
