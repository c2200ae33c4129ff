"""Models that change while everybody asks: forked workers with threads, every answer from one model, none an error."""

from __future__ import annotations

import gc
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks.speed_table import manifest, simulated
from django_ecomai.ml.persist import save_arrays
from django_ecomai.ml.recommend.serving import Scorer
from django_ecomai.runs.live import live_arrays, live_reset

ROOT = Path(__file__).resolve().parents[2]
ITEMS = 40
PREPARE = """
import django; django.setup()
from django.core.management import call_command
call_command("migrate", verbosity=0)
import numpy as np
from benchmarks.speed_table import manifest, simulated
from django_ecomai.mirror.models import Product
from django_ecomai.runs.services import artifact_go_live, artifact_save
ids = [f"p{i:03d}" for i in range(40)]
Product.objects.bulk_create(Product(external_id=one, title=one, url="/" + one, price=1) for one in ids)
arrays = simulated(len(ids), 10)
arrays["item_ids"] = np.array([one.encode() for one in ids])
arrays["active"][:] = True
for factor in (1, -1):  # the second model likes best what the first likes least
    arrays["trending"] = (100 + factor * np.arange(len(ids))).astype(np.float32)
    artifact = artifact_save(kind="recommend", arrays=arrays, manifest=manifest(len(ids)), passed_gate=True)
    artifact_go_live(artifact=artifact)
    print(artifact.pk, artifact.sha256[:12])
"""
SWAP = """
import sys, time
from pathlib import Path
import django; django.setup()
from django_ecomai.runs.models import Artifact
from django_ecomai.runs.services import artifact_go_live
both = list(Artifact.objects.order_by("pk"))
number, told = 0, Path(sys.argv[1])
while number < 30 or not told.exists():
    artifact_go_live(artifact=both[number % 2])
    time.sleep(0.05)
    number += 1
"""


@pytest.fixture
def server(tmp_path: Path) -> Iterator[tuple[int, dict[str, str], dict[str, int]]]:
    """A gunicorn that forks after loading the project: its port, its environment, and version -> sign of the models."""
    env = {
        **{key: value for key, value in os.environ.items() if not key.startswith("COV_")},
        "SPEED_DIR": str(tmp_path),
        "SPEED_DATABASE": f"sqlite:///{tmp_path / 'shop.sqlite3'}",
        "SPEED_CHECK_SECONDS": "0.02",
        "DJANGO_SETTINGS_MODULE": "benchmarks.speed_settings",
        "PYTHONPATH": str(ROOT),
    }
    made = subprocess.run([sys.executable, "-c", PREPARE], env=env, capture_output=True, text=True, timeout=120)
    assert made.returncode == 0, made.stderr
    versions = {line.split()[1]: 1 - 2 * number for number, line in enumerate(made.stdout.splitlines())}
    # Handed over open, and closed here: nobody else can take the port in between, and a dead server refuses at once.
    with socket.create_server(("127.0.0.1", 0)) as listener, (tmp_path / "gunicorn.log").open("wb") as sink:
        port, fd = int(listener.getsockname()[1]), listener.fileno()
        command = [
            sys.executable, "-m", "gunicorn", "benchmarks.speed_site:application", "--preload", "--workers", "2",
            "--threads", "4", "--bind", f"fd://{fd}", "--log-level", "warning",
        ]  # fmt: skip
        process = subprocess.Popen(command, env=env, stdout=sink, stderr=sink, pass_fds=[fd])
    try:
        wait_for(port, tmp_path)
        yield port, env, versions
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(30)
    assert "Traceback" not in (tmp_path / "gunicorn.log").read_text(encoding="utf-8")


def address(port: int) -> str:
    return f"http://127.0.0.1:{port}/ecomai/api/recommendations/trending/?limit=10"


def wait_for(port: int, folder: Path) -> None:
    """Connections wait in the open socket until a worker takes them."""
    try:
        urllib.request.urlopen(address(port), timeout=120).close()
    except OSError as error:
        raise AssertionError((folder / "gunicorn.log").read_text(encoding="utf-8")) from error


@pytest.mark.slow
@pytest.mark.skipif(os.name != "posix", reason="forks")
def test_models_are_swapped_under_forked_workers_with_threads(
    server: tuple[int, dict[str, str], dict[str, int]], tmp_path: Path
) -> None:
    port, env, versions = server
    seen: set[str] = set()
    wrong: list[object] = []
    swapped = threading.Event()

    def ask() -> None:
        while not swapped.is_set():
            try:
                with urllib.request.urlopen(address(port), timeout=60) as answer:
                    (carousel,) = json.load(answer)["carousels"]
            except Exception as error:  # whatever it is, it is what this test looks for
                wrong.append(error)
                continue
            runs = {run_of(item["token"]) for item in carousel["items"]}
            best = [int(item["product_id"][1:]) for item in carousel["items"]]
            if len(runs) != 1:
                wrong.append(runs)
                continue
            [run] = runs
            seen.add(run)
            expected = list(range(10)) if versions[run] < 0 else list(range(ITEMS - 1, ITEMS - 11, -1))
            if best != expected:
                wrong.append((run, best))

    threads = [threading.Thread(target=ask) for _ in range(6)]
    for thread in threads:
        thread.start()
    told = tmp_path / "seen"
    swapping = subprocess.Popen([sys.executable, "-c", SWAP, str(told)], env=env, stderr=subprocess.PIPE, text=True)
    try:
        limit = time.monotonic() + 120
        while seen != set(versions) and not wrong and swapping.poll() is None and time.monotonic() < limit:
            time.sleep(0.05)
        told.touch()
        _, errors = swapping.communicate(timeout=120)
    finally:
        swapping.kill()
        swapped.set()
        for thread in threads:
            thread.join()

    assert swapping.returncode == 0, errors
    assert wrong == []
    assert seen == set(versions)


def run_of(token: str) -> str:
    """The model that a token names; whether it is signed is tested elsewhere."""
    import base64

    body = token.split(":")[0]
    return str(json.loads(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)))[0])


@pytest.mark.skipif(not Path("/proc/self/maps").exists(), reason="looks at Linux's list of mapped files")
def test_models_that_no_longer_serve_are_unmapped(settings: Any, tmp_path: Path) -> None:
    settings.ECOMAI = {**settings.ECOMAI, "ARTIFACT_DIR": str(tmp_path), "LIVE_CHECK_SECONDS": 0.000001}
    live_reset()
    for number in range(4):
        arrays = simulated(50, 5, seed=number)
        save_arrays(tmp_path / "recommend" / str(number), arrays, manifest(50))
    together = threading.Barrier(4)

    def read() -> set[int]:
        together.wait(60)
        used = set()
        for number in range(200):
            loaded = live_arrays("recommend", path=f"recommend/{number % 4}")
            assert loaded is not None
            scorer = loaded.derive("scorer", lambda one: Scorer(one.manifest, one.arrays))
            used.add(len(scorer.for_history(np.array([1, 2, 3]), n=5)))
        return used

    with ThreadPoolExecutor(4) as pool:
        reading = [pool.submit(read) for _ in range(4)]
    assert [one.result() for one in reading] == [{5}] * 4  # raises what a thread raised
    last = live_arrays("recommend", path="recommend/3")
    gc.collect()

    mapped = {
        part for part in Path("/proc/self/maps").read_text(encoding="utf-8").split() if part.startswith(str(tmp_path))
    }
    assert last is not None
    assert {Path(name).parent.name for name in mapped} == {"3"}
    live_reset()
