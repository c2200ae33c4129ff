"""CSV files of suppliers, their products and receipts into the tables; every row that cannot be used is named."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, time
from decimal import Decimal, InvalidOperation
from typing import Any

from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import transaction
from django.utils import timezone
from django.utils.dateparse import parse_date, parse_datetime
from django.utils.translation import gettext as _

from django_ecomai.mirror.models import Product

from .models import PurchaseOrder, PurchaseOrderLine, Receipt, Supplier, SupplierProduct
from .models.suppliers import breaks_problem
from .services import OrderError
from .services.receipts import Arrival, receipts_fill

MOST_ROWS, MOST_BYTES, MOST_ERRORS = 100_000, 10 * 1024 * 1024, 500
_CHUNK = 500
_YES, _NO = {"1", "true", "yes", "y", "ja", "x"}, {"0", "false", "no", "n", "nein"}

COLUMNS: dict[str, tuple[str, ...]] = {
    "suppliers": ("code", "name", "email", "country", "currency", "lead_time_days"),
    "supplier_products": (
        "supplier_code",
        "product_id",
        "supplier_sku",
        "cost",
        "currency",
        "moq",
        "pack_size",
        "lead_time_days",
        "price_breaks",
        "shelf_life_days",
        "is_preferred",
    ),
    "receipts": ("reference", "supplier_code", "product_id", "quantity", "ordered_at", "received_at", "order_number"),
}
NEEDED: dict[str, tuple[str, ...]] = {
    "suppliers": ("code",),
    "supplier_products": ("supplier_code", "product_id"),
    "receipts": ("product_id", "quantity", "received_at"),
}


class FileError(Exception):
    """The file as a whole cannot be read; the message says what to do."""


class RowError(Exception):
    """A row cannot be used."""

    def __init__(self, column: str, message: str, value: str = "") -> None:
        super().__init__(message)
        self.column, self.message, self.value = column, message, value


@dataclass
class Problem:
    """What is wrong with a row, and where."""

    line: int
    column: str
    value: str
    message: str


@dataclass
class Outcome:
    """How many rows were read and written, and what is wrong with the others (at most 500 are listed)."""

    table: str
    read: int = 0
    created: int = 0
    updated: int = 0
    failed: int = 0
    problems: list[Problem] = field(default_factory=list)
    check_only: bool = False

    def complain(self, line: int, error: RowError) -> None:
        """Note a row that is left out."""
        self.failed += 1
        if len(self.problems) < MOST_ERRORS:
            self.problems.append(Problem(line, error.column, error.value[:80], error.message))


def table_import(
    *, table: str, content: bytes | str, channel: str = "", check_only: bool = False, user: Any = None
) -> Outcome:
    """Read a CSV (UTF-8; comma, semicolon or tab) and write its good rows; existing rows are updated by their keys.

    With ``check_only`` nothing is kept. Raises ``FileError`` when the file cannot be read at all.
    """
    if table not in COLUMNS:
        raise FileError(_("There is no table %(table)s. Use one of: %(known)s.") % _named(table))
    writers: dict[str, Callable[..., None]] = {
        "suppliers": _suppliers,
        "supplier_products": _supplier_products,
        "receipts": _receipts,
    }
    outcome = Outcome(table, check_only=check_only)
    with transaction.atomic():
        rows = _records(table, content)
        while chunk := _take(rows, outcome):
            writers[table](chunk, channel, outcome, user)
        if check_only:
            transaction.set_rollback(True)
    return outcome


def _named(table: str) -> dict[str, str]:
    return {"table": repr(table), "known": ", ".join(COLUMNS)}


def _records(table: str, content: bytes | str) -> Iterator[tuple[int, dict[str, str]]]:
    if len(content) > MOST_BYTES:
        raise FileError(_("The file is larger than 10 MB: split it."))
    if isinstance(content, bytes):
        try:
            content = content.decode("utf-8-sig")
        except UnicodeDecodeError as error:
            raise FileError(
                _("The file is not UTF-8 (byte %(place)s): save it as “CSV UTF-8”.") % {"place": error.start}
            ) from error
    if "\x00" in content:
        raise FileError(_("The file is no text: save it as “CSV UTF-8”."))
    head = content.lstrip("\ufeff").split("\n", 1)[0]
    delimiter = max(",;\t", key=head.count)
    reader = csv.DictReader(io.StringIO(content.lstrip("\ufeff"), newline=""), delimiter=delimiter)
    try:
        names = [(name or "").strip().lower() for name in reader.fieldnames or ()]
    except csv.Error as error:
        raise FileError(str(error)) from error
    if missing := [name for name in NEEDED[table] if name not in names]:
        raise FileError(
            _("The first line lacks the column %(missing)s. Columns: %(known)s.")
            % {"missing": ", ".join(missing), "known": ", ".join(COLUMNS[table])}
        )
    reader.fieldnames = names
    try:
        for number, row in enumerate(reader):
            if number >= MOST_ROWS:
                raise FileError(_("The file has more than %(most)d rows: split it.") % {"most": MOST_ROWS})
            yield reader.line_num, {k: (v or "").strip() for k, v in row.items() if k in COLUMNS[table] and k}
    except csv.Error as error:
        raise FileError(f"{reader.line_num}: {error}") from error


def _take(rows: Iterator[tuple[int, dict[str, str]]], outcome: Outcome) -> list[tuple[int, dict[str, str]]]:
    chunk = []
    for number, row in rows:
        outcome.read += 1
        chunk.append((number, row))
        if len(chunk) == _CHUNK:
            break
    return chunk


# -- the three tables ------------------------------------------------------------------------------------------------
def _suppliers(chunk: list[tuple[int, dict[str, str]]], channel: str, outcome: Outcome, user: Any) -> None:
    codes = [row.get("code", "") for _number, row in chunk]
    known = {one.code: one for one in Supplier.objects.filter(channel=channel, code__in=codes)}
    new: dict[str, Supplier] = {}
    changed: dict[str, Supplier] = {}
    for number, row in chunk:
        try:
            code = _text(row, "code", needed=True, most=64)
            if code in new or code in changed:
                raise RowError("code", _("This line stands in the file twice; the first one counts."), code)
            supplier = known.get(code) or Supplier(channel=channel, code=code)
            supplier.name = _text(row, "name", most=255) or supplier.name or code
            for name, most in (("email", 254), ("country", 64), ("currency", 3)):
                if row.get(name):
                    setattr(supplier, name, _text(row, name, most=most))
            if row.get("email"):
                try:
                    validate_email(supplier.email)
                except ValidationError as error:
                    raise RowError("email", _("This is no e-mail address."), supplier.email) from error
            if (days := _days(row, "lead_time_days")) is not None:
                supplier.lead_time_days = days
        except RowError as error:
            outcome.complain(number, error)
            continue
        (changed if code in known else new)[code] = supplier
    Supplier.objects.bulk_create(new.values())
    if changed:
        fields = ["name", "email", "country", "currency", "lead_time_days"]
        Supplier.objects.bulk_update(changed.values(), fields)
    outcome.created += len(new)
    outcome.updated += len(changed)


def _supplier_products(chunk: list[tuple[int, dict[str, str]]], channel: str, outcome: Outcome, user: Any) -> None:
    suppliers, products = _looked_up(chunk, channel)
    known = {
        (one.supplier_id, one.product_id): one
        for one in SupplierProduct.objects.filter(
            supplier__in=suppliers.values(), product__in=[one.pk for one in products.values()]
        )
    }
    new: dict[tuple[int, int], SupplierProduct] = {}
    changed: dict[tuple[int, int], SupplierProduct] = {}
    for number, row in chunk:
        try:
            supplier = _found(suppliers, row, "supplier_code", _("There is no such supplier: import it first."))
            product = _found(products, row, "product_id", _("There is no such product in the copy of your shop."))
            key = (supplier.pk, product.pk)
            if key in new or key in changed:
                raise RowError(
                    "product_id",
                    _("This line stands in the file twice; the first one counts."),
                    row["product_id"],
                )
            offer = known.get(key) or SupplierProduct(supplier=supplier, product=product)
            _offer_fill(offer, row)
        except RowError as error:
            outcome.complain(number, error)
            continue
        (changed if key in known else new)[key] = offer
    SupplierProduct.objects.bulk_create(new.values())
    if changed:
        fields = [f.name for f in SupplierProduct._meta.concrete_fields if f.name not in ("id", "supplier", "product")]
        SupplierProduct.objects.bulk_update(changed.values(), fields)
    outcome.created += len(new)
    outcome.updated += len(changed)


def _offer_fill(offer: SupplierProduct, row: dict[str, str]) -> None:
    offer.supplier_sku = _text(row, "supplier_sku", most=64) or offer.supplier_sku
    offer.currency = _text(row, "currency", most=3) or offer.currency
    if (cost := _number(row, "cost", least=Decimal(0))) is not None:
        offer.cost = cost
    for name in ("moq", "pack_size"):
        if (amount := _number(row, name, above=Decimal(0))) is not None:
            setattr(offer, name, amount)
    if (days := _days(row, "lead_time_days")) is not None:
        offer.lead_time_days = days
    if (life := _days(row, "shelf_life_days", least=1)) is not None:
        offer.shelf_life_days = life
    if text := row.get("price_breaks", ""):
        offer.price_breaks = _breaks(text)
    if row.get("is_preferred"):
        offer.is_preferred = _flag(row, "is_preferred")


def _receipts(chunk: list[tuple[int, dict[str, str]]], channel: str, outcome: Outcome, user: Any) -> None:
    suppliers, products = _looked_up(chunk, channel)
    numbers = {row.get("order_number", "") for _number, row in chunk} - {""}
    lines = {
        (line.order.number, line.product_id): line
        for line in PurchaseOrderLine.objects.filter(order__channel=channel, order__number__in=numbers).select_related(
            "order__supplier"
        )
    }
    orders = set(PurchaseOrder.objects.filter(channel=channel, number__in=numbers).values_list("number", flat=True))
    references = {row.get("reference", "") for _number, row in chunk} - {""}
    there = set(
        Receipt.objects.filter(channel=channel, reference__in=references).values_list("reference", "product_id")
    )
    # Without a reference a receipt is known by all that is told of it.
    days = [moment for _number, row in chunk if not row.get("reference") and (moment := _moment_or_none(row))]
    told: set[tuple[Any, ...]] = set(
        Receipt.objects.filter(
            channel=channel, reference="", product__in=[one.pk for one in products.values()], received_at__in=days
        ).values_list("product_id", "received_at", "quantity", "line__order__number")
    )
    filling: dict[int, list[tuple[int, dict[str, str], Arrival]]] = {}
    loose: list[Receipt] = []  # without an order that is known here
    for number, row in chunk:
        try:
            product = _found(products, row, "product_id", _("There is no such product in the copy of your shop."))
            supplier = None
            if row.get("supplier_code"):
                supplier = _found(suppliers, row, "supplier_code", _("There is no such supplier: import it first."))
            quantity = _number(row, "quantity", above=Decimal(0))
            received = _moment(row, "received_at")
            if quantity is None or received is None:
                name = "quantity" if quantity is None else "received_at"
                raise RowError(name, _("A value is needed here."))
            if received > timezone.now():
                raise RowError("received_at", _("This day is in the future."), row["received_at"])
            reference = _text(row, "reference", most=64)
            if reference and (reference, product.pk) in there:
                raise RowError("reference", _("This delivery of this product is known already."), reference)
            line = None
            if order_number := row.get("order_number"):
                if order_number not in orders:
                    raise RowError("order_number", _("There is no such purchase order."), order_number)
                line = lines.get((order_number, product.pk))
                if line is None:
                    raise RowError("order_number", _("The order does not hold this product."), order_number)
            ordered = _moment(row, "ordered_at")
            whole = (product.pk, received, quantity, row.get("order_number") or None)
            if not reference and whole in told:
                raise RowError(
                    "reference",
                    _("The same receipt is known already: if it came twice, give both a reference."),
                )
            if line is None:
                if ordered is not None and received < ordered:
                    raise RowError("ordered_at", _("It cannot have arrived before it was ordered."), row["ordered_at"])
                loose.append(
                    Receipt(
                        channel=channel,
                        reference=reference,
                        supplier=supplier,
                        product=product,
                        quantity=quantity,
                        ordered_at=ordered,
                        received_at=received,
                    )
                )
            else:
                arrival = Arrival(
                    product=product,
                    quantity=quantity,
                    received_at=received,
                    supplier=supplier,
                    line=line,
                    ordered_at=ordered,
                    reference=reference,
                )
                filling.setdefault(line.order_id, []).append((number, row, arrival))
            there.add((reference, product.pk))
            told.add(whole)
            outcome.created += line is None
        except RowError as error:
            outcome.complain(number, error)
    Receipt.objects.bulk_create(loose)
    _receive(filling, outcome, user)


def _receive(filling: dict[int, list[tuple[int, dict[str, str], Arrival]]], outcome: Outcome, user: Any) -> None:
    """Each order once, whatever the number of its deliveries in the file."""
    for order, rows in filling.items():
        found = receipts_fill(order=order, arrivals=[arrival for _number, _row, arrival in rows], user=user)
        for (number, row, _arrival), one in zip(rows, found, strict=True):
            if isinstance(one, OrderError):
                outcome.complain(number, RowError("order_number", str(one), row["order_number"]))
            else:
                outcome.created += 1
    outcome.problems.sort(key=lambda problem: problem.line)


# -- single values ---------------------------------------------------------------------------------------------------
def _looked_up(chunk: list[tuple[int, dict[str, str]]], channel: str) -> tuple[dict[str, Supplier], dict[str, Product]]:
    codes = {row.get("supplier_code", "") for _number, row in chunk}
    ids = {row.get("product_id", "") for _number, row in chunk}
    suppliers = {one.code: one for one in Supplier.objects.filter(channel=channel, code__in=codes)}
    products = {one.sku: one for one in Product.objects.filter(channel=channel, sku__in=ids - {""}).order_by("-pk")}
    products |= {one.external_id: one for one in Product.objects.filter(channel=channel, external_id__in=ids)}
    return suppliers, products


def _found(known: Mapping[str, Any], row: dict[str, str], column: str, message: str) -> Any:
    value = row.get(column, "")
    if not value:
        raise RowError(column, _("A value is needed here."))
    if value not in known:
        raise RowError(column, message, value)
    return known[value]


def _text(row: dict[str, str], column: str, *, most: int, needed: bool = False) -> str:
    value = row.get(column, "")
    if needed and not value:
        raise RowError(column, _("A value is needed here."))
    if len(value) > most:
        raise RowError(column, _("At most %(most)d characters.") % {"most": most}, value)
    return value


def _number(
    row: dict[str, str], column: str, *, least: Decimal | None = None, above: Decimal | None = None
) -> Decimal | None:
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


def _days(row: dict[str, str], column: str, *, least: int = 0) -> int | None:
    value = _number(row, column, least=Decimal(least))
    if value is None:
        return None
    if value != int(value) or value > 3650:
        raise RowError(column, _("Whole days are needed, at most ten years."), row[column])
    return int(value)


def _flag(row: dict[str, str], column: str) -> bool:
    value = row.get(column, "").lower()
    if value in _YES:
        return True
    if value in _NO:
        return False
    raise RowError(column, _("Write yes or no."), value)


def _breaks(text: str) -> list[list[float]]:
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


def _moment_or_none(row: dict[str, str]) -> datetime | None:
    try:
        return _moment(row, "received_at")
    except RowError:
        return None  # said where the row is read


def _moment(row: dict[str, str], column: str) -> datetime | None:
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
