"""Periods as whole numbers: days, Monday weeks or months since 1970, and what the calendar says about them."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

_MONDAY = 4  # 1970-01-05


def periods_of(dates: ArrayLike, frequency: str) -> NDArray[np.int64]:
    """Number of the period that holds each date (datetime64)."""
    days = np.asarray(dates, dtype="datetime64[D]")
    if frequency == "M":
        return days.astype("datetime64[M]").astype(np.int64)
    number = days.astype(np.int64)
    return number if frequency == "D" else (number - _MONDAY) // 7


def dates_of(periods: ArrayLike, frequency: str) -> NDArray[np.datetime64]:
    """First day of each period as datetime64[D]."""
    number = np.asarray(periods, dtype=np.int64)
    if frequency == "M":
        return number.astype("datetime64[M]").astype("datetime64[D]")
    return (number if frequency == "D" else number * 7 + _MONDAY).astype("datetime64[D]")


def calendar_features(periods: ArrayLike, frequency: str) -> dict[str, NDArray[np.float64]]:
    """Features [T] of the periods, known for ever: place in the year, month, and for days the place in week and month.

    A week counts where its Thursday lies (ISO 8601).
    """
    first = dates_of(periods, frequency)
    middle = first + np.timedelta64(3, "D") if frequency == "W" else first
    year = middle.astype("datetime64[Y]")
    month = middle.astype("datetime64[M]")
    found: dict[str, NDArray[Any]] = {
        "day_of_year": (middle - year.astype("datetime64[D]")).astype(np.int64),
        "month": month.astype(np.int64) % 12,
    }
    if frequency == "D":
        found["day_of_month"] = (middle - month.astype("datetime64[D]")).astype(np.int64)
        found["day_of_week"] = (first.astype(np.int64) - _MONDAY) % 7
    return {name: np.asarray(values, dtype=np.float64) for name, values in found.items()}
