"""The database goes away, or the worker: the sender is asked to come back, and then everything is there once."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any
from unittest import mock

import pytest
from django.db import (
    DataError,
    IntegrityError,
    InterfaceError,
    OperationalError,
    ProgrammingError,
    connection,
    connections,
    transaction,
)
from django.utils import timezone

from django_ecomai.ingest.models import DeliveryAnswer
from django_ecomai.ingest.reading import Line
from django_ecomai.ingest.services import AnswerConflict, answer_begin, answer_kept, answers, rows, rows_deliver
from django_ecomai.ingest.services.answers import answer_hold
from django_ecomai.mirror.models import Category, Product
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
        with pytest.raises(AnswerConflict, match="in_progress"):  # it is the other's now
            list(answer_kept("ab", answer=begun))
    assert DeliveryAnswer.objects.get().started_at == taken.started_at


@pytest.mark.django_db
def test_whose_delivery_was_taken_over_writes_nothing_over_what_came_since(shop: Sender) -> None:
    begun = answer_begin(key=shop.key, header="k", address="/x", body_digest="b")

    def lines() -> Iterator[Line]:
        yield Line(1, {"id": "A", "title": "of the first"})
        # Before it is written the worker is held up for so long that the sender repeats it, then sends what is newer.
        DeliveryAnswer.objects.update(started_at=timezone.now() - timedelta(seconds=31))
        begun.refresh_from_db()
        answer_begin(key=shop.key, header="k", address="/x", body_digest="b")
        rows_deliver(table="product", lines=[Line(1, {"id": "A", "title": "newer"})], channel="")

    with pytest.raises(AnswerConflict, match="in_progress"):
        rows_deliver(table="product", lines=lines(), channel="", answer=begun)
    assert Product.objects.get().title == "newer"


@pytest.mark.django_db(transaction=True)
def test_nobody_takes_over_what_is_about_to_be_committed(shop: Sender) -> None:
    if connection.vendor != "postgresql":
        pytest.skip("needs locks of rows")
    begun = answer_begin(key=shop.key, header="k", address="/x", body_digest="b")
    other = connection.copy("other")
    try:
        with transaction.atomic():
            answer_hold(answer=begun)
            with other.cursor() as cursor, pytest.raises(OperationalError, match="could not obtain lock"):
                cursor.execute("SELECT 1 FROM ecomai_ingest_deliveryanswer FOR UPDATE NOWAIT")
    finally:
        other.close()


@pytest.mark.django_db
def test_it_keeps_its_key_while_children_are_linked_to_parents_that_came_later(shop: Sender) -> None:
    now = timezone.now()
    with mock.patch.object(answers.timezone, "now", side_effect=lambda: now):
        begun = answer_begin(key=shop.key, header="k", address="/x", body_digest="b")

        def lines() -> Iterator[Line]:
            nonlocal now
            yield Line(1, {"id": "child", "name": "Child", "parent_id": "parent"})
            yield Line(2, {"id": "parent", "name": "Parent"})
            now += timedelta(seconds=20)

        with mock.patch.object(rows, "CHUNK", 1):
            rows_deliver(table="category", lines=lines(), channel="", answer=begun)
    assert Category.objects.get(external_id="child").parent.external_id == "parent"
    assert DeliveryAnswer.objects.get().started_at == now


@pytest.mark.django_db
def test_a_delivery_that_lost_its_key_answers_that_it_is_in_progress(shop: Sender) -> None:
    def write(*args: Any) -> Any:
        DeliveryAnswer.objects.update(started_at=timezone.now() + timedelta(seconds=1))  # another's
        return writing(*args)

    writing = rows._write
    with mock.patch.object(rows, "_write", write):
        answer = shop.client.post(
            "/ecomai/api/ingest/products/", {"rows": ROWS}, content_type="application/json", headers=KEY
        )
    assert (answer.status_code, answer["Retry-After"], answer.json()["error"]) == (409, "30", "in_progress")
    assert not Product.objects.exists()
    assert DeliveryAnswer.objects.get().status is None  # still the other's


@pytest.mark.django_db
@pytest.mark.parametrize("error", [DataError("out of range"), ProgrammingError("no such column")])
def test_what_would_fail_for_ever_asks_nobody_to_come_back(shop: Sender, error: Exception) -> None:
    shop.client.raise_request_exception = False
    with mock.patch("django_ecomai.ingest.api.rows_deliver", side_effect=error):
        answer = shop.client.post("/ecomai/api/ingest/products/", {"rows": ROWS}, content_type="application/json")
    assert answer.status_code == 500
    assert "Retry-After" not in answer


@pytest.mark.django_db
@pytest.mark.parametrize("error", [OperationalError("deadlock"), InterfaceError("closed"), IntegrityError("twice")])
def test_what_passes_asks_to_come_back(shop: Sender, error: Exception) -> None:
    with mock.patch("django_ecomai.ingest.api.rows_deliver", side_effect=error):
        assert shop.send("products", *ROWS, status=503)["error"] == "not_stored"


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
