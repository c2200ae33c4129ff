"""MySQL and MariaDB compare texts as the database's default says; ids of ours are compared to the letter."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from django.apps import apps
from django.db import connection, models, transaction
from django.test.utils import CaptureQueriesContext

import django_ecomai
from django_ecomai.core.mysql import column_changes, identifiers, locked_rows, texts_after_migrate, to_the_letter
from django_ecomai.mirror.models import Product
from django_ecomai.mirror.services.bulk import rows_upsert
from django_ecomai.testing import product_make

only_mysql = pytest.mark.skipif(connection.vendor != "mysql", reason="only MySQL and MariaDB have collations by column")


def our_models() -> list[type[models.Model]]:
    ours = [config for config in apps.get_app_configs() if config.label.startswith("ecomai_")]
    return [model for config in ours for model in config.get_models() if not model._meta.proxy]


def test_codes_and_ids_are_identifiers_and_prose_is_not() -> None:
    assert identifiers(Product) == {"channel", "external_id", "sku"}


def test_texts_that_do_not_take_every_letter_are_altered_but_for_those_that_point_to_another_table() -> None:
    found = [
        ("external_id", "varchar(64)", False, "latin1_swedish_ci"),
        ("title", "varchar(255)", False, "latin1_swedish_ci"),
        ("url", "varchar(500)", True, "utf8mb4_general_ci"),
        ("parent_id", "varchar(64)", True, "latin1_swedish_ci"),
    ]
    assert column_changes(Product, found, exactly="utf8mb4_bin") == [
        ("external_id", "varchar(64)", False, "utf8mb4_bin"),
        ("title", "varchar(255)", False, ""),
    ]


@pytest.mark.django_db
def test_rows_are_locked_alone_where_the_database_can() -> None:
    product_make(external_id="1")
    with transaction.atomic(), CaptureQueriesContext(connection) as asked:
        assert len(locked_rows(Product.objects.select_related("parent"))) == 1
    features = connection.features
    words = (" FOR UPDATE" if features.has_select_for_update else "") + (
        f" OF {connection.ops.quote_name('ecomai_mirror_product')}" if features.has_select_for_update_of else ""
    )
    assert asked[-1]["sql"].rstrip(";").endswith(words)
    assert ("FOR UPDATE" in asked[-1]["sql"]) is features.has_select_for_update


def test_no_lock_names_its_table_on_its_own() -> None:
    """MariaDB refuses ``FOR UPDATE OF``: ``locked_rows`` knows."""
    package = Path(django_ecomai.__file__).parent
    found = [path for path in package.rglob("*.py") if re.search(r"select_for_update\([^)]*\bof=", path.read_text())]
    assert found == [package / "core" / "mysql.py"]


@pytest.mark.django_db
def test_elsewhere_nothing_is_asked_or_altered() -> None:
    if connection.vendor == "mysql":
        pytest.skip("the other databases")
    with CaptureQueriesContext(
        connection,
    ) as asked:
        texts_after_migrate(apps.get_app_config("ecomai_mirror"), "default")
    assert len(asked) == 0


@only_mysql
@pytest.mark.django_db
def test_ids_that_differ_by_case_or_a_space_are_different_products() -> None:
    for key in ("a1", "A1", "a1 "):
        product_make(external_id=key, title=key)
    columns = ["channel", "external_id", "title"]
    rows_upsert(Product, columns, [("", "A1", "changed")], update=["title"])
    assert dict(Product.objects.values_list("external_id", "title")) == {"a1": "a1", "A1": "changed", "a1 ": "a1 "}
    assert Product.objects.get(external_id="a1").title == "a1"


@only_mysql
@pytest.mark.django_db
def test_titles_keep_every_script_and_are_found_without_case() -> None:
    product_make(external_id="1", title="Größe 5 ☃ 🎁 日本")
    assert Product.objects.get(title__icontains="größe").title == "Größe 5 ☃ 🎁 日本"


@only_mysql
@pytest.mark.django_db
def test_every_identifier_of_every_table_is_compared_to_the_letter() -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT table_name, column_name, collation_name FROM information_schema.columns "
            "WHERE table_schema = DATABASE() AND collation_name IS NOT NULL"
        )
        found = {(table, column): collation for table, column, collation in cursor.fetchall()}
    wanted = {(model._meta.db_table, column) for model in our_models() for column in identifiers(model)}
    assert len(wanted) > 60
    assert {found[key] for key in wanted} == {to_the_letter(connection)}
    tables = {model._meta.db_table for model in our_models()}
    assert not {key for key, collation in found.items() if key[0] in tables and not collation.startswith("utf8mb4")}


@only_mysql
@pytest.mark.django_db
def test_a_second_migrate_alters_nothing() -> None:
    with CaptureQueriesContext(connection) as asked:
        texts_after_migrate(apps.get_app_config("ecomai_mirror"), "default")
    assert [query["sql"].split()[0] for query in asked] == ["SELECT"]
