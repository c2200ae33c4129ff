"""``GET ecomai/api/recommendations/<placement>/``."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.contrib.auth import get_user_model

from tests.recommend.factories import order, placement, product, products

pytestmark = pytest.mark.django_db
URL = "/ecomai/api/recommendations/{}/"


def get(client: Any, name: str, **query: Any) -> Any:
    return client.get(URL.format(name), query)


def test_it_answers_as_the_tag_does(client: Any) -> None:
    product("p0", title="Lantern", price="12.5", list_price="15", cost="4", image_url="/i.svg", stock=2)
    placement("home", "new_arrivals")

    answer = get(client, "home")

    assert answer.status_code == 200
    body = answer.json()
    (carousel,) = body["carousels"]
    (item,) = carousel["items"]
    assert body["placement"] == "home"
    assert (carousel["strategy"], carousel["title"]) == ("new_arrivals", "New_Arrivals")
    token = item.pop("token")
    assert item == {
        "product_id": "p0",
        "title": "Lantern",
        "url": "/p/p0/",
        "image_url": "/i.svg",
        "price": "12.50",
        "list_price": "15.00",
        "currency": "EUR",
        "in_stock": True,
        "reason": "New",
        "reason_code": "new",
        "because_id": "",
        "position": 0,
    }
    assert token
    assert "cost" not in json.dumps(body)


def test_it_is_never_cached(client: Any) -> None:
    assert get(client, "home")["Cache-Control"] == "private, no-store"
    assert get(client, "nowhere")["Cache-Control"] == "private, no-store"


def test_products_limit_and_strategy(client: Any) -> None:
    products(5)
    placement("cart", "trending", "new_arrivals")

    body = get(client, "cart", products="p4,p3", limit=2, strategy="new_arrivals").json()

    assert [item["product_id"] for item in body["carousels"][0]["items"]] == ["p2", "p1"]
    assert [carousel["strategy"] for carousel in body["carousels"]] == ["new_arrivals"]


def test_the_name_of_a_strategy_serves_too(client: Any) -> None:
    products(2)

    assert len(get(client, "trending").json()["carousels"][0]["items"]) == 2


def test_an_empty_placement_is_no_error(client: Any) -> None:
    assert get(client, "home").json() == {"placement": "home", "carousels": []}


def test_an_unknown_placement_names_those_that_exist(client: Any) -> None:
    answer = get(client, "kitchen")

    assert answer.status_code == 404
    known = "account, cart, category, checkout, email, empty_search, home, not_found, order, product, search"
    assert known in answer.json()["detail"]
    assert "bought_together" in answer.json()["detail"]


@pytest.mark.parametrize(
    ("query", "field", "says"),
    [
        ({"limit": "0"}, "limit", "whole number from 1 to 48"),
        ({"limit": "49"}, "limit", "whole number from 1 to 48"),
        ({"limit": "eight"}, "limit", "whole number"),
        ({"limit": "9" * 30}, "limit", "whole number"),
        ({"strategy": "magic"}, "strategy", "Use one of: for_you"),
        ({"product": "x" * 65}, "product", "at most 64 characters"),
        ({"product": "a\x00b"}, "product", "at most 64 characters"),
        ({"products": ",".join(str(n) for n in range(51))}, "products", "at most 50 products"),
        ({"category": "y" * 65}, "category", "at most 64 characters"),
    ],
)
def test_errors_say_what_to_send(client: Any, query: dict[str, str], field: str, says: str) -> None:
    answer = get(client, "home", **query)

    assert answer.status_code == 400
    assert list(answer.json()) == [field]
    assert says in answer.json()[field]


def test_nobody_elses_recommendations_can_be_asked_for(client: Any) -> None:
    products(2)
    order("c1", ["p0"])

    for query in ({"customer_id": "c1"}, {"customer": "c1"}, {"visitor_id": "v" * 32}):
        assert get(client, "buy_again", **query).json()["carousels"] == []


def test_a_customer_who_is_logged_in_gets_his_own(client: Any) -> None:
    products(2)
    user = get_user_model().objects.create_user("ada")
    order(f"c{user.pk}", ["p0"])
    client.force_login(user)

    items = get(client, "buy_again").json()["carousels"][0]["items"]

    assert [(item["product_id"], item["reason"]) for item in items] == [("p0", "You bought this before")]


def test_it_reads_only(client: Any) -> None:
    assert client.post(URL.format("home")).status_code == 405


def test_too_many_requests_are_turned_away(client: Any, ecomai: Any) -> None:
    ecomai(API_THROTTLE="2/min")

    codes = [get(client, "home").status_code for _ in range(3)]

    assert codes == [200, 200, 429]


def test_the_schema_describes_it() -> None:
    from drf_spectacular.generators import SchemaGenerator

    schema = SchemaGenerator().get_schema(request=None, public=True)
    operation = schema["paths"]["/ecomai/api/recommendations/{placement}/"]["get"]

    assert operation["operationId"] == "ecomai_recommendations"
    assert {one["name"] for one in operation["parameters"]} >= {"placement", "product", "products", "limit", "strategy"}
    assert {"200", "400", "404", "429"} <= set(operation["responses"])
    item = schema["components"]["schemas"]["Item"]["properties"]
    assert "cost" not in item
    assert "token" in item


def test_without_its_cache_it_answers_unlimited(client: Any, settings: Any, ecomai: Any, caplog: Any) -> None:
    settings.CACHES = {
        "default": {"BACKEND": "django.core.cache.backends.redis.RedisCache", "LOCATION": "redis://127.0.0.1:1"}
    }
    ecomai(API_THROTTLE="1/min")

    assert [get(client, "trending").status_code for _ in range(2)] == [200, 200]
    assert "not limited" in caplog.text


def test_a_forged_address_does_not_lift_the_limit(client: Any, ecomai: Any) -> None:
    products(1)
    ecomai(API_THROTTLE="1/min")

    statuses = [get_from(client, f"198.51.100.{number}") for number in range(3)]

    assert statuses == [200, 429, 429]


def get_from(client: Any, forwarded: str) -> int:
    """Status of a request that claims to have been forwarded for ``forwarded``."""
    return int(client.get(URL.format("trending"), headers={"X-Forwarded-For": forwarded}).status_code)
