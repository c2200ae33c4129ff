"""Database access inside a shop's request that can never hurt it."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager

from django.db import DatabaseError, transaction
from django.db.utils import InterfaceError

logger = logging.getLogger("django_ecomai")


@contextmanager
def shielded(what: str, *, using: str | None = None) -> Iterator[None]:
    """Run the block in a savepoint; a database error is logged and swallowed.

    Under ``ATOMIC_REQUESTS`` a swallowed error without a savepoint would poison the shop's own transaction.
    """
    try:
        with transaction.atomic(using=using):
            yield
    except (DatabaseError, InterfaceError):
        logger.exception("EcomAI could not %s; the shop's page goes on without it.", what)
