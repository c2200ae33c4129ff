"""Live changes of the shop's models: collected per transaction, read once after commit, never in the way of the shop.

A checkout that saves an order and its twelve lines gives one change: the order.
"""

from __future__ import annotations

import logging
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


class Flush:
    """Runs after commit: reads each changed row once and emits it. One per transaction and adapter."""

    def __init__(self, adapter: ModelAdapter, emit: Emit) -> None:
        self.adapter = adapter
        self.emit = emit
        self.pending: dict[tuple[str, Any], str] = {}
        self.__qualname__ = type(self).__qualname__  # Django names a failing hook by it

    def __call__(self) -> None:
        keys: dict[str, dict[Any, str]] = {}
        for (table, pk), ident in self.pending.items():
            keys.setdefault(table, {})[pk] = ident
        for table, wanted in keys.items():
            seen = set()
            for row in self.adapter.rows_of(table, pks=list(wanted)):
                if isinstance(row, BadRow):
                    logger.warning("EcomAI: %s %s: %s %s", row.table, row.id, row.column, row.value)
                    continue
                ident = getattr(row, "id", None) or getattr(row, "product_id", "")
                seen.add(ident)
                self.emit(Change(table=table, id=ident, row=row))
            for ident in wanted.values():
                # Gone from the shop, or filtered out by the adapter's queryset: either way it is not on offer any more.
                if ident and ident not in seen:
                    self.emit(Change(table=table, id=ident))


def connect(adapter: ModelAdapter, emit: Emit) -> None:
    """Connect the adapter's models; connecting twice changes nothing."""
    for table in adapter.model_tables():
        model = adapter.model(table)
        if model is None:
            continue
        if table in CHILDREN:
            root, path = "order", adapter.plan(table).parent or ""
        else:
            root, path = table, "pk"
        ident = adapter.plan(table).id_path if root == table and table not in ("price", "stock") else ""
        note = partial(_note, adapter=adapter, emit=emit, table=root, path=path, ident=ident)
        for signal in (post_save, post_delete):
            signal.connect(note, sender=model, weak=False, dispatch_uid=_uid(adapter, table))
        for relation in adapter.plan(table).many.values():
            through = getattr(model._meta.get_field(relation[0].split("__")[0]), "remote_field", None)
            if through is not None and getattr(through, "through", None) is not None:
                m2m_changed.connect(
                    partial(_note_many, note=note, model=model),
                    sender=through.through,
                    weak=False,
                    dispatch_uid=_uid(adapter, table),
                )


def disconnect(adapter: ModelAdapter) -> None:
    """Undo ``connect``."""
    for table in adapter.model_tables():
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


def _note(
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
            _remember(adapter, emit, table, key, name, kwargs.get("using"))
    except Exception:  # the shop's save must succeed whatever its own properties do here
        logger.exception("EcomAI could not note a change of %s; `ecomai_sync --reconcile` will find it.", table)


def _note_many(
    *,
    instance: Any,
    action: str,
    note: Callable[..., None],
    model: type[models.Model],
    reverse: bool,
    pk_set: Any = None,
    **kwargs: Any,
) -> None:
    if not action.startswith("post_"):
        return
    if not reverse:
        note(instance=instance, using=kwargs.get("using"))
    else:
        # category.products.add(...): the changed side is the other one.
        for one in model._default_manager.filter(pk__in=pk_set or ()):
            note(instance=one, using=kwargs.get("using"))


def _remember(adapter: ModelAdapter, emit: Emit, table: str, key: Any, name: str, using: str | None) -> None:
    connection = transaction.get_connection(using)
    flush = None
    for entry in reversed(connection.run_on_commit):
        # Looked up among the hooks themselves: a rollback has removed ours together with what it held.
        if isinstance(entry[1], Flush) and entry[1].adapter is adapter:
            flush = entry[1]
            break
    if flush is None:
        flush = Flush(adapter, emit)
        flush.pending[(table, key)] = name
        transaction.on_commit(flush, using=using, robust=True)
    else:
        flush.pending[(table, key)] = name or flush.pending.get((table, key), "")
