"""The one query that brings the products of a page, as the parts of a UNION."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

from django.db.models import Case, Count, ExpressionWrapper, F, FloatField, OuterRef, Q, QuerySet, Subquery, Value, When
from django.db.models.expressions import Combinable
from django.db.models.functions import Coalesce

from django_ecomai.core.mysql import Limited
from django_ecomai.mirror.models import Order, OrderLine, Product

from .cards import Wanted
from .rows import ABOVE, CATEGORY, FIELDS, NAME
from .words import word_stems

# Popularity without a model is read off this many last order lines: the cost stays the same however large the shop
# grows.
POPULAR_LINES = 3000
# So many titles that hold one of the words are compared with all of them.
WORDS_READ = 200
# Share of the list price that is left; a price of nothing is the deepest reduction.
_LEFT = ExpressionWrapper(F("price") * 1.0 / F("list_price"), output_field=FloatField())


def page_query(channel: str, ids: Collection[str], wanted: Wanted, extra: Sequence[str]) -> QuerySet[Product, Any]:
    """One row per product and category of it; ``extra`` columns come last."""
    products = Product.objects.filter(channel=channel)
    recent = _recent_lines(channel)
    parts = _parts(products, recent, ids, wanted)
    found = parts[0] if len(parts) == 1 else parts[0].union(*parts[1:])
    rows = products.filter(pk__in=found).order_by()
    if wanted.popular:
        rows = rows.annotate(page_sold=_sold(recent, "product") + _sold(recent, "product__parent"))
    return rows.values_list(*FIELDS, CATEGORY, NAME, *ABOVE, *extra)


def _parts(
    products: QuerySet[Product], recent: QuerySet[OrderLine, Any], ids: Collection[str], wanted: Wanted
) -> list[QuerySet[Any, Any]]:
    """Primary keys of the products to fetch, as the parts of a UNION."""
    parts: list[QuerySet[Any, Any]] = [products.filter(external_id__in=sorted(ids)).values("pk")] if ids else []
    category = wanted.category
    if wanted.newest:
        parts.append(products.filter(pk__in=Limited(_newest(products, wanted.newest, category))).values("pk"))
    if wanted.popular:
        parts.append(products.filter(pk__in=Limited(_popular(products, recent, wanted.popular, category))).values("pk"))
    if wanted.reduced:
        parts.append(products.filter(pk__in=Limited(_reduced(products, wanted.reduced, category))).values("pk"))
    if wanted.perhaps_variants:
        variants = products.filter(external_id__in=sorted(wanted.perhaps_variants), parent__isnull=False)
        parts += [variants.values("pk"), variants.values("parent")]
    if wanted.beside and wanted.beside_n:
        beside = sorted(wanted.beside)
        named = Q(external_id__in=beside) | Q(variants__external_id__in=beside)
        shelves = products.filter(named).values("categories")
        near = products.filter(categories__in=shelves).values("pk")
        newest = _newest(products.filter(pk__in=near), wanted.beside_n, "")
        parts.append(products.filter(pk__in=Limited(newest)).values("pk"))
    stems = word_stems(wanted.words)
    if wanted.words_n and stems:
        worded = _worded(products, stems, max(wanted.words_n, WORDS_READ))
        parts.append(products.filter(pk__in=Limited(worded)).values("pk"))
    if wanted.matching:
        fitting = products.filter(wanted.condition)
        if wanted.in_categories:
            shelf = Q()
            for name in (CATEGORY, *ABOVE):
                shelf |= Q(**{f"{name}__in": sorted(wanted.in_categories)})
            fitting = fitting.filter(pk__in=products.filter(shelf).values("pk"))
        parts.append(products.filter(pk__in=Limited(_newest(fitting, wanted.matching, ""))).values("pk"))
    return parts or [products.none().values("pk")]


def _sold(recent: QuerySet[OrderLine, Any], product: str) -> Combinable:
    """How many of the recent lines sold a product (or its variants: ``product__parent``)."""
    lines = OrderLine.objects.filter(**{"pk__in": Limited(recent), product: OuterRef("pk")}).order_by().values(product)
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
    for name in (CATEGORY, *ABOVE):
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
    sold = OrderLine.objects.filter(pk__in=Limited(recent)).annotate(page_owner=Coalesce("product__parent", "product"))
    return (
        sold.filter(page_owner__in=wanted.values("pk"))
        .order_by()
        .values("page_owner")
        .annotate(page_n=Count("pk"))
        .order_by("-page_n", "page_owner")
        .values("page_owner")[:n]
    )
