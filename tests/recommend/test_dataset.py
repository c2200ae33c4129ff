"""Training reads the same whether it reads all or only what is new."""

from __future__ import annotations

from datetime import timedelta

import numpy as np
import pytest

from django_ecomai.events import log_store
from django_ecomai.events.partitions import partitions_ensure
from django_ecomai.recommend import training
from django_ecomai.recommend.dataset import dataset_read
from tests.recommend.factories import START, event, lantern_shop, order
from tests.recommend.helpers import train

pytestmark = pytest.mark.django_db
COLUMNS = ("users", "items", "weights", "times", "baskets")


def visits(first: int, number: int) -> None:
    partitions_ensure(first=START, last=START + timedelta(days=90))
    for row in range(first, first + number):
        at = START + timedelta(days=row, minutes=row % 7)
        event("view_item", f"p{row % 12}", at=at, visitor_id=f"v{row % 5}", dwell_seconds=row % 90 or None)
        event("add_to_cart", f"p{row % 11}", at=at, customer_id=f"c{row % 30}")


def test_a_training_on_what_is_new_gives_the_same_model(monkeypatch: pytest.MonkeyPatch) -> None:
    lantern_shop(weeks=8)
    visits(0, 40)
    monkeypatch.setattr(log_store, "LEAST_KEPT", 1)
    train()
    visits(40, 10)
    order("c3", ["p1", "p2"], at=START + timedelta(days=55), number="late")

    again = train(no_gate=True)
    assert "read 38 new of 100 events" in again.log  # all of the month that grew, as this past was imported
    log_store.log_forget()
    afresh = train(no_gate=True)

    assert "read 100 new of 100 events" in afresh.log
    assert again.artifacts.get().sha256 == afresh.artifacts.get().sha256


def test_kept_and_read_columns_are_equal(monkeypatch: pytest.MonkeyPatch) -> None:
    lantern_shop(weeks=4)
    visits(0, 30)
    fresh = dataset_read("").interactions
    monkeypatch.setattr(log_store, "LEAST_KEPT", 1)
    dataset_read("", until=START + timedelta(days=10))

    kept = dataset_read("").interactions

    for column in COLUMNS:
        np.testing.assert_array_equal(getattr(kept, column), getattr(fresh, column))


def test_large_shops_are_compared_on_some_customers(monkeypatch: pytest.MonkeyPatch) -> None:
    from django_ecomai.ml.evaluate import sample

    lantern_shop(weeks=20)
    monkeypatch.setattr(sample, "COMPARED_WHOLE", 1000)
    monkeypatch.setattr(sample, "LEAST_COMPARED", 600)

    run = train()

    assert "compared on 760 of 1,200 interactions" in run.log
    assert run.artifacts.get().metrics
    assert training.options_read({}).seed == 0
