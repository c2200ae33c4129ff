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

from .orders import OrderError, S


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
) -> Receipt:
    """Write what arrived; with ``line`` its order is filled, and received when nothing is missing any more.

    The shop's own stock is not touched: the mirror follows the shop. Raises ``OrderError`` for a quantity that is not
    above zero, a draft or cancelled order, or a receipt before its order.
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
            if not order.lines.filter(received__lt=F("quantity")).exists():
                order.status, order.received_at = S.RECEIVED, moment
                order.save(update_fields=["status", "received_at"])
            change_log(objects=[order], user=user, lines=[f"{line}: +{quantity.normalize():f}"])
    return receipt


def order_receive(*, order: PurchaseOrder, user: Any = None, at: datetime | None = None) -> PurchaseOrder:
    """Everything that is still missing has arrived; the order is received. Raises ``OrderError``."""
    with transaction.atomic():
        for line in order.lines.select_related("product"):
            if line.received < line.quantity:
                receipt_add(
                    product=line.product, quantity=line.quantity - line.received, line=line, received_at=at, user=user
                )
    return PurchaseOrder.objects.get(pk=order.pk)
