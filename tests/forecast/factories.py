"""Small shops with a past: every number drawn from a seed."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import numpy as np

from django_ecomai.mirror.models import Customer, Order, OrderLine, Product
from django_ecomai.testing import category_make, product_make

MONDAY = date(2023, 1, 2)


def shop_make(
    *, products: int = 8, weeks: int = 60, channel: str = "", start: date = MONDAY, seed: int = 0
) -> list[Product]:
    """Products in two categories, sold at noon on Tuesdays and Fridays, more of them towards the end of the year."""
    random = np.random.default_rng(seed)
    shelves = [
        category_make(external_id=f"{channel}c{number}", name=f"Shelf {number}", channel=channel) for number in (1, 2)
    ]
    found = [
        product_make(
            external_id=f"{channel}p{number}",
            title=f"Lantern {number}",
            price=5 + number,
            categories=[shelves[number % 2]],
            channel=channel,
        )
        for number in range(products)
    ]
    customer = Customer.objects.create(channel=channel, external_id="1")
    lines: list[OrderLine] = []
    orders: list[Order] = []
    for week in range(weeks):
        season = 1 + 0.5 * np.sin(week / 52 * 2 * np.pi)
        for weekday in (1, 4):
            day = start + timedelta(days=7 * week + weekday)
            at = noon(day)
            order = Order(
                channel=channel, external_id=f"fo{len(orders)}", customer=customer, placed_at=at, status="delivered"
            )
            orders.append(order)
            for number, product in enumerate(found):
                quantity = int(random.poisson(season * (1 + number)))
                if quantity:
                    lines.append(
                        OrderLine(
                            channel=channel,
                            external_id=f"fl{len(lines)}",
                            order=order,
                            product=product,
                            placed_at=at,
                            product_external_id=product.external_id,
                            title=product.title,
                            quantity=Decimal(quantity),
                            unit_price=product.price,
                        )
                    )
    Order.objects.bulk_create(orders)
    OrderLine.objects.bulk_create(lines)
    return found


def week(number: int, start: date = MONDAY) -> date:
    """The Monday of a week of the shop."""
    return start + timedelta(days=7 * number)


def noon(day: date) -> datetime:
    """The moment at noon."""
    return datetime(day.year, day.month, day.day, 12, tzinfo=UTC)


def train(**parameters: Any) -> Any:
    """Run the job and return its run, which must have ended well."""
    from django_ecomai.runs.services import run_now

    channel = parameters.pop("channel", "")
    run = run_now(
        kind="forecast.train", channel=channel, parameters={"learned": False, "windows": 2, "horizon": 8, **parameters}
    )
    assert run.state == "done", run.error
    return run
