"""The optional index for searches without a result: made without a lock, only where it can be, and then used."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import DatabaseError, connection

from django_ecomai.recommend import diagnosis, title_index
from django_ecomai.recommend.catalogue import Wanted, catalogue_page
from tests.recommend.factories import placement, products

IS_POSTGRES = connection.vendor == "postgresql"


@pytest.fixture
def clean() -> Iterator[None]:
    yield
    title_index.title_index_drop()


@pytest.mark.skipif(IS_POSTGRES, reason="another database than PostgreSQL")
@pytest.mark.django_db
def test_another_database_is_told_so_and_has_no_finding() -> None:
    placement("empty_search", "empty_search")

    with pytest.raises(CommandError, match="only PostgreSQL"):
        call_command("ecomai_title_index")
    assert diagnosis._titles() == []
    call_command("ecomai_title_index", "--drop")


@pytest.mark.skipif(not IS_POSTGRES, reason="needs PostgreSQL")
@pytest.mark.django_db(transaction=True)
def test_it_is_made_once_and_used(clean: None, capsys: Any) -> None:
    products(30)
    call_command("ecomai_title_index")
    call_command("ecomai_title_index")

    assert capsys.readouterr().out.split("\n")[:2] == ["The index is made.", "The index is there already."]
    assert title_index.title_index_state() == "present"
    with connection.cursor() as cursor:
        cursor.execute("SET enable_seqscan = off; SET enable_indexscan = off")
        cursor.execute(
            "EXPLAIN SELECT id FROM ecomai_mirror_product WHERE UPPER(title::text) LIKE UPPER('%prod%') "
            "OR UPPER(title::text) LIKE UPPER('%lant%')"
        )
        plan = "\n".join(row[0] for row in cursor.fetchall())
        cursor.execute("RESET enable_seqscan; RESET enable_indexscan")
    assert plan.count(title_index.NAME) == 2
    assert len(catalogue_page("", (), Wanted(words="product", words_n=5)).worded) == 5
    title_index.title_index_drop()
    assert title_index.title_index_state() == "missing"


@pytest.mark.skipif(not IS_POSTGRES, reason="needs PostgreSQL")
@pytest.mark.django_db(transaction=True)
def test_without_the_right_it_says_whom_to_ask_and_changes_nothing(monkeypatch: Any) -> None:
    from django.db.backends.utils import CursorWrapper

    execute = CursorWrapper.execute

    def refuse(self: Any, sql: Any, params: Any = None) -> Any:
        if "pg_extension" in str(sql):
            return execute(self, "SELECT 1 WHERE false")
        if "CREATE EXTENSION" in str(sql):
            raise DatabaseError('permission denied to create extension "pg_trgm"')
        return execute(self, sql, params)

    monkeypatch.setattr(CursorWrapper, "execute", refuse)

    with pytest.raises(CommandError, match=r"permission denied.*CREATE EXTENSION pg_trgm;"):
        call_command("ecomai_title_index")
    assert title_index.title_index_state() == "missing"


@pytest.mark.skipif(not IS_POSTGRES, reason="needs PostgreSQL")
@pytest.mark.django_db
def test_inside_a_transaction_it_refuses() -> None:
    with pytest.raises(title_index.TitleIndexError, match="inside a transaction"):
        title_index.title_index_create()


@pytest.mark.django_db
def test_the_doctor_says_it_where_it_is_worth_it(monkeypatch: Any) -> None:
    products(3)
    placement("empty_search", "empty_search")
    monkeypatch.setattr(diagnosis, "title_index_state", lambda: "missing")
    assert diagnosis._titles() == []

    monkeypatch.setattr(diagnosis, "WORTH_IT", 3)
    found = diagnosis._titles()
    assert [(one.level, "ecomai_title_index" in one.next_step) for one in found] == [("info", True)]

    monkeypatch.setattr(diagnosis, "title_index_state", lambda: "broken")
    assert "not finished" in diagnosis._titles()[0].title
    monkeypatch.setattr(diagnosis, "title_index_state", lambda: "present")
    assert diagnosis._titles() == []
