"""What the server of a front end elsewhere is told, and for whom."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from unittest import mock

import pytest

from django_ecomai.ingest.services.events import visitor_hash

from .conftest import Sender

pytestmark = pytest.mark.django_db


def asked_for(shop: Sender, **parameters: Any) -> tuple[Any, Any]:
    """The customer and visitor that the carousels are made for."""
    with mock.patch("django_ecomai.ingest.api_recommend.carousels", return_value=[]) as made:
        shop.get("recommendations/home/", **parameters)
    assert made.call_args.kwargs["channel"] == shop.key.channel
    return made.call_args.kwargs.get("customer_id"), made.call_args.kwargs.get("visitor_id")


def test_nothing_is_personal_without_consent(shop: Sender) -> None:
    shop.send("customers", {"id": "ann", "consent": ["analytics"]}, {"id": "bob", "consent": ["personalization"]})
    known = visitor_hash(channel="", visitor_id="v1")
    assert asked_for(shop) == (None, None)
    assert asked_for(shop, customer_id="ann") == (None, None)
    assert asked_for(shop, customer_id="eve") == (None, None)
    assert asked_for(shop, visitor_id="v1") == (None, None)
    assert asked_for(shop, visitor_id="v1", consent="analytics") == (None, None)
    assert asked_for(shop, customer_id="bob") == ("bob", None)
    assert asked_for(shop, customer_id="bob", consent="") == (None, None)
    assert asked_for(shop, customer_id="ann", consent="personalization") == ("ann", None)
    assert asked_for(shop, visitor_id="v1", consent="analytics.personalization") == (None, known)


def test_whoever_has_objected_gets_what_everybody_gets(shop: Sender) -> None:
    from django_ecomai.core.persons import Subject
    from django_ecomai.privacy.refusing import forget
    from django_ecomai.privacy.services import request_make

    assert asked_for(shop, customer_id="ann", consent="personalization") == ("ann", None)
    request_make(subject=Subject(customer_ids=frozenset({"ann"})), kind="object", origin="admin")
    forget()  # pages may be some seconds behind
    assert asked_for(shop, customer_id="ann", consent="personalization") == (None, None)


def test_products_in_stock_are_shown_and_the_answer_is_cached_by_nobody(shop: Sender) -> None:
    shop.send("products", *({"id": f"p{n}", "title": f"P {n}", "price": n + 1} for n in range(4)))
    answer = shop.client.get("/ecomai/api/ingest/recommendations/new_arrivals/")
    assert answer["Cache-Control"] == "private, no-store"
    items = [one["product_id"] for one in answer.json()["carousels"][0]["items"]]
    assert sorted(items) == ["p0", "p1", "p2", "p3"]


def test_another_shop_s_key_is_answered_with_its_own_products(shop: Sender, make_sender: Callable[..., Sender]) -> None:
    shop.send("products", {"id": "ours", "title": "Ours", "price": 1})
    other = make_sender("Other", channel="b")
    assert other.get("recommendations/new_arrivals/")["carousels"] == []


@pytest.mark.parametrize(
    ("parameters", "name"),
    [({"consent": "all"}, "consent"), ({"customer_id": "x" * 65}, "customer_id"),
     ({"visitor_id": "\x00"}, "visitor_id"),
     ({"limit": "many"}, "limit"), ({"strategy": "magic"}, "strategy")],
)  # fmt: skip
def test_parameters_that_cannot_be_used_are_named(shop: Sender, parameters: dict[str, str], name: str) -> None:
    assert list(shop.get("recommendations/home/", status=400, **parameters)) == [name]


def test_a_placement_that_does_not_exist(shop: Sender) -> None:
    assert "There is no placement 'nowhere'" in shop.get("recommendations/nowhere/", status=404)["detail"]
