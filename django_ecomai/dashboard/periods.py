"""The period switch of the start page."""

from __future__ import annotations

from datetime import datetime, time, timedelta
from typing import Any

from django.utils import timezone
from django.utils.translation import gettext as _

from django_ecomai.core.registry import Period

PERIODS: dict[str, int | None] = {"7": 7, "28": 28, "90": 90, "all": None}
DEFAULT_PERIOD = "28"


def period_read(*, text: str, channel: str) -> Period:
    """The period that ``?period=`` names: whole local days up to and with today.

    ``"7" | "28" | "90" | "all"``; anything else means 28 days.
    """
    days = PERIODS.get(text, PERIODS[DEFAULT_PERIOD])
    today = timezone.localdate()
    midnight = timezone.make_aware(datetime.combine(today + timedelta(days=1), time.min))
    first = timezone.make_aware(datetime.combine(today - timedelta(days=days - 1), time.min)) if days else None
    return Period(channel=channel, days=days, since=first, until=midnight)


def period_title(days: int | None) -> str:
    """What a merchant reads for it."""
    return _("Last %(days)d days") % {"days": days} if days else _("All data")


def period_choices(*, current: Period) -> list[dict[str, Any]]:
    """Links of the switch: ``key``, ``title`` and whether it is the current one."""
    return [{"key": key, "title": _short(days), "current": days == current.days} for key, days in PERIODS.items()]


def _short(days: int | None) -> str:
    return _("%(days)d days") % {"days": days} if days else _("All")
