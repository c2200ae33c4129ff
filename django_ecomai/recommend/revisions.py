"""What staff changed in the admin: kept with the values before and after it, and undone on request."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from django.apps import apps
from django.core import serializers
from django.core.exceptions import ValidationError
from django.db import models, transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from .models import Bundle, Placement, Revision, Slot, SlotRule

Row = dict[str, Any]


class UndoConflict(Exception):
    """A change cannot be undone; the message says why."""


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
    # Through JSON, so that moments and decimals read the same before and after they were stored.
    found: list[Row] = json.loads(serializers.serialize("json", rows))
    return found


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


def difference(before: Sequence[Row], after: Sequence[Row]) -> list[str]:
    """One line per changed field, added or deleted row, old -> new, in the words of the admin."""
    old, new = _by_key(before), _by_key(after)
    lines = []
    for key in [*new, *(key for key in old if key not in new)]:
        model = apps.get_model(key[0])
        name = f"{model._meta.verbose_name} {key[1]}"
        if key not in old:
            lines.append(_("added %(what)s (%(values)s)") % {"what": name, "values": _values(model, new[key])})
        elif key not in new:
            lines.append(_("deleted %(what)s (%(values)s)") % {"what": name, "values": _values(model, old[key])})
        else:
            for field, value in new[key].items():
                if old[key].get(field) != value:
                    said = {"what": name, "field": _name(model, field), "old": old[key].get(field), "new": value}
                    lines.append(_("%(what)s, %(field)s: %(old)s → %(new)s") % said)
    return lines


def revision_undo(*, revision: Revision, user: Any = None) -> Revision | None:
    """Put the values before a change back; the undoing is a change of its own, which is returned.

    Raises ``UndoConflict`` when it was undone already, when what it changed was changed again since, or when something
    that it refers to is gone.
    """
    model = apps.get_model(revision.model)
    with transaction.atomic():
        # Locked, so that two clicks do not undo it twice.
        held = Revision.objects.select_for_update().get(pk=revision.pk)
        if held.undone_at is not None:
            raise UndoConflict(_("This change was undone before."))
        old, new = _by_key(held.before), _by_key(held.after)
        touched = [key for key in {**old, **new} if old.get(key) != new.get(key)]
        current = {key: _stored(key) for key in touched}
        if any(current[key] != new.get(key) for key in touched):
            raise UndoConflict(_("This was changed again since: undo the later change first."))
        pk = model._meta.pk.to_python(held.object_id)
        before = snapshot(model(pk=pk))
        for key in reversed([key for key in touched if key not in old]):
            apps.get_model(key[0])._default_manager.filter(pk=key[1]).delete()
        _restore([row for row in held.before if (row["model"], row["pk"]) in touched])
        held.undone_at, held.undone_by = timezone.now(), user if getattr(user, "pk", None) else None
        held.save(update_fields=["undone_at", "undone_by"])
        after = snapshot(model(pk=pk))
        named = model._default_manager.filter(pk=pk).first() or model(pk=pk)
        undoing = revision_record(obj=named, before=before, after=after, user=user)
    revision.refresh_from_db()
    return undoing


def _restore(rows: Sequence[Row]) -> None:
    try:
        for found in serializers.deserialize("python", rows):
            found.object.clean_fields()  # a product or a customer that it names may be gone
            found.save()
    except ValidationError as error:
        raise UndoConflict(
            _("Something that it refers to is gone: %(detail)s") % {"detail": " ".join(error.messages)}
        ) from error


def _stored(key: tuple[str, Any]) -> Mapping[str, Any] | None:
    found = apps.get_model(key[0])._default_manager.filter(pk=key[1]).first()
    return None if found is None else json.loads(serializers.serialize("json", [found]))[0]["fields"]


def _by_key(rows: Iterable[Row]) -> dict[tuple[str, Any], Mapping[str, Any]]:
    return {(row["model"], row["pk"]): row["fields"] for row in rows}


def _values(model: type[models.Model], fields: Mapping[str, Any]) -> str:
    shown = {name: value for name, value in fields.items() if value not in (None, "", [])}
    return ", ".join(f"{_name(model, name)}: {value}" for name, value in shown.items())


def _name(model: type[models.Model], field: str) -> str:
    return str(getattr(model._meta.get_field(field), "verbose_name", field))


def _channel(obj: Any) -> str:
    if isinstance(obj, Slot):
        return obj.placement.channel if obj.placement_id else ""
    return str(getattr(obj, "channel", ""))
