"""The start page in a real browser: charts, progress, phone, no JavaScript, and a strict Content-Security-Policy."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.conf import settings as django_settings
from django.contrib.auth.models import User
from django.http import HttpRequest, HttpResponse
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from django_ecomai.mirror.models import Order, OrderLine, Product
from django_ecomai.runs.models import Run
from tests.services import chromium_path

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "connect-src 'self'; form-action 'self'"
)


def strict_policy(get_response: Callable[[HttpRequest], HttpResponse]) -> Callable[[HttpRequest], HttpResponse]:
    """Middleware that allows nothing inline and nothing foreign."""

    def middleware(request: HttpRequest) -> HttpResponse:
        response = get_response(request)
        response["Content-Security-Policy"] = POLICY
        return response

    return middleware


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    from playwright.sync_api import sync_playwright

    # Playwright's loop lives in this thread, where the tests use the ORM too.
    before = os.environ.get("DJANGO_ALLOW_ASYNC_UNSAFE")
    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "1"
    try:
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=chromium_path(), args=["--no-sandbox"])
            yield browser
            browser.close()
    finally:
        if before is None:
            del os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"]
        else:
            os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = before


@pytest.fixture
def open_page(chromium: Any, live_server: Any, settings: Any) -> Iterator[Callable[..., Any]]:
    """Opens the start page as a superuser; complaints of the browser collect in ``page.complaints``."""
    settings.MIDDLEWARE = [*settings.MIDDLEWARE, "tests.dashboard.test_browser.strict_policy"]
    client = Client()
    client.force_login(User.objects.create_superuser("boss"))
    session = client.cookies[django_settings.SESSION_COOKIE_NAME].value
    contexts = []

    def open_it(query: str = "", **options: Any) -> Any:
        context = chromium.new_context(**options)
        contexts.append(context)
        context.add_cookies([{"name": django_settings.SESSION_COOKIE_NAME, "value": session, "url": live_server.url}])
        page = context.new_page()
        page.complaints = []
        page.on("console", lambda message: page.complaints.append(message.text) if message.type == "error" else None)
        page.on("pageerror", lambda error: page.complaints.append(str(error)))
        page.goto(live_server.url + reverse("admin:ecomai_dashboard_start_changelist") + query)
        return page

    yield open_it
    for context in contexts:
        context.close()


@pytest.fixture
def shop() -> None:
    Product.objects.create(external_id="1", title="Mug")
    for number in range(3):
        at = timezone.now() - timedelta(days=number)
        order = Order.objects.create(external_id=str(number), placed_at=at, total=10, currency="GBP")
        OrderLine.objects.create(external_id=str(number), order=order, quantity=1, placed_at=at)


def complaints(page: Any) -> list[str]:
    return [text for text in page.complaints if "favicon" not in text and "404" not in text]


def test_the_chart_is_drawn_under_a_strict_policy(open_page: Callable[..., Any], shop: None) -> None:
    page = open_page()
    page.wait_for_selector(".ecomai-chart-area:not([hidden]) canvas")
    assert page.eval_on_selector("canvas", "canvas => canvas.width > 100 && canvas.height > 100")
    drawn = "canvas => canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data.some(part => part)"
    assert page.eval_on_selector("canvas", drawn)
    assert page.get_attribute("[data-ecomai-chart-table]", "open") is None
    assert page.get_attribute("canvas", "aria-label").startswith("Orders per day: Orders: From 0 to 1")
    assert complaints(page) == []


def test_without_javascript_the_table_tells_the_numbers(open_page: Callable[..., Any], shop: None) -> None:
    page = open_page("?period=7", java_script_enabled=False)
    table = page.locator(".ecomai-chart table")
    assert table.is_visible() and not page.locator("canvas").is_visible()
    assert [cell.strip() for cell in table.locator("td").all_inner_texts()] == ["0", "0", "0", "0", "1", "1", "1"]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_phone_shows_it_without_scrolling_sideways(open_page: Callable[..., Any], shop: None, scheme: str) -> None:
    Run.objects.create(kind="recommend.train", state="failed", message="x" * 250, started_at=timezone.now())
    page = open_page(viewport={"width": 360, "height": 740}, color_scheme=scheme)
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    assert complaints(page) == []


def test_everything_is_reached_by_keyboard(open_page: Callable[..., Any], shop: None) -> None:
    page = open_page()
    wanted = page.eval_on_selector_all(
        ".ecomai-start a, .ecomai-start button, .ecomai-start summary, .ecomai-start .ecomai-scroll",
        "all => all.filter(one => one.checkVisibility()).length",
    )
    page.focus("#content-start") if page.query_selector("#content-start") else page.focus("body")
    reached = set()
    for _step in range(200):
        page.keyboard.press("Tab")
        place = page.evaluate(
            "() => { const one = document.activeElement; const start = document.querySelector('.ecomai-start');"
            " return start.contains(one) ? [...start.querySelectorAll('*')].indexOf(one) : -1; }"
        )
        if place >= 0:
            reached.add(place)
        elif reached:
            break
    assert wanted > 5 and len(reached) >= wanted


def test_progress_moves_and_the_page_shows_the_end(open_page: Callable[..., Any], shop: None) -> None:
    run = Run.objects.create(
        kind="recommend.train", state="running", progress=0.1, started_at=timezone.now(), heartbeat_at=timezone.now()
    )
    page = open_page()
    assert page.get_attribute(f"[data-ecomai-run='{run.pk}'] progress", "value") == "10"
    Run.objects.filter(pk=run.pk).update(progress=0.8, message="almost <there>")
    page.wait_for_function(f"document.querySelector('[data-ecomai-run=\"{run.pk}\"] progress').value === 80")
    assert page.inner_text(f"[data-ecomai-run='{run.pk}'] [data-ecomai-message]") == "almost <there>"
    Run.objects.filter(pk=run.pk).update(progress=1, state="done", finished_at=timezone.now())
    page.wait_for_selector(f"[data-ecomai-run='{run.pk}']:not([data-ecomai-active]) .ecomai-run-done")
    assert page.locator(f"[data-ecomai-run='{run.pk}'] progress").count() == 0
    assert complaints(page) == []
