"""Live changes of the shop's models: noted when saved, read once after the commit, never in the way of the shop.

A checkout that saves an order and its twelve lines gives one change: the order.
"""

from __future__ import annotations

import itertools
import logging
import threading
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

from django.db import models, transaction
from django.db.models.signals import m2m_changed, post_delete, post_save

from .paths import getter
from .plan import CHILDREN
from .rows import BadRow, Change

if TYPE_CHECKING:
    from .declarative import ModelAdapter

logger = logging.getLogger("django_ecomai")

UNKNOWN = object()
Emit = Callable[[Change], None]


_sequence = itertools.count(1)
_REMEMBERED = 10_000
_TOGETHER = 500
_LOOK_BACK = 100


class _Done(threading.local):
    """What this thread has read after a commit: key -> number of the reading."""

    def __init__(self) -> None:
        self.at: dict[tuple[int, str, Any], int] = {}


_done = _Done()


class _Group:
    """Rows of one table that stand and fall together: read in as many queries as a single row takes."""

    def __init__(self, adapter: ModelAdapter, emit: Emit, table: str) -> None:
        self.adapter, self.emit, self.table = adapter, emit, table
        # key -> (external id, where it is known, and number of its last note)
        self.rows: dict[Any, tuple[str, int]] = {}

    def add(self, pk: Any, ident: str) -> Note:
        """Note one more row."""
        number = next(_sequence)
        self.rows[pk] = (ident or self.rows.get(pk, ("", 0))[0], number)
        return Note(self, pk, number)

    def done(self, pk: Any, number: int) -> bool:
        """Whether the row has been read since that note."""
        return _done.at.get((id(self.adapter), self.table, pk), 0) > number

    def read(self) -> None:
        """Emit every row that has not been read since it was noted."""
        wanted = {pk: ident for pk, (ident, number) in self.rows.items() if not self.done(pk, number)}
        number = next(_sequence)
        found = set()
        for row in self.adapter.rows_of(self.table, pks=list(wanted)):
            if isinstance(row, BadRow):
                logger.warning("EcomAI: %s %s: %s %s", row.table, row.id, row.column, row.value)
                continue
            ident = str(getattr(row, "id", None) or getattr(row, "product_id", ""))
            found.add(ident)
            self.emit(Change(table=self.table, id=ident, row=row))
        if len(_done.at) > _REMEMBERED:
            _done.at.clear()
        for pk, ident in wanted.items():
            if ident and ident not in found:
                # Gone from the shop, or left out by the adapter's queryset: either way it is not on offer any more.
                self.emit(Change(table=self.table, id=ident))
            # Without its id nobody can tell whether a row that is missing is this one: then its other notes see to it.
            if ident or len(found) >= len(wanted):
                _done.at[(id(self.adapter), self.table, pk)] = number


class Note:
    """One change, run after commit: reads the row, and with it the others of its group, and emits them.

    Twelve lines and their order leave thirteen notes of one row, and the stock of twelve products twelve of others. The
    first that runs of each table reads what all of them wrote, so the rest, being older than that reading, do nothing.
    """

    def __init__(self, group: _Group, pk: Any, number: int) -> None:
        self.group, self.pk, self.number = group, pk, number
        self.__qualname__ = type(self).__qualname__  # Django names a failing hook by it

    def __call__(self) -> None:
        if not self.group.done(self.pk, self.number):
            self.group.read()


def _group(adapter: ModelAdapter, emit: Emit, table: str, using: str | None) -> _Group:
    """The group of the last note of this table that waits for the same commit and the same savepoints, or a new one."""
    connection = transaction.get_connection(using)
    here = set(connection.savepoint_ids)
    for savepoints, waiting, *_rest in itertools.islice(reversed(connection.run_on_commit), _LOOK_BACK):
        if isinstance(waiting, Note) and savepoints == here and len(waiting.group.rows) < _TOGETHER:
            group = waiting.group
            if (group.adapter, group.emit, group.table) == (adapter, emit, table):
                return group
    return _Group(adapter, emit, table)


def connect(adapter: ModelAdapter, emit: Emit) -> None:
    """Connect the adapter's models; connecting twice changes nothing."""
    for table in adapter.live_tables():
        model = adapter.model(table)
        if model is None:
            continue
        if table in CHILDREN:
            root, path = "order", adapter.plan(table).parent or ""
        else:
            root, path = table, "pk"
        ident = adapter.plan(table).id_path if root == table and table not in ("price", "stock") else ""
        told = partial(note, adapter=adapter, emit=emit, table=root, path=path, ident=ident)
        for signal in (post_save, post_delete):
            signal.connect(told, sender=model, weak=False, dispatch_uid=_uid(adapter, table))
        for relation in adapter.plan(table).many.values():
            through = getattr(model._meta.get_field(relation[0].split("__")[0]), "remote_field", None)
            if through is not None and getattr(through, "through", None) is not None:
                m2m_changed.connect(
                    partial(_note_many, told=told, model=model),
                    sender=through.through,
                    weak=False,
                    dispatch_uid=_uid(adapter, table),
                )


def disconnect(adapter: ModelAdapter) -> None:
    """Undo ``connect``."""
    for table in adapter.live_tables():
        model = adapter.model(table)
        for signal in (post_save, post_delete):
            signal.disconnect(sender=model, dispatch_uid=_uid(adapter, table))
        for relation in adapter.plan(table).many.values():
            field: Any = model._meta.get_field(relation[0].split("__")[0]) if model else None
            through = getattr(getattr(field, "remote_field", None), "through", None)
            if through is not None:
                m2m_changed.disconnect(sender=through, dispatch_uid=_uid(adapter, table))


def _uid(adapter: ModelAdapter, table: str) -> tuple[str, int, str]:
    return ("ecomai.adapter", id(adapter), table)


def note(
    *,
    instance: Any,
    adapter: ModelAdapter,
    emit: Emit,
    table: str,
    path: str,
    ident: str,
    raw: bool = False,
    **kwargs: Any,
) -> None:
    """Remember a changed row until the transaction has committed. Makes no query and never raises into the shop."""
    if raw:
        return
    try:
        key = getter(path)(instance)
        name = str(getter(ident)(instance)) if ident else ""
        if key is not None:
            using = kwargs.get("using")
            transaction.on_commit(_group(adapter, emit, table, using).add(key, name), using=using, robust=True)
    except Exception:  # the shop's save must succeed whatever its own properties do here
        logger.exception("EcomAI could not note a change of %s; `ecomai_sync --reconcile` will find it.", table)


def _note_many(
    *,
    instance: Any,
    action: str,
    told: Callable[..., None],
    model: type[models.Model],
    reverse: bool,
    pk_set: Any = None,
    **kwargs: Any,
) -> None:
    if not action.startswith("post_"):
        return
    if not reverse:
        told(instance=instance, using=kwargs.get("using"))
    else:
        # category.products.add(...): the changed side is the other one.
        for one in model._default_manager.filter(pk__in=pk_set or ()):
            told(instance=one, using=kwargs.get("using"))
