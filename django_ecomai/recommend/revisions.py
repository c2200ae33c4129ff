"""What staff changed in the admin: kept with the values before and after it, and undone on request."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.apps import apps
from django.db import models, transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from django_ecomai.core.undo import (
    Row,
    UndoConflict,
    difference,
    row_steps,
    rows_by_key,
    rows_of,
    rows_put_back,
    rows_unchanged,
)

from .models import Bundle, Placement, Revision, Slot, SlotRule


def snapshot(obj: models.Model) -> list[Row]:
    """An object as it stands in the database, with what belongs to it: parents before their children."""
    stored = list(type(obj)._default_manager.filter(pk=obj.pk))
    rows: list[models.Model] = [*stored]
    if isinstance(obj, Placement):
        slots = list(Slot.objects.filter(placement_id=obj.pk).order_by("pk"))
        rows += [*slots, *SlotRule.objects.filter(slot__placement_id=obj.pk).order_by("pk")]
    elif isinstance(obj, Slot):
        rows += SlotRule.objects.filter(slot_id=obj.pk).order_by("pk")
    elif isinstance(obj, Bundle):
        rows += obj.items.order_by("pk")
    return rows_of(rows)


def revision_record(
    *, obj: models.Model, before: Sequence[Row], after: Sequence[Row], user: Any = None
) -> Revision | None:
    """Keep a change; None when nothing changed."""
    if list(before) == list(after):
        return None
    return Revision.objects.create(
        channel=_channel(obj),
        user=user if getattr(user, "pk", None) else None,
        model=obj._meta.label_lower,
        object_id=str((after or before)[0]["pk"]),
        label=f"{obj._meta.verbose_name}: {obj}"[:200],
        summary="\n".join(difference(before, after)),
        before=list(before),
        after=list(after),
    )


def undo_steps(revision: Revision) -> list[tuple[str, Any, str]]:
    """What undoing does, row by row: ``(model, pk, "add" | "change" | "delete")``, the changed object first.

    A change that touched only what belongs to the object is a change of the object as well.
    """
    steps = row_steps(revision.before, revision.after)
    own = next(iter(rows_by_key([*revision.before, *revision.after])), None)
    if own is not None:
        steps = {own: steps.pop(own, "change"), **steps}
    return [(label, pk, action) for (label, pk), action in steps.items()]


def revision_undo(*, revision: Revision, user: Any = None) -> Revision | None:
    """Put the values before a change back; the undoing is a change of its own, which is returned.

    Raises ``UndoConflict`` when it was undone already, when what it changed was changed again since, when something
    that it refers to is gone, or when something else has taken its place.
    """
    model = apps.get_model(revision.model)
    with transaction.atomic():
        # Locked, so that two clicks do not undo it twice.
        held = Revision.objects.select_for_update().get(pk=revision.pk)
        if held.undone_at is not None:
            raise UndoConflict(_("This change was undone before."))
        touched = rows_unchanged(held.before, held.after)
        pk = model._meta.pk.to_python(held.object_id)
        before = snapshot(model(pk=pk))
        # What was added to it would go with it.
        if not held.before and rows_by_key(before).keys() - rows_by_key(held.after).keys():
            raise UndoConflict(_("This was changed again since: undo the later change first."))
        rows_put_back(held.before, touched)
        held.undone_at, held.undone_by = timezone.now(), user if getattr(user, "pk", None) else None
        held.save(update_fields=["undone_at", "undone_by"])
        after = snapshot(model(pk=pk))
        named = model._default_manager.filter(pk=pk).first() or model(pk=pk)
        undoing = revision_record(obj=named, before=before, after=after, user=user)
    revision.refresh_from_db()
    return undoing


def _channel(obj: Any) -> str:
    if isinstance(obj, Slot):
        return obj.placement.channel if obj.placement_id else ""
    return str(getattr(obj, "channel", ""))
