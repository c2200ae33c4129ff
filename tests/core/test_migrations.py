"""No migration locks a big table for long on PostgreSQL, as a shop sells while it is upgraded.

Looked at is the SQL of each migration. Tables that the same migration makes are empty: everything may be done to them.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

import pytest
from django.apps import apps
from django.db import connection
from django.db.migrations import RunPython, RunSQL, SeparateDatabaseAndState
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.operations.base import Operation

#: (app, migration, table): why what it does to that table takes no time.
ALLOWED = {
    ("ecomai_inventory", "0002_substitution", "ecomai_inventory_suggestion"): (
        "one row per product, rewritten by every night's run: an index of 200,000 rows takes a fraction of a second"
    ),
    ("ecomai_pricing", "0002_many_prices", "ecomai_pricing_pricechange"): (
        "one row per price that was put into the shop: the index of a new column of a million rows took half a second"
    ),
    ("ecomai_pricing", "0003_volume_offers_approved", "ecomai_pricing_volumeoffer"): (
        "suggestions of the last run, a few thousand"
    ),
    ("ecomai_pricing", "0004_price_test_groups", "ecomai_pricing_pricetest"): "tests that people have started",
    ("ecomai_pricing", "0009_undo_seconded", "ecomai_pricing_pricechange"): (
        "a new column with a foreign key on a million rows took a hundredth of a second"
    ),
    ("ecomai_pricing", "0010_worklist_index", "RunPython"): "the index is built concurrently, outside a transaction",
    ("ecomai_pricing", "0011_price_test_reasons", "ecomai_pricing_pricetest"): (
        "tests that people have started; PostgreSQL rewrites nothing where varchar becomes text"
    ),
    ("ecomai_pricing", "0012_undo_noted", "ecomai_pricing_pricechange"): (
        "a new column with a foreign key and a partial index of no rows: a million rows took two tenths of a second"
    ),
    ("ecomai_recommend", "0002_placements_and_intents", "ecomai_recommend_slot"): "a few carousels, made by hand",
}

TABLE = r'(?:ONLY )?"?(?P<table>\w+)"?'
ALTER = rf"^ALTER TABLE (?:IF EXISTS )?{TABLE}.*"
#: What to look for: the statement, and what it does while it holds its lock.
LOCKING = (
    (rf"^CREATE (?:UNIQUE )?INDEX (?!CONCURRENTLY).* ON {TABLE}", "builds an index while nobody can write"),
    (rf"{ALTER}\bALTER COLUMN \S+ (?:SET DATA )?TYPE\b", "rewrites the table"),
    (rf"{ALTER}\bALTER COLUMN \S+ SET NOT NULL", "reads the whole table"),
    (rf"{ALTER}\bADD COLUMN (?!.*\bDEFAULT\b).*\bNOT NULL", "fails on rows that are there"),
    (rf"{ALTER}\bADD COLUMN .*\bGENERATED\b", "rewrites the table"),
    (rf"{ALTER}\bADD COLUMN .*\b(?:UNIQUE|REFERENCES|CHECK)\b", "reads the whole table"),
    (rf"{ALTER}\bADD CONSTRAINT (?!.*\bNOT VALID\b)", "reads the whole table"),
    (rf"^(?:UPDATE|DELETE FROM|INSERT INTO) {TABLE}", "changes rows in one go"),
    (rf"^(?:VACUUM FULL|CLUSTER|REINDEX TABLE|LOCK TABLE) {TABLE}", "locks the table"),
)


def locks(statements: Iterable[str]) -> list[tuple[str, str]]:
    """Table and reason of every statement that holds a lock for as long as the table is big."""
    made: set[str] = set()
    found = []
    for raw in statements:
        statement = " ".join(raw.split())
        if created := re.match(r'CREATE TABLE (?:IF NOT EXISTS )?"?(\w+)"?', statement):
            made.add(created[1])
        for pattern, why in LOCKING:
            match = re.match(pattern, statement)
            if match and match["table"] not in made:
                found.append((match["table"], why))
    return found


@pytest.mark.parametrize(
    ("statement", "why"),
    [
        ('CREATE INDEX "i" ON "big" ("a")', "builds an index"),
        ('CREATE UNIQUE INDEX "i" ON big (lower("a")) WHERE "b"', "builds an index"),
        ('CREATE INDEX CONCURRENTLY "i" ON "big" ("a")', ""),
        ('ALTER TABLE "big" ALTER COLUMN "a" TYPE varchar(9) USING "a"::varchar(9)', "rewrites"),
        ('ALTER TABLE "big" ALTER COLUMN "a" SET NOT NULL', "reads"),
        ('ALTER TABLE "big" ADD COLUMN "a" integer NOT NULL', "fails"),
        ('ALTER TABLE "big" ADD COLUMN "a" integer DEFAULT 0 NOT NULL', ""),  # a constant is kept in the catalogue
        ('ALTER TABLE "big" ADD COLUMN "a" integer NULL', ""),
        ('ALTER TABLE "big" ADD COLUMN "a" bigint NULL CONSTRAINT "c" REFERENCES "small"("id")', "reads"),
        ('ALTER TABLE "big" ADD CONSTRAINT "c" CHECK ("a" > 0)', "reads"),
        ('ALTER TABLE "big" ADD CONSTRAINT "c" CHECK ("a" > 0) NOT VALID', ""),
        ('UPDATE "big" SET "a" = 1', "changes rows"),
        ('ALTER TABLE "big" DROP COLUMN "a" CASCADE', ""),
        ('DROP INDEX IF EXISTS "i"', ""),
    ],
)
def test_statements_that_lock_are_told_from_those_that_do_not(statement: str, why: str) -> None:
    assert [(table, said[: len(why)]) for table, said in locks([statement])] == ([("big", why)] if why else [])


def test_a_table_of_the_same_migration_is_empty() -> None:
    assert locks(['CREATE TABLE "big" ("a" integer)', 'CREATE INDEX "i" ON "big" ("a")']) == []


def written_by_hand(operations: Iterable[Operation]) -> list[str]:
    """Kinds of the operations whose work Django does not know, inside others as well."""
    found: list[str] = []
    for one in operations:
        if isinstance(one, RunPython | RunSQL):
            found.append(type(one).__name__)
        elif isinstance(one, SeparateDatabaseAndState):
            found += written_by_hand(one.database_operations)
    return found


def test_what_is_written_by_hand_is_found_inside_other_operations() -> None:
    inside = SeparateDatabaseAndState(database_operations=[RunSQL("SELECT 1")])
    outside = SeparateDatabaseAndState(
        database_operations=[inside, RunPython(RunPython.noop)], state_operations=[RunSQL("SELECT 2")]
    )
    assert written_by_hand([outside]) == ["RunSQL", "RunPython"]


@pytest.mark.django_db
def test_no_migration_holds_a_lock_for_long() -> None:
    if connection.vendor != "postgresql":
        pytest.skip("looks at PostgreSQL's statements")
    loader = MigrationLoader(connection, replace_migrations=False, load=True)
    ours = {config.label for config in apps.get_app_configs() if config.name.startswith("django_ecomai.")}
    found, looked_at = {}, 0
    for (label, name), migration in sorted(loader.disk_migrations.items()):
        if label not in ours:
            continue
        looked_at += 1
        for table, why in locks(loader.collect_sql([(migration, False)])):
            found[label, name, table] = why
        for kind in written_by_hand(migration.operations):
            found[label, name, kind] = "say in ALLOWED why it is quick"
    assert looked_at >= 16
    assert {key: why for key, why in found.items() if key not in ALLOWED} == {}
    assert ALLOWED.keys() - found.keys() == set()  # no permission that nobody needs
