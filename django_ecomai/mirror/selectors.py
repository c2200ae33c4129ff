"""Reading the mirror."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import TypeVar

from django.db import connections
from django.db.models import Max, Min, Model, QuerySet, Value
from django.db.models.functions import Coalesce, Collate, NullIf
from django.utils import timezone

from django_ecomai.adapters.rows import ProductRow

from .models import Category, Customer, Order, OrderLine, PricePoint, Product, ReturnLine, Review, SyncReport

M = TypeVar("M", bound=Model)
CHUNK = 10_000
# Columns of a product that have the name of the row's field.
_SAME = (
    "title", "sku", "description", "brand", "price", "list_price", "cost", "currency", "stock", "image_url", "url",
    "is_active", "is_service", "attributes", "created_at", "updated_at",
)  # fmt: skip
_NOT_SALES = (Order.Status.CANCELLED, Order.Status.RETURNED)


@dataclass(frozen=True, slots=True)
class CatalogueRow:
    """What training needs to know about a product."""

    external_id: str
    title: str
    description: str
    brand: str
    category_ids: tuple[str, ...]
    price: Decimal | None
    parent_id: str
    is_active: bool
    in_stock: bool
    created_at: datetime | None
    attributes: dict[str, object]
    cost: Decimal | None = None
    stock: Decimal | None = None


def product_get_many(*, channel: str = "", external_ids: Iterable[str]) -> dict[str, Product]:
    """Products by external id, in one query; unknown ids are absent."""
    rows = Product.objects.filter(channel=channel, external_id__in=list(external_ids))
    return {product.external_id: product for product in rows}


def locked(rows: QuerySet[M]) -> QuerySet[M]:
    """Rows of a table of the shop, to be locked in the order in which ``rows_upsert`` writes them.

    That is Python's; a database sorts texts by its language otherwise, and two writers would wait in a circle.
    """
    on_postgres = connections[rows.db].vendor == "postgresql"
    return rows.order_by(Collate("external_id", "C") if on_postgres else "external_id").select_for_update()


def product_rows(*, channel: str = "", external_ids: Iterable[str], lock: bool = False) -> dict[str, ProductRow]:
    """Products as an adapter would give them, by external id: what a partial change leaves as it is.

    Removed ones are left out: what comes back begins anew.
    ``lock`` holds the rows until the transaction ends. Two queries.
    """
    rows = Product.objects.filter(channel=channel, external_id__in=list(external_ids), removed_at=None)
    products = list(locked(rows) if lock else rows.order_by("external_id"))
    parents = {one.parent_id for one in products if one.parent_id is not None}
    names = dict(Product.objects.filter(pk__in=parents).values_list("pk", "external_id")) if parents else {}
    return {
        one.external_id: ProductRow(
            id=one.external_id,
            parent_id=names.get(one.parent_id or 0, ""),
            category_ids=tuple(one.category_external_ids or ()),
            **{name: getattr(one, name) for name in _SAME},
        )
        for one in products
    }


def price_times(*, channel: str = "", external_ids: Iterable[str]) -> dict[str, datetime]:
    """Since when the current prices of products hold, by external id; those without a history are left out."""
    points = PricePoint.objects.filter(
        product__channel=channel, product__external_id__in=list(external_ids), price__isnull=False,
        valid_from__lte=timezone.now(),
    )  # fmt: skip
    return dict(points.values_list("product__external_id").annotate(Max("valid_from")).order_by())


def catalogue_rows(*, channel: str = "") -> Iterator[CatalogueRow]:
    """Every product that is not a service, removed ones excluded, inactive ones included.

    Streams in the order of the key.
    """
    rows = (
        Product.objects.filter(channel=channel, is_service=False, removed_at=None)
        .order_by("pk")
        .values_list(
            "external_id",
            "title",
            "description",
            "brand",
            "category_external_ids",
            "price",
            "parent__external_id",
            "is_active",
            "stock",
            "created_at",
            "attributes",
            "cost",
        )
    )
    for row in rows.iterator(chunk_size=CHUNK):
        yield CatalogueRow(
            external_id=row[0],
            title=row[1],
            description=row[2],
            brand=row[3],
            category_ids=tuple(row[4] or ()),
            price=row[5],
            parent_id=row[6] or "",
            is_active=row[7],
            in_stock=row[8] is None or row[8] > 0,
            created_at=row[9],
            attributes=row[10] or {},
            cost=row[11],
            stock=row[8],
        )


def sale_lines(
    *, channel: str = "", since: datetime | None = None, until: datetime | None = None
) -> QuerySet[OrderLine]:
    """Lines that count as sales.

    Left out: services, products the catalogue never had, cancelled and returned orders, rows gone from the shop, and
    lines whose quantity or price is not above zero. ``since <= placed < until``.
    """
    return _lines(channel, since, until).exclude(order__status__in=_NOT_SALES)


def demand_lines(
    *, channel: str = "", since: datetime | None = None, until: datetime | None = None
) -> QuerySet[OrderLine]:
    """Lines that tell what customers wanted: as ``sale_lines``, with orders that were sent back later."""
    return _lines(channel, since, until).exclude(order__status=Order.Status.CANCELLED)


def _lines(channel: str, since: datetime | None, until: datetime | None) -> QuerySet[OrderLine]:
    lines = OrderLine.objects.filter(
        channel=channel,
        removed_at=None,
        order__removed_at=None,
        product__is_service=False,
        quantity__gt=0,
        unit_price__gt=0,
    )
    if since is not None:
        lines = lines.filter(placed_at__gte=since)
    if until is not None:
        lines = lines.filter(placed_at__lt=until)
    return lines


def order_line_rows(
    *, channel: str = "", since: datetime | None = None, until: datetime | None = None
) -> Iterator[tuple[str, str, str, float, float, float]]:
    """Sales (``sale_lines``) one by one, streamed; ``mirror.columns`` reads many of them faster.

    Each is ``(customer id or "", product id, order id, placed at in epoch seconds, quantity, unit price)``. Ordered by
    time, then by line.
    """
    rows = (
        sale_lines(channel=channel, since=since, until=until)
        .order_by("placed_at", "pk")
        .values_list(
            "order__customer__external_id",
            "product__external_id",
            "order__external_id",
            "placed_at",
            "quantity",
            "unit_price",
        )
    )
    for customer, product, order, placed, quantity, price in rows.iterator(chunk_size=CHUNK):
        yield customer or "", product, order, placed.timestamp(), float(quantity), float(price or 0)


def return_rows(*, channel: str = "", until: datetime | None = None) -> Iterator[tuple[str, str, str, float, float]]:
    """What came back: ``(customer id or "", product id, order id or "", returned at in epoch seconds, quantity)``.

    Streamed in the order of time; rows gone from the shop and rows without a product are left out.
    """
    rows = ReturnLine.objects.filter(channel=channel, removed_at=None).exclude(product_external_id="")
    if until is not None:
        rows = rows.filter(returned_at__lt=until)
    columns = (
        "customer__external_id",
        "product_external_id",
        "line__order__external_id",
        "order__external_id",
        "returned_at",
        "quantity",
    )
    for customer, product, sold, order, at, quantity in (
        rows.order_by("returned_at", "pk").values_list(*columns).iterator(chunk_size=CHUNK)
    ):
        yield customer or "", product, sold or order or "", at.timestamp(), abs(float(quantity))


def return_exists(*, channel: str = "") -> bool:
    """Whether the shop's returns are mirrored."""
    return ReturnLine.objects.filter(channel=channel, removed_at=None).exclude(product_external_id="").exists()


def order_countries(*, channel: str = "") -> Iterator[tuple[str, str]]:
    """Pairs of order id and country, for orders whose country is known: that of the order, else of its customer."""
    country = Coalesce(NullIf("country", Value("")), NullIf("customer__country", Value("")))
    rows = Order.objects.filter(channel=channel, removed_at=None).annotate(known=country).exclude(known=None)
    yield from rows.order_by("pk").values_list("external_id", "known").iterator(chunk_size=CHUNK)


def mirror_counts(*, channel: str = "") -> dict[str, int]:
    """How many rows the mirror holds, without those gone from the shop.

    ``orders`` counts sales (no credit notes, not cancelled).
    """
    here = {"channel": channel, "removed_at": None}
    return {
        "categories": Category.objects.filter(**here).count(),
        "products": Product.objects.filter(**here, is_service=False).count(),
        "products_active": Product.objects.filter(**here, is_service=False, is_active=True).count(),
        "services": Product.objects.filter(**here, is_service=True).count(),
        "customers": Customer.objects.filter(**here).count(),
        "orders": Order.objects.filter(**here).exclude(status__in=_NOT_SALES).count(),
        "order_lines": OrderLine.objects.filter(**here).count(),
        "returns": ReturnLine.objects.filter(**here).count(),
        "reviews": Review.objects.filter(**here).count(),
    }


def data_span(*, channel: str = "") -> tuple[datetime | None, datetime | None]:
    """When the first and the last sale of the mirror were placed; two index look-ups."""
    lines = OrderLine.objects.filter(channel=channel)
    return (
        lines.aggregate(at=Min("placed_at"))["at"],
        lines.aggregate(at=Max("placed_at"))["at"],
    )


def report_latest(*, channel: str = "", finished: bool = True) -> SyncReport | None:
    """The last sync or reconcile that wrote (or, with ``finished=False``, that was begun)."""
    reports = SyncReport.objects.filter(channel=channel, dry_run=False)
    if finished:
        reports = reports.filter(finished_at__isnull=False)
    return reports.order_by("-id").first()


def channels() -> list[str]:
    """Channels that hold products or reports; the empty channel first."""
    found = set(SyncReport.objects.order_by().values_list("channel", flat=True).distinct())
    found |= set(Product.objects.order_by().values_list("channel", flat=True).distinct())
    return sorted(found)
