"""Single values of a row: each is read, or ``RowError`` says what is wrong with it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.utils.translation import gettext as _

from django_ecomai.core.tables import flag, moment, number, text
from django_ecomai.inventory.models import Supplier
from django_ecomai.inventory.models.suppliers import breaks_problem
from django_ecomai.mirror.models import Product

from .reading import Row, RowError

__all__ = [
    "breaks",
    "days",
    "flag",
    "found",
    "moment",
    "moment_or_none",
    "number",
    "products_of",
    "suppliers_of",
    "text",
]


def suppliers_of(chunk: list[Row], channel: str) -> dict[str, Supplier]:
    """By code; one query."""
    codes = {row.get("supplier_code", "") for _number, row in chunk}
    return {one.code: one for one in Supplier.objects.filter(channel=channel, code__in=codes)}


def products_of(chunk: list[Row], channel: str, *columns: str) -> dict[str, Product]:
    """By the shop's id, else by SKU; two queries."""
    ids = {row.get(column, "") for _number, row in chunk for column in columns or ("product_id",)}
    products = {one.sku: one for one in Product.objects.filter(channel=channel, sku__in=ids - {""}).order_by("-pk")}
    return products | {one.external_id: one for one in Product.objects.filter(channel=channel, external_id__in=ids)}


def found(known: Mapping[str, Any], row: dict[str, str], column: str, message: str) -> Any:
    """What a value stands for."""
    value = row.get(column, "")
    if not value:
        raise RowError(column, _("A value is needed here."))
    if value not in known:
        raise RowError(column, message, value)
    return known[value]


def days(row: dict[str, str], column: str, *, least: int = 0) -> int | None:
    """Whole days; None where there are none."""
    value = number(row, column, least=Decimal(least))
    if value is None:
        return None
    if value != int(value) or value > 3650:
        raise RowError(column, _("Whole days are needed, at most ten years."), row[column])
    return int(value)


def breaks(text: str) -> list[list[float]]:
    """``100:1.80|500:1.65``."""
    try:
        breaks = [[float(part) for part in one.split(":")] for one in text.split("|")]
    except ValueError as error:
        raise RowError(
            "price_breaks", _("Write quantity:cost|quantity:cost, such as 100:1.80|500:1.65."), text
        ) from error
    if problem := breaks_problem(breaks):
        raise RowError("price_breaks", problem, text)
    return breaks


def moment_or_none(row: dict[str, str]) -> datetime | None:
    """``moment`` without a complaint."""
    try:
        return moment(row, "received_at")
    except RowError:
        return None  # said where the row is read
