"""``track()``, the shop's signals, log-in and log-out."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.models import AnonymousUser
from django.contrib.auth.signals import user_logged_in, user_logged_out
from django.db import transaction
from django.test import RequestFactory

from django_ecomai.adapters.base import ShopAdapter
from django_ecomai.core.uuid7 import uuid7
from django_ecomai.events import receivers, signals
from django_ecomai.events.models import Event, VisitorIdentity
from django_ecomai.events.services import event_track, track
from django_ecomai.events.visitors import VisitorContext, customer_of

from .conftest import CHROME

pytestmark = pytest.mark.django_db


class Thing:
    """A product object of some shop."""

    pk = 77


class FailingAdapter(ShopAdapter):
    """An adapter with mistakes in it."""

    def product_id(self, obj: Any) -> str:
        raise ZeroDivisionError

    def customer_id(self, user: Any) -> str | None:
        raise KeyError("customer")


@pytest.fixture
def commit(django_capture_on_commit_callbacks: Any) -> Any:
    """Run what waits for the commit."""
    return lambda: django_capture_on_commit_callbacks(execute=True)


@pytest.fixture(autouse=True)
def _adapter(ecomai_setting: Any) -> None:
    ecomai_setting(ADAPTER="tests.events.shop_adapter.UserShop")


def make_request(user: Any = None, **headers: str) -> Any:
    request = RequestFactory(headers={"User-Agent": CHROME, **headers}).get("/")
    request.user = user or AnonymousUser()
    request.ecomai = VisitorContext(request)
    return request


def test_an_event_is_written_after_the_commit_and_not_before(commit: Any) -> None:
    with commit():
        given = track(name="view_item", product="A", visitor_id="v")
        assert not Event.objects.exists()
    assert Event.objects.get().pk == given


@pytest.mark.django_db(transaction=True)
def test_a_rolled_back_page_leaves_no_event() -> None:
    with pytest.raises(ZeroDivisionError), transaction.atomic():
        track(name="view_item", product="A")
        raise ZeroDivisionError
    assert not Event.objects.exists()
    track(name="view_item", product="B")
    assert Event.objects.get().product_id == "B"


def test_without_consent_a_request_leaves_nothing(commit: Any) -> None:
    with commit():
        assert track(name="view_item", product="A", request=make_request()) is None
    assert not Event.objects.exists()


def test_the_request_says_who_it_was(agreed: None, commit: Any) -> None:
    user = get_user_model().objects.create_user("ada")
    request = make_request(user)
    with commit():
        track(name="add_to_cart", product=Thing(), quantity=2, value="9.90", request=request)
    event = Event.objects.get()
    assert (event.product_id, event.customer_id, str(event.value)) == ("77", str(user.pk), "9.9000")
    assert (event.visitor_id, event.session_id) == (request.ecomai.visitor_id, request.ecomai.session_id)


def test_a_page_that_is_only_made_ready_was_not_viewed(agreed: None, commit: Any) -> None:
    with commit():
        assert (
            track(name="view_item", product="A", request=make_request(**{"Sec-Purpose": "prefetch;prerender"})) is None
        )
    assert not Event.objects.exists()


def test_the_same_id_is_stored_once(commit: Any) -> None:
    given = uuid7()
    with commit():
        for _ in range(3):
            assert track(name="view_item", product="A", id=given) == given
    assert Event.objects.count() == 1


@pytest.mark.parametrize(
    "wrong",
    [{"name": "nonsense"}, {"name": "view_item"}, {"name": "add_to_cart", "product": "A", "quantity": -1}],
)
def test_mistakes_are_logged_and_never_raised(wrong: dict[str, Any], commit: Any, caplog: Any) -> None:
    with commit():
        assert track(**wrong) is None
    assert "was not recorded" in caplog.text
    assert not Event.objects.exists()


def test_a_failing_adapter_is_logged_and_never_raised(agreed: None, ecomai_setting: Any, commit: Any) -> None:
    ecomai_setting(ADAPTER=f"{__name__}.FailingAdapter", CONSENT="django_ecomai.events.consent.always")
    user = get_user_model().objects.create_user("ada")
    with commit():
        assert track(name="view_item", product=Thing(), request=make_request(user)) is None
        assert track(name="view_item", product="A", request=make_request(user)) is not None
    assert Event.objects.get().customer_id == ""
    assert customer_of(user, channel="") == ""


@pytest.mark.parametrize(
    ("signal", "arguments", "name"),
    [
        ("product_viewed", {"product": "A", "dwell_seconds": 3.0}, "view_item"),
        ("wishlist_added", {"product": "A"}, "add_to_wishlist"),
        ("cart_added", {"product": "A", "quantity": 2}, "add_to_cart"),
        ("cart_removed", {"product": "A", "quantity": 1}, "remove_from_cart"),
        ("cart_viewed", {}, "view_cart"),
        ("searched", {"query": "red lantern"}, "search"),
        ("checkout_begun", {"value": "20.00", "currency": "GBP"}, "begin_checkout"),
        ("order_placed", {"order_id": "o1", "value": "20.00"}, "purchase"),
        ("order_refunded", {"order_id": "o1", "value": "-20.00"}, "refund"),
        ("product_reviewed", {"product": "A"}, "review"),
        ("product_dismissed", {"product": "A"}, "dismiss"),
        ("product_undismissed", {"product": "A"}, "undismiss"),
    ],
)
def test_every_signal_becomes_an_event(
    agreed: None, commit: Any, signal: str, arguments: dict[str, Any], name: str
) -> None:
    request = make_request()
    with commit():
        getattr(signals, signal).send(sender=None, request=request, **arguments)
        getattr(signals, signal).send(sender=None, request=request, raw=True, **arguments)
    event = Event.objects.get()
    assert (event.name, event.visitor_id) == (name, request.ecomai.visitor_id)
    assert (event.product_id, event.query, event.order_id) == (
        arguments.get("product", ""),
        arguments.get("query", ""),
        arguments.get("order_id", ""),
    )


def test_a_signal_with_nonsense_never_raises_into_the_shop(commit: Any, caplog: Any) -> None:
    with commit():
        signals.product_viewed.send(sender=None, request="not a request", product="A")
        signals.cart_added.send(sender=None, surprising=True)
    assert "was not recorded" in caplog.text


# -- log-in and log-out -----------------------------------------------------------------------------------------------


def test_a_login_links_the_anonymous_history(agreed: None, commit: Any) -> None:
    user = get_user_model().objects.create_user("ada")
    request = make_request()
    visitor = request.ecomai.visitor_id
    with commit():
        user_logged_in.send(sender=type(user), request=request, user=user)
        user_logged_in.send(sender=type(user), request=request, user=user)
    link = VisitorIdentity.objects.get()
    assert (link.visitor_id, link.customer_id) == (visitor, str(user.pk))


def test_a_user_who_is_no_customer_is_not_linked(agreed: None, commit: Any, ecomai_setting: Any) -> None:
    ecomai_setting(ADAPTER=f"{__name__}.FailingAdapter", CONSENT="django_ecomai.events.consent.always")
    user = get_user_model().objects.create_user("ada")
    with commit():
        user_logged_in.send(sender=type(user), request=make_request(), user=user)
    assert not VisitorIdentity.objects.exists()


def test_a_login_or_logout_never_fails_because_of_us(caplog: Any) -> None:
    receivers.link_on_login(None, request="not a request", user="nobody")
    receivers.renew_on_logout(None, request="not a request")
    assert "was not linked" in caplog.text
    assert "was not renewed" in caplog.text


def test_without_consent_a_login_links_nothing(commit: Any) -> None:
    user = get_user_model().objects.create_user("ada")
    with commit():
        user_logged_in.send(sender=type(user), request=make_request(), user=user)
        user_logged_in.send(sender=type(user), request=None, user=user)
    assert not VisitorIdentity.objects.exists()


def test_two_customers_at_one_device_stay_apart(agreed: None, commit: Any) -> None:
    ada, bob = (get_user_model().objects.create_user(name) for name in ("ada", "bob"))
    first = make_request()
    with commit():
        user_logged_in.send(sender=type(ada), request=first, user=ada)
    from django.http import HttpResponse

    response = HttpResponse()
    first.ecomai.write_cookie(response)
    second = RequestFactory(headers={"User-Agent": CHROME}).get("/")
    second.COOKIES["ecomai_visitor"] = response.cookies["ecomai_visitor"].value
    second.user, second.ecomai = AnonymousUser(), VisitorContext(second)  # type: ignore[attr-defined]
    before = second.ecomai.visitor_id  # type: ignore[attr-defined]
    with commit():
        user_logged_in.send(sender=type(bob), request=second, user=bob)
    links = dict(VisitorIdentity.objects.values_list("customer_id", "visitor_id"))
    assert links[str(ada.pk)] == before
    assert links[str(bob.pk)] not in ("", before)


def test_a_logout_begins_a_new_visitor(agreed: None) -> None:
    request = make_request()
    before = request.ecomai.visitor_id
    user_logged_out.send(sender=None, request=request, user=None)
    assert request.ecomai.visitor_id not in ("", before)
    user_logged_out.send(sender=None, request=None, user=None)


@pytest.mark.django_db
def test_login_and_logout_through_the_whole_stack(agreed: None, client: Any, commit: Any) -> None:
    user = get_user_model().objects.create_user("staff", password="secret", is_staff=True, is_superuser=True)
    client.defaults["HTTP_USER_AGENT"] = CHROME
    with commit():
        client.post("/admin/login/?next=/admin/", {"username": "staff", "password": "secret"})
    assert VisitorIdentity.objects.get().customer_id == str(user.pk)
    first = client.cookies["ecomai_visitor"].value
    client.post("/admin/logout/")
    assert client.cookies["ecomai_visitor"].value.split(".")[0] != first.split(".")[0]


def test_track_is_event_track() -> None:
    assert track is event_track
