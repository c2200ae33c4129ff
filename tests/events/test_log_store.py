"""The log as columns, and what of it is kept between trainings."""

from __future__ import annotations

import errno
import json
import os
import re
import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from django_ecomai.core.persons import Subject
from django_ecomai.core.uuid7 import uuid7_derived
from django_ecomai.events import columns, log_store, personal, services
from django_ecomai.events.behaviour import behaviour_of
from django_ecomai.events.columns import CODED, EventColumns
from django_ecomai.events.log_store import LogNotForgotten, log_forget, log_read, log_trim
from django_ecomai.events.models import Event, EventName, VisitorIdentity
from django_ecomai.events.partitions import partitions_ensure
from django_ecomai.events.selectors import behaviour_rows
from django_ecomai.runs import storage

pytestmark = pytest.mark.django_db
NOW = datetime(2026, 6, 15, 12, tzinfo=UTC)
DAY = timedelta(days=1)


@pytest.fixture(autouse=True)
def small_logs_are_kept(db: None, monkeypatch: pytest.MonkeyPatch, tmp_path: Any, settings: Any) -> None:
    partitions_ensure(first=NOW - 150 * DAY, last=NOW + 30 * DAY)
    settings.ECOMAI = {**settings.ECOMAI, "ARTIFACT_DIR": str(tmp_path)}
    monkeypatch.setattr(log_store, "LEAST_KEPT", 1)


def write(*numbers: int, at: datetime = NOW, **fields: Any) -> list[Event]:
    """Events number 0, 1, ... one second apart; the same number and moment is the same event."""
    made = [
        Event(
            id=uuid7_derived("test", str(number), at + timedelta(seconds=number)),
            received_at=at,
            **{"name": "view_item", "visitor_id": f"v{number % 3}", "product_id": f"p{number % 5}", **fields},
        )
        for number in numbers
    ]
    Event.objects.bulk_create(made)
    return made


def told(log: EventColumns) -> list[tuple[Any, ...]]:
    """Every event of the columns with its texts, in their order."""
    coded = [[log.texts[column][code] for code in log.codes[column]] for column in CODED]
    return list(zip(log.high.tolist(), log.low.tolist(), np.nan_to_num(log.dwell, nan=-1), *coded, strict=True))


def read(now: datetime = NOW) -> tuple[int, list[tuple[Any, ...]]]:
    reading = log_read(channel="", now=now)
    return reading.new, told(reading.columns)


def in_full() -> list[tuple[Any, ...]]:
    return told(log_read(channel="", keep=False).columns)


def test_a_second_reading_reads_the_last_week_only() -> None:
    write(*range(4), at=NOW - 30 * DAY)
    write(*range(3), at=NOW - DAY)
    assert read()[0] == 7

    write(7, 8, at=NOW)
    new, events = read(NOW + DAY)

    assert new == 5
    assert events == in_full()
    assert len(events) == 9


def test_an_import_of_old_events_is_noticed() -> None:
    write(*range(4), at=NOW - 30 * DAY)
    write(*range(3), at=NOW - 100 * DAY)
    read()

    write(10, 11, at=NOW - 31 * DAY)
    new, events = read(NOW + DAY)

    assert new == 6  # that month, and nothing in the last week
    assert events == in_full()


def test_what_was_deleted_is_gone_and_nobody_is_named_on() -> None:
    write(*range(4), at=NOW - 30 * DAY, visitor_id="stays")
    write(*range(5, 7), at=NOW - 30 * DAY, visitor_id="leaves")
    read()

    Event.objects.filter(visitor_id="leaves").delete()
    _, events = read()

    assert events == in_full()
    assert log_read(channel="", now=NOW).columns.texts["visitor"] == ["stays"]
    assert b"leaves" not in stored()


def test_an_erasure_deletes_what_was_kept() -> None:
    write(*range(4), at=NOW - 30 * DAY)
    read()
    assert list(storage.root().rglob("visitor_texts.npy"))

    personal.erase(Subject(visitor_ids=frozenset({"v0"})))

    assert not list(storage.root().rglob("*.npy"))


def erase(visitor: str) -> None:
    personal.erase(Subject(visitor_ids=frozenset({visitor})))


def stored() -> bytes:
    return b"".join(path.read_bytes() for path in storage.root().rglob("*.npy"))


@pytest.mark.parametrize("kept", [False, True], ids=["first reading", "later reading"])
def test_who_is_erased_while_a_training_reads_does_not_come_back(kept: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    write(*range(4), at=NOW - 30 * DAY, visitor_id="stays")
    write(*range(5, 7), at=NOW - DAY, visitor_id="leaves")
    if kept:
        read()
    whole = columns.columns_read
    asked: list[int] = []

    def read_and_erase(*args: Any, **options: Any) -> EventColumns:
        found = whole(*args, **options)
        if not asked:
            asked.append(len(found))
            erase("leaves")
        return found

    monkeypatch.setattr(columns, "columns_read", read_and_erase)
    read()

    assert asked == [2 if kept else 6]
    assert stored() == b""
    read()
    assert b"stays" in stored()
    assert b"leaves" not in stored()


@pytest.mark.parametrize("trimmed", [False, True], ids=["training", "retention"])
def test_who_is_erased_while_the_log_is_written_does_not_come_back(
    trimmed: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(*range(4), at=NOW - 30 * DAY, visitor_id="leaves")
    write(*range(4), at=NOW - 60 * DAY, visitor_id="old")
    if trimmed:
        read()
    save = log_store.save_arrays

    def erase_and_save(*args: Any) -> str:
        erase("leaves")
        return save(*args)

    monkeypatch.setattr(log_store, "save_arrays", erase_and_save)
    if trimmed:
        log_trim(before=NOW - 40 * DAY)
    else:
        read()

    assert stored() == b""


def test_an_erasure_in_a_transaction_deletes_again_when_it_is_committed(
    django_capture_on_commit_callbacks: Any,
) -> None:
    write(*range(4), visitor_id="stays")
    with django_capture_on_commit_callbacks(execute=True) as calls:
        erase("leaves")
        read()  # another process still sees the rows
        assert b"stays" in stored()

    assert len(calls) == 1
    assert stored() == b""


def test_an_erasure_where_nothing_was_ever_kept_makes_no_folder() -> None:
    erase("v0")

    assert list(storage.root().iterdir()) == []


def test_retention_cuts_what_was_kept() -> None:
    write(*range(2), at=NOW - 60 * DAY, visitor_id="old")
    write(*range(4), at=NOW - 10 * DAY, visitor_id="new")
    read()

    services.events_prune(before=NOW - 30 * DAY)

    assert b"old" not in stored()
    assert b"new" in stored()
    assert read()[1] == in_full()


def test_trimming_one_shop_leaves_the_others() -> None:
    for channel in ("", "b2b"):
        write(*range(3), at=NOW - 60 * DAY - (DAY if channel else 0 * DAY), channel=channel)
        log_read(channel=channel, now=NOW)

    log_trim(before=NOW, channel="b2b")

    kept = {path.parent.parent.parent.name: np.load(path) for path in storage.root().rglob("high.npy")}
    assert {name: len(high) for name, high in kept.items()} == {"_": 3, "b2b": 0}


@pytest.mark.parametrize("damage", ["bytes", "format", "database", "no manifest"])
def test_a_store_that_does_not_fit_means_a_full_reading(damage: str, monkeypatch: pytest.MonkeyPatch) -> None:
    write(*range(4), at=NOW - 30 * DAY)
    read()
    if damage == "bytes":
        path = next(storage.root().rglob("product.npy"))
        path.write_bytes(path.read_bytes()[:-1] + b"\xff")
    elif damage == "format":
        monkeypatch.setattr(log_store, "FORMAT", 99)
    elif damage == "database":
        monkeypatch.setattr(log_store, "_database", lambda: "another")
    else:
        next(storage.root().rglob("manifest.json")).unlink()

    new, events = read()

    assert new == 4
    assert events == in_full()


def test_a_small_log_leaves_no_trace(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log_store, "LEAST_KEPT", 5)
    write(*range(4), at=NOW - 30 * DAY)

    assert [read()[0], read()[0]] == [4, 4]
    assert list(storage.root().iterdir()) == []


def test_other_users_of_the_machine_cannot_look() -> None:
    write(*range(4))
    read()

    folder = next(storage.root().rglob("manifest.json")).parent.parent
    assert folder.stat().st_mode & 0o007 == 0
    assert json.loads((folder / "log" / "manifest.json").read_text())["manifest"]["kind"] == "eventlog"


@pytest.mark.skipif(os.name != "posix", reason="modes")
@pytest.mark.parametrize("umask", [0o022, 0o077])
def test_the_group_may_delete_whatever_the_umask(umask: int) -> None:
    write(*range(4))
    (storage.root() / "eventlog").mkdir(mode=0o755)  # as an earlier version left it
    before = os.umask(umask)
    try:
        read()
    finally:
        os.umask(before)

    log = next(storage.root().rglob("manifest.json")).parent
    assert log == storage.root() / "eventlog" / "_" / "kept" / "log"
    assert [stat.S_IMODE(folder.stat().st_mode) for folder in [log, *log.parents][:4]] == [0o2770] * 4


def test_a_log_that_cannot_be_deleted_is_no_silent_erasure(monkeypatch: pytest.MonkeyPatch) -> None:
    write(*range(4))
    read()
    with monkeypatch.context() as patched:
        patched.setattr(storage, "remove_local", lambda folder: None)
        with pytest.raises(LogNotForgotten, match=re.escape(f"{storage.root() / 'eventlog' / '_'} could not be")):
            erase("v0")
        with pytest.raises(LogNotForgotten):
            log_forget()
    assert not Event.objects.filter(visitor_id="v0").exists()

    erase("v0")
    assert stored() == b""


def test_without_a_mark_the_log_is_deleted_and_the_erasure_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    write(*range(4))
    read()

    def full(*_given: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "replace", full)
    with pytest.raises(OSError, match="No space left"):
        erase("v0")

    assert list(storage.root().rglob("*")) == [storage.root() / "eventlog"]


def test_what_a_deletion_left_halfway_is_deleted_by_the_next() -> None:
    write(*range(4))
    read()
    folder = storage.root() / "eventlog" / "_"
    folder.rename(folder.with_name("._.deleted"))
    read()

    erase("v0")

    assert stored() == b""


def test_forgetting_all_shops() -> None:
    write(*range(4), channel="b2b")
    log_read(channel="b2b", now=NOW)

    log_forget()

    assert not list(storage.root().rglob("*.npy"))


steps = st.lists(
    st.tuples(
        st.integers(0, 90 * 24),  # hours before
        st.integers(0, 2),  # visitor
        st.sampled_from(["", "c0", "c1"]),
        st.integers(0, 3),  # product
        st.sampled_from(["view_item", "add_to_cart", "user_engagement", "view_item_list", "purchase"]),
        st.sampled_from([None, 0.0, 5.0, 1800.0, 3600.0]),
        st.booleans(),  # robot
    ),
    max_size=12,
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=20)
@given(chunks=st.lists(steps, min_size=1, max_size=4), deleted=st.integers(0, 5), linked=st.booleans())
def test_in_any_portions_it_is_what_one_reading_gives(chunks: Any, deleted: int, linked: bool) -> None:
    Event.objects.all().delete()
    VisitorIdentity.objects.all().delete()
    log_forget()
    for number, chunk in enumerate(chunks):
        at = NOW + number * DAY
        for row, (hours, visitor, customer, product, name, dwell, robot) in enumerate(chunk):
            Event.objects.create(
                id=uuid7_derived(f"{number}", f"{row}", at - timedelta(hours=hours, minutes=row)),
                visitor_id=f"v{visitor}", customer_id=customer, product_id=f"p{product}" if product else "",
                name=name, dwell_seconds=dwell, is_bot=robot, received_at=at,
            )  # fmt: skip
        if linked:
            VisitorIdentity.objects.get_or_create(visitor_id="v1", customer_id="c9", defaults={"linked_at": at})
        # Read between writing and deleting: as many deleted by hand as imported, in one old month, is not noticed.
        assert read(at)[1] == in_full()
        Event.objects.filter(pk__in=list(Event.objects.order_by("id").values_list("pk", flat=True)[:deleted])).delete()
        assert read(at)[1] == in_full()

    log = behaviour_of(log_read(channel="", now=NOW + 9 * DAY).columns, channel="")
    rows = [
        (log.people[who], log.products[product], log.names[name], at, None if np.isnan(dwell) else dwell)
        for who, product, name, at, dwell in zip(
            log.who, log.product, log.name, log.at.tolist(), log.dwell.tolist(), strict=True
        )
    ]
    assert rows == list(behaviour_rows(channel=""))


def test_time_on_the_page_belongs_to_the_last_view() -> None:
    for minutes, name, dwell in [(0, "view_item", None), (1, "view_item", 3.0), (2, "user_engagement", 40.0),
                                 (3, "user_engagement", 2.5), (90, "user_engagement", 9.0)]:  # fmt: skip
        moment = NOW + timedelta(minutes=minutes)
        write(0, at=moment, name=name, dwell_seconds=dwell, visitor_id="v")

    log = behaviour_of(log_read(channel="", keep=False).columns, channel="")

    assert np.nan_to_num(log.dwell, nan=-1).tolist() == [-1.0, 45.5]
    assert [log.names[name] for name in log.name] == [EventName.VIEW_ITEM] * 2
