"""What staff changed in the admin: kept with the values before and after it, and undone on request."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from django.apps import apps
from django.core import serializers
from django.core.exceptions import ValidationError
from django.db import IntegrityError, models, transaction
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _

from django_ecomai.core.registry import strategies

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
    named = _Words([*old.items(), *new.items()])
    lines = []
    for key in [*new, *(key for key in old if key not in new)]:
        model = apps.get_model(key[0])
        name = named.row(model, key[1], new.get(key) or old[key])
        if key not in old:
            lines.append(_("added %(what)s (%(values)s)") % {"what": name, "values": named.fields(model, new[key])})
        elif key not in new:
            lines.append(_("deleted %(what)s (%(values)s)") % {"what": name, "values": named.fields(model, old[key])})
        else:
            for field, value in new[key].items():
                was = old[key].get(field)
                if was != value:
                    said = {"old": named.value(model, field, was), "new": named.value(model, field, value)}
                    said |= {"what": name, "field": _name(model, field)}
                    lines.append(_("%(what)s, %(field)s: %(old)s → %(new)s") % said)
    return lines


def undo_steps(revision: Revision) -> list[tuple[str, Any, str]]:
    """What undoing does, row by row: ``(model, pk, "add" | "change" | "delete")``, the changed object first.

    A change that touched only what belongs to the object is a change of the object as well.
    """
    old, new = _by_key(revision.before), _by_key(revision.after)
    steps: dict[tuple[str, Any], str] = {}
    for key in [*old, *(key for key in new if key not in old)]:
        if old.get(key) != new.get(key):
            steps[key] = "delete" if key not in old else "add" if key not in new else "change"
    own = next(iter({**old, **new}), None)
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
        old, new = _by_key(held.before), _by_key(held.after)
        touched = [key for key in {**old, **new} if old.get(key) != new.get(key)]
        current = {key: _stored(key) for key in touched}
        if not all(_unchanged(current[key], new.get(key)) for key in touched):
            raise UndoConflict(_("This was changed again since: undo the later change first."))
        pk = model._meta.pk.to_python(held.object_id)
        before = snapshot(model(pk=pk))
        if not held.before and _by_key(before).keys() - new.keys():  # what was added to it would go with it
            raise UndoConflict(_("This was changed again since: undo the later change first."))
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
    for found in serializers.deserialize("python", [_of_today(row) for row in rows]):
        try:
            found.object.clean_fields()  # a product or a customer that it names may be gone
        except ValidationError as error:
            raise UndoConflict(
                _("Something that it refers to is gone: %(detail)s") % {"detail": " ".join(error.messages)}
            ) from error
        found.object._state.adding = False  # so that its own row does not stand in its way
        try:
            found.object.validate_unique()
            found.object.validate_constraints()
            with transaction.atomic():
                found.save()
        except ValidationError as error:
            raise UndoConflict(_taken(" ".join(error.messages))) from error
        except IntegrityError as error:  # taken in this very moment
            raise UndoConflict(_taken(str(found.object))) from error


def _unchanged(current: Mapping[str, Any] | None, kept: Mapping[str, Any] | None) -> bool:
    """Whether a row still is as it was kept: of the fields that it had then and has now, as migrations come between."""
    if current is None or kept is None:
        return current is kept
    return all(current[name] == value for name, value in kept.items() if name in current)


def _of_today(row: Row) -> Row:
    """A kept row without fields that are gone; those added since stay as they are, or have their defaults."""
    meta = apps.get_model(row["model"])._meta
    known = {field.name for field in (*meta.concrete_fields, *meta.many_to_many)}
    kept = {name: value for name, value in row["fields"].items() if name in known}
    return {**row, "fields": {**(_stored((row["model"], row["pk"])) or {}), **kept}}


def _taken(detail: str) -> str:
    return _("Something else has taken its place. Change or delete that first, then undo: %(detail)s") % {
        "detail": detail
    }


def _stored(key: tuple[str, Any]) -> Mapping[str, Any] | None:
    found = apps.get_model(key[0])._default_manager.filter(pk=key[1]).first()
    return None if found is None else json.loads(serializers.serialize("json", [found]))[0]["fields"]


def _by_key(rows: Iterable[Row]) -> dict[tuple[str, Any], Mapping[str, Any]]:
    return {(row["model"], row["pk"]): row["fields"] for row in rows}


class _Words:
    """Rows and values as a merchant knows them: titles instead of numbers, yes instead of True.

    ``rows`` are ``((model, pk), fields)``; what they refer to is looked up once per model.
    """

    def __init__(self, rows: Iterable[tuple[tuple[str, Any], Mapping[str, Any]]]) -> None:
        wanted: dict[type[models.Model], set[Any]] = {}
        for (label, _pk), fields in rows:
            for name, value in fields.items():
                target = _target(apps.get_model(label)._meta.get_field(name))
                if target is not None and value is not None:
                    wanted.setdefault(target, set()).add(value)
        self.titles = {target: target._default_manager.in_bulk(list(keys)) for target, keys in wanted.items()}

    def row(self, model: type[models.Model], pk: Any, fields: Mapping[str, Any]) -> str:
        """``carousel “For you”``, ``rule for all carousels “Lamps”``."""
        given = fields.get("title") or fields.get("label")
        about = next((name for name in ("product", "category") if fields.get(name)), "")
        said = given or (self.value(model, about, fields[about]) if about else pk)
        return f"{model._meta.verbose_name} “{said}”"

    def fields(self, model: type[models.Model], fields: Mapping[str, Any]) -> str:
        """What was decided: without what is empty or as it always is."""
        shown = []
        for name, value in fields.items():
            field: Any = model._meta.get_field(name)
            if value not in (None, "", []) and value != (field.get_default() if field.has_default() else None):
                shown.append(f"{_name(model, name)}: {self.value(model, name, value)}")
        return ", ".join(shown)

    def value(self, model: type[models.Model], name: str, value: Any) -> str:
        """One value of a field."""
        field: Any = model._meta.get_field(name)
        if value is None or value == "":
            return "–"
        if isinstance(value, bool):
            return _("yes") if value else _("no")
        if (target := _target(field)) is not None:
            return str(self.titles.get(target, {}).get(value, value))
        if isinstance(field, models.DateTimeField):
            moment = field.to_python(value)
            return date_format(timezone.localtime(moment), "SHORT_DATETIME_FORMAT")
        if name == "strategy" and value in strategies:
            return str(strategies.get(value).label)
        return str(dict(field.flatchoices).get(value, value))


def _target(field: Any) -> type[models.Model] | None:
    return field.remote_field.model if field.many_to_one or field.one_to_one else None


def _name(model: type[models.Model], field: str) -> str:
    return str(getattr(model._meta.get_field(field), "verbose_name", field))


def _channel(obj: Any) -> str:
    if isinstance(obj, Slot):
        return obj.placement.channel if obj.placement_id else ""
    return str(getattr(obj, "channel", ""))
