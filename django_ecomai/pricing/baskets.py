"""Which products are ordered together: counted a part of the orders at a time, so that memory is bounded."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
from django.db.models import FloatField
from django.db.models.functions import Cast

from django_ecomai.forecast.days import midnight
from django_ecomai.mirror.columns import CHUNK
from django_ecomai.mirror.selectors import demand_lines

from .offering import OfferSetting, Priced, near

if TYPE_CHECKING:
    from numpy.typing import NDArray

#: Products whose pairs are counted: those with most lines. The counts of all their pairs are two tables of 16 MB.
PRODUCTS = 2_000
#: An order of more lines than this is a restocking, not a choice of things that go together.
MOST_LINES = 50
#: Orders that are read at once.
ORDERS = 20_000


@dataclass(frozen=True, eq=False)
class Baskets:
    """int32 [k, k] for k products: ``together`` orders that held both at about today's prices, ``without`` orders that
    held the first at about today's price and not the second. The diagonals say nothing."""

    together: NDArray[np.int32]
    without: NDArray[np.int32]


def baskets_count(
    setting: OfferSetting, priced: Sequence[Priced], *, progress: Callable[[float], None] | None = None
) -> Baskets:
    """Count the pairs of up to ``PRODUCTS`` products by ascending key; one query per ``ORDERS`` orders.

    Memory is two tables [k, k] and the lines of so many orders, however many orders there are.
    """
    k = len(priced)
    together, near_both = np.zeros((k, k), dtype=np.int32), np.zeros((k, k), dtype=np.int32)
    alone = np.zeros(k, dtype=np.int64)
    keys = setting.orders.key
    bounds = [*range(0, len(keys), ORDERS), len(keys)]
    for start, end in pairwise(bounds if k > 1 else []):
        seen, fits = _held(setting, priced, start, end)
        alone += np.asarray(fits.sum(axis=0)).ravel().astype(np.int64)
        together += (fits.T @ fits).toarray()
        near_both += (fits.T @ seen).toarray()
        if progress is not None:
            progress(end / len(keys))
    return Baskets(together, (alone[:, None] - near_both).astype(np.int32))


def _held(setting: OfferSetting, priced: Sequence[Priced], start: int, end: int) -> tuple[Any, Any]:
    """Sparse 0/1 tables [orders, k]: which products an order held, and which of them at about today's price."""
    from scipy.sparse import csr_matrix

    orders, pks = setting.orders, np.array([one.pk for one in priced], dtype=np.int64)
    rows = demand_lines(channel=setting.channel, since=midnight(setting.since), until=midnight(setting.until))
    rows = rows.filter(order_id__gte=int(orders.key[start]), order_id__lte=int(orders.key[end - 1]))
    # numbers, not decimals: a third of the time
    paid_for = Cast("unit_price", FloatField())
    stream = rows.order_by().values_list("order_id", "product_id", paid_for).iterator(chunk_size=CHUNK)
    lines = [(order, product or 0, paid or 0.0) for order, product, paid in stream]
    order = np.array([one[0] for one in lines], dtype=np.int64)
    product = np.array([one[1] for one in lines], dtype=np.int64)
    paid = np.array([one[2] for one in lines], dtype=np.float64)
    place = orders.places(order)
    size = np.bincount(place[place >= 0] - start, minlength=end - start)
    at = np.minimum(np.searchsorted(pks, product), len(pks) - 1)
    keep = (place >= 0) & (pks[at] == product)
    keep[keep] = size[place[keep] - start] <= MOST_LINES
    place, at, paid = place[keep], at[keep], paid[keep]
    codes = np.array([one.currency for one in priced], dtype=object)[at]
    price = np.array([one.price for one in priced])[at]
    fits = near(paid, price) & orders.in_currency(place, codes)
    shape = (end - start, len(pks))

    def table(chosen: NDArray[np.bool_]) -> Any:
        ones = np.ones(int(chosen.sum()), dtype=np.int32)
        found = csr_matrix((ones, (place[chosen] - start, at[chosen])), shape=shape)
        found.data[:] = 1  # two lines of one product are one
        return found

    return table(np.ones(len(at), dtype=bool)), table(fits)
