"""Celery tasks: thin callers. Nothing heavy is imported here, since a worker's parent forks after importing it."""

from __future__ import annotations

from typing import Any

from celery import shared_task

from . import services as service
from .services.dispatch import worker_seen
from .services.heartbeats import BEAT


# Early acknowledgement on purpose: a training that is delivered twice is worse than one that is started again by hand.
@shared_task(name="ecomai.run_execute", ignore_result=True, acks_late=False)
def run_execute_task(run_id: int) -> str:
    """Execute the queued run ``run_id``; returns its state."""
    worker_seen()
    return str(service.run_execute(run_id=run_id).state)


@shared_task(name="ecomai.run_scheduled", ignore_result=True, acks_late=False)
def run_scheduled(kind: str, channel: str = "", parameters: dict[str, Any] | None = None) -> str:
    """Create and execute a run of ``kind`` in this worker; returns its state, empty while the last one is under way."""
    worker_seen()
    run = service.run_scheduled(kind=kind, channel=channel, parameters=parameters)
    return str(run.state) if run else ""


@shared_task(name="ecomai.run_due", ignore_result=True, acks_late=False)
def run_due(channel: str = "") -> int:
    """Start every job whose time has come; returns how many."""
    return len(service.runs_start_due(channel=channel))


@shared_task(name="ecomai.heartbeat", ignore_result=True)
def heartbeat() -> None:
    """Sent by the scheduler every minute and executed by a worker: both are alive. Dead runs are noticed here too."""
    service.heartbeat_beat(name=BEAT)
    service.heartbeat_beat()
    service.runs_tend()
