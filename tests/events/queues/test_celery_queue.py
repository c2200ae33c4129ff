"""Celery as the queue: a task is acknowledged when its rows are stored, by a real worker over a real broker."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from unittest import mock

import pytest
from celery.exceptions import Reject, Retry, SoftTimeLimitExceeded
from django.db import OperationalError

from django_ecomai.core.uuid7 import uuid7
from django_ecomai.events.models import Event
from django_ecomai.events.queues import celery_queue, spill, storing
from django_ecomai.events.queues.base import QueueRefused
from django_ecomai.events.queues.upkeep import capture_tend
from django_ecomai.events.queues.wire import event_dump
from django_ecomai.events.tasks import events_drain, events_store
from tests.services import RABBITMQ_URL, REDIS_URL

from .conftest import accept, stored, views

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("spill_folder")]


@pytest.fixture(params=[pytest.param("redis", marks=pytest.mark.service("redis")),
                        pytest.param("rabbitmq", marks=pytest.mark.service("rabbitmq"))])  # fmt: skip
def broker_queue(request: Any, ecomai_setting: Any) -> Iterator[str]:
    """A queue of this test's own in a real broker; its name."""
    from celery import current_app

    name = f"ecomai-test-{uuid.uuid4().hex[:8]}"
    celery_queue._breaker.reset()
    celery_queue._forget()
    before = current_app.conf.broker_url
    current_app.conf.broker_url = REDIS_URL if request.param == "redis" else RABBITMQ_URL
    ecomai_setting(CAPTURE_QUEUE="celery", CELERY_QUEUE=name)
    yield name
    with celery_queue.broker.connect() as connection:
        connection.default_channel.queue_delete(name)
    celery_queue._forget()
    current_app.conf.broker_url = before


def lines_in(name: str) -> list[list[str]]:
    """Take every message out of the queue, as a worker gets it, and acknowledge it."""
    found = []
    with celery_queue.broker.connect() as connection:
        channel = connection.default_channel
        while (message := channel.basic_get(name)) is not None:
            message = message if hasattr(message, "decode") else channel.Message(message, channel=channel)
            assert message.headers["task"] == "ecomai.events_store"
            assert message.headers["argsrepr"] == "(events)", "monitors of the broker show it"
            found.append(message.decode()[0][0])
            message.ack()
    return found


def test_the_broker_has_the_batch_when_it_is_accepted_and_the_task_stores_it(broker_queue: str) -> None:
    ids = accept(views(3))
    assert (Event.objects.count(), celery_queue.state().waiting) == (0, 1)
    [lines] = lines_in(broker_queue)
    events_store(lines)
    events_store(lines)  # delivered again, its worker was killed before it could say so
    assert stored() == sorted(ids)


def test_a_broker_that_is_away_makes_events_spill_and_they_follow(broker_queue: str) -> None:
    from celery import current_app

    there = current_app.conf.broker_url
    current_app.conf.broker_url = "redis://127.0.0.1:1/0" if there == REDIS_URL else "amqp://127.0.0.1:1//"
    ids = accept(views(2))
    assert spill.state().waiting == 2
    current_app.conf.broker_url = there
    celery_queue._breaker.reset()
    assert capture_tend().queued == 2
    [lines] = lines_in(broker_queue)
    events_store(lines)
    assert stored() == sorted(ids)


def test_it_is_acknowledged_late_and_never_for_having_failed() -> None:
    assert (events_store.acks_late, events_store.acks_on_failure_or_timeout) == (True, False)
    assert (events_store.reject_on_worker_lost, events_store.max_retries) == (True, None)


def test_while_the_database_is_away_the_task_comes_again(monkeypatch: Any) -> None:
    def away(lines: Any) -> Any:
        raise OperationalError("gone")

    monkeypatch.setattr(storing, "lines_store", away)
    again = mock.Mock(side_effect=Retry())
    with monkeypatch.context() as patch, pytest.raises(Retry):
        patch.setattr(events_store, "retry", again)
        events_store(["line"])
    assert again.call_args.kwargs["countdown"] == 1
    lost = mock.Mock(side_effect=OSError("the broker is away as well"))
    with monkeypatch.context() as patch, pytest.raises(Reject) as rejected:
        patch.setattr(events_store, "retry", lost)
        events_store(["line"])
    assert rejected.value.requeue is True


@pytest.mark.parametrize("error", [SoftTimeLimitExceeded(), RuntimeError("a fault of ours")])
def test_a_task_that_fails_otherwise_keeps_its_batch_and_blames_no_event(
    spill_folder: Path, monkeypatch: Any, ecomai_setting: Any, error: Exception
) -> None:
    event = Event(id=uuid7(), name="view_item", product_id="A", received_at=datetime.now(UTC))
    line = event_dump(event, personal=False)

    def fail(*args: Any, **kwargs: Any) -> Any:
        raise error

    with monkeypatch.context() as patch:
        patch.setattr(storing, "events_settle" if isinstance(error, SoftTimeLimitExceeded) else "event_load", fail)
        events_store([line])
        assert (spill.state().waiting, spill.state().dead) == (1, 0)
        ecomai_setting(CAPTURE_SPILL_MB=0)
        with pytest.raises(Reject) as rejected:
            events_store([line])
    assert rejected.value.requeue is True
    assert events_drain() == 1
    assert (events_store.soft_time_limit, events_store.time_limit) == (900, 1200)


def test_a_line_that_cannot_be_stored_is_kept_aside_and_the_others_are_stored(spill_folder: Path) -> None:
    event = Event(id=uuid7(), name="view_item", product_id="A", received_at=datetime.now(UTC))
    events_store([event_dump(event, personal=False), "rubbish"])
    assert list(Event.objects.values_list("product_id", flat=True)) == ["A"]
    assert (spill_folder / "dead.jsonl").read_text() == "rubbish\n"


def test_without_a_broker_it_is_refused_at_once(ecomai_setting: Any) -> None:
    ecomai_setting(CAPTURE_QUEUE="celery")
    celery_queue._breaker.trip()
    with pytest.raises(QueueRefused, match="a moment ago"):
        celery_queue.put(["x"])
    celery_queue._breaker.reset()


def test_the_regular_task_replays_and_drains(ecomai_setting: Any) -> None:
    ecomai_setting(CAPTURE_QUEUE="kafka")
    ids = accept(views(2))
    ecomai_setting(CAPTURE_QUEUE="direct")
    assert events_drain() == 2
    assert stored() == sorted(ids)
