"""What other apps say of products moves them within a list, and brings nothing in."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from django_ecomai.core.registry import product_weights
from django_ecomai.recommend import steering
from django_ecomai.recommend.serving import recommendations
from tests.recommend.factories import order, product, products
from tests.recommend.helpers import ids

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def cold() -> Iterator[None]:
    steering.forget()
    yield
    steering.forget()


def test_weights_move_what_is_there_and_bring_nothing_in(monkeypatch: pytest.MonkeyPatch) -> None:
    products(5)
    product("elsewhere", is_active=False)
    order("c0", ["p1", "p2"])
    order("c1", ["p2"])
    plain = ids(recommendations("trending"))
    said = {"": {"p2": 0.1, "p0": 9.0, "elsewhere": 9.0}}
    monkeypatch.setattr(product_weights, "_items", {"stock": lambda channel: said.get(channel, {})})
    steering.forget()
    moved = ids(recommendations("trending"))
    assert plain[0] == "p2" and moved[0] == "p0" and moved[-1] == "p2"
    assert sorted(moved) == sorted(plain)


def test_several_apps_are_multiplied_and_one_that_fails_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(channel: str) -> Any:
        raise RuntimeError("no")

    monkeypatch.setattr(
        product_weights,
        "_items",
        {"a": lambda channel: {"x": 0.5, "y": 2.0}, "broken": broken, "b": lambda channel: {"x": 0.5, "z": 1e9}},
    )
    assert steering.weights_of_others("") == {"x": 0.25, "y": 2.0, "z": steering.MOST}
