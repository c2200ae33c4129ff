"""The page about shops elsewhere: its commands are typed by curl, its TypeScript is checked and run."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any, ClassVar

import pytest

from django_ecomai.events.models import Event
from django_ecomai.ingest.saleor.mapping import EVENTS
from django_ecomai.mirror.models import Customer, Order, Product
from tests.docs.blocks import DOCS, Block, page_blocks

from .conftest import Sender
from .test_keys import run
from .test_saleor import typename

PAGE = DOCS / "howto" / "headless.md"
CLIENT = DOCS / "_static" / "ecomai-client.ts"
#: Where `npm install typescript` has put it, when not on the PATH.
TSC = os.environ.get("ECOMAI_TEST_TSC") or shutil.which("tsc")


def blocks(language: str) -> list[Block]:
    return [block for block in page_blocks(PAGE) if block.language == language]


def typed(text: str, url: str, key: str) -> dict[str, Any]:
    """What a shell answers to a block."""
    done = subprocess.run(
        ["bash", "-euc", text],
        env={**os.environ, "ECOMAI": url, "KEY": key},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return json.loads(done.stdout)


def make_key() -> str:
    """By the command as the page types it."""
    [command] = [block.text for block in blocks("console") if "ecomai_key" in block.text]
    return run(*shlex.split(command.removeprefix("$ python manage.py ecomai_key")))


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
def test_the_commands_of_the_page_do_what_it_says(live_server: Any) -> None:
    key, url = make_key(), f"{live_server.url}/ecomai"
    answers = [typed(block.text, url, key) for block in blocks("bash")]
    categories, products, stock, orders, customers, events, recommendations, holds, checked, ledger = answers
    assert products == json.loads(blocks("json")[0].text)
    assert [one["accepted"] for one in (categories, stock, orders, customers)] == [1, 1, 1, 1]
    assert [one.get("reason", "") for one in events["verdicts"]] == ["", "", "no_consent"]
    assert recommendations["placement"] == "product"
    assert holds["minutes"] == 60 and holds["rows"][0]["token"].startswith("WyIi") and ledger == []
    assert checked["rows"] == [{"product_id": "LAN-1", "price": None, "currency": ""}]
    assert typed(blocks("bash")[1].text, url, key) == products  # sent again under its Idempotency-Key
    lantern = Product.objects.get(external_id="LAN-1")
    assert (lantern.stock, Order.objects.get().lines.get().product) == (11, lantern)
    assert (Customer.objects.get().external_id, Event.objects.count()) == ("17", 2)


def node() -> str | None:
    """A Node that runs TypeScript by itself: the one that comes with playwright, else the system's."""
    try:
        from playwright._impl._driver import compute_driver_executable
    except ImportError:
        found = shutil.which("node")
    else:
        found = str(compute_driver_executable()[0])
    if found is None:
        return None
    version = subprocess.run([found, "--version"], capture_output=True, text=True).stdout
    match = re.match(r"v(\d+)\.(\d+)", version)
    return found if match and (int(match[1]), int(match[2])) >= (23, 6) else None


def example(folder: Path) -> Path:
    """The page's TypeScript beside the client."""
    shutil.copy(CLIENT, folder)
    (folder / "package.json").write_text('{"type": "module"}')
    file = folder / "example.ts"
    file.write_text("\n".join(block.text for block in blocks("ts")))
    return file


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
@pytest.mark.skipif(node() is None, reason="no Node 23.6 or newer, which runs TypeScript")
def test_the_typescript_of_the_page_runs(live_server: Any, tmp_path: Path) -> None:
    file = example(tmp_path)
    done = subprocess.run(
        [str(node()), str(file)],
        env={**os.environ, "ECOMAI": f"{live_server.url}/ecomai", "KEY": make_key()},
        capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[0] == "1 0"
    assert (Product.objects.get().title, Event.objects.count()) == ("Green lantern", 1)


class Moody(BaseHTTPRequestHandler):
    """Says what ``answers`` says, one after the other; ``None``: nothing for a while."""

    answers: ClassVar[list[tuple[int, dict[str, str]] | None]] = []
    asked: ClassVar[list[tuple[str, str | None]]] = []

    def do_GET(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.asked.append((self.command, self.headers.get("Idempotency-Key")))
        answer = self.answers.pop(0)
        if answer is None:
            time.sleep(3)
            return
        self.send_response(answer[0])
        for name, value in answer[1].items():
            self.send_header(name, value)
        body = b'{"carousels": [], "accepted": 1}'
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_POST = do_GET

    def log_message(self, *args: Any) -> None:
        """Silence."""


@pytest.mark.slow
@pytest.mark.skipif(node() is None, reason="no Node 23.6 or newer, which runs TypeScript")
def test_the_client_waits_no_longer_than_it_should_and_tries_again(tmp_path: Path) -> None:
    shutil.copy(CLIENT, tmp_path)
    (tmp_path / "package.json").write_text('{"type": "module"}')
    file = tmp_path / "try.ts"
    file.write_text(
        'import { Ecomai, EcomaiError } from "./ecomai-client.ts";\n'
        "const options = { tries: 3, askTimeout: 1200, sendTimeout: 1200, longestPause: 20 };\n"
        'const ecomai = new Ecomai(process.env.ECOMAI!, "k", options);\n'
        "const told: string[] = [];\n"
        "const tell = (work: Promise<unknown>) => work.then(\n"
        '  () => told.push("ok"),\n'
        "  (error) => told.push(error instanceof EcomaiError ? String(error.status) : error.name));\n"
        'await tell(ecomai.recommendations("home"));\n'
        'await tell(ecomai.send("products", []));\n'
        'await tell(ecomai.recommendations("home"));\n'
        'await tell(ecomai.recommendations("home"));\n'
        'await tell(ecomai.send("products", []));\n'
        'console.log(told.join(" "));\n'
    )
    day = {"Retry-After": "86400"}
    Moody.asked.clear()
    Moody.answers[:] = [
        None, (503, day), (200, {}),  # a question that nobody answers, then too early
        (409, day), None, (200, {}),  # a delivery likewise, always under its key
        None, None, None,  # never
        (403, {}),  # refused
        (503, {}), (503, {}), (503, {}),
    ]  # fmt: skip
    server = ThreadingHTTPServer(("127.0.0.1", 0), Moody)
    Thread(target=server.serve_forever, daemon=True).start()
    try:
        done = subprocess.run(
            [str(node()), str(file)], env={**os.environ, "ECOMAI": f"http://127.0.0.1:{server.server_port}"},
            capture_output=True, text=True, timeout=60,
        )  # fmt: skip
    finally:
        server.shutdown()
        server.server_close()
    assert done.stdout.split() == ["ok", "ok", "TimeoutError", "403", "503"], done.stderr
    assert Moody.answers == []
    keys = [key for method, key in Moody.asked if method == "POST"]
    assert len(keys) == 6 and len(set(keys[:3])) == len(set(keys[3:])) == 1 and keys[0] != keys[3]


@pytest.mark.slow
@pytest.mark.skipif(TSC is None, reason="tsc is not installed: npm install -g typescript, or set ECOMAI_TEST_TSC")
def test_the_typescript_is_typed(tmp_path: Path) -> None:
    file = example(tmp_path)
    # The example runs in Node, whose types are another package's.
    (tmp_path / "node.d.ts").write_text("declare const process: { env: Record<string, string | undefined> };\n")
    wrong = tmp_path / "wrong.ts"
    wrong.write_text(
        'import { Ecomai } from "./ecomai-client.ts";\n'
        'const ecomai = new Ecomai("x", "y");\n'
        "// @ts-expect-error an order is sent with its lines\n"
        'ecomai.send("orders", [{ id: "1", placed_at: "2026-03-01" }]);\n'
        "// @ts-expect-error there is no such purpose\n"
        'ecomai.track([{ name: "view_item", consent: ["everything"] }]);\n'
    )
    done = subprocess.run(
        [str(TSC), "--noEmit", "--strict", "--target", "es2022", "--lib", "es2022,dom", "--module", "nodenext",
         "--types", "", "--allowImportingTsExtensions", str(file), str(wrong), str(tmp_path / "node.d.ts")],
        capture_output=True, text=True, timeout=120, cwd=tmp_path,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout


def test_the_client_is_short_and_holds_the_tables_of_the_api() -> None:
    text = CLIENT.read_text()
    assert len(text.splitlines()) < 240
    from django_ecomai.ingest.urls import urlpatterns

    questions = {"saleor", "events", "recommendations", "ledger", "holds", "holds-check"}
    names = {str(one.name).removeprefix("api-") for one in urlpatterns} - questions
    declared = re.search(r"export type Table =(.*?);", text, re.DOTALL)
    assert declared and set(re.findall(r'"(\w+)"', declared[1])) == names


def test_the_subscription_asks_for_events_that_are_taken() -> None:
    [block] = blocks("graphql")
    asked = set(re.findall(r"\.\.\. on (\w+)", block.text))
    assert asked and asked <= {typename(event) for event in EVENTS}
    assert "__typename" in block.text and "issuedAt" in block.text
    assert block.text.count("{") == block.text.count("}")


def test_every_event_of_the_subscription_gives_rows(make_sender: Callable[..., Sender]) -> None:
    from django_ecomai.ingest.saleor.mapping import event_rows

    from .test_saleor import order, product

    subjects = {
        "product": product(), "productVariant": {"id": "V1"}, "category": {"id": "C1", "name": "C"}, "order": order(),
        "user": {"id": "U1"},
    }  # fmt: skip
    assert [event for event in EVENTS if not event_rows(event, subjects, saleor_channel="eu")] == []
