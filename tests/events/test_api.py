"""``POST api/events/``."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Permission
from django.test import override_settings

from django_ecomai.events.models import Event
from django_ecomai.events.selectors import visitor_history
from django_ecomai.events.services import purchase_record
from django_ecomai.events.tokens import page_token

from .conftest import Browser
from .factories import ago, make_order

pytestmark = pytest.mark.django_db
URL = "/ecomai/api/events/"
VIEW = {"name": "view_item", "product_id": "A"}


def send(browser: Browser, *events: Any, **more: Any) -> Any:
    return browser.post(URL, {"events": list(events), **more}, content_type="application/json")


@pytest.fixture
def server(browser: Browser) -> Browser:
    """A server that may record everything."""
    user = get_user_model().objects.create_user("server")
    user.user_permissions.add(Permission.objects.get(codename="add_event", content_type__app_label="ecomai_events"))
    browser.force_login(user)
    return browser


def test_strangers_are_refused(agreed: None, browser: Browser) -> None:
    assert send(browser, VIEW).status_code == 403
    assert send(browser, VIEW, token="forged").status_code == 403
    assert send(Browser(**{"Sec-Fetch-Site": "cross-site"}), VIEW, token=page_token()).status_code == 403


def test_a_page_of_this_site_may_send(agreed: None, browser: Browser) -> None:
    response = send(browser, VIEW, {"name": "purchase"}, token=page_token())
    assert response.status_code == 202
    assert [verdict["status"] for verdict in response.json()["verdicts"]] == ["accepted", "rejected"]
    assert Event.objects.get().visitor_id != ""


def test_a_customer_may_send_for_himself_only(agreed: None, browser: Browser, ecomai_setting: Any) -> None:
    ecomai_setting(ADAPTER="tests.events.shop_adapter.UserShop", CONSENT="django_ecomai.events.consent.always")
    user = get_user_model().objects.create_user("ada")
    browser.force_login(user)
    response = send(browser, VIEW, {**VIEW, "customer_id": "somebody else"})
    assert [verdict.get("reason") for verdict in response.json()["verdicts"]] == [None, "server_only_field:customer_id"]
    assert Event.objects.get().customer_id == str(user.pk)


def test_a_customers_app_is_no_robot(agreed: None) -> None:
    app = Browser(**{"User-Agent": "ShopApp/2.0 okhttp/4.9"})
    app.force_login(get_user_model().objects.create_user("ada"))
    assert send(app, VIEW).status_code == 202
    event = Event.objects.get()
    assert not event.is_bot
    assert event.visitor_id != ""


def test_without_consent_a_customers_events_are_not_stored(browser: Browser) -> None:
    browser.force_login(get_user_model().objects.create_user("ada"))
    response = send(browser, VIEW)
    assert response.json() == {
        "verdicts": [{"id": "", "status": "rejected", "reason": "no_consent"}],
        "consent": False,
    }


def test_a_server_with_the_permission_may_name_people_and_money(server: Browser) -> None:
    response = send(server, {**VIEW, "customer_id": "c1", "value": "9.90"}, {**VIEW, "product_id": ""})
    assert [verdict.get("reason") for verdict in response.json()["verdicts"]] == [None, "product_missing"]
    event = Event.objects.get()
    assert (event.customer_id, str(event.value), event.visitor_id) == ("c1", "9.9000", "")


def test_a_purchase_is_the_one_event_of_its_order(server: Browser, django_capture_on_commit_callbacks: Any) -> None:
    with django_capture_on_commit_callbacks(execute=True):
        purchase_record(order_id="o1", customer_id="c", placed_at=ago(minutes=3))  # as the mirror does
    [mirrored] = Event.objects.all()
    line = {"name": "Order Completed", "customer_id": "c", "value": "5"}
    answer = send(
        server,
        {**line, "order_id": "o1"},
        {**line, "order_id": "o2", "product_id": "A", "quantity": 2, "at": ago(hours=1).isoformat()},
        {**line, "order_id": "o2", "product_id": "B", "at": ago(hours=2).isoformat()},
        {**line},
        {**VIEW, "customer_id": "c"},
    )
    verdicts = answer.json()["verdicts"]
    assert [verdict["status"] for verdict in verdicts] == [
        "duplicate", "accepted", "duplicate", "rejected", "accepted",
    ]  # fmt: skip
    assert (verdicts[0]["id"], verdicts[1]["notes"], verdicts[3]["reason"]) == (
        str(mirrored.id), ["ignored:product_id", "ignored:quantity"], "order_missing",
    )  # fmt: skip
    with django_capture_on_commit_callbacks(execute=True):
        purchase_record(order_id="o2", customer_id="c", placed_at=ago(hours=1))
    assert sorted(Event.objects.filter(name="purchase").values_list("order_id", flat=True)) == ["o1", "o2"]
    bought = Event.objects.get(order_id="o2")
    assert (str(bought.value), bought.currency, bought.customer_id) == ("5.0000", "GBP", "c")


def test_a_purchase_of_long_ago_is_left_to_the_order_lines(server: Browser) -> None:
    make_order("old", at=ago(days=30))
    [verdict] = send(server, {"name": "purchase", "order_id": "old", "customer_id": "c"}).json()["verdicts"]
    assert (verdict["status"], verdict["reason"]) == ("rejected", "time_in_past")
    assert not Event.objects.exists()


def test_what_a_server_reports_is_known_on_the_next_page(
    server: Browser, shared_cache: Any, django_capture_on_commit_callbacks: Any
) -> None:
    for customer in ("c", "d"):
        assert visitor_history(channel="", customer_id=customer).items == []
    with django_capture_on_commit_callbacks(execute=True):
        send(server, {**VIEW, "customer_id": "c"}, {**VIEW, "product_id": "B", "customer_id": "d"})
    found = [[item.product_id for item in visitor_history(channel="", customer_id=who).items] for who in ("c", "d")]
    assert found == [["A"], ["B"]]
    make_order("o1", "A", customer="c")
    with django_capture_on_commit_callbacks(execute=True):
        send(server, {"name": "purchase", "order_id": "o1", "customer_id": "c"})
    assert visitor_history(channel="", customer_id="c").bought == {"A"}


def test_the_rate_is_no_matter_of_a_header(agreed: None, ecomai_setting: Any) -> None:
    ecomai_setting(API_THROTTLE="2/min", CONSENT="django_ecomai.events.consent.always")
    answers = [
        send(Browser(**{"X-Forwarded-For": f"10.0.0.{number}"}), VIEW, token=page_token()).status_code
        for number in range(3)
    ]
    assert answers == [202, 202, 429]


def test_csrf_is_enforced_for_sessions(server: Browser) -> None:
    server.handler.enforce_csrf_checks = True
    assert send(server, VIEW).status_code == 403


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ("{", 400),
        ("[" * 60_000, 400),
        ("[]", 400),
        ('{"events": 5}', 400),
        ("{}", 400),
        ('{"events": [' + "{}," * 60 + "{}]}", 413),
        ('{"events": ["' + "x" * 70_000 + '"]}', 413),
        ('{"events": [{"dwell_seconds": NaN}]}', 400),
    ],
)
def test_malformed_and_huge_bodies(server: Browser, body: str, status: int) -> None:
    assert server.post(URL, body, content_type="application/json").status_code == status


def test_forms_and_reads_are_not_taken(server: Browser) -> None:
    assert server.post(URL, {"a": 1}).status_code == 415
    assert server.get(URL).status_code == 405


def test_the_rate_is_a_setting(server: Browser, ecomai_setting: Any) -> None:
    ecomai_setting(API_THROTTLE="2/min")
    assert [send(server, VIEW).status_code for _ in range(3)] == [202, 202, 429]


def test_the_schema_describes_the_endpoint() -> None:
    from drf_spectacular.generators import SchemaGenerator

    with override_settings(ROOT_URLCONF="tests.projects.base_urls"):
        schema = SchemaGenerator().get_schema(request=None, public=True)
    operation = schema["paths"][URL]["post"]
    assert operation["operationId"] == "ecomai_events_create"
    assert set(operation["responses"]) == {"202", "400", "403", "413", "429", "503"}
    assert "enum" in str(schema["components"]["schemas"])
