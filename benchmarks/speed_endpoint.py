"""The whole endpoint beside hand-written views: a seeded shop on PostgreSQL, gunicorn, a load process.

`measure` makes a database of its own and drops it again.
"""

from __future__ import annotations

import json
import os
import secrets
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

PRODUCTS = 5_000
CATEGORIES = 40
VISITORS = 400
EVENTS = 20
WORKERS = 2
ROUNDS = 5
SECONDS = 3.0
#: name -> (path, whether it is ours, by what it is divided)
VIEWS: dict[str, tuple[str, bool, str]] = {
    "nothing": ("/nothing/", False, ""),
    "JSON by hand": ("/hand/json/", False, ""),
    "JSON by hand, DRF": ("/hand/drf/", False, ""),
    "JSON by hand, SQL as text": ("/hand/text/", False, ""),
    "EcomAI: recommendations/home": ("/ecomai/api/recommendations/home/", True, "JSON by hand"),
    "page by hand": ("/hand/page/", False, ""),
    "EcomAI: page with the tag": ("/page/", True, "page by hand"),
    "EcomAI: fragment": ("/ecomai/fragment/home/", True, "page by hand"),
}


def measure(folder: Path, database: str, *, rounds: int = ROUNDS, seconds: float = SECONDS) -> list[dict[str, Any]]:
    """Rows of the table. ``database`` is the URL of a server's database; one beside it is made and dropped."""
    name = f"ecomai_speed_{secrets.token_hex(4)}"
    url = urlsplit(database)._replace(scheme="postgres", path=f"/{name}").geturl()
    folder.mkdir(parents=True, exist_ok=True)
    env = {**os.environ, "SPEED_DIR": str(folder), "SPEED_DATABASE": url,
           "DJANGO_SETTINGS_MODULE": "benchmarks.speed_settings"}  # fmt: skip
    _sql(database, f'CREATE DATABASE "{name}"')
    try:
        subprocess.run([sys.executable, "-m", "benchmarks.speed_endpoint"], env=env, check=True)
        with _server(env, folder) as (port, pids):
            return _rounds(port, pids, folder, rounds, seconds)
    finally:
        _sql(database, f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')


def _rounds(port: int, pids: list[int], folder: Path, rounds: int, seconds: float) -> list[dict[str, Any]]:
    """Views in turn, several times: what else the machine does then falls on all of them."""
    answered = dict.fromkeys(VIEWS, 0)
    spent = dict.fromkeys(VIEWS, 0.0)
    used = dict.fromkeys(VIEWS, 0.0)
    errors = dict.fromkeys(VIEWS, 0)
    for number in range(-1, rounds):  # the first round warms up and does not count
        for name, (path, _ours, _peer) in VIEWS.items():
            before = _cpu(pids)
            found = _load(port, path, folder, seconds if number >= 0 else 1.0)
            if number < 0:
                continue
            answered[name] += found["requests"]
            spent[name] += found["seconds"]
            used[name] += _cpu(pids) - before
            errors[name] += found["errors"]
    rows = []
    for name, (_path, ours, peer) in VIEWS.items():
        speed = answered[name] / spent[name]
        metrics = {"requests_per_s": round(speed, 1), "cpu_ms": round(1000 * used[name] / answered[name], 3),
                   "errors": errors[name]}  # fmt: skip
        if peer:
            metrics["ratio"] = round(speed / (answered[peer] / spent[peer]), 3)
            metrics["cpu_ratio"] = round(used[peer] / answered[peer] / (used[name] / answered[name]), 3)
        rows.append({"dataset": "endpoint", "model": name, "ours": ours, "metrics": metrics,
                     "cpu_s": round(used[name], 2), "peak_mb": round(max(map(_peak, pids)), 1)})  # fmt: skip
    return rows


def _load(port: int, path: str, folder: Path, seconds: float) -> dict[str, Any]:
    command = [sys.executable, "-m", "benchmarks.speed_load", str(port), path, str(folder / "cookies.txt")]
    done = subprocess.run(
        [*command, "--seconds", str(seconds), "--clients", str(2 * WORKERS)], capture_output=True, text=True, check=True
    )
    return dict(json.loads(done.stdout))


@contextmanager
def _server(env: dict[str, str], folder: Path) -> Iterator[tuple[int, list[int]]]:
    """A gunicorn with sync workers on a free port of this machine: its port and the workers' ids."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    command = [sys.executable, "-m", "gunicorn", "benchmarks.speed_site:application", "--workers", str(WORKERS),
               "--bind", f"127.0.0.1:{port}", "--log-level", "error"]  # fmt: skip
    with (folder / "gunicorn.log").open("wb") as sink:
        process = subprocess.Popen(command, env=env, stdout=sink, stderr=sink)
    try:
        end = time.monotonic() + 60
        while True:
            with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
                break
            if process.poll() is not None or time.monotonic() > end:
                raise RuntimeError(f"gunicorn did not start: see {folder / 'gunicorn.log'}")
            time.sleep(0.1)
        time.sleep(1)
        children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text(encoding="utf-8")
        yield port, [int(pid) for pid in children.split()]
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(30)


def _cpu(pids: list[int]) -> float:
    """Seconds of CPU that these processes have used."""
    ticks = 0
    for pid in pids:
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
        ticks += int(fields[11]) + int(fields[12])
    return ticks / os.sysconf("SC_CLK_TCK")


def _peak(pid: int) -> float:
    for line in Path(f"/proc/{pid}/status").read_text(encoding="utf-8").splitlines():
        if line.startswith("VmHWM"):
            return int(line.split()[1]) / 1024
    return 0.0


def _sql(database: str, statement: str) -> None:
    import psycopg

    parts = urlsplit(database)._replace(scheme="postgresql").geturl()
    with psycopg.connect(parts, autocommit=True) as connection:
        connection.execute(statement)  # type: ignore[arg-type]


def seed() -> None:
    """Tables, products, visitors with a past, a live model, and the answer that the hand-written views repeat."""
    import django
    from django.core.management import call_command
    from django.db import connection

    django.setup()
    call_command("migrate", verbosity=0)
    ids = _products()
    cookies = _visitors(ids)
    _model(ids)
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")  # as autovacuum does soon after an import
    folder = Path(os.environ["SPEED_DIR"])
    (folder / "cookies.txt").write_text("\n".join(cookies), encoding="utf-8")
    facts = _answer(cookies[0])
    (folder / "fixed.json").write_text(json.dumps(facts), encoding="utf-8")
    _check_by_hand(cookies[0], facts)


def _products() -> list[str]:
    from datetime import timedelta

    from django.utils import timezone

    from django_ecomai.mirror.models import Category, Product

    shelves = [Category(external_id=f"c{i:04d}", name=f"Department {i}") for i in range(CATEGORIES)]
    shelves = Category.objects.bulk_create(shelves)
    now = timezone.now()
    ids = [f"sku-{i:08d}" for i in range(PRODUCTS)]
    made = Product.objects.bulk_create(
        [
            Product(
                external_id=one, title=f"Lantern of the kind {i}", url=f"/p/{one}/", image_url=f"/media/{one}.jpg",
                price=10 + i % 90, list_price=15 + i % 90, currency="EUR", brand=f"Brand {i % 70}", stock=i % 20 + 1,
                category_external_ids=[shelves[i % CATEGORIES].external_id], created_at=now - timedelta(hours=i),
            )
            for i, one in enumerate(ids)
        ]
    )  # fmt: skip
    link = Product.categories.through
    link.objects.bulk_create(
        link(product_id=one.pk, category_id=shelves[i % CATEGORIES].pk) for i, one in enumerate(made)
    )
    return ids


def _visitors(ids: list[str]) -> list[str]:
    import random
    from datetime import timedelta

    from django.test import RequestFactory
    from django.utils import timezone

    from django_ecomai.conf import ecomai
    from django_ecomai.core.uuid7 import uuid7
    from django_ecomai.events.models import Event
    from django_ecomai.events.visitors import VisitorContext

    chance = random.Random(0)
    now = timezone.now()
    agent = "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0"
    cookies, events = [], []
    for _ in range(VISITORS):
        context = VisitorContext(RequestFactory(headers={"user-agent": agent}).get("/"))
        cookie = context._cookie
        assert cookie is not None
        cookies.append(f"{ecomai.VISITOR_COOKIE}={cookie.dumps()}")
        for number in range(EVENTS):
            at = now - timedelta(hours=3 * number, minutes=chance.randrange(60))
            product = ids[int(PRODUCTS * chance.random() ** 2)]
            events.append(
                Event(id=uuid7(at), name="view_item", product_id=product, visitor_id=context.visitor_id, received_at=at)
            )
    Event.objects.bulk_create(events, batch_size=2000)
    return cookies


def _model(ids: list[str]) -> None:
    import numpy as np

    from django_ecomai.runs.services import artifact_go_live, artifact_save

    from .speed_table import manifest, simulated

    arrays = {**simulated(len(ids)), "item_ids": np.array([one.encode() for one in ids])}
    artifact_go_live(
        artifact=artifact_save(kind="recommend", arrays=arrays, manifest=manifest(len(ids)), passed_gate=True)
    )


def _answer(cookie: str) -> dict[str, Any]:
    """One visitor's answer, and what was asked for it."""
    import re

    from django.db import connection
    from django.test import Client
    from django.test.utils import CaptureQueriesContext

    from django_ecomai.events.names import DISMISS_NAMES, RECENT_NAMES

    client = Client(headers={"cookie": cookie, "user-agent": "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Firefox/128.0"})
    client.get("/ecomai/api/recommendations/home/")
    with CaptureQueriesContext(connection) as sent:
        body = client.get("/ecomai/api/recommendations/home/").json()
    asked = [one["sql"] for one in sent if one["sql"].startswith(("SELECT", "(SELECT"))]
    assert len(asked) == 3, asked
    newest, reduced = (int(number) for number in re.findall(r"LIMIT (\d+)", asked[1]))
    return {
        "names": [str(name) for name in RECENT_NAMES],
        "waved": [str(name) for name in DISMISS_NAMES],
        "depth": int(re.findall(r"LIMIT (\d+)", asked[0])[0]),
        "newest": newest,
        "reduced": reduced,
        "candidates": list(dict.fromkeys(re.findall(r"sku-\d{8}", asked[1]))),
        "resolved": list(dict.fromkeys(re.findall(r"sku-\d{8}", asked[2]))),
        "carousels": body["carousels"],
        "sql": [_shape(one) for one in asked],
        # For the view that sends text: another visitor's id goes where this one's stood.
        "text": [re.sub(r"(\"visitor_id\" = )'\w+'", r"\1%s", one) for one in asked],
    }


def _shape(sql: str) -> str:
    """A statement without what differs per request and without Django's names for tables and columns."""
    import re

    sql = re.sub(r"'[^']*'(::uuid)?", "?", sql)
    sql = re.sub(r' AS "\w+"', "", sql)
    return re.sub(r"\?(, \?)+", "?", sql)


def _check_by_hand(cookie: str, facts: dict[str, Any]) -> None:
    """Raises when the view by hand does not send the same statements, or does not answer the same."""
    from django.db import connection
    from django.test import Client
    from django.test.utils import CaptureQueriesContext

    client = Client(headers={"cookie": cookie})
    for path in ("/hand/json/", "/hand/text/"):
        with CaptureQueriesContext(connection) as sent:
            body = client.get(path).json()
        for ours, by_hand in zip(facts["sql"], [_shape(one["sql"]) for one in sent], strict=True):
            if ours != by_hand:
                raise AssertionError(f"{path} asks something else:\n{ours}\n{by_hand}")
        if body["carousels"] != facts["carousels"]:
            raise AssertionError(f"{path} answers something else")


if __name__ == "__main__":
    seed()
