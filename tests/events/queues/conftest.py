"""A Redis of one's own that can be stopped, a folder for what spills, and children that can be killed."""

from __future__ import annotations

import os
import signal
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from django.db import connections

from benchmarks.own_redis import OwnRedis
from django_ecomai.core.uuid7 import uuid7
from django_ecomai.events.models import Event
from django_ecomai.events.queues import stream
from django_ecomai.events.services import events_receive


@pytest.fixture(scope="session")
def _server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OwnRedis]:
    with OwnRedis(tmp_path_factory.mktemp("redis")) as server:
        yield server


@pytest.fixture
def redis_server(_server: OwnRedis, spill_folder: Path, ecomai_setting: Any, monkeypatch: Any) -> Iterator[OwnRedis]:
    """An empty Redis that is the queue; tests may kill and start it."""
    _server.start()
    stream._client.cache_clear()
    stream._breaker.reset()
    monkeypatch.setattr(stream, "_PAUSE", 0.05)
    ecomai_setting(CAPTURE_QUEUE="redis", CAPTURE_REDIS_URL=_server.url)
    yield _server
    _server.start()
    client(_server).flushall()
    stream._breaker.reset()


@pytest.fixture
def spill_folder(ecomai_setting: Any, tmp_path: Path) -> Path:
    """Where this test's events spill."""
    ecomai_setting(CAPTURE_SPILL_DIR=str(tmp_path / "spill"))
    return tmp_path / "spill"


def client(server: OwnRedis) -> Any:
    """A client of the tests' own."""
    import redis

    return redis.Redis.from_url(server.url)


def views(count: int, **more: Any) -> list[dict[str, Any]]:
    """Rows as a trusted server sends them, each with its id."""
    return [
        {"id": str(uuid7()), "name": "view_item", "product_id": f"P{number}", "visitor_id": "v", **more}
        for number in range(count)
    ]


def accept(rows: list[dict[str, Any]]) -> list[str]:
    """Send them; the ids that were accepted."""
    verdicts = events_receive(rows=rows, channel="")
    assert verdicts is not None
    return [verdict.id for verdict in verdicts if verdict.status == "accepted"]


def stored() -> list[str]:
    """Ids in the table."""
    return sorted(str(key) for key in Event.objects.values_list("pk", flat=True))


def in_child(work: Callable[[], object]) -> int:
    """Run it in a process of its own; the signal that ended that, or 0."""
    connections.close_all()
    stream._client.cache_clear()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # pytest has threads; the child uses none of them
        pid = os.fork()
    if pid == 0:
        try:
            work()
        finally:
            os._exit(0)
    _, status = os.waitpid(pid, 0)
    return os.WTERMSIG(status) if os.WIFSIGNALED(status) else 0


def die(*args: object, **kwargs: object) -> None:
    """What the out-of-memory killer does."""
    os.kill(os.getpid(), signal.SIGKILL)
