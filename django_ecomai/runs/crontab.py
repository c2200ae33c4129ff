"""Five-field cron expressions, as job kinds write their ``schedule``: minute, hour, day of month, month, day of
week.
"""

from __future__ import annotations

from datetime import datetime, timedelta

FIELDS = (("minute", 0, 59), ("hour", 0, 23), ("day", 1, 31), ("month", 1, 12), ("weekday", 0, 7))


def parse(expression: str) -> tuple[frozenset[int], ...]:
    """The allowed values per field; Sunday is 0. Raises ``ValueError`` that names the wrong field.

    Understands ``*``, ``a``, ``a-b``, ``*/n``, ``a-b/n`` and lists of these.
    """
    parts = expression.split()
    if len(parts) != len(FIELDS):
        raise ValueError(f"{expression!r} has {len(parts)} fields, cron has 5: minute hour day month weekday")
    values = []
    for text, (name, low, high) in zip(parts, FIELDS, strict=True):
        try:
            found = frozenset(value for item in text.split(",") for value in _span(item, low, high))
        except ValueError as error:
            raise ValueError(f"{expression!r}: {text!r} is no {name} ({low}-{high})") from error
        values.append(frozenset(value % 7 for value in found) if name == "weekday" else found)
    return tuple(values)


def _span(item: str, low: int, high: int) -> range:
    body, slash, step = item.partition("/")
    if body == "*":
        start, end = low, high
    else:
        first, dash, last = body.partition("-")
        start = int(first)
        end = int(last) if dash else (high if slash else start)
    width = int(step) if slash else 1
    if not (low <= start <= end <= high and width > 0):
        raise ValueError(item)
    return range(start, end + 1, width)


def last_due(expression: str, now: datetime) -> datetime | None:
    """The latest matching minute at or before ``now`` (aware, in the shop's time zone); ``None`` within two years."""
    minutes, hours, days, months, weekdays = parse(expression)
    any_day, any_weekday = len(days) == 31, len(weekdays) == 7
    for back in range(732):
        day = (now - timedelta(days=back)).date()
        on_day, on_weekday = day.day in days, day.isoweekday() % 7 in weekdays
        # cron's old rule: when both are restricted, either suffices
        matches = (on_day or on_weekday) if not any_day and not any_weekday else (on_day and on_weekday)
        if day.month not in months or not matches:
            continue
        for hour in sorted(hours, reverse=True):
            for minute in sorted(minutes, reverse=True):
                moment = datetime(day.year, day.month, day.day, hour, minute, tzinfo=now.tzinfo)
                if moment <= now:
                    return moment
    return None
