"""Cart and checkout: every wrong quantity is named, stock is never oversold."""

from __future__ import annotations

from decimal import Decimal

import pytest
from django.contrib.auth.models import User
from django.contrib.messages import get_messages
from django.test import Client

from example_project.shop.cart import CartError, CartLine, parse_quantity
from example_project.shop.models import Order, Product
from example_project.shop.services import Delivery, order_place
from tests.example.factories import customer_create, product_create

pytestmark = pytest.mark.django_db

ADDRESS = {
    "name": "Ada",
    "email": "ada@example.com",
    "address": "1 High Street",
    "city": "Leeds",
    "postcode": "LS1 1AA",
    "country": "United Kingdom",
}


def add(client: Client, product: Product, quantity: object = 1) -> list[str]:
    response = client.post(f"/cart/add/{product.sku}/", {"quantity": str(quantity)})
    assert response.status_code == 302
    return [str(message) for message in get_messages(response.wsgi_request)]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("0", "at least 1"),
        ("-3", "at least 1"),
        ("5001", "at most 5,000"),
        ("999999999999999999999999", "at most 5,000"),
        ("two", "whole number"),
        ("1.5", "whole number"),
        ("", "whole number"),
        ("NaN", "whole number"),
    ],
)
def test_wrong_quantities_are_explained(text: str, words: str) -> None:
    with pytest.raises(CartError, match=words):
        parse_quantity(text)


def test_quantities_are_read_with_blanks() -> None:
    assert parse_quantity(" 7 ") == 7


def test_adding_and_changing(client: Client) -> None:
    product = product_create()
    add(client, product, 2)
    add(client, product, 3)
    cart = client.get("/cart/").context["cart"]
    assert [(line.product, line.quantity, line.total) for line in cart.lines] == [(product, 5, Decimal("14.75"))]
    client.post(f"/cart/change/{product.sku}/", {"quantity": "4"})
    assert client.get("/cart/").context["cart"].total == Decimal("11.80")
    client.post(f"/cart/change/{product.sku}/", {"quantity": "9", "remove": "1"})
    assert client.get("/cart/").context["cart"].lines == []


def test_every_change_of_the_cart_is_confirmed(client: Client) -> None:
    product = product_create()
    values = {"next": "/search/?q=heart"}  # as the cards send it
    page = client.post(f"/cart/add/{product.sku}/", values, follow=True).content.decode()
    assert f"1 × {product.name} added to your cart." in page
    page = client.post(f"/cart/change/{product.sku}/", {"quantity": "4"}, follow=True).content.decode()
    assert f"{product.name}: 4 in your cart now." in page
    page = client.post(f"/cart/change/{product.sku}/", {"remove": "1"}, follow=True).content.decode()
    assert f"{product.name} removed." in page


@pytest.mark.parametrize("quantity", ["0", "-1", "13", "100000", "x"])
def test_a_wrong_quantity_leaves_the_cart_as_it_was(client: Client, quantity: str) -> None:
    product = product_create(stock=12)
    add(client, product, 2)
    assert add(client, product, quantity)[-1][:4] in {"The ", "Only", "We s", "Plea"}
    client.post(f"/cart/change/{product.sku}/", {"quantity": quantity})
    assert client.get("/cart/").context["cart"].pieces == 2


def test_more_than_the_stock_in_two_steps_is_refused(client: Client) -> None:
    product = product_create(stock=12)
    add(client, product, 10)
    assert add(client, product, 3)[-1] == "Only 12 of “White Hanging Heart T-Light Holder” left."


def test_sold_out_hidden_and_unknown_goods(client: Client) -> None:
    assert "sold out" in add(client, product_create("1", stock=0))[-1]
    product_create("2", is_active=False)
    product_create("3", is_service=True)
    for sku in ("2", "3", "4"):
        assert client.post(f"/cart/add/{sku}/").status_code == 404
    assert client.get("/cart/add/1/").status_code == 405


def test_a_broken_session_is_an_empty_cart(client: Client) -> None:
    product_create()
    client.get("/")
    for broken in ("text", ["list"], {"x": 1, "-1": 2, "5": "many", "6": -2, "7": 0}):
        session = client.session
        session["cart"] = broken
        session.save()
        assert client.get("/cart/").context["cart"].lines == []


def test_goods_deleted_meanwhile_leave_the_cart(client: Client) -> None:
    product = product_create()
    add(client, product)
    product.delete()
    assert client.get("/cart/").context["cart"].lines == []


def test_checkout_makes_an_order_and_takes_the_stock(client: Client) -> None:
    product = product_create(stock=12, times_ordered=5)
    other = product_create("21212", "Red Mug", price=Decimal("1.25"))
    add(client, product, 2)
    add(client, other, 4)
    assert client.get("/checkout/").status_code == 200
    response = client.post("/checkout/", ADDRESS)
    order = Order.objects.get()
    assert response.headers["Location"] == f"/thanks/{order.number}/"
    assert (order.number, order.status, order.total, order.customer) == ("W100001", "placed", Decimal("10.90"), None)
    assert sorted(order.lines.values_list("sku", "title", "quantity", "unit_price")) == [
        ("21212", "Red Mug", 4, Decimal("1.250")),
        ("85123A", "White Hanging Heart T-Light Holder", 2, Decimal("2.950")),
    ]
    product.refresh_from_db()
    assert (product.stock, product.times_ordered) == (10, 6)
    assert client.get("/cart/").context["cart"].lines == []
    assert "W100001" in client.get(response.headers["Location"]).content.decode()
    assert Client().get(response.headers["Location"]).status_code == 404


def test_numbers_count_up(client: Client) -> None:
    product = product_create()
    for expected in ("W100001", "W100002"):
        add(client, product)
        client.post("/checkout/", ADDRESS)
        assert Order.objects.order_by("-pk").first().number == expected


def test_a_customer_who_is_logged_in_owns_the_order(client: Client) -> None:
    user = User.objects.create_user("ada")
    customer = customer_create(user=user)
    client.force_login(user)
    add(client, product_create())
    client.post("/checkout/", ADDRESS)
    assert Order.objects.get().customer == customer


def test_an_incomplete_address_is_explained(client: Client) -> None:
    add(client, product_create())
    response = client.post("/checkout/", {**ADDRESS, "email": "no", "city": ""})
    assert set(response.context["form"].errors) == {"email", "city"}
    assert not Order.objects.exists()


def test_an_empty_cart_has_no_checkout(client: Client) -> None:
    assert client.get("/checkout/").headers["Location"] == "/cart/"
    assert client.post("/checkout/", ADDRESS).headers["Location"] == "/cart/"


def test_goods_that_sold_out_meanwhile_stop_the_checkout(client: Client) -> None:
    product = product_create(stock=5)
    add(client, product, 5)
    Product.objects.update(stock=3)
    assert client.post("/checkout/", ADDRESS).headers["Location"] == "/cart/"
    assert not Order.objects.exists()
    assert "Only 3 of" in client.get("/cart/").content.decode()


def test_a_cart_read_before_the_last_sale_cannot_oversell() -> None:
    product = product_create(stock=5)
    stale = CartLine(Product.objects.get(), 5)
    product.stock = 2
    product.save()
    with pytest.raises(CartError, match="Only 2"):
        order_place(lines=[stale], delivery=Delivery(**ADDRESS), customer=None)
    assert not Order.objects.exists()
    product.delete()
    with pytest.raises(CartError, match="no longer sold"):
        order_place(lines=[stale], delivery=Delivery(**ADDRESS), customer=None)
    with pytest.raises(CartError, match="empty"):
        order_place(lines=[], delivery=Delivery(**ADDRESS), customer=None)
