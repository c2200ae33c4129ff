"""Purchase orders: drafts out of accepted suggestions, and their way to the supplier."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from django.db import IntegrityError, transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from django_ecomai.core.audit import change_log
from django_ecomai.inventory.models import (
    Decision,
    PurchaseOrder,
    PurchaseOrderLine,
    Suggestion,
    Supplier,
    SupplierProduct,
)
from django_ecomai.inventory.offers import cost_currency, lead_days, unit_cost_at

from .decisions import kept_values, locked, write

S = PurchaseOrder.Status
STAGES = (S.DRAFT, S.APPROVED, S.ORDERED, S.CONFIRMED, S.SHIPPED, S.RECEIVED)
_MOMENT = {stage: f"{stage}_at" for stage in STAGES[1:]}
#: What may come after each stage, the usual one first.
NEXT: dict[str, tuple[str, ...]] = {
    S.DRAFT: (S.APPROVED,),
    S.APPROVED: (S.ORDERED,),
    S.ORDERED: (S.CONFIRMED, S.SHIPPED, S.RECEIVED),
    S.CONFIRMED: (S.SHIPPED, S.RECEIVED),
    S.SHIPPED: (S.RECEIVED,),
    S.RECEIVED: (),
    S.CANCELLED: (),
}
_TRIES = 5


class OrderError(Exception):
    """A purchase order cannot be changed so; the message says why."""


def orders_draft(*, suggestions: Iterable[Suggestion], user: Any = None) -> list[PurchaseOrder]:
    """Put suggestions into drafts, one per supplier and currency; those not decided yet are accepted as they stand.

    Lines are added to the newest open draft of that supplier and currency where there is one. Raises ``OrderError``
    when a suggestion has no supplier, no quantity, stands in an order already, or its product does in that draft.
    """
    with transaction.atomic():
        rows = locked(suggestions)
        before = [kept_values(row) for row in rows]
        for row in rows:
            _orderable(row)
        suppliers = {row.supplier_id or 0 for row in rows}
        # One at a time per supplier, so that two buyers fill one draft.
        list(Supplier.objects.select_for_update().filter(pk__in=suppliers).order_by("pk").values_list("pk"))
        offers = {
            (offer.supplier_id, offer.product_id): offer
            for offer in SupplierProduct.objects.filter(
                supplier_id__in=suppliers, product_id__in=[row.product_id for row in rows]
            ).select_related("supplier")
        }
        groups: dict[tuple[int, str], list[Suggestion]] = {}
        for row in rows:
            supplier_id = row.supplier_id or 0
            currency = cost_currency(offers.get((supplier_id, row.product_id)), row.currency)
            groups.setdefault((supplier_id, currency), []).append(row)
        now = timezone.now()
        orders, new = [], []
        for (supplier_id, currency), group in groups.items():
            supplier = group[0].supplier
            assert supplier is not None  # noqa: S101  told by _orderable
            order = _open_draft(supplier, currency, group)
            if order is None:
                order = _draft(supplier, currency, user=user, now=now)
                new.append(order)
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
        change_log(objects=new, user=user, lines=[_("made from suggestions")], added=True)
        filled = [order for order in orders if order not in new]
        change_log(objects=filled, user=user, lines=[_("filled from suggestions")])
    return orders


def _orderable(row: Suggestion) -> None:
    named = {"product": row.product}
    if row.order_line_id is not None:
        raise OrderError(_("“%(product)s” stands in a purchase order already.") % named)
    if row.supplier is None:
        raise OrderError(_("“%(product)s” has no supplier: add it to the products of one.") % named)
    if not (row.quantity if row.decided_quantity is None else row.decided_quantity) > 0:
        raise OrderError(_("“%(product)s” has no quantity to order: write one into its row first.") % named)


def _open_draft(supplier: Supplier, currency: str, group: list[Suggestion]) -> PurchaseOrder | None:
    """The newest draft that lines may be added to, locked; none of their products may stand in it."""
    drafts = PurchaseOrder.objects.select_for_update().filter(
        channel=supplier.channel, supplier=supplier, currency=currency, status=S.DRAFT, is_simulated=False
    )
    order = drafts.order_by("-pk").first()
    if order is None:
        return None
    twice = order.lines.filter(product__in=[row.product_id for row in group]).select_related("product").first()
    if twice is not None:
        raise OrderError(
            _("“%(product)s” stands in the draft %(order)s already: change its quantity there.")
            % {"product": twice.product, "order": order.number}
        )
    return order


def _draft(supplier: Supplier, currency: str, *, user: Any, now: datetime) -> PurchaseOrder:
    """A new draft under the next number; who is a moment late takes the one after it."""
    for tried in range(_TRIES):
        try:
            with transaction.atomic():
                return PurchaseOrder.objects.create(
                    channel=supplier.channel,
                    number=_number(supplier.channel, now),
                    supplier=supplier,
                    currency=currency,
                    created_at=now,
                    created_by=user if getattr(user, "pk", None) else None,
                )
        except IntegrityError:
            if tried == _TRIES - 1:
                raise
    raise AssertionError("unreachable")


def _number(channel: str, now: datetime) -> str:
    """``PO-2026-00012``: the next number of the year; unique by the table's constraint."""
    prefix = f"PO-{timezone.localtime(now):%Y}-"
    taken = PurchaseOrder.objects.filter(channel=channel, number__startswith=prefix).values_list("number", flat=True)
    tails = (number.removeprefix(prefix) for number in taken.iterator())
    # By number, not by text: 100000 comes after 99999. What people wrote behind the prefix does not count.
    return f"{prefix}{max((int(tail) for tail in tails if tail.isdecimal()), default=0) + 1:05d}"


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
        # As it stands in the table: the caller's may hold the new quantity already.
        held = order.lines.filter(pk=line.pk).first()
        if held is None:
            raise OrderError(_("This line is not in the order any more."))
        old, held.quantity = held.quantity, quantity
        offers = SupplierProduct.objects.filter(supplier_id=order.supplier_id, product_id=held.product_id)
        offer = offers.select_related("supplier").first()
        if offer is not None and offer.cost is not None:
            currency = cost_currency(offer, order.currency)
            if currency != order.currency:
                raise OrderError(
                    _("“%(product)s” is priced in %(theirs)s now, the order in %(ours)s: take the line out.")
                    % {"product": held, "theirs": currency, "ours": order.currency}
                )
            held.unit_cost = unit_cost_at(offer, quantity)
        held.save(update_fields=["quantity", "unit_cost"])
        change_log(objects=[order], user=user, lines=[f"{held}: {old.normalize():f} → {quantity.normalize():f}"])
    return held


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
    """Set a stage and its moment; raises ``OrderError`` for one that may not come after the stage before (`NEXT`).

    Nothing goes further that was not approved, and nothing without lines. Goods are taken in by ``order_receive``.
    """
    moment = at or timezone.now()
    with transaction.atomic():
        held = PurchaseOrder.objects.select_for_update().select_related("supplier").get(pk=order.pk)
        stage_check(held, to)
        if to == S.RECEIVED:
            # Set here, the lines would stay unfilled and teach no lead time.
            raise OrderError(_("Goods are taken in by order_receive() or receipt_add(), which write the receipts."))
        before = held.get_status_display()
        held.status = to
        setattr(held, _MOMENT[S(to)], moment)
        if to == S.APPROVED:
            held.approved_by = user if getattr(user, "pk", None) else None
        if to == S.ORDERED and held.expected_on is None:
            held.expected_on = timezone.localtime(moment + timedelta(days=_longest_lead(held))).date()
        held.save()
        change_log(objects=[held], user=user, lines=[f"{before} → {held.get_status_display()}"])
    return held


def stage_check(held: PurchaseOrder, to: str) -> None:
    """Raise ``OrderError`` when a stage may not come now."""
    if to not in STAGES[1:]:
        raise OrderError(_("There is no stage %(stage)s.") % {"stage": repr(to)})
    if held.status == S.CANCELLED:
        raise OrderError(_("Purchase order %(order)s was cancelled.") % {"order": held.number})
    if STAGES.index(S(to)) <= STAGES.index(S(held.status)):
        raise OrderError(
            _("Purchase order %(order)s is “%(now)s” already; stages do not go back.")
            % {"order": held.number, "now": held.get_status_display()}
        )
    if to != S.APPROVED and held.approved_at is None:
        raise OrderError(_("Purchase order %(order)s must be approved first.") % {"order": held.number})
    if to not in NEXT[held.status]:
        raise OrderError(
            _("Purchase order %(order)s is “%(now)s”; “%(to)s” does not come next.")
            % {"order": held.number, "now": held.get_status_display(), "to": S(to).label}
        )
    if not held.lines.exists():
        raise OrderError(_("Purchase order %(order)s has no lines.") % {"order": held.number})


def _longest_lead(order: PurchaseOrder) -> int:
    """Agreed days until the last of its products comes."""
    offers = SupplierProduct.objects.filter(
        supplier_id=order.supplier_id, product__in=order.lines.values("product")
    ).select_related("supplier")
    days = {offer.product_id: lead_days(offer) for offer in offers}
    products = order.lines.values_list("product", flat=True)
    return max((days.get(product, order.supplier.lead_time_days) for product in products), default=0)


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
