"""The plain values that strategies work on."""

from __future__ import annotations

import pytest

from django_ecomai.recommend.query import Behaviour, Query
from django_ecomai.recommend.viewer import Past, last_steps
from django_ecomai.recommend.weights import behaviour_weight, serving_weights


@pytest.mark.parametrize(
    ("parents", "found"),
    [
        ({}, ["lights"]),
        ({"lanterns": "lights", "paper": "lanterns", "mugs": "kitchen"}, ["lights", "lanterns", "paper"]),
        ({"lanterns": "lights", "lights": "lanterns"}, ["lights", "lanterns"]),
    ],
    ids=["alone", "two levels", "a loop"],
)
def test_the_categories_below(parents: dict[str, str], found: list[str]) -> None:
    assert Query(category="lights", category_parents=parents).categories_below() == found
    assert Query(category_parents=parents).categories_below() == []


@pytest.mark.parametrize(
    ("name", "dwell", "weight"),
    [
        ("purchase", None, 1.0),
        ("add_to_cart", None, 0.5),
        ("add_to_wishlist", None, 0.3),
        ("view_item", None, 0.1),
        ("view_item", 0, 0.1),
        ("view_item", -5, 0.1),
        ("view_item", 30, 0.15),
        ("view_item", 60, 0.2),
        ("view_item", 99_999, 0.2),
        ("add_to_cart", 60, 0.5),
        ("dismiss", None, 0.0),
        ("remove_from_cart", None, 0.0),
        ("anything", None, 0.0),
    ],
)
def test_a_purchase_says_most_and_a_glance_least(name: str, dwell: float | None, weight: float) -> None:
    assert behaviour_weight(name, dwell_seconds=dwell) == pytest.approx(weight)


def test_what_is_in_the_cart_is_told_by_the_last_event_of_each_product() -> None:
    now = 1_000_000.0
    steps = [
        ("kept", "add_to_cart", 10),
        ("removed", "remove_from_cart", 10),
        ("removed", "add_to_cart", 20),
        ("bought", "purchase", 10),
        ("bought", "add_to_cart", 20),
        ("again", "add_to_cart", 10),
        ("again", "purchase", 20),
        ("old", "add_to_cart", 3 * 86_400),
        ("viewed", "view_item", 5),
    ]
    past = Past(tuple(Behaviour(product, name, now - ago) for product, name, ago in steps))

    assert past.in_cart(now) == {"kept", "again"}


def test_bought_products_are_unwanted_only_where_the_carousel_says_so() -> None:
    query = Query(exclude=frozenset({"a"}), bought=frozenset({"b"}))

    assert query.not_wanted() == {"a"}
    assert Query(exclude=frozenset({"a"}), bought=frozenset({"b"}), exclude_bought=True).not_wanted() == {"a", "b"}


def test_as_many_of_the_last_products_as_the_merchant_says_and_every_purchase() -> None:
    names = [("a", "view_item"), ("b", "add_to_cart"), ("z", "purchase"), ("a", "view_item"), ("c", "view_item")]
    steps = [Behaviour(product, name, -at) for at, (product, name) in enumerate(names)]

    assert [step.product_id for step in last_steps(steps, most=2)] == ["a", "b", "z", "a"]
    assert last_steps(steps, most=3) == tuple(steps)


NOW = 10_000 * 86_400.0
OLD = [Behaviour(f"old{i}", "purchase", NOW - 180 * 86_400) for i in range(60)]


def test_three_views_now_speak_as_loudly_as_all_purchases() -> None:
    views = [Behaviour(f"new{i}", "view_item", NOW - 60) for i in range(3)]

    weights = serving_weights([*views, *OLD], now=NOW, half_life_days=180)

    assert weights == pytest.approx([10.0] * 3 + [1.0] * 60)  # 60 purchases, faded to a half, are 30


@pytest.mark.parametrize(
    ("steps", "weights"),
    [
        ([Behaviour("a", "view_item", NOW - 60), *OLD], [20.0]),
        ([Behaviour("a", "add_to_cart", NOW - 60), *OLD], [60.0]),
        ([Behaviour("a", "view_item", NOW - 7_201), *OLD], [0.1]),
        ([Behaviour("a", "purchase", NOW - 60), *OLD], [1.0]),
        ([Behaviour("a", "view_item", NOW - 60)], [0.1]),
        ([Behaviour("a", "view_item", NOW - 60), Behaviour("b", "view_item", NOW - 9_000)], [0.1, 0.1]),
        ([], []),
    ],
    ids=["one view", "a cart", "two hours ago", "a purchase is done with", "a new visitor", "hardly a past", "nothing"],
)
def test_what_happens_now_counts_against_the_past(steps: list[Behaviour], weights: list[float]) -> None:
    assert serving_weights(steps, now=NOW, half_life_days=None)[: len(weights)] == pytest.approx(weights)
