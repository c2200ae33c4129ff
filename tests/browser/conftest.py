"""The example shop behind two worker processes, and a browser to shop with."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.services import chromium_path, require_service

if TYPE_CHECKING:
    from playwright.sync_api import Browser, BrowserContext, Page

ROOT = Path(__file__).resolve().parents[2]
# Chromium without a window calls itself HeadlessChrome, which is rightly taken for a robot and gets no history.
PERSON = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/130.0.0.0 Safari/537.36"
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    f"--user-agent={PERSON}",
]


@pytest.fixture(scope="session")
def shop_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A ``var/`` folder with the loaded, synced and trained shop."""
    require_service("chromium")
    folder = tmp_path_factory.mktemp("shop")
    subprocess.run(
        [sys.executable, "-m", "tests.browser.build_shop"], cwd=ROOT, env=shop_environment(folder), check=True
    )
    return folder


def shop_environment(folder: Path) -> dict[str, str]:
    """The environment of a process of the shop: its own settings, its own folder, no broker."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("DJANGO_", "CELERY_"))}
    clean.pop("DATABASE_URL", None)
    return clean | {"SHOP_VAR_DIR": str(folder), "DJANGO_SETTINGS_MODULE": "tests.browser.settings"}


@pytest.fixture(scope="session")
def shop_url(shop_folder: Path) -> Iterator[str]:
    """The shop's address; two gunicorn workers answer, so that nothing can hide in one process's memory."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    log = shop_folder / "gunicorn.log"
    command = [sys.executable, "-m", "gunicorn", "tests.browser.wsgi", "--workers", "2", "--threads", "4"]
    with log.open("w") as output:
        server = subprocess.Popen(
            [*command, "--bind", f"127.0.0.1:{port}", "--timeout", "120"],
            cwd=ROOT, env=shop_environment(shop_folder), stdout=output, stderr=subprocess.STDOUT,
        )  # fmt: skip
        try:
            _wait_for(f"http://127.0.0.1:{port}/", server, log)
            yield f"http://127.0.0.1:{port}"
        finally:
            server.terminate()
            server.wait(timeout=30)


def _wait_for(url: str, server: subprocess.Popen[bytes], log: Path) -> None:
    for _ in range(600):
        if server.poll() is not None:
            break
        try:
            urllib.request.urlopen(url, timeout=10).close()
            return
        except OSError:
            time.sleep(0.1)
    pytest.fail(f"the shop did not start:\n{log.read_text()[-3000:]}")


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    """The system's Chromium, gone with the last test of this folder: its event loop would trouble all others."""
    require_service("chromium")
    from playwright.sync_api import sync_playwright

    with pytest.MonkeyPatch.context() as patch, sync_playwright() as playwright:
        # That loop runs in the tests' own thread, where Django would refuse every query.
        patch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "true")
        chromium = playwright.chromium.launch(executable_path=chromium_path(), args=FLAGS)
        yield chromium
        chromium.close()


@pytest.fixture
def context(browser: Browser, shop_url: str) -> Iterator[BrowserContext]:
    """A new visitor on a wide screen."""
    visitor = browser.new_context(base_url=shop_url, viewport={"width": 1280, "height": 900})
    visitor.set_default_timeout(20_000)
    yield visitor
    visitor.close()


@pytest.fixture
def page(context: BrowserContext) -> Page:
    """The new visitor's first tab."""
    return context.new_page()
