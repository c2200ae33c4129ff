"""Room for events: made ahead, dropped whole; and on databases without partitions everything works without."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from importlib import import_module

import pytest
from django.apps import apps
from django.db import connection
from django.db.migrations.state import ProjectState
from django.db.models.signals import post_migrate

from django_ecomai.core.uuid7 import uuid7, uuid7_floor
from django_ecomai.events.models import Event, VisitorIdentity
from django_ecomai.events.partitions import (
    forget,
    ids_outside,
    is_partitioned,
    month_of,
    month_start,
    partition_name,
    partitions_drop,
    partitions_ensure,
    partitions_list,
)
from django_ecomai.events.services import events_insert, events_prune

pytestmark = pytest.mark.django_db
POSTGRES = connection.vendor == "postgresql"
only_postgres = pytest.mark.skipif(not POSTGRES, reason="partitions are PostgreSQL's")


def old_event(year: int, month: int, *, channel: str = "", product: str = "A", day: int = 5) -> None:
    at = datetime(year, month, day, tzinfo=UTC)
    row = {"name": "view_item", "product_id": product, "visitor_id": "v", "channel": channel, "at": at}
    [verdict] = events_insert(rows=[row], source="import")
    assert verdict.status == "accepted"


def test_months_count_over_the_turn_of_the_year() -> None:
    december = month_of(datetime(2026, 12, 31, 23, 59, tzinfo=UTC))
    assert month_start(december) == datetime(2026, 12, 1, tzinfo=UTC)
    assert month_start(december + 1) == datetime(2027, 1, 1, tzinfo=UTC)
    assert partition_name(december) == "ecomai_events_event_p202612"


@pytest.mark.skipif(POSTGRES, reason="for the other databases")
def test_elsewhere_there_are_no_partitions_and_nothing_is_outside() -> None:
    assert not is_partitioned(connection)
    assert (partitions_ensure(), partitions_list(), partitions_drop(before=datetime.now(UTC))) == ([], [], 0)
    assert ids_outside([uuid7(datetime(1999, 1, 1, tzinfo=UTC))]) == set()


@only_postgres
def test_migrate_made_room_from_last_month_to_two_years_ahead() -> None:
    now = month_of(datetime.now(UTC))
    assert set(range(now - 1, now + 25)) <= set(partitions_list())


@only_postgres
def test_migrating_again_restores_what_is_missing() -> None:
    month = month_of(datetime.now(UTC)) + 20
    with connection.cursor() as cursor:
        cursor.execute(f"DROP TABLE {partition_name(month)}")
    config = apps.get_app_config("ecomai_events")
    post_migrate.send(sender=config, app_config=config, verbosity=0, interactive=False, using="default")
    assert month in partitions_list()
    assert partitions_ensure() == []


@only_postgres
def test_there_is_no_default_partition_and_bounds_are_whole_months() -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_get_expr(relpartbound, oid) FROM pg_class WHERE relispartition AND relkind = 'r' "
            "AND relname LIKE 'ecomai_events_event_p%%' ORDER BY relname"
        )
        bounds = [row[0] for row in cursor.fetchall()]
    assert len(bounds) == len(partitions_list())
    month = month_of(datetime.now(UTC))
    low, high = (uuid7_floor(month_start(value)) for value in (month, month + 1))
    assert f"FOR VALUES FROM ('{low}') TO ('{high}')" in bounds
    assert not any("DEFAULT" in bound for bound in bounds)


@only_postgres
def test_a_partition_has_the_indexes_of_its_parent() -> None:
    partitions_ensure(first=datetime(2011, 3, 1, tzinfo=UTC), last=datetime(2011, 3, 1, tzinfo=UTC))
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_indexes WHERE tablename = 'ecomai_events_event_p201103'")
        assert cursor.fetchone() == (5,)
        cursor.execute(
            "SELECT count(*) FROM pg_inherits JOIN pg_class ON pg_class.oid = inhparent "
            "WHERE relkind = 'I' AND inhrelid IN "
            "(SELECT indexrelid FROM pg_index WHERE indrelid = 'ecomai_events_event_p201103'::regclass)"
        )
        assert cursor.fetchone() == (5,), "every index is attached to one of the parent's"


@only_postgres
def test_a_range_of_ids_opens_only_its_months() -> None:
    start = datetime.now(UTC)
    rows = Event.objects.filter(id__gte=uuid7_floor(start), id__lt=uuid7_floor(start + timedelta(minutes=6)))
    plan = rows.explain()
    assert plan.count("_event_p") >= 1
    assert partition_name(month_of(start) + 2) not in plan


@only_postgres
def test_retention_drops_whole_months_and_deletes_the_rest() -> None:
    for month in (1, 2, 3):
        old_event(2011, month)
    old_event(2011, 3, day=20)
    assert events_prune(before=datetime(2011, 3, 10, tzinfo=UTC)) == 3
    names = {partition_name(month) for month in partitions_list()}
    assert not {"ecomai_events_event_p201101", "ecomai_events_event_p201102"} & names
    assert "ecomai_events_event_p201103" in names
    assert Event.objects.count() == 1


@only_postgres
def test_ids_are_told_apart_by_partition_and_news_are_noticed() -> None:
    ancient, now = uuid7(datetime(2011, 3, 4, tzinfo=UTC)), uuid7()
    assert ids_outside([ancient, now]) == {ancient}
    partitions_ensure(first=datetime(2011, 3, 1, tzinfo=UTC), last=datetime(2011, 3, 1, tzinfo=UTC))
    assert ids_outside([ancient, now]) == set()
    forget()
    assert ids_outside([ancient, now]) == set()


def test_retention_keeps_what_is_younger() -> None:
    old_event(2011, 1)
    events_insert(rows=[{"name": "view_item", "product_id": "new"}])
    assert events_prune(before=datetime.now(UTC) - timedelta(days=400)) == 1
    assert Event.objects.get().product_id == "new"
    assert events_prune(before=datetime.now(UTC) - timedelta(days=400)) == 0


def test_retention_of_one_shop_leaves_the_others_alone() -> None:
    old_event(2011, 1, channel="a", product="A")
    old_event(2011, 1, channel="b", product="B")
    assert events_prune(before=datetime(2012, 1, 1, tzinfo=UTC), channel="a") == 1
    assert Event.objects.get().product_id == "B"


def test_links_of_visitors_without_events_go_with_them() -> None:
    long_ago = datetime(2011, 1, 1, tzinfo=UTC)
    for visitor in ("gone", "here"):
        VisitorIdentity.objects.create(visitor_id=visitor, customer_id="c", linked_at=long_ago)
    VisitorIdentity.objects.create(visitor_id="new", customer_id="c", linked_at=datetime.now(UTC))
    events_insert(rows=[{"name": "view_item", "product_id": "A", "visitor_id": "here"}])
    events_prune(before=datetime(2012, 1, 1, tzinfo=UTC))
    assert sorted(VisitorIdentity.objects.values_list("visitor_id", flat=True)) == ["here", "new"]


def test_retention_is_part_of_the_general_prune(ecomai_setting: object) -> None:
    from django_ecomai.core.registry import prunes

    ecomai_setting(EVENT_RETENTION_DAYS=30)  # type: ignore[operator]
    old_event(2011, 1)
    assert prunes.get("events")() == 1


def test_the_job_makes_partitions() -> None:
    from django_ecomai.core.registry import job_kinds

    class Context:
        lines: list[str] = []
        made: dict[str, int] = {}

        def log(self, text: str) -> None:
            self.lines.append(text)

        def metrics(self, **values: int) -> None:
            self.made.update(values)

    if POSTGRES:
        with connection.cursor() as cursor:
            cursor.execute(f"DROP TABLE {partition_name(month_of(datetime.now(UTC)) + 5)}")
    context = Context()
    job_kinds.get("events.partitions").execute(context)
    assert context.made == {"partitions_made": 1 if POSTGRES else 0}


@pytest.mark.django_db(transaction=True)
def test_the_table_can_be_taken_away_and_made_again() -> None:
    with connection.schema_editor() as editor:
        editor.delete_model(Event)
    assert partitions_ensure() == []
    migration = import_module("django_ecomai.events.migrations.0001_initial").Migration
    operation = next(operation for operation in migration.operations if operation.name == "Event")
    state = ProjectState()
    operation.state_forwards("ecomai_events", state)
    with connection.schema_editor() as editor:
        operation.database_forwards("ecomai_events", editor, ProjectState(), state)
    forget()
    assert len(partitions_ensure()) == (26 if POSTGRES else 0)
    events_insert(rows=[{"name": "view_item", "product_id": "again"}])
    assert Event.objects.get().product_id == "again"
