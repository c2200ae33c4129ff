"""What shoppers do in Oscar's own pages becomes events, with their consent, and theirs once they log in."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from decimal import Decimal
from typing import Any

import pytest
from django.test import Client, RequestFactory
from django.urls import reverse
from oscar.apps.basket.signals import basket_addition
from oscar.apps.checkout.signals import post_checkout

from django_ecomai.adapters.oscar import OscarAdapter
from django_ecomai.adapters.rows import Behaviour
from django_ecomai.events.models import Event, VisitorIdentity
from django_ecomai.events.selectors import visitor_history
from django_ecomai.mirror.models import Order

from . import shop

pytestmark = pytest.mark.django_db
Committing = Callable[[], AbstractContextManager[Any]]


def events(*names: str) -> list[Event]:
    found = Event.objects.filter(name__in=names) if names else Event.objects.all()
    return list(found.order_by("id"))


def login(shopper: Client, email: str = "ada@example.com") -> Any:
    """Through Oscar's own form."""
    form = {"login-username": email, "login-password": "correct horse", "login_submit": "1", "login-redirect_url": "/"}
    answer = shopper.post("/accounts/login/", form)
    assert answer.status_code == 302
    return answer


def test_browse_search_basket_and_checkout_of_a_guest(agreed: None, shopper: Client, committing: Committing) -> None:
    lantern = shop.product("Lantern", "4.50")

    with committing():
        shopper.get(lantern.get_absolute_url())
        shopper.get("/search/", {"q": "lantern"})
        shopper.get("/search/", {"q": ""})
        answer = shop.buy(shopper, lantern, quantity=2)

    assert answer.headers["Location"] == "/checkout/thank-you/"
    viewed, searched, added, begun, bought = events()
    placed = shop.Order.objects.get()
    assert (viewed.name, viewed.product_id) == ("view_item", str(lantern.pk))
    assert (searched.name, searched.query) == ("search", "lantern")
    assert (added.name, added.product_id, added.quantity) == ("add_to_cart", str(lantern.pk), 2)
    assert (begun.name, begun.value, begun.currency) == ("begin_checkout", Decimal("9.00"), "GBP")
    assert (bought.name, bought.order_id, bought.value) == ("purchase", str(placed.pk), Decimal("9.00"))
    assert len({one.visitor_id for one in events()}) == 1
    assert viewed.visitor_id != ""
    assert {one.customer_id for one in events()} == {""}


def test_a_child_is_viewed_as_itself(agreed: None, shopper: Client, committing: Committing) -> None:
    red = shop.child(shop.parent())

    with committing():
        shopper.get(red.get_absolute_url())

    assert [one.product_id for one in events("view_item")] == [str(red.pk)]


def test_the_history_before_the_login_becomes_the_customers(
    agreed: None, shopper: Client, committing: Committing
) -> None:
    ada, lantern, candle = shop.user(), shop.product("Lantern"), shop.product("Candle")

    with committing():
        shopper.get(lantern.get_absolute_url())
    before = shopper.session.session_key
    with committing():
        login(shopper)
    with committing():
        shopper.get(candle.get_absolute_url())

    assert shopper.session.session_key != before
    first, second = events("view_item")
    assert (first.customer_id, second.customer_id) == ("", str(ada.pk))
    assert first.visitor_id == second.visitor_id
    assert list(VisitorIdentity.objects.values_list("visitor_id", "customer_id")) == [(first.visitor_id, str(ada.pk))]
    elsewhere = visitor_history(channel="", visitor_id="", customer_id=str(ada.pk))
    assert {item.product_id for item in elsewhere.items} == {str(lantern.pk), str(candle.pk)}


def test_who_registers_takes_his_history_along(agreed: None, shopper: Client, committing: Committing) -> None:
    lantern = shop.product()
    form = {
        "registration-email": "new@example.com", "registration-password1": "korrekt pferd 9",
        "registration-password2": "korrekt pferd 9", "registration_submit": "1", "registration-redirect_url": "/",
    }  # fmt: skip

    with committing():
        shopper.get(lantern.get_absolute_url())
    with committing():
        assert shopper.post("/accounts/login/", form).status_code == 302

    assert VisitorIdentity.objects.get().visitor_id == events("view_item")[0].visitor_id


def test_a_customer_buys_and_it_is_one_purchase(agreed: None, shopper: Client, committing: Committing) -> None:
    ada, lantern = shop.user(), shop.product()

    with committing():
        login(shopper)
    with committing():
        shop.buy(shopper, lantern, email="")

    [bought] = events("purchase")
    assert (bought.customer_id, bought.order_id) == (str(ada.pk), str(shop.Order.objects.get().pk))
    assert bought.visitor_id == events("add_to_cart")[0].visitor_id
    order = Order.objects.get()
    assert order.customer is not None and order.customer.external_id == str(ada.pk)


def test_a_review(agreed: None, shopper: Client, committing: Committing) -> None:
    lantern = shop.product()
    url = reverse("catalogue:reviews-add", kwargs={"product_slug": lantern.slug, "product_pk": lantern.pk})

    with committing():
        form = {"title": "Bright", "score": 5, "body": "Very", "name": "Ada", "email": "ada@example.com"}
        assert shopper.post(url, form).status_code == 302

    assert [one.product_id for one in events("review")] == [str(lantern.pk)]


@pytest.mark.parametrize(("sent", "kept"), [("3", 3), ("", 1), ("many", 1), ("0", 1), ("٣", 1)])
def test_how_many_went_into_the_basket(sent: str, kept: int) -> None:
    told: list[Behaviour] = []
    adapter, lantern = OscarAdapter(), shop.product()
    request = RequestFactory().post("/basket/add/", {"quantity": sent})
    adapter.listen(told.append)
    try:
        basket_addition.send(sender=None, product=lantern, user=None, request=request)
    finally:
        adapter.unlisten()
    basket_addition.send(sender=None, product=lantern, user=None, request=request)

    assert [(one.name, one.product, one.quantity) for one in told] == [("add_to_cart", lantern, kept)]


class BeaconShop(OscarAdapter):
    """Product pages of this shop report their views by the beacon."""

    listens = tuple(name for name in OscarAdapter.listens if name != "product_viewed")


@pytest.fixture
def beacon_shop(agreed: None, ecomai_setting: Callable[..., None]) -> Iterator[None]:
    ecomai_setting(ADAPTER=f"{__name__}.BeaconShop")
    yield


def test_a_shop_may_leave_a_signal_out(beacon_shop: None, shopper: Client, committing: Committing) -> None:
    lantern = shop.product()

    with committing():
        shopper.get(lantern.get_absolute_url())
        shopper.post(f"/basket/add/{lantern.pk}/", {"quantity": 1})

    assert [one.name for one in events()] == ["add_to_cart"]


def test_oscars_pages_show_the_carousels(agreed: None, shopper: Client, committing: Committing) -> None:
    light = shop.shelf("Light")
    with committing():
        lantern, candle, lamp = (shop.product(name, shelves=[light]) for name in ("Lantern", "Candle", "Lamp"))
        sold_out = shop.product("Torch", stock=0, shelves=[light])

    page = shopper.get(lantern.get_absolute_url()).content.decode()
    shopper.post(f"/basket/add/{lantern.pk}/", {"quantity": 1})
    basket = shopper.get("/basket/").content.decode()

    for html in (page, basket):
        shown = html.partition("ecomai-carousel")[2]
        assert f'data-ecomai-product="{candle.pk}"' in shown
        assert f'data-ecomai-product="{lamp.pk}"' in shown
        assert f'data-ecomai-product="{lantern.pk}"' not in shown
        assert f'data-ecomai-product="{sold_out.pk}"' not in shown
        assert 'class="product_pod"' in shown, "drawn by Oscar's own template"
        assert f'action="/basket/add/{candle.pk}/"' in shown


class Numbered(OscarAdapter):
    """A shop that copies its orders under their numbers."""

    order_fields = {"id": "number"}


def test_a_purchase_names_the_order_as_the_copy_does() -> None:
    placed, told = shop.order(shop.product()), []
    adapter = Numbered()
    adapter.listen(told.append)

    try:
        post_checkout.send(None, order=placed, user=None, request=None, response=None)
    finally:
        adapter.unlisten()

    assert [one.order_id for one in told] == [str(placed.number)]
    assert [row.id for row in adapter.rows("order")] == [str(placed.number)]
