"""Goods that arrive: they fill order lines and teach the lead time."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Any

from django.db import transaction
from django.db.models import F
from django.utils import timezone
from django.utils.translation import gettext as _

from django_ecomai.inventory.audit import change_log
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
    moment = received_at or timezone.now()
    if not quantity.is_finite() or quantity <= 0:
        raise OrderError(_("A receipt needs a quantity above 0."))
    with transaction.atomic():
        order = None
        if line is not None:
            order = PurchaseOrder.objects.select_for_update().get(pk=line.order_id)
            if order.status in (S.DRAFT, S.CANCELLED):
                raise OrderError(
                    _("Purchase order %(order)s is “%(now)s”: nothing can arrive for it.")
                    % {"order": order.number, "now": order.get_status_display()}
                )
            # Under the lock of the order: what another receipt has filled meanwhile is not filled twice.
            line = order.lines.get(pk=line.pk)
            if line.product_id != product.pk:
                raise OrderError(_("The order line is of another product."))
            missing = line.quantity - line.received
            if quantity > missing and not more:
                raise OrderError(
                    _("Of “%(product)s” only %(missing)s are missing in %(order)s.")
                    % {"product": line, "missing": f"{max(missing, Decimal(0)).normalize():f}", "order": order.number}
                )
            supplier = supplier or order.supplier
            ordered_at = ordered_at or order.ordered_at or order.approved_at
        if ordered_at is not None and moment < ordered_at:
            raise OrderError(_("It cannot have arrived before it was ordered."))
        receipt = Receipt.objects.create(
            channel=product.channel,
            reference=reference[:64],
            supplier=supplier,
            product=product,
            line=line,
            quantity=quantity,
            ordered_at=ordered_at,
            received_at=moment,
        )
        if line is not None and order is not None:
            PurchaseOrderLine.objects.filter(pk=line.pk).update(received=F("received") + quantity)
            if order.status != S.RECEIVED and not order.lines.filter(received__lt=F("quantity")).exists():
                order.status, order.received_at = S.RECEIVED, moment
                order.save(update_fields=["status", "received_at"])
            change_log(objects=[order], user=user, lines=[f"{line}: +{quantity.normalize():f}"])
    return receipt


def order_receive(*, order: PurchaseOrder, user: Any = None, at: datetime | None = None) -> PurchaseOrder:
    """Everything that is still missing has arrived; the order is received.

    Raises ``OrderError`` when it was not ordered, or is received or cancelled already.
    """
    with transaction.atomic():
        held = PurchaseOrder.objects.select_for_update().get(pk=order.pk)
        stage_check(held, S.RECEIVED)
        for line in held.lines.select_related("product").order_by("pk"):
            if line.received < line.quantity:
                receipt_add(
                    product=line.product, quantity=line.quantity - line.received, line=line, received_at=at, user=user
                )
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
