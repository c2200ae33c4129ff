"""What the suggestions cost as a shop grows: ``python -m benchmarks.replenish_size --database postgres://.../x_bench
--json FILE [--sizes N ...]``.

A simulated shop per size, made by the database itself and not counted: products with stock, price and cost, one offer
of one of 50 suppliers each, five order lines a product in the last year, a forecast of 13 weeks. Then all suggestions
are worked out and stored, as the nightly job does it: CPU seconds and peak memory of that process (the database's own
are not counted). The database is emptied: its name must hold "bench".
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks.forecast_peers import peak_mb
from benchmarks.simulated_database import configure

SIZES = (10_000, 100_000)
LINES_EACH = 5


def fill(size: int) -> None:
    """The shop, by the models' own defaults, multiplied inside the database."""
    from datetime import timedelta
    from decimal import Decimal

    from django.core.management import call_command
    from django.db import connection
    from django.utils import timezone

    from django_ecomai.forecast.models import Forecast
    from django_ecomai.inventory.models import Supplier, SupplierProduct
    from django_ecomai.mirror.models import Order, OrderLine, Product

    with connection.cursor() as cursor:
        cursor.execute("DROP SCHEMA IF EXISTS public CASCADE")
        cursor.execute("CREATE SCHEMA public")
    call_command("migrate", verbosity=0)
    now = timezone.now()
    day, number = "interval '1 day'", "i::text"
    product = Product.objects.create(external_id="1", title="Thing", price=10, cost=6, currency="EUR", stock=Decimal(5))
    suppliers = [
        Supplier.objects.create(code=f"S{n}", name=f"S{n}", currency="EUR", lead_time_days=14) for n in range(50)
    ]
    offer = SupplierProduct.objects.create(product=product, supplier=suppliers[0], cost=6, pack_size=6, moq=6)
    order = Order.objects.create(external_id="1", placed_at=now, currency="EUR", status="delivered")
    line = OrderLine.objects.create(
        external_id="1", order=order, product=product, product_external_id="1", quantity=2, unit_price=10, placed_at=now
    )
    starts = now.date() - timedelta(days=now.weekday())
    forecast = Forecast.objects.create(
        key="1", product=product, starts_on=starts, mean=[1.0] * 13, made_on=now.date(), demand_class="lumpy"
    )
    first = min(supplier.pk for supplier in suppliers)
    at = f"now() - {day} * (1 + (i::bigint * 7919) %% 360)"
    key = f"({product.pk} + i - 1)"
    _multiplied(product, size, id=key, external_id=number, stock="(i * 31) %% 40")
    _multiplied(offer, size, id=f"{offer.pk} + i - 1", product_id=key, supplier_id=f"{first} + i %% 50")
    _multiplied(order, size * LINES_EACH, id=f"{order.pk} + i - 1", external_id=number, placed_at=at)
    _multiplied(
        line, size * LINES_EACH, id=f"{line.pk} + i - 1", external_id=number, order_id=f"{order.pk} + i - 1",
        product_id=f"{product.pk} + i %% {size}", quantity="1 + i %% 4", placed_at=at,
    )  # fmt: skip
    _multiplied(forecast, size, id=f"{forecast.pk} + i - 1", key=number, product_id=key)
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")


def _multiplied(row: Any, size: int, **changed: str) -> None:
    """``size`` rows like ``row`` (which is the first), with these columns by SQL of ``i``."""
    from django.db import connection

    table = row._meta.db_table
    columns = [field.column for field in row._meta.concrete_fields]
    values = [changed.get(name, f't."{name}"') for name in columns]
    names = ", ".join(f'"{name}"' for name in columns)
    with connection.cursor() as cursor:
        cursor.execute(
            f'INSERT INTO "{table}" ({names}) SELECT {", ".join(values)} '
            f'FROM "{table}" AS t, generate_series(2, %s) AS i WHERE t.id = %s',
            [size, row.pk],
        )


def measure(size: int) -> dict[str, Any]:
    """Suggestions of the whole shop."""
    from django_ecomai.inventory.models import Suggestion
    from django_ecomai.inventory.services.replenish import suggestions_make

    began, clock = time.process_time(), time.perf_counter()
    report = suggestions_make()
    spent, wall = time.process_time() - began, time.perf_counter() - clock
    if not report.products == Suggestion.objects.count() == size or report.without_forecast:
        raise SystemExit(f"{size} products with forecasts were asked for, {report.as_dict()} came")
    metrics = {"products": size, "to_order": report.to_order, "wall_s": round(wall, 1)}
    return {"metrics": metrics, "cpu_s": round(spent, 1), "peak_mb": round(peak_mb(), 1)}


def main(arguments: list[str] | None = None) -> list[dict[str, Any]]:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--database", required=True, help="postgres:// URL of a database that may be emptied")
    parser.add_argument("--json", type=Path, help="write the rows to this file")
    parser.add_argument("--sizes", type=int, nargs="*", default=list(SIZES), help="numbers of products")
    parser.add_argument("--child", nargs=2, metavar=("STEP", "SIZE"), help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if options.child:
        with tempfile.TemporaryDirectory() as folder:
            configure(Path(folder), options.database, "inventory")
            step, size = options.child[0], int(options.child[1])
            print(json.dumps(measure(size) if step == "measure" else fill(size)))
        return []
    rows = []
    for size in options.sizes:
        for step in ("fill", "measure"):
            command = [sys.executable, "-m", __spec__.name, "--database", options.database, "--child", step, str(size)]
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            if done.returncode:
                raise SystemExit(done.stderr)
        found = json.loads(done.stdout.splitlines()[-1])
        rows.append({"dataset": f"simulated_{size}", "model": "EcomAI", "ours": True, **found})
        each = 1000 * rows[-1]["cpu_s"] / size
        print(
            f"{size:>10,} products {rows[-1]['cpu_s']:8.1f} CPU s ({each:.2f} ms each)"
            f" {rows[-1]['metrics']['wall_s']:8.1f} s {rows[-1]['peak_mb']:7.0f} MB",
            flush=True,
        )
        if options.json:
            options.json.write_text(json.dumps(rows, indent=1), encoding="utf-8")
    return rows


if __name__ == "__main__":
    main()
