"""Prices and stock are histories: many rows of a product at once, in any order, from several programs."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connection, connections

from django_ecomai.ingest.models import RowVersion
from django_ecomai.mirror.models import PricePoint, Product, StockPoint

from .conftest import Sender, verdicts


def at(minute: int) -> str:
    return f"2026-03-01T10:{minute:02}:00Z"


def count(quantity: float, minute: int | None = None, **more: Any) -> dict[str, Any]:
    return {"product_id": "A", "quantity": quantity, **({} if minute is None else {"updated_at": at(minute)}), **more}


@pytest.fixture
def lamp(shop: Sender) -> Sender:
    """The shop, with a product."""
    shop.send("products", {"id": "A", "title": "Lamp"})
    return shop


@pytest.mark.django_db
def test_a_count_that_confirms_is_newer_than_one_that_comes_late(lamp: Sender) -> None:
    assert verdicts(lamp.send("stock", count(5, 0), count(5, 10))) == ["accepted", "duplicate"]
    assert verdicts(lamp.send("stock", count(3, 5))) == ["outdated"]  # five were there after it
    assert verdicts(lamp.send("stock", count(5, 5))) == ["outdated"]
    assert verdicts(lamp.send("stock", count(2, 8), count(4, 12), count(5, 10))) == ["outdated", "accepted", "outdated"]
    assert Product.objects.get().stock == 4
    points = StockPoint.objects.order_by("valid_from").values_list("valid_from__minute", "quantity")
    assert list(points) == [(0, 5), (12, 4)]


@pytest.mark.django_db
def test_each_place_has_a_newest_count_of_its_own(lamp: Sender) -> None:
    north, south = {"location": "north"}, {"location": "south"}
    lamp.send("stock", count(5, 10, **north))
    assert verdicts(lamp.send("stock", count(2, 5, **south), count(1, 5, **north))) == ["accepted", "outdated"]
    assert Product.objects.get().stock == 7


@pytest.mark.django_db
def test_the_time_since_which_it_holds_counts_before_that_of_the_change(lamp: Sender) -> None:
    lamp.send("stock", {"product_id": "A", "quantity": 5, "valid_from": at(0)})
    lamp.send("stock", {"product_id": "A", "quantity": 5, "valid_from": at(9)})
    late = {"product_id": "A", "quantity": 3, "valid_from": at(4), "updated_at": at(20)}
    assert verdicts(lamp.send("stock", late)) == ["outdated"]


@pytest.mark.django_db
def test_what_cannot_be_used_makes_nothing_else_outdated(lamp: Sender) -> None:
    assert verdicts(lamp.send("stock", {"product_id": "A", "updated_at": at(9)})) == ["quantity_missing"]
    assert verdicts(lamp.send("stock", count(3, 5))) == ["accepted"]


@pytest.mark.django_db
def test_counts_without_a_time_are_taken_in_the_order_in_which_they_come(lamp: Sender) -> None:
    ahead = (datetime.now(UTC) + timedelta(minutes=2)).isoformat()  # the clock of the shop
    answer = lamp.send("stock", {"product_id": "A", "quantity": 5, "updated_at": ahead}, count(4), count(3), count(3))
    assert verdicts(answer) == ["accepted", "accepted", "accepted", "duplicate"]
    assert Product.objects.get().stock == 3
    assert [int(one) for one in StockPoint.objects.order_by("valid_from").values_list("quantity", flat=True)] == [
        5, 4, 3,
    ]  # fmt: skip


@pytest.mark.django_db
def test_notes_and_reasons_stay_with_their_row(lamp: Sender) -> None:
    price = {"product_id": "A", "price": 9}
    answer = lamp.send(
        "prices", {**price, "valid_from": at(0)}, {**price, "price": -1, "valid_from": at(1)},
        {**price, "valid_from": "x"}, {**price, "valid_from": at(2)}, {**price, "valid_from": at(0), "price": 7},
    )  # fmt: skip
    assert verdicts(answer)[:2] == ["accepted", "accepted"]
    assert [one.get("notes") for one in answer["verdicts"]][:2] == [None, ["price_negative:price"]]
    assert answer["verdicts"][2]["status"] == "rejected"
    assert verdicts(answer)[3:] == ["accepted", "duplicate"]
    assert list(PricePoint.objects.order_by("valid_from").values_list("price", flat=True)) == [9, None, 9]
    answer = lamp.send("stock", count(1, 0, location="a"), {**count(1, 0), "quantity": None}, count(1, 0, location="b"))
    assert verdicts(answer) == ["accepted", "quantity_missing", "accepted"]
    assert [one.get("notes") for one in answer["verdicts"]] == [None, None, None]


@pytest.mark.django_db
def test_what_a_price_leaves_out_is_as_with_the_newest(shop: Sender) -> None:
    shop.send("products", {"id": "A", "title": "Lamp", "price": 9, "cost": 4, "updated_at": at(0)})
    price = {"product_id": "A"}
    shop.send(
        "prices", {**price, "price": 10, "cost": 5, "valid_from": at(2)}, {**price, "price": 11, "valid_from": at(4)},
        {**price, "price": 7, "cost": 1, "valid_from": at(1)}, {**price, "price": 12, "valid_from": at(3)},
    )  # fmt: skip
    points = PricePoint.objects.order_by("valid_from").values_list("price", "cost")
    assert list(points) == [(9, 4), (7, 1), (10, 5), (12, 5), (11, 5)]
    assert Product.objects.values_list("price", "cost").get() == (11, 5)


@pytest.mark.django_db
def test_a_history_of_one_product_is_written_in_bulk(lamp: Sender, django_assert_max_num_queries: Any) -> None:
    times = [(datetime(2026, 1, 1, tzinfo=UTC) + timedelta(hours=n)).isoformat() for n in range(400)]
    with django_assert_max_num_queries(20):
        answer = lamp.send_lines(
            "prices", *({"product_id": "A", "price": 5 + n % 3, "valid_from": moment} for n, moment in enumerate(times))
        )
    assert (answer["accepted"], PricePoint.objects.count()) == (400, 400)
    with django_assert_max_num_queries(20):
        answer = lamp.send_lines(
            "stock",
            *({"product_id": "A", "quantity": n, "location": f"l{n % 2}", "updated_at": moment}
              for n, moment in enumerate(times)),
        )  # fmt: skip
    assert (answer["accepted"], StockPoint.objects.count(), Product.objects.get().stock) == (400, 400, 399 + 398)
    assert RowVersion.objects.count() == 2


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("shared", [False, True])
def test_of_counts_that_come_at_once_none_is_lost_or_doubled(lamp: Sender, shared: bool) -> None:
    if connection.vendor != "postgresql":
        pytest.skip("others let one transaction write at a time")
    products = ("A", "B", "a", "_")
    lamp.send("products", *({"id": name, "title": name} for name in products))
    programs, rounds = 4, 8
    barrier = threading.Barrier(programs)

    def work(number: int) -> None:
        try:
            sender = Sender(lamp.key, lamp.text)
            place = "shop" if shared else f"store {number}"
            for turn in range(rounds):
                names = products if number % 2 else tuple(reversed(products))
                barrier.wait()
                sender.send("stock", *(count(turn, product_id=name, location=place) for name in names))
        finally:
            connections.close_all()

    in_threads(programs, work)
    for name in products:
        points = StockPoint.objects.filter(product__external_id=name).order_by("valid_from")
        for place in {point.location for point in points}:
            assert [int(one.quantity) for one in points if one.location == place] == list(range(rounds))
        assert Product.objects.get(external_id=name).stock == (rounds - 1) * (1 if shared else programs)


def in_threads(number: int, work: Callable[[int], None]) -> None:
    """Run it so many times at once; raises what one of them raised."""
    errors: list[BaseException] = []

    def guarded(one: int) -> None:
        try:
            work(one)
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=guarded, args=[one]) for one in range(number)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert not errors, errors


@pytest.mark.django_db(transaction=True)
def test_prices_that_come_at_once_leave_the_newest(lamp: Sender) -> None:
    if connection.vendor != "postgresql":
        pytest.skip("others let one transaction write at a time")
    barrier = threading.Barrier(4)

    def work(number: int) -> None:
        try:
            sender = Sender(lamp.key, lamp.text)
            for turn in range(5):
                barrier.wait()
                moment = at(turn * 4 + number)
                sender.send("prices", {"product_id": "A", "price": turn * 4 + number + 1, "valid_from": moment})
        finally:
            connections.close_all()

    in_threads(4, work)
    assert (Product.objects.get().price, PricePoint.objects.count()) == (20, 20)
