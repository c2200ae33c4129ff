"""One event as one line of JSON, for whatever carries it from the request to the table."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.core.exceptions import ValidationError

from ..models import Event

VERSION = 1
_FIELDS = {str(field.attname): field for field in Event._meta.concrete_fields}
_encode = json.JSONEncoder(separators=(",", ":"), allow_nan=False).encode


class Unreadable(ValueError):
    """A line that no event can be made of; the text says why."""


def event_dump(event: Event, *, personal: bool) -> str:
    """The event without its empty columns, in ASCII and without a line break. Holds what the table will hold, and
    whether the person agreed that his next pages react to it.
    """
    values = {name: _plain(value) for name in _FIELDS if not _is_empty(value := getattr(event, name))}
    return _encode({"v": VERSION, "personal": personal, "event": values})


def event_load(line: str | bytes) -> tuple[Event, bool]:
    """The event, and whether his next pages may react to it. Raises ``Unreadable``."""
    try:
        data = json.loads(line)
    except (ValueError, RecursionError):
        raise Unreadable("not_json") from None
    if not isinstance(data, dict) or data.get("v") != VERSION or not isinstance(data.get("event"), dict):
        raise Unreadable("unknown_version")
    values: dict[str, Any] = {}
    for name, value in data["event"].items():
        field = _FIELDS.get(name)
        if field is None:
            raise Unreadable(f"unknown_field:{name[:32]}")
        try:
            values[name] = value if _is_empty(value) else field.clean(value, None)
        except (ValidationError, TypeError, ValueError, ArithmeticError):
            raise Unreadable(f"invalid:{name}") from None
    missing = {"id", "name", "received_at"} - set(values)
    if missing:
        raise Unreadable(f"missing:{min(missing)}")
    return Event(**values), bool(data.get("personal"))


def lines_of(events: Sequence[Event], *, personal: bool) -> list[str]:
    """A line per event."""
    return [event_dump(event, personal=personal) for event in events]


def _is_empty(value: object) -> bool:
    # Not by ==: the first position is 0, which equals False.
    return value is None or value is False or value == "" or value == {}


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, Decimal | UUID):
        return str(value)
    return value
