"""What the last run found about parts of the trade."""

from __future__ import annotations

from typing import Any

from django_ecomai.runs.models import Run

from .offers_job import KIND


def segments_latest(*, channel: str = "") -> tuple[Run | None, list[dict[str, Any]]]:
    """The last run that compared parts, and what it found; one query."""
    runs = Run.objects.filter(kind=KIND, channel=channel, state=Run.State.DONE, metrics__has_key="segments")
    run = runs.order_by("-pk").first()
    return run, [] if run is None else list(run.metrics["segments"])
