"""Competitors' offers: the review list by keys only, and pages that fit a phone."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.browser.test_admin import log_in

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytestmark = [pytest.mark.browser, pytest.mark.slow]
REVIEW = "/admin/ecomai_pricing/competitormatch/"
OFFERS = "/admin/ecomai_pricing/competitoroffer/"


def test_pairs_are_decided_and_taken_back_by_keys(page: Page) -> None:
    complaints: list[str] = []
    page.on("pageerror", lambda error: complaints.append(str(error)))
    log_in(page)
    page.goto(REVIEW)
    page.get_by_text("The competitors of this shop are simulated").wait_for()
    left = page.locator("[data-ecomai-left]")
    before = int(left.inner_text())
    states = page.locator("[data-ecomai-state]")
    page.keyboard.press("j")
    page.keyboard.press("a")
    states.nth(0).get_by_text("the same").wait_for()
    page.keyboard.press("r")
    states.nth(1).get_by_text("another product").wait_for()
    assert int(left.inner_text()) < before
    page.keyboard.press("u")
    states.nth(1).get_by_text("to decide").wait_for()
    page.keyboard.press("u")
    states.nth(0).get_by_text("to decide").wait_for()
    assert int(left.inner_text()) == before
    assert complaints == []


def test_a_decision_is_taken_back_by_mouse_and_u_undoes_the_one_before(page: Page) -> None:
    log_in(page)
    page.goto(REVIEW)
    rows = page.locator("#result_list tbody tr")
    states = page.locator("[data-ecomai-state]")
    for number in (0, 1):
        rows.nth(number).locator('[data-ecomai-decide="same"]').click()
        states.nth(number).get_by_text("the same").wait_for()
    rows.nth(0).get_by_role("button", name="Undo").click()
    states.nth(0).get_by_text("to decide").wait_for()
    assert rows.nth(0).get_by_role("button", name="Undo").count() == 0
    page.keyboard.press("u")
    states.nth(1).get_by_text("to decide").wait_for()
    assert page.locator("[data-ecomai-said]").inner_text().endswith(": to decide")


@pytest.mark.parametrize("width", [1280, 390])
def test_no_page_is_wider_than_the_screen(page: Page, width: int) -> None:
    page.set_viewport_size({"width": width, "height": 850})
    log_in(page)
    for path in (REVIEW, OFFERS, f"{OFFERS}market/", f"{OFFERS}import/"):
        page.goto(path)
        assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth"), path
    page.goto(OFFERS)
    page.locator("a.ecomai-what").first.click()
    page.locator("canvas").first.wait_for()
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth"), page.url
