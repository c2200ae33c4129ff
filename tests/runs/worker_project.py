"""Drives ``tests/projects/worker`` from outside: real processes, a real database, a real broker."""

from __future__ import annotations

import atexit
import functools
import json
import os
import re
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from tests.services import DATABASE_URL, REDIS_URL

ROOT = Path(__file__).resolve().parents[2]
SETTINGS = "tests.projects.worker.settings"
PATIENCE = 90.0


class Project:
    """One database (see ``database``), one artifact folder, one broker; ``env`` is what every process gets."""

    def __init__(self, home: Path, *, database: str, ecomai: dict[str, Any] | None = None, **env: str) -> None:
        self.home, self.database = home, database
        self.processes: list[subprocess.Popen[bytes]] = []
        self.env = {
            **{key: value for key, value in os.environ.items() if not key.startswith(("WORKER_", "COV_", "CELERY_"))},
            "DJANGO_SETTINGS_MODULE": SETTINGS,
            "PYTHONPATH": str(ROOT),
            "PYTHONUNBUFFERED": "1",
            "WORKER_HOME": str(home),
            "WORKER_DATABASE": database,
            "WORKER_ECOMAI": json.dumps(ecomai or {}),
            **env,
        }

    def manage(self, *arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        """``python -m django ...`` to its end."""
        done = subprocess.run(
            [sys.executable, "-m", "django", *arguments],
            cwd=self.home,
            env=self.env,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
        )
        if check and done.returncode:
            raise AssertionError(f"{arguments} -> {done.returncode}\n{done.stdout}\n{done.stderr}")
        return done

    def python(self, code: str) -> str:
        """The standard output of ``code``, run inside the project."""
        return self.manage("shell", "-v0", "-c", code).stdout.strip()

    def run_start(self, kind: str, **values: Any) -> int:
        """``run_start`` in a process that leaves at once, as a web request's process may."""
        code = f"from django_ecomai.runs.services import run_start; print(run_start(kind={kind!r}, **{values!r}).pk)"
        return int(self.python(code).splitlines()[-1])

    def spawn(self, *arguments: str) -> subprocess.Popen[bytes]:
        """Start a process that lives until the test ends; its output is in ``output.log``."""
        with (self.home / "output.log").open("ab") as sink:
            process = subprocess.Popen(
                [sys.executable, "-m", *arguments], cwd=self.home, env=self.env, stdout=sink, stderr=sink
            )
        self.processes.append(process)
        return process

    def worker(self) -> subprocess.Popen[bytes]:
        """A Celery worker of this project, with forking children as in production."""
        return self.spawn(
            "celery", "-A", "tests.projects.worker", "worker", "--concurrency=1", "--loglevel=info", "--without-gossip"
        )

    def output(self) -> str:
        path = self.home / "output.log"
        return path.read_text(errors="replace") if path.exists() else ""

    def query(self, sql: str) -> list[dict[str, Any]]:
        """Rows straight from the database, past Django."""
        if self.database.startswith("postgres"):
            import psycopg
            from psycopg.rows import dict_row

            with psycopg.connect(self.database, row_factory=dict_row) as connection:
                return list(connection.execute(sql))
        connection = sqlite3.connect(self.database, timeout=20)
        try:
            connection.row_factory = sqlite3.Row
            return [dict(row) for row in connection.execute(sql)]
        finally:
            connection.close()

    def run(self, pk: int) -> dict[str, Any]:
        return self.query(f"SELECT * FROM ecomai_runs_run WHERE id = {int(pk)}")[0]

    def wait(self, pk: int, until: Callable[[dict[str, Any]], bool] | None = None) -> dict[str, Any]:
        """The run as soon as it has ended, or ``until`` holds."""
        ended = until or (lambda run: run["state"] in ("done", "failed", "cancelled"))
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            row = self.run(pk)
            if ended(row):
                return row
            time.sleep(0.1)
        raise AssertionError(f"run {pk} did not get there: {self.run(pk)}\n{self.output()}")

    def close(self) -> None:
        for process in self.processes:
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
        for process in self.processes:
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


@contextmanager
def database(home: Path, backend: str, **env: str) -> Iterator[str]:
    """A SQLite file, or a PostgreSQL database of its own that is dropped afterwards; its tables are there."""
    template = _migrated(backend, **env)
    if backend != "postgres":
        yield str(shutil.copy(template, home / "shop.sqlite3"))
        return
    name = _name()
    _on_server(f"CREATE DATABASE {name} TEMPLATE {urlsplit(template).path[1:]}")
    try:
        yield urlsplit(template)._replace(path=f"/{name}").geturl()
    finally:
        _on_server(f"DROP DATABASE {name} WITH (FORCE)")


@functools.cache
def _migrated(backend: str, **env: str) -> str:
    """Where the database is that the tests of this process copy: the tables are made once."""
    home = Path(tempfile.mkdtemp(prefix="ecomai-worker-"))
    atexit.register(shutil.rmtree, home, ignore_errors=True)
    made = str(home / "shop.sqlite3")
    if backend == "postgres":
        name = _name()
        _on_server(f"CREATE DATABASE {name}")
        atexit.register(_on_server, f"DROP DATABASE {name} WITH (FORCE)")
        made = urlsplit(DATABASE_URL)._replace(scheme="postgresql", path=f"/{name}").geturl()
    Project(home, database=made, **env).manage("migrate", "-v0")
    return made


def _name() -> str:
    return f"ecomai_worker_{uuid.uuid4().hex[:12]}"


def _on_server(statement: str) -> None:
    import psycopg

    server = urlsplit(DATABASE_URL)._replace(scheme="postgresql", path="/postgres").geturl()
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(statement)


@contextmanager
def redis_broker() -> Iterator[dict[str, str]]:
    """The environment of a broker in Redis whose keys nobody else has; they are deleted afterwards."""
    import redis

    prefix = f"ecomai-test-{uuid.uuid4().hex[:12]}:"
    yield {
        "WORKER_BROKER": REDIS_URL,
        "WORKER_TRANSPORT": json.dumps({"global_keyprefix": prefix}),
        "WORKER_QUEUE": "training",
    }
    client = redis.Redis.from_url(REDIS_URL)
    for key in client.scan_iter(match=re.sub(r"([*?\[\]])", r"\\\1", prefix) + "*"):
        client.delete(key)
    client.close()


def filesystem_broker(home: Path) -> dict[str, str]:
    """The environment of a broker that is a folder: no service, no dependency."""
    folder = home / "broker"
    shutil.rmtree(folder, ignore_errors=True)
    for name in ("messages", "processed", "control"):
        (folder / name).mkdir(parents=True)
    options = {
        "data_folder_in": str(folder / "messages"),
        "data_folder_out": str(folder / "messages"),
        "control_folder": str(folder / "control"),
        "processed_folder": str(folder / "processed"),
        "polling_interval": 0.1,
    }
    return {"WORKER_BROKER": "filesystem://", "WORKER_TRANSPORT": json.dumps(options), "WORKER_QUEUE": "training"}
