"""Paths such as ``"category__name"`` from a model: checked, then read from rows or from instances."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from django.core.exceptions import FieldDoesNotExist, ObjectDoesNotExist
from django.db import models


class PathError(ValueError):
    """A path that leads nowhere; ``nearest`` is the closest existing name, if any."""

    def __init__(self, message: str, *, nearest: str | None = None) -> None:
        super().__init__(message)
        self.nearest = nearest


@dataclass(frozen=True)
class Path:
    """A checked path.

    ``kind``: ``"field"`` (the database can read it), ``"attribute"`` (only an instance can), ``"many"`` (a
    to-many relation).
    """

    text: str
    kind: str
    field: Any = None
    select: str = ""  # what to select_related so that reading it from an instance makes no query


def names_of(model: type[models.Model]) -> list[str]:
    """Names that may follow in a path.

    Fields, relations, and public properties and methods of the model's own classes.
    """
    names = [f.name for f in model._meta.get_fields()] + ["pk"]
    for klass in model.__mro__:
        if klass is models.Model:
            break
        names += [n for n in vars(klass) if not n.startswith("_") and n not in names]
    return names


def path_resolve(model: type[models.Model], text: str) -> Path:
    """Check a path against a model. Raises ``PathError`` naming the nearest existing field."""
    parts = text.split("__")
    current = model
    select: list[str] = []
    for position, part in enumerate(parts):
        last = position == len(parts) - 1
        if part == "pk":
            field: Any = current._meta.pk
        else:
            try:
                field = current._meta.get_field(part)
            except FieldDoesNotExist:
                return _attribute(current, text, part, last, select)
        if field.is_relation and (field.many_to_many or field.one_to_many):
            if not last:
                raise PathError(f"{text!r}: {part!r} leads to many rows; write a function instead of a path.")
            return Path(text, "many", field, "__".join(select))
        if last:
            return Path(text, "field", field, "__".join(select))
        if isinstance(field, models.JSONField):
            return Path(text, "field", None, "__".join(select))
        if not field.is_relation or part != field.name:
            raise PathError(f"{text!r}: {part!r} is no relation, so nothing can follow it.")
        select.append(part)
        current = field.related_model
    raise PathError(f"{text!r} is empty.")


def _attribute(model: type[models.Model], text: str, part: str, last: bool, select: list[str]) -> Path:
    if part and last and not part.startswith("_") and hasattr(model, part):
        return Path(text, "attribute", None, "__".join(select))
    near = difflib.get_close_matches(part, names_of(model), n=1, cutoff=0.4) if not part.startswith("_") else []
    raise PathError(
        f"{text!r}: {model._meta.label} has no field {part!r}.",
        nearest="__".join([*text.split("__")[: text.split("__").index(part)], near[0]]) if near else None,
    )


def getter(text: str) -> Callable[[Any], Any]:
    """A function that reads a path from an instance: None anywhere on the way gives None, methods are called."""
    parts = text.split("__")

    def get(obj: Any) -> Any:
        for part in parts:
            if obj is None:
                return None
            if isinstance(obj, Mapping):
                obj = obj.get(part)
                continue
            try:
                obj = getattr(obj, part)
            except ObjectDoesNotExist:  # a reverse one-to-one that is not there
                return None
            if callable(obj) and not isinstance(obj, type):
                obj = obj()
        return obj

    return get


def link_find(model: type[models.Model], target: type[models.Model] | None, *, many: bool = False) -> str | None:
    """Name of the one relation from ``model`` to ``target``; ``None`` when there is none or more than one."""
    if target is None:
        return None
    found = [
        f.name
        for f in model._meta.get_fields()
        if f.is_relation
        and not f.auto_created
        and f.related_model is not None
        and f.related_model._meta.concrete_model is target._meta.concrete_model
        and (f.many_to_one or f.one_to_one or (many and f.many_to_many))
    ]
    return found[0] if len(found) == 1 else None
