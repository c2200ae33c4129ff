"""A buyer's morning: the worklist by keyboard, a purchase order, a forecast with its interval, and what-if."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from tests.browser.test_admin import log_in

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytestmark = [pytest.mark.browser, pytest.mark.slow]
WORKLIST = "/admin/ecomai_inventory/suggestion/"


def test_from_the_worklist_to_a_purchase_order_a_forecast_and_what_if(page: Page) -> None:
    complaints: list[str] = []
    page.on("pageerror", lambda error: complaints.append(str(error)))
    log_in(page)
    page.goto(WORKLIST)
    page.get_by_text("Suppliers, lead times and stock levels of this shop are simulated.").wait_for()
    assert "Target level" in page.locator(".ecomai-why").first.inner_text()

    # Three by keyboard, the first with a quantity of the buyer's own.
    for _ in range(3):
        page.keyboard.press("j")
        page.keyboard.press("x")
    page.get_by_text(re.compile("3 of .* selected")).wait_for()
    first = page.locator(".ecomai-quantity").first
    first.fill(str(int(float(first.input_value())) + 1))
    page.locator("tbody input.action-select").first.focus()
    page.keyboard.press("o")
    made = page.locator(".messagelist").get_by_role("link")
    made.first.wait_for()
    orders = made.count()
    assert 1 <= orders <= 3

    made.first.click()
    page.get_by_role("button", name="Approve").click()
    page.get_by_text("is now “approved”").wait_for()
    page.get_by_role("link", name="Print").click()
    page.get_by_role("heading", name=re.compile("Purchase order PO-")).wait_for()
    assert "Simulated" in page.locator("main").inner_text()

    # Its product: why, past and forecast, and the way to the forecast's own page.
    page.goto(f"{WORKLIST}?show=ordered")
    page.locator(".ecomai-what").first.click()
    page.get_by_text("Pieces per week").first.wait_for()
    page.locator("canvas").first.wait_for()
    page.get_by_role("link", name="Forecast of this product").click()
    page.wait_for_url(re.compile(r"/ecomai_forecast/forecast/\d+/"))
    assert "80" in page.locator("#content").inner_text()

    # A longer lead time costs sales: seen beside today's plan.
    page.goto(f"{WORKLIST}what-if/")
    slider = page.get_by_label(re.compile("^Lead time"))
    slider.focus()
    for _ in range(21):
        page.keyboard.press("ArrowRight")
    page.wait_for_url(re.compile("lead_days=21"))
    served = page.locator("#ecomai-what-if tbody tr").first
    served.get_by_text("worse").wait_for()
    assert complaints == []


@pytest.mark.parametrize("width", [1280, 390])
def test_no_page_is_wider_than_the_screen(page: Page, width: int) -> None:
    page.set_viewport_size({"width": width, "height": 850})
    log_in(page)
    for path in ("", "what-if/"):
        page.goto(WORKLIST + path)
        assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth"), path
