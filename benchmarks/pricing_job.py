"""What working out prices costs as a shop grows: ``python -m benchmarks.pricing_job --database postgres://.../x_bench
--json FILE [--sizes N ...]``.

A **simulated** shop per size, made before and not counted: products in categories of 40 with stock, cost and a
forecast of 13 weeks; a year of weekly Poisson sales, most products rare, at prices that change every two months;
elasticities around -2. Then `pricing.propose` runs twice, each time in a process of its own: first it learns every
elasticity, then it takes those that are stored, as on most nights. Printed are CPU seconds of the process and of
PostgreSQL where that is on the same machine, elapsed seconds, peak memory of the process (the database's own is not
counted) and which share of the elapsed time each kind of work took; what is done beside other work is counted there
too. The database is emptied: its name must hold "bench".
"""

from __future__ import annotations

import functools
import threading
import time
from collections import Counter
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import numpy as np

from benchmarks.by_size import analysed, by_size, emptied, in_shop, multiplied, spent
from benchmarks.database_cpu import database_cpu

SIZES = (2_000, 10_000, 50_000)
WEEKS, CATEGORY, LEVELS, STEADY = 52, 40, (0.8, 0.9, 1.0, 1.1), 8
CAPABILITIES = ("pricing", "inventory")
CHUNK = 20_000


def fill(size: int) -> None:
    """The shop: catalogue and forecasts multiplied inside the database, sales from numpy."""
    from decimal import Decimal

    from django.utils import timezone

    from django_ecomai.forecast.models import Forecast
    from django_ecomai.mirror.models import Order, OrderLine, PricePoint, Product

    emptied()
    now = timezone.now()
    monday = now.date() - timedelta(days=now.weekday())
    product = Product.objects.create(
        external_id="1", title="Thing", price=10, list_price=10, cost=5, currency="EUR", stock=Decimal(500),
        category_external_ids=["c0"],
    )  # fmt: skip
    forecast = Forecast.objects.create(
        key="1", product=product, starts_on=monday, mean=[2.0] * 13, made_on=now.date(), demand_class="lumpy"
    )
    # the price of most weeks: 10 to 50
    price = "10 + (i * 7) %% 40"
    multiplied(
        product, size, id=f"{product.pk} + i - 1", external_id="i::text", price=price, list_price=price,
        cost=f"({price}) * 0.5", stock="(i * 31) %% 900",
        category_external_ids=f"jsonb_build_array('c' || ((i - 1) / {CATEGORY}))",
    )  # fmt: skip
    multiplied(forecast, size, id=f"{forecast.pk} + i - 1", key="i::text", product_id=f"{product.pk} + i - 1")
    order = Order.objects.create(external_id="x", placed_at=now, currency="EUR", status="delivered")
    line = OrderLine.objects.create(
        external_id="x", order=order, product=product, product_external_id="1", quantity=1, unit_price=10, placed_at=now
    )
    point = PricePoint.objects.create(product=product, valid_from=now, price=10, currency="EUR", source="shop")
    start = f"'{monday - timedelta(weeks=WEEKS)} 10:00+00'::timestamptz + interval '1 day' * s.day"
    _copied("sold", "i bigint, product int, day int, quantity int, price numeric", _sales(size))
    order_at = "s.i / 2"
    _selected(
        order, "(SELECT i, day FROM sold WHERE i %% 2 = 0) s", id=f"{order.pk} + {order_at} + 1",
        external_id="s.i::text", placed_at=start,
    )  # fmt: skip
    _selected(
        line, "sold s", id=f"{line.pk} + s.i + 1", external_id="s.i::text", product_id=f"{product.pk} + s.product",
        order_id=f"{order.pk} + {order_at} + 1", product_external_id="(s.product + 1)::text", placed_at=start,
        quantity="s.quantity", unit_price="s.price",
    )  # fmt: skip
    for row in (line, order, point):
        type(row).objects.filter(pk=row.pk).delete()
    _copied("listed", "product int, day int, price numeric", _points(size))
    point.save(force_insert=True)
    _selected(point, "(SELECT *, row_number() OVER () AS i FROM listed) s", id=f"{point.pk} + s.i",
              product_id=f"{product.pk} + s.product", valid_from=start, price="s.price")  # fmt: skip
    PricePoint.objects.filter(pk=point.pk).delete()
    analysed()


def _prices(size: int) -> Iterator[tuple[int, np.ndarray, np.random.Generator]]:
    """First product, share of the usual price [n, weeks], of a part; the last weeks have today's."""
    for number, begin in enumerate(range(0, size, CHUNK)):
        draw = np.random.default_rng([0, number])
        count = min(CHUNK, size - begin)
        level = draw.choice(LEVELS, (count, WEEKS // STEADY + 2))
        at = (np.arange(WEEKS)[None, :] + draw.integers(0, STEADY, (count, 1))) // STEADY
        share = np.take_along_axis(level, at, axis=1)
        share[:, -2:] = 1.0
        yield begin, share, draw


def _usual(product: np.ndarray) -> np.ndarray:
    number = product + 1
    return np.where(number == 1, 10, 10 + (number * 7) % 40)


def _sales(size: int) -> Iterator[tuple[Any, ...]]:
    number = 0
    for begin, share, draw in _prices(size):
        rate = draw.lognormal(-0.5, 1.5, (len(share), 1))
        slope = draw.normal(-2.0, 0.5, (len(share), 1))
        season = 1 + 0.3 * np.sin(2 * np.pi * np.arange(WEEKS) / 52)
        units = draw.poisson(rate * season * share**slope)
        row, week = np.nonzero(units)
        day = week * 7 + draw.integers(0, 7, len(week))
        price = np.round(_usual(begin + row) * share[row, week], 2)
        columns = (begin + row, day, units[row, week], price)
        for values in zip(*(one.tolist() for one in columns), strict=True):
            yield number, *values
            number += 1


def _points(size: int) -> Iterator[tuple[Any, ...]]:
    for begin, share, _draw in _prices(size):
        new = np.diff(share, axis=1, prepend=0) != 0
        row, week = np.nonzero(new)
        price = np.round(_usual(begin + row) * share[row, week], 2)
        yield from zip((begin + row).tolist(), (week * 7).tolist(), price.tolist(), strict=True)


def _copied(table: str, columns: str, rows: Iterator[tuple[Any, ...]]) -> None:
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute(f"CREATE TEMP TABLE {table} ({columns})")
        with cursor.copy(f"COPY {table} FROM STDIN") as copy:
            for row in rows:
                copy.write_row(row)
        cursor.execute(f"ANALYZE {table}")


def _selected(row: Any, source: str, **changed: str) -> None:
    """A row like ``row`` for each of the ``source`` s, with these columns by SQL of s."""
    from django.db import connection

    table = row._meta.db_table
    columns = [field.column for field in row._meta.concrete_fields]
    names = ", ".join(f'"{name}"' for name in columns)
    values = ", ".join(changed.get(name, f't."{name}"') for name in columns)
    with connection.cursor() as cursor:
        cursor.execute(
            f'INSERT INTO "{table}" ({names}) SELECT {values} FROM "{table}" AS t, {source} WHERE t.id = %s', [row.pk]
        )


class Watch:
    """Seconds of each kind of work, what is inside of other work taken off it; by thread."""

    def __init__(self) -> None:
        self.wall: Counter[str] = Counter()
        self.here = threading.local()

    def on(self, holder: Any, name: str, kind: str) -> None:
        """Time a function where it is looked up."""
        work = getattr(holder, name)

        @functools.wraps(work)
        def timed(*args: Any, **kwargs: Any) -> Any:
            open_ = self.here.__dict__.setdefault("open", [])
            open_.append(0.0)
            began = time.perf_counter()
            try:
                return work(*args, **kwargs)
            finally:
                took = time.perf_counter() - began
                self.wall[kind] += took - open_.pop()
                if open_:
                    open_[-1] += took

        setattr(holder, name, timed)


def run(size: int) -> dict[str, Any]:
    """The job, whole: learns where nothing is learned yet."""
    from django_ecomai.pricing import learning, proposing
    from django_ecomai.pricing.models import PriceProposal, ProductElasticity
    from django_ecomai.pricing.reading import Reader
    from django_ecomai.pricing.services import propose

    watch = Watch()
    for holder, name, kind in (
        (Reader, "weeks", "reading"), (propose, "catalogue_read", "reading"), (proposing, "product_facts", "reading"),
        (proposing, "forecast_days", "reading"), (propose, "_decided", "reading"), (learning, "_fit", "learning"),
        (propose, "proposals_of", "working_out"), (propose, "_store", "storing"),
        (propose, "elasticities_store", "storing"),
    ):  # fmt: skip
        watch.on(holder, name, kind)
    learned = ProductElasticity.objects.exists()
    with database_cpu() as database:
        report, numbers = spent(propose.proposals_make)
    if report.products != size or report.without_forecast:
        raise SystemExit(f"{size} products with forecasts were asked for, {report.as_dict()} came")
    wall = numbers.pop("wall_s")
    metrics = {
        "products": size, "learns": not learned, "wall_s": wall, "rows": PriceProposal.objects.count(),
        "elasticities": report.learned, "database_cpu_s": round(database["seconds"], 1),
        "shares": {kind: round(value / wall, 3) for kind, value in sorted(watch.wall.items())},
    }  # fmt: skip
    return {"metrics": metrics, **numbers}


def told(row: dict[str, Any]) -> str:
    """A row as a line."""
    one = row["metrics"]
    shares = ", ".join(f"{kind} {100 * share:.0f} %" for kind, share in one["shares"].items())
    return (
        f"{one['products']:>10,} products, {'learning' if one['learns'] else 'stored'} {row['cpu_s']:8.1f} CPU s"
        f" ({1000 * row['cpu_s'] / one['products']:.2f} ms each) + {one['database_cpu_s']:.1f} of the database"
        f" {one['wall_s']:8.1f} s {row['peak_mb']:7.0f} MB,"
        f" {one['rows']:,} rows; {shares}"
    )


def main(arguments: list[str] | None = None) -> list[dict[str, Any]]:
    steps = {"fill": fill, "first": run, "again": run}
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
