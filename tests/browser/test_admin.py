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
    # Forecasts are made beside it: the newest of both jobs may be either.
    page.locator("#content").get_by_role("link", name="Train recommendations").first.click()
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
    assert "Because you bought" not in stranger
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


@pytest.mark.parametrize("width", [1280, 390])
def test_a_slider_shows_its_value_and_what_it_cost(page: Page, width: int) -> None:
    page.set_viewport_size({"width": width, "height": 850})
    open_home(page)
    slider = page.get_by_label("Variety").first
    assert not slider.is_visible(), "fine tuning is folded"
    page.locator("summary", has_text="Fine tuning").first.click()
    slider.focus()
    for _ in range(10):
        page.keyboard.press("ArrowRight")

    box = page.locator(".field-diversity").first
    assert box.locator("output").inner_text() == "0.5"
    shown = [cost.inner_text() for cost in box.locator(".ecomai-costs li").all() if cost.is_visible()]
    assert len(shown) == 1 and shown[0].startswith("At 0.5: hits ")
    described = (slider.get_attribute("aria-describedby") or "").split()
    assert all(page.locator(f"[id='{one}']").count() == 1 for one in described) and len(described) == 2
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")


def test_sliders_of_a_carousel_that_was_just_added(page: Page) -> None:
    open_home(page)
    before = page.locator("input.ecomai-slider").count()
    page.locator(".add-row a").click()
    last = page.locator(".dynamic-slots").last
    last.locator("summary", has_text="Fine tuning").click()
    slider = last.locator("input.ecomai-slider").first
    slider.fill("1")

    assert page.locator("input.ecomai-slider").count() > before
    assert last.locator("output").first.inner_text() == "1"
    assert "__prefix__" not in (slider.get_attribute("aria-describedby") or "")


def test_a_change_is_undone_from_the_list_of_changes(page: Page) -> None:
    open_home(page)
    size = page.get_by_label("How many products").first
    size.fill("5")
    page.get_by_role("button", name="Save", exact=True).click()
    page.get_by_text("was changed successfully").first.wait_for()  # going on at once would end the saving
    page.goto("/admin/ecomai_recommend/revision/")
    page.get_by_text("how many products: 8 → 5").wait_for()
    page.get_by_role("link", name="Undo…").first.click()
    page.get_by_text("how many products: 8 → 5").wait_for()
    page.get_by_role("button", name="Yes, undo it").click()
    page.get_by_text("The change was undone.").wait_for()

    open_home(page, logged_in=True)
    assert page.get_by_label("How many products").first.input_value() == "8"


def open_home(page: Page, *, logged_in: bool = False) -> None:
    if not logged_in:
        log_in(page)
    page.goto("/admin/ecomai_recommend/placement/")
    page.locator("#result_list").get_by_role("link", name="Home").first.click()
    page.wait_for_load_state()
