"""Goods that arrive: they fill order lines and teach the lead time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from django_ecomai.core.audit import change_log
from django_ecomai.inventory.models import PurchaseOrder, PurchaseOrderLine, Receipt, Supplier
from django_ecomai.mirror.models import Product

from .orders import OrderError, S, stage_check


def receipt_add(
    *,
    product: Product,
    quantity: Decimal,
    received_at: datetime | None = None,
    supplier: Supplier | None = None,
    line: PurchaseOrderLine | None = None,
    ordered_at: datetime | None = None,
    reference: str = "",
    user: Any = None,
    more: bool = False,
) -> Receipt:
    """Write what arrived; with ``line`` its order is filled, and received when nothing is missing any more.

    The shop's own stock is not touched: the mirror follows the shop. Raises ``OrderError`` for a quantity that is not
    above zero, or above what is missing unless ``more`` is said, for a draft or cancelled order, and for a receipt
    before its order.
    """
    arrival = Arrival(
        product=product,
        quantity=quantity,
        received_at=received_at or timezone.now(),
        supplier=supplier,
        line=line,
        ordered_at=ordered_at,
        reference=reference,
    )
    with transaction.atomic():
        if line is not None:
            (found,) = receipts_fill(order=line.order_id, arrivals=[arrival], user=user, more=more)
            if isinstance(found, OrderError):
                raise found
            return found
        receipt = _receipt(arrival, None)
        receipt.save()
    return receipt


@dataclass(frozen=True)
class Arrival:
    """What arrived of a product, as it is told."""

    product: Product
    quantity: Decimal
    received_at: datetime
    supplier: Supplier | None = None
    line: PurchaseOrderLine | None = None
    ordered_at: datetime | None = None
    reference: str = ""


def receipts_fill(
    *, order: int, arrivals: Sequence[Arrival], user: Any = None, more: bool = False
) -> list[Receipt | OrderError]:
    """Write what arrived for the lines of one order (its primary key), in a fixed number of queries.

    Each arrival becomes a receipt, or the error that keeps it out; the others are written nevertheless.
    """
    with transaction.atomic():
        # Under the lock of the order: what another receipt has filled meanwhile is not filled twice.
        held = PurchaseOrder.objects.select_for_update().get(pk=order)
        held.supplier = Supplier.objects.get(pk=held.supplier_id)
        lines = {line.pk: line for line in held.lines.all()}
        found: list[Receipt | OrderError] = []
        texts = []
        for arrival in arrivals:
            line = lines.get(arrival.line.pk) if arrival.line is not None else None
            try:
                receipt = _receipt(arrival, _filled(held, line, arrival, more=more))
            except OrderError as error:
                found.append(error)
                continue
            found.append(receipt)
            receipt.line.received += arrival.quantity  # type: ignore[union-attr]
            texts.append(f"{receipt.line}: +{arrival.quantity.normalize():f}")
        made = [one for one in found if isinstance(one, Receipt)]
        if made:
            Receipt.objects.bulk_create(made)
            PurchaseOrderLine.objects.bulk_update(
                {one.line.pk: one.line for one in made if one.line}.values(), ["received"]
            )
            if held.status != S.RECEIVED and all(line.received >= line.quantity for line in lines.values()):
                held.status, held.received_at = S.RECEIVED, max(one.received_at for one in made)
                held.save(update_fields=["status", "received_at"])
            change_log(objects=[held], user=user, lines=["; ".join(texts)])
    return found


def _filled(order: PurchaseOrder, line: PurchaseOrderLine | None, arrival: Arrival, *, more: bool) -> PurchaseOrderLine:
    """The line that an arrival fills; raises ``OrderError``."""
    if order.status in (S.DRAFT, S.CANCELLED):
        raise OrderError(
            _("Purchase order %(order)s is “%(now)s”: nothing can arrive for it.")
            % {"order": order.number, "now": order.get_status_display()}
        )
    if line is None:
        raise OrderError(_("This line is not in the order any more."))
    if line.product_id != arrival.product.pk:
        raise OrderError(_("The order line is of another product."))
    missing = line.quantity - line.received
    if arrival.quantity > missing and not more:
        raise OrderError(
            _("Of “%(product)s” only %(missing)s are missing in %(order)s.")
            % {"product": line, "missing": f"{max(missing, Decimal(0)).normalize():f}", "order": order.number}
        )
    line.order = order
    return line


def _receipt(arrival: Arrival, line: PurchaseOrderLine | None) -> Receipt:
    """A receipt, not saved; raises ``OrderError``."""
    if not arrival.quantity.is_finite() or arrival.quantity <= 0:
        raise OrderError(_("A receipt needs a quantity above 0."))
    ordered_at, supplier = arrival.ordered_at, arrival.supplier
    if line is not None:
        ordered_at = ordered_at or line.order.ordered_at or line.order.approved_at
        supplier = supplier or line.order.supplier
    if ordered_at is not None and arrival.received_at < ordered_at:
        raise OrderError(_("It cannot have arrived before it was ordered."))
    return Receipt(
        channel=arrival.product.channel,
        reference=arrival.reference[:64],
        supplier=supplier,
        product=arrival.product,
        line=line,
        quantity=arrival.quantity,
        ordered_at=ordered_at,
        received_at=arrival.received_at,
    )


def order_receive(*, order: PurchaseOrder, user: Any = None, at: datetime | None = None) -> PurchaseOrder:
    """Everything that is still missing has arrived; the order is received.

    Raises ``OrderError`` when it was not ordered, or is received or cancelled already.
    """
    with transaction.atomic():
        held = PurchaseOrder.objects.select_for_update().get(pk=order.pk)
        stage_check(held, S.RECEIVED)
        moment = at or timezone.now()
        arrivals = [
            Arrival(product=line.product, quantity=line.quantity - line.received, line=line, received_at=moment)
            for line in held.lines.select_related("product").order_by("pk")
            if line.received < line.quantity
        ]
        for found in receipts_fill(order=held.pk, arrivals=arrivals, user=user):
            if isinstance(found, OrderError):
                raise found
    return PurchaseOrder.objects.get(pk=order.pk)


def receipt_remove(*, receipt: Receipt, user: Any = None) -> None:
    """Take back a receipt that was wrong: its pieces are missing again, and an order that was received is open."""
    with transaction.atomic():
        # Locked, so that it is not taken back twice.
        line_pk = Receipt.objects.select_for_update().values_list("line", flat=True).get(pk=receipt.pk)
        if line_pk is not None:
            order = PurchaseOrder.objects.select_for_update().get(lines=line_pk)
            line = order.lines.get(pk=line_pk)
            line.received = max(line.received - receipt.quantity, Decimal(0))
            line.save(update_fields=["received"])
            if order.status == S.RECEIVED and line.received < line.quantity:
                order.status, order.received_at = _stage_before(order), None
                order.save(update_fields=["status", "received_at"])
            change_log(objects=[order], user=user, lines=[f"{line}: −{receipt.quantity.normalize():f}"])
        receipt.delete()


def _stage_before(order: PurchaseOrder) -> str:
    """The last stage that it had reached before the goods came."""
    for stage, moment in (
        (S.SHIPPED, order.shipped_at),
        (S.CONFIRMED, order.confirmed_at),
        (S.ORDERED, order.ordered_at),
    ):
        if moment is not None:
            return stage
    return S.APPROVED
