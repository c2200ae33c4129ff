"""Writing many rows at once, on every database that Django supports."""

from __future__ import annotations

import hashlib
import json
from array import array
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from typing import Any, TypeVar

from django.db import connections, models, router

from django_ecomai.core.mysql import conflict_target

T = TypeVar("T")
CHUNK = 1000


def batched(items: Iterable[T], size: int) -> Iterator[list[T]]:
    """Lists of up to ``size`` items."""
    iterator = iter(items)
    while batch := list(islice(iterator, size)):
        yield batch


def fingerprint(values: Iterable[Any]) -> str:
    """A hash of values as 32 hex digits; the same values always give the same."""
    return hashlib.blake2b("\x1f".join(map(str, values)).encode(), digest_size=16).hexdigest()


class SeenIds:
    """A set of ids in about sixteen bytes each: half a million take 8 MB, where a ``set`` of texts takes 60.

    Open addressing over eight-byte hashes. Two ids share a hash once in about ten million sets of half a million.
    """

    def __init__(self) -> None:
        self._slots = array("Q", bytes(8 * 64))
        self._count = 0

    def add(self, value: str) -> bool:
        """``True`` when the id was not there yet."""
        if self._count * 3 >= len(self._slots) * 2:
            old = self._slots
            self._slots = array("Q", bytes(2 * old.itemsize * len(old)))
            for code in old:
                if code:
                    self._slots[self._slot(code)] = code
        code = _hash64(value)
        at = self._slot(code)
        if self._slots[at]:
            return False
        self._slots[at] = code
        self._count += 1
        return True

    def _slot(self, code: int) -> int:
        """Where a hash stands, or the free slot where it belongs."""
        slots = self._slots
        mask = len(slots) - 1
        at = code & mask
        while slots[at] and slots[at] != code:
            at = (at + 1) & mask
        return at

    def __len__(self) -> int:
        return self._count

    def __contains__(self, value: object) -> bool:
        return bool(self._slots[self._slot(_hash64(str(value)))])


def _hash64(value: str) -> int:
    # Python's own hash differs between processes, which is fine: a set lives as long as one pass. Zero means free.
    return hash(value) & 0xFFFFFFFFFFFFFFFF or 1


def rows_upsert(
    model: type[models.Model],
    columns: Sequence[str],
    rows: Sequence[Sequence[Any]],
    *,
    unique: Sequence[str] = ("channel", "external_id"),
    update: Sequence[str] | None = None,
) -> None:
    """Insert rows (values in the order of ``columns``, attribute names), updating those that exist by ``unique``.

    ``update`` names the columns written on a conflict (default: all others).
    """
    if not rows:
        return
    # One order for all writers: a sync and a live change that lock the same rows the other way round would wait for
    # each other.
    keys = [list(columns).index(name) for name in unique]
    rows = sorted(rows, key=lambda row: [row[key] for key in keys])
    changing = [c for c in columns if c not in unique] if update is None else list(update)
    connection = connections[router.db_for_write(model)]
    if connection.vendor == "sqlite":
        # bulk_create builds an instance and a placeholder per value: four times as slow as one prepared statement.
        return _sqlite_upsert(connection, model, columns, rows, unique, changing)
    objects = [model(**dict(zip(columns, row, strict=True))) for row in rows]
    model._base_manager.bulk_create(
        objects, batch_size=CHUNK, update_conflicts=True, update_fields=changing, **conflict_target(model, *unique)
    )


def _sqlite_upsert(
    connection: Any,
    model: type[models.Model],
    columns: Sequence[str],
    rows: Sequence[Sequence[Any]],
    unique: Sequence[str],
    changing: Sequence[str],
) -> None:
    quote = connection.ops.quote_name
    fields: list[Any] = [model._meta.get_field(c) for c in columns]
    name = {c: quote(f.column) for c, f in zip(columns, fields, strict=True)}
    # Fields with a Python-side default that are not among the columns would be NULL otherwise.
    missing = [f for f in model._meta.concrete_fields if not f.primary_key and not {f.attname, f.name} & set(columns)]
    tail = [f.get_db_prep_save(_initial(f), connection) for f in missing]
    into = [*(name[c] for c in columns), *(quote(f.column) for f in missing)]
    sql = (
        f"INSERT INTO {quote(model._meta.db_table)} ({', '.join(into)}) VALUES ({', '.join(['%s'] * len(into))}) "  # noqa: S608 - names only
        f"ON CONFLICT ({', '.join(name[c] for c in unique)}) DO UPDATE SET "
        + ", ".join(f"{name[c]} = excluded.{name[c]}" for c in changing)
    )
    converters = [(i, c) for i, f in enumerate(fields) if (c := _converter(f, connection)) is not None]

    def prepared() -> Iterator[list[Any]]:
        for row in rows:
            values = list(row)
            for index, convert in converters:
                if values[index] is not None:
                    values[index] = convert(values[index])
            yield values + tail if tail else values

    with connection.cursor() as cursor:
        cursor.executemany(sql, list(prepared()))


def _initial(field: Any) -> Any:
    return None if field.null and not field.has_default() else field.get_default()


def _converter(field: Any, connection: Any) -> Callable[[Any], Any] | None:
    """How SQLite wants a value; ``None``: as it is.

    Dates and amounts repeat, so each distinct one is converted once.
    """
    if isinstance(field, models.JSONField):
        return json.dumps
    if isinstance(field, models.DecimalField):
        return _Cached("{:f}".format).__getitem__
    if isinstance(field, models.DateTimeField):
        return _Cached(lambda value: field.get_db_prep_save(value, connection)).__getitem__
    return None


class _Cached(dict[Any, Any]):
    """A dict that makes what it lacks."""

    def __init__(self, make: Callable[[Any], Any]) -> None:
        super().__init__()
        self.make = make

    def __missing__(self, key: Any) -> Any:
        value = self[key] = self.make(key)
        return value


def column_update(model: type[models.Model], column: str, pairs: Sequence[tuple[Any, ...]], *more: str) -> None:
    """``UPDATE … SET column = value WHERE pk = …`` for pairs ``(value, pk)``, in the order of the keys.

    With ``more`` columns the values come first, the key last.
    """
    if not pairs:
        return
    pairs = sorted(pairs, key=lambda pair: pair[-1])  # see rows_upsert
    connection = connections[router.db_for_write(model)]
    quote = connection.ops.quote_name
    fields: list[Any] = [model._meta.get_field(c) for c in (column, *more)]
    assignments = ", ".join(f"{quote(f.column)} = %s" for f in fields)
    key: Any = model._meta.pk
    sql = f"UPDATE {quote(model._meta.db_table)} SET {assignments} WHERE {quote(key.column)} = %s"  # noqa: S608 - names only
    params = [
        [*(f.get_db_prep_save(v, connection) for f, v in zip(fields, pair[:-1], strict=True)), pair[-1]]
        for pair in pairs
    ]
    with connection.cursor() as cursor:
        cursor.executemany(sql, params)


def links_set(
    through: type[models.Model], left: str, right: str, wanted: dict[Any, set[Any]], *, fresh: set[Any]
) -> set[Any]:
    """Make the rows of a many-to-many table match ``wanted`` (left key -> right keys); ``fresh`` keys have none yet.

    Returns the right keys that lost a row.
    """
    have: dict[Any, dict[Any, Any]] = {}
    old = [key for key in wanted if key not in fresh]
    if old:
        rows = through._base_manager.filter(**{f"{left}__in": old}).values_list("pk", left, right)
        for pk, left_key, right_key in rows:
            have.setdefault(left_key, {})[right_key] = pk
    gone, new = [], []
    parted: set[Any] = set()
    for key, targets in sorted(wanted.items()):  # see rows_upsert
        present = have.get(key, {})
        gone += [pk for right_key, pk in present.items() if right_key not in targets]
        parted |= present.keys() - targets
        new += [through(**{left: key, right: target}) for target in sorted(targets) if target not in present]
    if gone:
        through._base_manager.filter(pk__in=gone).delete()
    if new:
        through._base_manager.bulk_create(new, batch_size=CHUNK, ignore_conflicts=True)
    return parted
