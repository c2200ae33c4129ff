"""A real Celery worker over RabbitMQ is killed with a batch in its hands."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from tests.runs.worker_project import PATIENCE, Project, database
from tests.services import RABBITMQ_URL, require_service

BACKEND = os.environ.get("ECOMAI_TEST_BACKEND", "sqlite")
SEND = """
import json
from django_ecomai.core.uuid7 import uuid7
from django_ecomai.events.services import events_receive
rows = [{"id": str(uuid7()), "name": "view_item", "product_id": "A", "visitor_id": "v"} for _ in range(3)]
print(json.dumps([(v.id, v.status) for v in events_receive(rows=rows, channel="")]))
"""

pytestmark = [
    pytest.mark.slow,
    pytest.mark.service("rabbitmq"),
    pytest.mark.skipif(os.name != "posix", reason="drives POSIX processes and signals"),
]


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Project]:
    """Web server and workers with a queue of their own."""
    if BACKEND == "postgres":
        require_service("postgres")
    apps = {"WORKER_APPS": "django_ecomai.mirror,django_ecomai.events"}
    with database(tmp_path, BACKEND, **apps) as url:
        made = Project(
            tmp_path,
            database=url,
            ecomai={"CAPTURE_QUEUE": "celery"},
            WORKER_BROKER=RABBITMQ_URL,
            WORKER_QUEUE=f"ecomai-test-{uuid.uuid4().hex[:8]}",
            **apps,
        )
        yield made
        made.close()
        with channel() as open_channel:
            open_channel.queue_delete(made.env["WORKER_QUEUE"])


@contextmanager
def channel() -> Iterator[Any]:
    from kombu import Connection

    with Connection(RABBITMQ_URL) as connection:
        yield connection.default_channel


@contextmanager
def locked(project: Project) -> Iterator[None]:
    """Nobody can insert an event."""
    if project.database.startswith("postgres"):
        import psycopg

        with psycopg.connect(project.database) as connection:
            connection.execute("LOCK TABLE ecomai_events_event IN SHARE MODE")
            yield
    else:
        connection = sqlite3.connect(project.database, isolation_level=None)
        connection.execute("BEGIN IMMEDIATE")
        yield
        connection.close()


def wait_until(found: Callable[[], Any], expected: Any, project: Project) -> None:
    deadline = time.monotonic() + PATIENCE
    while (value := found()) != expected:
        assert time.monotonic() < deadline, f"{value!r} instead of {expected!r}\n{project.output()}"
        time.sleep(0.1)


def kill(pid: int) -> None:
    """The worker and its children, as the machine's end would."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    for one in (pid, *map(int, children)):
        with suppress(ProcessLookupError):
            os.kill(one, signal.SIGKILL)


def test_a_worker_that_is_killed_amid_its_batch_gives_it_to_the_next(project: Project) -> None:
    sent = json.loads(project.python(SEND).splitlines()[-1])
    assert [status for _, status in sent] == ["accepted"] * 3

    def waiting() -> int:
        with channel() as open_channel:
            return int(open_channel.queue_declare(project.env["WORKER_QUEUE"], passive=True).message_count)

    def there() -> list[str]:
        rows = project.query("SELECT id FROM ecomai_events_event")
        return sorted(str(uuid.UUID(str(row["id"]))) for row in rows)

    assert (waiting(), there()) == (1, [])
    with locked(project):
        first = project.worker()
        wait_until(lambda: "ecomai.events_store" in project.output() and "received" in project.output(), True, project)
        assert waiting() == 0, "the worker has it"
        kill(first.pid)
        first.wait()
    wait_until(waiting, 1, project)
    assert there() == []
    project.worker()
    wait_until(there, sorted(ident for ident, _ in sent), project)
    wait_until(waiting, 0, project)
