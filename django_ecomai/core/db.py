"""Database access inside a shop's request that can never hurt it."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any, TypeVar

from django.db import DatabaseError, connections, transaction
from django.db.utils import InterfaceError

logger = logging.getLogger("django_ecomai")
_View = TypeVar("_View", bound=Callable[..., Any])


@dataclass(slots=True)
class Outcome:
    """How a shielded block ended; ``done`` only once it has left its savepoint or transaction without an error."""

    done: bool = False


@contextmanager
def shielded(what: str, *, using: str | None = None, reads: bool = False) -> Iterator[Outcome]:
    """Run the block in a savepoint; a database error is logged and swallowed.

    What the block has set or returned does not tell whether it is kept: the commit may fail. ``outcome.done`` does.
    Under ``ATOMIC_REQUESTS`` a swallowed error without a savepoint would poison the shop's own transaction. With
    ``reads`` (the block only reads) none is begun where the shop has none: that would cost two round trips.
    """
    outcome = Outcome()
    reachable = True
    try:
        with ExitStack() as stack:
            try:
                if not (reads and _is_on_its_own(using)):
                    stack.enter_context(transaction.atomic(using=using))
            except (DatabaseError, InterfaceError):
                # A block cannot be skipped: it runs, and its first query fails as this did.
                reachable = False
                logger.exception("EcomAI could not %s; the shop's page goes on without it.", what)
            yield outcome
        outcome.done = reachable
    except (DatabaseError, InterfaceError):
        if reachable:
            logger.exception("EcomAI could not %s; the shop's page goes on without it.", what)


def without_transaction(view: _View) -> _View:
    """A view that works while a database is away: ``ATOMIC_REQUESTS`` of none of them may begin a transaction first."""
    for alias in connections:
        view = transaction.non_atomic_requests(using=alias)(view)
    return view


def is_in_transaction() -> bool:
    """Whether any connection is inside a transaction, which a swallowed error of its database would spoil."""
    return any(connection.in_atomic_block for connection in connections.all(initialized_only=True))


def _is_on_its_own(using: str | None) -> bool:
    """Whether each query is a transaction by itself: nothing of the shop's can be poisoned."""
    connection = transaction.get_connection(using)
    return not connection.in_atomic_block and connection.get_autocommit()
