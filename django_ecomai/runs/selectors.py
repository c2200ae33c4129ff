"""Reads of the capability ``runs``."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet

from django_ecomai.core.registry import job_kinds
from django_ecomai.runs.models import Heartbeat, LiveArtifact, Run

LOG_TAIL = 4_000  # characters sent to a page that asks every second


def live_artifacts() -> QuerySet[LiveArtifact]:
    """Every live pointer with its artifact and the run behind it, in one query."""
    return LiveArtifact.objects.select_related("artifact", "artifact__run").order_by("kind", "channel")


def runs_recent(*, limit: int = 10) -> list[Run]:
    """The newest runs of all kinds, without their logs."""
    return list(Run.objects.select_related("started_by").defer("log", "metrics", "error").order_by("-id")[:limit])


def run_log(run: Run, most: int) -> str:
    """The end of the log, in the reader's language where its job stores lines as codes."""
    job = job_kinds.get(run.kind) if run.kind in job_kinds else None
    words = None if job is None else job.log_words
    text = run.log[-most:]
    if words is None:
        return text
    # Each line begins with its time; one that was cut at the beginning is none.
    lines = text.split("\n") if len(run.log) <= most else text.split("\n")[1:]
    return "\n".join(f"{line[:9]}{words(line[9:])}" for line in lines)


def run_status(*, run: Run) -> dict[str, Any]:
    """JSON-ready state of a run for pollers: state, whole percent, message, the end of the log, whether it ended."""
    return {
        "id": run.pk,
        "state": run.state,
        "state_label": run.get_state_display(),
        "percent": round(run.progress * 100),
        "message": run.message,
        "log": run_log(run, LOG_TAIL),
        "finished": run.state in (Run.State.DONE, Run.State.FAILED, Run.State.CANCELLED),
    }


def heartbeats() -> dict[str, Any]:
    """``{name: seen_at}`` of workers and the scheduler, the last seen first."""
    return dict(Heartbeat.objects.order_by("-seen_at").values_list("name", "seen_at")[:50])
