"""The tables as CSV, in the columns that ``tables_in`` reads back."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from decimal import Decimal
from typing import Any

from django_ecomai.core.tables import csv_text

from .models import PurchaseOrder, Receipt, Substitution, Suggestion, Supplier, SupplierProduct
from .tables_in import COLUMNS

ORDER_COLUMNS = ("order_number", "supplier_code", "product_id", "sku", "supplier_sku", "title", "quantity", "unit_cost")
SUGGESTION_COLUMNS = (
    "product_id",
    "title",
    "status",
    "state",
    "on_hand",
    "on_order",
    "p50",
    "p90",
    "cover_days",
    "stock_out_on",
    "stock_out_probability",
    "reorder_point",
    "order_up_to",
    "quantity",
    "value",
    "currency",
    "lost_margin",
    "holding_cost",
    "supplier_code",
    "why",
)


def table_csv(*, table: str, channel: str = "") -> str:
    """``suppliers``, ``supplier_products``, ``receipts``, ``substitutions`` (those in use) or ``suggestions``; raises
    ``KeyError`` for another."""
    if table == "suggestions":
        return csv_text(SUGGESTION_COLUMNS, _suggestions(channel))
    return csv_text(COLUMNS[table], _ROWS[table](channel))


def order_csv(order: PurchaseOrder) -> str:
    """The lines of a purchase order, for the supplier."""
    lines = order.lines.select_related("product").order_by("pk")
    return csv_text(
        ORDER_COLUMNS,
        (
            (
                order.number,
                order.supplier.code,
                line.product.external_id,
                line.sku,
                line.supplier_sku,
                line.title,
                line.quantity,
                line.unit_cost,
            )
            for line in lines
        ),
    )


def _suppliers(channel: str) -> Iterator[Sequence[Any]]:
    for one in Supplier.objects.filter(channel=channel).order_by("code").iterator():
        yield one.code, one.name, one.email, one.country, one.currency, one.lead_time_days


def _supplier_products(channel: str) -> Iterator[Sequence[Any]]:
    rows = SupplierProduct.objects.filter(supplier__channel=channel).select_related("supplier", "product")
    for one in rows.order_by("supplier__code", "product__external_id").iterator():
        breaks = "|".join(f"{_digits(least)}:{_digits(cost)}" for least, cost in one.price_breaks or [])
        yield (
            one.supplier.code,
            one.product.external_id,
            one.supplier_sku,
            one.cost,
            one.currency,
            one.moq,
            one.pack_size,
            one.lead_time_days,
            breaks,
            one.shelf_life_days,
            "yes" if one.is_preferred else "no",
        )


def _receipts(channel: str) -> Iterator[Sequence[Any]]:
    rows = Receipt.objects.filter(channel=channel).select_related("supplier", "product", "line__order")
    for one in rows.order_by("received_at", "pk").iterator():
        yield (
            one.reference,
            one.supplier.code if one.supplier else "",
            one.product.external_id,
            one.quantity,
            one.ordered_at.isoformat() if one.ordered_at else "",
            one.received_at.isoformat(),
            one.line.order.number if one.line else "",
        )


def _substitutions(channel: str) -> Iterator[Sequence[Any]]:
    rows = Substitution.objects.filter(product__channel=channel, state=Substitution.State.USED)
    for one in rows.select_related("product", "substitute").order_by("pk").iterator():
        # The way back is a row of its own.
        yield one.product.external_id, one.substitute.external_id, _digits(one.share), "no", one.note


_ROWS = {
    "suppliers": _suppliers,
    "supplier_products": _supplier_products,
    "receipts": _receipts,
    "substitutions": _substitutions,
}


def _suggestions(channel: str) -> Iterator[Sequence[Any]]:
    rows = Suggestion.objects.filter(channel=channel).select_related("supplier", "product")
    for one in rows.order_by("pk").iterator():
        values = [
            getattr(one, name)
            for name in SUGGESTION_COLUMNS
            if name not in ("product_id", "title", "supplier_code", "why")
        ]
        supplier = one.supplier.code if one.supplier else ""
        yield (one.product.external_id, one.product.title, *values, supplier, one.why)


def _digits(value: float) -> str:
    """All digits of a number, never in powers of ten, without idle zeros."""
    return f"{Decimal(str(value)).normalize():f}"
