"""What a merchant does in the admin, in a real browser."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytestmark = [pytest.mark.browser, pytest.mark.slow]


def log_in(page: Page) -> None:
    page.goto("/admin/")
    page.get_by_label("Username").fill("admin")
    page.get_by_label("Password").fill("demo")
    page.get_by_role("button", name="Log in").click()
    page.wait_for_load_state()


def test_train_now_is_watched_until_it_is_done(page: Page) -> None:
    log_in(page)
    page.goto("/admin/ecomai_dashboard/start/")
    page.get_by_role("button", name="Train now").first.click()
    page.wait_for_load_state()
    page.locator("main a[href*='/ecomai_runs/run/'], #content a[href*='/ecomai_runs/run/']").first.click()
    page.wait_for_url(re.compile(r"/ecomai_runs/run/\d+/"))
    page.get_by_role("progressbar", name="Progress").wait_for()
    # No reload by hand: the page follows the run by itself, executed by a child process of the server.
    page.wait_for_function("document.querySelector('#ecomai-run-progress')?.value === 100", timeout=180_000)
    page.get_by_text("EcomAI (automatic choice)").first.wait_for()
    assert page.get_by_text("popular (30 days)").count() >= 1


def test_preview_of_a_placement_for_a_customer(page: Page) -> None:
    log_in(page)
    page.goto("/admin/ecomai_recommend/placement/")
    page.locator("#result_list").get_by_role("link", name="Home").first.click()
    page.wait_for_load_state()
    page.get_by_role("link", name="Preview").first.click()
    page.wait_for_url(re.compile(r"/preview/"))
    stranger = page.locator("#content").inner_text()
    page.locator(".select2-selection").first.click()
    page.locator(".select2-search__field").fill("17850")
    page.get_by_role("option", name="17850").click()
    page.get_by_role("button", name="Show").click()
    page.wait_for_url(re.compile(r"customer="))
    known = page.locator("#content").inner_text()
    # An unknown visitor has nothing personal; the customer's orders speak for him.
    assert "Because you" not in stranger
    assert "Because you bought" in known


@pytest.mark.parametrize("width", [1280, 390])
def test_admin_pages_open_at_every_width(page: Page, width: int) -> None:
    page.set_viewport_size({"width": width, "height": 850})
    log_in(page)
    for path in (
        "ecomai_dashboard/start",
        "ecomai_mirror/product",
        "ecomai_mirror/customer",
        "ecomai_mirror/order",
        "ecomai_events/event",
        "ecomai_runs/run",
        "ecomai_recommend/placement",
    ):
        answer = page.goto(f"/admin/{path}/")
        assert answer is not None and answer.status == 200, path
