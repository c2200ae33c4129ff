"""The optional index that an empty search needs on PostgreSQL: without it every title is read.

A title that holds a part of a word is found by ``UPPER(title) LIKE '%PART%'``, which only an index of letter triples
(extension ``pg_trgm``) helps. It is made by a command and by no migration: an extension needs a right that many
database users do not have, and an index without a lock must not be built inside a transaction.
"""

from __future__ import annotations

from django.db import DatabaseError, connections, router

from django_ecomai.mirror.models import Product

NAME = "ecomai_product_title_triples"
#: Below so many titles reading them all takes a few milliseconds.
WORTH_IT = 20_000


class TitleIndexError(RuntimeError):
    """The index cannot be made here; the message says what to do."""


def title_index_state(using: str | None = None) -> str:
    """ "present", "missing", "broken" (an interrupted build is left behind), or "other" on another database than
    PostgreSQL. One query.
    """
    connection = connections[using or router.db_for_read(Product)]
    if connection.vendor != "postgresql":
        return "other"
    with connection.cursor() as cursor:
        cursor.execute("SELECT indisvalid FROM pg_index WHERE indexrelid = to_regclass(%s)", [NAME])
        row = cursor.fetchone()
    if row is None:
        return "missing"
    return "present" if row[0] else "broken"


def title_index_create(using: str | None = None) -> bool:
    """Make the index without locking the table, the extension too where that is allowed. False when it is there.

    Raises ``TitleIndexError``.
    """
    connection = connections[using or router.db_for_write(Product)]
    state = title_index_state(connection.alias)
    if state == "other":
        raise TitleIndexError(f"The products are kept in {connection.vendor}; only PostgreSQL has this kind of index.")
    if state == "present":
        return False
    if connection.in_atomic_block:
        raise TitleIndexError("An index without a lock cannot be made inside a transaction.")
    if state == "broken":
        title_index_drop(connection.alias)
    quote = connection.ops.quote_name
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1 FROM pg_extension WHERE extname = 'pg_trgm'")
        if cursor.fetchone() is None:
            try:
                cursor.execute("CREATE EXTENSION IF NOT EXISTS pg_trgm")
            except DatabaseError as error:
                raise TitleIndexError(
                    f"The extension pg_trgm may not be created by this database user ({str(error).strip()}). Ask who "
                    "runs the database to type: CREATE EXTENSION pg_trgm; — then call this again."
                ) from error
        try:
            # As Django writes ``icontains``: another expression would not be used.
            cursor.execute(
                f"CREATE INDEX CONCURRENTLY IF NOT EXISTS {quote(NAME)} ON {quote(Product._meta.db_table)} "
                f"USING gin (UPPER({quote('title')}::text) gin_trgm_ops)"
            )
        except DatabaseError as error:
            raise TitleIndexError(f"The index could not be made: {str(error).strip()}") from error
    return True


def title_index_drop(using: str | None = None) -> None:
    """Remove the index without locking the table; nothing happens when it is not there. The extension stays."""
    connection = connections[using or router.db_for_write(Product)]
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute(f"DROP INDEX CONCURRENTLY IF EXISTS {connection.ops.quote_name(NAME)}")
