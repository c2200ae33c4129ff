"""Querysets whose SQL is compiled once: Django spends longer on building a large UNION than on reading its rows.

The SQL is Django's own, from a queryset built with marks in place of the values; later calls only put their values
where the marks stood. It works on every backend that Django's compiler works on.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Hashable, Mapping, Sequence
from itertools import islice
from typing import Any, NamedTuple

from django.core.exceptions import EmptyResultSet
from django.db import connections
from django.db.models import QuerySet, UUIDField

#: One text, one UUID, or several texts for an ``IN``.
Value = str | uuid.UUID | Sequence[str]

_MARK = "\x1decomai mark"  # what no shop calls anything
# Shapes are few; whoever makes more of them than this has put a value into the key.
_MOST = 256
_UUIDS = UUIDField()
_UNKNOWN = "unknown"  # None stands for a query that is built each time


class _Statement(NamedTuple):
    """SQL, its parameters, and which of them stand for what: ``(place, name, index in a sequence or None)``."""

    sql: str
    parameters: tuple[Any, ...]
    marks: tuple[tuple[int, str, int | None], ...]
    query: Any
    columns: tuple[Any, ...]


# No lock: storing and looking up are one step each, and what two threads compile at once is equal.
_known: dict[Hashable, _Statement | None] = {}


def compiled_rows(
    key: Hashable, make: Callable[[Mapping[str, Any]], QuerySet[Any, Any]], values: Mapping[str, Value], *, using: str
) -> list[tuple[Any, ...]]:
    """The rows of ``make(values)``, a ``values_list`` in the order of its columns.

    ``key`` names everything that decides the SQL beside ``values`` and the lengths of its sequences, limits too.
    ``make`` must put the values into the query as they are, and must not look at them. A sequence is filled up to a
    round length with its last element, so that few lengths are compiled: use it for ``IN`` only. None may be empty.
    A query in which a value does not arrive as a parameter is built anew each time. Raises what the database raises.
    """
    filled = {name: value if isinstance(value, str | uuid.UUID) else _rounded(value) for name, value in values.items()}
    lengths = tuple(len(value) if isinstance(value, list) else 0 for value in filled.values())
    shape = (using, key, tuple(filled), lengths)
    statement = _known.get(shape, _UNKNOWN)
    if isinstance(statement, str):
        statement = _compile(make, filled, using)
        if len(_known) >= _MOST:
            _known.clear()
        _known[shape] = statement
    if statement is None:
        return list(make(values).using(using))
    connection = connections[using]
    parameters = list(statement.parameters)
    for place, name, index in statement.marks:
        value = filled[name]
        if isinstance(value, uuid.UUID):
            parameters[place] = _UUIDS.get_db_prep_value(value, connection)
        else:
            parameters[place] = value if index is None else value[index]
    with connection.cursor() as cursor:
        cursor.execute(statement.sql, parameters)
        rows = list(cursor.fetchall())
    compiler = statement.query.get_compiler(connection=connection)
    converters = compiler.get_converters(statement.columns)
    return [tuple(row) for row in compiler.apply_converters(rows, converters)] if converters else rows


def _rounded(texts: Sequence[str]) -> list[str]:
    """Up to a multiple of 8, beyond 64 of 16, beyond 128 of 32, and so on: at most a quarter is for nothing."""
    step = 1 << max(3, (len(texts) - 1).bit_length() - 3)
    found = [str(one) for one in texts]  # as a CharField would: a strategy of another app may name a number
    return [*found, *([found[-1]] * (-len(found) % step))]


def _compile(
    make: Callable[[Mapping[str, Any]], QuerySet[Any, Any]], values: Mapping[str, Any], using: str
) -> _Statement | None:
    """None when the marks do not come back as they went in, or when there is nothing to ask."""
    connection = connections[using]
    marked: dict[str, Any] = {}
    meaning: dict[Any, tuple[str, int | None]] = {}
    for number, (name, value) in enumerate(values.items()):
        if isinstance(value, uuid.UUID):
            marked[name] = uuid.uuid5(uuid.NAMESPACE_OID, _MARK + name)
            meaning[_UUIDS.get_db_prep_value(marked[name], connection)] = (name, None)
        elif isinstance(value, str):
            marked[name] = f"{_MARK} {number}"
            meaning[marked[name]] = (name, None)
        else:
            marked[name] = [f"{_MARK} {number} {index:06d}" for index in range(len(value))]
            meaning.update({mark: (name, index) for index, mark in enumerate(marked[name])})
    compiler = make(marked).query.get_compiler(using)
    try:
        sql, parameters = compiler.as_sql()
    except EmptyResultSet:
        return None
    marks = []
    for place, parameter in enumerate(parameters):
        if isinstance(parameter, str | uuid.UUID) and parameter in meaning:
            marks.append((place, *meaning[parameter]))
        elif _MARK in str(parameter):
            return None  # changed on its way, as a LIKE does
    if {(name, index) for _place, name, index in marks} != set(meaning.values()) or not sql:
        return None
    if compiler.has_extra_select:
        return None  # columns that only the order needs would come with the rows
    columns = tuple(column for column, *_rest in islice(compiler.select, compiler.col_count))
    return _Statement(sql, tuple(parameters), tuple(marks), compiler.query, columns)
