"""Every placement can be seen in the storefront, with a model trained on the shop's own orders."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest
from django.test import Client
from django.utils import timezone

from django_ecomai.recommend import config
from django_ecomai.recommend.defaults import default_keys
from django_ecomai.recommend.models import Placement
from django_ecomai.runs.services import run_now
from example_project.shop.models import Line, Order, Product
from tests.example.factories import category_create, customer_create, product_create
from tests.example.test_buying import ADDRESS

pytestmark = pytest.mark.django_db


@pytest.fixture
def trained() -> list[Product]:
    """Lanterns are bought with cheap matches and with hooks, vases with nothing of these."""
    light, home = category_create("Light"), category_create("Home")
    lanterns = [product_create(f"L{n}", f"Metal Lantern {n}", category=light, price=Decimal(8 + n)) for n in range(5)]
    extras = [product_create(f"M{n}", f"Long Matches {n}", category=home, price=Decimal("1.50")) for n in range(5)]
    vases = [
        product_create(f"V{n}", f"Glass Vase {n}", category=home, price=Decimal(5), list_price=Decimal(6 + n))
        for n in range(5)
    ]
    for number in range(30):
        customer = customer_create(f"{10_000 + number}")
        goods = (
            [lanterns[number % 5], extras[number % 5]] if number % 3 else [vases[number % 5], vases[(number + 1) % 5]]
        )
        order = Order.objects.create(
            number=f"{number}", customer=customer, total=sum(one.price for one in goods),
            placed_at=timezone.now() - timedelta(days=40 - number),
        )  # fmt: skip
        for one in goods:
            Line.objects.create(order=order, product=one, sku=one.sku, title=one.name, quantity=1, unit_price=one.price)
    for kind in ("mirror.sync", "recommend.train"):
        run = run_now(kind=kind)
        assert run.state == "done", run.error
    config.forget()  # a worker hears of a new model after the commit, which no test of this file reaches
    return [*lanterns, *extras, *vases]


def carousels(page: str) -> int:
    return page.count("data-ecomai-list")


@pytest.mark.parametrize(
    "address", ["/", "/product/L0/metal-lantern-0/", "/shelf/light/", "/search/?q=lantern", "/search/?q=lantren"]
)
def test_pages_for_everybody_hold_a_carousel(client: Client, trained: list[Product], address: str) -> None:
    assert carousels(client.get(address).content.decode()) >= 1


def test_a_search_that_finds_nothing_offers_what_is_spelled_nearly_so(client: Client, trained: list[Product]) -> None:
    page = client.get("/search/?q=lantren").content.decode()
    assert "You might like these instead" in page
    first = page.split("data-ecomai-list")[1].split("</li>")[0]
    assert "Metal Lantern" in first


def test_a_page_that_is_not_found_shows_the_way_back(client: Client, trained: list[Product]) -> None:
    response = client.get("/shelf/none/")
    assert response.status_code == 404
    assert carousels(response.content.decode()) == 1


def test_the_way_through_cart_and_checkout(client: Client, trained: list[Product]) -> None:
    client.cookies["ecomai_consent"] = "analytics.personalization"
    client.post("/cart/add/L0/", {"quantity": "1"})
    assert "Goes well with your cart" in client.get("/cart/").content.decode()
    checkout = client.get("/checkout/").content.decode()
    assert "A little extra?" in checkout
    assert "Long Matches 0" in checkout.split("A little extra?")[1]
    assert "Glass Vase" not in checkout.split("A little extra?")[1], "dearer than half of what is in the cart"
    thanks = client.post("/checkout/", ADDRESS, follow=True).content.decode()
    assert "Goes well with what you ordered" in thanks
    assert "Metal Lantern 0</a>" not in thanks.split("Goes well with what you ordered")[1], "that was just bought"


def test_the_e_mail_is_shown_to_who_ordered_and_to_nobody_else(client: Client, trained: list[Product]) -> None:
    client.post("/cart/add/L0/", {"quantity": "1"})
    number = client.post("/checkout/", ADDRESS).headers["Location"].split("/")[2]
    response = client.get(f"/thanks/{number}/e-mail/")
    assert len(response.context["items"]) == 4
    assert "simulated" in response.content.decode()
    assert "L0" not in [item.product_id for item in response.context["items"]]
    assert Client().get(f"/thanks/{number}/e-mail/").status_code == 404


def test_every_default_placement_is_in_the_admin(trained: list[Product]) -> None:
    assert sorted(Placement.objects.values_list("key", flat=True)) == sorted(default_keys())
