"""Columns of numbers straight out of PostgreSQL: a million rows are one value of a few megabytes, not Python objects.

Only for readers of whole tables (training); imports numpy.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from django.core.exceptions import EmptyResultSet
from django.db import connections
from django.db.models import QuerySet

if TYPE_CHECKING:
    from numpy.typing import NDArray

#: Kind of a column: the type it is cast to, and its big-endian elements as numpy sees them.
KINDS = {"int": ("int8", ">i8", 1), "float": ("float8", ">f8", 1), "uuid": ("uuid", ">u8", 2)}
#: Number of dimensions, flag of nulls, type, length, lower bound: what `array_send` puts before the elements.
_HEAD = 20


def arrays_available(rows: QuerySet[Any]) -> bool:
    """Whether ``rows`` come from a database that ``arrays_read`` can read."""
    return connections[rows.db].vendor == "postgresql"


def arrays_read(rows: QuerySet[Any], kinds: Sequence[str]) -> list[NDArray[Any]]:
    """The columns of a ``values_list`` queryset, one of `KINDS` each and never null, in the order of its rows.

    "int" gives int64 [n], "float" float64 [n], "uuid" uint64 [n, 2] (the halves of each id). The whole result is one
    row for the database (1 GB at most): slice ``rows`` to some hundred thousand. Raises ``ValueError`` for a null.
    """
    try:
        sql, parameters = rows.query.get_compiler(rows.db).as_sql()
    except EmptyResultSet:
        return [_elements(None, kind) for kind in kinds]
    names = [f"c{place}" for place in range(len(kinds))]
    columns = ", ".join(
        f"array_send(array_agg({name}::{KINDS[kind][0]}))" for name, kind in zip(names, kinds, strict=True)
    )
    with connections[rows.db].cursor() as cursor:
        cursor.execute(f"SELECT {columns} FROM ({sql}) AS r ({', '.join(names)})", parameters)  # noqa: S608
        found = cursor.fetchone()
    return [_elements(raw, kind) for raw, kind in zip(found, kinds, strict=True)]


def _elements(raw: bytes | memoryview | None, kind: str) -> NDArray[Any]:
    _, element, parts = KINDS[kind]
    shape = (-1, parts) if parts > 1 else (-1,)
    if raw is None:  # no rows
        return np.empty(0, dtype=np.dtype(element).newbyteorder("=")).reshape(shape if parts == 1 else (0, parts))
    cell = np.dtype([("length", ">i4"), ("value", element, (parts,))])
    size = int.from_bytes(raw[12:16], "big")
    if len(raw) != _HEAD + size * cell.itemsize:
        raise ValueError("a column that is read as an array holds a null: coalesce it")
    values = np.frombuffer(raw, dtype=cell, offset=_HEAD)["value"]
    return np.ascontiguousarray(values.astype(np.dtype(element).newbyteorder("="))).reshape(shape)


def nullable(values: NDArray[Any], otherwise: float | None = None) -> list[Any]:
    """Numbers for a column: what is not finite is ``otherwise``."""
    found = values.astype(object)
    found[~np.isfinite(values)] = otherwise
    return list(found.tolist())
