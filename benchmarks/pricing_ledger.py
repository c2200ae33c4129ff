"""What filling the price ledger costs as a shop grows: ``python -m benchmarks.pricing_ledger --database
postgres://.../x_bench --json FILE [--sizes N ...]``.

A **simulated** shop per size, made before and not counted: four years, eight prices per product, 1,400 promotions of
three to ten days in twenty categories, so that each covers a twentieth of the products. *Page*: a hundred pages of 24
products before all that, whose reductions are worked out for them. *Runs*: the first walk, which brings what runs
today; *past*: the second, through the whole past; *night*: a later night, nothing new. Each is a process of its own.
Printed are CPU seconds of the process and of PostgreSQL, elapsed seconds and the peak memory of the process.
``EVERYTHING=1`` in the environment lets every promotion cover all products. The database is emptied: its name must
hold "bench".
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import numpy as np

from benchmarks.by_size import analysed, by_size, emptied, in_shop, multiplied, spent
from benchmarks.database_cpu import database_cpu
from benchmarks.pricing_job import _copied, _selected

SIZES = (1_000, 10_000)
CAPABILITIES = ("pricing",)
DAYS, PRICES, PROMOTIONS, CATEGORIES, CHUNK, PAGE = 1_460, 8, 1_400, 20, 20_000, 24


def fill(size: int) -> None:
    """The shop: catalogue multiplied inside the database, prices and promotions from numpy."""
    from django.utils import timezone

    from django_ecomai.mirror.models import Category, PricePoint, Product, Promotion

    emptied()
    now = timezone.now()
    categories = [Category.objects.create(external_id=f"c{at}", name=f"C{at}") for at in range(CATEGORIES)]
    product = Product.objects.create(
        external_id="1", title="Thing", price=10, list_price=10, currency="EUR", category_external_ids=["c0"]
    )
    first = product.pk
    multiplied(product, size, id=f"{first} + i - 1", external_id="i::text")
    link = Product.categories.through.objects.create(product=product, category=categories[0])
    multiplied(link, size, id=f"{link.pk} + i - 1", product_id=f"{first} + i - 1",
               category_id=f"{categories[0].pk} + (i - 1) %% {CATEGORIES}")  # fmt: skip
    point = PricePoint.objects.create(product=product, valid_from=now, price=10, list_price=10, currency="EUR")
    _copied("listed", "i bigint, product int, day int, price numeric", _points(size))
    start = f"'{now - timedelta(days=DAYS)}'::timestamptz + interval '1 day' * s.day"
    _selected(point, "listed s", id=f"{point.pk} + s.i + 1", product_id=f"{first} + s.product", valid_from=start,
              price="s.price")  # fmt: skip
    PricePoint.objects.filter(pk=point.pk).delete()
    _today()
    promotions = Promotion.objects.bulk_create(Promotion(**one) for one in _promotions(now))
    if not os.environ.get("EVERYTHING"):
        Promotion.categories.through.objects.bulk_create(
            Promotion.categories.through(promotion=one, category=categories[at % CATEGORIES])
            for at, one in enumerate(promotions)
        )
    analysed()


def _points(size: int) -> Iterator[tuple[Any, ...]]:
    """Number, product, day and price; the list price is 10, so some of them are reductions by themselves."""
    number = 0
    for part, begin in enumerate(range(0, size, CHUNK)):
        draw = np.random.default_rng([2, part])
        count = min(CHUNK, size - begin)
        days = np.sort(draw.integers(0, DAYS, (count, PRICES)), axis=1)
        days[:, 0] = 0
        prices = draw.choice([8.5, 9.0, 10.0, 10.0, 10.5], (count, PRICES))
        for row in range(count):
            seen = set()
            for day, price in zip(days[row].tolist(), prices[row].tolist(), strict=True):
                if day not in seen:
                    seen.add(day)
                    yield number, begin + row, day, price
                    number += 1


def _promotions(now: datetime) -> Iterator[dict[str, Any]]:
    draw = np.random.default_rng(3)
    # the last ones are still running, or to come
    starts = np.sort(draw.uniform(0, DAYS + 7, PROMOTIONS))
    for at, (start, length) in enumerate(zip(starts.tolist(), draw.integers(3, 11, PROMOTIONS).tolist(), strict=True)):
        begins = now - timedelta(days=DAYS) + timedelta(days=start)
        yield {"external_id": f"s{at}", "name": "S", "starts_at": begins, "ends_at": begins + timedelta(days=length),
               "percent": 5 + at % 26}  # fmt: skip


def _today() -> None:
    """The catalogue has the last price of the history."""
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE ecomai_mirror_product p SET price = s.price FROM (SELECT DISTINCT ON (product_id) product_id, price"
            " FROM ecomai_mirror_pricepoint ORDER BY product_id, valid_from DESC) s WHERE s.product_id = p.id"
        )


def page(size: int) -> dict[str, Any]:
    """A hundred pages whose products no walk has come to."""
    from django.db import connection

    from django_ecomai.pricing.ledger import reductions_told

    connection.ensure_connection()
    draw = np.random.default_rng(4)
    asked = [[str(one) for one in draw.integers(1, size + 1, PAGE)] for _ in range(101)]
    reductions_told(channel="", product_ids=asked.pop())  # whatever is imported and prepared once
    return _row(size, "page", lambda: sum(len(reductions_told(channel="", product_ids=one)) for one in asked))


def runs(size: int, name: str = "runs") -> dict[str, Any]:
    """The walk through what runs today."""
    from django_ecomai.pricing.ledger_walk import What, walk_on

    forever = float("inf")
    return _row(size, name, lambda: walk_on(channel="", what=What.RUNNING, deadline=forever, afresh=True).written)


def night(size: int) -> dict[str, Any]:
    """The same once more, when nothing has changed."""
    return runs(size, "night")


def past(size: int) -> dict[str, Any]:
    """The walk through the past."""
    from django_ecomai.pricing.ledger_walk import What, walk_on

    return _row(size, "past", lambda: walk_on(channel="", what=What.PAST, deadline=float("inf")).written)


def _row(size: int, what: str, work: Any) -> dict[str, Any]:
    from django_ecomai.pricing.models import PriceReduction

    with database_cpu() as database:
        written, numbers = spent(work)
    metrics = {"products": size, "what": what, "wall_s": numbers.pop("wall_s"), "written": written,
               "rows": PriceReduction.objects.count(), "database_cpu_s": round(database["seconds"], 1)}  # fmt: skip
    return {"metrics": metrics, **numbers}


def told(row: dict[str, Any]) -> str:
    """A row as a line."""
    one = row["metrics"]
    return (
        f"{one['products']:>9,} products, {one['what']:<5} {row['cpu_s']:8.1f} CPU s + {one['database_cpu_s']:.1f} of "
        f"the database {one['wall_s']:8.1f} s {row['peak_mb']:7.0f} MB; {one['written']:,} found or written,"
        f" {one['rows']:,} rows"
    )


def main(arguments: list[str] | None = None) -> list[dict[str, Any]]:
    steps = {"fill": fill, "page": page, "runs": runs, "past": past, "night": night}
    return by_size(
        arguments,
        module=__spec__.name,
        doc=__doc__,
        place=("database", "postgres:// URL of a database that may be emptied"),
        sizes=SIZES,
        steps={name: in_shop(step, *CAPABILITIES) for name, step in steps.items()},
        told=told,
    )


if __name__ == "__main__":
    main()
