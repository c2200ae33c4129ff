"""Days on which no order at all reached us, though many are usual: a sync that broke, not a price that is too high."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING

import numpy as np

from django_ecomai.forecast.days import day_date, day_number, local_date, midnight
from django_ecomai.mirror.models import Order

if TYPE_CHECKING:
    from numpy.typing import NDArray

#: What is usual is looked up in so many days, and no day before them is called silent.
SPAN = 84
#: Orders that were to be expected in days without any. By Poisson none of 20 come once in 5e8; where days scatter twice
#: as much (their variance twice the mean) still only once in 22,000.
LEAST = 20.0


@dataclass(frozen=True, eq=False)
class OrderDays:
    """``silent`` bool [n]: days from ``since`` on without any order though many were to be expected."""

    since: date
    silent: NDArray[np.bool_]

    @property
    def ended(self) -> date | None:
        """The first day of the silence that lasts to the end; None where there is none."""
        if not len(self.silent) or not self.silent[-1]:
            return None
        spoken = np.flatnonzero(~self.silent)
        return day_date(day_number(self.since) + (int(spoken[-1]) + 1 if len(spoken) else 0))

    def silent_between(self, since: date, until: date) -> NDArray[np.bool_]:
        """bool [days]; a day that was not looked at is none of them."""
        found = np.zeros((until - since).days, dtype=bool)
        offset = (self.since - since).days
        for place in np.flatnonzero(self.silent) + offset:
            if 0 <= place < len(found):
                found[place] = True
        return found


def order_days(*, channel: str, until: date) -> OrderDays:
    """The ``SPAN`` days before ``until``, or those since the first order in them. One short query per day."""
    begin = until - timedelta(days=SPAN)
    rows = Order.objects.filter(channel=channel, placed_at__gte=midnight(begin), placed_at__lt=midnight(until))
    days: list[int] = []
    at: datetime | None = midnight(begin)
    while at is not None:  # from a day with orders to the next: no database is asked for days of a time zone
        found = rows.filter(placed_at__gte=at).order_by("placed_at").values_list("placed_at", flat=True).first()
        at = None
        if found is not None:
            days.append(day_number(local_date(found)))
            at = midnight(local_date(found) + timedelta(days=1))
    if not days:
        return OrderDays(until, np.zeros(0, dtype=bool))
    busy = np.zeros(day_number(until) - days[0], dtype=bool)
    busy[np.array(days) - days[0]] = True
    return OrderDays(day_date(days[0]), silent_days(busy, orders=rows.count()))


def silent_days(busy: NDArray[np.bool_], *, orders: int) -> NDArray[np.bool_]:
    """Of days, from one with orders on, those that are silent, bool [n]. ``busy``: on which some came, of ``orders`` in
    all. Of each weekday as many are expected as usual: a shop that is closed on Sundays is not silent then."""
    weekday = np.arange(len(busy)) % 7
    share = np.bincount(weekday, weights=busy, minlength=7) / np.maximum(np.bincount(weekday, minlength=7), 1)
    usual = orders / max(int(busy.sum()), 1) * share[weekday]
    found = np.zeros(len(busy), dtype=bool)
    edges = np.flatnonzero(np.diff(np.concatenate([[0], (~busy).astype(np.int8), [0]])))
    for begin, end in zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True):
        found[begin:end] = usual[begin:end].sum() >= LEAST
    return found
