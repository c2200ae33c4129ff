"""Prices for more pieces in the example shop: approved they are shown, charged and kept, taken back they end."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Any

import pytest
from django.test import Client

from django_ecomai.mirror import models as mirror
from django_ecomai.mirror.services import shop_sync
from django_ecomai.pricing.models import VolumeOffer
from django_ecomai.pricing.services import offers_approve, offers_withdraw
from example_project.shop.models import Order, Product
from tests.example.factories import product_create
from tests.example.test_buying import ADDRESS
from tests.pricing.factories import offer_make

pytestmark = pytest.mark.django_db


@pytest.fixture
def heart() -> Product:
    """An article at 2.95 that costs 1.00, of which six cost 2.50 each."""
    product = product_create()
    shop_sync()
    mirror.Product.objects.update(cost=Decimal("1.00"))
    copy = mirror.Product.objects.get(external_id=product.sku)
    row = offer_make(
        copy, quantity=6, price=Decimal("2.50"), old_price=Decimal("2.95"), discount=0.15, currency="GBP"
    )  # fmt: skip
    assert offers_approve(offers=[row]).rows == [row]
    return product


def page(client: Client, product: Product) -> str:
    return client.get(product.get_absolute_url()).content.decode().split("ecomai-carousel")[0]


def buy(client: Client, product: Product, quantity: int) -> str:
    """As the form of its page does; the cart."""
    shown = re.findall(r'name="volume" value="([^"]+)"', page(client, product))
    client.post(f"/cart/add/{product.sku}/", {"quantity": str(quantity), "volume": shown})
    return client.get("/cart/").content.decode()


def test_an_approved_price_is_shown_and_charged_and_its_lines_are_stored(client: Client, heart: Product) -> None:
    assert "6 or more: £2.50 each" in page(client, heart)
    assert "£2.95 each" in buy(client, heart, 5)
    html = buy(client, heart, 1)
    assert "6 × £2.50" in html and "price from 6 pieces on (one alone £2.95)" in html and "£15.00" in html
    client.post("/checkout/", ADDRESS)
    order = Order.objects.get()
    assert order.total == Decimal("15.00")
    assert [(line.quantity, line.unit_price) for line in order.lines.all()] == [(6, Decimal("2.50"))]
    # the list of reductions and its line stay out of it
    assert "Lowest price" not in page(client, heart) and "<s>" not in page(client, heart)


def test_taken_back_it_is_shown_no_more_and_holds_in_the_cart_where_it_lay(client: Client, heart: Product) -> None:
    buy(client, heart, 6)
    offers_withdraw(offers=VolumeOffer.objects.all())
    assert "6 or more" not in page(client, heart)
    assert "6 × £2.50" in client.get("/cart/").content.decode()
    assert "£2.95 each" in buy(Client(), heart, 6)
    client.post("/checkout/", ADDRESS)
    assert Order.objects.get().total == Decimal("15.00")


def test_what_only_the_cart_has_shown_holds_as_well(client: Client, heart: Product) -> None:
    client.post(f"/cart/add/{heart.sku}/", {"quantity": "2"})
    client.post(f"/cart/change/{heart.sku}/", {"quantity": "7"})
    assert "7 × £2.50" in client.get("/cart/").content.decode()
    offers_withdraw(offers=VolumeOffer.objects.all())
    assert "7 × £2.50" in client.get("/cart/").content.decode()


def test_after_its_time_it_ends_in_the_cart_as_well(client: Client, heart: Product, settings: Any) -> None:
    buy(client, heart, 6)
    offers_withdraw(offers=VolumeOffer.objects.all())
    settings.ECOMAI = {**settings.ECOMAI, "PRICE_HOLD_MINUTES": 0}
    assert "£2.95 each" in client.get("/cart/").content.decode()


@pytest.mark.parametrize("token", ["made up", "", "x" * 5000])
def test_a_made_up_token_holds_nothing(client: Client, heart: Product, token: str) -> None:
    offers_withdraw(offers=VolumeOffer.objects.all())
    client.post(f"/cart/add/{heart.sku}/", {"quantity": "6", "volume": [token] * 3})
    assert "£2.95 each" in client.get("/cart/").content.decode()


def test_a_set_is_added_with_one_click_and_stored_as_lines_of_their_own(client: Client, heart: Product) -> None:
    stand = product_create("22423", "Regency Cakestand")
    shop_sync()
    mirror.Product.objects.update(cost=Decimal("1.00"))
    first, second = mirror.Product.objects.order_by("pk")
    row = offer_make(
        first, kind="bundle", other=second, quantity=1, currency="GBP", price=Decimal("5.01"), discount=0.15,
        old_price=first.price + second.price,
    )  # fmt: skip
    assert offers_approve(offers=[row]).rows == [row]
    html = page(client, heart)
    assert "£5.01 together with" in html and "Regency Cakestand" in html and "Add both" in html
    client.post(f"/cart/add/{heart.sku}/", {"with": stand.sku})
    client.post(f"/cart/add/{heart.sku}/", {"quantity": "1"})
    html = client.get("/cart/").content.decode()
    assert "set price (alone £2.95)" in html and "1 × £2.95" in html
    client.post("/checkout/", ADDRESS)
    order = Order.objects.get()
    paid = [(line.sku, line.quantity, line.unit_price) for line in order.lines.all()]
    assert order.total == Decimal("7.96") == sum(quantity * price for _sku, quantity, price in paid)
    assert [(sku, quantity) for sku, quantity, _price in paid] == [("85123A", 1), ("85123A", 1), ("22423", 1)]
