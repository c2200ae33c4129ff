"""What training reads beside sales: returns, refusals, circumstances, attributes. The exact rows that come out."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import numpy as np
import pytest

from django_ecomai.events.partitions import partitions_ensure
from django_ecomai.mirror.models import Customer, Order, OrderLine, Product, ReturnLine, Review
from django_ecomai.recommend import contexts
from django_ecomai.recommend.dataset import Dataset, dataset_read
from django_ecomai.recommend.weights import AGAINST, WEIGHTS, feedback_weight
from tests.recommend.factories import START, category, event, order, product, products

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def months(db: None) -> None:
    """Events of the factories' time have their partitions (PostgreSQL)."""
    partitions_ensure(first=START, last=START)


def rows(data: Dataset) -> list[tuple[str, float]]:
    """Product and weight of every meeting that stands, in time order."""
    names = data.item_ids.decode(data.interactions.items)
    return [(name, round(float(w), 3)) for name, w in zip(names, data.interactions.weights, strict=True)]


def refused(data: Dataset) -> list[str]:
    assert data.refused is not None
    return data.item_ids.decode(data.refused.items)


def returned(line_of: Order, product_id: str, *, quantity: int = 1, days: int = 3, known: bool = True) -> None:
    line = OrderLine.objects.get(order=line_of, product_external_id=product_id)
    ReturnLine.objects.create(
        external_id=f"r{ReturnLine.objects.count()}",
        line=line if known else None,
        order=line_of if known else None,
        customer=line_of.customer,
        product_external_id=product_id,
        quantity=quantity,
        returned_at=line_of.placed_at + timedelta(days=days),
    )


@pytest.mark.parametrize("known", [True, False])
def test_a_return_takes_its_purchase_back(known: bool) -> None:
    products(2)
    returned(order("c1", ["p0", "p1"]), "p0", known=known)

    data = dataset_read("")

    assert rows(data) == [("p1", 1.0)]
    assert refused(data) == ["p0"]
    assert (data.counts["order_lines"], data.counts["returns"], data.counts["events"]) == (2, 1, 0)


def test_a_small_part_that_came_back_leaves_the_purchase() -> None:
    products(1)
    made = order("c1", ["p0"])
    OrderLine.objects.update(quantity=12)
    returned(made, "p0", quantity=2)
    assert rows(dataset_read("")) == [("p0", 1.0)]


def test_of_two_purchases_one_return_leaves_one() -> None:
    products(1)
    order("c1", ["p0"], at=START)
    returned(order("c1", ["p0"], at=START + timedelta(days=1)), "p0")
    data = dataset_read("")
    assert rows(data) == [("p0", 1.0)]
    assert refused(data) == []


def test_behaviour_that_speaks_against() -> None:
    products(4)
    at = START
    for name, item in (
        ("view_item", "p0"), ("add_to_cart", "p0"), ("remove_from_cart", "p0"),
        ("view_item", "p1"), ("dismiss", "p1"),
        ("add_to_cart", "p2"), ("remove_from_cart", "p2"),
        ("dismiss", "p3"), ("view_item", "p3"),
    ):  # fmt: skip
        at += timedelta(minutes=1)
        event(name, item, at=at, visitor_id="v1")

    data = dataset_read("")

    assert rows(data) == [("p0", 0.1), ("p3", 0.1)]
    assert refused(data) == ["p1", "p2"]


def test_a_dismissal_that_was_taken_back_speaks_against_nothing() -> None:
    products(4)
    at = START
    for who, name, item in (
        ("v1", "view_item", "p0"), ("v1", "dismiss", "p0"), ("v1", "undismiss", "p0"),
        ("v1", "dismiss", "p1"), ("v1", "undismiss", "p1"), ("v1", "dismiss", "p1"),
        ("v1", "dismiss", "p2"), ("v2", "undismiss", "p2"),
    ):  # fmt: skip
        at += timedelta(minutes=1)
        event(name, item, at=at, visitor_id=who)

    data = dataset_read("")

    assert rows(data) == [("p0", 0.1)]
    assert refused(data) == ["p1", "p2"]


@pytest.mark.parametrize("mirrored", [True, False])
def test_refund_events_count_where_the_mirror_has_no_returns(mirrored: bool) -> None:
    products(2)
    order("c1", ["p0"])
    if mirrored:
        returned(order("c2", ["p1"]), "p1")
    event("refund", "p0", at=START + timedelta(days=2), customer_id="c1")
    assert rows(dataset_read("")) == ([("p0", 1.0)] if mirrored else [])


def test_robots_teach_nothing() -> None:
    products(1)
    event("view_item", "p0", visitor_id="v1", is_bot=True)
    event("dismiss", "p0", visitor_id="v1", is_bot=True)
    data = dataset_read("")
    assert (rows(data), refused(data)) == ([], [])


def test_weights_are_ordered_and_what_speaks_against_undoes_what_it_answers() -> None:
    assert WEIGHTS["view_item"] < WEIGHTS["add_to_wishlist"] < WEIGHTS["add_to_cart"] < WEIGHTS["purchase"]
    assert AGAINST["remove_from_cart"] == -WEIGHTS["add_to_cart"]
    assert AGAINST["refund"] == -WEIGHTS["purchase"] > AGAINST["dismiss"]
    assert feedback_weight("view_item", dwell_seconds=60) == 0.2
    assert feedback_weight("search") == 0


def test_what_products_are() -> None:
    top = category("home")
    leaf = category("lamps", parent=top)
    product("p0", categories=[leaf], attributes={"colour": "red"}, cost=4, stock=7)
    product("p1")

    catalogue = dataset_read("").catalogue

    assert catalogue.category_path == (("home",), ())
    assert catalogue.attributes == ({"colour": "red"}, {})
    assert catalogue.margin.tolist()[0] == 6
    assert catalogue.stock.tolist()[0] == 7


def rate(product: Product, *stars: float, **more: Any) -> None:
    for number, one in enumerate(stars):
        name = f"{product.pk}-{number}-{more.get('removed_at')}"
        Review.objects.create(product=product, external_id=name, rating=one, created_at=START, **more)


def test_what_reviews_say_of_products() -> None:
    mug, lamp = product("p0"), product("p1")
    product("p2")
    small = product("p0-s", parent=mug)
    rate(mug, 5, 4)
    rate(small, 5)
    rate(lamp, 1, 2)
    rate(lamp, 5, removed_at=START)
    Review.objects.create(product=lamp, external_id="words", text="no stars", created_at=START)

    catalogue = dataset_read("").catalogue

    # the shop's mean is 17 / 5 = 3.4 and counts as five ratings
    assert catalogue.stars[:2].tolist() == pytest.approx([(14 + 17) / 8, (3 + 17) / 7])
    assert np.isnan(catalogue.stars[2])


def seen(data: Dataset) -> list[tuple[Any, ...]]:
    met = data.contexts
    assert met is not None
    names = data.item_ids.decode(met.items)
    values = [
        [names[c] if c >= 0 else "" for c in column] for names, column in zip(met.names, met.codes.T, strict=True)
    ]
    return [(name, round(float(w), 3), *known) for name, w, *known in zip(names, met.weights, *values, strict=True)]


def test_circumstances_of_visits_and_countries_of_orders() -> None:
    lamps = category("lamps")
    product("p0", categories=[lamps])
    product("p1")
    order("c1", ["p1"], at=START, country="FR")
    Customer.objects.create(external_id="c2", country="MT")
    order("c2", ["p1"], at=START + timedelta(hours=1))
    order("c3", ["p1"], at=START + timedelta(hours=2))
    at = START + timedelta(days=1)
    told = {"context": {"referrer": "search", "device": "mobile", "country": "DE"}}
    event("view_item", "p0", at=at, visitor_id="v", session_id="s", properties=told)
    event("view_item", "p1", at=at + timedelta(minutes=1), visitor_id="v", session_id="s",
          properties={"context": {"device": "mobile"}})  # fmt: skip
    event("view_item", "p1", at=at + timedelta(minutes=2), visitor_id="v", session_id="t")

    assert seen(dataset_read("")) == [
        ("p1", 1.0, "FR", "", "", ""),
        ("p1", 1.0, "MT", "", "", ""),
        ("p0", 0.1, "DE", "search", "mobile", "lamps"),
        ("p1", 0.1, "", "search", "mobile", "lamps"),
    ]


def test_of_very_many_views_the_latest_tell_under_which_circumstances(monkeypatch: pytest.MonkeyPatch) -> None:
    products(3)
    for number in range(3):
        event("view_item", f"p{number}", at=START + timedelta(hours=number), visitor_id="v", session_id=f"s{number}",
              properties={"context": {"device": "mobile"}})  # fmt: skip
    assert [row[0] for row in seen(dataset_read(""))] == ["p0", "p1", "p2"]
    monkeypatch.setattr(contexts, "MOST_VIEWS", 2)
    assert [row[0] for row in seen(dataset_read(""))] == ["p1", "p2"]
