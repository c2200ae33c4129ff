"""Single values of a row: each is read, or ``RowError`` says what is wrong with it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, time
from decimal import Decimal, InvalidOperation
from typing import Any

from django.utils import timezone
from django.utils.dateparse import parse_date, parse_datetime
from django.utils.translation import gettext as _

from django_ecomai.inventory.models import Supplier
from django_ecomai.inventory.models.suppliers import breaks_problem
from django_ecomai.mirror.models import Product

from .reading import Row, RowError

_YES, _NO = {"1", "true", "yes", "y", "ja", "x"}, {"0", "false", "no", "n", "nein"}


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


def text(row: dict[str, str], column: str, *, most: int, needed: bool = False) -> str:
    """Text of at most ``most`` characters."""
    value = row.get(column, "")
    if needed and not value:
        raise RowError(column, _("A value is needed here."))
    if len(value) > most:
        raise RowError(column, _("At most %(most)d characters.") % {"most": most}, value)
    return value


def number(
    row: dict[str, str], column: str, *, least: Decimal | None = None, above: Decimal | None = None
) -> Decimal | None:
    """A number within its bounds; None where there is none."""
    text = row.get(column, "")
    if not text:
        return None
    try:
        value = Decimal(text.replace(",", ".") if text.count(",") == 1 and "." not in text else text)
    except InvalidOperation as error:
        raise RowError(column, _("This is no number."), text) from error
    if not value.is_finite() or abs(value) >= 10**10:
        raise RowError(column, _("This is no number."), text)
    if least is not None and value < least:
        raise RowError(column, _("It must be %(least)s or more.") % {"least": least}, text)
    if above is not None and value <= above:
        raise RowError(column, _("It must be above %(least)s.") % {"least": above}, text)
    return value


def days(row: dict[str, str], column: str, *, least: int = 0) -> int | None:
    """Whole days; None where there are none."""
    value = number(row, column, least=Decimal(least))
    if value is None:
        return None
    if value != int(value) or value > 3650:
        raise RowError(column, _("Whole days are needed, at most ten years."), row[column])
    return int(value)


def flag(row: dict[str, str], column: str) -> bool:
    """Yes or no."""
    value = row.get(column, "").lower()
    if value in _YES:
        return True
    if value in _NO:
        return False
    raise RowError(column, _("Write yes or no."), value)


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


def moment(row: dict[str, str], column: str) -> datetime | None:
    """A day (its noon) or a moment; None where there is none."""
    text = row.get(column, "")
    if not text:
        return None
    try:
        moment = parse_datetime(text)
        if moment is None and (day := parse_date(text)):
            moment = datetime.combine(day, time(12))
    except ValueError:
        moment = None
    if moment is None:
        raise RowError(column, _("Write a day such as 2026-03-31, with or without a time."), text)
    return (
        moment.replace(tzinfo=timezone.get_current_timezone()) if timezone.is_naive(moment) else moment.astimezone(UTC)
    )
