"""What the suggestions cost as a shop grows: ``python -m benchmarks.replenish_size --database postgres://.../x_bench
--json FILE [--sizes N ...]``.

A simulated shop per size, made by the database itself and not counted: products with stock, price and cost, one offer
of one of 50 suppliers each, five order lines a product in the last year, a forecast of 13 weeks. Then all suggestions
are worked out and stored, as the nightly job does it: CPU seconds and peak memory of that process (the database's own
are not counted). The database is emptied: its name must hold "bench".
"""

from __future__ import annotations

from typing import Any

from benchmarks.by_size import analysed, by_size, emptied, in_shop, multiplied, spent

SIZES = (10_000, 100_000)
LINES_EACH = 5


def fill(size: int) -> None:
    """The shop, by the models' own defaults, multiplied inside the database."""
    from datetime import timedelta
    from decimal import Decimal

    from django.utils import timezone

    from django_ecomai.forecast.models import Forecast
    from django_ecomai.inventory.models import Supplier, SupplierProduct
    from django_ecomai.mirror.models import Order, OrderLine, Product

    emptied()
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
    multiplied(product, size, id=key, external_id=number, stock="(i * 31) %% 40")
    multiplied(offer, size, id=f"{offer.pk} + i - 1", product_id=key, supplier_id=f"{first} + i %% 50")
    multiplied(order, size * LINES_EACH, id=f"{order.pk} + i - 1", external_id=number, placed_at=at)
    multiplied(
        line, size * LINES_EACH, id=f"{line.pk} + i - 1", external_id=number, order_id=f"{order.pk} + i - 1",
        product_id=f"{product.pk} + i %% {size}", quantity="1 + i %% 4", placed_at=at,
    )  # fmt: skip
    multiplied(forecast, size, id=f"{forecast.pk} + i - 1", key=number, product_id=key)
    analysed()


def measure(size: int) -> dict[str, Any]:
    """Suggestions of the whole shop."""
    from django_ecomai.inventory.models import Suggestion
    from django_ecomai.inventory.services.replenish import suggestions_make

    report, numbers = spent(suggestions_make)
    if not report.products == Suggestion.objects.count() == size or report.without_forecast:
        raise SystemExit(f"{size} products with forecasts were asked for, {report.as_dict()} came")
    return {"metrics": {"products": size, "to_order": report.to_order, "wall_s": numbers.pop("wall_s")}, **numbers}


def told(row: dict[str, Any]) -> str:
    """A row as a line."""
    size, cpu = row["metrics"]["products"], row["cpu_s"]
    return (
        f"{size:>10,} products {cpu:8.1f} CPU s ({1000 * cpu / size:.2f} ms each)"
        f" {row['metrics']['wall_s']:8.1f} s {row['peak_mb']:7.0f} MB"
    )


def main(arguments: list[str] | None = None) -> list[dict[str, Any]]:
    return by_size(
        arguments,
        module=__spec__.name,
        doc=__doc__,
        place=("database", "postgres:// URL of a database that may be emptied"),
        sizes=SIZES,
        steps={"fill": in_shop(fill, "inventory"), "measure": in_shop(measure, "inventory")},
        told=told,
    )


if __name__ == "__main__":
    main()
