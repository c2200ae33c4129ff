"""Forecasts as long rows, one per series and period."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.db.models import QuerySet

from .days import period_dates
from .final import override_effects
from .models import Forecast
from .presenting import final_mean

COLUMNS = ("measure", "level", "unique_id", "ds", "mean", "final")
ENDS = {"lo-80": "lo_80", "hi-80": "hi_80", "lo-95": "lo_95", "hi-95": "hi_95"}
FORECAST_HEADER = (*COLUMNS, *ENDS)


def forecast_export(rows: QuerySet[Forecast]) -> Iterator[list[Any]]:
    """Rows of `FORECAST_HEADER`; ``final`` is the mean with overrides."""
    effects: dict[Any, Any] = {}
    dates: dict[Any, list[str]] = {}
    for row in rows.defer("components", "history").iterator(chunk_size=500):
        span = (row.channel, row.starts_on, row.frequency, len(row.mean))
        if span not in effects:
            effects[span] = override_effects(
                channel=row.channel, starts_on=row.starts_on, frequency=row.frequency, periods=len(row.mean)
            )
            dates[span] = [day.isoformat() for day in period_dates(row.starts_on, len(row.mean), row.frequency)]
        final = final_mean(row, effects[span])
        ends = [getattr(row, name) for name in ENDS.values()]
        for place, day in enumerate(dates[span]):
            yield [row.measure, row.level, row.key, day, row.mean[place], final[place], *(end[place] for end in ends)]
