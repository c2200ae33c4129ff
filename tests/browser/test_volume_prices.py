"""A price for more pieces: from the suggestion to the cart, and taken back while it lies there."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from tests.browser.test_admin import log_in

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytestmark = [pytest.mark.browser, pytest.mark.slow]
LIST = "/admin/ecomai_pricing/volumeoffer/"


def decide(page: Page, action: str) -> None:
    """With the first row of the list."""
    page.locator("tbody input.action-select").first.check()
    page.locator("select[name=action]").select_option(action)
    page.locator("button[name=index]").click()


def test_an_approved_break_is_shown_charged_and_holds_in_the_cart_when_it_is_taken_back(page: Page) -> None:
    complaints: list[str] = []
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
    log_in(page)
    page.goto(f"{LIST}?kind__exact=break")
    page.get_by_text("The costs of this shop are simulated").wait_for()
    told = page.locator("tbody tr").first.inner_text()
    found = re.search(r"From (\d+) pieces on (\d+\.\d\d) GBP each instead of (\d+\.\d\d) GBP", told)
    assert found is not None, told
    pieces, price, alone = found.groups()
    title = page.locator("tbody tr a").first.inner_text()
    decide(page, "approve")
    page.get_by_text("1 volume price approved.").wait_for()

    page.goto(f"/search/?q={title}")
    page.get_by_role("link", name=title, exact=True).first.click()
    page.get_by_text(f"{pieces} or more: £{price} each").wait_for()
    assert page.locator(".price-large").inner_text().strip() == f"£{alone}"
    assert page.get_by_text("Lowest price of the last 30 days").count() == 0
    product = page.url
    page.get_by_label("Quantity").first.fill(pieces)
    page.get_by_role("button", name="Add to cart").first.click()
    page.get_by_text(f"price from {pieces} pieces on (one alone £{alone})").wait_for()
    total = page.locator(".summary strong").inner_text()
    assert total == f"£{int(pieces) * float(price):,.2f}"

    page.goto(f"{LIST}?show=approved")
    decide(page, "withdraw")
    page.get_by_text("1 approval taken back.").wait_for()
    page.goto(product)
    assert page.get_by_text("or more: £").count() == 0
    page.goto("/cart/")
    assert page.locator(".summary strong").inner_text() == total
    assert complaints == []
