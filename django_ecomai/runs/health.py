"""Whether this process lives, and whether it can serve; small enough to be asked every few seconds."""

from __future__ import annotations

import secrets
from datetime import timedelta

from django.core.cache import caches
from django.db import DatabaseError, InterfaceError, transaction
from django.utils import timezone

from django_ecomai.conf import ecomai
from django_ecomai.ml.persist import ArtifactError, load_arrays
from django_ecomai.runs import storage
from django_ecomai.runs.doctor import BEAT_SILENT
from django_ecomai.runs.models import Heartbeat, LiveArtifact
from django_ecomai.runs.services.heartbeats import BEAT

OK, DEGRADED, FAILED = "ok", "degraded", "failed"


def readiness() -> dict[str, str]:
    """How each part stands: without the database nothing can be served; with any other part ``degraded`` pages go on.

    Fixed words only: anybody may ask.
    """
    found = {"database": OK, "models": OK, "scheduler": OK, "cache": _cache()}
    try:
        with transaction.atomic():
            lives = list(LiveArtifact.objects.values_list("artifact__path", flat=True)[:50])
            beat = Heartbeat.objects.filter(name=BEAT).values_list("seen_at", flat=True).first()
    except (DatabaseError, InterfaceError):
        return {**found, "database": FAILED, "models": "unknown", "scheduler": "unknown"}
    if not lives:
        found["models"] = "none"
    elif not ecomai.ARTIFACT_STORAGE and not all(map(_can_be_read, lives)):
        found["models"] = DEGRADED
    if beat is None:
        found["scheduler"] = "none"
    elif abs(timezone.now() - beat) > timedelta(seconds=BEAT_SILENT.total_seconds()):
        found["scheduler"] = DEGRADED
    return found


def _can_be_read(path: str) -> bool:
    try:
        load_arrays(storage.local_path(path))
    except (ArtifactError, OSError, ValueError):
        return False
    return True


def _cache() -> str:
    key, value = "ecomai:health", secrets.token_hex(4)
    try:
        cache = caches[ecomai.RECENT_CACHE]
        cache.set(key, value, 60)
        return OK if cache.get(key) is not None else DEGRADED
    except Exception:  # cache backends raise their client library's own exceptions
        return DEGRADED
