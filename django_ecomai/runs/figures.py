"""What the database tells a scrape: states of runs, ages of models and signs of life. Few series, nobody's names."""

from __future__ import annotations

from collections.abc import Iterator

from django.db.models import Count, Max, Min
from django.utils import timezone

from django_ecomai.core.metrics import Gauge
from django_ecomai.core.registry import job_kinds
from django_ecomai.runs.models import Run
from django_ecomai.runs.selectors import heartbeats, live_artifacts
from django_ecomai.runs.services.heartbeats import BEAT

FAMILY = {
    "runs": ("ecomai_runs", "Runs that are kept, by state."),
    "done": ("ecomai_run_done_age_seconds", "Seconds since a job last ended well."),
    "waiting": ("ecomai_run_waiting_seconds", "Seconds that the oldest waiting run has waited; 0 when none waits."),
    "model": ("ecomai_model_age_seconds", "Seconds since the live model was trained."),
    "beat": ("ecomai_beat_age_seconds", "Seconds since the scheduler was last seen."),
}


def figures() -> Iterator[Gauge]:
    """The gauges of this capability, in four queries."""
    now = timezone.now()
    found = dict(Run.objects.order_by().values_list("state").annotate(Count("pk")))
    for state in Run.State.values:
        yield Gauge(*FAMILY["runs"], float(found.get(state, 0)), {"state": state})
    done = Run.objects.filter(state=Run.State.DONE, kind__in=job_kinds.names()).order_by().values_list("kind")
    for kind, at in done.annotate(Max("finished_at")):
        if at is not None:
            yield Gauge(*FAMILY["done"], (now - at).total_seconds(), {"kind": kind})
    first = Run.objects.filter(state=Run.State.QUEUED).aggregate(first=Min("created_at"))["first"]
    yield Gauge(*FAMILY["waiting"], max(0.0, (now - first).total_seconds()) if first else 0.0)
    for live in live_artifacts():
        age = (now - live.artifact.created_at).total_seconds()
        yield Gauge(*FAMILY["model"], age, {"kind": live.kind, "channel": live.channel})
    beat = heartbeats().get(BEAT)
    if beat is not None:
        yield Gauge(*FAMILY["beat"], (now - beat).total_seconds())
