"""What shoppers see, in a real browser, with the real shop behind two worker processes."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Browser, BrowserContext, Page

pytestmark = [pytest.mark.browser, pytest.mark.slow]

CAROUSEL = "section.ecomai-carousel"


def consent(page: Page) -> None:
    page.goto("/")
    page.get_by_role("button", name="Yes, accept").click()
    page.wait_for_load_state()


def titles(page: Page, number: int = 0) -> list[str]:
    """Product titles of the page's carousel of that number, in order."""
    items = page.locator(CAROUSEL).nth(number).locator("li[data-ecomai-product]")
    return [item.locator(".card-name").first.inner_text() for item in items.all()]


def products(page: Page, number: int = 0) -> list[str]:
    items = page.locator(CAROUSEL).nth(number).locator("li[data-ecomai-product]").all()
    return [item.get_attribute("data-ecomai-product") or "" for item in items]


def heading(page: Page, number: int = 0) -> str:
    return page.locator(CAROUSEL).nth(number).locator("h2").inner_text()


def view_lanterns(page: Page, count: int = 3) -> list[str]:
    page.goto("/search/?q=lantern")
    links = page.locator("main a[href^='/product/']")
    paths = list(dict.fromkeys(link.get_attribute("href") or "" for link in links.all()))
    assert len(paths) >= count
    for path in paths[:count]:
        with page.expect_response(lambda answer: "/capture/" in answer.url):
            page.goto(path)
            page.wait_for_load_state("networkidle")
    return [path.split("/")[2] for path in paths[:count]]


def test_home_product_and_cart_have_carousels_with_reasons(page: Page) -> None:
    consent(page)
    # Nothing is known of this visitor, and the heading does not pretend otherwise.
    assert heading(page) == "Popular right now"
    assert len(titles(page)) >= 4
    path = page.locator(f"{CAROUSEL} a[href^='/product/']").first.get_attribute("href")
    page.goto(str(path))
    shown = str(path).split("/")[2]
    assert page.locator(CAROUSEL).count() >= 1
    everything = [one for number in range(page.locator(CAROUSEL).count()) for one in products(page, number)]
    assert shown not in everything
    assert len(everything) == len(set(everything))
    page.get_by_role("button", name="Add to cart").first.click()
    page.goto("/cart/")
    assert page.locator(CAROUSEL).count() >= 1
    assert shown not in products(page)


def test_three_lanterns_change_the_home_page_of_a_new_visitor_on_any_worker(page: Page) -> None:
    consent(page)
    before = titles(page)
    viewed = view_lanterns(page)
    page.goto("/")
    after = titles(page)
    assert after != before
    first = page.locator(CAROUSEL).first
    assert heading(page) == "For you"
    assert re.search(r"Because you viewed .*lantern", first.inner_text(), re.IGNORECASE)
    assert sum("lantern" in title.lower() for title in after) > sum("lantern" in title.lower() for title in before)
    # Two processes answer in turn; each must know what the visitor did on the other.
    for _ in range(6):
        page.goto("/")
        assert titles(page) == after
    recently = [page.locator(CAROUSEL).nth(number) for number in range(page.locator(CAROUSEL).count())]
    past = {"continue shopping", "recently viewed"}
    seen = next(one for one in recently if one.locator("h2").inner_text().lower() in past)
    listed = [item.get_attribute("data-ecomai-product") for item in seen.locator("li[data-ecomai-product]").all()]
    # Newest first; a product that another carousel of the page shows already is not repeated.
    assert len(listed) >= 2
    assert listed == [one for one in reversed(viewed) if one in listed]


def test_without_consent_nothing_is_remembered(page: Page, context: BrowserContext) -> None:
    page.goto("/")
    page.get_by_role("button", name="Only necessary").click()
    page.wait_for_load_state()
    before = titles(page)
    page.goto("/search/?q=lantern")
    page.locator("main a[href^='/product/']").first.click()
    page.goto("/")
    assert titles(page) == before
    assert "ecomai_visitor" not in {cookie["name"] for cookie in context.cookies()}


def test_not_interested_takes_a_product_away_for_good(page: Page) -> None:
    consent(page)
    unwanted = products(page)[0]
    with page.expect_response(lambda answer: "/capture/" in answer.url):
        page.locator(f"{CAROUSEL} [data-ecomai-dismiss]").first.click()
    page.locator(f"{CAROUSEL} >> nth=0").locator(f"[data-ecomai-product='{unwanted}']").wait_for(state="hidden")
    page.goto("/")
    assert unwanted not in products(page)


def test_the_focus_stays_where_a_product_was_waved_away(page: Page) -> None:
    consent(page)
    before = products(page)
    items = page.locator(CAROUSEL).first.locator("li[data-ecomai-product]")
    items.nth(3).locator("[data-ecomai-dismiss]").focus()
    page.keyboard.press("Enter")
    items.locator(f"xpath=self::*[@data-ecomai-product='{before[3]}']").wait_for(state="detached")
    assert page.evaluate("document.activeElement.closest('[data-ecomai-product]').dataset.ecomaiProduct") == before[4]
    for _ in range(len(before) - 1):
        items.first.locator("[data-ecomai-dismiss]").click()
    page.locator(CAROUSEL).first.locator("ul").wait_for(state="hidden")


def test_not_interested_is_taken_back_by_one_click(page: Page) -> None:
    consent(page)
    before = products(page)
    carousel = page.locator(CAROUSEL).first
    with page.expect_response(lambda answer: "/capture/" in answer.url):
        carousel.locator("[data-ecomai-dismiss]").nth(1).click()
    status = carousel.get_by_role("status")
    assert "not suggested to you again" in status.inner_text()
    with page.expect_response(lambda answer: "/capture/" in answer.url):
        status.get_by_role("button", name="Undo").click()
    assert products(page) == before
    focused = "document.activeElement.closest('[data-ecomai-product]').dataset.ecomaiProduct"
    assert page.evaluate(focused) == before[1]
    status.locator("p").wait_for(state="hidden")
    page.goto("/")
    assert before[1] in products(page)


def test_carousel_is_walked_by_keyboard(page: Page) -> None:
    consent(page)
    carousel = page.locator(CAROUSEL).first
    shelf = carousel.locator("ul")
    shelf.focus()
    page.keyboard.press("ArrowRight")
    focused = "document.activeElement.closest('[data-ecomai-product]').dataset.ecomaiProduct"
    assert page.evaluate(focused) == products(page)[0]
    for _ in range(5):
        page.keyboard.press("ArrowRight")
    assert page.evaluate(focused) == products(page)[5]
    page.wait_for_function(f"document.querySelector('{CAROUSEL} ul').scrollLeft > 0")
    page.keyboard.press("Home")
    assert page.evaluate(focused) == products(page)[0]
    page.keyboard.press("Enter")
    page.wait_for_url(re.compile(r"/product/"))


def test_next_button_scrolls_and_says_when_it_is_at_the_end(page: Page) -> None:
    consent(page)
    carousel = page.locator(CAROUSEL).first
    forward, back = (
        carousel.get_by_role("button", name="Next products"),
        carousel.get_by_role("button", name="Previous products"),
    )
    assert back.get_attribute("aria-disabled") == "true"
    forward.click()
    page.wait_for_function(f"document.querySelector('{CAROUSEL} ul').scrollLeft > 100")
    page.wait_for_function(
        f"document.querySelector('{CAROUSEL} [data-ecomai-previous]').getAttribute('aria-disabled') === 'false'"
    )


def test_shop_fits_a_phone(browser: Browser, shop_url: str) -> None:
    context = browser.new_context(base_url=shop_url, viewport={"width": 360, "height": 740}, has_touch=True)
    page = context.new_page()
    for path in ("/", "/search/?q=lantern", "/cart/"):
        page.goto(path)
        assert page.evaluate("document.documentElement.scrollWidth") <= 360, path
    page.goto("/")
    page.locator(f"{CAROUSEL} a[href^='/product/']").first.click()
    page.wait_for_url(re.compile(r"/product/"))
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    context.close()


def test_shop_works_without_javascript(browser: Browser, shop_url: str) -> None:
    context = browser.new_context(base_url=shop_url, java_script_enabled=False)
    page = context.new_page()
    page.goto("/")
    assert page.locator(f"{CAROUSEL} li[data-ecomai-product] a[href^='/product/']").count() >= 4
    assert not page.locator(f"{CAROUSEL} button:visible", has_text="×").count()
    page.locator(f"{CAROUSEL} a[href^='/product/']").first.click()
    page.get_by_role("button", name="Add to cart").first.click()
    page.goto("/cart/")
    assert page.locator(CAROUSEL).count() >= 1
    context.close()


def test_carousels_do_not_shift_the_page(page: Page) -> None:
    page.add_init_script(
        "window.shift = 0; new PerformanceObserver(list => { for (const entry of list.getEntries())"
        " if (!entry.hadRecentInput) window.shift += entry.value; }).observe({type: 'layout-shift', buffered: true});"
    )
    page.goto("/")
    page.wait_for_load_state("networkidle")
    page.mouse.wheel(0, 2000)
    page.wait_for_timeout(300)
    assert page.evaluate("window.shift") < 0.02


def test_a_known_customer_gets_a_page_of_his_own(page: Page) -> None:
    consent(page)
    stranger = titles(page)
    page.get_by_label("Shop as").select_option("17850")
    page.get_by_role("button", name="Go", exact=True).click()
    page.wait_for_load_state()
    assert titles(page) != stranger
    page.goto("/account/")
    assert any("again" in heading(page, number).lower() for number in range(page.locator(CAROUSEL).count()))
