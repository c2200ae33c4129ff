"""Reading demand and forecasts: numpy only, for pages, the API and the capabilities that build on forecasts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Any

import numpy as np
from django.db.models import Subquery
from django.db.models.functions import Coalesce

from django_ecomai.mirror.columns import of_products

from .censoring import stocked_out
from .days import day_date, day_number, period_days, period_numbers, period_of
from .ledger import dense_quantity, ledger_read
from .models import Forecast
from .overriding import category_members, overrides_apply, overrides_current

if TYPE_CHECKING:
    from numpy.typing import NDArray

_Stored = tuple[int, str, date, list[float]]
#: Beyond the last period the mean of so many last ones goes on.
TAIL = 4


@dataclass(frozen=True, eq=False)
class DemandDays:
    """Past demand by day. ``product_ids`` int64 [n] (primary keys of the mirror, as asked for), ``since`` the first
    day; ``quantity`` float32 [n, days]: pieces by the day of the order, cancelled orders left out, returns not taken
    off; ``censored`` bool [n, days]: sold out, so that less than the demand was seen; ``return_rate`` float [n], 0..1.
    """

    product_ids: NDArray[np.int64]
    since: date
    quantity: NDArray[np.float32]
    censored: NDArray[np.bool_]
    return_rate: NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class ForecastDays:
    """Expected demand by day. ``product_ids`` int64 [n] as asked for; ``mean`` float32 [n, days] from ``start`` on,
    zero where ``has_forecast`` (bool [n]) is false; ``made_on``: the first day without data when the products'
    forecasts were made or found to hold, None where nothing was made yet.
    """

    product_ids: NDArray[np.int64]
    start: date
    mean: NDArray[np.float32]
    has_forecast: NDArray[np.bool_]
    made_on: date | None


def demand_days(*, channel: str = "", product_ids: Sequence[int], since: date, until: date) -> DemandDays:
    """Demand of products per day of the shop's time zone, ``since <= day < until``.

    Raises ``ValueError`` when the span is empty or a product is named twice.
    """
    asked = _asked(product_ids)
    if until <= since:
        raise ValueError(f"demand_days(): until ({until}) must be after since ({since}).")
    ledger = ledger_read(channel=channel, since=since, until=until, products=asked.tolist())
    place = np.searchsorted(ledger.products, asked)
    quantity = dense_quantity(ledger)[place]
    censored = stocked_out(channel=channel, products=asked, since=since, until=until)
    # What was sold on such a day (a backorder, a wrong count) was seen.
    censored &= quantity <= 0
    return DemandDays(asked, since, quantity, censored, ledger.return_rates()[place])


def forecast_days(
    *, channel: str = "", product_ids: Sequence[int], days: int, start: date | None = None
) -> ForecastDays:
    """Forecast of products per day from ``start`` (default: the first day without data), overrides applied.

    Forecasts of weeks and months are spread over their days by the shop's weekday profile. After the last period the
    mean of the last `TAIL` goes on. Raises ``ValueError`` for ``days`` below 1 or a product named twice.
    """
    asked = _asked(product_ids)
    if days < 1:
        raise ValueError(f"forecast_days(): days is {days}; ask for at least one.")
    weekdays, made_on = _shop(channel)
    first = start or made_on or _today(channel)
    mean = np.zeros((len(asked), days), dtype=np.float32)
    has = np.zeros(len(asked), dtype=bool)
    found = _with_overrides(channel, first, days, weekdays, only=set(asked.tolist()))
    place = {pk: row for row, pk in enumerate(found.products.tolist())}
    for row, pk in enumerate(asked.tolist()):
        if pk in place:
            mean[row] = found.final[place[pk]]
            has[row] = True
    return ForecastDays(asked, first, mean, has, made_on)


def forecast_made_on(*, channel: str = "") -> date | None:
    """The first day without data when the products' forecasts were made or found to hold; None without any."""
    return _shop(channel)[1]


@dataclass(frozen=True, eq=False)
class AdjustedDays:
    """Forecasts of products per day, float32 [n, days]: ``base`` as the model made them, ``final`` with overrides."""

    products: NDArray[np.int64]
    base: NDArray[np.float32]
    final: NDArray[np.float32]


def adjusted_days(*, channel: str = "", start: date, days: int) -> AdjustedDays | None:
    """All products' forecasts with and without overrides; None where no override holds from ``start`` on."""
    if not overrides_current(channel=channel, on=start, until=day_date(day_number(start) + days)):
        return None
    return _with_overrides(channel, start, days, _shop(channel)[0], only=None)


def _with_overrides(
    channel: str, first: date, days: int, weekdays: NDArray[np.float64], *, only: set[int] | None
) -> AdjustedDays:
    rows = overrides_current(channel=channel, on=first, until=day_date(day_number(first) + days))
    # A sum for a category or the shop is shared out among all its products, so all are needed.
    shared = any(row.level != "product" and row.kind == "value" for row in rows)
    kept = _stored(channel, only=None if shared else only)
    begin = min([day_number(first), *(row.starts for row in rows)])
    end = max([day_number(first) + days, *(row.ends + 1 for row in rows)])
    products = np.array([row[0] for row in kept], dtype=np.int64)
    base = _daily(kept, begin, end - begin, weekdays)
    final = base
    if rows:
        named = sorted({row.category for row in rows if row.category is not None})
        members = category_members(channel=channel, products=products, categories=named)
        final = overrides_apply(base, first_day=begin, products=products, members=members, rows=rows)
    offset = day_number(first) - begin
    return AdjustedDays(products, base[:, offset : offset + days], final[:, offset : offset + days])


def _shop(channel: str) -> tuple[NDArray[np.float64], date | None]:
    """Share of each weekday (Monday first) in what the shop sells, float64 [7], and the first day without data of the
    products' forecasts: a run that makes only what has changed leaves that of the whole shop as it was."""
    pieces = Forecast.objects.filter(channel=channel, measure="pieces")
    products = pieces.filter(level="product").order_by("-pk").values("made_on")[:1]
    rows = pieces.filter(level="shop", key="")
    found: Any = rows.values_list("weekdays", Coalesce(Subquery(products), "made_on")).first()
    shares = np.array(found[0] if found else [], dtype=np.float64)
    if shares.shape != (7,) or not np.isfinite(shares).all() or shares.sum() <= 0:
        shares = np.full(7, 1 / 7)
    return np.asarray(shares / shares.sum()), found[1] if found else None


def _asked(product_ids: Sequence[int]) -> NDArray[np.int64]:
    asked = np.asarray(list(product_ids), dtype=np.int64)
    if len(np.unique(asked)) != len(asked):
        raise ValueError("A product is named twice among product_ids.")
    return asked


def _today(channel: str) -> date:
    from .ledger import ledger_until

    return ledger_until(channel=channel)


def _stored(channel: str, *, only: set[int] | None = None) -> list[_Stored]:
    """Product, frequency, first period and means of the products' forecasts."""
    rows = Forecast.objects.filter(channel=channel, measure="pieces", level="product", product__isnull=False)
    if only is not None:
        rows = of_products(rows, only)
    columns = ("product_id", "frequency", "starts_on", "mean")
    found = rows.order_by("pk").values_list(*columns).iterator(chunk_size=2000)
    return [row for row in found if only is None or row[0] in only]


def _daily(stored: Sequence[_Stored], begin: int, days: int, weekdays: NDArray[np.float64]) -> NDArray[np.float32]:
    """Means of periods spread over ``days`` from day number ``begin`` on, float32 [n, days]."""
    out = np.zeros((len(stored), days), dtype=np.float32)
    spreads: dict[tuple[str, date, int], tuple[NDArray[np.int64], NDArray[np.float64]]] = {}
    for row, (_pk, frequency, starts, mean) in enumerate(stored):
        if not mean:
            continue
        key = (frequency, starts, len(mean))
        if key not in spreads:
            spreads[key] = spread(begin, days, starts, len(mean), frequency, weekdays)
        place, share = spreads[key]
        values = np.array([0.0 if one is None else one for one in mean], dtype=np.float64)
        values = np.append(values, values[-TAIL:].mean())
        out[row] = values[place] * share
    return out


def spread(
    begin: int, days: int, starts: date, count: int, frequency: str, weekdays: NDArray[np.float64]
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """For each of ``days`` days its period, int64 [days] (``count`` for those after the last; the first for those
    before), and its share of that period, float64 [days]."""
    numbers = np.arange(begin, begin + days)
    periods = period_numbers(numbers, frequency)
    place = np.clip(periods - period_of(starts, frequency), 0, count).astype(np.int64)
    if frequency == "D":
        return place, np.ones(days)
    weight = weekdays[(numbers + 3) % 7]
    first, after = period_days(periods, frequency), period_days(periods + 1, frequency)
    if frequency == "W":
        return place, weight
    known = np.unique(periods)
    totals = {
        int(period): float(weekdays[(np.arange(*period_days(np.array([period, period + 1]), frequency)) + 3) % 7].sum())
        for period in known
    }
    whole = np.array([totals[int(period)] for period in periods])
    return place, np.where(whole > 0, weight / np.where(whole > 0, whole, 1.0), 1.0 / (after - first))
