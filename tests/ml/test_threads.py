"""A second thread makes the next item while the last one is being used."""

from __future__ import annotations

from collections.abc import Iterator
from threading import Event, current_thread, main_thread

import pytest

from django_ecomai.ml.threads import ahead


def test_the_items_are_the_same_and_in_order():
    assert list(ahead(range(5))) == [0, 1, 2, 3, 4]
    assert list(ahead([])) == []


def test_the_next_item_is_made_elsewhere_before_the_last_is_done_with():
    made, makers = Event(), []

    def numbers() -> Iterator[int]:
        yield 1
        makers.append(current_thread())
        made.set()
        yield 2

    taken = ahead(numbers())
    assert next(taken) == 1
    assert made.wait(10), "the second item waits for the first"
    assert list(taken) == [2]
    assert makers[0] is not main_thread()


def test_what_goes_wrong_there_is_raised_here_after_the_items_before_it():
    def broken() -> Iterator[int]:
        yield 1
        raise ValueError("no more room")

    taken = ahead(broken())
    assert next(taken) == 1
    with pytest.raises(ValueError, match="no more room"):
        next(taken)
