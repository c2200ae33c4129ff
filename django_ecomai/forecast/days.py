"""Days and periods as whole numbers: vectorised, in the shop's time zone, daylight saving included.

A day is a count since 1970-01-01; a period is named by its first day (weeks begin on Monday, as in ISO 8601).
"""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, tzinfo
from typing import TYPE_CHECKING, Any

import numpy as np
from django.utils import timezone

if TYPE_CHECKING:
    from numpy.typing import NDArray

FREQUENCIES = ("D", "W", "M")
#: Periods of a year.
SEASON = {"D": 7, "W": 52, "M": 12}
_EPOCH = date(1970, 1, 1)
# Every offset in use changes at a multiple of it.
_QUARTER = 900


def day_number(day: date) -> int:
    """Days since 1970-01-01."""
    return (day - _EPOCH).days


def day_date(number: int) -> date:
    """The date of a day number."""
    return _EPOCH + timedelta(days=int(number))


def shop_zone() -> tzinfo:
    """The zone in which the shop's days begin: ``TIME_ZONE``, whatever a request has activated."""
    return timezone.get_default_timezone()


def local_days(at: NDArray[np.float64], *, zone: tzinfo | None = None) -> NDArray[np.int64]:
    """Day numbers, int64 [n], of epoch seconds [n] in ``zone`` (default: the shop's).

    The offset is asked for once per quarter of an hour that occurs, so a night of 23 or 25 hours falls on its own day.
    """
    if not len(at):
        return np.empty(0, dtype=np.int64)
    zone = zone or shop_zone()
    quarters, place = np.unique(np.floor(at / _QUARTER).astype(np.int64), return_inverse=True)
    offsets = np.array([_offset(int(one) * _QUARTER, zone) for one in quarters], dtype=np.float64)
    return np.asarray(np.floor((at + offsets[place]) / 86_400), dtype=np.int64)


def _offset(second: int, zone: tzinfo) -> float:
    offset = datetime.fromtimestamp(second, UTC).astimezone(zone).utcoffset()
    return offset.total_seconds() if offset is not None else 0.0


def midnight(day: date) -> datetime:
    """The moment at which a day begins in the shop."""
    return datetime(day.year, day.month, day.day, tzinfo=shop_zone())


def local_date(moment: datetime) -> date:
    """The shop's date at a moment."""
    return moment.astimezone(shop_zone()).date()


def period_numbers(days: NDArray[Any], frequency: str) -> NDArray[np.int64]:
    """A running number per period, so that neighbours differ by one, of day numbers [n]. Raises ``ValueError``."""
    whole = np.asarray(days, dtype=np.int64)
    if frequency == "D":
        return whole
    if frequency == "W":
        return (whole + 3) // 7  # 1970-01-01 was a Thursday
    if frequency == "M":
        return whole.astype("datetime64[D]").astype("datetime64[M]").astype(np.int64)
    raise ValueError(f"{frequency!r} is no frequency: choose from {', '.join(FREQUENCIES)}.")


def period_days(periods: NDArray[Any], frequency: str) -> NDArray[np.int64]:
    """First day numbers of periods: the inverse of ``period_numbers``. Raises ``ValueError``."""
    whole = np.asarray(periods, dtype=np.int64)
    if frequency == "D":
        return whole
    if frequency == "W":
        return whole * 7 - 3
    if frequency == "M":
        return whole.astype("datetime64[M]").astype("datetime64[D]").astype(np.int64)
    raise ValueError(f"{frequency!r} is no frequency: choose from {', '.join(FREQUENCIES)}.")


def period_of(day: date, frequency: str) -> int:
    """The number of the period that a day lies in."""
    return int(period_numbers(np.array([day_number(day)]), frequency)[0])


def period_start(period: int, frequency: str) -> date:
    """The first day of a period."""
    return day_date(int(period_days(np.array([period]), frequency)[0]))


def period_dates(start: date, count: int, frequency: str) -> list[date]:
    """First days of ``count`` periods from the one that ``start`` lies in."""
    first = period_of(start, frequency)
    return [day_date(int(day)) for day in period_days(np.arange(first, first + count), frequency)]
