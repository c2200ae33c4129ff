"""The file for events that nothing else takes: whole lines, bounded, shared by processes, replayed, never glued."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import OperationalError, connection, transaction

from django_ecomai.core.persons import Subject
from django_ecomai.core.uuid7 import uuid7
from django_ecomai.events import checks, diagnosis, jobs, personal
from django_ecomai.events.doctor_capture import capture_doctor
from django_ecomai.events.figures import figures
from django_ecomai.events.models import Event
from django_ecomai.events.queues import direct, spill, storing
from django_ecomai.events.queues.upkeep import capture_tend, dead_sweep, spill_replay, waiting_forget
from django_ecomai.events.services import track
from django_ecomai.privacy.refusing import refuse
from django_ecomai.runs.services import runs_tend

from ..conftest import Browser
from .conftest import accept, die, in_child, stored, views

committed = pytest.mark.django_db(transaction=True)  # other processes or connections look at the rows
pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("spill_folder")]


@pytest.fixture
def away(monkeypatch: Any) -> Any:
    """The database takes nothing until the returned function is called."""
    patch = pytest.MonkeyPatch()

    def fail(**kwargs: Any) -> Any:
        raise OperationalError("server closed the connection unexpectedly")

    for module in (direct, storing):
        patch.setattr(module, "events_settle", fail)
    yield patch.undo
    patch.undo()


@committed
def test_what_the_database_does_not_take_is_accepted_all_the_same_and_stored_later(
    away: Any, agreed: None, browser: Browser
) -> None:
    response = browser.capture({"name": "view_item", "product_id": "A"}, {"name": "nonsense"})
    assert response.status_code == 202
    assert [verdict["status"] for verdict in response.json()["verdicts"]] == ["accepted", "rejected"]
    track(name="add_to_cart", product="B", customer_id="c", quantity=2)
    assert (Event.objects.count(), spill.state().waiting) == (0, 2)
    with pytest.raises(CommandError, match="Events wait on"):
        call_command("ecomai_capture")
    assert spill.state().waiting == 2, "nothing is lost by trying"
    away()
    runs_tend()
    assert sorted(Event.objects.values_list("name", "product_id")) == [("add_to_cart", "B"), ("view_item", "A")]
    assert spill.state().waiting == 0


@committed
def test_a_table_that_is_gone_is_such_a_case_and_the_page_renders(agreed: None, browser: Browser) -> None:
    with connection.schema_editor() as editor:
        editor.execute("ALTER TABLE ecomai_events_event RENAME TO away")
    try:
        response = browser.capture({"name": "view_item", "product_id": "A"})
        assert response.json()["verdicts"][0]["status"] == "accepted"
    finally:
        with connection.schema_editor() as editor:
            editor.execute("ALTER TABLE away RENAME TO ecomai_events_event")
    assert capture_tend().stored == 1
    assert Event.objects.get().visitor_id != ""


def test_replayed_twice_in_any_order_it_is_stored_once(away: Any, spill_folder: Path) -> None:
    rows = views(5)
    ids = accept(rows)
    accept(rows[::-1])
    away()
    copy = (spill_folder / "waiting.jsonl").read_bytes()
    assert (spill_replay().stored, spill.state().waiting) == (5, 0)
    (spill_folder / "waiting.jsonl").write_bytes(copy)
    assert (spill_replay().known, stored()) == (10, sorted(ids))


@committed
def test_a_replay_that_is_killed_halfway_is_taken_up_again(away: Any, monkeypatch: Any) -> None:
    ids = accept(views(7))
    away()
    monkeypatch.setattr(spill, "CHUNK", 3)
    seen: list[int] = []

    def second_is_deadly(lines: list[str]) -> Any:
        seen.append(len(lines))
        return die() if len(seen) == 2 else storing.lines_store(lines)

    assert in_child(lambda: spill.replay(second_is_deadly)) == 9
    assert (Event.objects.count(), spill.state().waiting) == (3, 7)
    late = accept(views(1))
    settled = spill_replay()
    assert (settled.stored, settled.known) == (4, 3)
    assert stored() == sorted(ids + late)


def test_what_a_full_queue_took_does_not_come_again_and_gives_its_room_back(away: Any, monkeypatch: Any) -> None:
    """The stream has room for four, again and again; the file holds ten."""
    accept(views(10))
    whole = spill.state().size
    monkeypatch.setattr(spill, "CHUNK", 2)
    took: list[str] = []
    room = [0]

    def put(lines: list[str]) -> None:
        if room[0] < len(lines):
            raise spill.QueueRefused("full")
        room[0] -= len(lines)
        took.extend(lines)

    for waiting in (6, 2):
        room[0] = 4
        with pytest.raises(spill.QueueRefused):
            spill.replay(put)
        assert (spill.state().waiting, spill.state().size) == (waiting, whole * waiting // 10)
    room[0] = 4
    assert spill.replay(put) == 2
    assert (spill.state().waiting, len(took), len(set(took))) == (0, 10, 10)


def test_a_replay_ends_when_it_is_told_to_and_the_rest_waits(away: Any, monkeypatch: Any) -> None:
    accept(views(6))
    monkeypatch.setattr(spill, "CHUNK", 2)
    took: list[str] = []
    assert spill.replay(took.extend, goes_on=lambda: len(took) < 4) == 4
    assert spill.state().waiting == 2
    assert spill.replay(took.extend) == 2
    assert len(set(took)) == 6


def test_a_day_in_the_file_changes_no_time(away: Any, spill_folder: Path) -> None:
    accept(views(1, at=datetime.now(UTC).isoformat()))
    away()
    path = spill_folder / "waiting.jsonl"
    data = json.loads(path.read_bytes())
    day = datetime.now(UTC) - timedelta(days=1)
    data["event"] |= {"id": str(uuid7(day)), "received_at": day.isoformat()}
    path.write_text(json.dumps(data))
    assert round(spill.state().age / 3600) == 24
    spill_replay()
    assert Event.objects.get().received_at == day


@committed
def test_an_order_that_could_not_be_recorded_gives_its_one_event_later(away: Any) -> None:
    placed = datetime.now(UTC) - timedelta(hours=2)
    track(name="purchase", order_id="7", customer_id="c", value="5", at=placed)
    away()
    track(name="purchase", order_id="7", customer_id="c", value="5", at=placed + timedelta(minutes=1))
    assert Event.objects.count() == 1
    assert (spill_replay().known, Event.objects.count()) == (1, 1)


@committed
def test_processes_write_whole_lines_side_by_side(spill_folder: Path) -> None:
    lines = [json.dumps({"n": number, "pad": "x" * 3000}) for number in range(40)]

    def write() -> None:
        for line in lines:
            spill.put([line])

    assert [in_child(write), in_child(write)] == [0, 0]
    found = [json.loads(line)["n"] for line in (spill_folder / "waiting.jsonl").read_bytes().splitlines()]
    assert sorted(found) == sorted([*range(40), *range(40)])


def test_a_torn_line_spoils_no_other(away: Any, spill_folder: Path) -> None:
    first = accept(views(1))
    path = spill_folder / "waiting.jsonl"
    with path.open("ab") as file:
        file.write(b'{"v":1,"event":{"id":"019')  # a process was killed here
    second = accept(views(1))
    away()
    settled = spill_replay()
    assert (settled.stored, list(settled.dead.values())) == (2, ["not_json"])
    assert stored() == sorted(first + second)
    assert spill.state().dead == 1
    assert spill.unbury() == 1
    assert spill_replay().dead == {0: "not_json"}


def test_a_write_that_fails_halfway_leaves_the_file_as_it_was(away: Any, spill_folder: Path, monkeypatch: Any) -> None:
    accept(views(1))
    before = (spill_folder / "waiting.jsonl").read_bytes()

    def full(handle: int) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(spill.os, "fsync", full)
        with pytest.raises(spill.QueueRefused, match="No space left"):
            spill.put(["second"])
    assert (spill_folder / "waiting.jsonl").read_bytes() == before


@committed
def test_what_does_not_fit_is_refused_counted_and_shown(
    away: Any, agreed: None, browser: Browser, ecomai_setting: Any, shared_cache: Any
) -> None:
    ecomai_setting(CAPTURE_SPILL_MB=0.0006)  # 629 bytes
    view = {"name": "view_item", "product_id": "A"}
    assert browser.capture(view).status_code == 202
    response = browser.capture(view, view, view)
    assert (response.status_code, response.json()["error"]) == (503, "not_stored")
    for product in ("B" * 64, "C" * 64):
        track(name="view_item", product=product, customer_id="c" * 64, query="d" * 255)
    assert (spill.state().waiting, spill.state().lost) == (1, 2), "the browser sends its three again"
    counts = diagnosis.counts()
    assert (counts["spilled"], counts["lost"], counts["refused"]) == (1, 2, 3)
    [warning] = checks.check_spill(None)
    assert (warning.id, "2 events were lost" in warning.msg) == ("ecomai.W094", True)
    assert [(str(line.title), line.level) for line in capture_doctor()] == [
        ("2 events were lost", "error"),
        ("Events wait in a file on this machine", "info"),
    ]


@committed
def test_a_shop_that_commits_by_hand_has_its_events_too(caplog: Any, ecomai_setting: Any) -> None:
    transaction.set_autocommit(False)
    try:
        track(name="view_item", product="A", customer_id="c")
        transaction.commit()
    finally:
        transaction.set_autocommit(True)
    assert (Event.objects.count(), "does not answer" in caplog.text) == (1, False)


def test_a_scrape_is_told_what_waits_on_this_machine(away: Any) -> None:
    accept(views(2))
    spill.bury(["rubbish"])
    spill.lost_count(5)
    found = {(gauge.name, gauge.labels.get("where")): gauge.value for gauge in figures()}
    assert found.pop(("ecomai_capture_oldest_seconds", "file")) >= 0
    assert found == {
        ("ecomai_capture_waiting", "file"): 2.0,
        ("ecomai_capture_put_aside", "file"): 1.0,
        ("ecomai_capture_lost", None): 5.0,
    }


def test_who_is_erased_leaves_the_file_too(away: Any, spill_folder: Path) -> None:
    accept([*views(2, customer_id="gone"), *views(1, customer_id="stays")])
    away()
    personal.erase(Subject(customer_ids=frozenset({"gone"})))
    assert b"gone" not in (spill_folder / "waiting.jsonl").read_bytes()
    spill_replay()
    assert list(Event.objects.values_list("customer_id", flat=True)) == ["stays"]


def dead_line(days: float = 0, **columns: str) -> str:
    moment = datetime.now(UTC) - timedelta(days=days)
    return json.dumps({"v": 1, "event": {"received_at": moment.isoformat(), **columns}})


@pytest.mark.parametrize("sweep", [jobs.prune, capture_tend, lambda: call_command("ecomai_capture")])
def test_what_was_put_aside_is_kept_no_longer_than_events_are(spill_folder: Path, sweep: Any) -> None:
    old, young = dead_line(401), dead_line(399)
    spill.bury([old, young])
    sweep()
    assert (spill_folder / "dead.jsonl").read_text() == f"{young}\n"


def test_who_was_erased_on_another_machine_leaves_what_was_put_aside_here(spill_folder: Path) -> None:
    stays = dead_line(customer_id="stays", visitor_id="gone")
    spill.bury([dead_line(customer_id="gone"), dead_line(visitor_id="gone"), stays, dead_line(channel="b")])
    for kind in ("customer", "visitor"):
        refuse(subject=Subject(**{f"{kind}_ids": frozenset({"gone"})}))
    capture_tend()
    assert (spill_folder / "dead.jsonl").read_text().splitlines()[:1] == [stays]
    assert spill.state().dead == 2


def test_what_cannot_be_read_grows_old_too_and_can_be_tried_again(spill_folder: Path) -> None:
    spill.bury(['rubbish of "someone"', '{"v":2}'])
    capture_tend()
    assert spill.state().dead == 2
    later = datetime.now(UTC) + timedelta(days=1)
    assert spill.unbury() == 2
    [taken] = spill_folder.glob("taken-*")
    assert taken.read_text() == 'rubbish of "someone"\n{"v":2}\n'
    assert len(spill_replay().dead) == 2
    capture_tend()
    assert waiting_forget(channel="", visitors=set(), customers={"someone"}) == 1
    assert dead_sweep(before=later) == 1
    assert spill.state().dead == 0


def test_a_folder_that_cannot_be_made_refuses_and_says_so(away: Any, ecomai_setting: Any, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    ecomai_setting(CAPTURE_SPILL_DIR=str(tmp_path / "file"))
    with pytest.raises(spill.QueueRefused, match="cannot be written"):
        spill.put(["x"])
    assert [warning.id for warning in checks.check_spill(None)] == ["ecomai.W093"]


@pytest.mark.parametrize(("way", "found"), [("kafka", ["ecomai.E090"]), ("celery", ["ecomai.E092"]), ("direct", [])])
def test_a_queue_that_cannot_work_is_an_error(ecomai_setting: Any, way: str, found: list[str]) -> None:
    ecomai_setting(CAPTURE_QUEUE=way)
    assert [error.id for error in checks.check_capture_queue(None)] == found


def test_an_unknown_queue_still_loses_nothing(ecomai_setting: Any) -> None:
    ecomai_setting(CAPTURE_QUEUE="kafka")
    ids = accept(views(2))
    assert spill.state().waiting == 2
    assert str(capture_doctor()[0].title) == "The queue of events does not answer"
    ecomai_setting(CAPTURE_QUEUE="direct")
    spill_replay()
    assert stored() == sorted(ids)
