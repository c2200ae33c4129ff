"""A merchant's prices: from a proposal with its curves to the storefront and back, by keyboard and on a phone."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from tests.browser.test_admin import log_in

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytestmark = [pytest.mark.browser, pytest.mark.slow]
WORKLIST = "/admin/ecomai_pricing/priceproposal/"


def sku_of(page: Page) -> str:
    """The first product of the list; its storefront page is found by it."""
    return page.locator("td.field-what .ecomai-quiet, th.field-what .ecomai-quiet").first.inner_text().strip()


def test_a_proposal_is_approved_shown_with_the_price_before_and_undone(page: Page) -> None:
    complaints: list[str] = []
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
    log_in(page)
    # Cheaper, and not reduced before: in the shop it is struck out.
    page.goto(f"{WORKLIST}?direction=down")
    page.get_by_text("The costs of this shop are simulated").wait_for()
    assert "expected more" in page.locator(".ecomai-summary").inner_text()
    sku = sku_of(page)
    page.locator(".ecomai-what").first.click()
    page.get_by_role("heading", name="How the price came about").wait_for()
    assert page.locator("svg.ecomai-curve").count() >= 2
    assert "Chance of a gain" in page.locator(".ecomai-figures").inner_text()
    told = page.locator(".ecomai-figures").inner_text()
    old, new = re.findall(r"(\d+\.\d\d) GBP", told)[:2]
    proposal = page.url

    page.get_by_role("button", name="Approve …").click()
    page.get_by_role("heading", name="Approve 1 price").wait_for()
    page.get_by_role("button", name="Yes, change these prices").click()
    page.get_by_text("1 price is in the shop now.").wait_for()

    page.goto(f"/product/{sku}/x/")
    page.get_by_text(f"£{new}", exact=False).first.wait_for()
    page.get_by_text(f"Lowest price of the last 30 days before the reduction: {old} GBP").first.wait_for()
    shown = page.locator(".price-large").inner_text()
    assert f"£{new}" in shown and f"£{old}" in shown
    product = page.url

    page.goto(proposal)
    page.get_by_role("button", name="Undo: put the price before back").click()
    page.get_by_text("The price before is in the shop again.").wait_for()
    page.goto(product)
    assert page.locator(".price-large").inner_text().strip() == f"£{old}"
    assert page.get_by_text("Lowest price of the last 30 days").count() == 0
    assert complaints == []


def test_a_price_shown_holds_in_the_cart(page: Page) -> None:
    log_in(page)
    page.goto(f"{WORKLIST}?direction=up")
    page.goto(f"/product/{sku_of(page)}/x/")
    old = page.locator(".price-large").inner_text().strip().split()[0]
    page.get_by_role("button", name="Add to cart").first.click()
    page.goto(f"{WORKLIST}?direction=up")
    for key in ("j", "x", "a"):
        page.keyboard.press(key)
    page.get_by_role("heading", name="Approve 1 price").wait_for()
    page.get_by_role("button", name="Yes, change these prices").click()
    page.get_by_text("1 price is in the shop now.").wait_for()
    page.goto("/cart/")
    assert f"{old} each (as shown to you; now £" in page.locator(".cart-name").inner_text()


def test_a_rule_is_previewed_while_it_is_typed(page: Page) -> None:
    complaints: list[str] = []
    page.on("pageerror", lambda error: complaints.append(str(error)))
    log_in(page)
    page.goto("/admin/ecomai_pricing/pricingrule/add/")
    panel = page.locator("[data-ecomai-rule-preview]")
    panel.get_by_text("products on sale").first.wait_for()
    assert not page.locator("[name=markup]").is_visible()
    page.locator("[name=action]").select_option("markup")
    page.locator("[name=markup]").fill("90")
    page.locator("[name=max_change_week]").fill("5")
    panel.get_by_text("Stopped by the largest change per week").first.wait_for()
    assert "products on sale" in panel.get_by_role("status").inner_text()
    assert panel.get_by_role("button", name="Preview").count() == 1
    assert page.locator("[data-ecomai-preview-plain]").count() == 0
    assert complaints == []


def test_the_preview_stays_in_view_beside_the_fields_and_covers_none_on_a_phone(page: Page) -> None:
    page.set_viewport_size({"width": 1400, "height": 850})
    log_in(page)
    page.goto("/admin/ecomai_pricing/pricingrule/add/")
    panel, field = page.locator("[data-ecomai-rule-preview]"), page.locator("[name=map_attribute]")
    panel.get_by_text("products on sale").first.wait_for()
    field.scroll_into_view_if_needed()
    page.evaluate("window.scrollBy(0, 400)")
    top = panel.evaluate("node => node.getBoundingClientRect().top")
    assert 0 <= top < 100
    page.set_viewport_size({"width": 390, "height": 850})
    boxes = [box for box in (field.bounding_box(), panel.bounding_box()) if box is not None]
    assert len(boxes) == 2 and boxes[0]["y"] + boxes[0]["height"] <= boxes[1]["y"]


def test_shortcuts_are_switched_off_and_stay_so(page: Page) -> None:
    log_in(page)
    for path in (WORKLIST, "/admin/ecomai_inventory/suggestion/", "/admin/ecomai_pricing/competitormatch/"):
        page.goto(path)
        switch = page.get_by_label("Shortcuts")
        switch.check()
        page.keyboard.press("j")
        page.locator("tr.ecomai-current").wait_for()
        switch.uncheck()
        page.reload()
        assert not switch.is_checked()
        page.keyboard.press("j")
        page.keyboard.press("x")
        assert page.locator("tr.ecomai-current, tbody input.action-select:checked").count() == 0
        switch.check()


def test_two_prices_are_tried_and_the_test_is_stopped(page: Page) -> None:
    complaints: list[str] = []
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
    log_in(page)
    page.goto(WORKLIST)
    page.locator(".ecomai-what").nth(3).click()
    proposal = page.url
    page.get_by_role("link", name="Price test …").click()
    page.get_by_role("heading", name="What it teaches").wait_for()
    page.get_by_text("The costs of this shop are simulated").wait_for()
    page.get_by_label("Weeks").fill("4")
    page.get_by_role("button", name="Work it out again").click()
    page.get_by_text("In 2 of the 4 weeks it is the lower one").wait_for()
    # four weeks may teach too little to be recommended
    page.get_by_role("button", name=re.compile("Yes, start the test on Monday|Start it all the same")).click()
    page.get_by_text("The test begins on Monday").wait_for()
    assert page.get_by_text("to come").count() == 4
    page.goto(proposal)
    page.get_by_role("link", name="Two prices are being tried").click()
    page.get_by_placeholder("Reason").fill("enough")
    page.get_by_role("button", name="Stop and restore the price").click()
    page.get_by_text("The test is over").wait_for()
    assert complaints == []


@pytest.mark.parametrize("width", [1280, 390])
def test_no_page_is_wider_than_the_screen(page: Page, width: int) -> None:
    page.set_viewport_size({"width": width, "height": 850})
    log_in(page)
    paths = [
        WORKLIST,
        f"{WORKLIST}replay/",
        "/admin/ecomai_pricing/pricingrule/",
        "/admin/ecomai_pricing/pricingrule/add/",
        "/admin/ecomai_pricing/pricechange/",
        "/admin/ecomai_pricing/pricereduction/",
        "/admin/ecomai_pricing/productelasticity/",
        "/admin/ecomai_pricing/pricetest/",
        "/admin/ecomai_pricing/volumeoffer/",
        "/admin/ecomai_pricing/volumeoffer/segments/",
    ]
    page.goto(WORKLIST)
    paths.append(page.locator(".ecomai-what").first.get_attribute("href") or "")
    for path in paths:
        page.goto(path)
        assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth"), path
