"""Cron expressions, against Celery's own reading of them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from celery.schedules import crontab
from hypothesis import given
from hypothesis import strategies as st

from django_ecomai.runs.crontab import last_due, parse

NOW = datetime(2026, 11, 22, 9, 30, tzinfo=UTC)  # a Sunday


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("* * * * *", datetime(2026, 11, 22, 9, 30, tzinfo=UTC)),
        ("15 3 * * *", datetime(2026, 11, 22, 3, 15, tzinfo=UTC)),
        ("31 9 * * *", datetime(2026, 11, 21, 9, 31, tzinfo=UTC)),
        ("*/20 * * * *", datetime(2026, 11, 22, 9, 20, tzinfo=UTC)),
        ("0 8-18/4 * * *", datetime(2026, 11, 22, 8, 0, tzinfo=UTC)),
        ("5,50 * * * *", datetime(2026, 11, 22, 9, 5, tzinfo=UTC)),
        ("0 0 1 * *", datetime(2026, 11, 1, tzinfo=UTC)),
        ("0 4 * * 1", datetime(2026, 11, 16, 4, tzinfo=UTC)),
        ("0 4 * * 7", datetime(2026, 11, 22, 4, tzinfo=UTC)),
        ("0 4 * * 0", datetime(2026, 11, 22, 4, tzinfo=UTC)),
        ("0 4 1 1 *", datetime(2026, 1, 1, 4, tzinfo=UTC)),
        ("0 4 20 * 1", datetime(2026, 11, 20, 4, tzinfo=UTC)),  # the 20th or a Monday
        ("0 0 31 2 *", None),
    ],
)
def test_last_due(expression: str, expected: datetime | None) -> None:
    assert last_due(expression, NOW) == expected


def test_the_shops_clock_counts() -> None:
    now = datetime(2026, 7, 1, 12, 0, tzinfo=ZoneInfo("Europe/Paris"))
    assert last_due("0 3 * * *", now) == datetime(2026, 7, 1, 1, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    "expression", ["", "* * * *", "60 * * * *", "* 24 * * *", "* * 0 * *", "* * * 13 *", "* * * * 8", "*/0 * * * *",
                   "a * * * *", "5-1 * * * *", "1-2-3 * * * *", "* * * * mon,"]
)  # fmt: skip
def test_what_cannot_be_read_is_named(expression: str) -> None:
    with pytest.raises(ValueError, match=r"cron has 5|is no "):
        parse(expression)


@given(
    minute=st.integers(0, 59),
    hour=st.integers(0, 23),
    weekday=st.sampled_from(["*", "1", "5", "0"]),
    offset=st.integers(0, 60 * 24 * 30),
)
def test_agrees_with_celery(minute: int, hour: int, weekday: str, offset: int) -> None:
    now = NOW + timedelta(minutes=offset)
    found = last_due(f"{minute} {hour} * * {weekday}", now)
    assert found is not None and found <= now
    rule = crontab(minute=minute, hour=hour, day_of_week=weekday, nowfun=lambda: now)
    # By Celery's reading nothing was due between what we found and now, and something was in the minute we found.
    assert rule.remaining_estimate(found) > timedelta(0)
    assert rule.remaining_estimate(found - timedelta(seconds=1)) <= timedelta(0)
