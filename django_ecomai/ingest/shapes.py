"""JSON objects into the rows that adapters give. The mirror cleans values; here only their shape is looked at."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from django.utils import timezone

from django_ecomai.adapters.files import FLAGS, FileFormat, flag_read
from django_ecomai.adapters.rows import ROW_TYPES, OrderLineRow, ReturnRow
from django_ecomai.events.cleaning import moment_read
from django_ecomai.events.consent import PURPOSES
from django_ecomai.mirror.services.cleaning import CONTROL

from .services.versions import AHEAD

_FORM = FileFormat()
_LISTS = {"category_ids", "product_ids"}
_PARTS: dict[str, type] = {"lines": OrderLineRow, "returns": ReturnRow}
# Linking an account of this project to a customer would show its owner that customer's history.
_NEVER = {"user_id"}
# By which the row is known, as far as it has a version of its own.
KEYED_BY_PRODUCT = ("price", "stock")
_NEEDED = {"promotion": ("starts_at",), "review": ("product_id",), "order": ("placed_at",), "stock": ("quantity",)}
_NESTED = 20


class BadShape(Exception):
    """The row cannot be one; the text is the reason in the verdict."""


@dataclass(frozen=True, slots=True)
class Shaped:
    """A row as it was sent: ``given`` are its fields, ``None`` where it says null."""

    table: str
    id: str
    given: Mapping[str, Any]
    deleted: bool = False
    updated_at: datetime | None = None
    consent: frozenset[str] | None = None
    notes: tuple[str, ...] = ()

    @property
    def observed_at(self) -> datetime | None:
        """Since when it holds, of rows that say so; else when the shop changed it."""
        if (given := self.given.get("valid_from")) in (None, ""):
            return self.updated_at
        try:
            return min(moment_read(given, naive=timezone.get_default_timezone())[0], datetime.now(UTC) + AHEAD)
        except (ValueError, TypeError):
            return None  # the mirror says so

    def only(self, *names: str) -> Shaped:
        """The row without its other fields."""
        kept = {"id", "updated_at", *names}
        return replace(self, given={name: value for name, value in self.given.items() if name in kept})

    def row(self, **known: Any) -> Any:
        """The adapter's row; ``known`` fills in what was left out."""
        kind = ROW_TYPES[self.table]
        empty = {"category_ids": (), "product_ids": (), "attributes": {}, "lines": (), "returns": (), "is_active": True}
        values = {
            name: empty.get(name, "" if _is_text(kind, name) else None) if value is None else value
            for name, value in self.given.items()
        }
        return kind(**{**known, **values})


def _is_text(kind: type, name: str) -> bool:
    return next(str(field.type) == "str" for field in fields(kind) if field.name == name)


def row_shape(table: str, raw: Any, *, now: datetime | None = None) -> Shaped:
    """Read one row of a table. Raises ``BadShape``."""
    if not isinstance(raw, Mapping):
        raise BadShape("not_an_object")
    kind, now = ROW_TYPES[table], now or datetime.now(UTC)
    notes: list[str] = []
    given = _fields(kind, raw, notes, extra={"deleted", "updated_at", "consent"})
    key = "product_id" if table in KEYED_BY_PRODUCT else "id"
    ident = given.get(key)
    if ident is None or ident == "":
        raise BadShape(f"{key}_missing")
    given[key] = ident = str(ident).strip()
    if CONTROL.search(ident):
        raise BadShape(f"control_character:{key}")
    if table == "order" and not raw.get("deleted") and "lines" not in raw:
        raise BadShape("lines_missing")
    moment = _moment(raw.get("updated_at"), now, notes)
    if "updated_at" in given:
        given["updated_at"] = moment
    if table in KEYED_BY_PRODUCT and given.get("valid_from") is None and moment is not None:
        given["valid_from"] = moment
    if table == "price" and given.get("valid_from") is None:
        raise BadShape("valid_from_missing")
    for name in _NEEDED.get(table, ()):  # without a default of their own: the mirror says that they are missing
        given.setdefault(name, None)
    return Shaped(
        table, ident, given,
        deleted=_flag("deleted", raw.get("deleted", False)),
        updated_at=moment,
        consent=consent_read(raw["consent"]) if "consent" in raw else None,
        notes=tuple(notes),
    )  # fmt: skip


def consent_read(value: Any) -> frozenset[str]:
    """Purposes as a list. Raises ``BadShape`` for anything else: a consent is never guessed at."""
    if not isinstance(value, list) or any(not isinstance(one, str) or one not in PURPOSES for one in value):
        raise BadShape("unknown_consent")
    return frozenset(value)


def _fields(kind: type, raw: Mapping[Any, Any], notes: list[str], extra: set[str]) -> dict[str, Any]:
    known = {field.name for field in fields(kind)} - _NEVER
    given: dict[str, Any] = {}
    for name, value in raw.items():
        if name in known:
            given[name] = _value(name, value, notes)
        elif name not in extra:
            notes.append(f"ignored:{str(name)[:32]}")
    return given


def _value(name: str, value: Any, notes: list[str]) -> Any:
    if value is None:
        return None
    if name == "attributes":
        if not isinstance(value, Mapping) or is_deep(value):
            raise BadShape("not_an_object:attributes")
        return plain(value)
    if name in _LISTS:
        if not isinstance(value, list) or any(isinstance(one, list | dict) for one in value):
            raise BadShape(f"not_a_list:{name}")
        return tuple(str(one) for one in value if one is not None)
    if name in _PARTS:
        if not isinstance(value, list) or any(not isinstance(one, Mapping) for one in value):
            raise BadShape(f"not_a_list:{name}")
        return tuple(_PARTS[name](**{"quantity": None, **_part(_PARTS[name], one, notes)}) for one in value)
    if isinstance(value, list | dict):
        raise BadShape(f"not_plain:{name}")
    if name in FLAGS:
        return _flag(name, value)
    if isinstance(value, bool):
        raise BadShape(f"not_plain:{name}")
    return value


def _part(kind: type, raw: Mapping[Any, Any], notes: list[str]) -> dict[str, Any]:
    given = _fields(kind, raw, notes, extra=set())
    return {name: value for name, value in given.items() if value is not None}


def _flag(name: str, value: Any) -> bool:
    if isinstance(value, list | dict):
        raise BadShape(f"not_plain:{name}")
    return False if value is None else flag_read(value, _FORM)


def is_deep(value: Any, most: int = _NESTED) -> bool:
    """Whether JSON is nested more deeply than any honest sender nests it."""
    inner = value.values() if isinstance(value, Mapping) else value if isinstance(value, list) else ()
    return most < 0 or any(is_deep(one, most - 1) for one in inner)


def plain(value: Any) -> Any:
    """Numbers as JSON holds them again."""
    if isinstance(value, Mapping):
        return {str(key): plain(one) for key, one in value.items()}
    if isinstance(value, list):
        return [plain(one) for one in value]
    return float(value) if isinstance(value, Decimal) else value


def _moment(value: Any, now: datetime, notes: list[str]) -> datetime | None:
    if value is None or value == "":
        return None
    if isinstance(value, bool | list | dict | Decimal):
        raise BadShape("not_a_time:updated_at")
    try:
        moment, naive = moment_read(value, naive=timezone.get_default_timezone())
    except ValueError:
        raise BadShape("not_a_time:updated_at") from None
    if naive:
        notes.append("naive_timestamp:updated_at")
    if moment > now + AHEAD:
        notes.append("future_timestamp:updated_at")
        return now
    return moment
