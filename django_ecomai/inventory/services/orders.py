"""Purchase orders: drafts out of accepted suggestions, and their way to the supplier."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from django_ecomai.inventory.audit import change_log
from django_ecomai.inventory.models import (
    Decision,
    PurchaseOrder,
    PurchaseOrderLine,
    Suggestion,
    Supplier,
    SupplierProduct,
)
from django_ecomai.inventory.offers import unit_cost_at

from .decisions import kept_values, locked, write

S = PurchaseOrder.Status
STAGES = (S.DRAFT, S.APPROVED, S.ORDERED, S.CONFIRMED, S.SHIPPED, S.RECEIVED)
_MOMENT = {stage: f"{stage}_at" for stage in STAGES[1:]}


class OrderError(Exception):
    """A purchase order cannot be changed so; the message says why."""


def orders_draft(*, suggestions: Iterable[Suggestion], user: Any = None) -> list[PurchaseOrder]:
    """One draft per supplier out of suggestions; those not decided yet are accepted as they stand.

    A product that is in the supplier's open draft already is added to that line. Raises ``OrderError`` when one has no
    supplier, no quantity, or stands in an order already.
    """
    with transaction.atomic():
        rows = locked(suggestions)
        before = [kept_values(row) for row in rows]
        by_supplier: dict[int, list[Suggestion]] = {}
        for row in rows:
            _orderable(row)
            by_supplier.setdefault(row.supplier_id or 0, []).append(row)
        offers = {
            (offer.supplier_id, offer.product_id): offer
            for offer in SupplierProduct.objects.filter(
                supplier_id__in=by_supplier, product_id__in=[row.product_id for row in rows]
            )
        }
        now = timezone.now()
        orders = []
        for supplier_id, group in by_supplier.items():
            supplier = group[0].supplier
            assert supplier is not None  # noqa: S101  told by _orderable
            order = _draft(supplier, user=user, now=now)
            lines = PurchaseOrderLine.objects.bulk_create(
                [_line(order, row, offers.get((supplier_id, row.product_id))) for row in group]
            )
            for row, line in zip(group, lines, strict=True):
                row.order_line = line
                row.decided_quantity = line.quantity
                if row.state not in (Suggestion.State.ACCEPTED, Suggestion.State.EDITED):
                    row.state = Suggestion.State.ACCEPTED
                row.decided_at, row.decided_by = now, user if getattr(user, "pk", None) else None
            orders.append(order)
        write(rows, before, action=Decision.Action.ORDER, user=user)
        change_log(objects=orders, user=user, lines=[_("made from suggestions")], added=True)
    return orders


def _orderable(row: Suggestion) -> None:
    named = {"product": row.product}
    if row.order_line_id is not None:
        raise OrderError(_("“%(product)s” stands in a purchase order already.") % named)
    if row.supplier is None:
        raise OrderError(_("“%(product)s” has no supplier: add it to the products of one.") % named)
    if not (row.quantity if row.decided_quantity is None else row.decided_quantity) > 0:
        raise OrderError(_("“%(product)s” has no quantity to order: write one into its row first.") % named)


def _draft(supplier: Supplier, *, user: Any, now: datetime) -> PurchaseOrder:
    order = PurchaseOrder.objects.create(
        channel=supplier.channel,
        number=_number(supplier.channel, now),
        supplier=supplier,
        currency=supplier.currency,
        created_at=now,
        created_by=user if getattr(user, "pk", None) else None,
    )
    return order


def _number(channel: str, now: datetime) -> str:
    """``PO-2026-00012``: the next number of the year; unique by the table's constraint."""
    prefix = f"PO-{timezone.localtime(now):%Y}-"
    last = (
        PurchaseOrder.objects.select_for_update()
        .filter(channel=channel, number__startswith=prefix)
        .order_by("-number")
        .values_list("number", flat=True)
        .first()
    )
    tail = last.removeprefix(prefix) if last else ""
    return f"{prefix}{(int(tail) if tail.isdigit() else 0) + 1:05d}"


def _line(order: PurchaseOrder, row: Suggestion, offer: SupplierProduct | None) -> PurchaseOrderLine:
    quantity = row.quantity if row.decided_quantity is None else row.decided_quantity
    return PurchaseOrderLine(
        order=order,
        product=row.product,
        title=row.product.title,
        sku=row.product.sku,
        supplier_sku=offer.supplier_sku if offer else "",
        quantity=quantity,
        unit_cost=unit_cost_at(offer, quantity) if offer and offer.cost is not None else row.unit_cost,
    )


def order_line_change(*, line: PurchaseOrderLine, quantity: Decimal, user: Any = None) -> PurchaseOrderLine:
    """Another quantity in a draft, at the price for it; raises ``OrderError`` elsewhere."""
    with transaction.atomic():
        order = PurchaseOrder.objects.select_for_update().get(pk=line.order_id)
        if order.status != S.DRAFT:
            raise OrderError(_("Only a draft can be changed."))
        if not quantity.is_finite() or quantity <= 0:
            raise OrderError(_("Give a quantity above 0, or take the line out."))
        old, line.quantity = line.quantity, quantity
        offer = SupplierProduct.objects.filter(supplier_id=order.supplier_id, product_id=line.product_id).first()
        if offer is not None and offer.cost is not None:
            line.unit_cost = unit_cost_at(offer, quantity)
        line.save(update_fields=["quantity", "unit_cost"])
        change_log(objects=[order], user=user, lines=[f"{line}: {old.normalize():f} → {quantity.normalize():f}"])
    return line


def order_line_remove(*, line: PurchaseOrderLine, user: Any = None) -> None:
    """Take a line out of a draft; its suggestion is open again. Raises ``OrderError`` elsewhere."""
    with transaction.atomic():
        order = PurchaseOrder.objects.select_for_update().get(pk=line.order_id)
        if order.status != S.DRAFT:
            raise OrderError(_("Only a draft can be changed."))
        _reopen(order_line=line)
        change_log(objects=[order], user=user, lines=[_("%(line)s taken out") % {"line": line}])
        line.delete()


def _reopen(**which: Any) -> None:
    Suggestion.objects.filter(**which).update(
        order_line=None, state=Suggestion.State.OPEN, decided_quantity=None, decided_at=None, decided_by=None
    )


def order_advance(*, order: PurchaseOrder, to: str, user: Any = None, at: datetime | None = None) -> PurchaseOrder:
    """Set a stage and its moment; stages between may be left out, none goes back. Raises ``OrderError``."""
    moment = at or timezone.now()
    with transaction.atomic():
        held = PurchaseOrder.objects.select_for_update().select_related("supplier").get(pk=order.pk)
        if to not in STAGES[1:]:
            raise OrderError(_("There is no stage %(stage)s.") % {"stage": repr(to)})
        if held.status == S.CANCELLED:
            raise OrderError(_("Purchase order %(order)s was cancelled.") % {"order": held.number})
        if STAGES.index(S(to)) <= STAGES.index(S(held.status)):
            raise OrderError(
                _("Purchase order %(order)s is “%(now)s” already; stages do not go back.")
                % {"order": held.number, "now": held.get_status_display()}
            )
        if to == S.ORDERED and held.approved_at is None:
            raise OrderError(_("Purchase order %(order)s must be approved first.") % {"order": held.number})
        if to == S.APPROVED and not held.lines.exists():
            raise OrderError(_("Purchase order %(order)s has no lines.") % {"order": held.number})
        before = held.get_status_display()
        held.status = to
        setattr(held, _MOMENT[S(to)], moment)
        if to == S.APPROVED:
            held.approved_by = user if getattr(user, "pk", None) else None
        if to == S.ORDERED and held.expected_on is None:
            days = timedelta(days=held.supplier.lead_time_days)
            held.expected_on = timezone.localtime(moment + days).date()
        held.save()
        change_log(objects=[held], user=user, lines=[f"{before} → {held.get_status_display()}"])
    return held


def order_cancel(*, order: PurchaseOrder, user: Any = None) -> PurchaseOrder:
    """Cancel an order of which nothing has arrived; its suggestions are open again. Raises ``OrderError``."""
    with transaction.atomic():
        held = PurchaseOrder.objects.select_for_update().get(pk=order.pk)
        if held.status in (S.RECEIVED, S.CANCELLED):
            raise OrderError(
                _("Purchase order %(order)s is “%(now)s”: it cannot be cancelled.")
                % {"order": held.number, "now": held.get_status_display()}
            )
        if held.lines.filter(received__gt=0).exists():
            raise OrderError(_("A part of %(order)s has arrived: mark it received instead.") % {"order": held.number})
        held.status, held.cancelled_at = S.CANCELLED, timezone.now()
        held.save(update_fields=["status", "cancelled_at"])
        _reopen(order_line__order=held)
        change_log(objects=[held], user=user, lines=[str(held.get_status_display())])
    return held
