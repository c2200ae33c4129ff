"""Signs of life of workers and of the scheduler."""

from __future__ import annotations

import socket

from django.utils import timezone

from django_ecomai.runs.models import Heartbeat

BEAT = "beat"


def heartbeat_beat(*, name: str | None = None) -> None:
    """Note that ``name`` was alive just now; the default is this machine's worker."""
    key = (name or worker_heartbeat_name())[:128]
    now = timezone.now()
    if not Heartbeat.objects.filter(name=key).update(seen_at=now):
        Heartbeat.objects.update_or_create(name=key, defaults={"seen_at": now})


def worker_heartbeat_name() -> str:
    """``worker:<host>``."""
    return f"worker:{socket.gethostname()}"
