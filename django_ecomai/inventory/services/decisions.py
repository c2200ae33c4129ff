"""What a buyer decides about suggestions: every decision is kept with the values before it, and can be undone."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from decimal import Decimal
from typing import Any

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from django_ecomai.core.audit import change_log
from django_ecomai.core.mysql import locked_rows
from django_ecomai.inventory.models import Decision, PurchaseOrder, Suggestion

FIELDS = ("state", "decided_quantity", "decided_at", "decided_by_id", "reason", "snoozed_until", "order_line_id")
_STATES = {
    Decision.Action.ACCEPT: Suggestion.State.ACCEPTED,
    Decision.Action.EDIT: Suggestion.State.EDITED,
    Decision.Action.SNOOZE: Suggestion.State.SNOOZED,
    Decision.Action.REJECT: Suggestion.State.REJECTED,
}


class DecisionError(Exception):
    """A decision cannot be taken; the message says why and what to do."""


def kept_values(suggestion: Suggestion) -> dict[str, Any]:
    """What a decision may change, in the words of JSON."""
    values: dict[str, Any] = {}
    for name in FIELDS:
        value = getattr(suggestion, name)
        if isinstance(value, Decimal):
            value = f"{value.normalize():f}"
        values[name] = value.isoformat() if hasattr(value, "isoformat") else value
    return values


def suggestions_decide(
    *,
    suggestions: Iterable[Suggestion],
    action: str,
    user: Any = None,
    quantity: Decimal | None = None,
    until: date | None = None,
    reason: str = "",
) -> list[Suggestion]:
    """Accept, edit (``quantity``), snooze (``until``) or reject (``reason``); returns the rows as they stand now.

    All or none: raises ``DecisionError`` when a value is missing or a suggestion is part of a purchase order already.
    """
    if action not in _STATES:
        raise DecisionError(
            _("%(action)s is no decision. Use one of: %(known)s.")
            % {"action": repr(action), "known": ", ".join(str(known) for known in _STATES)}
        )
    if action == Decision.Action.EDIT and (quantity is None or not quantity.is_finite() or quantity < 0):
        raise DecisionError(_("Give a quantity of 0 or more."))
    if action == Decision.Action.SNOOZE and until is None:
        raise DecisionError(_("Give the day until which it shall wait."))
    if action == Decision.Action.REJECT and not reason.strip():
        raise DecisionError(_("Give a reason, so that others understand it later."))
    with transaction.atomic():
        rows = locked(suggestions)
        before = [kept_values(row) for row in rows]
        now = timezone.now()
        for row in rows:
            if row.order_line_id is not None:
                raise DecisionError(
                    _("“%(product)s” stands in a purchase order already. Change or cancel it there.")
                    % {"product": row.product}
                )
            if action == Decision.Action.SNOOZE and until is not None and until <= row.as_of:
                raise DecisionError(
                    _("The day must be after %(day)s, for which the suggestion stands.") % {"day": row.as_of}
                )
            row.state = _STATES[Decision.Action(action)]
            row.decided_quantity = {Decision.Action.ACCEPT: row.quantity, Decision.Action.EDIT: quantity}.get(
                Decision.Action(action)
            )
            row.snoozed_until = until if action == Decision.Action.SNOOZE else None
            row.reason = reason.strip()[:255]
            row.decided_at, row.decided_by = now, user if getattr(user, "pk", None) else None
        write(rows, before, action=action, user=user)
    return rows


def locked(suggestions: Iterable[Suggestion]) -> list[Suggestion]:
    """The rows as they stand in the database, locked until the end of the transaction, in the order of their keys."""
    pks = [suggestion.pk for suggestion in suggestions]
    rows = locked_rows(Suggestion.objects.filter(pk__in=pks).order_by("pk"))
    return list(rows.select_related("product", "supplier"))


def write(rows: list[Suggestion], before: list[dict[str, Any]], *, action: str, user: Any) -> list[Decision]:
    """Save rows, their decisions and their log in three statements."""
    Suggestion.objects.bulk_update(rows, [name.removesuffix("_id") for name in FIELDS])
    decisions = Decision.objects.bulk_create(
        [
            Decision(
                suggestion=row,
                action=action,
                user=user if getattr(user, "pk", None) else None,
                before=old,
                after=kept_values(row),
            )
            for row, old in zip(rows, before, strict=True)
        ]
    )
    change_log(objects=rows, user=user, lines=[_sentence(row, action) for row in rows] or [""])
    return decisions


def decision_undo(*, decision: Decision, user: Any = None) -> Suggestion:
    """Put back what stood before; raises ``DecisionError`` when something came after it."""
    with transaction.atomic():
        held = Decision.objects.select_for_update().get(pk=decision.pk)
        if held.undone_at is not None or held.action == Decision.Action.UNDO:
            raise DecisionError(_("This decision was undone before."))
        (row,) = locked([held.suggestion])
        if kept_values(row) != held.after:
            raise DecisionError(_("Something was decided since: undo the later decision first."))
        if held.action == Decision.Action.ORDER:
            _take_out(row)
        before = kept_values(row)
        for name, value in held.before.items():
            field: Any = row._meta.get_field(name)
            setattr(row, name, field.to_python(value) if value is not None else None)
        write([row], [before], action=Decision.Action.UNDO, user=user)
        held.undone_at = timezone.now()
        held.save(update_fields=["undone_at"])
    return row


def _take_out(row: Suggestion) -> None:
    """Take the line out of its draft; an empty draft is cancelled."""
    line = row.order_line
    if line is None:
        return
    order = PurchaseOrder.objects.select_for_update().get(pk=line.order_id)
    if order.status != PurchaseOrder.Status.DRAFT:
        raise DecisionError(
            _("Purchase order %(order)s is no draft any more: cancel it there.") % {"order": order.number}
        )
    line.delete()
    if not order.lines.exists():
        order.status, order.cancelled_at = PurchaseOrder.Status.CANCELLED, timezone.now()
        order.save(update_fields=["status", "cancelled_at"])


def _sentence(row: Suggestion, action: str) -> str:
    text = str(Decision.Action(action).label)
    if row.decided_quantity is not None:
        text += f": {row.decided_quantity.normalize():f}"
    if row.snoozed_until is not None:
        text += f": {row.snoozed_until.isoformat()}"
    return f"{text} ({row.reason})" if row.reason else text
