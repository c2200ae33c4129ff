"""Work beside other work, and one step ahead."""

from __future__ import annotations

import threading

import pytest
from django.db import connection, transaction

from django_ecomai.core.beside import ahead, beside


def where() -> str:
    return threading.current_thread().name


@pytest.mark.django_db(transaction=True)
def test_on_postgresql_work_runs_in_a_thread_with_a_connection_of_its_own() -> None:
    with beside() as start:
        name = start(where)()
    assert name.startswith("ecomai-beside") == (connection.vendor == "postgresql")


@pytest.mark.django_db(transaction=True)
def test_inside_a_transaction_it_runs_here_since_no_other_connection_sees_what_was_written() -> None:
    with transaction.atomic(), beside() as start:
        assert start(where)() == where()


@pytest.mark.django_db(transaction=True)
def test_an_error_comes_out_where_the_result_is_taken() -> None:
    with beside() as start:
        take = start(lambda: 1 // 0)
        with pytest.raises(ZeroDivisionError):
            take()


@pytest.mark.django_db(transaction=True)
def test_items_come_in_order_and_each_once() -> None:
    assert list(ahead(iter(range(5)))) == [0, 1, 2, 3, 4]
    assert list(ahead([])) == []


@pytest.mark.django_db(transaction=True)
def test_the_next_item_is_made_while_the_last_is_looked_at() -> None:
    made = []

    def items():
        for number in range(3):
            made.append(number)
            yield number

    steps = ahead(items())
    assert next(steps) == 0
    steps.close()
    assert made == ([0, 1] if connection.vendor == "postgresql" else [0])


@pytest.mark.django_db(transaction=True)
def test_an_error_on_the_way_is_raised_after_what_came_before_it() -> None:
    def items():
        yield 1
        raise ValueError("gone")

    steps = ahead(items())
    assert next(steps) == 1
    with pytest.raises(ValueError, match="gone"):
        next(steps)
