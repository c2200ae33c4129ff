"""A small shop with a past of 26 weeks: one product for each situation that a worklist knows."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal

from django_ecomai.inventory.models import Supplier
from django_ecomai.mirror.models import Order, OrderLine, Product
from django_ecomai.testing import product_make

from .factories import offer_make, supplier_make

DAYS = 182
FIRST = datetime(2025, 9, 1, 10, 0, tzinfo=UTC)


def shop_make(*, supplier: Supplier | None = None, channel: str = "") -> dict[str, Product]:
    """Products by what becomes of them; all sell 4 a day but for ``dead`` and ``slow``."""
    supplier = supplier or supplier_make(code="S1", lead_time_days=14, channel=channel)
    stocks = {"out": 0, "low": 20, "fine": 90, "surplus": 4000, "dead": 300, "slow": 6}
    products = {}
    for name, stock in stocks.items():
        product = product_make(
            external_id=name, title=name.title(), stock=Decimal(stock), price="5.00", cost=Decimal(2), channel=channel
        )
        offer_make(product, supplier, cost=Decimal(2), pack_size=Decimal(12), moq=Decimal(12))
        products[name] = product
    for name in ("out", "low", "fine", "surplus"):
        sales_make(products[name], dict.fromkeys(range(DAYS), 4))
    sales_make(products["dead"], {0: 1})
    sales_make(products["slow"], dict.fromkeys(range(0, DAYS, 30), 1))
    return products


def sales_make(product: Product, pieces: dict[int, int]) -> None:
    """One order a day, in two statements."""
    orders = Order.objects.bulk_create(
        [
            Order(
                channel=product.channel,
                external_id=f"{product.external_id}-{day}",
                status="delivered",
                placed_at=FIRST + timedelta(days=day),
                currency="EUR",
            )
            for day in pieces
        ]
    )
    OrderLine.objects.bulk_create(
        [
            OrderLine(
                channel=product.channel,
                external_id=order.external_id,
                order=order,
                product=product,
                product_external_id=product.external_id,
                title=product.title,
                quantity=Decimal(number),
                unit_price=Decimal(5),
                placed_at=order.placed_at,
            )
            for order, number in zip(orders, pieces.values(), strict=True)
        ]
    )
