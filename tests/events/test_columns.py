"""The log as columns: on PostgreSQL by whole arrays, and always what reading row by row gives."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from django.db import connections

from django_ecomai.core.uuid7 import uuid7
from django_ecomai.events import columns as reading
from django_ecomai.events.columns import CODED, EventColumns, columns_read
from django_ecomai.events.models import Event
from django_ecomai.events.partitions import partitions_ensure

pytestmark = pytest.mark.django_db
START = datetime(2026, 1, 20, 12, tzinfo=UTC)
NAMES = ("view_item", "add_to_cart", "user_engagement", "view_item_list", "purchase")


@pytest.fixture
def log() -> None:
    """120 events over two months: unicode ids, commas, robots, several at one moment, known and unknown dwell."""
    partitions_ensure(first=START, last=START + timedelta(days=40))
    draw = np.random.default_rng(3)
    made = []
    for number in range(120):
        at = START + timedelta(hours=int(draw.integers(0, 24 * 30)))
        made.append(
            Event(
                id=uuid7(at),
                name=NAMES[number % 5],
                product_id=["p1", "p,2", "größe", "", "p5"][int(draw.integers(5))],
                visitor_id=f"v{draw.integers(9)}",
                customer_id=["", "c1", "c2"][int(draw.integers(3))],
                dwell_seconds=[None, 0.0, 12.5][int(draw.integers(3))],
                is_bot=number % 11 == 0,
                channel="" if number % 7 else "other",
                received_at=at,
            )
        )
    Event.objects.bulk_create(made)


def rows(columns: EventColumns) -> list[tuple[object, ...]]:
    texts = [[columns.texts[one][code] for code in columns.codes[one].tolist()] for one in CODED]
    dwell = [None if np.isnan(one) else one for one in columns.dwell.tolist()]
    return list(zip(columns.high.tolist(), columns.low.tolist(), dwell, *texts, strict=True))


def expected(channel: str) -> list[tuple[object, ...]]:
    kept = Event.objects.filter(channel=channel, is_bot=False).exclude(product_id="").exclude(name="view_item_list")
    return [
        (
            one.id.int >> 64, one.id.int & (2**64 - 1), one.dwell_seconds,
            one.visitor_id, one.customer_id, one.product_id, one.name,
        )
        for one in sorted(kept, key=lambda one: one.id.int)
    ]  # fmt: skip


@pytest.mark.parametrize(("chunk", "texts"), [(200_000, 5_000), (7, 2), (1, 1)])
def test_columns_are_the_events(log: None, monkeypatch: pytest.MonkeyPatch, chunk: int, texts: int) -> None:
    for name, value in (("ARRAY_CHUNK", chunk), ("CHUNK", chunk), ("TEXTS_CHUNK", texts)):
        monkeypatch.setattr(reading, name, value)
    heard: list[int] = []

    columns = columns_read(Event.objects.filter(channel=""), tell=heard.append)

    assert rows(columns) == expected("")
    assert heard[-1] == len(columns) > 20
    assert len(set(columns.texts["product"])) == len(columns.texts["product"])


def test_nothing_to_read() -> None:
    columns = columns_read(Event.objects.filter(channel="nowhere"))
    assert (len(columns), columns.texts) == (0, {name: [] for name in CODED})
    assert len(columns_read(Event.objects.none())) == 0


def test_texts_that_cannot_be_told_are_read_row_by_row(log: None, monkeypatch: pytest.MonkeyPatch) -> None:
    if connections["default"].vendor != "postgresql":
        pytest.skip("only PostgreSQL reads arrays")
    monkeypatch.setattr(reading, "_texts_at", lambda kept, ids: [])  # all were deleted meanwhile
    assert rows(columns_read(Event.objects.filter(channel="other"))) == expected("other")
