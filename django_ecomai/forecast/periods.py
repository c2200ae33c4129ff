"""Periods in words."""

from __future__ import annotations

from datetime import date

from django.utils import formats
from django.utils.translation import gettext as _

from .days import period_dates, period_of, period_start


def period_label(day: date, frequency: str) -> str:
    """``02/03/2026`` or ``March 2026``, short enough for an axis. A week is named by its Monday: few people know the
    numbers of weeks (see ``period_heading``)."""
    if frequency == "M":
        return str(formats.date_format(day, "YEAR_MONTH_FORMAT"))
    return str(formats.date_format(day, "SHORT_DATE_FORMAT"))


def period_heading(frequency: str) -> str:
    """What stands above a column of ``period_label``."""
    return {"D": _("day"), "W": _("week from"), "M": _("month")}[frequency]


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
