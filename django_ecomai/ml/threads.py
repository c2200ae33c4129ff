"""How many threads linear algebra may take."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def one_blas_thread() -> Iterator[None]:
    """More BLAS threads than cores make linear algebra several times slower; one is predictable everywhere.

    A context manager, and a decorator as ``@one_blas_thread()``.
    """
    from threadpoolctl import threadpool_limits

    with threadpool_limits(1, "blas"):
        yield
