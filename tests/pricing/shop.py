"""A simulated shop whose elasticities are known: weekly prices at random, Poisson demand."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import numpy as np

from django_ecomai.mirror.models import Category, Order, OrderLine, PricePoint, Product
from django_ecomai.testing import category_make, product_make

#: A Monday; the sales below end with the day before NOW.
FIRST = datetime(2025, 3, 3, 10, 0, tzinfo=UTC)
WEEKS = 52
NOW = FIRST + timedelta(weeks=WEEKS)
LEVELS = (8.0, 9.0, 10.0, 11.0)


def shop_make(
    slopes: tuple[float, ...] = (-3.0, -2.5, -2.0), *, channel: str = "", rate: float = 60.0, **fields: Any
) -> list[Product]:
    """Products p0, p1, ... of one category at 10.00 that cost 4.00 and sold at four prices for a year."""
    category = category_make(external_id="c", channel=channel)
    products = []
    for number, slope in enumerate(slopes):
        given = {"price": "10.00", "cost": Decimal("4.00"), "list_price": Decimal("10.00"), **fields}
        product = product_make(external_id=f"p{number}", categories=[category], channel=channel, **given)
        sales_make(product, slope=slope, rate=rate, seed=number)
        products.append(product)
    return products


def sales_make(
    product: Product,
    *,
    slope: float = -2.0,
    rate: float = 60.0,
    weeks: int = WEEKS,
    seed: int = 0,
    levels: tuple[float, ...] = LEVELS,
    currency: str = "EUR",
) -> None:
    """One order on each Monday, at a price drawn from ``levels``, and the price history that goes with it."""
    draw = np.random.default_rng(seed)
    prices = draw.choice(levels, weeks)
    prices[-2:] = float(product.price or 10)
    pieces = draw.poisson(rate * (prices / 10) ** slope)
    orders = Order.objects.bulk_create(
        [
            Order(
                channel=product.channel, external_id=f"{product.external_id}-{currency}-{week}", status="delivered",
                placed_at=FIRST + timedelta(weeks=week), currency=currency,
            )
            for week in range(weeks)
        ]
    )  # fmt: skip
    OrderLine.objects.bulk_create(
        [
            OrderLine(
                channel=product.channel, external_id=order.external_id, order=order, product=product,
                product_external_id=product.external_id, title=product.title, quantity=Decimal(int(number)),
                unit_price=Decimal(str(price)), placed_at=order.placed_at,
            )
            for order, number, price in zip(orders, pieces.tolist(), prices.tolist(), strict=True)
            if number
        ]
    )  # fmt: skip
    PricePoint.objects.bulk_create(
        [
            PricePoint(
                channel=product.channel, product=product, valid_from=FIRST - timedelta(hours=9) + timedelta(weeks=week),
                price=Decimal(str(price)), currency=product.currency, source="shop",
            )
            for week, price in enumerate(prices.tolist())
        ],
        ignore_conflicts=True,
    )  # fmt: skip


def category_of(product: Product) -> Category:
    """Its first category."""
    return product.categories.get()
