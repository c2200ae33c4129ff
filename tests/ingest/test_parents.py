"""A child may be delivered long before its parent: by the end of the delivery it has found it."""

from __future__ import annotations

from typing import Any
from unittest import mock

import pytest

from django_ecomai.ingest.services import rows
from django_ecomai.mirror.models import Category, Product

from .conftest import Sender, verdicts

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def small_chunks() -> Any:
    """Two rows are a transaction."""
    with mock.patch.object(rows, "CHUNK", 2):
        yield


def parents(model: Any) -> dict[str, str | None]:
    return dict(model.objects.values_list("external_id", "parent__external_id"))


@pytest.mark.parametrize("table, model, name", [("categories", Category, "name"), ("products", Product, "title")])
def test_parents_that_come_later_are_found(shop: Sender, table: str, model: Any, name: str) -> None:
    def row(ident: str, parent: str | None = None) -> dict[str, Any]:
        return {"id": ident, name: f"Lamp {ident}", "parent_id": parent}

    answer = shop.send_lines(table, row("k1", "k4"), row("k2", "k3"), row("x1"), row("y1"), row("k3", "k4"), row("k4"),
                             row("k5", "nowhere"))  # fmt: skip
    assert verdicts(answer) == ["accepted"] * 7
    assert [one.get("notes") for one in answer["verdicts"]] == [None] * 6 + [["unknown_parent:parent_id"]]
    assert parents(model) == {"k1": "k4", "k2": "k3", "x1": None, "y1": None, "k3": "k4", "k4": None, "k5": None}
    assert dict(model.objects.values_list("external_id", name))["k1"] == "Lamp k1"
    assert verdicts(shop.send_lines(table, row("k1", "k4"))) == ["duplicate"]


def test_what_was_said_last_counts(shop: Sender) -> None:
    moved = [{"id": "a", "title": "A", "parent_id": "p"}, {"id": "f", "title": "F"}, {"id": "a", "price": 5},
             {"id": "b", "title": "B", "parent_id": "p"}, {"id": "b", "parent_id": None},
             {"id": "c", "title": "C", "parent_id": "p"}, {"id": "g", "title": "G"}, {"id": "c", "deleted": True},
             {"id": "p", "title": "P"}]  # fmt: skip
    answer = shop.send_lines("products", *moved)
    assert verdicts(answer) == ["accepted"] * 9
    found = parents(Product)
    assert (found["a"], found["b"]) == ("p", None)
    assert Product.objects.get(external_id="a").price == 5
    assert Product.objects.get(external_id="c").removed_at is not None


def test_circles_over_several_transactions_are_cut(shop: Sender) -> None:
    shop.send_lines("categories", {"id": "a", "name": "A", "parent_id": "c"}, {"id": "x", "name": "X"},
                    {"id": "c", "name": "C", "parent_id": "a"}, {"id": "y", "name": "Y"})  # fmt: skip
    assert sorted(value or "" for value in parents(Category).values()) in (["", "", "", "a"], ["", "", "", "c"])


def test_children_of_nobody_cost_no_more(shop: Sender, django_assert_max_num_queries: Any) -> None:
    with mock.patch.object(rows, "CHUNK", 500), django_assert_max_num_queries(40):
        shop.send_lines("products", *({"id": f"p{n}", "title": f"P {n}", "parent_id": "gone"} for n in range(200)))
