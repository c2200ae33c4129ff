"""Stock-outs: days on which demand could not be seen, because there was nothing to sell."""

from __future__ import annotations

from datetime import date, timedelta
from typing import TYPE_CHECKING

import numpy as np

from django_ecomai.mirror.columns import of_products
from django_ecomai.mirror.models import StockPoint

from .days import day_number, local_days, midnight

if TYPE_CHECKING:
    from numpy.typing import NDArray

CHUNK = 20_000
#: A day counts as sold out from this share of it on.
SHARE = 0.5


def stocked_out(*, channel: str, products: NDArray[np.int64], since: date, until: date) -> NDArray[np.bool_]:
    """Whether a product was sold out for at least half of the day, bool [n, days].

    Stock is the sum over the locations, from ``StockPoint`` on; before the first record, and for products whose stock
    the shop does not count, nothing is taken for sold out. Negative stock is no stock.
    """
    days = (until - since).days
    out = np.zeros((len(products), max(days, 0)), dtype=bool)
    if days <= 0 or not len(products):
        return out
    first, midnights = day_number(since), _midnights(since, days)
    for row, at, quantity in _histories(channel, products, until):
        _mark(out[row], at, quantity, first, midnights)
    return out


def _midnights(since: date, days: int) -> NDArray[np.float64]:
    return np.array([midnight(since + timedelta(days=day)).timestamp() for day in range(days + 1)])


def _histories(
    channel: str, products: NDArray[np.int64], until: date
) -> list[tuple[int, NDArray[np.float64], NDArray[np.float64]]]:
    """Row of the product, moments and total stock from each on, for products that were sold out at some time."""
    places = {int(pk): row for row, pk in enumerate(products.tolist())}
    points: dict[int, list[tuple[float, str, float]]] = {}
    rows = StockPoint.objects.filter(channel=channel, valid_from__lt=midnight(until)).order_by("valid_from", "pk")
    columns = of_products(rows, places).values_list("product_id", "valid_from", "location", "quantity")
    for pk, moment, place, stock in columns.iterator(chunk_size=CHUNK):
        if pk in places:
            points.setdefault(pk, []).append((moment.timestamp(), place, float(stock)))
    found = []
    for pk, history in points.items():
        here: dict[str, float] = {}
        totals = []
        for _at, place, quantity in history:
            here[place] = max(quantity, 0.0)  # one location's debt is not another's stock
            totals.append(sum(here.values()))
        total = np.array(totals)
        if (total <= 0).any():
            found.append((places[pk], np.array([one[0] for one in history]), total))
    return found


def _mark(
    days: NDArray[np.bool_],
    at: NDArray[np.float64],
    total: NDArray[np.float64],
    first: int,
    midnights: NDArray[np.float64],
) -> None:
    ends = np.append(at[1:], midnights[-1])
    for begin, end, stock in zip(at.tolist(), ends.tolist(), total.tolist(), strict=True):
        begin, end = max(begin, float(midnights[0])), min(end, float(midnights[-1]))
        if stock > 0 or end <= begin:
            continue
        head, tail = (int(one) - first for one in local_days(np.array([begin, end - 1e-3])))
        if head == tail:
            days[head] |= (end - begin) >= SHARE * (midnights[head + 1] - midnights[head])
            continue
        days[head + 1 : tail] = True
        days[head] |= (midnights[head + 1] - begin) >= SHARE * (midnights[head + 1] - midnights[head])
        days[tail] |= (end - midnights[tail]) >= SHARE * (midnights[tail + 1] - midnights[tail])
