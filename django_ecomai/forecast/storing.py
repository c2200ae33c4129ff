"""Writing forecasts: a catalogue in one transaction, and what was forecast before beside what happened."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from typing import TYPE_CHECKING

import numpy as np
from django.db import transaction

from django_ecomai.core.mysql import conflict_target

from .days import day_number, period_dates, period_of, period_start
from .fitting import SeriesForecast
from .frames import Demand
from .models import Forecast, PastForecast

if TYPE_CHECKING:
    from numpy.typing import NDArray

BATCH = 500
#: Periods of history that are kept with a forecast, for charts and sparklines.
KEPT = {"D": 120, "W": 104, "M": 36}
#: How far ahead a forecast is kept to be judged later.
LAGS = (1, 4)


def forecast_rows(
    series: Iterable[SeriesForecast],
    *,
    channel: str,
    measure: str,
    frequency: str,
    starts_on: date,
    made_on: date,
    titles: Mapping[tuple[str, str], str],
    products: Mapping[str, int],
    fingerprints: Mapping[str, str] | None = None,
    weekdays: Sequence[float] = (),
    run_id: int | None = None,
) -> list[Forecast]:
    """Rows to be stored; the whole shop has the key ""."""
    rows = []
    for one in series:
        key = "" if one.level == "shop" else one.key
        history = one.history[-KEPT[frequency] :]
        known = np.flatnonzero(np.isfinite(history))
        history = history[known[0] :] if len(known) else history[:0]
        begin = period_start(period_of(starts_on, frequency) - len(history), frequency) if len(history) else None
        rows.append(
            Forecast(
                channel=channel,
                measure=measure,
                level=one.level,
                key=key[:64],
                frequency=frequency,
                product_id=products.get(key) if one.level == "product" else None,
                title=titles.get((one.level, key), key)[:255],
                starts_on=starts_on,
                mean=numbers(one.mean),
                lo_80=numbers(one.ends["lo-80"]),
                hi_80=numbers(one.ends["hi-80"]),
                lo_95=numbers(one.ends["lo-95"]),
                hi_95=numbers(one.ends["hi-95"]),
                history_starts_on=begin,
                history=numbers(history),
                components=one.components,
                components_start=one.components_start,
                demand_class=one.demand_class,
                model=one.model[:255],
                accuracy=one.accuracy,
                weekdays=list(weekdays) if one.level == "shop" else [],
                total=float(np.nan_to_num(one.mean).sum()),
                made_on=made_on,
                fingerprint=(fingerprints or {}).get(key, ""),
                run_id=run_id,
            )
        )
    return rows


def numbers(values: NDArray[np.float64]) -> list[float | None]:
    """JSON numbers: as many decimals as matter, None for what is unknown."""
    places = 0 if np.nanmax(np.abs(values), initial=0.0) >= 1000 else 2
    rounded = np.round(values, places)
    return [None if one != one else int(one) if one == int(one) else one for one in rounded.tolist()]


def forecasts_replace(rows: Sequence[Forecast], *, channel: str, measure: str, levels: Sequence[str]) -> None:
    """Put ``rows`` in the place of all forecasts of these levels, in one transaction. A series keeps its primary key,
    so that the address of its page stays."""
    kept = {(row.level, row.key) for row in rows}
    with transaction.atomic():
        here = Forecast.objects.filter(channel=channel, measure=measure, level__in=levels)
        stored = here.order_by("pk").values_list("pk", "level", "key").iterator(chunk_size=5000)
        gone = [pk for pk, level, key in stored if (level, key) not in kept]
        for begin in range(0, len(gone), BATCH):
            Forecast.objects.filter(pk__in=gone[begin : begin + BATCH]).delete()
        forecasts_update(rows)


def forecasts_update(rows: Sequence[Forecast]) -> None:
    """Put ``rows`` in the place of their forecasts, the others stay."""
    unique = ["channel", "measure", "level", "key"]
    others = [field.name for field in Forecast._meta.concrete_fields if field.name not in ("id", *unique)]
    rows = sorted(rows, key=lambda row: [getattr(row, name) for name in unique])  # one order for all writers
    Forecast.objects.bulk_create(
        rows, batch_size=BATCH, update_conflicts=True, update_fields=others, **conflict_target(Forecast, *unique)
    )


# -- what was forecast before -----------------------------------------------------------------------------------------


def past_record(rows: Sequence[Forecast], *, naive: Mapping[tuple[str, str], NDArray[np.float64]]) -> int:
    """Keep the forecasts of the periods that `LAGS` tell; the first one made for a period and lag stays. Returns how
    many were new."""
    from .final import period_factors

    factors = period_factors(rows, periods=max(LAGS))
    found = []
    for row in rows:
        if not row.total:
            continue
        simple = naive.get((row.level, row.key))
        days = period_dates(row.starts_on, max(LAGS), row.frequency)
        for lag in LAGS:
            place = lag - 1
            if place >= len(row.mean):
                continue
            value = float(row.mean[place] or 0.0)
            found.append(
                PastForecast(
                    channel=row.channel,
                    measure=row.measure,
                    level=row.level,
                    key=row.key,
                    frequency=row.frequency,
                    product_id=row.product_id,
                    period=days[place],
                    lag=lag,
                    model_value=value,
                    final_value=value * factors.get((row.level, row.key), {}).get(place, 1.0),
                    naive_value=None if simple is None else round(float(simple[place]), 3),
                    lo_80=row.lo_80[place],
                    hi_80=row.hi_80[place],
                    made_on=row.made_on,
                )
            )
    found.sort(key=lambda row: (row.channel, row.measure, row.level, row.key, row.period, row.lag))
    PastForecast.objects.bulk_create(found, batch_size=BATCH, ignore_conflicts=True)
    return len(found)


def past_fill(series: Iterable[SeriesForecast], *, channel: str, measure: str, frequency: str, starts_on: date) -> int:
    """Write what happened beside the forecasts of periods that have ended. Returns how many could be filled."""
    history = {(one.level, "" if one.level == "shop" else one.key): one.history for one in series}
    end = period_of(starts_on, frequency)
    waiting = PastForecast.objects.filter(
        channel=channel, measure=measure, frequency=frequency, actual=None, period__lt=starts_on
    )
    changed = []
    for row in waiting.order_by("pk").only("pk", "level", "key", "period").iterator(chunk_size=5000):
        known = history.get((row.level, row.key))
        if known is None:
            continue
        place = len(known) - (end - period_of(row.period, frequency))
        if 0 <= place < len(known) and np.isfinite(known[place]):
            row.actual = round(float(known[place]), 3)
            changed.append(row)
    PastForecast.objects.bulk_update(changed, ["actual"], batch_size=BATCH)
    return len(changed)


# -- what has changed -------------------------------------------------------------------------------------------------


def series_fingerprints(demand: Demand) -> dict[str, str]:
    """A hash per product of all that its forecast rests on: demand, prices, promotions, shared regressors."""
    from hashlib import blake2s

    shared = blake2s(digest_size=16)
    shared.update(f"{demand.frequency} {day_number(period_start(int(demand.periods[0]), demand.frequency))}".encode())
    for name, values in sorted(demand.regressors.items()):
        shared.update(name.encode())
        if values.ndim == 1:
            shared.update(np.round(values, 6).tobytes())
    own = [np.round(values, 4) for _name, values in sorted(demand.regressors.items()) if values.ndim == 2]
    found = {}
    for row, facts in enumerate(demand.facts):
        one = shared.copy()
        one.update(f"{facts.category}\x00{facts.price}".encode())
        one.update(np.round(demand.quantity[row], 4).tobytes())
        for values in own:
            one.update(np.ascontiguousarray(values[row]).tobytes())
        found[facts.key] = one.hexdigest()
    return found


def past_prune(*, frequency: str, before: date) -> int:
    """Delete past forecasts of a frequency and of periods before a day; returns how many."""
    return PastForecast.objects.filter(frequency=frequency, period__lt=before).delete()[0]
