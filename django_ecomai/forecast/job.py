"""The jobs: thin callers; the work is imported when it runs, so that web processes stay light."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.utils import timezone

#: Past forecasts are kept for so many days, those of single days for fewer: there are seven times as many.
PAST_DAYS = {"D": 120, "W": 800, "M": 1600}


def train(context: Any) -> None:
    """Execute the job "forecast.train" in a worker. See ``training.forecast_train``."""
    from .training import forecast_train

    forecast_train(context)


def prune() -> int:
    """Delete past forecasts and changes that are too old."""
    from .changes import change_prune
    from .storing import past_prune

    today = timezone.localdate()
    return change_prune() + sum(
        past_prune(frequency=name, before=today - timedelta(days=days)) for name, days in PAST_DAYS.items()
    )
