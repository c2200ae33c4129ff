"""Models that were trained before an erasure: retrained within the set time, or taken out of service."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from django.db.models import QuerySet
from django.utils import timezone

from django_ecomai.core.registry import job_kinds
from django_ecomai.runs.models import Artifact, LiveArtifact, Run
from django_ecomai.runs.services import artifact_withdraw, artifacts_purge, run_start
from django_ecomai.runs.services.artifacts import trained_before
from django_ecomai.runs.services.state import ACTIVE

#: The longest that a page, or a batch that the shop sends, takes.
GRACE = timedelta(minutes=10)


def writers_active(*, channel: str, since: datetime, without: str = "") -> bool:
    """Whether a copy, a training or a request of the shop that began before a moment may still write what it read.

    ``without`` is the job that asks.
    """
    if timezone.now() < since + GRACE:
        return True
    older = Run.objects.filter(channel__in={channel, ""}, state__in=ACTIVE, started_at__lt=since)
    return older.exclude(kind=without).exists()


def models_purge(*, channel: str, before: datetime) -> int:
    """Delete models from before an erasure that do not serve: nobody can roll back to them."""
    return artifacts_purge(channel=channel, before=before)


def models_stale(*, channel: str, erased_at: datetime) -> QuerySet[LiveArtifact]:
    """What serves and was trained before an erasure."""
    live = LiveArtifact.objects.filter(trained_before(erased_at, "artifact__"), channel=channel)
    return live.select_related("artifact", "artifact__run")


def models_settle(*, channel: str, erased_at: datetime, due_at: datetime) -> tuple[bool, list[dict[str, Any]]]:
    """Whether no model from before an erasure serves any more, and what was done about them just now.

    The regular training comes first; when half of the time has passed one is started that needs not pass the gate; what
    is still there when the time is over is taken out of service.
    """
    now = timezone.now()
    told: list[dict[str, Any]] = []
    stale = list(models_stale(channel=channel, erased_at=erased_at))
    for live in stale:
        kind = live.kind
        if now >= due_at:
            artifact_withdraw(live=live)
            told.append({"kind": kind, "state": "withdrawn", "at": now.isoformat()})
        elif now >= erased_at + (due_at - erased_at) / 2:
            told += _retrain(live, now)
    if models_stale(channel=channel, erased_at=erased_at).exists():
        return False, told
    told += [
        {"kind": kind, "state": "retrained", "at": now.isoformat()}
        for kind in LiveArtifact.objects.filter(channel=channel).values_list("kind", flat=True)
    ]
    models_purge(channel=channel, before=erased_at)
    return True, told


def models_retrain(*, channel: str, erased_at: datetime, user: Any = None) -> list[Run]:
    """Start the trainings now, exempt from the quality gate; what is under way already is waited for."""
    runs = [_start(live, user) for live in models_stale(channel=channel, erased_at=erased_at)]
    return [run for run in runs if run is not None]


def _retrain(live: LiveArtifact, now: datetime) -> list[dict[str, Any]]:
    run = _start(live)
    return [] if run is None else [{"kind": live.kind, "state": "started", "at": now.isoformat(), "run": run.pk}]


def _start(live: LiveArtifact, user: Any = None) -> Run | None:
    """A training that goes live without passing the gate, unless one of that job is under way or it has no job."""
    job = _job_of(live.artifact)
    if job is None or Run.objects.filter(kind=job, channel=live.channel, state__in=ACTIVE).exists():
        return None
    return run_start(kind=job, channel=live.channel, parameters={"no_gate": True}, user=user)


def _job_of(artifact: Artifact) -> str | None:
    """The job that trained it, or that trained another of its kind; ``None`` when no run of it is left."""
    if artifact.run is not None:
        return str(artifact.run.kind) if artifact.run.kind in job_kinds else None
    runs = Run.objects.filter(artifacts__kind=artifact.kind).order_by("-id").values_list("kind", flat=True)
    return next((kind for kind in runs[:5] if kind in job_kinds), None)
