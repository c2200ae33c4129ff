"""MySQL and MariaDB: what they cannot do that others can, and what they do by default that must not be.

Ids are told apart to the letter and every language fits, whatever the database's default is. A default such as
``utf8mb4_general_ci`` takes the product "a1" for the product "A1", and ``latin1`` refuses titles of other scripts.
The shop's own tables are left alone, and texts for people keep a collation that searches without case.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, TypeVar

from django.db import connections, models, router
from django.db.models import QuerySet, Subquery

ALL_LETTERS = "utf8mb4"
#: Name, type, whether it takes NULL, and collation.
Column = tuple[str, str, bool, str]
Rows = TypeVar("Rows", bound=QuerySet[Any, Any])


class Limited(Subquery):
    """A sliced queryset as what an ``__in`` looks among; MySQL wants another SELECT around its LIMIT."""

    def as_mysql(self, compiler: Any, connection: Any) -> tuple[str, Any]:
        """The SQL for MySQL and MariaDB."""
        return self.as_sql(compiler, connection, template="(SELECT * FROM (%(subquery)s) ecomai_limited)")


def locked_rows(rows: Rows, *, skip: bool = False) -> Rows:
    """``rows`` locked until the end of the transaction, and where the database can nothing that is joined to them.

    ``skip``: rows that another transaction holds are left out where the database can, else they are waited for.
    """
    features = connections[rows.db].features
    own = ("self",) if features.has_select_for_update_of else ()
    return rows.select_for_update(of=own, skip_locked=skip and features.has_select_for_update_skip_locked)


def conflict_target(model: type[models.Model], *fields: str) -> dict[str, Any]:
    """For ``bulk_create(update_conflicts=True)``: which constraint is meant. MySQL takes whichever it meets."""
    features = connections[router.db_for_write(model)].features
    return {"unique_fields": list(fields)} if features.supports_update_conflicts_with_target else {}


def to_the_letter(connection: Any) -> str:
    """The collation under which "a", "A" and "a " are three texts."""
    return "utf8mb4_nopad_bin" if connection.mysql_is_mariadb else "utf8mb4_0900_bin"


def identifiers(model: type[models.Model]) -> set[str]:
    """Columns that hold codes and ids rather than prose: texts that an index or a constraint uses, and ``…_id``."""
    indexed = {name.lstrip("-") for index in model._meta.indexes for name in index.fields}
    for constraint in model._meta.constraints:
        indexed |= set(getattr(constraint, "fields", ()))
    texts: list[Any] = [field for field in model._meta.concrete_fields if isinstance(field, models.CharField)]
    return {
        str(field.column)
        for field in texts
        if field.unique or field.db_index or field.name in indexed or field.name.endswith("_id")
    }


def texts_after_migrate(sender: Any, using: str, **kwargs: Any) -> None:
    """``post_migrate``: give the tables of one of our apps their collation; one query where there is nothing to do.

    Alters a table only once, right after it was made; elsewhere than on MySQL and MariaDB nothing happens.
    """
    connection = connections[using]
    if connection.vendor != "mysql" or not sender.name.startswith("django_ecomai."):
        return
    found = {
        model._meta.db_table: model
        for model in sender.get_models(include_auto_created=True)
        if model._meta.managed and not model._meta.proxy and router.allow_migrate_model(using, model)
    }
    exactly = to_the_letter(connection)
    for table, columns in _texts(connection, sorted(found)).items():
        changes = column_changes(found[table], columns, exactly=exactly)
        if changes:
            _alter(connection, table, changes)


def column_changes(model: type[models.Model], columns: Iterable[Column], *, exactly: str) -> list[Column]:
    """Which text columns to alter, and to which collation (empty: that of the character set).

    A column that points to another table stays as it is: it must be compared as the one that it points to, and the
    database refuses to change either alone.
    """
    exact = identifiers(model)
    links = {field.column for field in model._meta.concrete_fields if field.is_relation}
    changes: list[Column] = []
    for column, kind, nullable, collation in columns:
        if column in links:
            continue
        if column in exact and collation != exactly:
            changes.append((column, kind, nullable, exactly))
        elif column not in exact and not collation.startswith(ALL_LETTERS):
            changes.append((column, kind, nullable, ""))
    return changes


def _texts(connection: Any, tables: list[str]) -> dict[str, list[Column]]:
    """Name, type, whether it takes NULL and collation of every text column of the tables."""
    found: dict[str, list[Column]] = {}
    if not tables:
        return found
    sql = (
        "SELECT table_name, column_name, column_type, is_nullable, collation_name FROM information_schema.columns "  # noqa: S608 - placeholders
        f"WHERE table_schema = DATABASE() AND table_name IN ({', '.join(['%s'] * len(tables))}) "
        "AND collation_name IS NOT NULL AND data_type IN ('varchar', 'longtext') ORDER BY ordinal_position"
    )
    with connection.cursor() as cursor:
        cursor.execute(sql, tables)
        for table, column, kind, nullable, collation in cursor.fetchall():
            found.setdefault(table, []).append((column, kind, nullable == "YES", collation))
    return found


def _alter(connection: Any, table: str, changes: list[Column]) -> None:
    quote = connection.ops.quote_name
    parts = [
        f"MODIFY {quote(column)} {kind} CHARACTER SET {ALL_LETTERS}{collation and f' COLLATE {collation}'} "
        f"{'NULL' if nullable else 'NOT NULL'}"
        for column, kind, nullable, collation in changes
    ]
    with connection.cursor() as cursor:
        # The default counts for columns that later migrations add.
        cursor.execute(f"ALTER TABLE {quote(table)} DEFAULT CHARACTER SET {ALL_LETTERS}, {', '.join(parts)}")
