"""What each index of the event log is worth: the real queries of the selectors with and without it, and with BRIN.

    python -m benchmarks.event_indexes --database postgres://127.0.0.1:5432/postgres --json out.json

A **simulated** log (2,000,000 events of 200 days in monthly partitions, 150,000 visitors, written in the order of
time) in a database that is made beside ``--database`` and dropped again. The statements are those that the selectors
send, caught while they run; what counts is the time that PostgreSQL itself reports (``EXPLAIN ANALYZE``), the median
over several persons or moments, with everything in memory. Times are divided by those with the indexes as the
migrations make them: above 1 is slower. "What arrived in an hour" is asked by no selector: it shows what BRIN can do.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import secrets
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from .speed_endpoint import _sql

DAYS = 200
VISITORS = 150_000
TABLE = "ecomai_events_event"
#: Variant -> the statement that makes it from the indexes of the migrations.
VARIANTS = {
    "as migrated": "",
    "with BRIN on received_at": f"CREATE INDEX bench_received ON {TABLE} USING brin (received_at)",
    "with BRIN on id": f"CREATE INDEX bench_id ON {TABLE} USING brin (id uuid_minmax_multi_ops)",
    **{
        f"without {name}": f"DROP INDEX {name}"
        for name in ("ecomai_event_visitor", "ecomai_event_customer", "ecomai_event_name", "ecomai_event_placement")
    },
}


def main(arguments: list[str] | None = None) -> dict[str, Any]:
    """The command; returns ``{variant: {query: milliseconds}}`` and sizes."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--database", default="postgres://127.0.0.1:5432/postgres", help="a PostgreSQL server")
    parser.add_argument("--events", type=int, default=2_000_000)
    parser.add_argument("--repeat", type=int, default=15)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory(prefix="ecomai-indexes-") as home, _database(options.database) as url:
        os.environ |= {
            "DJANGO_SETTINGS_MODULE": "benchmarks.speed_settings", "SPEED_DIR": home, "SPEED_DATABASE": url,
        }  # fmt: skip
        import django

        django.setup()
        found = _measured(options)
    if options.json:
        options.json.write_text(json.dumps(found, indent=2), encoding="utf-8")
    return found


@contextmanager
def _database(server: str) -> Iterator[str]:
    name = f"ecomai_indexes_{secrets.token_hex(4)}"
    _sql(server, f'CREATE DATABASE "{name}"')
    try:
        yield urlsplit(server)._replace(scheme="postgres", path=f"/{name}").geturl()
    finally:
        _sql(server, f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')


def _measured(options: argparse.Namespace) -> dict[str, Any]:
    from django.core.management import call_command
    from django.db import connection

    call_command("migrate", verbosity=0)
    begun = time.perf_counter()
    now = datetime.now(UTC)
    _fill(options.events, now)
    print(f"{options.events:,} simulated events in {time.perf_counter() - begun:.0f} s", file=sys.stderr)
    found: dict[str, Any] = {"sizes_mb": _sizes(), "times_ms": {}}
    for variant, sql in VARIANTS.items():
        undo = _undo(sql)
        with connection.cursor() as cursor:
            cursor.execute(sql or "SELECT 1")
            cursor.execute(f"ANALYZE {TABLE}")
        found["sizes_mb"] |= {name: size for name, size in _sizes().items() if name.startswith("bench_")}
        times = {name: _median(work, options.repeat, name) for name, work in _queries(now).items()}
        found["times_ms"][variant] = times
        base = found["times_ms"]["as migrated"]
        told = "  ".join(f"{name} {value / base[name]:.2f} ({value:.2f})" for name, value in times.items())
        print(f"{variant:32} {told}", flush=True)
        with connection.cursor() as cursor:
            cursor.execute(undo or "SELECT 1")
    for name, size in found["sizes_mb"].items():
        print(f"{name:32} {size:8.1f} MB")
    return found


def _undo(sql: str) -> str:
    """The statement that takes a variant back."""
    from django.db import connection

    name = sql.split()[2] if sql else ""
    if not sql.startswith("DROP"):
        return f"DROP INDEX {name}" if name else ""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_get_indexdef(%s::regclass)", [name])
        # ONLY would leave the partitions without it.
        return str(cursor.fetchone()[0]).replace(" ON ONLY ", " ON ")


def _fill(events: int, now: datetime) -> None:
    """By the server itself, a day at a time, so that rows lie in the order of time as they do in a shop."""
    from django.db import connection

    from django_ecomai.events.circumstances import KEY
    from django_ecomai.events.partitions import partitions_ensure

    partitions_ensure(first=now - timedelta(days=DAYS), last=now)
    with connection.cursor() as cursor:
        cursor.execute("SELECT setseed(0.5)")
        for day in range(DAYS):
            first = (now - timedelta(days=DAYS - day)).timestamp() * 1000
            cursor.execute(
                f"""
                INSERT INTO {TABLE} (id, channel, name, visitor_id, session_id, customer_id, product_id, order_id,
                    placement, position, recommendation_id, currency, query, received_at, is_bot, properties)
                SELECT (lpad(to_hex(ms), 12, '0') || '7' || substr(md5(random()::text), 1, 3) || '8'
                        || substr(md5(random()::text), 1, 15))::uuid,
                    '', name, 'v' || lpad(who::text, 31, '0'), 's' || lpad((who * 7 + {day})::text, 31, '0'),
                    CASE WHEN who %% 10 = 0 THEN 'c' || who ELSE '' END, 'sku-' || lpad(item::text, 6, '0'), '',
                    CASE WHEN name IN ('view_item_list', 'select_item')
                        THEN (ARRAY['home', 'product', 'cart'])[1 + item %% 3] ELSE '' END,
                    CASE WHEN name IN ('view_item_list', 'select_item') THEN item %% 12 END,
                    CASE WHEN name IN ('view_item_list', 'select_item') THEN gen_random_uuid()::text ELSE '' END,
                    '', '', to_timestamp(ms / 1000.0), random() < 0.03,
                    CASE WHEN name = 'view_item' THEN jsonb_build_object('{KEY}', '{{"device": "phone"}}'::jsonb)
                        ELSE '{{}}' END
                FROM (SELECT (%s + 86400000.0 * number / %s)::bigint AS ms,
                        (power(random(), 2) * {VISITORS})::bigint AS who, (power(random(), 3) * 20000)::int AS item,
                        (ARRAY['view_item_list', 'view_item_list', 'view_item_list', 'view_item_list',
                               'view_item_list', 'view_item', 'view_item', 'view_item', 'select_item',
                               'add_to_cart'])[1 + (random() * 9.99)::int %% 10] AS name
                      FROM generate_series(0, %s) AS number OFFSET 0) AS drawn
                """,
                [first, events // DAYS, events // DAYS - 1],
            )
    with connection.cursor() as cursor:
        cursor.execute(f"VACUUM ANALYZE {TABLE}")


def _queries(now: datetime) -> dict[str, Callable[[random.Random], object]]:
    from django_ecomai.core.uuid7 import uuid7_floor
    from django_ecomai.events.models import Event
    from django_ecomai.events.purchases import _of_order, purchase_told
    from django_ecomai.events.selectors import behaviour_rows, circumstance_rows, visitor_history
    from django_ecomai.recommend.selectors import placement_performance

    def who(chance: random.Random) -> int:
        return int(chance.random() ** 2 * VISITORS)

    def some_day(chance: random.Random) -> datetime:
        return now - timedelta(days=chance.uniform(2, 60))

    def day_of_log(chance: random.Random) -> object:
        day = some_day(chance)
        return list(behaviour_rows(channel="", since=day, until=day + timedelta(days=1)))

    def arrived(chance: random.Random) -> object:
        day = some_day(chance)
        return list(Event.objects.filter(received_at__range=(day, day + timedelta(hours=1))).values_list("id"))

    def purchase(chance: random.Random) -> object:
        day = now - timedelta(days=chance.uniform(2, 6))
        told, _verdict = purchase_told(order_id=f"o{chance.random()}", channel="", placed_at=day, now=now)
        return _of_order(told) if told else None

    def purge(chance: random.Random) -> object:
        before = uuid7_floor(now - timedelta(days=DAYS - 20))
        return list(Event.objects.filter(id__lt=before).order_by("id").values_list("id", flat=True)[:5000])

    return {
        "a day of the log": day_of_log,
        "a visitor's history": lambda chance: visitor_history(channel="", visitor_id=f"v{who(chance):031d}", limit=20),
        "a customer's history": lambda chance: visitor_history(
            channel="", customer_id=f"c{who(chance) // 10 * 10}", limit=20
        ),
        "results of placements, 30 days": lambda chance: list(
            placement_performance(channel="", since=now - timedelta(days=30))
        ),
        "is a purchase known": purchase,
        "newest views with circumstances": lambda chance: list(circumstance_rows(channel="", newest=2000)),
        "5,000 events to purge": purge,
        "what arrived in an hour": arrived,
    }


def _median(work: Callable[[random.Random], object], repeat: int, name: str) -> float:
    """Milliseconds of the server for all statements of one call; the first two calls warm up."""
    from django.core.cache import cache

    chance = random.Random(name)
    times = []
    for _ in range(repeat + 2):
        cache.clear()
        times.append(_server_time(lambda: work(chance)))
    return round(statistics.median(times[2:]), 3)


def _server_time(work: Callable[[], object]) -> float:
    from django.db import connection

    caught: list[tuple[str, Any]] = []

    def note(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        caught.append((sql, params))
        return execute(sql, params, many, context)

    with connection.execute_wrapper(note):
        work()
    total = 0.0
    with connection.cursor() as cursor:
        for sql, params in caught:
            if TABLE in sql:
                cursor.execute(f"EXPLAIN (ANALYZE, TIMING OFF, FORMAT JSON) {sql}", params)
                told = cursor.fetchone()[0]
                [plan] = json.loads(told) if isinstance(told, str) else told
                total += plan["Execution Time"] + plan["Planning Time"]
    return total


def _sizes() -> dict[str, float]:
    """Megabytes of the table and of each index, over all partitions."""
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT top.relname, sum(pg_relation_size(tree.relid)) / 1048576.0
            FROM pg_class top, LATERAL pg_partition_tree(top.oid) AS tree
            WHERE top.oid = %s::regclass OR top.oid IN (SELECT indexrelid FROM pg_index WHERE indrelid = %s::regclass)
            GROUP BY 1 ORDER BY 2 DESC
            """,
            [TABLE, TABLE],
        )
        return {name: round(float(size), 1) for name, size in cursor.fetchall()}


if __name__ == "__main__":
    main()
