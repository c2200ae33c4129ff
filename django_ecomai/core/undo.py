"""What a person changed, as rows before and after it: told in words, and put back. No models: who keeps them has one.

A row is ``{"model", "pk", "fields"}``, fields as Django's serializer writes them; what was added is missing before a
change, what was deleted after it.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from itertools import groupby
from typing import Any

from django.apps import apps
from django.contrib.auth import get_user_model
from django.core import serializers
from django.core.exceptions import ValidationError
from django.db import IntegrityError, models, transaction
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _

from .registry import strategies

Row = dict[str, Any]
Key = tuple[str, Any]


class UndoConflict(Exception):
    """A change cannot be undone; the message says why."""


def rows_of(objects: Iterable[models.Model]) -> list[Row]:
    """Objects as rows, through JSON, so that moments and decimals read the same before and after they were stored."""
    found: list[Row] = json.loads(serializers.serialize("json", objects))
    return found


def difference(before: Sequence[Row], after: Sequence[Row]) -> list[str]:
    """One line per changed field, added or deleted row, old -> new, in the words of the admin."""
    old, new = rows_by_key(before), rows_by_key(after)
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


def row_steps(before: Sequence[Row], after: Sequence[Row]) -> dict[Key, str]:
    """What undoing does to each row that differs: "add", "change" or "delete"."""
    old, new = rows_by_key(before), rows_by_key(after)
    return {
        key: "delete" if key not in old else "add" if key not in new else "change"
        for key in [*old, *(key for key in new if key not in old)]
        if old.get(key) != new.get(key)
    }


def rows_unchanged(before: Sequence[Row], after: Sequence[Row]) -> list[Key]:
    """Keys of the rows that differ, locked. Raises ``UndoConflict`` when one of them is not as it was left."""
    old, new = rows_by_key(before), rows_by_key(after)
    touched = [key for key in {**old, **new} if old.get(key) != new.get(key)]
    current = _stored_rows(touched)
    if not all(_unchanged(key[0], current.get(key), new.get(key)) for key in touched):
        raise UndoConflict(_("This was changed again since: undo the later change first."))
    return touched


def rows_put_back(before: Sequence[Row], touched: Sequence[Key]) -> None:
    """Write these rows as they were; those that were not there are deleted. Raises ``UndoConflict``."""
    old = rows_by_key(before)
    for label, keys in groupby(reversed([key for key in touched if key not in old]), key=lambda key: key[0]):
        pks = [key[1] for key in keys]
        for begin in range(0, len(pks), 500):
            apps.get_model(label)._default_manager.filter(pk__in=pks[begin : begin + 500]).delete()
    chosen = set(touched)
    _restore([row for row in before if (row["model"], row["pk"]) in chosen])


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


def _unchanged(label: str, current: Mapping[str, Any] | None, kept: Mapping[str, Any] | None) -> bool:
    """Whether a row still is as it was kept: of the fields that it had then and has now, as migrations come between,
    and without who did it, as accounts are deleted."""
    if current is None or kept is None:
        return current is kept
    people = _people(label)
    return all(current[name] == value for name, value in kept.items() if name in current and name not in people)


def _people(label: str) -> dict[str, str]:
    """Fields that name an account and may be empty, with what of the account they hold."""
    fields: list[Any] = [field for field in apps.get_model(label)._meta.concrete_fields if field.null]
    return {
        field.name: field.target_field.attname
        for field in fields
        if field.many_to_one and field.remote_field.model is get_user_model()
    }


def _of_today(row: Row) -> Row:
    """A kept row without fields and accounts that are gone; fields added since stay, or have their defaults."""
    meta = apps.get_model(row["model"])._meta
    known = {field.name for field in (*meta.concrete_fields, *meta.many_to_many)}
    kept = {name: value for name, value in row["fields"].items() if name in known}
    for name, key in _people(row["model"]).items():
        if kept.get(name) is not None and not get_user_model()._base_manager.filter(**{key: kept[name]}).exists():
            kept[name] = None  # the account was deleted
    return {**row, "fields": {**(_stored((row["model"], row["pk"])) or {}), **kept}}


def _taken(detail: str) -> str:
    return _("Something else has taken its place. Change or delete that first, then undo: %(detail)s") % {
        "detail": detail
    }


def _stored(key: tuple[str, Any]) -> Mapping[str, Any] | None:
    found = apps.get_model(key[0])._default_manager.filter(pk=key[1]).first()
    return None if found is None else json.loads(serializers.serialize("json", [found]))[0]["fields"]


def _stored_rows(keys: Sequence[Key]) -> dict[Key, Mapping[str, Any]]:
    """As they stand in the database, a query per model and 500 rows. Locked, so that they stay so until they are
    written: what a colleague saves in between would be lost untold."""
    wanted: dict[str, list[Any]] = {}
    for label, pk in keys:
        wanted.setdefault(label, []).append(pk)
    found: dict[Key, Mapping[str, Any]] = {}
    for label, pks in wanted.items():
        manager = apps.get_model(label)._default_manager
        for begin in range(0, len(pks), 500):
            found |= rows_by_key(
                rows_of(manager.select_for_update().filter(pk__in=pks[begin : begin + 500]).order_by("pk"))
            )
    return found


def rows_by_key(rows: Iterable[Row]) -> dict[Key, Mapping[str, Any]]:
    """Fields by model and key."""
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
