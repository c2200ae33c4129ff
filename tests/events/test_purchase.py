"""One ``purchase`` event per order, whoever reports it and however often."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.models import AnonymousUser
from django.test import RequestFactory

from django_ecomai.core.uuid7 import uuid7_time
from django_ecomai.events import visitors
from django_ecomai.events.models import Event
from django_ecomai.events.selectors import visitor_history
from django_ecomai.events.services import purchase_record, track, visitor_link
from django_ecomai.events.signals import order_placed
from django_ecomai.events.visitors import VisitorContext
from django_ecomai.mirror.models import Order
from django_ecomai.mirror.signals import order_mirrored

from .conftest import CHROME
from .factories import ago, make_event, make_order

pytestmark = pytest.mark.django_db


@pytest.fixture
def commit(django_capture_on_commit_callbacks: Any) -> Any:
    """Run what waits for the commit."""
    return lambda: django_capture_on_commit_callbacks(execute=True)


@pytest.fixture
def serving(ecomai_setting: Any) -> Any:
    """Pretend that this thread serves somebody's request."""
    ecomai_setting(ADAPTER="tests.events.shop_adapter.UserShop", CONSENT="django_ecomai.events.consent.always")
    tokens = []

    def serve(user: Any = None) -> VisitorContext:
        request = RequestFactory(headers={"User-Agent": CHROME}).get("/")
        request.user = user or AnonymousUser()
        context = VisitorContext(request)
        request.ecomai = context  # type: ignore[attr-defined]
        tokens.append(visitors.current.set(context))
        return context

    yield serve
    for token in reversed(tokens):
        visitors.current.reset(token)


def mirrored(order: Order, **more: Any) -> None:
    order_mirrored.send(sender=Order, **{"order": order, "created": True, "live": True, **more})


def test_however_often_an_order_is_reported_there_is_one_event(commit: Any) -> None:
    order = make_order("o1", "A", customer="c")
    with commit():
        for _ in range(3):
            mirrored(order)
        track(name="purchase", order_id="o1", customer_id="c", value="12.50")
        order_placed.send(sender=None, order_id="o1", customer_id="c", at=ago(minutes=1))
        purchase_record(order_id="o1", placed_at=order.placed_at)
    event = Event.objects.get()
    assert (event.name, event.order_id, event.customer_id) == ("purchase", "o1", "c")
    assert (str(event.value), event.currency) == ("12.5000", "GBP")
    assert abs(uuid7_time(event.id) - order.placed_at) < timedelta(milliseconds=1)


def test_a_report_before_the_order_is_mirrored_counts_as_the_same(commit: Any) -> None:
    with commit():
        order_placed.send(sender=None, order_id="o1", at=ago(seconds=9))
    with commit():
        mirrored(make_order("o1", at=ago(seconds=10)))
    assert Event.objects.count() == 1


def test_orders_of_two_shops_may_share_a_number(commit: Any) -> None:
    at = ago(minutes=1)
    with commit():
        purchase_record(order_id="o1", channel="a", placed_at=at)
        purchase_record(order_id="o1", channel="b", placed_at=at)
    assert sorted(Event.objects.values_list("channel", flat=True)) == ["a", "b"]


def test_history_is_left_to_the_order_lines(commit: Any) -> None:
    with commit():
        mirrored(make_order("old", at=datetime(2011, 12, 1, tzinfo=UTC)))
        mirrored(make_order("imported"), live=False)
        mirrored(make_order("edited"), created=False)
        order_mirrored.send(sender=Order)
    assert not Event.objects.exists()


def test_an_order_without_a_number_is_logged(commit: Any, caplog: Any) -> None:
    with commit():
        assert track(name="purchase") is None
    assert "without an order id" in caplog.text


def test_an_order_number_that_cannot_be_stored_is_logged(commit: Any, caplog: Any) -> None:
    with commit():
        purchase_record(order_id="o" * 65)
    assert "too_long:order_id" in caplog.text
    assert not Event.objects.exists()


def test_an_order_from_the_future_happened_now(commit: Any) -> None:
    with commit():
        purchase_record(order_id="o1", placed_at=datetime.now(UTC) + timedelta(days=3))
    assert uuid7_time(Event.objects.get().id) <= datetime.now(UTC)


def test_a_naive_time_is_the_shops(commit: Any, settings: Any) -> None:
    settings.TIME_ZONE = "Asia/Tokyo"
    local = (datetime.now(UTC) + timedelta(hours=9) - timedelta(minutes=30)).replace(tzinfo=None)
    with commit():
        purchase_record(order_id="o1", placed_at=local)
    assert abs(uuid7_time(Event.objects.get().id) - ago(minutes=30)) < timedelta(minutes=1)


def test_the_customer_who_checks_out_is_the_visitor(serving: Any, commit: Any) -> None:
    user = get_user_model().objects.create_user("ada")
    context = serving(user)
    with commit():
        mirrored(make_order("o1", customer=str(user.pk)))
    event = Event.objects.get()
    assert (event.visitor_id, event.session_id) == (context.visitor_id, context.session_id)


def test_a_guest_who_checks_out_is_the_visitor(serving: Any, commit: Any) -> None:
    context = serving()
    with commit():
        mirrored(make_order("o1"))
    assert Event.objects.get().visitor_id == context.visitor_id != ""


def test_staff_who_enter_an_order_are_not_its_visitor(serving: Any, commit: Any) -> None:
    visitor_link(visitor_id="phone", customer_id="c", at=ago(days=2))
    visitor_link(visitor_id="laptop", customer_id="c", at=ago(days=1))
    serving(get_user_model().objects.create_user("staff"))
    with commit():
        mirrored(make_order("o1", customer="c"))
        mirrored(make_order("o2"))
    assert dict(Event.objects.values_list("order_id", "visitor_id")) == {"o1": "laptop", "o2": ""}


def test_a_visitor_without_consent_is_not_tied_to_his_order(serving: Any, commit: Any, ecomai_setting: Any) -> None:
    ecomai_setting(CONSENT="django_ecomai.events.consent.cookie")
    serving()
    with commit():
        mirrored(make_order("o1"))
    assert not Event.objects.exists()


def test_what_was_bought_is_known_on_the_next_page(shared_cache: Any, commit: Any) -> None:
    make_event(product="A", customer_id="c")
    assert visitor_history(channel="", customer_id="c").bought == set()
    with commit():
        mirrored(make_order("o1", "A", customer="c"))
    assert visitor_history(channel="", customer_id="c").bought == {"A"}


def test_a_broken_receiver_never_stops_the_shop(caplog: Any) -> None:
    order_mirrored.send(sender=Order, order="not an order", created=True, live=True)
    assert "was not recorded" in caplog.text
