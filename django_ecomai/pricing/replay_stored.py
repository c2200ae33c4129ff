"""What the last replay found."""

from __future__ import annotations

from django_ecomai.runs.models import Run

KIND = "pricing.replay"


def replay_latest(*, channel: str = "") -> Run | None:
    """The last run that has a result (``run.metrics["replay"]``); one query."""
    runs = Run.objects.filter(kind=KIND, channel=channel, state=Run.State.DONE, metrics__has_key="replay")
    return runs.order_by("-pk").first()
