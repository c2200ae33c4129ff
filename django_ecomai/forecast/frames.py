"""The ledger as frames for the engine: demand per series and period, regressors known ahead, facts and parents.

pandas is imported inside the functions: only workers need it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

import numpy as np
from django.db.models import Q

from django_ecomai.conf import ecomai
from django_ecomai.mirror.models import Category, Product

from .censoring import stocked_out
from .days import day_date, day_number, local_date, period_days, period_numbers
from .holidays import holiday_countries, holiday_mask
from .ledger import Ledger
from .regressors import price_listed, price_paid, promotion_matrix, signal_rows

if TYPE_CHECKING:
    from numpy.typing import NDArray

#: A period is unknown when so much of it was sold out; below that it is scaled up to the whole period.
UNKNOWN = 0.5
#: Products per block of days: bounds what the daily matrices take.
BLOCK = 2_000
#: So many periods in a row without any order, in which so many were to be expected, are a hole in the data.
HOLE = {"D": 28, "W": 4, "M": 2}
HOLE_ORDERS = 20
#: Periods after which the same time of the year comes back.
YEAR = {"D": 364, "W": 52, "M": 12}
#: Stands for the category of products that have none.
NO_CATEGORY = "–"
#: A product without a sale is forecast from its likes for so many days after it was made.
NEW_DAYS = 182
_PER_PRODUCT = ("sold", "returned")
_COLUMNS = ("product", "day", "quantity", "value", "order", "customer", *_PER_PRODUCT)


@dataclass(frozen=True)
class ProductFacts:
    """What is known of a product: ``key`` the shop's id, ``category`` that of its first category, "" without;
    ``removed`` the day on which it was taken out of the shop, where that is known; ``off``: it is on sale no more,
    since a day that nobody kept."""

    pk: int
    key: str
    title: str
    brand: str
    category: str
    price: float | None
    removed: date | None = None
    off: bool = False


@dataclass(frozen=True, eq=False)
class Demand:
    """Demand per product and period. ``periods`` int64 [T + H]: numbers of the history's and the coming periods;
    ``quantity`` float64 [n, T], NaN where unknown; regressors [n, T + H] or [T + H], those in ``held`` not known ahead;
    ``hole`` bool [T]: periods of which no orders are known at all. ``gone``: the same of products that are on sale no
    more.
    """

    facts: list[ProductFacts]
    periods: NDArray[np.int64]
    frequency: str
    quantity: NDArray[np.float64]
    regressors: dict[str, NDArray[np.float64]]
    weekdays: list[float]
    hole: NDArray[np.bool_]
    held: tuple[str, ...] = ()
    censored: int = 0
    notes: list[str] = field(default_factory=list)
    gone: Demand | None = None

    @property
    def length(self) -> int:
        """Periods T of history."""
        return int(self.quantity.shape[1])


def demand_build(ledger: Ledger, *, channel: str, frequency: str, horizon: int) -> Demand:
    """Add the ledger up by period. The period that has not ended yet is left out of the history.

    Products that are gone from the shop are not forecast, but the tests of past forecasts hold them: whoever is judged
    by what was kept on sale is judged too well. Raises ``MissingExtra`` and ``BadCountry`` (holidays).
    """
    found = _demand(ledger, product_facts(ledger, channel), channel, frequency, horizon)
    gone = gone_facts(ledger, channel)
    return replace(found, gone=_demand(ledger, gone, channel, frequency, horizon)) if gone else found


def _demand(ledger: Ledger, facts: list[ProductFacts], channel: str, frequency: str, horizon: int) -> Demand:
    first = int(period_numbers(np.array([day_number(ledger.since)]), frequency)[0])
    end = int(period_numbers(np.array([day_number(ledger.until)]), frequency)[0])
    periods = np.arange(first, max(end, first) + horizon)
    length = max(end - first, 0)
    small = _narrowed(ledger, np.array([one.pk for one in facts], dtype=np.int64))
    quantity, unknown = _quantities(small, channel, periods[:length], frequency)
    for row, one in enumerate(facts):
        if one.removed is not None:  # what nobody could order any more is not known
            ended = int(period_numbers(np.array([day_number(one.removed)]), frequency)[0]) - first
            quantity[row, max(ended, 0) :] = np.nan
        elif one.off:  # that it was still on sale is known only as long as it sold
            sold = np.flatnonzero(np.nan_to_num(quantity[row]) > 0)
            quantity[row, sold[-1] + 1 if len(sold) else 0 :] = np.nan
    hole = order_holes(ledger, periods[:length], frequency)
    quantity[:, hole] = np.nan
    regressors = {"price_paid": price_paid(small, periods=periods, frequency=frequency)}
    regressors["price_paid"][:, length:] = np.nan  # of the period that has not ended
    listed = price_listed(small.products, channel=channel, periods=periods, frequency=frequency)
    if np.isfinite(listed).any():
        regressors["price"] = listed
    promotion = promotion_matrix(small.products, channel=channel, periods=periods, frequency=frequency)
    if promotion.any():
        regressors["promotion"] = promotion
    countries = holiday_countries()
    if countries:
        regressors["holiday"] = _holidays(periods, frequency, countries)
    signals, held = signal_rows(channel=channel, periods=periods, frequency=frequency)
    regressors |= signals
    held = ("price_paid", *held)
    return Demand(facts, periods, frequency, quantity, regressors, _weekdays(ledger), hole, held, int(unknown))


def order_holes(ledger: Ledger, periods: NDArray[np.int64], frequency: str) -> NDArray[np.bool_]:
    """Periods in a hole of the data, bool [T]: nobody ordered anything for long, though many orders would be usual.

    A shop that closes at the same time every year sold nothing then: that is no hole.
    """
    found = np.zeros(len(periods), dtype=bool)
    if not len(periods) or not len(ledger):
        return found
    orders, first = np.unique(ledger.order, return_index=True)
    place = period_numbers(ledger.day[first] + day_number(ledger.since), frequency) - int(periods[0])
    count = np.bincount(place[place < len(periods)], minlength=len(periods))
    empty = count == 0
    usual = len(orders) / max(int((~empty).sum()), 1)
    edges = np.flatnonzero(np.diff(np.concatenate([[0], empty.astype(np.int8), [0]])))
    for begin, end in zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True):
        if end - begin < HOLE[frequency] or (end - begin) * usual < HOLE_ORDERS:
            continue
        others = empty.copy()
        others[begin:end] = False
        year = YEAR[frequency]
        every_year = any(
            others[max(begin + shift, 0) : max(end + shift, 0)].sum() * 2 >= end - begin for shift in (-year, year)
        )
        found[begin:end] = not every_year
    return found


def product_facts(ledger: Ledger, channel: str) -> list[ProductFacts]:
    """Facts of the products that are on sale and have sold, or are new, by primary key. What is gone from the shop or
    was never wanted needs no forecast."""
    sold = set(ledger.products.tolist())
    fresh = ledger.until - timedelta(days=NEW_DAYS)
    rows = Product.objects.filter(channel=channel, removed_at=None, is_active=True, is_service=False)
    columns = ("pk", "external_id", "title", "brand", "category_external_ids", "price", "created_at")
    found = []
    for pk, key, title, brand, categories, price, created in (
        rows.order_by("pk").values_list(*columns).iterator(chunk_size=5000)
    ):
        if pk in sold or (created is not None and created.date() >= fresh):
            paid = float(price) if price is not None and price > 0 else None
            category = str(categories[0]) if categories else ""
            found.append(ProductFacts(pk, key, title, brand, category, paid))
    return found


def gone_facts(ledger: Ledger, channel: str) -> list[ProductFacts]:
    """Facts of the products that have sold and are on sale no more, by primary key."""
    sold = set(ledger.products.tolist())
    rows = Product.objects.filter(Q(is_active=False) | Q(removed_at__isnull=False), channel=channel, is_service=False)
    columns = ("pk", "external_id", "title", "brand", "category_external_ids", "removed_at")
    return [
        ProductFacts(
            pk, key, title, brand, str(categories[0]) if categories else "", None,
            None if removed is None else local_date(removed), off=removed is None,
        )
        for pk, key, title, brand, categories, removed in (
            rows.order_by("pk").values_list(*columns).iterator(chunk_size=5000)
        )
        if pk in sold
    ]  # fmt: skip


def _narrowed(ledger: Ledger, products: NDArray[np.int64]) -> Ledger:
    """The ledger of these products (ascending), whether they have sold or not."""
    if not len(products):
        return replace(ledger, products=products, **{name: getattr(ledger, name)[:0] for name in _COLUMNS})
    place = np.minimum(np.searchsorted(products, ledger.products), len(products) - 1)
    new = np.where(products[place] == ledger.products, place, -1)
    keep = new[ledger.product] >= 0
    columns: dict[str, Any] = {name: getattr(ledger, name)[keep] for name in _COLUMNS if name not in _PER_PRODUCT}
    columns["product"] = new[columns["product"]]
    for name in _PER_PRODUCT:
        columns[name] = np.zeros(len(products))
        columns[name][new[new >= 0]] = getattr(ledger, name)[new >= 0]
    return replace(ledger, products=products, **columns)


def _sums(
    ledger: Ledger, values: NDArray[np.float64], periods: NDArray[np.int64], length: int, frequency: str
) -> NDArray[np.float64]:
    shape = (len(ledger.products), length)
    if not length or not len(ledger):
        return np.zeros(shape)
    place = period_numbers(ledger.day + day_number(ledger.since), frequency) - int(periods[0])
    inside = place < length
    flat = ledger.product[inside] * length + place[inside]
    total = np.zeros(shape[0] * length)
    np.add.at(total, flat, values[inside])
    return total.reshape(shape)


def _quantities(
    ledger: Ledger, channel: str, periods: NDArray[np.int64], frequency: str
) -> tuple[NDArray[np.float64], int]:
    """Pieces [n, T] with what was sold out unknown, and how many cells that is."""
    quantity = _sums(ledger, ledger.quantity, periods, len(periods), frequency)
    if not len(periods):
        return quantity, 0
    rows = np.arange(len(ledger.products))
    starts, ends = period_days(periods, frequency), period_days(periods + 1, frequency)
    since, until = day_date(int(starts[0])), day_date(int(ends[-1]))
    unknown = 0
    for begin in range(0, len(rows), BLOCK):
        part = rows[begin : begin + BLOCK]
        out = stocked_out(channel=channel, products=ledger.products[part], since=since, until=until)
        hit = np.flatnonzero(out.any(axis=1))
        if not len(hit):
            continue
        days = _sold_days(ledger, part[hit], day_number(since), out.shape[1])
        share = np.add.reduceat((out[hit] & ~days).astype(np.float64), starts - starts[0], axis=1) / (ends - starts)
        block = quantity[begin : begin + BLOCK]
        block[hit] = np.where(share >= UNKNOWN, np.nan, block[hit] / np.where(share < UNKNOWN, 1 - share, 1.0))
        unknown += int((share >= UNKNOWN).sum())
    return quantity, unknown


def _sold_days(ledger: Ledger, rows: NDArray[np.int64], first: int, days: int) -> NDArray[np.bool_]:
    """Whether anything was sold, bool [n, days] from day number ``first`` on."""
    found = np.zeros((len(rows), days), dtype=bool)
    new = np.full(len(ledger.products), -1)
    new[rows] = np.arange(len(rows))
    day = ledger.day + day_number(ledger.since) - first
    inside = (new[ledger.product] >= 0) & (day >= 0) & (day < days)
    found[new[ledger.product[inside]], day[inside]] = True
    return found


def _holidays(periods: NDArray[np.int64], frequency: str, countries: Sequence[str]) -> NDArray[np.float64]:
    """Holidays per period, float64 [periods]."""
    starts, end = period_days(periods, frequency), int(period_days(periods[-1:] + 1, frequency)[0])
    mask = holiday_mask(np.arange(int(starts[0]), end), countries)
    return np.asarray(np.add.reduceat(mask, starts - starts[0]))


def _weekdays(ledger: Ledger) -> list[float]:
    """Share of each weekday in the pieces sold of the last year, Monday first; single orders count by their root, so
    that one large one makes no weekday."""
    if not len(ledger):
        return []
    days = ledger.day + day_number(ledger.since)
    recent = days >= day_number(ledger.until - timedelta(days=364))
    total = np.bincount((days[recent] + 3) % 7, weights=np.sqrt(ledger.quantity[recent]), minlength=7)
    return [round(float(one), 5) for one in total / total.sum()] if total.sum() > 0 else []


# -- frames -----------------------------------------------------------------------------------------------------------


def product_frames(demand: Demand, rows: NDArray[np.int64] | None = None) -> dict[str, Any]:
    """``frame``, ``future``, ``static`` and ``groups`` of the products (of ``rows`` only) as pandas frames, and the ids
    of those in the frame that are ``gone`` (with ``rows`` none are in it).

    ``unique_id`` is the shop's id. The frame begins at a product's first sale.
    """
    import pandas as pd

    chosen = np.arange(len(demand.facts)) if rows is None else rows
    facts = [demand.facts[row] for row in chosen]
    ids = np.array([one.key for one in facts], dtype=object)
    frame, begun = _history(demand, ids, chosen)
    gone: list[str] = []
    if rows is None and demand.gone is not None:
        gone = [one.key for one in demand.gone.facts]
        past, _begun = _history(demand.gone, np.array(gone, dtype=object), np.arange(len(gone)))
        frame = pd.concat([frame, past], ignore_index=True)
    ahead = len(demand.periods) - demand.length
    alive = np.flatnonzero(begun.any(axis=1)) if demand.length else np.empty(0, dtype=np.int64)
    coming = _long(
        demand, ids, chosen, np.repeat(alive, ahead), np.tile(np.arange(ahead), len(alive)) + demand.length,
        without=demand.held,
    )  # fmt: skip
    static = pd.DataFrame(
        {
            "unique_id": ids,
            "category": [one.category or NO_CATEGORY for one in facts],
            "brand": [one.brand for one in facts],
            "price": [np.nan if one.price is None else one.price for one in facts],
            "title": [one.title for one in facts],
        }
    )
    groups = pd.DataFrame({"unique_id": ids, "category": [one.category or NO_CATEGORY for one in facts]})
    return {"frame": frame, "future": coming, "static": static, "groups": groups, "gone": gone}


def _history(demand: Demand, ids: NDArray[Any], chosen: NDArray[np.int64]) -> tuple[Any, NDArray[np.bool_]]:
    """Long frame of these rows from their first sales on, and where those were [n, T]."""
    quantity = demand.quantity[chosen]
    begun = np.maximum.accumulate(np.nan_to_num(quantity) > 0, axis=1)
    series, period = np.nonzero(begun)
    frame = _long(demand, ids, chosen, series, period)
    frame.insert(2, "y", quantity[series, period])
    return frame, begun


def _long(
    demand: Demand,
    ids: NDArray[Any],
    chosen: NDArray[np.int64],
    series: NDArray[Any],
    period: NDArray[Any],
    *,
    without: Sequence[str] = (),
) -> Any:
    import pandas as pd

    starts = period_days(demand.periods, demand.frequency).astype("datetime64[D]").astype("datetime64[ns]")
    columns: dict[str, Any] = {"unique_id": ids[series], "ds": starts[period]}
    for name, values in demand.regressors.items():
        if name in without:
            continue
        columns[name] = values[period] if values.ndim == 1 else values[chosen[series], period]
    return pd.DataFrame(columns)


def category_names(*, channel: str) -> dict[str, str]:
    """Names of the categories by the shop's id."""
    return dict(Category.objects.filter(channel=channel).values_list("external_id", "name"))


def horizon_default() -> int:
    """Periods ahead: the setting, else a year of weeks or months and a quarter of days."""
    asked = ecomai.FORECAST_HORIZON
    return int(asked) if asked else {"D": 91, "W": 53, "M": 12}[ecomai.FORECAST_FREQUENCY]
