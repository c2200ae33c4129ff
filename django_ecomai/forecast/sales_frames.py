"""Sales in money as frames for the engine: per category, country and customer segment, of all that was sold.

What has left the shop since counts as well: it was sold, and what takes its place will be.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from django.db.models import Value
from django.db.models.functions import Coalesce, NullIf

from django_ecomai.core.registry import CustomerSegments, customer_segments
from django_ecomai.mirror.models import Customer, Order, Product

from .days import day_number, period_days, period_numbers
from .frames import NO_CATEGORY, Demand
from .ledger import Ledger

if TYPE_CHECKING:
    from numpy.typing import NDArray

logger = logging.getLogger(__name__)
#: Countries with a forecast of their own; the others are added up.
COUNTRIES = 12
OTHER = "other"
#: Stands for the orders of customers in no segment.
NO_SEGMENT = "–"
LONGEST = 64


@dataclass(frozen=True, eq=False)
class SalesFrames:
    """Frames of a level of sales; ``whole``: they add up to all sales."""

    level: str
    frames: dict[str, Any]
    whole: bool


def money_frames(demand: Demand, ledger: Ledger, *, channel: str) -> dict[str, Any]:
    """Sales in money per category; the engine puts the whole shop above them."""
    rows = Product.objects.filter(channel=channel).values_list("pk", "category_external_ids")
    first = {pk: str(keys[0]) if keys else NO_CATEGORY for pk, keys in rows.iterator(chunk_size=5000)}
    named = np.array([first.get(pk, NO_CATEGORY) for pk in ledger.products.tolist()], dtype=object)
    keys, place = np.unique(named, return_inverse=True)
    total = _money(demand, ledger, place[ledger.product], len(keys))
    return _totals(demand, [str(key) for key in keys], total)


def country_frames(demand: Demand, ledger: Ledger, *, channel: str) -> SalesFrames | None:
    """Sales in money per country of the order, else of its customer; None when fewer than two are known."""
    known = np.unique(ledger.order)
    names = _countries(known, channel)
    if len(set(names)) < 2:
        return None
    country = np.array(names, dtype=object)[np.searchsorted(known, ledger.order)]
    worth = {name: float(ledger.value[country == name].sum()) for name in set(names)}
    largest = sorted((name for name in worth if name), key=lambda name: -worth[name])[:COUNTRIES]
    place = {name: row for row, name in enumerate(largest)}
    series = np.array([place.get(name, len(largest)) for name in country.tolist()])
    total = _money(demand, ledger, series, len(largest) + 1)
    keep = np.nansum(total, axis=1) > 0
    keys = [key for key, kept in zip([*largest, OTHER], keep.tolist(), strict=True) if kept]
    return SalesFrames("country", _totals(demand, keys, total[keep]), True)


def segment_frames(demand: Demand, ledger: Ledger, *, channel: str) -> list[SalesFrames]:
    """Sales in money per customer segment, for each set of segments that an installed capability tells.

    Where no customer is in two segments of a set, the others are a series of their own (`NO_SEGMENT`), so that all add
    up to the shop. A set that fails is left out and logged: it must not cost the forecasts.
    """
    keys: dict[str, int] | None = None
    found: list[SalesFrames] = []
    taken: set[str] = set()
    for name, offered in customer_segments.items():
        members = _members(name, offered, channel)
        if not members:
            continue
        if keys is None:
            rows = Customer.objects.filter(channel=channel).values_list("external_id", "pk")
            keys = dict(rows.iterator(chunk_size=10_000))
        made = _segments(demand, ledger, keys, members, taken, name)
        if made is not None:
            found.append(made)
    return found


def _members(name: str, offered: CustomerSegments, channel: str) -> Mapping[str, list[str]]:
    try:
        return offered.members(channel)
    except Exception:
        logger.exception("The customer segments %r could not be read; they are left out of the sales forecast.", name)
        return {}


def _segments(
    demand: Demand,
    ledger: Ledger,
    keys: Mapping[str, int],
    members: Mapping[str, list[str]],
    taken: set[str],
    set_name: str,
) -> SalesFrames | None:
    names, totals = [], []
    inside = np.zeros(len(ledger), dtype=np.int64)
    for name, customers in members.items():
        pks = np.array([keys[one] for one in customers if one in keys], dtype=np.int64)
        chosen = np.isin(ledger.customer, pks)
        inside += chosen
        total = _money(demand, ledger, np.where(chosen, 0, -1), 1)[0]
        if np.nansum(total) > 0:
            names.append(_free(str(name), set_name, taken))
            totals.append(total)
    if not names:
        return None
    disjoint = bool((inside <= 1).all())
    if disjoint and NO_SEGMENT not in taken:
        rest = _money(demand, ledger, np.where(inside == 0, 0, -1), 1)[0]
        if np.nansum(rest) > 0:
            names.append(_free(NO_SEGMENT, set_name, taken))
            totals.append(rest)
    elif disjoint:  # of a second set the rest would be told twice
        disjoint = bool((inside == 1).all())
    return SalesFrames("segment", _totals(demand, names, np.stack(totals)), disjoint)


def _free(name: str, set_name: str, taken: set[str]) -> str:
    """The name, with that of its set where another set has the same."""
    wanted = name[:LONGEST]
    number = 1
    while wanted in taken:
        end = "" if number == 1 else f" {number}"
        wanted = f"{set_name}: {name}"[: LONGEST - len(end)] + end
        number += 1
    taken.add(wanted)
    return wanted


def _money(demand: Demand, ledger: Ledger, series: NDArray[np.int64], count: int) -> NDArray[np.float64]:
    """Money per series and period of history, float64 [count, T], of the lines' ``series`` (-1: none); NaN in holes."""
    total = np.zeros((count, demand.length))
    if len(ledger) and demand.length:
        period = period_numbers(ledger.day + day_number(ledger.since), demand.frequency) - int(demand.periods[0])
        inside = (period < demand.length) & (series >= 0)
        np.add.at(total, (series[inside], period[inside]), ledger.value[inside])
    total[:, demand.hole] = np.nan
    return total


def _countries(orders: NDArray[np.int64], channel: str) -> list[str]:
    country = Coalesce(NullIf("country", Value("")), NullIf("customer__country", Value("")))
    rows = Order.objects.filter(channel=channel).annotate(known=country).exclude(known=None).order_by("pk")
    known = dict(rows.values_list("pk", "known").iterator(chunk_size=10_000))
    return [known.get(pk, "") for pk in orders.tolist()]


def _totals(demand: Demand, keys: list[str], total: NDArray[np.float64]) -> dict[str, Any]:
    """Frames of series of the whole shop: only regressors that are the same for all products."""
    import pandas as pd

    shared = {name: values for name, values in demand.regressors.items() if values.ndim == 1}
    starts = period_days(demand.periods, demand.frequency).astype("datetime64[D]").astype("datetime64[ns]")
    length, ahead = demand.length, len(demand.periods) - demand.length
    ids = np.array(keys, dtype=object)

    def long(first: int, count: int, without: tuple[str, ...] = ()) -> Any:
        period = np.tile(np.arange(first, first + count), len(ids))
        columns: dict[str, Any] = {"unique_id": np.repeat(ids, count), "ds": starts[period]}
        told = {name: values[period] for name, values in shared.items() if name not in without}
        return pd.DataFrame(columns | told)

    frame = long(0, length)
    frame.insert(2, "y", total.reshape(-1))
    return {"frame": frame, "future": long(length, ahead, demand.held), "static": None, "groups": None}
