"""Orders that are read as columns give what reading them line by line gives; events on PostgreSQL likewise."""

from __future__ import annotations

import random
from datetime import timedelta
from typing import Any
from unittest.mock import patch

import numpy as np
import pytest
from django.db import transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from django_ecomai.events.models import VisitorIdentity
from django_ecomai.events.partitions import partitions_ensure
from django_ecomai.mirror import columns as sale_reading
from django_ecomai.mirror.columns import customer_names, order_names, product_names, sale_columns
from django_ecomai.mirror.models import Order, OrderLine, ReturnLine
from django_ecomai.mirror.selectors import order_countries, order_line_rows, return_rows
from django_ecomai.recommend import dataset
from django_ecomai.recommend.dataset import dataset_read
from django_ecomai.recommend.weights import PURCHASE
from tests.recommend.factories import START, event, order, product, products

pytestmark = pytest.mark.django_db


def shop(seed: int) -> None:
    """Orders of known customers and of guests, of variants and services, cancelled, at equal moments, sent back."""
    draw = random.Random(seed)
    partitions_ensure(first=START, last=START + timedelta(days=60))
    parents = products(4)
    for number, parent in enumerate(parents[:2]):
        product(f"v{number}", parent=parent)
    product("post", is_service=True)
    for number in range(draw.randrange(12)):
        buyer = draw.choice(["", "c1", "c2", "ä,3"])
        bought = draw.choices(["p0", "p1", "p2", "p3", "v0", "v1", "post", "unknown"], k=draw.randrange(1, 5))
        at = START + timedelta(hours=draw.randrange(5), microseconds=draw.choice([0, 1, 999_999]))
        made = order(
            buyer,
            bought,
            at=at,
            number=f"n{number}",
            status=draw.choice(["paid", "paid", "cancelled"]),
            country=draw.choice(["", "DE", "FR"]) if seed % 2 else "",
        )
        if not buyer and draw.random() < 0.5:
            event("purchase", at=at, order_id=f"n{number}", visitor_id=draw.choice(["w", "x"]))
        OrderLine.objects.filter(order=made).update(quantity=draw.choice([1, 2.5, 7]))
        for line in OrderLine.objects.filter(order=made):
            if draw.random() < 0.2:
                ReturnLine.objects.create(
                    external_id=f"r{line.pk}", line=line if draw.random() < 0.5 else None, customer=made.customer,
                    product_external_id=line.product_external_id, quantity=draw.choice([1, 7]),
                    returned_at=at + timedelta(days=1),
                )  # fmt: skip
    if draw.random() < 0.3:
        OrderLine.objects.filter(pk__in=OrderLine.objects.order_by("?").values("pk")[:2]).update(unit_price=0)
    VisitorIdentity.objects.create(visitor_id="x", customer_id="c2", linked_at=START)


@given(st.integers(0, 10_000))
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_columns_equal_the_rows(seed: int) -> None:
    with transaction.atomic():
        shop(seed)
        some = START + timedelta(hours=2)
        for span in ({}, {"until": some}, {"since": some}):
            read = sale_columns(**span)
            names = zip(
                customer_names(read.customer), product_names(read.product), order_names(read.order), strict=True
            )
            rows = [(*who, at, n) for who, at, n in zip(names, read.at.tolist(), read.quantity.tolist(), strict=True)]
            assert rows == [row[:5] for row in order_line_rows(**span)]
        transaction.set_rollback(True)


def line_by_line(
    channel: str, columns: Any, contexts: Any, variants: dict[str, str], until: Any, tell: Any
) -> list[tuple[str, str, float]]:
    """What `dataset._read_orders` says, a line at a time."""
    guests = dataset._guests(channel)
    sent_back = list(return_rows(channel=channel, until=until))
    returned = {(number or customer, item): 0.0 for customer, item, number, _at, _quantity in sent_back}
    baskets: dict[str, int] = {}
    for customer, item, number, at, quantity, _price in order_line_rows(channel=channel, until=until):
        columns.add(customer or guests.get(number, "") or f"order:{number}", variants.get(item, item), at, PURCHASE)
        columns.basket[-1] = baskets.setdefault(number, len(baskets))
        for key in ((number, item), (customer, item)):
            if key in returned:
                returned[key] = quantity
        if country := dict(order_countries(channel=channel)).get(number):
            contexts.add(variants.get(item, item), at, PURCHASE, {"country": country})
    return [
        (customer or guests[number], variants.get(item, item), at)
        for customer, item, number, at, quantity in sent_back
        if (customer or guests.get(number)) and 0 < returned[number or customer, item] <= quantity * 2
    ]


@given(st.integers(0, 10_000))
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_training_reads_what_it_read_line_by_line(seed: int) -> None:
    with transaction.atomic():
        shop(seed)
        data = dataset_read("")
        with patch.object(dataset, "_read_orders", line_by_line):
            expected = dataset_read("")
        for column in ("users", "items", "weights", "times"):
            np.testing.assert_array_equal(getattr(data.interactions, column), getattr(expected.interactions, column))
        together = data.interactions.baskets[:, None] == data.interactions.baskets[None, :]
        expected_together = expected.interactions.baskets[:, None] == expected.interactions.baskets[None, :]
        np.testing.assert_array_equal(together, expected_together)
        assert (data.user_names, data.counts) == (expected.user_names, expected.counts)
        assert data.item_ids.ids.tolist() == expected.item_ids.ids.tolist()
        assert data.refused is not None and expected.refused is not None
        np.testing.assert_array_equal(data.refused.items, expected.refused.items)
        assert data.contexts is not None and expected.contexts is not None
        np.testing.assert_array_equal(data.contexts.codes, expected.contexts.codes)
        assert data.contexts.names == expected.contexts.names
        transaction.set_rollback(True)


def test_chunks_of_lines_join(monkeypatch: pytest.MonkeyPatch) -> None:
    shop(7)
    whole = sale_columns()
    monkeypatch.setattr(sale_reading, "CHUNK", 2)
    monkeypatch.setattr(sale_reading, "ARRAY_CHUNK", 2)
    monkeypatch.setattr(sale_reading, "KEYS_CHUNK", 2)
    monkeypatch.setattr(sale_reading, "DENSE", 0)
    parts = sale_columns()
    for column in ("customer", "product", "order", "at", "quantity"):
        np.testing.assert_array_equal(getattr(parts, column), getattr(whole, column))
    assert order_names(parts.order) == [row[2] for row in order_line_rows()]
    assert len(whole) > 4


def test_no_orders() -> None:
    assert len(sale_columns()) == 0
    assert len(dataset_read("").interactions) == 0


def test_purchases_weigh_what_a_purchase_weighs_and_share_their_basket() -> None:
    products(3)
    order("c1", ["p0", "p1"], number="a")
    order("", ["p2"], number="b", at=START + timedelta(hours=1))
    assert Order.objects.count() == 2

    rows = dataset_read("").interactions

    assert rows.weights.tolist() == [PURCHASE, PURCHASE]  # the stranger's line is left out
    assert rows.baskets[0] == rows.baskets[1] >= 0
