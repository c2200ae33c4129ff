""" "Add to an Oscar shop in ten minutes" does what it says, on Oscar's own default shop and in a browser."""

from __future__ import annotations

import json
import os
import re
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.docs.blocks import DOCS, ROOT, page_blocks
from tests.services import require_service

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

GUIDE = DOCS / "tutorial" / "oscar.md"
PLAIN = ROOT / "tests" / "docs" / "oscar_shop"

pytestmark = [pytest.mark.service("oscar"), pytest.mark.browser, pytest.mark.slow]


def environment(shop: Path) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("DJANGO", "ECOMAI", "CELERY"))}
    return {**kept, "PYTHONPATH": os.pathsep.join([str(shop), str(ROOT)])}


def manage(shop: Path, *commands: str) -> str:
    """Run commands of ``manage.py`` in one process; the test fails showing the output when one ends badly."""
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "manage.py", "-"],
        cwd=shop, env=environment(shop), input="\n".join(commands), text=True, capture_output=True, timeout=300,
    )  # fmt: skip
    assert done.returncode == 0, f"{commands} ended with {done.returncode}\n{done.stdout}\n{done.stderr}"
    return done.stdout


def follow(shop: Path, *, begin: str, end: str) -> list[str]:
    """Do what the guide says between two headings; gives the commands that were run."""
    text, done, waiting = GUIDE.read_text(), [], []
    first, last = (text[: text.index(heading)].count("\n") for heading in (begin, end))
    for block in page_blocks(GUIDE):
        if not first < block.line < last:
            continue
        if block.mark == "run":
            for line in block.text.splitlines():
                assert line.startswith("$ python manage.py "), line
                waiting.append(line.removeprefix("$ python manage.py "))
                if waiting[-1] == "ecomai_sync":
                    waiting.insert(-1, str(PLAIN / "seed.py"))
        elif block.mark:
            if waiting and block.mark == "append":  # another setting needs another process
                manage(shop, *waiting)
                done, waiting = done + waiting, []
            path = shop / block.value
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text((path.read_text() + "\n\n" if block.mark == "append" else "") + block.text)
    manage(shop, *waiting)
    return done + waiting


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Oscar's default shop with all steps done; the part about shops that differ is left out."""
    require_service("oscar")
    require_service("chromium")
    home = tmp_path_factory.mktemp("oscar")
    (home / "frobshop").mkdir()
    (home / "frobshop" / "__init__.py").touch()
    shutil.copy(PLAIN / "manage.py", home)
    shutil.copy(PLAIN / "settings.py", home / "frobshop" / "settings.py")
    done = follow(home, begin="# Add to", end="## What is taken for what")
    assert [one for one in done if not one.endswith(".py")] == [
        "check", "migrate", "ecomai_sync", "ecomai_train", "ecomai_doctor",
    ]  # fmt: skip
    return home


@pytest.fixture(scope="module")
def address(shop: Path) -> Iterator[str]:
    """The running shop."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    log = shop / "server.log"
    url = f"http://127.0.0.1:{port}"
    with log.open("w") as output:
        server = subprocess.Popen(
            [sys.executable, "-W", "ignore", "manage.py", "runserver", "--noreload", f"127.0.0.1:{port}"],
            cwd=shop, env=environment(shop), stdout=output, stderr=subprocess.STDOUT,
        )  # fmt: skip
        try:
            for _ in range(600):
                if server.poll() is not None:
                    break
                try:
                    urllib.request.urlopen(f"{url}/catalogue/", timeout=20).close()
                    yield url
                    return
                except OSError:
                    time.sleep(0.1)
            pytest.fail(f"the shop did not start:\n{log.read_text()[-3000:]}")
        finally:
            server.terminate()
            server.wait(timeout=30)


def carousel(page: Page) -> list[str]:
    """Titles of what the carousels of the page show, as Oscar's template draws them."""
    return [link.get_attribute("title") or "" for link in page.locator(".ecomai-carousel .product_pod h3 a").all()]


def test_browse_search_basket_and_checkout_in_the_browser(shop: Path, address: str, browser: Browser) -> None:
    context = browser.new_context(base_url=address)
    context.set_default_timeout(30_000)
    # Oscar's pages name a copy of jQuery elsewhere and take their own when it does not come.
    context.route(re.compile(r"^https?://(?!127\.0\.0\.1)"), lambda route: route.abort())
    page = context.new_page()
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))

    # Search, and open a product: its partner in the orders of the past is recommended beside it.
    page.goto("/catalogue/")
    page.get_by_placeholder("Search").first.fill("Lantern no. 2")
    page.get_by_role("button", name="Search").first.click()
    page.locator(".product_pod h3 a[title='Lantern no. 2']").first.click()
    page.wait_for_load_state()
    shown = carousel(page)
    assert "Candle no. 2" in shown
    assert "Lantern no. 2" not in shown
    assert not {"Small mug", "Large mug"} & set(shown), "parents are recommended, not their children"

    # Take the recommendation, and put it into the basket from there.
    with page.expect_response(lambda answer: "/capture/" in answer.url):
        page.locator(".ecomai-carousel h3 a[title='Candle no. 2']").first.click()
    page.wait_for_url("**/candle-no-2_*/")
    page.locator("#add_to_basket_form button[type=submit]").click()
    page.locator("#messages .alert-success").first.wait_for()  # Oscar shows the product again
    page.goto("/basket/")
    shown = carousel(page)
    assert shown
    assert "Candle no. 2" not in shown

    # Check out as a guest.
    page.goto("/checkout/")
    page.locator("input[name=username]").fill("guest@example.com")
    page.locator("input[name=options][value=anonymous]").check()
    page.locator("form button[type=submit]").last.click()
    page.wait_for_url("**/checkout/shipping-address/")
    for name, value in {
        "first_name": "Ada", "last_name": "King", "line1": "1 High Street", "line4": "London", "postcode": "N1 9RT",
    }.items():  # fmt: skip
        page.locator(f"input[name={name}]").fill(value)
    page.locator("#new_shipping_address button[type=submit]").click()
    page.wait_for_url("**/checkout/payment-details/")
    page.locator("#view_preview").click()
    page.wait_for_url("**/checkout/preview/")
    page.locator("#place-order").click()
    page.wait_for_url("**/checkout/thank-you/")
    assert "Candle no. 2" in page.locator("body").inner_text()
    assert errors == []
    context.close()

    found = json.loads(manage(shop, "check", str(PLAIN / "after.py")).splitlines()[-1])
    assert found["guest"] == "guest@example.com"
    assert found["copied"] == [["open", None, f"{float(found['total']):.4f}"]]
    assert found["events"] == [
        "search", "view_item", "view_item", "add_to_cart", "view_item", "begin_checkout", "purchase",
    ]  # fmt: skip
    assert found["clicked"], "the click on the carousel, with its token"
    # What was sold is off the stock; a new price and a delivery are followed at once.
    for name in ("stock", "price_now", "stock_now"):
        copied, real = map(float, found[name])
        assert copied == real, name


def test_the_guide_says_how_another_shop_differs(shop: Path) -> None:
    """Runs last: it changes the settings of the shop."""
    assert follow(shop, begin="## When your shop differs", end="## What next") == ["check"]
