"""What may explain demand, per period: prices, promotions, and signals from outside; and what of it is known ahead."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import TYPE_CHECKING

import numpy as np

from django_ecomai.mirror.columns import of_products, price_columns
from django_ecomai.mirror.models import Category, Product, Promotion

from .days import day_date, day_number, local_days, midnight, period_days, period_numbers
from .ledger import Ledger
from .models import SignalValue

if TYPE_CHECKING:
    from numpy.typing import NDArray

CHUNK = 20_000


def price_paid(ledger: Ledger, *, periods: NDArray[np.int64], frequency: str) -> NDArray[np.float64]:
    """Median of the prices paid per order line, per product and period, float64 [n, periods], NaN where nothing was
    sold.

    It comes about together with the sale (who orders much pays less), so it is known only afterwards: a forecast may
    use the last one before it, never that of the period it is about. The median is moved less by a discount for large
    quantities than the mean. A price of 0 is no price.
    """
    found = np.full((len(ledger.products), len(periods)), np.nan)
    if not len(ledger):
        return found
    first = int(periods[0])
    period = period_numbers(ledger.day + day_number(ledger.since), frequency) - first
    price = np.where(ledger.quantity > 0, ledger.value / np.maximum(ledger.quantity, 1e-9), np.nan)
    inside = (period >= 0) & (period < found.shape[1]) & (price > 0)
    cell, price = (ledger.product * found.shape[1] + period)[inside], price[inside]
    order = np.lexsort((price, cell))
    cell, price = cell[order], price[order]
    cells, start, count = np.unique(cell, return_index=True, return_counts=True)
    found.flat[cells] = price[start + (count - 1) // 2]
    return found


def price_listed(
    products: NDArray[np.int64], *, channel: str, periods: NDArray[np.int64], frequency: str
) -> NDArray[np.float64]:
    """Price of the price history per product and period, float64 [n, periods], NaN before its first entry: each holds
    until the next one, and those for a coming day are known ahead."""
    found = np.full((len(products), len(periods)), np.nan)
    if not len(products) or not len(periods):
        return found
    known = price_columns(channel=channel, products=products.tolist())
    order = np.argsort(products, kind="stable")
    place = np.minimum(np.searchsorted(products, known.product, sorter=order), len(products) - 1)
    row = order[place]
    here = products[row] == known.product  # of many keys, those between them are read too
    period = period_numbers(local_days(known.at[here]), frequency) - int(periods[0])
    inside = period < found.shape[1]
    # by time: of several in a period the last one stays
    found[row[here][inside], np.maximum(period[inside], 0)] = known.price[here][inside]
    since = np.maximum.accumulate(np.where(np.isfinite(found), np.arange(found.shape[1]), 0), axis=1)
    return np.take_along_axis(found, since, axis=1)


def promotion_matrix(
    products: NDArray[np.int64], *, channel: str, periods: NDArray[np.int64], frequency: str
) -> NDArray[np.float64]:
    """Share of the days of a period on which a product was (or will be) in a promotion, float64 [n, periods], 0..1.

    Promotions of a category count for its products and those below it; one without products and categories for all.
    """
    shape = (len(products), len(periods))
    found = np.zeros(shape)
    starts, ends = period_days(periods, frequency), period_days(periods + 1, frequency)
    until = midnight(day_date(int(ends[-1])))
    rows = Promotion.objects.filter(channel=channel, removed_at=None, starts_at__lt=until)
    rows = rows.exclude(ends_at__lt=midnight(day_date(int(starts[0]))))
    running = list(rows.prefetch_related("products", "categories"))
    if not running:
        return found
    below = _below(channel, products.tolist())
    place = {pk: row for row, pk in enumerate(products.tolist())}
    for promotion in running:
        last = promotion.ends_at or until
        begin, end = local_days(np.array([promotion.starts_at.timestamp(), (last - timedelta(seconds=1)).timestamp()]))
        if end < begin:
            continue
        overlap = np.minimum(ends, end + 1) - np.maximum(starts, begin)
        share = np.clip(overlap / (ends - starts), 0.0, 1.0)
        direct = {one.pk for one in promotion.products.all()}
        categories = [one.pk for one in promotion.categories.all()]
        if direct or categories:
            direct = direct.union(*(below.get(one, set()) for one in categories))
            chosen = np.array(sorted(place[pk] for pk in direct if pk in place), dtype=np.int64)
        else:
            chosen = np.arange(len(products))
        found[chosen] = np.maximum(found[chosen], share)
    return found


def _below(channel: str, products: Sequence[int]) -> dict[int, set[int]]:
    """Which of these products are in each category or in one below it, by primary keys."""
    parents = dict(Category.objects.filter(channel=channel).values_list("pk", "parent_id"))
    found: dict[int, set[int]] = {}
    rows = of_products(Product.categories.through.objects.filter(product__channel=channel), products)
    links = rows.values_list("product_id", "category_id")
    for product, leaf in links.iterator(chunk_size=CHUNK):
        category: int | None = leaf
        seen: set[int] = set()
        while category is not None and category not in seen:
            seen.add(category)
            found.setdefault(category, set()).add(product)
            category = parents.get(category)
    return found


def signal_rows(
    *, channel: str, periods: NDArray[np.int64], frequency: str
) -> tuple[dict[str, NDArray[np.float64]], tuple[str, ...]]:
    """Mean per period of each signal in use, float64 [periods], and the names of those that are not known ahead: their
    values end before the last of ``periods`` begins. A value holds until the next, before the first the first. Signals
    without a value are left out."""
    starts, ends = period_days(periods, frequency), period_days(periods + 1, frequency)
    values: dict[str, list[tuple[int, float]]] = {}
    rows = SignalValue.objects.filter(signal__channel=channel, signal__is_active=True).order_by("signal_id", "day")
    for key, day, value in rows.values_list("signal__key", "day", "value").iterator(chunk_size=CHUNK):
        values.setdefault(f"signal_{key}", []).append((day_number(day), value))
    days = np.arange(int(starts[0]), int(ends[-1]))
    found: dict[str, NDArray[np.float64]] = {}
    held = []
    for name, points in values.items():
        known = np.array([point[0] for point in points])
        if known[-1] < starts[-1]:
            held.append(name)
        each = np.array([point[1] for point in points])[np.maximum(np.searchsorted(known, days, "right") - 1, 0)]
        total = np.add.reduceat(each, starts - starts[0])
        found[name] = total / (ends - starts)
    return found, tuple(held)
