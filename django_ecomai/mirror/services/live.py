"""Single rows, as the shop saves them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from django.db import models, transaction
from django.utils import timezone

from django_ecomai.adapters.base import ShopAdapter, get_adapter
from django_ecomai.adapters.rows import (
    CategoryRow,
    Change,
    CustomerRow,
    OrderRow,
    ProductRow,
)
from django_ecomai.mirror.models import Category, Customer, Order, OrderLine, Product, Promotion, ReturnLine, Review
from django_ecomai.mirror.signals import order_mirrored

from .catalogue import (
    categories_write,
    parents_finish,
    prices_write,
    products_write,
    promotions_tell,
    promotions_write,
    stock_write,
)
from .context import SyncContext
from .people import customers_write, reviews_write
from .sales import orders_write

M = TypeVar("M", bound=models.Model)

_MODELS: dict[str, type[models.Model]] = {
    "category": Category,
    "product": Product,
    "customer": Customer,
    "order": Order,
    "review": Review,
    "promotion": Promotion,
}
WRITERS: dict[str, Callable[[SyncContext, Any], list[str]]] = {
    "category": categories_write,
    "product": products_write,
    "price": prices_write,
    "stock": stock_write,
    "customer": customers_write,
    "order": orders_write,
    "review": reviews_write,
    "promotion": promotions_write,
}


def _context(channel: str, adapter: ShopAdapter | None) -> SyncContext:
    adapter = adapter or get_adapter(channel)
    return SyncContext(channel, adapter, timezone.now(), mode="live", tables=adapter.tables())


def _write(table: str, row: Any, channel: str, adapter: ShopAdapter | None) -> tuple[SyncContext, list[str]]:
    ctx = _context(channel, adapter)
    with transaction.atomic():
        seen = WRITERS[table](ctx, [row])
        if table == "category":
            parents_finish(ctx, Category, table, ctx.categories)
        elif table == "product":
            parents_finish(ctx, Product, table, ctx.products, cycles=False)  # walking a whole catalogue per save: no
    return ctx, seen


def _get(model: type[M], channel: str, seen: list[str]) -> M | None:
    return model._base_manager.get(channel=channel, external_id=seen[0]) if seen else None


def category_upsert(*, row: CategoryRow, channel: str = "", adapter: ShopAdapter | None = None) -> Category | None:
    """Write one category; ``None`` when the row is unusable."""
    return _get(Category, channel, _write("category", row, channel, adapter)[1])


def product_upsert(*, row: ProductRow, channel: str = "", adapter: ShopAdapter | None = None) -> Product | None:
    """Write one product with price and stock history; ``None`` when the row is unusable."""
    return _get(Product, channel, _write("product", row, channel, adapter)[1])


def customer_upsert(*, row: CustomerRow, channel: str = "", adapter: ShopAdapter | None = None) -> Customer | None:
    """Write one customer; ``None`` when the row is unusable."""
    return _get(Customer, channel, _write("customer", row, channel, adapter)[1])


def order_upsert(*, row: OrderRow, channel: str = "", adapter: ShopAdapter | None = None) -> Order | None:
    """Write one order with lines and returns, then send ``order_mirrored``; ``None`` when the row is unusable."""
    ctx, seen = _write("order", row, channel, adapter)
    order = None
    if seen:
        order = Order.objects.select_related("customer").get(channel=channel, external_id=seen[0])
        created = ctx.counts["order"]["created"] == 1
        order_mirrored.send_robust(sender=Order, order=order, created=created, live=True)
    return order


def row_remove(*, table: str, external_id: str, channel: str = "") -> bool:
    """Mark a row as gone from the shop (a product also as not on sale, an order with its lines).

    ``False`` when unknown.
    """
    model = _MODELS.get(table)
    if model is None:
        return False
    now = timezone.now()
    also: dict[str, Any] = {"is_active": False} if model is Product else {}
    with transaction.atomic():
        rows = model._base_manager.filter(channel=channel, external_id=external_id, removed_at=None)
        if model is Order:
            for part in (OrderLine, ReturnLine):
                part.objects.filter(order__in=rows.values("pk"), removed_at=None).update(removed_at=now, synced_at=now)
        if model is Promotion:
            promotions_tell(channel, list(rows.values_list("pk", flat=True)))
        # synced_at: a sync that read the row before it was deleted must not bring it back.
        return bool(rows.update(removed_at=now, synced_at=now, **also))


def change_apply(*, change: Change, channel: str = "", adapter: ShopAdapter | None = None) -> None:
    """Apply what a live receiver reported."""
    if change.row is None:
        row_remove(table=change.table, external_id=change.id, channel=channel)
    elif change.table == "order":
        order_upsert(row=change.row, channel=channel, adapter=adapter)
    else:
        _write(change.table, change.row, channel, adapter)
