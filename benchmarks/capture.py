"""How fast events are taken and stored, and whether any is lost while services are killed.

    python -m benchmarks.capture --json out.json
    python -m benchmarks.capture --soak 600 --seed 1 --json out.json

**Speed**: batches of 20 events through each way in (checked, kept, stored), beside two peers in the same run on the
same rows: a bare ``bulk_create`` and, on PostgreSQL, a bare ``COPY``, which check nothing and know no duplicates.
``p95_ms`` is how long the request waits for one batch, ``rows_per_s`` counts the whole time until all rows are in the
table. Rounds take turns, so that what else the machine does falls on all of them.

**Soak**: one sender, two workers on the Redis stream, and a seeded choice of faults: a worker is killed, Redis is
killed and started again, the database ends all connections, batches come twice, late and out of order. Afterwards what
was accepted is compared with the table. Exit code 1 when an accepted event is missing or a row is there that nobody
sent.

Redis is this benchmark's own (append-only file, ``appendfsync always``); ``--database`` is a PostgreSQL server in which
a database is made and dropped, or empty for SQLite.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import resource
import secrets
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from .harness import line
from .own_redis import OwnRedis
from .speed_endpoint import _sql

SIZE = 20
PAUSE = 0.02  # seconds between two batches of the soak
SHOWN = ("rows_per_s", "ratio", "p50_ms", "p95_ms", "cpu_ms_per_batch")
FAULTS = ("worker", "redis", "database", "nothing")


def main(arguments: list[str] | None = None) -> list[dict[str, Any]]:
    """The command; returns the rows."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--database", default="postgres://127.0.0.1:5432/postgres", help="a server, or '' for SQLite")
    parser.add_argument("--broker", default="", help="URL of a Celery broker to measure that way, too")
    parser.add_argument("--batches", type=int, default=200, help="per way and round")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--soak", type=float, default=0.0, help="seconds; instead of the speeds")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory(prefix="ecomai-capture-") as temporary:
        home = Path(temporary)
        with _database(options.database) as url, OwnRedis(home) as redis:
            _setup(home, url, redis.url, options.broker)
            rows = _soak(home, redis, options) if options.soak else _speeds(options)
    for row in rows:
        print(line(row, SHOWN) if "model" in row else json.dumps(row))
    if options.json:
        options.json.write_text(json.dumps(rows, indent=2), encoding="utf-8")
    if any(row.get("lost") or row.get("unknown") for row in rows):
        sys.exit(1)
    return rows


def _setup(home: Path, url: str, redis: str, broker: str) -> None:
    os.environ |= {
        "DJANGO_SETTINGS_MODULE": "benchmarks.capture_settings",
        "SPEED_DIR": str(home),
        "SPEED_DATABASE": url,
        "CAPTURE_BROKER": broker,
        "CAPTURE_ECOMAI": json.dumps(
            {"CAPTURE_QUEUE": "redis", "CAPTURE_REDIS_URL": redis, "CAPTURE_SPILL_DIR": str(home / "spill")}
        ),
    }
    import django
    from django.core.management import call_command

    django.setup()
    call_command("migrate", verbosity=0)


def _rows(chance: random.Random, count: int) -> list[dict[str, Any]]:
    from django_ecomai.core.uuid7 import uuid7

    return [
        {
            "id": str(uuid7()), "name": chance.choice(("view_item", "view_item_list", "select_item", "add_to_cart")),
            "product_id": f"sku-{chance.randrange(5000):06d}", "visitor_id": f"v{chance.randrange(400):031d}",
            "session_id": f"s{chance.randrange(400):031d}", "placement": "home", "position": chance.randrange(12),
        }
        for _ in range(count)
    ]  # fmt: skip


# -- speed


def _speeds(options: argparse.Namespace) -> list[dict[str, Any]]:
    ways: dict[str, tuple[bool, Callable[[Sequence[dict[str, Any]]], object], Callable[[], object]]] = {
        "bare bulk_create": (False, _bulk, _nothing),
        "EcomAI: direct": (True, _accept("direct"), _nothing),
        "EcomAI: Redis stream": (True, _accept("redis"), _drain),
    }
    if options.database:
        ways["bare COPY"] = (False, _copy, _nothing)
    if options.broker:
        ways["EcomAI: Celery"] = (True, _accept("celery"), _consume)
    took: dict[str, list[float]] = {name: [] for name in ways}
    spent, used = dict.fromkeys(ways, 0.0), dict.fromkeys(ways, 0.0)
    for number in range(-1, options.rounds):  # the first warms up and does not count
        for name, (_ours, put, finish) in ways.items():
            chance = random.Random(number)
            batches = [_rows(chance, SIZE) for _ in range(options.batches if number >= 0 else 20)]
            begun, cpu = time.perf_counter(), time.process_time()
            times = []
            for batch in batches:
                start = time.perf_counter()
                put(batch)
                times.append(time.perf_counter() - start)
            finish()
            if number >= 0:
                spent[name] += time.perf_counter() - begun
                used[name] += time.process_time() - cpu
                took[name] += times
    total = options.rounds * options.batches * SIZE
    _check(total, len(ways))
    bare = total / spent["bare bulk_create"]
    return [
        {
            "dataset": "PostgreSQL" if options.database else "SQLite", "model": name, "ours": ours,
            "metrics": {
                "rows_per_s": round(total / spent[name]), "ratio": round(total / spent[name] / bare, 3),
                "p50_ms": _quantile(took[name], 0.5), "p95_ms": _quantile(took[name], 0.95),
                "cpu_ms_per_batch": round(1000 * used[name] / total * SIZE, 2),
            },
            "cpu_s": round(used[name], 2), "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        }
        for name, (ours, _put, _finish) in ways.items()
    ]  # fmt: skip


def _check(total: int, ways: int) -> None:
    from django_ecomai.events.models import Event

    expected = ways * (total + 20 * SIZE)
    found = Event.objects.count()
    if found != expected:
        raise SystemExit(f"{found} rows in the table instead of {expected}")


def _quantile(times: Sequence[float], share: float) -> float:
    return round(1000 * sorted(times)[min(int(len(times) * share), len(times) - 1)], 3)


def _nothing() -> None:
    """What is put is stored."""


def _accept(way: str) -> Callable[[Sequence[dict[str, Any]]], object]:
    from django.conf import settings

    from django_ecomai.events.services import events_receive

    def put(rows: Sequence[dict[str, Any]]) -> None:
        settings.ECOMAI["CAPTURE_QUEUE"] = way
        verdicts = events_receive(rows=rows, channel="")
        if verdicts is None or any(verdict.status != "accepted" for verdict in verdicts):
            raise SystemExit(f"{way}: {verdicts}")

    return put


def _drain() -> None:
    from django_ecomai.events.queues import stream

    stream.drain()


def _consume() -> None:
    """What a Celery worker does with each message, without its process."""
    from django_ecomai.events.queues import celery_queue
    from django_ecomai.events.tasks import events_store

    with celery_queue.broker.connect() as connection:
        channel = connection.default_channel
        while (message := channel.basic_get("celery")) is not None:
            message = message if hasattr(message, "decode") else channel.Message(message, channel=channel)
            events_store(message.decode()[0][0])
            message.ack()


def _events(rows: Sequence[dict[str, Any]]) -> list[Any]:
    from datetime import UTC, datetime
    from uuid import UUID

    from django_ecomai.events.models import Event

    now = datetime.now(UTC)
    return [Event(**{**row, "id": UUID(row["id"])}, received_at=now) for row in rows]


def _bulk(rows: Sequence[dict[str, Any]]) -> None:
    from django_ecomai.events.models import Event

    Event.objects.bulk_create(_events(rows))


def _copy(rows: Sequence[dict[str, Any]]) -> None:
    from django.db import connection, transaction
    from psycopg.types.json import Jsonb

    from django_ecomai.events.models import Event

    names = [field.attname for field in Event._meta.concrete_fields]
    sql = f"COPY ecomai_events_event ({', '.join(names)}) FROM STDIN"
    with transaction.atomic(), connection.cursor() as cursor, cursor.cursor.copy(sql) as copy:
        for event in _events(rows):
            values = [getattr(event, name) for name in names]
            copy.write_row([Jsonb(value) if isinstance(value, dict) else value for value in values])


# -- soak


def _soak(home: Path, redis: OwnRedis, options: argparse.Namespace) -> list[dict[str, Any]]:
    from django_ecomai.events.models import Event
    from django_ecomai.events.queues import spill, stream
    from django_ecomai.events.queues.upkeep import spill_replay
    from django_ecomai.events.services import events_receive

    chance = random.Random(options.seed)
    done = dict.fromkeys(FAULTS, 0)
    accepted: set[str] = set()
    sent: set[str] = set()
    late: list[list[dict[str, Any]]] = []
    took: list[float] = []
    refused = repeats = 0
    workers = [_worker(home), _worker(home)]
    end = time.monotonic() + options.soak
    next_fault = time.monotonic() + 2
    try:
        while time.monotonic() < end:
            batch = _rows(chance, chance.randrange(1, SIZE + 1))
            kind = chance.random()
            if kind < 0.1:
                late.append(batch)  # comes out of order, later
                continue
            if kind < 0.2 and late:
                batch = late.pop(chance.randrange(len(late)))
            for _ in range(2 if kind > 0.9 else 1):  # a tenth comes twice
                sent |= {str(row["id"]) for row in batch}
                start = time.perf_counter()
                verdicts = events_receive(rows=batch, channel="")
                took.append(time.perf_counter() - start)
                if verdicts is None:
                    refused += len(batch)
                else:
                    repeats += sum(verdict.id in accepted for verdict in verdicts)
                    accepted |= {verdict.id for verdict in verdicts if verdict.status == "accepted"}
            if time.monotonic() > next_fault:
                fault = chance.choice(FAULTS)
                done[fault] += 1
                _inflict(fault, workers, redis, home, options.database, chance)
                next_fault = time.monotonic() + chance.uniform(1, 4)
            time.sleep(PAUSE)
    finally:
        for worker in workers:
            worker.send_signal(signal.SIGTERM)
        for worker in workers:
            with suppress(subprocess.TimeoutExpired):
                worker.wait(30)
            worker.kill()
    redis.start()
    stream._breaker.reset()
    spilled = spill.state().waiting
    _retried(spill_replay)
    _retried(lambda: stream.drain(stale=0))
    there = {str(key) for key in Event.objects.values_list("pk", flat=True)}
    state = stream.state()
    return [
        {
            "soak_s": options.soak, "seed": options.seed, "database": "PostgreSQL" if options.database else "SQLite",
            "sent": len(sent), "accepted": len(accepted), "accepted_again": repeats, "refused": refused,
            "stored": len(there), "lost": len(accepted - there), "unknown": len(there - sent),
            "put_aside": state.dead, "still_waiting": state.waiting, "spilled_at_the_end": spilled, "faults": done,
            "p50_ms": _quantile(took, 0.5), "p95_ms": _quantile(took, 0.95), "slowest_ms": _quantile(took, 1.0),
        }
    ]  # fmt: skip


def _retried(work: Callable[[], object]) -> None:
    """The last fault may still be felt."""
    for _ in range(20):
        try:
            work()
            return
        except Exception as error:  # whatever a service that is just coming back raises
            print(f"once more: {type(error).__name__}", file=sys.stderr)
            _reset()
            time.sleep(0.5)
    work()


def _reset() -> None:
    from django.db import connection

    connection.close()


def _inflict(
    fault: str,
    workers: list[subprocess.Popen[bytes]],
    redis: OwnRedis,
    home: Path,
    database: str,
    chance: random.Random,
) -> None:
    if fault == "worker":
        victim = chance.randrange(len(workers))
        workers[victim].kill()
        workers[victim].wait()
        workers[victim] = _worker(home)
    elif fault == "redis":
        redis.kill()
        time.sleep(chance.uniform(0, 0.3))
        redis.start()
    elif fault == "database" and database:
        from django.db import connection

        name = connection.settings_dict["NAME"]
        _sql(database, f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'")


def _worker(home: Path) -> subprocess.Popen[bytes]:
    with (home / "worker.log").open("ab") as sink:
        command = [sys.executable, "-m", "django", "ecomai_capture", "--loop"]
        return subprocess.Popen(command, stdout=sink, stderr=sink)


@contextmanager
def _database(server: str) -> Iterator[str]:
    """The URL of a fresh database, or nothing for SQLite."""
    if not server:
        yield ""
        return
    name = f"ecomai_capture_{secrets.token_hex(4)}"
    _sql(server, f'CREATE DATABASE "{name}"')
    try:
        yield urlsplit(server)._replace(scheme="postgres", path=f"/{name}").geturl()
    finally:
        _sql(server, f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')


if __name__ == "__main__":
    main()
