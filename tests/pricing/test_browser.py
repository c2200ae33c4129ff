"""The pages of prices in a real browser: what is typed, ticked and heard."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from django.conf import settings as django_settings
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone

from django_ecomai.testing import product_make
from tests.dashboard import test_browser as start_page

from .adapters import PricedShop
from .factories import priced_product, proposal_make
from .market import match_make, offer_make
from .pages import states

if TYPE_CHECKING:
    from playwright.sync_api import Page

chromium = start_page.chromium  # a fixture
pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
LIST = "/admin/ecomai_pricing/priceproposal/"
FOCUSED = "document.activeElement.getAttribute('aria-label')"


@pytest.fixture
def page(chromium: Any, live_server: Any) -> Iterator[Page]:
    """Signed in; complains about errors of scripts."""
    client = Client()
    client.force_login(User.objects.create_superuser("boss"))
    session = client.cookies[django_settings.SESSION_COOKIE_NAME].value
    context = chromium.new_context(base_url=live_server.url, viewport={"width": 1400, "height": 900})
    context.add_cookies([{"name": django_settings.SESSION_COOKIE_NAME, "value": session, "url": live_server.url}])
    page = context.new_page()
    complaints: list[str] = []
    page.on("pageerror", lambda error: complaints.append(str(error)))
    yield page
    context.close()
    assert complaints == []


def test_who_types_a_day_does_not_want_it_now_and_what_was_ticked_stays(page: Page, shop: PricedShop) -> None:
    for number in range(3):
        proposal_make(priced_product(title=f"Lamp {number}"), risk="low")
    page.goto(f"{LIST}?risk__exact=low")
    for key in ("j", "x", "j", "x", "a"):
        page.keyboard.press(key)
    page.get_by_role("heading", name="Approve 2 prices").wait_for()
    page.get_by_role("link", name="No, back to the list").click()
    page.get_by_text("2 of 3 selected").wait_for()
    assert page.url.endswith("?risk__exact=low") and page.locator("input.action-select:checked").count() == 2

    page.keyboard.press("r")  # without a reason: it is asked for
    page.get_by_role("heading", name="Reject 2 prices").wait_for()
    page.get_by_role("link", name="No, back to the list").click()
    page.get_by_text("2 of 3 selected").wait_for()

    page.keyboard.press("a")
    when, day = page.get_by_label("Into the shop", exact=True).last, page.get_by_label("Day", exact=True)
    day.fill("2026-01-02")
    assert when.input_value() == "later"
    day.fill("")
    assert when.input_value() == "now"
    at = timezone.localtime() + timedelta(days=2)
    day.fill(at.strftime("%Y-%m-%d"))
    page.get_by_label("Time of day").fill("06:00")
    page.get_by_role("button", name="Yes, change these prices").click()
    page.get_by_text("2 are approved for later.").wait_for()
    assert page.url.endswith("?risk__exact=low") and states() == ["scheduled", "scheduled", "open"]
    assert shop.written == []

    page.goto(f"{LIST}?show=waiting")
    page.keyboard.press("Tab")
    page.locator("input.action-select").first.check()
    page.get_by_role("button", name="Open again").click()  # needs no day, which the browser must not ask for
    page.get_by_text("1 is open again.").wait_for()
    assert states().count("open") == 2


def test_the_review_list_says_what_it_is_about(page: Page) -> None:
    for title, sure in (("Lip gloss", 0.7), ("Lunch bag", 0.6)):
        product = product_make(title=f"Our {title}", price="1.65")
        match_make(state="proposed", method="title", confidence=sure, product=product, offer=offer_make(title=title))
    page.goto("/admin/ecomai_pricing/competitormatch/")
    page.keyboard.press("j")
    assert "Lip gloss" in page.evaluate(FOCUSED) and "Our Lip gloss" in page.evaluate(FOCUSED)
    page.keyboard.press("r")
    said = page.locator("[data-ecomai-said]")
    said.get_by_text("Lip gloss: another product").wait_for(state="attached")
    assert "Lunch bag" in page.evaluate(FOCUSED)
    assert "Lip gloss" in str(page.get_by_role("button", name="Undo").first.get_attribute("aria-label"))
