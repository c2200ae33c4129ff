"""Work beside other work: while the database answers one question, Python counts what came back from the last one."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from typing import Any, TypeVar

from django.db import DEFAULT_DB_ALIAS, connections

T = TypeVar("T")
_END: Any = object()


@contextmanager
def beside(*, using: str = DEFAULT_DB_ALIAS) -> Iterator[Callable[[Callable[[], T]], Callable[[], T]]]:
    """``with beside() as start: take = start(work); ...; take()``: ``work`` runs in a thread meanwhile.

    ``take()`` waits and gives its result or raises what it raised. The thread has its own connection, so inside a
    transaction, and on SQLite, whose tests and writers share one, nothing is gained: there ``take()`` does the work.
    Only from jobs; what it writes is a transaction of its own, so nothing may be open here that it would wait for.
    """
    here = connections[using]
    if here.vendor != "postgresql" or here.in_atomic_block:
        yield lambda work: work
        return
    with ThreadPoolExecutor(1, thread_name_prefix="ecomai-beside") as pool:
        try:
            yield lambda work: pool.submit(work).result
        finally:
            pool.submit(lambda: connections[using].close())


def ahead(items: Iterable[T], *, using: str = DEFAULT_DB_ALIAS) -> Iterator[T]:
    """``items``, the next one being made while the caller looks at the last, as `beside` does it."""
    step = partial(next, iter(items), _END)
    with beside(using=using) as start:
        take = start(step)
        while (item := take()) is not _END:
            take = start(step)
            yield item
