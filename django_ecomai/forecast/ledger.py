"""The demand ledger: what customers asked for, by day and product, as columns of numbers.

Gross demand by the day of the order in the shop's time zone. Cancelled orders are left out, and so are orders that a
credit note took back within minutes; other returns are no negative demand but a rate of their own.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Any

import numpy as np
from django.utils import timezone

from django_ecomai.mirror.columns import (
    NOBODY,
    DemandColumns,
    ReturnColumns,
    demand_columns,
    return_columns,
)
from django_ecomai.mirror.models import Order, OrderLine

from .days import day_date, day_number, local_date, local_days, midnight

if TYPE_CHECKING:
    from numpy.typing import NDArray

#: A sale that the same customer gave back, piece by piece the same, within these seconds never was one.
VOID_SECONDS = 2 * 3600
#: Without a sale for so long the copy is taken for a past one: forecasts begin where it ends.
PAUSE = timedelta(days=14)
#: So many pieces of the shop's mean stand behind the return rate of a product that has hardly sold.
PRIOR_PIECES = 20.0


@dataclass(frozen=True, eq=False)
class Ledger:
    """Demand per line, by time. ``products`` int64 [n]: primary keys, ascending; ``sold``, ``returned`` float64 [n].

    Lines [m]: ``product`` place in ``products``, ``day`` days after ``since``, ``quantity`` pieces, ``value`` money,
    ``order`` and ``customer`` primary keys (`NOBODY`: a guest). ``until`` is the first day that is not in it.
    ``void_lines`` and ``void_pieces``: what was cancelled within minutes; ``future_lines``: lines dated after this
    moment, ``free_lines`` those with price 0, both left out.
    """

    since: date
    until: date
    products: NDArray[np.int64]
    product: NDArray[np.int64]
    day: NDArray[np.int64]
    quantity: NDArray[np.float64]
    value: NDArray[np.float64]
    order: NDArray[np.int64]
    customer: NDArray[np.int64]
    sold: NDArray[np.float64]
    returned: NDArray[np.float64]
    void_lines: int = 0
    void_pieces: float = 0.0
    future_lines: int = 0
    free_lines: int = 0

    def __len__(self) -> int:
        return len(self.day)

    @property
    def days(self) -> int:
        """How many days it covers."""
        return (self.until - self.since).days

    def return_rates(self) -> NDArray[np.float64]:
        """Share of what was sold that came back, float64 [n], 0..1, drawn towards the shop's mean where little was."""
        return return_rates(self.sold, self.returned)


def return_rates(sold: NDArray[np.float64], returned: NDArray[np.float64]) -> NDArray[np.float64]:
    """Empirical-Bayes share of returns: ``(returned + prior * mean) / (sold + prior)``, at most 1 (a shop can take
    back more than its history shows as sold)."""
    total = float(sold.sum())
    mean = min(float(returned.sum()) / total, 1.0) if total > 0 else 0.0
    return np.asarray(np.minimum((np.minimum(returned, sold) + PRIOR_PIECES * mean) / (sold + PRIOR_PIECES), 1.0))


def ledger_until(*, channel: str = "") -> date:
    """The first day without data: tomorrow's beginning is never known, so today; of an old copy, the day after its
    last sale."""
    today = timezone.localdate(timezone=timezone.get_default_timezone())
    last = (
        OrderLine.objects.filter(channel=channel, placed_at__lt=midnight(today + timedelta(days=1)))
        .order_by("-placed_at")
        .values_list("placed_at", flat=True)
        .first()
    )
    if last is None:
        return today
    ended = local_date(last) + timedelta(days=1)
    return ended if today - ended > PAUSE else today


def ledger_read(
    *,
    channel: str = "",
    since: date | None = None,
    until: date | None = None,
    products: Sequence[int] | None = None,
    trim: bool = False,
    tell: Callable[[int], None] | None = None,
) -> Ledger:
    """Read the ledger from ``since`` (default: the first sale) to before ``until`` (default: ``ledger_until``).

    ``products``: only these primary keys. ``trim``: begin at the first sale where that is later than ``since``.
    ``tell(number)`` hears how many lines have been read.
    """
    until = until or ledger_until(channel=channel)
    begin = None if since is None else midnight(since)
    sales = demand_columns(channel=channel, products=products, tell=tell, since=begin)
    returns = return_columns(channel=channel, products=products, until=midnight(until))
    void = void_mask(sales, returns)
    days = local_days(sales.at)
    end = day_number(until)
    keep = ~void & (days < end)  # today has not ended: what was ordered today is not yet part of the past
    if products is not None:  # of many keys, those between them are read too
        keep &= np.isin(sales.product, np.asarray(products, dtype=np.int64))
    first = end if since is None else day_number(since)
    if (since is None or trim) and keep.any():
        first = int(days[keep].min())
    known = np.unique(sales.product[keep]) if products is None else np.unique(np.asarray(products, dtype=np.int64))
    place = np.searchsorted(known, sales.product[keep])
    sold = np.zeros(len(known))
    np.add.at(sold, place, sales.quantity[keep])
    return Ledger(
        since=day_date(first),
        until=until,
        products=known,
        product=place,
        day=days[keep] - first,
        quantity=sales.quantity[keep],
        value=sales.quantity[keep] * sales.price[keep],
        order=sales.order[keep],
        customer=sales.customer[keep],
        sold=sold,
        returned=_returned(known, sales, returns, void, since=None if begin is None else begin.timestamp()),
        void_lines=int(void.sum()),
        void_pieces=float(sales.quantity[void].sum()),
        future_lines=int((sales.at > timezone.now().timestamp()).sum()),
        free_lines=_free_lines(channel, begin, midnight(until)) if products is None else 0,
    )


def _free_lines(channel: str, since: datetime | None, until: datetime) -> int:
    """How many lines of that time were sold for nothing."""
    rows = OrderLine.objects.filter(
        channel=channel, removed_at=None, order__removed_at=None, product__is_service=False, quantity__gt=0,
        unit_price__lte=0, placed_at__lt=until,
    ).exclude(order__status=Order.Status.CANCELLED)  # fmt: skip
    return (rows if since is None else rows.filter(placed_at__gte=since)).count()


def void_mask(sales: DemandColumns, returns: ReturnColumns) -> NDArray[np.bool_]:
    """Which sales were taken back within `VOID_SECONDS`, bool [n]: same customer, product and number of pieces.

    Each return takes back at most one sale, the last before it. Orders that name no customer are never matched.
    """
    void = np.zeros(len(sales), dtype=bool)
    if not len(returns) or not len(sales):
        return void
    # Only products and customers of a return are looked at, so the loop below runs over few rows.
    back = np.flatnonzero(returns.customer != NOBODY)
    waiting: dict[tuple[int, int, float], list[int]] = {}
    hot = np.isin(sales.product, returns.product[back]) & np.isin(sales.customer, returns.customer[back])
    for row in np.flatnonzero(hot).tolist():
        waiting.setdefault((int(sales.customer[row]), int(sales.product[row]), float(sales.quantity[row])), []).append(
            row
        )
    for row in back.tolist():
        key = (int(returns.customer[row]), int(returns.product[row]), float(returns.quantity[row]))
        at = float(returns.at[row])
        for sale in reversed(waiting.get(key, [])):
            if 0 <= at - float(sales.at[sale]) <= VOID_SECONDS and not void[sale]:
                void[sale] = True
                break
    return void


def _returned(
    known: NDArray[np.int64],
    sales: DemandColumns,
    returns: ReturnColumns,
    void: NDArray[np.bool_],
    *,
    since: float | None,
) -> NDArray[np.float64]:
    """Pieces that came back per product, float64 [n], without what only undid a void sale."""
    total = np.zeros(len(known))
    if not len(known):
        return total
    late = np.ones(len(returns), dtype=bool) if since is None else returns.at >= since
    _add(total, known, returns.product[late], returns.quantity[late])
    _add(total, known, sales.product[void], -sales.quantity[void])
    return np.maximum(total, 0.0)


def _add(total: NDArray[np.float64], known: NDArray[np.int64], product: NDArray[Any], amount: NDArray[Any]) -> None:
    place = np.minimum(np.searchsorted(known, product), len(known) - 1)
    here = known[place] == product
    np.add.at(total, place[here], amount[here])


def dense_quantity(ledger: Ledger) -> NDArray[np.float32]:
    """Pieces per product and day, float32 [n, days]."""
    shape = (len(ledger.products), ledger.days)
    flat = np.bincount(
        ledger.product * ledger.days + ledger.day, weights=ledger.quantity, minlength=shape[0] * shape[1]
    )
    return flat.astype(np.float32).reshape(shape)
