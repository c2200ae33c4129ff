"""Reads of the storefront."""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal
from typing import TypedDict

from django.conf import settings
from django.core.cache import cache
from django.db.models import Case, Count, IntegerField, Q, Value, When
from django.db.models.functions import Coalesce

from example_project.shop.models import Category, Customer, Order, Product, ProductQuerySet
from example_project.shop.pictures import motif_for

NAVIGATION_SECONDS = 600
MAX_SEARCH_WORDS = 8

SORTS: dict[str, tuple[str, tuple[str, ...]]] = {
    "popular": ("Most popular", ("-times_ordered", "pk")),
    "new": ("Newest", ("-created", "-pk")),
    "price": ("Price: low to high", ("price", "pk")),
    "-price": ("Price: high to low", ("-price", "pk")),
    "name": ("Name", ("name", "pk")),
}


class Shelf(TypedDict):
    """One entry of the navigation."""

    name: str
    url: str
    slug: str


class Department(Shelf):
    """A main entry of the navigation, with a product whose picture stands for it."""

    shelves: list[Shelf]
    picture: str


class Persona(TypedDict):
    """One choice of the demo's "Shop as" list."""

    code: str
    label: str


@dataclass(frozen=True)
class Filters:
    """What a visitor asked of a product list; already validated."""

    minimum: Decimal | None = None
    maximum: Decimal | None = None
    in_stock: bool = False
    sort: str = "popular"


def departments() -> list[Department]:
    """The navigation tree without empty shelves; cached, since every page shows it."""
    return cache.get_or_set("shop:departments", departments_read, NAVIGATION_SECONDS) or []


def departments_read() -> list[Department]:
    """The navigation tree from the database, in two queries."""
    shown = Q(products__is_active=True, products__is_service=False)
    rows = Category.objects.annotate(goods=Count("products", filter=shown)).filter(goods__gt=0)
    tree: dict[int, Department] = {}
    for row in rows.select_related("parent").order_by("position", "name"):
        top = row.parent or row
        entry = tree.setdefault(
            top.pk,
            {"name": top.name, "url": top.get_absolute_url(), "slug": top.slug, "shelves": [], "picture": ""},
        )
        if row.parent:
            entry["shelves"].append({"name": row.name, "url": row.get_absolute_url(), "slug": row.slug})
    # A well-selling product stands for each department, no kind of goods twice.
    used: set[str] = {"giftbox", "wrap"}
    wanted = Product.objects.visible().filter(stock__gt=0, category__isnull=False).order_by("-times_ordered", "pk")
    for sku, name, shelf, parent in wanted.values_list("sku", "name", "category", "category__parent")[:1500]:
        found = tree.get(parent or shelf)
        motif = motif_for(name.upper())
        if found and not found["picture"] and motif and motif.name not in used:
            used.add(motif.name)
            found["picture"] = Product(sku=sku, name=name).picture_url
    return list(tree.values())


def personas() -> list[Persona]:
    """A few real customers of the sample with many orders, for the demo's switcher; cached."""
    return cache.get_or_set("shop:personas", personas_read, NAVIGATION_SECONDS) or []


def demo_customers() -> tuple[str, ...]:
    """Codes of the sample customers that the switcher offers; none unless the settings name them."""
    return tuple(getattr(settings, "DEMO_CUSTOMERS", ()))


def personas_read() -> list[Persona]:
    """The switcher's choices from the database: those that exist."""
    wanted = demo_customers()
    rows = Customer.objects.filter(code__in=wanted).annotate(
        number=Count("orders", filter=~Q(orders__status=Order.Status.CANCELLED))
    )
    labels = {row.code: f"Customer {row.code} · {row.country} · {row.number} orders" for row in rows}
    return [{"code": code, "label": labels[code]} for code in wanted if code in labels]


def product_list(
    *, category: Category | None = None, words: str = "", filters: Filters | None = None
) -> ProductQuerySet:
    """Products of the storefront: on a shelf (with its sub-shelves), matching all words, filtered and sorted.

    A word matches at the beginning of a word of the name or description, or of the SKU. In the usual order, goods that
    have all words in name or SKU come before those that have them in the description only.
    """
    filters = filters or Filters()
    products: ProductQuerySet = Product.objects.visible()
    if category is not None:
        products = products.filter(Q(category=category) | Q(category__parent=category))
    order: list[Case | str] = list(SORTS[filters.sort][1])
    named = Q()
    for word in re.findall(r"\w+", words)[:MAX_SEARCH_WORDS]:
        begins = rf"(^|\W){word}"  # only letters, digits and underscores: nothing in it is special to a database
        in_name = Q(name__iregex=begins) | Q(sku__istartswith=word)
        products = products.filter(in_name | Q(description__iregex=begins))
        named &= in_name
    if named and filters.sort == Filters.sort:
        order.insert(0, Case(When(named, then=Value(0)), default=Value(1), output_field=IntegerField()))
    if filters.minimum is not None:
        products = products.filter(price__gte=filters.minimum)
    if filters.maximum is not None:
        products = products.filter(price__lte=filters.maximum)
    if filters.in_stock:
        products = products.filter(stock__gt=0)
    return products.order_by(*order)


def products_popular(*, limit: int) -> list[Product]:
    """Most ordered lately and in stock, no kind of goods twice: the start page shows how wide the range is."""
    chosen: dict[str, Product] = {}
    for product in Product.objects.visible().filter(stock__gt=0).order_by("-times_ordered", "pk")[: limit * 12]:
        motif = motif_for(product.name.upper())
        if motif and motif.name not in chosen:
            chosen[motif.name] = product
        if len(chosen) == limit:
            break
    return list(chosen.values())


def customer_orders(*, customer: Customer) -> list[Order]:
    """A customer's orders, newest first, each with `pieces` (lines)."""
    return list(customer.orders.annotate(pieces=Coalesce(Count("lines"), 0)).order_by("-placed_at", "-pk"))
