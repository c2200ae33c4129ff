"""Rows written over others, by COPY and without it: what is read back is what was given."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection

from django_ecomai.core import upsert
from django_ecomai.pricing.models import PriceProposal
from tests.pricing.factories import priced_product

pytestmark = pytest.mark.django_db
TEXTS = ("", "a\tb", "a\\nb", "back\\slash\\", "two\nlines\r", "ä €  \N{GRINNING FACE}", "\\N", "\\.")
FIELDS = [one for one in PriceProposal._meta.concrete_fields if not one.primary_key]


def columns(products: list[int], **changed: list[Any]) -> dict[str, list[Any]]:
    rows = [PriceProposal(product_id=pk, undecided=pk, made_at=datetime(2026, 3, 2, tzinfo=UTC)) for pk in products]
    return {one.name: changed.get(one.name) or [getattr(row, one.attname) for row in rows] for one in FIELDS}


@pytest.mark.parametrize("least", [1, 10**6])
def test_what_is_read_back_is_what_was_written(monkeypatch: pytest.MonkeyPatch, least: int) -> None:
    monkeypatch.setattr(upsert, "COPY_FROM", least)
    products = [priced_product().pk for _ in TEXTS]
    texts = list(TEXTS)
    for gain in (0.1 + 0.2, None):
        given = columns(
            products, reason=texts, held_named=[{"a": one, "b": [1.5, None, True]} for one in texts],
            gain=[gain] * len(texts), old_price=[Decimal("10.5000"), None] * 4, is_canary=[True, False] * 4,
            state=[PriceProposal.State.HELD] * len(texts),
        )  # fmt: skip
        upsert.rows_upsert(PriceProposal, given, "undecided")
        rows = list(PriceProposal.objects.order_by("undecided"))
        assert [row.undecided for row in rows] == products
        for name in ("reason", "held_named", "gain", "old_price", "is_canary", "made_at", "decided_by"):
            assert [getattr(row, name) for row in rows] == given[name], name
        assert {row.state for row in rows} == {"held"}


def test_no_rows_ask_for_nothing(django_assert_num_queries: Any) -> None:
    with django_assert_num_queries(0):
        upsert.rows_upsert(PriceProposal, columns([]), "undecided")


@pytest.mark.skipif(connection.vendor != "postgresql", reason="COPY is PostgreSQL's")
def test_many_rows_go_in_by_copy_and_who_may_make_no_table_writes_them_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(upsert, "COPY_FROM", 1)
    product = priced_product().pk
    copied: list[int] = []
    monkeypatch.setattr(upsert, "_copied", lambda *rest: copied.append(1))
    upsert.rows_upsert(PriceProposal, columns([product]), "undecided")
    assert copied == [1] and not PriceProposal.objects.exists()
    monkeypatch.setattr(upsert, "copy_available", lambda connection: False)
    upsert.rows_upsert(PriceProposal, columns([product]), "undecided")
    assert PriceProposal.objects.count() == 1


def test_rows_that_are_there_get_new_values_and_keep_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(upsert, "BATCH", 3)
    products = [priced_product() for _ in TEXTS]
    kept = priced_product().pk
    given = columns([*(one.pk for one in products), kept], reason=["before"] * (len(TEXTS) + 1))
    upsert.rows_upsert(PriceProposal, given, "undecided")
    rows = list(PriceProposal.objects.order_by("undecided"))[:-1]
    moment = datetime(2026, 3, 29, 1, 30, tzinfo=UTC)
    for row, text in zip(rows, TEXTS, strict=True):
        row.reason, row.held_named, row.state = text, {"a": text, "b": [1.5, None, True]}, PriceProposal.State.HELD
        row.gain, row.old_price, row.is_canary = 0.1 + 0.2, Decimal("10.5000"), True
        row.writing_since, row.undecided, row.binding = moment, None, "not asked for"
    names = ("reason", "held_named", "state", "gain", "old_price", "is_canary", "writing_since", "undecided")
    upsert.rows_update(rows, names)
    found = {row.pk: row for row in PriceProposal.objects.exclude(undecided=kept)}
    assert len(found) == len(TEXTS)
    for row in rows:
        assert [getattr(found[row.pk], name) for name in names] == [getattr(row, name) for name in names]
        assert found[row.pk].binding == ""
    assert PriceProposal.objects.get(undecided=kept).reason == "before"


def test_nothing_to_update_asks_for_nothing(django_assert_num_queries: Any) -> None:
    with django_assert_num_queries(0):
        upsert.rows_update([], ("reason",))


@pytest.mark.parametrize("least", [1, 10**6])
def test_rows_that_are_there_are_left_as_they_are_where_that_is_asked(
    monkeypatch: pytest.MonkeyPatch, least: int
) -> None:
    monkeypatch.setattr(upsert, "COPY_FROM", least)
    first, second = priced_product().pk, priced_product().pk
    upsert.rows_upsert(PriceProposal, columns([first], reason=["before"]), keep=True)
    upsert.rows_upsert(PriceProposal, columns([second, first], reason=["new", "again"]), keep=True)
    assert set(PriceProposal.objects.values_list("undecided", "reason")) == {(first, "before"), (second, "new")}
