"""The Redis stream: what it has is stored exactly once, whoever is killed, stopped, restarted or late."""

from __future__ import annotations

import json
import random
import shutil
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import DataError, OperationalError, connection

from django_ecomai.core.uuid7 import uuid7
from django_ecomai.events.models import Event
from django_ecomai.events.queues import spill, storing, stream
from django_ecomai.events.queues.base import QueueRefused
from django_ecomai.events.queues.upkeep import capture_tend, spill_replay
from django_ecomai.events.services import track

from ..conftest import Browser
from .conftest import OwnRedis, accept, client, die, in_child, stored, views

committed = pytest.mark.django_db(transaction=True)  # other processes or connections look at the rows
pytestmark = [
    pytest.mark.django_db,
    pytest.mark.service("redis"),
    pytest.mark.skipif(shutil.which("redis-server") is None, reason="needs a redis-server to start and kill"),
]
POSTGRES = connection.vendor == "postgresql"


def length(server: OwnRedis) -> int:
    return int(client(server).xlen("ecomai:events"))


def test_what_the_endpoint_accepts_is_in_the_stream_and_the_worker_stores_it(
    redis_server: OwnRedis, agreed: None, browser: Browser
) -> None:
    response = browser.capture(
        {"name": "view_item", "product_id": "A"}, {"name": "purchase"}, {"name": "search", "query": "lamp"}
    )
    assert response.status_code == 202
    assert [verdict["status"] for verdict in response.json()["verdicts"]] == ["accepted", "rejected", "accepted"]
    assert (Event.objects.count(), length(redis_server)) == (0, 2)
    settled = stream.drain()
    assert (settled.stored, settled.known, settled.dead) == (2, 0, {})
    assert sorted(Event.objects.values_list("name", flat=True)) == ["search", "view_item"]
    assert (length(redis_server), stream.state().taken) == (0, 0)


def test_what_comes_out_is_what_went_in(redis_server: OwnRedis) -> None:
    given, at = str(uuid7()), datetime.now(UTC) - timedelta(hours=1)
    accept(
        [
            {
                "id": given, "name": "add_to_cart", "channel": "shop-2", "visitor_id": "v" * 32, "session_id": "s" * 32,
                "customer_id": "c1", "product_id": "Größe 5 ☃", "quantity": "1.5", "value": "9.99", "currency": "gbp",
                "position": 0, "placement": "home", "recommendation_id": "r", "dwell_seconds": 1.25, "at": at,
                "properties": {"a": [1, {"b": None}]}, "is_bot": True,
            }
        ]
    )  # fmt: skip
    stream.drain()
    event = Event.objects.get(pk=given)
    assert (event.product_id, str(event.quantity), str(event.value)) == ("Größe 5 ☃", "1.500", "9.9900")
    assert (event.currency, event.position, event.dwell_seconds, event.is_bot) == ("GBP", 0, 1.25, True)
    assert (event.client_at, event.properties, event.channel) == (at, {"a": [1, {"b": None}]}, "shop-2")


@committed
@pytest.mark.parametrize("when", ["before the insert", "after the insert"])
def test_a_worker_that_is_killed_amid_its_batch_loses_nothing_and_doubles_nothing(
    redis_server: OwnRedis, monkeypatch: Any, when: str
) -> None:
    ids = accept(views(40))
    with monkeypatch.context() as patch:
        if when == "before the insert":
            patch.setattr(stream, "lines_store", die)
        else:
            patch.setattr(stream._Worker, "_settle", die)
        assert in_child(stream.drain) == 9
    assert Event.objects.count() == (0 if when == "before the insert" else 40)
    assert (length(redis_server), stream.state().taken) == (40, 40)
    late = accept(views(3))
    settled = stream.drain(stale=0)
    assert (settled.stored, settled.known) == ((43, 0) if when == "before the insert" else (3, 40))
    assert stored() == sorted(ids + late)
    assert length(redis_server) == 0


@committed
def test_what_is_still_in_a_living_workers_hands_is_not_taken_from_it(redis_server: OwnRedis, monkeypatch: Any) -> None:
    accept(views(2))
    with monkeypatch.context() as patch:
        patch.setattr(stream, "lines_store", die)
        in_child(stream.drain)
    assert stream.drain(stale=60).stored == 0
    assert stream.state().taken == 2
    assert stream.drain(stale=0).stored == 2


def test_a_broker_that_is_killed_has_what_it_took_and_the_rest_spills(redis_server: OwnRedis) -> None:
    before = accept(views(5))
    redis_server.kill()
    during = accept(views(4))
    assert (Event.objects.count(), spill.state().waiting) == (0, 4)
    redis_server.start()
    stream._breaker.reset()
    after = accept(views(3))
    capture_tend()
    assert stored() == sorted(before + during + after)
    assert (length(redis_server), spill.state().waiting) == (0, 0)


def test_a_worker_waits_for_a_broker_that_is_started_again(redis_server: OwnRedis) -> None:
    first, told, stop = accept(views(2)), [], threading.Event()
    second: list[str] = []

    def restart(settled: Any) -> None:
        told.append(settled.stored)
        if len(told) == 1:
            redis_server.kill()
            redis_server.start()
            stream._breaker.reset()
            second.extend(accept(views(2)))
        else:
            stop.set()

    stream.drain(loop=True, stop=stop, told=restart, seconds=20)
    assert told == [2, 2]
    assert stored() == sorted(first + second)


def test_a_redis_that_lost_everything_gets_its_group_again(redis_server: OwnRedis) -> None:
    accept(views(1))
    stream.drain()
    client(redis_server).flushall()
    ids = accept(views(2))
    assert stream.drain().stored == 2
    assert set(ids) < set(stored())


def test_the_cache_is_flushed_and_nothing_is_doubled(redis_server: OwnRedis, shared_cache: Any) -> None:
    rows = views(6)
    ids = accept(rows)
    shared_cache.clear()
    accept(rows)
    assert (stream.drain().stored, stored()) == (6, sorted(ids))


def test_batches_that_come_twice_out_of_order_and_a_day_late_are_stored_once(redis_server: OwnRedis) -> None:
    chance = random.Random(5)
    late = datetime.now(UTC) - timedelta(days=1)
    rows = [*views(20), *({**row, "id": str(uuid7(late))} for row in views(20))]
    sent = [row for row in rows for _ in range(3)]
    chance.shuffle(sent)
    for start in range(0, len(sent), 25):
        accept(sent[start : start + 25])
    settled = stream.drain()
    assert (settled.stored, settled.known) == (40, 80)
    assert stored() == sorted(str(row["id"]) for row in rows)


def test_a_database_that_is_away_is_waited_for(redis_server: OwnRedis, monkeypatch: Any) -> None:
    ids, tries, stop = accept(views(3)), [], threading.Event()
    whole = storing.lines_store

    def stumble(lines: Any) -> Any:
        tries.append(len(lines))
        if len(tries) < 3:
            raise OperationalError("the database system is starting up")
        return whole(lines)

    monkeypatch.setattr(stream, "lines_store", stumble)
    stream.drain(loop=True, stop=stop, told=lambda settled: stop.set())
    assert (tries, stored()) == ([3, 3, 3], sorted(ids))


@committed
@pytest.mark.skipif(not POSTGRES, reason="a file has no server that ends connections")
def test_a_connection_that_the_database_ends_is_made_anew(redis_server: OwnRedis, monkeypatch: Any) -> None:
    """Ended between the insert and its commit."""
    ids, ended, stop = accept(views(3)), [], threading.Event()
    whole = storing.events_settle

    def cut(**kwargs: Any) -> Any:
        result = whole(**kwargs)
        if not ended:
            ended.append(True)
            terminate()
        return result

    monkeypatch.setattr(storing, "events_settle", cut)
    stream.drain(loop=True, stop=stop, told=lambda settled: stop.set())
    assert (ended, stored()) == ([True], sorted(ids))
    assert length(redis_server) == 0


def terminate() -> None:
    """End this process's connection from another one, as a restart of the server does."""
    import psycopg

    settings = connection.settings_dict
    own = connection.connection.info.backend_pid
    other = psycopg.connect(
        dbname=settings["NAME"], host=settings["HOST"] or None, port=settings["PORT"] or None,
        user=settings["USER"] or None, password=settings["PASSWORD"] or None, autocommit=True,
    )  # fmt: skip
    with other:
        other.execute("SELECT pg_terminate_backend(%s, 5000)", [own])


def test_a_full_stream_refuses_whole_batches_and_trims_nothing(redis_server: OwnRedis, ecomai_setting: Any) -> None:
    ecomai_setting(CAPTURE_QUEUE_MAX=5)
    first = accept(views(4))
    second = accept(views(2))
    assert (length(redis_server), spill.state().waiting) == (4, 2)
    with pytest.raises(QueueRefused, match="takes no more"):
        spill_replay()
    assert spill.state().waiting == 2
    stream.drain()
    capture_tend()
    assert stored() == sorted(first + second)


def test_what_cannot_be_stored_is_put_aside_and_stops_nobody(redis_server: OwnRedis, monkeypatch: Any) -> None:
    ids = accept(views(7))
    raw = client(redis_server)
    for line in (b"not JSON", b'{"v":9,"event":{}}', b'{"v":1,"event":{"id":"x"}}'):
        raw.xadd("ecomai:events", {"e": line})
    raw.xadd("ecomai:events", {"other": "field"})
    poison = ids[3]
    whole = storing.events_settle

    def choke(*, pairs: Any, using: Any = None) -> Any:
        if any(str(event.id) == poison for event, _ in pairs):
            raise DataError("out of range")
        return whole(pairs=pairs, using=using)

    with monkeypatch.context() as patch:
        patch.setattr(storing, "events_settle", choke)
        settled = stream.drain()
    assert settled.stored == 6
    assert sorted(settled.dead.values()) == ["DataError", "invalid:id", "not_json", "not_json", "unknown_version"]
    assert (length(redis_server), stream.state().dead) == (0, 5)
    assert stream.drain().dead == {}, "it is not tried for ever"
    assert stream.expire(datetime.now(UTC) - timedelta(hours=1)) == 0
    assert stream.revive() == 5
    assert (stream.drain().stored, stream.state().dead) == (1, 4)
    assert stored() == sorted(ids)
    assert (stream.expire(datetime.now(UTC) + timedelta(hours=1)), stream.state().dead) == (4, 0)


@committed
def test_an_event_that_kills_its_workers_is_put_aside_after_a_while_and_the_others_are_stored(
    redis_server: OwnRedis, monkeypatch: Any
) -> None:
    ids = accept(views(5))
    whole = storing.lines_store

    def deadly(lines: Any) -> Any:
        return die() if any(ids[2].encode() in line for line in lines) else whole(lines)

    with monkeypatch.context() as patch:
        patch.setattr(stream, "lines_store", deadly)
        deaths = 0
        while in_child(lambda: stream.drain(stale=0)) == 9:
            deaths += 1
    assert deaths == stream.SINGLY - 1 + stream.DEATHS
    assert stored() == sorted(set(ids) - {ids[2]})
    assert (length(redis_server), stream.state().dead) == (0, 1)


def test_a_database_that_fails_again_and_again_is_no_fault_of_the_event(
    redis_server: OwnRedis, monkeypatch: Any
) -> None:
    ids = accept(views(1))

    def fail(lines: Any) -> Any:
        raise OperationalError("server closed the connection unexpectedly")

    with monkeypatch.context() as patch:
        patch.setattr(stream, "lines_store", fail)
        for _time in range(stream.SINGLY + stream.DEATHS + 1):
            with pytest.raises(OperationalError):
                stream.drain(stale=0)
    assert client(redis_server).hgetall("ecomai:events:trying") == {}
    stream.drain(stale=0)
    assert (stored(), stream.state().dead) == (sorted(ids), 0)


@committed
def test_what_the_shop_tracks_goes_the_same_way_and_an_order_gives_one_event(redis_server: OwnRedis) -> None:
    track(name="view_item", product="A", customer_id="c")
    assert track(name="purchase", order_id="17", customer_id="c", value="9.99") is not None
    track(name="purchase", order_id="17", customer_id="c")
    assert (Event.objects.count(), length(redis_server)) == (0, 3)
    stream.drain()
    track(name="purchase", order_id="17", customer_id="c")
    settled = stream.drain()
    assert (settled.stored, settled.known) == (0, 1)
    assert str(Event.objects.get(name="purchase").value) == "9.9900"


@committed
def test_two_workers_share_the_work(redis_server: OwnRedis, monkeypatch: Any) -> None:
    monkeypatch.setattr(stream, "COUNT", 7)
    ids = accept(views(60))
    assert in_child(lambda: stream.drain(seconds=0.05)) == 0
    stream.drain()
    assert stored() == sorted(ids)
    assert client(redis_server).xinfo_consumers("ecomai:events", "ecomai") == []


def test_the_command_stores_what_waits(redis_server: OwnRedis, capsys: Any) -> None:
    ids = accept(views(3))
    call_command("ecomai_capture")
    assert capsys.readouterr().out == "stored 3, known 0, dropped 0, queued 0, put aside 0\n"
    assert stored() == sorted(ids)
    call_command("ecomai_capture", "--status")
    status = json.loads(capsys.readouterr().out)
    assert (status["queue"], status["state"]["waiting"], status["spill"]["waiting"]) == ("redis", 0, 0)


def test_the_command_empties_a_full_stream_though_the_file_does_not_fit(
    redis_server: OwnRedis, ecomai_setting: Any, monkeypatch: Any
) -> None:
    ecomai_setting(CAPTURE_QUEUE_MAX=2)
    monkeypatch.setattr(spill, "CHUNK", 1)
    ids = [*accept(views(2)), *accept(views(3))]
    for waiting in (3, 1):
        with pytest.raises(CommandError, match="The stream holds 2 events"):
            call_command("ecomai_capture")
        assert spill.state().waiting == waiting
    call_command("ecomai_capture")
    assert stored() == sorted(ids)


def test_the_wire_carries_no_address_and_no_more_than_the_table_has(
    redis_server: OwnRedis, agreed: None, browser: Browser
) -> None:
    browser.capture({"name": "view_item", "product_id": "A"}, REMOTE_ADDR="203.0.113.77")
    [(_, fields)] = client(redis_server).xrange("ecomai:events")
    line = json.loads(fields[b"e"])
    assert set(line) == {"v", "personal", "event"}
    assert set(line["event"]) <= {field.attname for field in Event._meta.concrete_fields}
    assert b"203.0.113" not in fields[b"e"]


def test_a_spilled_file_holds_whole_lines_for_its_owner_only(redis_server: OwnRedis, spill_folder: Path) -> None:
    redis_server.kill()
    accept(views(2))
    files = {path.name: path.stat().st_mode & 0o777 for path in spill_folder.iterdir()}
    assert files["waiting.jsonl"] == 0o600
    assert spill_folder.stat().st_mode & 0o777 == 0o700
    assert [json.loads(line)["v"] for line in (spill_folder / "waiting.jsonl").read_bytes().splitlines()] == [1, 1]
