"""A delivery that is sent again under its Idempotency-Key gets the answer of the first time."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable
from datetime import timedelta
from unittest import mock

import pytest
from django.db import OperationalError, connection, connections
from django.utils import timezone

from django_ecomai.ingest.models import DeliveryAnswer
from django_ecomai.ingest.services import (
    AnswerConflict,
    answer_begin,
    answer_finish,
    answers,
    answers_prune,
)
from django_ecomai.mirror.models import Product

from .conftest import Sender, verdicts

ROW = {"id": "A", "title": "Lamp"}
KEY = {"idempotency-key": "night-1"}


@pytest.mark.django_db
def test_the_same_key_and_body_get_the_same_answer(shop: Sender) -> None:
    first = shop.send("products", ROW, **KEY)
    Product.objects.all().delete()
    again = shop.client.post(
        "/ecomai/api/ingest/products/", '{"rows": [{"id": "A", "title": "Lamp"}]}', content_type="application/json",
        headers=KEY,
    )  # fmt: skip
    assert (again.json(), again["Idempotency-Replayed"]) == (first, "true")
    assert verdicts(first) == ["accepted"]
    assert not Product.objects.exists()  # nothing was worked on


@pytest.mark.django_db
def test_another_body_under_the_same_key_is_refused(shop: Sender, make_sender: Callable[..., Sender]) -> None:
    shop.send("products", ROW, **KEY)
    assert shop.send("products", {**ROW, "title": "Other"}, status=422, **KEY)["error"] == "other_body"
    # Another address, another program and another key are other deliveries.
    assert verdicts(shop.send("categories", {"id": "c", "name": "C"}, **KEY)) == ["accepted"]
    assert verdicts(make_sender("Second").send("products", {**ROW, "title": "Other"}, **KEY)) == ["accepted"]
    assert verdicts(shop.send("products", ROW, **{"idempotency-key": "night-2"})) == ["accepted"]


@pytest.mark.django_db
def test_the_header_is_kept_as_a_hash_and_no_id_with_the_answer(shop: Sender) -> None:
    shop.send("customers", {"id": "ann-4711"}, {"id": ""}, **KEY)
    row = DeliveryAnswer.objects.get()
    stored = f"{row.digest} {row.body_digest} {row.answer}"
    assert "night-1" not in stored and "ann-4711" not in stored
    assert row.answer["verdicts"] == [{"row": 1, "status": "accepted"}, {"row": 2, "status": "rejected",
                                                                         "reason": "id_missing"}]  # fmt: skip


@pytest.mark.django_db
def test_a_key_that_is_too_long(shop: Sender) -> None:
    assert shop.send("products", ROW, status=400, **{"idempotency-key": "x" * 201})["error"] == "idempotency_key"


@pytest.mark.django_db
def test_what_fails_can_be_sent_again_under_the_same_key(shop: Sender) -> None:
    with mock.patch("django_ecomai.ingest.api.rows_deliver", side_effect=OperationalError("gone")):
        assert shop.send("products", ROW, status=503, **KEY)["error"] == "not_stored"
    assert verdicts(shop.send("products", ROW, **KEY)) == ["accepted"]


@pytest.mark.django_db
def test_a_refused_body_leaves_the_key_free(shop: Sender) -> None:
    shop.send_raw("products", "{", "application/json", status=400, **KEY)
    assert verdicts(shop.send("products", ROW, **KEY)) == ["accepted"]


@pytest.mark.django_db
def test_an_answer_ends_after_a_day(shop: Sender) -> None:
    shop.send("products", ROW, **KEY)
    DeliveryAnswer.objects.update(started_at=timezone.now() - timedelta(hours=25))
    # Not pruned yet, but over: the key begins anew, also with another body.
    assert verdicts(shop.send("products", {**ROW, "title": "Other"}, **KEY)) == ["accepted"]
    assert answers_prune() == 0
    DeliveryAnswer.objects.update(started_at=timezone.now() - timedelta(hours=25))
    assert answers_prune() == 1


@pytest.mark.django_db
def test_a_worker_that_died_does_not_block_the_key_for_ever(shop: Sender) -> None:
    begun = answer_begin(key=shop.key, header="k", address="/x", body_digest="b")
    with pytest.raises(AnswerConflict, match="in_progress"):
        answer_begin(key=shop.key, header="k", address="/x", body_digest="b")
    DeliveryAnswer.objects.update(started_at=timezone.now() - timedelta(seconds=31))
    taken = answer_begin(key=shop.key, header="k", address="/x", body_digest="b")
    answer_finish(answer=begun, status=200, body={"late": True})  # it was not dead after all: too late
    assert DeliveryAnswer.objects.get().status is None
    answer_finish(answer=taken, status=200, body={})
    assert DeliveryAnswer.objects.get().status == 200


@pytest.mark.django_db
def test_who_comes_too_early_is_told_when_the_key_is_free_at_the_latest(shop: Sender) -> None:
    now = timezone.now()
    with mock.patch.object(answers.timezone, "now", side_effect=lambda: now):
        answer_begin(key=shop.key, header="night-1", address="/ecomai/api/ingest/products/", body_digest="b")

        def asked() -> tuple[int, str]:
            body = hashlib.sha256(b'{"rows": []}').hexdigest()
            DeliveryAnswer.objects.update(body_digest=body)
            answer = shop.client.post(
                "/ecomai/api/ingest/products/", '{"rows": []}', content_type="application/json", headers=KEY
            )
            return answer.status_code, answer.get("Retry-After", "")

        assert asked() == (409, "30")
        now += timedelta(seconds=21.5)
        assert asked() == (409, "9")  # 8.5 s are left
        now += timedelta(seconds=9)
        assert asked() == (200, "")


@pytest.mark.django_db(transaction=True)
def test_of_several_at_once_one_is_worked_on(shop: Sender) -> None:
    if connection.vendor == "sqlite" and connection.is_in_memory_db():
        pytest.skip("an in-memory database has one connection")
    barrier, found = threading.Barrier(4), []

    def send() -> None:
        try:
            barrier.wait()
            client = Sender(shop.key, shop.text).client
            body = '{"rows": [{"id": "A", "title": "Lamp"}]}'
            answer = client.post("/ecomai/api/ingest/products/", body, content_type="application/json", headers=KEY)
            found.append((answer.status_code, answer.json().get("verdicts")))
        finally:
            connections.close_all()

    threads = [threading.Thread(target=send) for _ in range(4)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert {status for status, _told in found} <= {200, 409}
    assert [told for status, told in found if status == 200] == [[{"row": 1, "status": "accepted"}]] * sum(
        status == 200 for status, _told in found
    )
    assert DeliveryAnswer.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_the_newest_of_several_at_once_stays(shop: Sender) -> None:
    if connection.vendor == "sqlite" and connection.is_in_memory_db():
        pytest.skip("an in-memory database has one connection")
    barrier = threading.Barrier(4)

    def send(minute: int) -> None:
        try:
            rows = [
                {"id": name, "title": f"{name} {minute}", "updated_at": f"2026-03-01T10:0{minute}:00Z"}
                for name in (("A", "B", "C") if minute % 2 else ("C", "B", "A"))
            ]
            barrier.wait()
            Sender(shop.key, shop.text).send("products", *rows)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=send, args=[minute]) for minute in range(4)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert set(Product.objects.values_list("title", flat=True)) == {"A 3", "B 3", "C 3"}
