"""Exactly once, however often a batch comes; and no row sinks its batch."""

from __future__ import annotations

import os
import re
import uuid
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from threading import Barrier
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from django_ecomai.core.uuid7 import uuid7, uuid7_time
from django_ecomai.events.models import Event
from django_ecomai.events.partitions import forget, ids_outside, partition_name, partitions_list
from django_ecomai.events.services import events_insert
from django_ecomai.events.writing import BATCH, COPY_FROM, events_prepare, events_write

pytestmark = pytest.mark.django_db
POSTGRES = connection.vendor == "postgresql"


def view(product: str = "A", **more: Any) -> dict[str, Any]:
    return {"name": "view_item", "product_id": product, "visitor_id": "v", **more}


def statuses(rows: list[Any], **kwargs: Any) -> list[str]:
    return [verdict.status for verdict in events_insert(rows=rows, **kwargs)]


def test_a_replayed_batch_is_stored_once() -> None:
    rows = [view(str(number), id=str(uuid7())) for number in range(30)]
    assert statuses(rows) == ["accepted"] * 30
    assert statuses(rows) == ["duplicate"] * 30
    assert statuses([view("new"), *rows[:2]]) == ["accepted", "duplicate", "duplicate"]
    assert Event.objects.count() == 31


def test_the_same_id_twice_in_one_batch_is_stored_once_and_the_first_wins() -> None:
    same = str(uuid7())
    verdicts = events_insert(rows=[view("first", id=same), view("second", id=same)])
    assert [verdict.status for verdict in verdicts] == ["accepted", "duplicate"]
    assert Event.objects.get().product_id == "first"


def test_one_bad_row_never_sinks_its_batch() -> None:
    rows = [view("A"), {"name": "nonsense"}, None, view("x" * 65), view("B", quantity=0), view("C")]
    verdicts = events_insert(rows=rows)
    assert [(verdict.status, verdict.reason) for verdict in verdicts] == [
        ("accepted", ""),
        ("rejected", "unknown_name"),
        ("rejected", "not_an_object"),
        ("rejected", "too_long:product_id"),
        ("rejected", "not_positive:quantity"),
        ("accepted", ""),
    ]
    assert sorted(Event.objects.values_list("product_id", flat=True)) == ["A", "C"]


def test_everything_that_is_stored_comes_back_as_it_was() -> None:
    given = uuid7()
    at = datetime.now(UTC) - timedelta(hours=1)
    [verdict] = events_insert(
        rows=[
            {
                "id": given, "name": "add_to_cart", "channel": "shop-2", "visitor_id": "v" * 32, "session_id": "s" * 32,
                "customer_id": "c1", "product_id": "Größe 5 ☃", "quantity": "1.5", "value": "9.99", "currency": "gbp",
                "position": 4, "placement": "home", "recommendation_id": "r", "dwell_seconds": 1.25, "at": at,
                "properties": {"a": [1, {"b": None}]}, "is_bot": True,
            }
        ]
    )  # fmt: skip
    assert verdict.status == "accepted"
    event = Event.objects.get(pk=given)
    assert (event.name, event.channel, event.product_id, event.customer_id) == (
        "add_to_cart",
        "shop-2",
        "Größe 5 ☃",
        "c1",
    )
    assert (str(event.quantity), str(event.value), event.currency) == ("1.500", "9.9900", "GBP")
    assert (event.position, event.placement, event.dwell_seconds, event.is_bot) == (4, "home", 1.25, True)
    assert event.properties == {"a": [1, {"b": None}]}
    assert event.client_at == at


def test_a_value_without_currency_is_in_the_shops(ecomai_setting: Any) -> None:
    ecomai_setting(CURRENCY="SEK")
    events_insert(rows=[view(value=3)])
    assert Event.objects.get().currency == "SEK"


def test_more_rows_than_one_statement_takes() -> None:
    rows = [view(str(number)) for number in range(BATCH + 7)]
    assert statuses(rows) == ["accepted"] * (BATCH + 7)
    assert Event.objects.count() == BATCH + 7


@pytest.mark.skipif(not POSTGRES, reason="PostgreSQL takes many rows by COPY")
def test_rows_that_are_copied_are_stored_as_rows_that_are_inserted(monkeypatch: pytest.MonkeyPatch) -> None:
    at = datetime.now(UTC) - timedelta(hours=1)
    rows = [
        view(f"Größe \\N {number}", id=str(uuid7()), at=at, value="9.99", properties={"a": [1, {"b": None}, "\\t\n\t"]})
        for number in range(COPY_FROM)
    ]
    assert statuses(rows) == ["accepted"] * COPY_FROM
    copied = list(Event.objects.order_by("id").values())
    Event.objects.all().delete()
    monkeypatch.setattr("django_ecomai.events.writing.copy_available", lambda connection: False)
    assert statuses(rows) == ["accepted"] * COPY_FROM
    same = {"received_at"}
    inserted = list(Event.objects.order_by("id").values())
    assert [{k: v for k, v in row.items() if k not in same} for row in copied] == [
        {k: v for k, v in row.items() if k not in same} for row in inserted
    ]


@pytest.mark.skipif(not POSTGRES, reason="PostgreSQL takes many rows by COPY")
def test_copied_rows_that_exist_are_duplicates_and_sink_nobody() -> None:
    rows = [view(str(number), id=str(uuid7())) for number in range(COPY_FROM + 20)]
    assert statuses(rows[:5]) == ["accepted"] * 5
    with CaptureQueriesContext(connection) as asked:
        assert statuses(rows) == ["duplicate"] * 5 + ["accepted"] * (COPY_FROM + 15)
    assert sum("CREATE TEMPORARY" in query["sql"] for query in asked) == 1
    assert statuses(rows) == ["duplicate"] * (COPY_FROM + 20)


@pytest.mark.skipif(not POSTGRES, reason="PostgreSQL takes many rows by COPY")
def test_who_may_not_make_temporary_tables_inserts_row_by_row() -> None:
    events_insert(rows=[view()])
    name, quote = f"ecomai_test_{os.getpid()}", connection.ops.quote_name
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT rolsuper OR rolcreaterole, current_database() FROM pg_roles WHERE rolname = current_user"
        )
        may_make_roles, database = cursor.fetchone()
        cursor.execute(f"REVOKE TEMPORARY ON DATABASE {quote(database)} FROM PUBLIC, CURRENT_USER")
        if may_make_roles:  # a superuser may do everything, whatever is revoked
            cursor.execute(f"CREATE ROLE {name}")
            cursor.execute(f"GRANT SELECT, INSERT ON ALL TABLES IN SCHEMA public TO {name}")
            cursor.execute(f"SET LOCAL ROLE {name}")
    rows = [view(str(number), id=str(uuid7())) for number in range(BATCH + COPY_FROM)]
    with CaptureQueriesContext(connection) as asked:
        assert statuses(rows) == ["accepted"] * (BATCH + COPY_FROM)
    assert [sum(word in query["sql"] for query in asked) for word in ("CREATE TEMPORARY", "INSERT INTO")] == [0, 2]
    assert statuses(rows[:COPY_FROM]) == ["duplicate"] * COPY_FROM


def test_an_empty_batch_makes_no_query(django_assert_num_queries: Any) -> None:
    with django_assert_num_queries(0):
        assert events_insert(rows=[]) == []


def test_a_batch_is_one_insert(django_assert_num_queries: Any) -> None:
    events_insert(rows=[view()])  # which partitions exist is known from here on
    with django_assert_num_queries(4) as captured:  # who has refused, savepoint, insert, release
        events_insert(rows=[view(str(number)) for number in range(50)])
    assert sum("INSERT" in query["sql"] for query in captured.captured_queries) == 1


def test_an_import_of_old_behaviour_is_exactly_once_and_makes_its_partitions() -> None:
    rows = [
        view(str(number), at=datetime(2011, month, 5, tzinfo=UTC), source="logs", key=str(number))
        for number, month in enumerate((3, 3, 4, 12))
    ]
    assert statuses(rows, source="import") == ["accepted"] * 4
    assert statuses(rows, source="import") == ["duplicate"] * 4
    assert [uuid7_time(key).month for key in Event.objects.order_by("id").values_list("id", flat=True)] == [3, 3, 4, 12]
    if POSTGRES:
        made = {partition_name(month) for month in partitions_list()}
        assert {"ecomai_events_event_p201103", "ecomai_events_event_p201104", "ecomai_events_event_p201112"} <= made
        assert "ecomai_events_event_p201105" not in made


def test_without_returning_the_verdicts_are_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(type(connection.features), "can_return_rows_from_bulk_insert", False)
    rows = [view("A", id=str(uuid7())), view("B", id=str(uuid7()))]
    assert statuses(rows[:1]) == ["accepted"]
    assert statuses(rows) == ["duplicate", "accepted"]
    assert Event.objects.count() == 2


@pytest.mark.skipif(not POSTGRES, reason="partitions are PostgreSQL's")
@pytest.mark.parametrize("remembered", [True, False])
def test_an_id_outside_every_partition_is_refused_and_the_rest_is_stored(remembered: bool) -> None:
    """Also when this process believes that the partition still exists."""
    rows = [
        view("old", at=datetime(2011, 3, 4, tzinfo=UTC), source="x", key="1"),
        view("new", at=datetime.now(UTC), source="x", key="2"),
    ]
    assert statuses(rows, source="import") == ["accepted", "accepted"]
    Event.objects.all().delete()
    if remembered:
        assert ids_outside([uuid7(datetime(2011, 3, 5, tzinfo=UTC))]) == set()
    with connection.cursor() as cursor:
        cursor.execute("DROP TABLE ecomai_events_event_p201103")
    if not remembered:
        forget()
    verdicts = events_write(pairs=events_prepare(rows=rows, source="import"))
    assert [(verdict.status, verdict.reason) for verdict in verdicts] == [
        ("rejected", "no_partition"),
        ("accepted", ""),
    ]
    assert [event.product_id for event in Event.objects.all()] == ["new"]


def test_a_uuid_object_and_its_text_are_the_same_id() -> None:
    given = uuid7()
    assert statuses([view(id=given)]) == ["accepted"]
    assert statuses([view(id=str(given).upper())]) == ["duplicate"]
    assert isinstance(Event.objects.get().pk, uuid.UUID)


@pytest.mark.skipif(not POSTGRES, reason="SQLite has one writer at a time")
@pytest.mark.django_db(transaction=True)
def test_the_same_batch_from_many_tabs_at_once_is_stored_once() -> None:
    rows = [view(str(number), id=str(uuid7())) for number in range(40)]
    start = Barrier(4)

    def send(order: int) -> list[str]:
        start.wait()
        try:
            return statuses(rows[:: (-1) ** order])
        finally:
            connection.close()

    with ThreadPoolExecutor(4) as pool:
        verdicts = [status for answer in pool.map(send, range(4)) for status in answer]
    assert verdicts.count("accepted") == 40 == Event.objects.count()
    assert verdicts.count("duplicate") == 120


def test_rows_are_written_in_the_order_of_their_ids_so_that_no_two_writers_lock_in_a_circle() -> None:
    rows = [view(str(number), id=str(uuid7())) for number in range(COPY_FROM - 1)]  # more are sorted by PostgreSQL
    with CaptureQueriesContext(connection) as queries:
        assert statuses(rows[::-1]) == ["accepted"] * (COPY_FROM - 1)
    written = [
        uuid.UUID(found)
        for query in queries
        if query["sql"].startswith("INSERT")
        for found in re.findall(r"'([0-9a-f]{8}-?[0-9a-f]{4}-?7[0-9a-f]{3}-?[0-9a-f]{4}-?[0-9a-f]{12})'", query["sql"])
    ]
    assert written == sorted(uuid.UUID(str(row["id"])) for row in rows)
