"""A simulated shop in a database of its own, as it is after a sync: catalogue, orders and the log of visits."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import numpy as np

from .simulated import SimulatedShop

WORDS = 4000
BATCH = 5000
#: Columns of the log that are filled; the others take their defaults.
COLUMNS = (
    "id", "channel", "name", "visitor_id", "session_id", "customer_id", "product_id", "order_id", "placement",
    "recommendation_id", "currency", "query", "dwell_seconds", "received_at", "is_bot", "properties",
)  # fmt: skip


def configure(folder: Path, database: str, *capabilities: str) -> None:
    """Django with these capabilities only (default: recommend), on ``sqlite`` inside ``folder`` or a ``postgres://``
    URL."""
    import django
    from django.conf import settings

    from django_ecomai import ecomai_apps

    chosen = capabilities or ("recommend",)
    entry: dict[str, Any] = {"ENGINE": "django.db.backends.sqlite3", "NAME": str(folder / "simulated.sqlite3")}
    if database != "sqlite":
        url = urlsplit(database)
        if "bench" not in url.path:
            raise SystemExit("The database is emptied: name one that has 'bench' in its name.")
        entry = {
            "ENGINE": "django.db.backends.postgresql",
            "NAME": url.path.lstrip("/"),
            "USER": unquote(url.username or ""),
            "PASSWORD": unquote(url.password or ""),
            "HOST": url.hostname or "",
            "PORT": str(url.port or ""),
        }
    django_apps = ("admin", "auth", "contenttypes", "sessions", "messages")
    settings.configure(
        SECRET_KEY="benchmark",
        USE_TZ=True,
        DATABASES={"default": entry},
        INSTALLED_APPS=[*(f"django.contrib.{name}" for name in django_apps), *ecomai_apps(*chosen)],
        DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
        ECOMAI={"ARTIFACT_DIR": str(folder / "artifacts"), "DISPATCH": "inline"},
    )
    django.setup()


def load(shop: SimulatedShop, folder: Path) -> None:
    """Empty tables, then the whole shop."""
    from django.core.management import call_command
    from django.db import connection

    if connection.vendor == "sqlite":
        connection.close()
        for path in folder.glob("simulated.sqlite3*"):
            path.unlink()
        with connection.cursor() as cursor:
            cursor.execute("PRAGMA journal_mode=WAL")
            cursor.execute("PRAGMA synchronous=OFF")
    else:
        with connection.cursor() as cursor:
            cursor.execute("DROP SCHEMA IF EXISTS public CASCADE")
            cursor.execute("CREATE SCHEMA public")
    call_command("migrate", verbosity=0)
    _catalogue(shop)
    _orders(shop)
    events(shop, np.flatnonzero(shop.kinds < 2))
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")


def _catalogue(shop: SimulatedShop) -> None:
    from django_ecomai.events.models import VisitorIdentity
    from django_ecomai.mirror.models import Customer, Product

    draw = np.random.default_rng(1)
    taste = np.random.default_rng(0).permutation(shop.n_items) % max(shop.n_items // 250, 1)
    words = (taste[:, None] * 7 + draw.integers(0, 12, (shop.n_items, 5))) % WORDS
    Product.objects.bulk_create(
        (
            Product(external_id=f"p{item}", title=" ".join(f"word{word}" for word in row), price=10, currency="EUR")
            for item, row in enumerate(words.tolist())
        ),
        batch_size=BATCH,
    )
    people = range(shop.n_users)
    Customer.objects.bulk_create((Customer(external_id=f"c{user}") for user in people), batch_size=BATCH)
    start = datetime.fromtimestamp(int(shop.times[0]) // 1000, UTC)
    VisitorIdentity.objects.bulk_create(
        (VisitorIdentity(visitor_id=f"{u:032x}", customer_id=f"c{u}", linked_at=start) for u in people if u % 2),
        batch_size=BATCH,
    )


def _orders(shop: SimulatedShop) -> None:
    from django_ecomai.mirror.models import Customer, Order, OrderLine, Product

    bought = np.flatnonzero(shop.kinds == 2)
    customers = dict(Customer.objects.values_list("external_id", "pk"))
    products = dict(Product.objects.values_list("external_id", "pk"))
    visits, first = np.unique(shop.visits[bought], return_index=True)
    Order.objects.bulk_create(
        (
            Order(
                external_id=f"o{visit}",
                customer_id=customers[f"c{shop.users[row]}"],
                placed_at=datetime.fromtimestamp(int(shop.times[row]) / 1000, UTC),
                currency="EUR",
            )
            for visit, row in zip(visits.tolist(), bought[first].tolist(), strict=True)
        ),
        batch_size=BATCH,
    )
    orders = {int(one[1:]): (pk, at) for one, pk, at in Order.objects.values_list("external_id", "pk", "placed_at")}
    OrderLine.objects.bulk_create(
        (
            OrderLine(
                external_id=f"l{row}",
                order_id=orders[visit][0],
                product_id=products[f"p{item}"],
                product_external_id=f"p{item}",
                quantity=1,
                unit_price=10,
                placed_at=orders[visit][1],
            )
            for row, visit, item in zip(
                bought.tolist(), shop.visits[bought].tolist(), shop.items[bought].tolist(), strict=True
            )
        ),
        batch_size=BATCH,
    )


def events(shop: SimulatedShop, rows: np.ndarray, salt: int = 0) -> None:
    """Write the steps at ``rows`` to the log, past the checks of the endpoint: that is not what is measured."""
    from django.db import connection

    from django_ecomai.events.models import Event
    from django_ecomai.events.partitions import partitions_ensure

    moments = [datetime.fromtimestamp(int(shop.times[row]) / 1000, UTC) for row in (rows[0], rows[-1])]
    partitions_ensure(first=moments[0], last=moments[1])
    table = connection.ops.quote_name(Event._meta.db_table)
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            with cursor.copy(f"COPY {table} ({', '.join(COLUMNS)}) FROM STDIN") as copy:
                for row in _event_rows(shop, rows, salt, "true", "false"):
                    copy.write_row(row)
            return
        marks = ", ".join(["?"] * len(COLUMNS))
        statement = f"INSERT INTO {table} ({', '.join(COLUMNS)}) VALUES ({marks})"
        connection.connection.executemany(statement, _event_rows(shop, rows, salt, 1, 0))
        connection.connection.commit()


def _event_rows(shop: SimulatedShop, rows: np.ndarray, salt: int, yes: Any, no: Any) -> Iterator[tuple[Any, ...]]:
    names = ("view_item", "add_to_cart")
    draw = np.random.default_rng(salt)
    dwell = draw.integers(3, 90, len(rows)).tolist()
    ids = (shop.times[rows].astype(object) * 2**80).tolist()
    received = datetime.now(UTC).isoformat(sep=" ")
    steps = zip(
        ids, rows.tolist(), shop.users[rows].tolist(), shop.items[rows].tolist(), shop.kinds[rows].tolist(),
        shop.visits[rows].tolist(), dwell, strict=True,
    )  # fmt: skip
    for head, row, user, item, kind, visit, stayed in steps:
        key = f"{head + (7 << 76) + (2 << 62) + (salt << 40) + row:032x}"
        customer = "" if user % 2 else f"c{user}"
        time_on_page = float(stayed) if kind == 0 and row % 3 == 0 else None
        yield (
            key, "", names[kind], f"{user:032x}", f"{visit:032x}", customer, f"p{item}", "", "", "", "", "",
            time_on_page, received, no, "{}",
        )  # fmt: skip


def train(budget: int | None = None, **parameters: Any) -> dict[str, Any]:
    """``ecomai_train recommend``; returns what its run says. Raises ``RuntimeError`` when it failed."""
    from django_ecomai.runs.services import run_now

    began = time.perf_counter()
    run = run_now(kind="recommend.train", parameters={**parameters, **({} if budget is None else {"budget": budget})})
    run.refresh_from_db()
    if run.state != "done":
        raise RuntimeError(run.error or run.message)
    artifact = run.artifacts.get()
    metrics = json.loads(json.dumps(run.metrics, default=str))
    return {
        "wall_s": round(time.perf_counter() - began, 1),
        "seconds": metrics["seconds"],
        "recipe": metrics["recipe_name"],
        "evaluations": len(metrics.get("tried", [])),
        "live": hasattr(artifact, "passed_gate") and artifact.passed_gate,
        "sha256": artifact.sha256,
        "counts": metrics["counts"],
    }
