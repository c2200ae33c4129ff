"""The event table or the cache is gone, and the shop under ATOMIC_REQUESTS goes on as if nothing had happened."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Group, Permission
from django.db import OperationalError, connection, connections
from django.http import HttpRequest, HttpResponse
from django.urls import include, path

from django_ecomai.core.persons import Subject
from django_ecomai.events.models import Event, VisitorIdentity
from django_ecomai.events.queues.upkeep import capture_tend
from django_ecomai.events.selectors import visitor_history
from django_ecomai.events.services import events_insert, track
from django_ecomai.events.signals import cart_added
from django_ecomai.events.tokens import page_token
from django_ecomai.events.visitors import visitor_of
from django_ecomai.privacy import refusing

from .conftest import CAPTURE, Browser

NAMES = ("before", "after")


def shop_page(request: HttpRequest) -> HttpResponse:
    """A page that writes its own rows before and after everything that EcomAI does within a request."""
    Group.objects.create(name="before")
    context = visitor_of(request)
    history = visitor_history(channel="", visitor_id=context.visitor_id, customer_id=context.customer_id)
    track(name="view_item", product="A", request=request)
    cart_added.send(sender=None, request=request, product="A", quantity=1)
    Group.objects.create(name="after")
    return HttpResponse(f"items: {len(history.items)}, groups: {Group.objects.filter(name__in=NAMES).count()}")


urlpatterns = [
    path("shop/", shop_page),
    path("failing/", lambda request: failing_page(request)),
    path("ecomai/", include("django_ecomai.urls")),
]


@pytest.fixture(autouse=True)
def _spill(ecomai_setting: Any, tmp_path: Path) -> None:
    """What must wait is kept apart from other tests."""
    ecomai_setting(CAPTURE_SPILL_DIR=str(tmp_path / "spill"))


@pytest.fixture
def shop(settings: Any, agreed: None) -> Browser:
    """A browser in a shop whose requests are transactions."""
    settings.ROOT_URLCONF = __name__
    connection.settings_dict["ATOMIC_REQUESTS"] = True
    yield Browser()
    connection.settings_dict["ATOMIC_REQUESTS"] = False


@pytest.fixture
def no_table(transactional_db: None) -> Any:
    """The event table is away."""
    with connection.schema_editor() as editor:
        editor.execute("ALTER TABLE ecomai_events_event RENAME TO ecomai_events_event_away")
    yield
    with connection.schema_editor() as editor:
        editor.execute("ALTER TABLE ecomai_events_event_away RENAME TO ecomai_events_event")


def test_without_the_table_the_page_renders_and_commits(no_table: None, shop: Browser, caplog: Any) -> None:
    response = shop.get("/shop/")
    assert response.content == b"items: 0, groups: 2"
    assert Group.objects.filter(name__in=NAMES).count() == 2
    assert "could not read a visitor's history" in caplog.text
    assert "could not store an event" in caplog.text


def test_without_the_table_and_the_file_the_beacon_is_told_to_come_back(
    no_table: None, shop: Browser, ecomai_setting: Any
) -> None:
    ecomai_setting(CAPTURE_SPILL_MB=0)
    response = shop.capture({"name": "view_item", "product_id": "A"})
    assert (response.status_code, response.json()["error"]) == (503, "not_stored")


def test_without_the_identity_table_a_login_succeeds(transactional_db: None, shop: Browser, settings: Any) -> None:
    settings.ROOT_URLCONF = "tests.projects.base_urls"
    settings.ECOMAI = {**settings.ECOMAI, "ADAPTER": "tests.events.shop_adapter.UserShop"}
    get_user_model().objects.create_superuser("boss", password="secret")
    with connection.schema_editor() as editor:
        editor.execute("ALTER TABLE ecomai_events_visitoridentity RENAME TO away")
    try:
        response = shop.post("/admin/login/?next=/admin/", {"username": "boss", "password": "secret"})
    finally:
        with connection.schema_editor() as editor:
            editor.execute("ALTER TABLE away RENAME TO ecomai_events_visitoridentity")
    assert (response.status_code, response.headers["Location"]) == (302, "/admin/")


def test_with_the_table_the_same_page_records(transactional_db: None, shop: Browser) -> None:
    assert shop.get("/shop/").content == b"items: 0, groups: 2"
    assert sorted(Event.objects.values_list("name", flat=True)) == ["add_to_cart", "view_item"]
    Group.objects.all().delete()
    assert shop.get("/shop/").content == b"items: 2, groups: 2"


def test_without_a_cache_everything_works(transactional_db: None, shop: Browser, broken_cache: None) -> None:
    assert shop.get("/shop/").status_code == 200
    assert shop.capture({"name": "view_item", "product_id": "B"}).status_code == 202
    assert Event.objects.count() == 3
    Group.objects.all().delete()
    assert shop.get("/shop/").content == b"items: 3, groups: 2"


def test_without_a_cache_the_rest_endpoint_works(transactional_db: None, shop: Browser, broken_cache: None) -> None:
    body = {"token": page_token(), "events": [{"name": "view_item", "product_id": "B"}]}
    assert shop.post("/ecomai/api/events/", body, content_type="application/json").status_code == 202
    assert Event.objects.count() == 1


def test_without_the_table_and_the_file_the_rest_endpoint_says_so(
    no_table: None, shop: Browser, ecomai_setting: Any
) -> None:
    ecomai_setting(CAPTURE_SPILL_MB=0)
    body = json.dumps({"token": page_token(), "events": [{"name": "view_item", "product_id": "B"}]})
    assert shop.post("/ecomai/api/events/", body, content_type="application/json").status_code == 503


def test_a_database_error_reaches_those_who_ask_for_verdicts(no_table: None) -> None:
    from django.db import DatabaseError

    with pytest.raises(DatabaseError):
        events_insert(rows=[{"name": "view_item", "product_id": "A"}])


API = "/ecomai/api/events/"
VIEW = {"name": "view_item", "product_id": "A"}


@pytest.fixture
def no_commit(transactional_db: None) -> Any:
    """Switch on that every commit fails, as on a full disk or a lost connection."""

    def commit(self: Any) -> None:
        raise OperationalError("disk full")

    with pytest.MonkeyPatch.context() as patch:
        yield lambda: patch.setattr(type(connections["default"]), "_commit", commit)


@pytest.fixture
def pushed(monkeypatch: Any) -> list[Any]:
    """What is told to the cache of recent items."""
    from django_ecomai.events import reacting

    told: list[Any] = []
    monkeypatch.setattr(reacting, "events_react", lambda events, **kwargs: told.extend(events))
    return told


def test_a_link_that_fails_does_not_take_the_events_back(
    transactional_db: None, agreed: None, browser: Browser, ecomai_setting: Any
) -> None:
    ecomai_setting(ADAPTER="tests.events.shop_adapter.UserShop")
    browser.force_login(get_user_model().objects.create_user("ada"))
    with connection.schema_editor() as editor:
        editor.execute("ALTER TABLE ecomai_events_visitoridentity RENAME TO away")
    try:
        response = browser.capture(VIEW)
    finally:
        with connection.schema_editor() as editor:
            editor.execute("ALTER TABLE away RENAME TO ecomai_events_visitoridentity")
    assert (response.status_code, response.json()["verdicts"][0]["status"]) == (202, "accepted")
    assert Event.objects.count() == 1
    browser.capture(VIEW)
    assert VisitorIdentity.objects.count() == 1, "the next batch tries again"


def test_a_commit_that_fails_is_not_answered_with_accepted(
    transactional_db: None, agreed: None, browser: Browser, no_commit: Any, pushed: list[Any], ecomai_setting: Any
) -> None:
    ecomai_setting(CAPTURE_SPILL_MB=0)
    no_commit()
    response = browser.capture(VIEW)
    assert (response.status_code, response.json()["error"]) == (503, "not_stored")
    assert (Event.objects.count(), pushed) == (0, [])


def test_a_servers_commit_that_fails_is_not_answered_with_accepted(
    transactional_db: None, browser: Browser, no_commit: Any, pushed: list[Any], ecomai_setting: Any
) -> None:
    ecomai_setting(CAPTURE_SPILL_MB=0)
    user = get_user_model().objects.create_user("server")
    user.user_permissions.add(Permission.objects.get(codename="add_event", content_type__app_label="ecomai_events"))
    browser.force_login(user)
    no_commit()
    rows = [{**VIEW, "customer_id": "c"}, {"name": "purchase", "order_id": "1", "customer_id": "c"}]
    response = browser.post(API, {"events": rows}, content_type="application/json")
    assert (response.status_code, response.json()["error"]) == (503, "not_stored")
    assert (Event.objects.count(), pushed) == (0, [])


def test_what_the_shop_tracks_is_told_to_nobody_unless_stored(
    transactional_db: None, no_commit: Any, pushed: list[Any], ecomai_setting: Any
) -> None:
    ecomai_setting(CAPTURE_SPILL_MB=0)
    track(name="view_item", product="A", customer_id="c")
    track(name="purchase", order_id="1", customer_id="c")
    assert len(pushed) == 2
    Event.objects.all().delete()
    no_commit()
    track(name="view_item", product="A", customer_id="c")
    track(name="purchase", order_id="2", customer_id="c")
    assert (Event.objects.count(), len(pushed)) == (0, 2)


def failing_page(request: HttpRequest) -> HttpResponse:
    track(name="view_item", product="A", request=request)
    raise RuntimeError("something else in this request")


def test_a_shop_that_takes_its_transaction_back_tells_nobody(
    transactional_db: None, agreed: None, shop: Browser, pushed: list[Any]
) -> None:
    shop.raise_request_exception = False
    assert shop.get("/failing/").status_code == 500
    assert (Event.objects.count(), pushed) == (0, [])


@pytest.fixture
def no_database(transactional_db: None) -> Iterator[Any]:
    """Switch on that no connection can be made: nobody listens at the port, or there is no such folder."""
    there, kept = dict(connection.settings_dict), connection.connection
    dead = {"NAME": "/nonexistent/db"} if connection.vendor == "sqlite" else {"HOST": "127.0.0.1", "PORT": "1"}

    def switch() -> None:
        connection.connection = None
        connection.settings_dict.update(dead)

    def back() -> None:
        connection.settings_dict.update({name: there[name] for name in dead})
        connection.connection = kept

    switch.back = back  # type: ignore[attr-defined]
    yield switch
    back()
    refusing.forget()


def waiting(home: Path) -> list[Any]:
    return [json.loads(line)["event"] for line in (home / "spill" / "waiting.jsonl").read_bytes().splitlines()]


@pytest.mark.parametrize("known", [True, False], ids=["logged in", "anonymous"])
def test_without_a_database_the_beacon_is_taken_under_atomic_requests(
    shop: Browser, no_database: Any, tmp_path: Path, known: bool
) -> None:
    if known:
        shop.force_login(get_user_model().objects.create_user("ada"))
    for _first in range(2):  # the second time he is known, and this process reads who has refused
        assert shop.capture(VIEW).status_code == 202
    visitor = Event.objects.last().visitor_id
    no_database()
    response = shop.capture(VIEW)
    assert (response.status_code, response.json()["verdicts"][0]["status"]) == (202, "accepted")
    assert [event["visitor_id"] for event in waiting(tmp_path)] == [visitor]
    no_database.back()
    assert capture_tend().stored == 1


@pytest.mark.parametrize("why", ["never read", "he may be one of them"])
def test_who_may_have_refused_is_asked_to_come_back_and_keeps_his_cookie(
    shop: Browser, no_database: Any, tmp_path: Path, why: str
) -> None:
    shop.force_login(get_user_model().objects.create_user("ada"))
    refusing.refuse(subject=Subject(customer_ids=frozenset({"somebody else"})))
    assert shop.capture(VIEW).status_code == 202
    if why == "never read":
        refusing.forget()
    no_database()
    answers = [shop.capture(VIEW), shop.get(CAPTURE + "token/")]
    assert [(answer.status_code, answer.json()["error"]) for answer in answers] == [(503, "unknown_consent")] * 2
    assert not any(answer.cookies for answer in answers)
    assert not (tmp_path / "spill" / "waiting.jsonl").exists()


def test_without_a_database_the_rest_endpoint_asks_to_come_back(shop: Browser, no_database: Any) -> None:
    shop.force_login(get_user_model().objects.create_user("ada"))
    no_database()
    response = shop.post(API, {"events": [VIEW]}, content_type="application/json")
    assert (response.status_code, response.json()["error"]) == (503, "not_stored")


def test_without_a_database_a_page_of_the_shop_may_use_the_rest_endpoint(
    shop: Browser, no_database: Any, tmp_path: Path
) -> None:
    body = {"token": page_token(), "events": [VIEW]}
    for _first in range(2):
        shop.capture(VIEW)
    no_database()
    assert shop.post(API, body, content_type="application/json").status_code == 202
    assert len(waiting(tmp_path)) == 1
