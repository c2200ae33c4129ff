"""The database goes away, or the worker: the sender is asked to come back, and then everything is there once."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any
from unittest import mock

import pytest
from django.db import OperationalError, connection, connections
from django.utils import timezone

from django_ecomai.ingest.models import DeliveryAnswer
from django_ecomai.ingest.services import AnswerConflict, answer_begin, answer_kept, answers, rows, rows_deliver
from django_ecomai.mirror.models import Product
from tests.events.queues.conftest import die, in_child

from .conftest import Sender, verdicts

ROWS = [{"id": f"L{number}", "title": f"Lamp {number}"} for number in range(5)]
KEY = {"idempotency-key": "night-1"}
GONE = OperationalError("server closed the connection unexpectedly")


@pytest.mark.django_db
@pytest.mark.parametrize("path", ["products", "events"])
def test_a_key_that_cannot_be_looked_up_is_not_refused(shop: Sender, path: str) -> None:
    with mock.patch("django_ecomai.ingest.authentication.key_find", side_effect=GONE):
        answer = shop.client.post(f"/ecomai/api/ingest/{path}/", "{}", content_type="application/json")
    assert (answer.status_code, answer["Retry-After"], answer.json()["error"]) == (503, "5", "not_stored")


@pytest.mark.django_db
def test_recommendations_ask_to_come_back_too(shop: Sender) -> None:
    ask = "/ecomai/api/ingest/recommendations/home/?customer_id=ann"
    for what in ("authentication.key_find", "api_recommend.consents_of"):
        with mock.patch(f"django_ecomai.ingest.{what}", side_effect=GONE):
            answer = shop.client.get(ask)
        assert (answer.status_code, answer["Retry-After"], answer.json()["error"]) == (503, "5", "not_now"), what


def connection_end() -> None:
    """What a restart of PostgreSQL does to it."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        pid = cursor.fetchone()[0]
    other = connection.copy("other")
    try:
        with other.cursor() as cursor:
            cursor.execute("SELECT pg_terminate_backend(%s)", [pid])
    finally:
        other.close()


@pytest.mark.django_db(transaction=True)
def test_a_database_that_is_started_again_holds_up_nobody(shop: Sender) -> None:
    if connection.vendor != "postgresql":
        pytest.skip("needs a server whose connections can be ended")
    connection_end()
    assert shop.send_lines("products", *ROWS, status=503, **KEY)["error"] == "not_stored"
    connection.close()  # as Django does at the end of each request
    with mock.patch.object(rows, "CHUNK", 2), mock.patch.object(rows, "_write", side_effect=ends_at_the_second()):
        assert shop.send_lines("products", *ROWS, status=503, **KEY)["error"] == "not_stored"
    assert Product.objects.count() == 2
    # At once, under its key.
    assert verdicts(shop.send_lines("products", *ROWS, **KEY)) == ["duplicate"] * 2 + ["accepted"] * 3
    assert Product.objects.count() == 5


def ends_at_the_second() -> Callable[..., Any]:
    write, calls = rows._write, []

    def writing(*args: Any) -> Any:
        calls.append(1)
        if len(calls) == 2:
            connection_end()
        return write(*args)

    return writing


@pytest.mark.django_db(transaction=True)
def test_a_worker_that_is_killed_frees_its_key_in_half_a_minute(shop: Sender) -> None:
    if connection.vendor == "sqlite" and connection.is_in_memory_db():  # type: ignore[attr-defined]
        pytest.skip("an in-memory database has one connection")

    def work() -> None:
        write = rows._write
        with mock.patch.object(rows, "CHUNK", 2), mock.patch.object(rows, "_write", side_effect=[None]) as writing:
            writing.side_effect = lambda *args: die() if writing.call_count == 2 else write(*args)
            Sender(shop.key, shop.text).send_lines("products", *ROWS, **KEY)

    connections.close_all()
    assert in_child(work) == 9
    assert Product.objects.count() == 2
    assert shop.send_lines("products", *ROWS, status=409, **KEY)["error"] == "in_progress"
    DeliveryAnswer.objects.update(started_at=timezone.now() - timedelta(seconds=31))
    assert verdicts(shop.send_lines("products", *ROWS, **KEY)) == ["duplicate"] * 2 + ["accepted"] * 3


@pytest.mark.django_db
def test_a_long_delivery_keeps_its_key(shop: Sender) -> None:
    now = timezone.now()
    with mock.patch.object(answers.timezone, "now", side_effect=lambda: now):
        begun = answer_begin(key=shop.key, header="k", address="/x", body_digest="b")
        for _line in answer_kept(range(10), answer=begun):
            now += timedelta(seconds=20)
            with pytest.raises(AnswerConflict, match="in_progress"):
                answer_begin(key=shop.key, header="k", address="/x", body_digest="b")
        now += timedelta(seconds=31)
        taken = answer_begin(key=shop.key, header="k", address="/x", body_digest="b")
        assert list(answer_kept("ab", answer=begun)) == ["a", "b"]  # goes on, but the key is the other's
    assert DeliveryAnswer.objects.get().started_at == taken.started_at


@pytest.mark.django_db
def test_rows_are_asked_for_between_transactions_only() -> None:
    asked: list[bool] = []

    def lines() -> Any:
        for number, row in enumerate(ROWS, 1):
            asked.append(rows.transaction.get_connection().savepoint_ids == [])
            yield rows.Line(number, row)

    with mock.patch.object(rows, "CHUNK", 2):
        rows_deliver(table="product", lines=lines(), channel="")
    assert asked == [True] * 5
