"""A queryset compiled once gives, for any values, what Django's own gives when it is built anew."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection
from django.db.models import CharField, F, Q, QuerySet, Value
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from django_ecomai.core import compiled
from django_ecomai.core.compiled import compiled_rows
from django_ecomai.core.uuid7 import uuid7, uuid7_floor
from django_ecomai.events.models import Event
from django_ecomai.mirror.models import Product

pytestmark = pytest.mark.django_db
NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)


@pytest.fixture(autouse=True)
def nothing_is_known(monkeypatch: pytest.MonkeyPatch) -> dict[Any, Any]:
    known: dict[Any, Any] = {}
    monkeypatch.setattr(compiled, "_known", known)
    return known


@pytest.fixture
def products() -> list[Product]:
    return Product.objects.bulk_create(
        Product(external_id=f"p{i:02d}", title=f"Lamp {i}", price=Decimal(i) / 4, created_at=NOW, brand=f"b{i % 3}")
        for i in range(30)
    )


def by_ids(given: Mapping[str, Any]) -> QuerySet[Product, Any]:
    """A UNION with types that a backend converts: money, times, booleans."""
    columns = ("external_id", "price", "created_at", "is_active", "attributes")
    named = Product.objects.filter(external_id__in=given["ids"]).order_by()
    branded = Product.objects.filter(brand=given["brand"]).order_by()
    return named.values_list(*columns, F("brand")).union(
        branded.values_list(*columns, Value("brand", output_field=CharField())), all=True
    )


def ask(ids: list[str], brand: str = "b0") -> list[tuple[Any, ...]]:
    return sorted(compiled_rows("by ids", by_ids, {"ids": ids, "brand": brand}, using="default"), key=repr)


@pytest.mark.usefixtures("products")
@pytest.mark.parametrize("count", [1, 7, 8, 9, 17, 30])
def test_rows_are_those_of_the_queryset(count: int) -> None:
    for start in range(0, 30, 7):
        ids = [f"p{(start + i) % 30:02d}" for i in range(count)]
        expected = sorted(by_ids({"ids": ids, "brand": f"b{start % 3}"}), key=repr)
        assert ask(ids, f"b{start % 3}") == expected
        assert len(expected) == count + 10


@pytest.mark.usefixtures("products")
def test_other_values_and_nearly_as_many_are_not_compiled_again(nothing_is_known: dict[Any, Any]) -> None:
    built: list[Any] = []

    def make(given: Mapping[str, Any]) -> QuerySet[Product, Any]:
        built.append(given)
        return by_ids(given)

    for ids in (["p01"], ["p02", "p03"], [f"p{i:02d}" for i in range(8)]):
        with CaptureQueriesContext(connection) as sent:
            compiled_rows("by ids", make, {"ids": ids, "brand": "b1"}, using="default")
        assert len(sent) == 1
    assert len(built) == len(nothing_is_known) == 1
    compiled_rows("by ids", make, {"ids": [f"p{i:02d}" for i in range(9)], "brand": "b1"}, using="default")
    assert len(built) == 2


@pytest.mark.usefixtures("products")
def test_values_are_parameters_however_they_look() -> None:
    for odd in ("' OR 1=1 --", "%s", "p01' ", "", "ü", "\x1decomai mark 0 000000"):
        assert [row for row in ask([odd]) if row[-1] != "brand"] == []
    assert [row[0] for row in ask(["' OR 1=1 --", "p01"], "%s")] == ["p01"]


@pytest.mark.usefixtures("products")
def test_a_number_stands_for_its_text() -> None:
    Product.objects.create(external_id="7", title="Seven", price=1, brand="x")
    assert [row[0] for row in compiled_rows("by ids", by_ids, {"ids": [7], "brand": "none"}, using="default")] == ["7"]


def test_uuids_and_limits_inside_a_union() -> None:
    now = timezone.now()
    events = Event.objects.bulk_create(
        Event(id=uuid7(now - timedelta(hours=i)), name="view_item", product_id=f"p{i}", received_at=now)
        for i in range(6)
    )

    def make(given: Mapping[str, Any]) -> QuerySet[Event, Any]:
        return Event.objects.filter(id__gte=given["since"]).order_by("-id").values_list("id", "product_id")[:3]

    for hours, expected in ((10, ["p0", "p1", "p2"]), (1, ["p0", "p1"])):
        since = uuid7_floor(now - timedelta(hours=hours, seconds=1))
        rows = compiled_rows("events", make, {"since": since}, using="default")
        assert rows == list(make({"since": since}))
        assert [row[1] for row in rows] == expected
        assert isinstance(rows[0][0], uuid.UUID) and rows[0][0] == events[0].pk


@pytest.mark.usefixtures("products")
@pytest.mark.parametrize(
    "condition",
    [
        lambda given: Q(title__icontains=given["word"]),
        lambda given: Q(title__icontains=given["word"]) | Q(title=given["word"]),
        lambda given: Q(title__startswith="Lamp 2"),
        lambda given: Q(pk__in=[]),
    ],
)
def test_what_cannot_be_kept_is_built_anew(condition: Any) -> None:
    def make(given: Mapping[str, Any]) -> QuerySet[Product, Any]:
        return Product.objects.filter(condition(given)).order_by("external_id").values_list("external_id")

    for word in ("1", "Lamp 2", "nothing like it"):
        assert compiled_rows("odd", make, {"word": word}, using="default") == list(make({"word": word}))


@pytest.mark.usefixtures("products")
def test_shapes_are_forgotten_before_they_fill_the_memory(
    monkeypatch: pytest.MonkeyPatch, nothing_is_known: dict[Any, Any]
) -> None:
    monkeypatch.setattr(compiled, "_MOST", 3)
    for number in range(10):
        rows = compiled_rows(number, by_ids, {"ids": ["p01"], "brand": "none"}, using="default")
        assert [row[0] for row in rows] == ["p01"]
        assert len(nothing_is_known) <= 3


def test_a_list_is_filled_up_by_at_most_a_quarter() -> None:
    for length in range(1, 700):
        rounded = compiled._rounded([str(i) for i in range(length)])
        assert rounded[:length] == [str(i) for i in range(length)]
        assert set(rounded[length:]) <= {str(length - 1)}
        assert len(rounded) < length + max(8, length / 4 + 1)
    assert len({len(compiled._rounded(["x"] * length)) for length in range(1, 700)}) < 32
