"""Periods in words."""

from __future__ import annotations

from datetime import date

from django.utils import formats
from django.utils.translation import gettext as _

from .days import period_dates, period_of, period_start


def period_label(day: date, frequency: str) -> str:
    """``2 March 2026``, ``week 10/2026`` or ``March 2026``, short enough for an axis."""
    if frequency == "W":
        year, week, _day = day.isocalendar()
        return _("week %(week)s/%(year)s") % {"week": week, "year": year}
    if frequency == "M":
        return str(formats.date_format(day, "YEAR_MONTH_FORMAT"))
    return str(formats.date_format(day, "SHORT_DATE_FORMAT"))


def period_labels(start: date, count: int, frequency: str) -> list[str]:
    """Labels of ``count`` periods."""
    return [period_label(day, frequency) for day in period_dates(start, count, frequency)]


def period_end(start: date, count: int, frequency: str) -> date:
    """The first day after ``count`` periods."""
    return period_start(period_of(start, frequency) + count, frequency)


def span_words(count: int, frequency: str) -> str:
    """``4 weeks``."""
    words = {"D": _("%(count)s days"), "W": _("%(count)s weeks"), "M": _("%(count)s months")}
    return words[frequency] % {"count": count}
