"""The benchmark's soak, for some seconds: a sender, two workers, and faults by chance."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.services import DATABASE_URL, require_service

ROOT = Path(__file__).resolve().parents[3]
BACKEND = os.environ.get("ECOMAI_TEST_BACKEND", "sqlite")

pytestmark = [
    pytest.mark.slow,
    pytest.mark.service("redis"),
    pytest.mark.skipif(shutil.which("redis-server") is None, reason="needs a redis-server to start and kill"),
]


def test_under_faults_no_accepted_event_is_lost_or_doubled(tmp_path: Path) -> None:
    if BACKEND == "postgres":
        require_service("postgres")
    server = DATABASE_URL.rpartition("/")[0] + "/postgres" if BACKEND == "postgres" else ""
    out = tmp_path / "out.json"
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("DJANGO_", "CELERY_", "COV_"))}
    command = [sys.executable, "-m", "benchmarks.capture", "--soak", "10", "--seed", "3", "--database", server]
    done = subprocess.run([*command, "--json", str(out)], cwd=ROOT, env=clean, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    [row] = json.loads(out.read_text())
    assert (row["lost"], row["unknown"], row["put_aside"], row["still_waiting"]) == (0, 0, 0, 0)
    assert row["accepted"] == row["sent"] == row["stored"] > 100
    assert row["faults"]["worker"] + row["faults"]["redis"] + row["faults"]["database"] >= 1
