"""Shops that sell variants: shoppers see, buy and wave away variants, and are shown the products they belong to."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from django_ecomai.mirror.models import Product
from django_ecomai.recommend.serving import recommendations
from tests.recommend.factories import category, event, lantern_shop, order, placement, product
from tests.recommend.helpers import ids, queries, train

pytestmark = pytest.mark.django_db


@pytest.fixture(params=["no model", "model", "variants newer than the model"])
def shop(request: Any) -> None:
    """``lantern_shop`` with p0 and p1 in two colours."""
    lantern_shop(weeks=6)
    if request.param == "variants newer than the model":
        train()
    for parent in Product.objects.filter(external_id__in=["p0", "p1"]):
        for colour in ("red", "blue"):
            product(f"{parent.external_id}-{colour}", parent=parent)
    if request.param == "model":
        train()


def test_who_bought_a_variant_is_offered_the_product_again(shop: None) -> None:
    order("new", ["p0-red", "p1-blue", "p0-blue"])

    assert sorted(ids(recommendations("buy_again", customer_id="new"))) == ["p0", "p1"]


def test_a_bought_variant_is_left_out_as_the_product(shop: None) -> None:
    placement("home", "trending", exclude_bought=True, size=40)
    order("new", ["p0-red"])

    found = ids(recommendations("home", customer_id="new"))

    assert "p1" in found
    assert "p0" not in found


@pytest.mark.parametrize("name", ["dismiss", "add_to_cart"])
def test_a_variant_dismissed_or_in_the_cart_keeps_the_product_away(shop: None, name: str) -> None:
    event(name, "p0-red", customer_id="new")

    found = ids(recommendations("trending", customer_id="new", limit=40))

    assert "p1" in found
    assert "p0" not in found


def test_what_the_shop_excludes_may_be_a_variant(shop: None) -> None:
    assert "p0" not in ids(recommendations("trending", exclude="p0-red", limit=40))


def test_a_viewed_variant_is_recently_viewed_as_the_product_once(shop: None) -> None:
    for i, seen in enumerate(["p0-red", "p1", "p0-blue"]):
        event("view_item", seen, customer_id="new", at=timezone.now() - timedelta(minutes=9 - i))

    assert ids(recommendations("recently_viewed", customer_id="new")) == ["p0", "p1"]


def test_for_you_speaks_of_the_product(shop: None) -> None:
    order("new", ["p0-red"])

    found = recommendations("for_you", customer_id="new", limit=5)

    assert found
    assert {one.product_id for one in found} <= {f"p{i}" for i in range(12)}


def test_for_you_learns_from_a_bought_variant() -> None:
    lantern_shop(weeks=6)
    product("p0-red", parent=Product.objects.get(external_id="p0"))
    train()
    event("view_item", "p0-red", customer_id="new")

    assert recommendations("for_you", customer_id="new")[0].reason == "Because you viewed Lantern number 0"


def test_the_page_of_a_variant_shows_the_products_department(shop: None) -> None:
    found = ids(recommendations("similar", product="p0-red", limit=5))

    assert set(found) <= {f"p{i}" for i in range(1, 6)}
    assert len(found) == 5


def test_popularity_without_a_model_counts_what_was_sold_of_the_variants() -> None:
    shelf = category("shirts")
    shirt = product("shirt", categories=[shelf])
    for colour in ("red", "blue"):
        product(f"shirt-{colour}", parent=shirt)
    product("hat", categories=[shelf])
    for i in range(3):
        order(f"c{i}", ["hat"] if i == 2 else ["shirt-red", "shirt-blue"])

    assert ids(recommendations("trending")) == ["shirt", "hat"]
    assert [(one.product_id, one.reason) for one in recommendations("trending", category="shirts")] == [
        ("shirt", "Popular in Shirts"),
        ("hat", "Popular in Shirts"),
    ]


def test_variants_cost_no_further_query(shop: None) -> None:
    order("new", ["p0-red", "p1-blue"])
    recommendations("home", customer_id="new")

    assert len(queries(lambda: recommendations("home", customer_id="new"))) == 3
