"""Receipts, with or without an order that is known here."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from django.utils import timezone
from django.utils.translation import gettext as _

from django_ecomai.inventory.models import PurchaseOrder, PurchaseOrderLine, Receipt
from django_ecomai.inventory.services import OrderError
from django_ecomai.inventory.services.receipts import Arrival, receipts_fill

from . import values
from .reading import Outcome, Row, RowError


def receipts(chunk: list[Row], channel: str, outcome: Outcome, user: Any) -> None:
    suppliers, products = values.suppliers_of(chunk, channel), values.products_of(chunk, channel)
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
    days = [moment for _number, row in chunk if not row.get("reference") and (moment := values.moment_or_none(row))]
    told: set[tuple[Any, ...]] = set(
        Receipt.objects.filter(
            channel=channel, reference="", product__in=[one.pk for one in products.values()], received_at__in=days
        ).values_list("product_id", "received_at", "quantity", "line__order__number")
    )
    filling: dict[int, list[tuple[int, dict[str, str], Arrival]]] = {}
    loose: list[Receipt] = []  # without an order that is known here
    for number, row in chunk:
        try:
            product = values.found(products, row, "product_id", _("There is no such product in the copy of your shop."))
            supplier = None
            if row.get("supplier_code"):
                supplier = values.found(
                    suppliers, row, "supplier_code", _("There is no such supplier: import it first.")
                )
            quantity = values.number(row, "quantity", above=Decimal(0))
            received = values.moment(row, "received_at")
            if quantity is None or received is None:
                name = "quantity" if quantity is None else "received_at"
                raise RowError(name, _("A value is needed here."))
            if received > timezone.now():
                raise RowError("received_at", _("This day is in the future."), row["received_at"])
            reference = values.text(row, "reference", most=64)
            if reference and (reference, product.pk) in there:
                raise RowError("reference", _("This delivery of this product is known already."), reference)
            line = None
            if order_number := row.get("order_number"):
                if order_number not in orders:
                    raise RowError("order_number", _("There is no such purchase order."), order_number)
                line = lines.get((order_number, product.pk))
                if line is None:
                    raise RowError("order_number", _("The order does not hold this product."), order_number)
            ordered = values.moment(row, "ordered_at")
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
    for order, rows in sorted(filling.items()):  # one order for all that lock them
        found = receipts_fill(order=order, arrivals=[arrival for _number, _row, arrival in rows], user=user)
        for (number, row, _arrival), one in zip(rows, found, strict=True):
            if isinstance(one, OrderError):
                outcome.complain(number, RowError("order_number", str(one), row["order_number"]))
            else:
                outcome.created += 1
