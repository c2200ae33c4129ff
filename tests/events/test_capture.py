"""The endpoint that anybody on the internet can reach."""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.core import signing
from django.test import RequestFactory

from django_ecomai.core.uuid7 import uuid7
from django_ecomai.events import diagnosis, limits
from django_ecomai.events.limits import client_address, client_network
from django_ecomai.events.models import Event, VisitorIdentity
from django_ecomai.events.selectors import visitor_history
from django_ecomai.events.tokens import page_token, token_make

from .conftest import CAPTURE, CHROME, Browser

pytestmark = pytest.mark.django_db


def view(product: str = "A", **more: Any) -> dict[str, Any]:
    return {"id": str(uuid7()), "name": "view_item", "product_id": product, **more}


def test_without_consent_nothing_is_stored_and_the_sender_is_told(browser: Browser) -> None:
    response = browser.capture(view())
    assert response.status_code == 202
    assert response.json() == {
        "verdicts": [{"id": "", "status": "rejected", "reason": "no_consent"}],
        "consent": False,
    }
    assert not Event.objects.exists()
    assert not browser.cookies


def test_the_consent_cookie_is_enough(browser: Browser) -> None:
    browser.cookies["ecomai_consent"] = "analytics"
    assert browser.capture(view()).json()["verdicts"][0]["status"] == "accepted"


@pytest.mark.usefixtures("agreed")
class TestAgreed:
    def test_a_batch_is_stored_in_the_visitors_name(self, browser: Browser) -> None:
        response = browser.capture(view("A", dwell_seconds=4), view("B"))
        assert response.status_code == 202
        assert [verdict["status"] for verdict in response.json()["verdicts"]] == ["accepted", "accepted"]
        assert response.headers["Cache-Control"] == "max-age=0, no-cache, no-store, must-revalidate, private"
        first, second = Event.objects.order_by("product_id")
        assert first.visitor_id == second.visitor_id != ""
        assert first.session_id == second.session_id != ""
        assert (first.dwell_seconds, first.is_bot) == (4.0, False)
        browser.capture(view("C"))
        assert Event.objects.filter(visitor_id=first.visitor_id).count() == 3

    def test_a_replayed_batch_is_stored_once(self, browser: Browser) -> None:
        batch = [view("A"), view("B")]
        browser.capture(*batch)
        again = browser.capture(*batch).json()["verdicts"]
        assert [verdict["status"] for verdict in again] == ["duplicate", "duplicate"]
        assert Event.objects.count() == 2

    def test_verdicts_name_what_was_wrong(self, browser: Browser) -> None:
        response = browser.capture(view(), {"name": "purchase", "order_id": "1"}, view(price=1), "nonsense", view(at=0))
        assert response.status_code == 202
        assert [(v["status"], v.get("reason"), v.get("notes")) for v in response.json()["verdicts"]] == [
            ("accepted", None, None),
            ("rejected", "server_only_field:order_id", None),
            ("rejected", "server_only_field:price", None),
            ("rejected", "not_an_object", None),
            ("accepted", None, ["time_in_past"]),
        ]

    def test_a_click_with_a_token_is_attributed(self, browser: Browser) -> None:
        token = token_make(
            run=1, placement="home", slot=2, position=0, product_id="B", recommendation_id="r-1", propensity=0.5
        )
        browser.capture({"name": "view_item_list", "token": token}, {"name": "select_item", "token": token})
        columns = ("name", "product_id", "placement", "recommendation_id")
        assert list(Event.objects.order_by("name").values_list(*columns)) == [
            ("select_item", "B", "home", "r-1"),
            ("view_item_list", "B", "home", "r-1"),
        ]  # fmt: skip

    def test_the_customer_is_who_is_logged_in_and_his_visitor_is_linked(self, browser: Browser, settings: Any) -> None:
        settings.ECOMAI = {**settings.ECOMAI, "ADAPTER": "tests.events.shop_adapter.UserShop"}
        user = get_user_model().objects.create_user("ada")
        browser.force_login(user)
        VisitorIdentity.objects.all().delete()
        browser.capture(view())
        event = Event.objects.get()
        assert event.customer_id == str(user.pk)
        assert VisitorIdentity.objects.get().visitor_id == event.visitor_id
        browser.capture(view())
        assert VisitorIdentity.objects.count() == 1

    def test_robots_are_marked_and_have_no_history(self) -> None:
        robot = Browser(**{"User-Agent": "Mozilla/5.0 (compatible; Googlebot/2.1)"})
        robot.capture(view())
        event = Event.objects.get()
        assert (event.is_bot, event.visitor_id) == (True, "")

    def test_a_browser_without_a_window_is_a_robot_whatever_it_calls_itself(self) -> None:
        Browser(**{"Sec-CH-UA": '"Chromium";v="130", "HeadlessChrome";v="130"'}).capture(view())
        Browser(**{"Sec-CH-UA": '"Chromium";v="130", "Google Chrome";v="130"'}).capture(view())
        assert list(Event.objects.order_by("id").values_list("is_bot", flat=True)) == [True, False]

    def test_the_channel_is_the_pages(self, browser: Browser) -> None:
        browser.capture(view(), token=page_token(channel="shop-2"))
        assert Event.objects.get().channel == "shop-2"

    @pytest.mark.parametrize(
        ("headers", "status"),
        [
            ({"Sec-Fetch-Site": "same-origin"}, 202),
            ({"Sec-Fetch-Site": "same-site"}, 403),
            ({"Sec-Fetch-Site": "cross-site", "Origin": "http://testserver"}, 403),
            ({"Sec-Fetch-Site": "none"}, 403),
        ],
    )
    def test_only_pages_of_this_site_may_send(self, headers: dict[str, str], status: int) -> None:
        assert Browser(**headers).capture(view()).status_code == status

    @pytest.mark.parametrize(
        ("origin", "status"),
        [
            ("http://testserver", 202),
            ("https://testserver", 202),
            ("https://partner.example", 202),
            ("https://evil.example", 403),
            ("https://testserver.evil.example", 403),
            ("http://testserver:8000", 403),
            ("null", 403),
            ("http://[broken", 403),
            (None, 403),
        ],
    )
    def test_older_browsers_are_known_by_their_origin(self, settings: Any, origin: str | None, status: int) -> None:
        settings.CSRF_TRUSTED_ORIGINS = ["https://partner.example"]
        browser = Browser()
        del browser.defaults["HTTP_SEC_FETCH_SITE"]
        if origin is not None:
            browser.defaults["HTTP_ORIGIN"] = origin
        assert browser.capture(view()).status_code == status

    @pytest.mark.parametrize("token", ["", "forged", ":::", 5, None, ["x"], "x" * 10_000, signing.dumps("x")])
    def test_without_a_page_token_nothing_is_taken(self, browser: Browser, token: Any) -> None:
        body = json.dumps({"token": token, "events": [view()]})
        response = browser.post(CAPTURE, body, content_type="text/plain")
        assert (response.status_code, response.json()["error"]) == (403, "token_expired")
        assert not Event.objects.exists()

    def test_an_old_token_is_refused_and_a_new_one_can_be_had(
        self, browser: Browser, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        with monkeypatch.context() as patch:
            patch.setattr(signing.time, "time", lambda: 1_600_000_000)
            old = page_token()
        assert browser.capture(view(), token=old).status_code == 403
        fresh = browser.get(CAPTURE + "token/")
        assert fresh.headers["Cache-Control"] == "max-age=0, no-cache, no-store, must-revalidate, private"
        assert (fresh.json()["expires_in"], fresh.json()["consent"]) == (21600, True)
        assert browser.capture(view(), token=fresh.json()["token"]).status_code == 202

    def test_other_sites_get_no_token(self) -> None:
        assert Browser(**{"Sec-Fetch-Site": "cross-site"}).get(CAPTURE + "token/").status_code == 403

    @pytest.mark.parametrize(
        ("body", "status", "error"),
        [
            (b" ", 400, "not_json"),
            (b"{", 400, "not_json"),
            (b"\xff\xfe", 400, "not_json"),
            (b"[" * 60_000, 400, "not_json"),
            (b"1" * 5000, 400, "not_json"),
            (b"[]", 400, "not_an_object"),
            (b"null", 400, "not_an_object"),
            (b"x" * 70_000, 413, "too_large"),
            (b"x" * 3_000_000, 413, "too_large"),
        ],
    )
    def test_malformed_and_huge_bodies(self, browser: Browser, body: bytes, status: int, error: str) -> None:
        response = browser.post(CAPTURE, body, content_type="text/plain")
        assert (response.status_code, response.json()["error"]) == (status, error)

    def test_djangos_own_limit_is_respected_too(self, browser: Browser, settings: Any) -> None:
        settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 100
        response = browser.post(CAPTURE, b"x" * 200, content_type="text/plain")
        assert (response.status_code, response.json()["error"]) == (413, "too_large")

    @pytest.mark.parametrize("length", ["many", "", "-1"])
    def test_a_wrong_content_length_does_no_harm(self, browser: Browser, length: str) -> None:
        request = browser.request(
            REQUEST_METHOD="POST", PATH_INFO=CAPTURE, CONTENT_TYPE="text/plain", CONTENT_LENGTH=length
        )
        assert request.status_code == 400

    @pytest.mark.parametrize("events", [None, {}, "x", 5])
    def test_events_must_be_a_list(self, browser: Browser, events: Any) -> None:
        response = browser.post(
            CAPTURE, json.dumps({"token": page_token(), "events": events}), content_type="text/plain"
        )
        assert (response.status_code, response.json()["error"]) == (400, "events_missing")

    def test_too_many_events(self, browser: Browser) -> None:
        response = browser.capture(*[view() for _ in range(51)])
        assert (response.status_code, response.json()) == (413, {"error": "too_many_events", "max_events": 50})
        assert browser.capture(*[view() for _ in range(50)]).status_code == 202

    def test_forms_are_not_taken(self, browser: Browser) -> None:
        assert browser.post(CAPTURE, {"a": 1}).status_code == 415
        assert browser.get(CAPTURE).status_code == 405

    def test_json_is_taken_too(self, browser: Browser) -> None:
        response = browser.post(
            CAPTURE, {"token": page_token(), "events": [view()]}, content_type="application/json; charset=utf-8"
        )
        assert response.status_code == 202

    def test_one_visitor_may_send_so_many_a_minute(self, browser: Browser, ecomai_setting: Any) -> None:
        ecomai_setting(CAPTURE_RATE=5)
        assert browser.capture(*[view() for _ in range(5)]).status_code == 202  # the first gets the cookie
        assert browser.capture(*[view() for _ in range(5)]).status_code == 202
        response = browser.capture(view())
        assert (response.status_code, response.json()["error"]) == (429, "too_often")
        assert Browser().capture(view()).status_code == 202, "others are not held up"

    def test_throwing_the_cookie_away_is_no_way_round_the_limit(self, ecomai_setting: Any) -> None:
        ecomai_setting(CAPTURE_RATE=1)
        answers = [Browser().capture(view()).status_code for _ in range(11)]
        assert answers == [202] * 10 + [429]

    def test_nothing_that_a_sender_makes_up_is_a_way_round_the_limit(self, ecomai_setting: Any) -> None:
        ecomai_setting(CAPTURE_RATE=1)
        answers = [
            Browser(**{"X-Forwarded-For": f"10.0.0.{number}", "User-Agent": f"{CHROME} Edg/{number}"})
            .capture(view())
            .status_code
            for number in range(11)
        ]
        assert answers == [202] * 10 + [429]

    def test_behind_a_proxy_each_address_has_its_own_limit(self, ecomai_setting: Any) -> None:
        ecomai_setting(CAPTURE_RATE=1, TRUSTED_PROXIES=1)

        def answers(address: str) -> list[int]:
            # The visitor writes what he likes; the proxy appends the address that it sees.
            return [
                Browser(**{"X-Forwarded-For": f"6.6.6.{number}, {address}"}).capture(view()).status_code
                for number in range(11)
            ]

        assert answers("192.0.2.1") == [202] * 10 + [429]
        assert answers("192.0.2.2") == [202] * 10 + [429]

    def test_a_network_full_of_collected_cookies_has_a_limit_too(self, ecomai_setting: Any) -> None:
        ecomai_setting(CAPTURE_RATE=2)
        browsers = [Browser() for _ in range(3)]
        for browser in browsers:
            browser.capture(view())  # gets the cookie
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(limits, "_NETWORK", 2)
            assert [browser.capture(view(), view()).status_code for browser in browsers] == [202, 202, 429]

    @pytest.mark.parametrize(
        ("address", "network"),
        [
            ("192.0.2.7", "192.0.2.7"),
            ("2001:db8:1:2:aaaa::1", "2001:db8:1:2::/64"),
            ("2001:db8:1:2:bbbb::2", "2001:db8:1:2::/64"),
            ("::ffff:192.0.2.7", "::ffff:192.0.2.7"),
            ("", ""),
        ],
    )
    def test_of_an_ipv6_address_only_the_network_counts(self, address: str, network: str) -> None:
        assert client_network(RequestFactory().get("/", REMOTE_ADDR=address)) == network

    def test_who_views_faster_than_a_person_can_is_marked_as_a_robot(self, browser: Browser) -> None:
        browser.capture(view())
        minute = datetime.now(UTC).replace(second=5, microsecond=0) - timedelta(minutes=3)
        slow = [view(id=str(uuid7(minute - timedelta(minutes=number)))) for number in range(1, 50)]
        browser.capture(*slow)
        assert not Event.objects.filter(is_bot=True).exists(), "an hour offline comes at once and is no robot's"
        for _ in range(2):
            browser.capture(*[view(id=str(uuid7(minute))) for _ in range(35)])
        assert Event.objects.filter(is_bot=True).count() == 35, "from the batch on with which it became impossible"
        assert set(Event.objects.filter(is_bot=True).values_list("visitor_id", flat=True)) != {""}

    @pytest.mark.parametrize(
        ("proxies", "forwarded", "address"),
        [
            (0, "1.1.1.1", "127.0.0.1"),
            (1, None, "127.0.0.1"),
            (1, "", "127.0.0.1"),
            (1, "1.1.1.1, 2.2.2.2 ", "2.2.2.2"),
            (2, "1.1.1.1, 2.2.2.2", "1.1.1.1"),
            (5, "1.1.1.1, 2.2.2.2", "1.1.1.1"),
        ],
    )
    def test_whose_word_is_taken_for_the_address(
        self, ecomai_setting: Any, proxies: int, forwarded: str | None, address: str
    ) -> None:
        ecomai_setting(TRUSTED_PROXIES=proxies)
        headers = {} if forwarded is None else {"X-Forwarded-For": forwarded}
        assert client_address(RequestFactory(headers=headers).get("/")) == address

    def test_two_visitors_who_share_an_id_and_a_moment_are_two(self) -> None:
        event = {**view(), "id": "17", "at": int(time.time() * 1000)}
        first, second = Browser(), Browser()
        for browser in (first, second):
            browser.capture(view("B"))  # gets the cookie
        answers = [browser.capture(event).json()["verdicts"][0]["status"] for browser in (first, second, first)]
        assert answers == ["accepted", "accepted", "duplicate"]

    def test_the_limit_can_be_switched_off(self, browser: Browser, ecomai_setting: Any) -> None:
        ecomai_setting(CAPTURE_RATE=0)
        assert [browser.capture(view()).status_code for _ in range(3)] == [202, 202, 202]

    def test_a_batch_costs_a_fixed_number_of_queries(
        self, browser: Browser, django_assert_max_num_queries: Any, ecomai_setting: Any
    ) -> None:
        ecomai_setting(LIVE_CHECK_SECONDS=600)  # the list of refusals is read now and then, not by each batch
        for _first in range(2):
            browser.capture(view())
        with django_assert_max_num_queries(6):  # who has refused, the insert and two savepoints
            browser.capture(*[view(str(number)) for number in range(40)])

    def test_the_next_page_reacts_at_once(
        self, browser: Browser, shared_cache: Any, django_capture_on_commit_callbacks: Any
    ) -> None:
        browser.capture(view("A"))
        visitor = Event.objects.get().visitor_id
        assert [item.product_id for item in visitor_history(channel="", visitor_id=visitor).items] == ["A"]
        with django_capture_on_commit_callbacks(execute=True):
            browser.capture(view("B"))
        assert [item.product_id for item in visitor_history(channel="", visitor_id=visitor).items] == ["B", "A"]

    def test_what_happened_is_counted_for_the_doctor(
        self, browser: Browser, shared_cache: Any, django_capture_on_commit_callbacks: Any
    ) -> None:
        with django_capture_on_commit_callbacks(execute=True):
            browser.capture(view(), view())
        browser.capture(view(), token="old")
        Browser(**{"Sec-Fetch-Site": "cross-site"}).capture(view())
        browser.post(CAPTURE, b"{", content_type="text/plain")
        counts = diagnosis.counts()
        assert (counts["stored"], counts["bad_token"], counts["foreign_origin"], counts["malformed"]) == (2, 1, 1, 1)
        assert counts["beacon"] == 4


@pytest.mark.parametrize("cache", ["broken", "missing"])
def test_without_a_cache_a_customers_batch_is_stored(
    agreed: None, browser: Browser, settings: Any, ecomai_setting: Any, cache: str
) -> None:
    ecomai_setting(ADAPTER="tests.events.shop_adapter.UserShop")
    browser.force_login(get_user_model().objects.create_user("ada"))
    if cache == "broken":
        settings.CACHES = {"default": {"BACKEND": "tests.events.broken.BrokenCache"}}
    else:
        ecomai_setting(RECENT_CACHE="missing")
    assert browser.capture(view()).json()["verdicts"][0]["status"] == "accepted"
    assert diagnosis.counts().get("stored", 0) == 0


def test_global_privacy_control_is_counted_apart(agreed: None, shared_cache: Any) -> None:
    Browser(**{"Sec-GPC": "1"}).capture(view())
    assert diagnosis.counts()["opted_out"] == 1
    assert not Event.objects.exists()
