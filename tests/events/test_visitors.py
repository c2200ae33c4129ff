"""The visitor cookie: only after consent, signed, renewed, never shared."""

from __future__ import annotations

import asyncio
import itertools
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from django.contrib.auth.models import AnonymousUser
from django.db import connections
from django.http import HttpRequest, HttpResponse
from django.middleware.cache import FetchFromCacheMiddleware, UpdateCacheMiddleware
from django.test import RequestFactory
from django.views.decorators.cache import cache_page

from django_ecomai.events import visitors
from django_ecomai.events.bots import is_bot
from django_ecomai.events.middleware import VisitorMiddleware
from django_ecomai.events.visitors import VisitorContext, current, visitor_of

from .conftest import CHROME

pytestmark = pytest.mark.django_db  # whoever has agreed is looked up among those who refused
NAME = "ecomai_visitor"


def visit(
    *,
    cookie: str = "",
    use: bool = True,
    headers: dict[str, str] | None = None,
    secure: bool = False,
    public: bool = False,
) -> tuple[HttpResponse, VisitorContext]:
    """One request through the middleware; ``use`` says whether the page asks who the visitor is."""
    seen: list[VisitorContext] = []

    def page(request: HttpRequest) -> HttpResponse:
        seen.append(request.ecomai)  # type: ignore[attr-defined]
        if use:
            assert request.ecomai.visitor_id is not None  # type: ignore[attr-defined]
        response = HttpResponse("page")
        if public:
            response["Cache-Control"] = "public, max-age=60"
        return response

    request = RequestFactory(headers={"User-Agent": CHROME, **(headers or {})}).get("/", secure=secure)
    request.user = AnonymousUser()
    if cookie:
        request.COOKIES[NAME] = cookie
    return VisitorMiddleware(page)(request), seen[0]


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Any:
    """A clock that stands still until it is told to go on."""

    class Clock:
        now = 1_800_000_000.0

    monkeypatch.setattr(visitors.time, "time", lambda: Clock.now)
    return Clock


def test_without_consent_there_is_no_cookie_and_no_id() -> None:
    response, context = visit()
    assert NAME not in response.cookies
    assert (context.visitor_id, context.session_id, context.may_record) == ("", "", False)


@pytest.mark.usefixtures("agreed")
class TestAgreed:
    def test_the_cookie_is_first_party_signed_and_out_of_reach_for_scripts(self) -> None:
        response, context = visit(secure=True)
        morsel = response.cookies[NAME]
        assert (morsel["httponly"], morsel["samesite"], morsel["secure"], morsel["path"]) == (True, "Lax", True, "/")
        assert morsel["max-age"] == 60 * 60 * 24 * 180
        assert len(context.visitor_id) == 32
        assert context.visitor_id not in morsel.value
        assert not visit()[0].cookies[NAME]["secure"]

    def test_the_visitor_is_known_again(self) -> None:
        response, first = visit()
        again, second = visit(cookie=response.cookies[NAME].value)
        assert (first.new, second.new) == (True, False)
        assert (first.visitor_id, first.session_id) == (second.visitor_id, second.session_id)
        assert NAME not in again.cookies, "a fresh cookie is not sent twice"

    @pytest.mark.parametrize("cookie", ["nonsense", "a.b.c:d", "", "x" * 5000, "a.1.2:\u2603"])
    def test_a_forged_cookie_is_a_new_visitor(self, cookie: str) -> None:
        genuine = visit()[0].cookies[NAME].value
        for forged in (cookie, genuine[:-1] + ("A" if genuine[-1] != "A" else "B"), "x" + genuine):
            response, context = visit(cookie=forged)
            assert context.new
            assert response.cookies[NAME].value != forged

    def test_a_visit_ends_after_half_an_hour_of_silence(self, clock: Any) -> None:
        response, first = visit()
        cookie = response.cookies[NAME].value
        clock.now += 59
        assert NAME not in visit(cookie=cookie)[0].cookies, "written at most once a minute"
        clock.now += 20 * 60
        response, second = visit(cookie=cookie)
        assert second.session_id == first.session_id
        clock.now += 20 * 60
        response, third = visit(cookie=response.cookies[NAME].value)
        assert third.session_id == first.session_id, "the visit rolls on while requests come"
        clock.now += 31 * 60
        response, fourth = visit(cookie=response.cookies[NAME].value)
        assert fourth.session_id != first.session_id
        assert fourth.visitor_id == first.visitor_id

    def test_a_cookie_from_the_future_begins_a_new_visit(self, clock: Any) -> None:
        response, first = visit()
        clock.now -= 3600
        _, second = visit(cookie=response.cookies[NAME].value)
        assert second.visitor_id == first.visitor_id
        assert second.session_id != first.session_id

    @pytest.mark.parametrize("header", ["Sec-GPC", "DNT"])
    def test_a_browser_that_says_no_outweighs_the_banner(self, header: str) -> None:
        cookie = visit()[0].cookies[NAME].value
        response, context = visit(cookie=cookie, headers={header: "1"})
        assert (context.visitor_id, context.purposes) == ("", frozenset())
        assert response.cookies[NAME]["max-age"] == 0, "the cookie is taken back"

    def test_robots_get_no_cookie(self) -> None:
        response, context = visit(headers={"User-Agent": "Mozilla/5.0 (compatible; Googlebot/2.1)"})
        assert context.is_bot
        assert context.visitor_id == ""
        assert NAME not in response.cookies

    def test_a_page_that_never_asks_stays_cacheable_for_all(self) -> None:
        response, _ = visit(use=False)
        assert "Vary" not in response.headers
        assert NAME not in response.cookies

    def test_a_page_that_asks_varies_by_cookie(self) -> None:
        assert visit()[0].headers["Vary"] == "Cookie"

    def test_a_public_response_never_carries_a_visitors_cookie(self) -> None:
        assert NAME not in visit(public=True)[0].cookies

    def test_a_page_with_personal_content_is_private_whatever_the_view_says(self) -> None:
        def page(request: HttpRequest) -> HttpResponse:
            request.ecomai_personal = True  # type: ignore[attr-defined]
            return HttpResponse("mine", headers={"Cache-Control": "public, max-age=60"})

        request = RequestFactory(headers={"User-Agent": CHROME}).get("/")
        assert VisitorMiddleware(page)(request).headers["Cache-Control"] == "max-age=60, private"

    def test_renewing_begins_a_new_visitor(self) -> None:
        _, context = visit()
        before = context.visitor_id
        context.renew()
        assert context.visitor_id not in ("", before)
        assert context.new

    def test_without_the_middleware_nobody_new_is_made_up(self) -> None:
        request = RequestFactory(headers={"User-Agent": CHROME}).get("/")
        assert visitor_of(request).visitor_id == ""
        assert visitor_of(request) is visitor_of(request)

    def test_ids_are_keyed(self, ecomai_setting: Any) -> None:
        response, first = visit()
        before = first.visitor_id
        ecomai_setting(HASH_KEY="another", CONSENT="django_ecomai.events.consent.always")
        assert visit(cookie=response.cookies[NAME].value)[1].visitor_id != before


def test_withdrawn_consent_deletes_the_cookie_even_on_pages_that_never_ask(agreed: None, ecomai_setting: Any) -> None:
    cookie = visit()[0].cookies[NAME].value
    ecomai_setting(CONSENT="django_ecomai.events.consent.cookie")
    response, _ = visit(cookie=cookie, use=False)
    assert (response.cookies[NAME].value, response.cookies[NAME]["max-age"]) == ("", 0)


@pytest.mark.parametrize("stack", ["decorator", "middleware"])
def test_a_personal_page_is_never_cached_for_others_and_a_plain_one_is(agreed: None, stack: str) -> None:
    rendered: list[str] = []

    def page(request: HttpRequest) -> HttpResponse:
        rendered.append(request.path)
        return HttpResponse(request.ecomai.visitor_id if "mine" in request.path else "plain")  # type: ignore[attr-defined]

    if stack == "decorator":
        handler: Any = VisitorMiddleware(cache_page(60)(page))
    else:
        handler = UpdateCacheMiddleware(VisitorMiddleware(FetchFromCacheMiddleware(page)))

    def get(path: str, cookie: str = "") -> HttpResponse:
        request = RequestFactory(headers={"User-Agent": CHROME}).get(path)
        if cookie:
            request.COOKIES[NAME] = cookie
        return handler(request)

    first, second = get("/mine/"), get("/mine/")
    assert first.content != second.content
    assert get("/plain/").content == get("/plain/").content == b"plain"
    assert rendered == ["/mine/", "/mine/", "/plain/"]


@pytest.mark.parametrize("asked", ["visitor_id", "session_id", "customer_id", "purposes", "user_id"])
def test_what_a_middleware_asked_first_is_not_cached_either(agreed: None, settings: Any, asked: str) -> None:
    settings.CACHES = {"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache", "LOCATION": asked}}

    def page(request: HttpRequest) -> HttpResponse:
        return HttpResponse(f"for {getattr(request.ecomai, asked)} {next(count)}")  # type: ignore[attr-defined]

    def shops_own(request: HttpRequest) -> HttpResponse:
        request.ecomai.visitor_id, getattr(request.ecomai, asked)  # type: ignore[attr-defined]
        return cache_page(60)(page)(request)

    count = itertools.count()
    handler = VisitorMiddleware(shops_own)
    answers = []
    for _ in range(2):
        request = RequestFactory(headers={"User-Agent": CHROME}).get(f"/{asked}/")
        request.user = AnonymousUser()
        answers.append(handler(request).content)
    assert answers[0] != answers[1]


def test_taking_a_cookie_back_is_not_cached_either(agreed: None, ecomai_setting: Any) -> None:
    cookie = visit()[0].cookies[NAME].value
    ecomai_setting(CONSENT="django_ecomai.events.consent.cookie")
    handler = UpdateCacheMiddleware(VisitorMiddleware(FetchFromCacheMiddleware(lambda request: HttpResponse("page"))))
    request = RequestFactory(headers={"User-Agent": CHROME}).get("/")
    request.COOKIES[NAME] = cookie
    assert handler(request).cookies[NAME]["max-age"] == 0
    assert not handler(RequestFactory(headers={"User-Agent": CHROME}).get("/")).cookies


def test_the_current_visitor_is_forgotten_after_the_response(agreed: None) -> None:
    visit()
    assert current.get() is None


@pytest.mark.django_db(transaction=True)  # another thread reads: an open transaction would make it wait on SQLite
def test_it_works_in_an_async_stack(agreed: None) -> None:
    async def page(request: HttpRequest) -> HttpResponse:
        return HttpResponse(request.ecomai.visitor_id)  # type: ignore[attr-defined]

    async def go() -> HttpResponse:
        request = RequestFactory(headers={"User-Agent": CHROME}).get("/")
        response: HttpResponse = await VisitorMiddleware(page)(request)  # type: ignore[misc]
        await sync_to_async(connections.close_all)()  # the other thread's, or the test database cannot be dropped
        return response

    response = asyncio.run(go())
    assert len(response.content) == 32
    assert NAME in response.cookies


@pytest.mark.parametrize(
    ("agent", "robot"),
    [
        (CHROME, False),
        ("Mozilla/5.0 (iPhone; CPU iPhone OS 17_0 like Mac OS X) AppleWebKit/605.1.15 Mobile/15E148", False),
        ("Mozilla/5.0 (X11; Linux x86_64; rv:132.0) Gecko/20100101 Firefox/132.0", False),
        ("Mozilla/5.0 (Linux; Android 9; CUBOT X18) AppleWebKit/537.36 Chrome/120.0 Mobile Safari/537.36", False),
        ("Mozilla/5.0 (Linux; Android 13) AppleWebKit/537.36 DuckDuckGo/5 Safari/537.36", False),
        ("Mozilla/5.0 (Linux; Android 13) AppleWebKit/537.36 Chrome/120.0 YaBrowser/24.1 Safari/537.36", False),
        ("Opera/9.80 (Windows NT 6.1) Presto/2.12 Version/12.16", False),
        ("Mozilla/5.0 (compatible; MSIE 10.0; Windows NT 6.1; Trident/6.0)", False),
        ("Mozilla/5.0 (iPhone) AppleWebKit/605.1.15 Version/18.4 Safari/605.1.15 (Ecosia ios@11.0.2.22)", False),
        ("", True),
        ("MyShopApp/1.0 okhttp/4.9", True),
        ("Mozilla/5.0 (compatible; Somebody/1.0; +http://somebody.example)", True),
        ("Mozilla/5.0 (X11; Linux x86_64) Chrome/62.0 Safari/537.36 owner@crawl.example", True),
        ("Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)", True),
        ("Mozilla/5.0 AppleWebKit/537.36 (compatible; bingbot/2.0) Chrome/116.0 Safari/537.36", True),
        ("Mozilla/5.0 AppleWebKit/537.36 (compatible; GPTBot/1.2; +https://openai.com/gptbot)", True),
        ("Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 HeadlessChrome/130.0 Safari/537.36", True),
        ("facebookexternalhit/1.1", True),
        ("python-requests/2.32", True),
        ("curl/8.5.0", True),
        ("Mozilla/5.0 (compatible; AhrefsBot/7.0; +http://ahrefs.com/robot/)", True),
        ("Mozilla/5.0 (compatible; Baiduspider/2.0)", True),
        ("Slackbot-LinkExpanding 1.0", True),
        ("UptimeRobot/2.0", True),
    ],
)  # fmt: skip
def test_robots_are_told_from_people(agent: str, robot: bool) -> None:
    assert is_bot(agent) is robot
