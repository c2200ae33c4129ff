"""The page of a run in a real browser: it follows the run, tells a screen reader, fits a phone, needs no inline
script.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.conf import settings as django_settings
from django.contrib.auth.models import User
from django.http import HttpRequest, HttpResponse
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from django_ecomai.runs.models import Run
from django_ecomai.runs.services import artifact_go_live
from tests.services import chromium_path

from .helpers import save

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "connect-src 'self'; form-action 'self'"
)
EVALUATION = [
    {
        "model": f"{model} with a rather long name",
        "ours": ours,
        "split": split,
        "metrics": dict.fromkeys(METRICS, value),
    }
    for METRICS in [("recall@20", "ndcg@20", "hit_rate@10", "precision@10", "map@10", "mrr@10")]
    for split in ("new_items", "repeat_items", "all")
    for model, ours, value in (("popular (30 days)", False, 0.05), ("EcomAI", True, 0.0824))
]


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

    with pytest.MonkeyPatch.context() as patch, sync_playwright() as playwright:
        # Playwright's loop lives in this thread, where the tests use the ORM too.
        patch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "true")
        browser = playwright.chromium.launch(executable_path=chromium_path(), args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def open_page(chromium: Any, live_server: Any, settings: Any) -> Iterator[Callable[..., Any]]:
    """Opens an admin page as a superuser; what the browser complains of is in ``page.complaints``."""
    settings.MIDDLEWARE = [*settings.MIDDLEWARE, "tests.runs.test_browser.strict_policy"]
    client = Client()
    client.force_login(User.objects.create_superuser("boss"))
    session = client.cookies[django_settings.SESSION_COOKIE_NAME].value
    contexts = []

    def open_it(name: str, *args: Any, **options: Any) -> Any:
        context = chromium.new_context(**options)
        contexts.append(context)
        context.add_cookies([{"name": django_settings.SESSION_COOKIE_NAME, "value": session, "url": live_server.url}])
        page = context.new_page()
        page.complaints = []
        page.on("response", lambda answer: page.complaints.append(answer.url) if answer.status >= 400 else None)
        page.on("console", lambda message: page.complaints.append(message.text) if message.type == "error" else None)
        page.on("pageerror", lambda error: page.complaints.append(str(error)))
        page.goto(live_server.url + reverse(name, args=args))
        return page

    yield open_it
    for context in contexts:
        context.close()


def shot(page: Any, name: str) -> None:
    """Keep a picture when asked to, for a look by eye."""
    if folder := os.environ.get("ECOMAI_TEST_SHOTS"):
        page.screenshot(path=f"{folder}/{name}.png", full_page=True)


def complaints(page: Any) -> list[str]:
    # Which resource is missing says its address; the console's sentence about it does not.
    return [text for text in page.complaints if "favicon" not in text and "404 (Not Found)" not in text]


def test_the_page_follows_the_run_to_its_end(open_page: Callable[..., Any]) -> None:
    run = Run.objects.create(
        kind="test.job", state="running", progress=0.1, message="Reading orders", heartbeat_at=timezone.now()
    )
    page = open_page("admin:ecomai_runs_run_change", run.pk)
    assert page.locator("#ecomai-run-message").inner_text() == "Reading orders"
    Run.objects.filter(pk=run.pk).update(progress=0.6, message="Fitting <b>60</b>", log="12:00:00 fitting\n")
    page.wait_for_function("document.getElementById('ecomai-run-progress').value === 60")
    assert page.locator("#ecomai-run-message").inner_text() == "Fitting <b>60</b>"
    assert page.locator("#ecomai-run-percent").inner_text() == "60 %"
    assert "fitting" in page.locator("#ecomai-run-log").inner_text()
    shot(page, "running")
    Run.objects.filter(pk=run.pk).update(
        state="done",
        progress=1.0,
        message="Finished.",
        finished_at=timezone.now(),
        started_at=timezone.now(),
        metrics={
            "evaluation": EVALUATION,
            "gate": {"passed": True, "reason": "Goes live: recall@20 is 0.0824."},
            "counts": {"products": 3941, "orders": 22190},
        },
    )
    page.wait_for_selector("#ecomai-run[data-finished]")
    assert page.locator("#ecomai-run-percent").inner_text() == "100 %"
    assert page.get_by_role("progressbar").get_attribute("value") == "100"
    assert page.locator(".ecomai-table > .ecomai-scroll tr.ecomai-ours").count() == 3
    assert page.get_by_role("rowheader", name="EcomAI with a rather long name ours").count() == 3
    shot(page, "done")
    assert complaints(page) == []


def test_a_server_that_is_away_is_said_and_asked_again(open_page: Callable[..., Any]) -> None:
    run = Run.objects.create(kind="test.job", state="running", heartbeat_at=timezone.now())
    page = open_page("admin:ecomai_runs_run_change", run.pk)
    page.route("**/status/", lambda route: route.abort())
    page.wait_for_selector("#ecomai-run-lost:not([hidden])")
    page.unroute("**/status/")
    page.wait_for_selector("#ecomai-run-lost", state="hidden")


def test_without_javascript_the_page_reloads_by_itself(open_page: Callable[..., Any]) -> None:
    run = Run.objects.create(kind="test.job", state="running", progress=0.1, heartbeat_at=timezone.now())
    page = open_page("admin:ecomai_runs_run_change", run.pk, java_script_enabled=False)
    Run.objects.filter(pk=run.pk).update(progress=0.7)
    page.get_by_text("70 %").last.wait_for()


def test_cancel_by_the_button(open_page: Callable[..., Any]) -> None:
    run = Run.objects.create(kind="test.job", state="queued")
    page = open_page("admin:ecomai_runs_run_change", run.pk)
    page.get_by_role("button", name="Cancel").click()
    page.get_by_text("Cancelled by boss.").wait_for()
    run.refresh_from_db()
    assert run.state == "cancelled"


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize(
    "name", ["run_change", "run_changelist", "artifact_change", "artifact_changelist", "artifact_live"]
)
def test_a_phone_shows_it_without_scrolling_sideways(open_page: Callable[..., Any], name: str, scheme: str) -> None:
    run = Run.objects.create(
        kind="test.job",
        state="failed",
        message="x" * 250,
        log="y" * 2000,
        error="z" * 2000,
        metrics={"evaluation": EVALUATION, "gate": {"passed": False, "reason": "The one in use stays."}},
    )
    first, artifact = save(0.0), save(1.0, run=run)
    artifact_go_live(artifact=first)
    args = {"run_change": [run.pk], "artifact_change": [artifact.pk], "artifact_live": [artifact.pk]}.get(name, [])
    page = open_page(
        f"admin:ecomai_runs_{name}", *args, viewport={"width": 360, "height": 740}, color_scheme=scheme
    )  # fmt: skip
    shot(page, f"phone-{name}-{scheme}")
    # A list of the stock admin scrolls inside its own box; the page itself never does.
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    assert complaints(page) == []
