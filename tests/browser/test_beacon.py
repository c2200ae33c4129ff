"""The beacon in a real browser against a real server."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from django_ecomai.events.models import Event

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def shop(settings: Any, live_server: Any) -> str:
    """The address of the test shop."""
    settings.ROOT_URLCONF = "tests.browser.beacon_shop"
    settings.ECOMAI = {**settings.ECOMAI, "CONSENT": "django_ecomai.events.consent.always"}
    return live_server.url


@pytest.fixture
def context(browser: Any, shop: str) -> Iterator[Any]:
    """A visitor, none of whose pages may ever see an error of ours."""
    opened = browser.new_context(viewport={"width": 800, "height": 620})
    errors: list[str] = []
    opened.on("weberror", lambda error: errors.append(str(error.error)))
    yield opened
    # The last word of these pages must be in before the next test counts events.
    for left in opened.pages:
        left.goto("about:blank")
    before = -1
    while before != (before := Event.objects.count()):
        opened.pages[0].wait_for_timeout(150)
    opened.close()
    assert errors == []


@pytest.fixture
def page(context: Any) -> Any:
    """The visitor's page."""
    return context.new_page()


def events(name: str = "", *columns: str) -> list[Any]:
    """What has been stored, oldest first."""
    rows = Event.objects.filter(name=name) if name else Event.objects.all()
    rows = rows.order_by("id").values_list(*(columns or ("product_id",)), flat=not columns[1:])
    return list(rows)


def wait_for(page: Any, found: Callable[[], Any], expected: Any) -> None:
    """Let the page live until ``found()`` is ``expected``; fail after ten seconds."""
    deadline = time.monotonic() + 10
    while (value := found()) != expected:
        assert time.monotonic() < deadline, f"{value!r} instead of {expected!r}"
        page.wait_for_timeout(50)


def test_a_view_arrives_at_once_and_its_length_when_the_page_is_left(page: Any, shop: str) -> None:
    page.goto(f"{shop}/product/P1/")
    wait_for(page, lambda: events("view_item"), ["P1"])
    page.wait_for_timeout(1300)
    page.goto(f"{shop}/product/P2/")
    wait_for(page, lambda: events("user_engagement"), ["P1"])
    wait_for(page, lambda: events("view_item"), ["P1", "P2"])
    [seconds] = events("user_engagement", "dwell_seconds")
    assert 1.2 <= seconds < 30
    visitors = set(events("", "visitor_id"))
    assert len(visitors) == 1
    assert "" not in visitors


def test_where_a_visitor_came_from_is_kept_as_a_class(page: Any, shop: str) -> None:
    page.goto(f"{shop}/product/P1/", referer="http://www.google.com/search?q=lamp")
    wait_for(page, lambda: events("view_item"), ["P1"])
    page.goto(f"{shop}/product/P2/?utm_source=x&utm_medium=email")
    wait_for(page, lambda: events("view_item"), ["P1", "P2"])
    kept = [properties["context"] for properties in events("view_item", "properties")]
    assert kept == [{"device": "desktop", "referrer": "search"}, {"device": "desktop", "referrer": "email"}]


def test_half_of_an_item_for_a_second_is_an_impression_and_counts_once(page: Any, shop: str) -> None:
    page.goto(f"{shop}/")
    wait_for(page, lambda: sorted(events("view_item_list")), ["A0", "A1"])
    page.mouse.wheel(0, 2000)
    wait_for(page, lambda: sorted(events("view_item_list")), ["A0", "A1", "A2", "A3"])
    page.mouse.wheel(0, -2000)
    page.wait_for_timeout(1500)
    page.evaluate("ecomai.flush()")
    page.wait_for_timeout(300)
    assert sorted(events("view_item_list")) == ["A0", "A1", "A2", "A3"]
    rows = events("view_item_list", "product_id", "placement", "position", "recommendation_id")
    assert sorted(rows)[2] == ("A2", "home", 2, "list-A")


def test_a_click_is_reported_although_the_page_goes_away(page: Any, shop: str) -> None:
    page.goto(f"{shop}/")
    page.click("text=A1")
    page.wait_for_url("**/product/A1/")
    wait_for(page, lambda: events("select_item", "product_id", "placement", "position"), [("A1", "home", 1)])
    wait_for(page, lambda: events("view_item"), ["A1"])


def test_the_keyboard_clicks_too(page: Any, shop: str) -> None:
    page.goto(f"{shop}/")
    page.focus("text=A0")
    page.keyboard.press("Enter")
    page.wait_for_url("**/product/A0/")
    wait_for(page, lambda: events("select_item"), ["A0"])


def test_a_dismissed_item_goes_away_and_the_focus_stays_in_the_list(page: Any, shop: str) -> None:
    page.goto(f"{shop}/")
    page.focus("li:nth-child(2) button")
    page.keyboard.press("Enter")
    wait_for(page, lambda: events("dismiss"), ["A1"])
    assert page.locator("li a").all_inner_texts() == ["A0", "A2", "A3"]
    assert page.evaluate("document.activeElement.textContent") == "A2"
    assert events("select_item") == []


def test_a_lazy_fragment_is_filled_and_watched(page: Any, shop: str) -> None:
    page.goto(f"{shop}/lazy/")
    page.wait_for_selector("li a")
    assert page.get_attribute("[data-ecomai-fragment]", "aria-busy") is None
    wait_for(page, lambda: events("view_item_list"), ["F0"])


def test_search_words_are_reported(page: Any, shop: str) -> None:
    page.goto(f"{shop}/search/")
    wait_for(page, lambda: events("search", "query"), ["red lantern"])


def test_a_page_from_a_cache_gets_itself_a_new_token(page: Any, shop: str) -> None:
    page.goto(f"{shop}/product/P1/?token=old")
    wait_for(page, lambda: events("view_item"), ["P1"])


def test_a_server_that_is_busy_gets_the_batch_again_and_stores_it_once(page: Any, shop: str) -> None:
    answers = iter([503, "lost"])

    def stumble(route: Any) -> None:
        answer = next(answers, None)
        if answer == 503:
            route.fulfill(status=503, body="{}")
        elif answer == "lost":
            route.fetch()  # it arrives, but the answer gets lost on the way
            route.abort()
        else:
            route.continue_()

    page.route("**/ecomai/capture/", stumble)
    page.goto(f"{shop}/product/P1/")
    wait_for(page, lambda: events("view_item"), ["P1"])
    page.wait_for_timeout(6500)
    assert next(answers, None) is None
    assert events("view_item") == ["P1"]


def replying(status: int, answer: str, urls: list[str]) -> Callable[[Any], None]:
    """A server whose tokens have all expired, and its answer to who asks for a new one; notes the addresses asked."""

    def reply(route: Any) -> None:
        urls.append(route.request.url)
        expired = route.request.method == "POST"
        route.fulfill(status=403 if expired else status, body=answer, content_type="application/json")

    return reply


@pytest.mark.parametrize("consent", ["django_ecomai.events.consent.always", "tests.browser.beacon_shop.ask_the_shop"])
def test_no_answer_to_a_renewal_makes_the_page_ask_on_and_on(
    context: Any, shop: str, settings: Any, consent: str
) -> None:
    """An error may well be JSON: it is no token. Nor may a token that ends at once be renewed for ever."""
    settings.ECOMAI = {**settings.ECOMAI, "CONSENT": consent}
    asked: dict[tuple[int, str], list[str]] = {}
    for status in (200, 503):
        for answer in ('{"error": "busy"}', '{"token": "x", "expires_in": 10, "consent": true}'):
            asked[status, answer] = []
            page = context.new_page()
            page.route("**/ecomai/capture/**", replying(status, answer, asked[status, answer]))
            page.goto(f"{shop}/product/P1/?token=old")
    page.wait_for_timeout(4000)
    assert all(1 <= len(urls) <= 7 for urls in asked.values()), asked


def test_after_the_trouble_the_page_reports(page: Any, shop: str, settings: Any) -> None:
    settings.ECOMAI = {**settings.ECOMAI, "CONSENT": "tests.browser.beacon_shop.ask_the_shop"}
    page.context.add_cookies([{"name": "agreed", "value": "1", "url": shop}])
    answers = iter([503])

    def stumble(route: Any) -> None:
        status = next(answers, None)
        route.fulfill(status=status, body="{}", content_type="application/json") if status else route.continue_()

    page.route("**/ecomai/capture/token/", stumble)
    page.goto(f"{shop}/product/P1/")
    wait_for(page, lambda: events("view_item"), ["P1"])
    assert next(answers, None) is None


def test_the_way_back_shows_the_page_again(page: Any, shop: str) -> None:
    page.goto(f"{shop}/product/P1/")
    wait_for(page, lambda: events("view_item"), ["P1"])
    page.evaluate("dispatchEvent(new PageTransitionEvent('pageshow', {persisted: true}))")
    wait_for(page, lambda: events("view_item"), ["P1", "P1"])


def test_what_happens_offline_is_sent_when_the_line_is_back_and_stored_once(page: Any, shop: str) -> None:
    page.goto(f"{shop}/")
    wait_for(page, lambda: sorted(events("view_item_list")), ["A0", "A1"])
    page.context.set_offline(True)
    for number in range(3):
        page.evaluate(f"ecomai.track('add_to_wishlist', {{product_id: 'W{number}'}}, true)")
    # Much longer than four tries would take, were they made; hiding the page must not throw them away either.
    page.wait_for_timeout(1500)
    page.evaluate("dispatchEvent(new Event('pagehide'))")
    page.wait_for_timeout(500)
    assert events("add_to_wishlist") == []
    page.context.set_offline(False)
    wait_for(page, lambda: events("add_to_wishlist"), ["W0", "W1", "W2"])
    page.evaluate("ecomai.flush()")
    page.wait_for_timeout(300)
    assert events("add_to_wishlist") == ["W0", "W1", "W2"]


def test_the_browsers_own_way_back_shows_the_page_again_and_reports_it(page: Any, shop: str) -> None:
    """Whether Chromium keeps the page alive or loads it anew is its own affair: both are one more view."""
    page.goto(f"{shop}/product/P1/")
    wait_for(page, lambda: events("view_item"), ["P1"])
    # The event is stored before the answer, which brings the cookie, is back in the browser.
    wait_for(page, lambda: [cookie["name"] for cookie in page.context.cookies()], ["ecomai_visitor"])
    page.goto(f"{shop}/product/P2/")
    wait_for(page, lambda: events("view_item"), ["P1", "P2"])
    page.go_back()
    wait_for(page, lambda: events("view_item"), ["P1", "P2", "P1"])
    page.evaluate("ecomai.track('add_to_wishlist', {product_id: 'W'}, true)")
    wait_for(page, lambda: events("add_to_wishlist"), ["W"])
    assert len(set(events("", "visitor_id"))) == 1


def test_a_page_that_was_kept_alive_past_its_tokens_age_renews_it(page: Any, shop: str) -> None:
    page.goto(f"{shop}/product/P1/")
    wait_for(page, lambda: events("view_item"), ["P1"])
    sent: list[str] = []
    page.on(
        "request", lambda request: sent.append(request.url.removeprefix(shop)) if "capture" in request.url else None
    )
    # Half a day in the back/forward cache, and in the clock.
    page.evaluate(
        """() => {
        const now = Date.now;
        Date.now = () => now() + 12 * 3600 * 1000;
        dispatchEvent(new PageTransitionEvent("pageshow", {persisted: true}));
    }"""
    )
    wait_for(page, lambda: len(events("view_item")), 2)
    assert sent == ["/ecomai/capture/token/", "/ecomai/capture/"]


def test_a_hidden_page_is_not_read(page: Any, shop: str) -> None:
    page.goto(f"{shop}/product/P1/")
    wait_for(page, lambda: events("view_item"), ["P1"])
    page.wait_for_timeout(1100)
    page.evaluate(
        """() => {
        Object.defineProperty(document, "visibilityState", {value: "hidden", configurable: true});
        document.dispatchEvent(new Event("visibilitychange"));
    }"""
    )
    wait_for(page, lambda: events("user_engagement"), ["P1"])
    page.wait_for_timeout(1200)
    page.goto("about:blank")
    page.wait_for_timeout(500)
    assert events("user_engagement") == ["P1"], "the time in the background is not reported"


def test_before_consent_nothing_leaves_the_page_and_afterwards_it_does(page: Any, shop: str, settings: Any) -> None:
    settings.ECOMAI = {**settings.ECOMAI, "CONSENT": "django_ecomai.events.consent.cookie"}
    sent: list[str] = []
    page.on("request", lambda request: sent.append(request.url) if "capture" in request.url else None)
    page.goto(f"{shop}/product/P1/")
    page.wait_for_timeout(1800)
    assert sent == []
    assert [cookie["name"] for cookie in page.context.cookies()] == []
    page.evaluate(
        """() => {
        document.cookie = "ecomai_consent=analytics.personalization; path=/";
        document.dispatchEvent(new Event("ecomai:consent"));
    }"""
    )
    wait_for(page, lambda: events("view_item"), ["P1"])
    [visitor] = [cookie for cookie in page.context.cookies() if cookie["name"] == "ecomai_visitor"]
    assert (visitor["httpOnly"], visitor["sameSite"]) == (True, "Lax")


def test_a_consent_of_the_shops_own_is_asked_for(page: Any, shop: str, settings: Any) -> None:
    settings.ECOMAI = {**settings.ECOMAI, "CONSENT": "tests.browser.beacon_shop.ask_the_shop"}
    sent: list[str] = []
    page.on("request", lambda request: sent.append(request.url) if request.url.endswith("/capture/") else None)
    page.goto(f"{shop}/product/P1/")
    page.wait_for_timeout(1000)
    # Of the page before this one the last word (the time spent on it) may still arrive; a view is this page's own.
    assert (events("view_item"), sent) == ([], [])
    page.evaluate(
        "() => { document.cookie = 'agreed=1; path=/'; document.dispatchEvent(new Event('ecomai:consent')); }"
    )
    wait_for(page, lambda: events("view_item"), ["P1"])


def test_global_privacy_control_silences_the_page(page: Any, shop: str) -> None:
    page.add_init_script("Object.defineProperty(navigator, 'globalPrivacyControl', {value: true})")
    sent: list[str] = []
    page.on("request", lambda request: sent.append(request.url) if "capture" in request.url else None)
    page.goto(f"{shop}/product/P1/")
    page.wait_for_timeout(1500)
    page.goto(f"{shop}/lazy/")
    page.wait_for_selector("li a")
    assert (events(), sent) == ([], [])


def test_a_shops_own_script_can_report(page: Any, shop: str) -> None:
    page.goto(f"{shop}/")
    page.evaluate("ecomai.track('add_to_wishlist', {product_id: 'W'}, true)")
    page.evaluate("ecomai.track('purchase', {order_id: '1'}, true)")
    wait_for(page, lambda: events("add_to_wishlist"), ["W"])
    page.wait_for_timeout(300)
    assert events("purchase") == []


def test_a_robots_views_are_marked(browser: Any, shop: str) -> None:
    context = browser.new_context(user_agent="Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)")
    robot = context.new_page()
    robot.goto(f"{shop}/product/P1/")
    wait_for(robot, lambda: events("view_item", "product_id", "is_bot", "visitor_id"), [("P1", True, "")])
    context.close()
