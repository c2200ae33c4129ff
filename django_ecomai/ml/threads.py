"""How many threads linear algebra may take, and a second thread for what needs no waiting."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from typing import Any, TypeVar

T = TypeVar("T")
_END: Any = object()


def ahead(items: Iterable[T]) -> Iterator[T]:
    """``items``, the next one being made by a second thread while the caller looks at the last.

    Worth it where both sides are array operations, which hold no lock of the interpreter. One item more is in memory.
    """
    step = partial(next, iter(items), _END)
    with ThreadPoolExecutor(1, thread_name_prefix="ecomai-ahead") as pool:
        made = pool.submit(step)
        while (item := made.result()) is not _END:
            made = pool.submit(step)
            yield item


@contextmanager
def one_blas_thread() -> Iterator[None]:
    """More BLAS threads than cores make linear algebra several times slower; one is predictable everywhere.

    A context manager, and a decorator as ``@one_blas_thread()``.
    """
    from threadpoolctl import threadpool_limits

    with threadpool_limits(1, "blas"):
        yield
