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


class _Done(threading.local):
    """What this thread has read after a commit: key -> number of the reading."""

    def __init__(self) -> None:
        self.at: dict[tuple[int, str, Any], int] = {}


_done = _Done()


class Note:
    """One change, run after commit: reads the row and emits it.

    Twelve lines and their order leave thirteen notes of the same row. The first one that runs reads what all of them
    wrote, so the others, being older than that reading, do nothing.
    """

    def __init__(self, adapter: ModelAdapter, emit: Emit, table: str, pk: Any, ident: str) -> None:
        self.adapter, self.emit, self.table, self.pk, self.ident = adapter, emit, table, pk, ident
        self.number = next(_sequence)
        self.__qualname__ = type(self).__qualname__  # Django names a failing hook by it

    def __call__(self) -> None:
        key = (id(self.adapter), self.table, self.pk)
        if _done.at.get(key, 0) > self.number:
            return
        number = next(_sequence)
        found = False
        for row in self.adapter.rows_of(self.table, pks=[self.pk]):
            if isinstance(row, BadRow):
                logger.warning("EcomAI: %s %s: %s %s", row.table, row.id, row.column, row.value)
                continue
            ident = str(getattr(row, "id", None) or getattr(row, "product_id", ""))
            # An adapter may give what belongs to the row as well, a product's parent for instance.
            found = found or not self.ident or ident == self.ident
            self.emit(Change(table=self.table, id=ident, row=row))
        if not found and self.ident:
            # Gone from the shop, or left out by the adapter's queryset: either way it is not on offer any more.
            self.emit(Change(table=self.table, id=self.ident))
        if found or self.ident:
            if len(_done.at) > _REMEMBERED:
                _done.at.clear()
            _done.at[key] = number


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
            transaction.on_commit(Note(adapter, emit, table, key, name), using=kwargs.get("using"), robust=True)
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
