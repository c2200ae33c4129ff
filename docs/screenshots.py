"""Take the documentation's screenshots from a running demo: ``python docs/screenshots.py [URL] [part ...]``.

The URL is http://127.0.0.1:8000 unless another is given; parts are ``shop``, ``order``, ``admin``, ``buying``,
``prices`` and ``market``, all of them where none is named.

Needs the test extra and a Chromium; with Pillow the files are smaller. The visits on the pictures are its own.
"""

from __future__ import annotations

import sys
from pathlib import Path

from playwright.sync_api import Browser, Page, sync_playwright

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))
FOLDER = ROOT / "docs" / "_static" / "screenshots"
# Chromium without a window is taken for a robot, whose visits do not count.
PERSON = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/130.0.0.0 Safari/537.36"


def shop(browser: Browser, base: str) -> None:
    """A new visitor looks at three lanterns, then home, a product, the cart."""
    context = browser.new_context(base_url=base, viewport={"width": 1280, "height": 900})
    page = context.new_page()
    page.goto("/")
    page.get_by_role("button", name="Yes, accept").click()
    page.goto("/search/?q=lantern")
    links = page.locator("main a[href^='/product/']").all()
    for path in list(dict.fromkeys(link.get_attribute("href") or "" for link in links))[:3]:
        page.goto(path)
        page.wait_for_timeout(1500)
    page.goto("/")
    save(page, "storefront-home", 1250)
    page.goto("/product/22086/paper-chain-kit-50s-christmas/")
    save(page, "storefront-product", 1350)
    page.locator("section.ecomai-carousel a[href^='/product/']").first.click()
    page.get_by_role("button", name="Add to cart").first.click()
    page.goto("/cart/")
    save(page, "storefront-cart", 1100)
    page.goto("/checkout/")
    save(page, "storefront-checkout", 1450)
    page.goto("/search/?q=lantren")
    save(page, "storefront-empty-search", 1100)
    page.set_viewport_size({"width": 390, "height": 844})
    page.goto("/")
    save(page, "storefront-home-phone", 844)
    context.close()


def order(browser: Browser, base: str) -> None:
    """A known customer buys something and sees what would follow by e-mail."""
    context = browser.new_context(base_url=base, viewport={"width": 1280, "height": 900})
    page = context.new_page()
    page.goto("/")
    page.get_by_role("button", name="Yes, accept").click()
    page.locator("#shop-as").select_option("17850")
    page.get_by_role("button", name="Go", exact=True).click()
    page.goto("/search/?q=mug")
    page.locator("main a[href^='/product/']").first.click()
    page.get_by_role("button", name="Add to cart").first.click()
    page.goto("/checkout/")
    for label, text in {
        "Name": "A. Demo",
        "Street and number": "1 High St",
        "Town": "York",
        "Postcode": "YO1 7",
    }.items():
        page.get_by_label(label).fill(text)
    page.get_by_label("E-mail").fill("demo@example.com")
    page.get_by_role("button", name="Place the order").click()
    page.wait_for_url("**/thanks/**")
    page.goto(f"{page.url.rstrip('/')}/e-mail/")
    save(page, "storefront-email", 1000)
    context.close()


def admin(browser: Browser, base: str) -> None:
    """What the merchant sees: start page, the last training, a placement with sliders and preview, changes, cleaning.

    A slider is moved, saved and undone again: the list of changes shows both.
    """
    context = browser.new_context(base_url=base, viewport={"width": 1280, "height": 900})
    page = context.new_page()
    page.goto("/admin/")
    page.get_by_label("Username").fill("admin")
    page.get_by_label("Password").fill("demo")
    page.get_by_role("button", name="Log in").click()
    page.goto("/admin/ecomai_dashboard/start/?period=all")
    save(page, "admin-start", 1500)
    page.goto("/admin/ecomai_runs/run/?kind=recommend.train")
    page.locator("#result_list a[href*='/change/']").first.click()
    save(page, "admin-run", 1400)
    page.goto("/admin/ecomai_recommend/placement/")
    page.locator("#result_list").get_by_role("link", name="Home").first.click()
    form = page.url
    page.locator("summary", has_text="Fine tuning").first.click()
    page.locator("input.ecomai-slider").first.fill("0.5")
    save(page, "admin-sliders", 1150)
    page.get_by_role("button", name="Save", exact=True).click()
    page.goto("/admin/ecomai_recommend/revision/")
    page.get_by_role("link", name="Undo…").first.click()
    page.get_by_role("button", name="Yes, undo it").click()
    save(page, "admin-changes", 700)
    page.goto(form)
    page.get_by_role("link", name="Preview").first.click()
    save(page, "admin-placement", 1300)
    page.goto("/admin/ecomai_mirror/syncreport/")
    page.locator("#result_list a[href*='/change/']").first.click()
    save(page, "admin-cleaning-report", 1300)
    page.goto("/admin/ecomai_forecast/forecast/?q=22423")
    page.locator("#result_list th a").first.click()
    page.wait_for_timeout(800)
    save(page, "admin-forecast", 1300)
    context.close()


def buying(browser: Browser, base: str) -> None:
    """A buyer's morning: worklist, a product, a purchase order, a supplier, what-if."""
    context = browser.new_context(base_url=base, viewport={"width": 1280, "height": 900})
    page = context.new_page()
    page.goto("/admin/")
    page.get_by_label("Username").fill("admin")
    page.get_by_label("Password").fill("demo")
    page.get_by_role("button", name="Log in").click()
    page.goto("/admin/ecomai_inventory/suggestion/")
    for _ in range(3):
        page.keyboard.press("j")
        page.keyboard.press("x")
    save(page, "admin-worklist", 820)
    page.locator(".ecomai-what").nth(3).click()
    save(page, "admin-replenish-product", 960)
    page.goto("/admin/ecomai_inventory/suggestion/")
    for box in page.locator("tbody input.action-select").all()[:3]:
        box.check()
    page.get_by_role("button", name="Put into purchase orders").click()
    page.locator(".messagelist a").first.click()
    save(page, "admin-purchase-order", 620)
    page.goto("/admin/ecomai_inventory/suggestion/what-if/?lead_days=10")
    save(page, "admin-what-if", 1010)
    page.goto("/admin/ecomai_inventory/supplier/chain/")
    save(page, "admin-suppliers", 760)
    context.close()


def prices(browser: Browser, base: str) -> None:
    """The merchant's prices: list, approval, one price, a rule, last month again; and a reduced product in the shop.

    One price is approved and taken back again.
    """
    context = browser.new_context(base_url=base, viewport={"width": 1280, "height": 900})
    page = context.new_page()
    page.set_default_timeout(120_000)
    page.goto("/admin/")
    page.get_by_label("Username").fill("admin")
    page.get_by_label("Password").fill("demo")
    page.get_by_role("button", name="Log in").click()
    worklist = "/admin/ecomai_pricing/priceproposal/"
    page.goto(f"{worklist}replay/")
    page.get_by_role("button", name="Play them again").click()
    page.get_by_text("An estimate:").first.wait_for()
    page.goto(f"{worklist}replay/")
    save(page, "admin-prices-replay", 900)
    page.goto(worklist)
    for _ in range(3):
        page.keyboard.press("j")
        page.keyboard.press("x")
    save(page, "admin-prices", 820)
    page.keyboard.press("a")
    page.get_by_role("heading", name="Approve 3 prices").wait_for()
    save(page, "admin-prices-approve", 640)
    page.goto(f"{worklist}?risk__exact=low")
    page.locator(".ecomai-what").nth(1).click()
    save(page, "admin-price", 1150)
    page.set_viewport_size({"width": 390, "height": 844})
    save(page, "admin-price-phone", 1500)
    page.set_viewport_size({"width": 1280, "height": 900})
    page.goto("/admin/ecomai_pricing/pricingrule/add/")
    page.get_by_label("Name").fill("Wholesale lines")
    page.locator("[name=action]").select_option("markup")
    page.locator("[name=markup]").fill("90")
    page.locator("[name=min_margin]").fill("45")
    page.locator("[name=max_change_week]").fill("5")
    page.get_by_text("Stopped by the largest change per week").first.wait_for()
    page.evaluate("window.scrollTo(0, 0)")
    page.set_viewport_size({"width": 1400, "height": 900})
    save(page, "admin-price-rule", 1130)
    page.set_viewport_size({"width": 1280, "height": 900})
    page.goto(f"{worklist}?direction=down")
    sku = page.locator(".field-what .ecomai-quiet").first.inner_text().strip()
    page.locator(".ecomai-what").first.click()
    proposal = page.url
    page.get_by_role("button", name="Approve …").click()
    page.get_by_role("button", name="Yes, change these prices").click()
    page.goto("/")
    page.get_by_role("button", name="Yes, accept").click()
    page.goto(f"/product/{sku}/x/")
    save(page, "storefront-reduced", 640)
    page.goto(proposal)
    page.get_by_role("button", name="Undo: put the price before back").click()
    context.close()


def save(page: Page, name: str, height: int) -> None:
    """The upper ``height`` pixels of the page, once its pictures are there."""
    width = (page.viewport_size or {"width": 1280})["width"]
    page.set_viewport_size({"width": width, "height": height})
    page.wait_for_load_state("networkidle")
    page.wait_for_timeout(1500)  # long enough for a carousel to count as seen
    path = FOLDER / f"{name}.png"
    page.screenshot(path=path)
    compress(path)
    page.set_viewport_size({"width": width, "height": 900})


def compress(path: Path) -> None:
    """In 256 colours, which takes less than half of the space; as it is where Pillow is not installed."""
    try:
        from PIL import Image
    except ImportError:
        return
    with Image.open(path) as picture:
        small = picture.convert("RGB").quantize(256, dither=Image.Dither.NONE)
    small.save(path, optimize=True)


def market(browser: Browser, base: str) -> None:
    """Competitors: the review list with a decision or two, and where the shop stands."""
    context = browser.new_context(base_url=base, viewport={"width": 1280, "height": 900})
    page = context.new_page()
    page.goto("/admin/")
    page.get_by_label("Username").fill("admin")
    page.get_by_label("Password").fill("demo")
    page.get_by_role("button", name="Log in").click()
    page.goto("/admin/ecomai_pricing/competitormatch/")
    for key in "jar":  # down, the same, another
        page.keyboard.press(key)
        page.wait_for_timeout(500)
    for _ in range(2):  # taken back: the pictures leave the demo as it was
        page.keyboard.press("u")
        page.wait_for_timeout(500)
    save(page, "admin-competitor-review", 820)
    page.goto("/admin/ecomai_pricing/competitoroffer/market/")
    save(page, "admin-competitor-market", 760)
    context.close()


def main() -> None:
    """Take them all."""
    from tests.services import chromium_path

    base = sys.argv[1] if len(sys.argv) > 1 else "http://127.0.0.1:8000"
    parts = {part.__name__: part for part in (shop, order, admin, buying, prices, market)}
    FOLDER.mkdir(parents=True, exist_ok=True)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=chromium_path(), args=["--no-sandbox", f"--user-agent={PERSON}"]
        )
        for name in sys.argv[2:] or parts:
            parts[name](browser, base)
        browser.close()


if __name__ == "__main__":
    main()
