"""The shop with the package: cards in carousels, orders and carts that become data, pages that survive its absence."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.cache import cache
from django.db import connection
from django.test import Client

from django_ecomai.events.models import Event
from django_ecomai.mirror import models as mirror
from django_ecomai.runs.services import run_now
from example_project.shop.ecomai import ShopAdapter
from example_project.shop.models import Product
from tests.example.factories import category_create, customer_create, order_create, product_create
from tests.example.test_buying import ADDRESS

BROWSER = "Mozilla/5.0 (X11; Linux x86_64; rv:133.0) Gecko/20100101 Firefox/133.0"
pytestmark = pytest.mark.django_db


@pytest.fixture
def shop() -> list[Product]:
    """Eight lanterns and three customers who bought them in pairs."""
    shelf = category_create("Lanterns", category_create("Light"))
    goods = [product_create(f"7{number:04}", f"Metal Lantern No {number}", category=shelf) for number in range(8)]
    product_create("POST", "Postage", is_service=True, is_active=False)
    for code in ("17850", "13047", "12583"):
        customer = customer_create(code)
        for number in range(0, 8, 2):
            order_create(f"{code}{number}", customer, goods[number])
            order_create(f"{code}{number + 1}", customer, goods[number + 1])
    return goods


@pytest.fixture
def synced(shop: list[Product]) -> list[Product]:
    run = run_now(kind="mirror.sync")
    assert run.state == "done", run.error
    return shop


def test_the_mirror_knows_things_by_the_shops_own_codes(synced: list[Product]) -> None:
    assert sorted(mirror.Customer.objects.values_list("external_id", flat=True)) == ["12583", "13047", "17850"]
    product = mirror.Product.objects.get(external_id="70000")
    assert (product.title, product.stock, product.currency) == ("Metal Lantern No 0", 12, "GBP")
    assert product.url == "/product/70000/metal-lantern-no-0/"
    assert product.image_url == synced[0].picture_url
    assert mirror.Product.objects.get(external_id="POST").is_service
    assert mirror.Order.objects.count() == 24
    assert mirror.OrderLine.objects.filter(product__external_id="70001").count() == 3
    assert mirror.Category.objects.get(name="Lanterns").parent.name == "Light"


def test_the_adapter_resolves_in_one_query(shop: list[Product], django_assert_num_queries: Any) -> None:
    adapter = ShopAdapter()
    with django_assert_num_queries(1):
        found = adapter.resolve(["70001", "70000", "none"])
    assert found == {"70000": shop[0], "70001": shop[1]}
    user = User.objects.create_user("ada")
    customer_create("N7", user=user)
    assert adapter.customer_id(user) == "N7"


def test_carousels_use_the_shops_own_card(client: Client, synced: list[Product]) -> None:
    page = client.get("/").content.decode()
    assert "data-ecomai-list" in page
    assert 'class="card"' in page.split("data-ecomai-list")[1]


@pytest.mark.parametrize(
    ("consent", "headers", "offered"),
    [
        ("", {}, False),
        ("necessary", {}, False),
        ("analytics.personalization", {}, True),
        ("analytics.personalization", {"DNT": "1"}, False),
    ],
)
def test_not_interested_is_offered_where_it_is_remembered(
    client: Client, synced: list[Product], consent: str, headers: dict[str, str], offered: bool
) -> None:
    client.cookies["ecomai_consent"] = consent
    page = client.get("/", headers=headers).content.decode()
    assert "data-ecomai-list" in page
    assert ("data-ecomai-dismiss" in page) is offered


def test_personal_pages_are_not_for_shared_caches(client: Client, synced: list[Product]) -> None:
    """Whatever is in a carousel for this visitor must not be kept for another one."""
    client.cookies["ecomai_consent"] = "analytics.personalization"
    cache_control = client.get("/").headers.get("Cache-Control", "")
    assert "public" not in cache_control


@pytest.mark.django_db(transaction=True)
def test_an_order_of_the_storefront_is_mirrored_with_its_lines(synced: list[Product]) -> None:
    client = Client(headers={"User-Agent": BROWSER})
    client.cookies["ecomai_consent"] = "analytics.personalization"
    client.get("/")
    client.post("/cart/add/70003/", {"quantity": "2"})
    response = client.post("/checkout/", ADDRESS)
    number = response.headers["Location"].strip("/").rsplit("/", 1)[-1]
    order = mirror.Order.objects.get(external_id=number)
    assert [(line.sku, line.quantity) for line in order.lines.all()] == [("70003", 2)]
    assert mirror.Product.objects.get(external_id="70003").stock == 10
    names = set(Event.objects.values_list("name", flat=True))
    assert {"add_to_cart", "purchase"} <= names
    assert Event.objects.exclude(visitor_id="").exists()
    for personal in ("ada@example.com", "1 High Street"):
        assert personal not in str(vars(order))


@pytest.mark.django_db(transaction=True)
def test_without_consent_no_visitor_is_stored(synced: list[Product]) -> None:
    client = Client(headers={"User-Agent": BROWSER})
    client.cookies["ecomai_consent"] = "necessary"
    client.get("/search/?q=lantern")
    client.post("/cart/add/70003/", {"quantity": "2"})
    assert not Event.objects.exclude(visitor_id="").exists()
    assert "ecomai_visitor" not in client.cookies


@pytest.mark.parametrize("address", ["/", "/shelf/lanterns/", "/search/?q=lantern", "/cart/"])
def test_every_page_renders_without_the_packages_tables(
    client: Client, shop: list[Product], monkeypatch: pytest.MonkeyPatch, address: str
) -> None:
    client.get(address)
    cache.clear()

    def refuse(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        if "ecomai" in sql:
            raise connection.Database.OperationalError("no such table")
        return execute(sql, params, many, context)

    with connection.execute_wrapper(refuse):
        response = client.get(address)
    assert response.status_code == 200
    assert "Metal Lantern" in response.content.decode() or address == "/cart/"


def test_unknown_addresses_get_the_shops_own_page(client: Client) -> None:
    response = client.get("/nothing/here/")
    assert response.status_code == 404
    assert "not on any shelf" in response.content.decode()
