"""What an hour of `pricing.watch` costs when many prices are due in it: ``python -m benchmarks.pricing_watch --database
postgres://.../x_bench --json FILE [--sizes N ...]``.

A **simulated** shop per size, made before and not counted, whose adapter takes prices at once. *Look*: N prices came
into the shop eight days ago and are looked at for the first time; one in twenty sells a tenth of what was expected and
is taken back. *Apply*: N other prices were approved for this hour and go into the shop. Each is a process of its own.
Printed are CPU seconds of the process and of PostgreSQL, elapsed seconds and the peak memory of the process. The
database is emptied: its name must hold "bench".
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal
from typing import Any

import numpy as np

from benchmarks.by_size import analysed, by_size, emptied, in_shop, multiplied, spent
from benchmarks.database_cpu import database_cpu
from benchmarks.pricing_job import _copied, _selected
from django_ecomai.adapters.base import ShopAdapter

SIZES = (1_000, 10_000)
CAPABILITIES = ("pricing",)
DAYS, DAILY, LOSERS, CHUNK = 8, 2.0, 20, 20_000
OLD, NEW = Decimal("10.00"), Decimal("10.50")


class Shop(ShopAdapter):
    """Takes every price; what it has now is what the copy says."""

    def apply_price(self, product_id: str, price: Any) -> None:
        """Costs nothing."""


def fill(size: int) -> None:
    """Twice as many products as prices: those of the first half came eight days ago, the others are due now."""
    from django.utils import timezone

    from django_ecomai.forecast.days import local_date, midnight
    from django_ecomai.mirror.models import Order, OrderLine, PricePoint, Product
    from django_ecomai.pricing.models import PriceChange, PriceProposal, ProductElasticity

    emptied()
    now = timezone.now()
    came = now - timedelta(days=DAYS)
    product = Product.objects.create(
        external_id="1", title="Thing", price=NEW, list_price=OLD, cost=4, currency="EUR", stock=500
    )
    first = product.pk
    multiplied(product, 2 * size, id=f"{first} + i - 1", external_id="i::text", price=_half(size, NEW, OLD))
    point = PricePoint.objects.create(product=product, valid_from=now - timedelta(days=100), price=OLD, currency="EUR")
    multiplied(point, 2 * size, id=f"{point.pk} + i - 1", product_id=f"{first} + i - 1")
    newer = PricePoint(pk=point.pk + 2 * size, product=product, valid_from=came, price=NEW, currency="EUR")
    newer.save(force_insert=True)
    multiplied(newer, size, id=f"{newer.pk} + i - 1", product_id=f"{first} + i - 1")
    known = ProductElasticity.objects.create(
        product=product, elasticity=-1.6, sd=0.2, low=-2.0, high=-1.2, source="own", rate=14.0, made_at=came
    )
    multiplied(known, 2 * size, id=f"{known.pk} + i - 1", product_id=f"{first} + i - 1")
    proposal = PriceProposal.objects.create(
        product=product, state="applied", old_price=OLD, new_price=NEW, list_price=OLD, cost=4, currency="EUR",
        made_at=came, decided_at=came, batch="first", goal="profit", elasticity=-1.6, elasticity_low=-2.0,
        elasticity_high=-1.2, units_old=30 * DAILY, units_new=28 * DAILY, gain=1.0, horizon_days=28,
        history={"units": [14.0] * 26, "prices": [10.0] * 26},
    )  # fmt: skip
    due = f"'{now - timedelta(minutes=5)}'::timestamptz"
    multiplied(
        proposal, 2 * size, id=f"{proposal.pk} + i - 1", product_id=f"{first} + i - 1",
        state=_half(size, "'applied'", "'scheduled'"), batch=_half(size, "'first'", "'second'"),
        apply_at=_half(size, "NULL", due), made_at=_half(size, f"'{came}'::timestamptz", due),
    )  # fmt: skip
    change = PriceChange.objects.create(
        product=product, proposal=proposal, at=came, old_price=OLD, new_price=NEW, currency="EUR", batch="first"
    )
    multiplied(
        change, size, id=f"{change.pk} + i - 1", product_id=f"{first} + i - 1", proposal_id=f"{proposal.pk} + i - 1"
    )
    order = Order.objects.create(external_id="x", placed_at=now, currency="EUR", status="delivered")
    line = OrderLine.objects.create(
        external_id="x",
        order=order,
        product=product,
        product_external_id="1",
        quantity=1,
        unit_price=NEW,
        placed_at=now,
    )
    noon = midnight(local_date(came)) + timedelta(hours=12)
    start = f"'{noon}'::timestamptz + interval '1 day' * s.day"
    _copied("sold", "i bigint, product int, day int, quantity int", _sales(size))
    order_at = "s.i / 2"
    _selected(order, "(SELECT i, day FROM sold WHERE i %% 2 = 0) s", id=f"{order.pk} + {order_at} + 1",
              external_id="s.i::text", placed_at=start)  # fmt: skip
    _selected(
        line, "sold s", id=f"{line.pk} + s.i + 1", external_id="s.i::text", product_id=f"{first} + s.product",
        order_id=f"{order.pk} + {order_at} + 1", product_external_id="(s.product + 1)::text", placed_at=start,
        quantity="s.quantity",
    )  # fmt: skip
    _sequences(Product, PricePoint, ProductElasticity, PriceProposal, PriceChange, Order, OrderLine)
    analysed()


def _half(size: int, first: Any, second: Any) -> str:
    return f"CASE WHEN i <= {size} THEN {first} ELSE {second} END"


def _sales(size: int) -> Iterator[tuple[Any, ...]]:
    """Line, product, day after the change and pieces."""
    number = 0
    for part, begin in enumerate(range(0, size, CHUNK)):
        draw = np.random.default_rng([1, part])
        product = np.arange(begin, min(begin + CHUNK, size))
        rate = np.where(product % LOSERS == 0, DAILY / 10, DAILY)
        units = draw.poisson(rate[:, None], (len(product), DAYS - 1))
        row, day = np.nonzero(units)
        for values in zip((begin + row).tolist(), (day + 1).tolist(), units[row, day].tolist(), strict=True):
            yield number, *values
            number += 1


def _sequences(*models: Any) -> None:
    """New rows get keys behind those that were written with theirs."""
    from django.core.management.color import no_style
    from django.db import connection

    with connection.cursor() as cursor:
        for statement in connection.ops.sequence_reset_sql(no_style(), list(models)):
            cursor.execute(statement)


def look(size: int) -> dict[str, Any]:
    """The first hour in which the prices are old enough; the others are not due yet."""
    from django.utils import timezone

    from django_ecomai.pricing.models import PriceProposal

    later = PriceProposal.objects.filter(state="scheduled")
    later.update(apply_at=timezone.now() + timedelta(days=1))
    found = _hour(size, "look")
    later.update(apply_at=timezone.now() - timedelta(minutes=5))
    if found["metrics"]["looked"] != size:
        raise SystemExit(f"{size} prices were to be looked at: {found}")
    return found


def apply(size: int) -> dict[str, Any]:
    """The hour in which the others are due."""
    found = _hour(size, "apply")
    if found["metrics"]["applied"] != size:
        raise SystemExit(f"{size} prices were to be applied: {found}")
    return found


def _hour(size: int, what: str) -> dict[str, Any]:
    from django_ecomai.pricing.services import prices_watch

    with database_cpu() as database:
        watched, numbers = spent(prices_watch)
    if watched.errors:
        raise SystemExit(f"{watched.errors} errors: {[str(one) for one in watched.messages[:5]]}")
    metrics = {"prices": size, "what": what, "wall_s": numbers.pop("wall_s"), **watched.as_dict()}
    return {"metrics": {**metrics, "database_cpu_s": round(database["seconds"], 1)}, **numbers}


def told(row: dict[str, Any]) -> str:
    """A row as a line."""
    one = row["metrics"]
    return (
        f"{one['prices']:>9,} prices, {one['what']:<5} {row['cpu_s']:8.1f} CPU s + {one['database_cpu_s']:.1f} of the "
        f"database {one['wall_s']:8.1f} s {row['peak_mb']:7.0f} MB; looked at {one['looked']:,}, taken back "
        f"{one['rolled_back']:,}, applied {one['applied']:,}, overtaken {one['stale']:,}, failed {one['failed']:,}"
    )


def main(arguments: list[str] | None = None) -> list[dict[str, Any]]:
    return by_size(
        arguments,
        module=__spec__.name,
        doc=__doc__,
        place=("database", "postgres:// URL of a database that may be emptied"),
        sizes=SIZES,
        steps={name: in_shop(step, *CAPABILITIES, adapter="benchmarks.pricing_watch.Shop")
               for name, step in {"fill": fill, "look": look, "apply": apply}.items()},
        told=told,
    )  # fmt: skip


if __name__ == "__main__":
    main()
