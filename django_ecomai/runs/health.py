"""Whether this process lives, and whether it can serve; small enough to be asked every few seconds."""

from __future__ import annotations

import secrets

from django.core.cache import caches
from django.db import DatabaseError, InterfaceError, transaction
from django.utils import timezone

from django_ecomai.conf import ecomai
from django_ecomai.ml.persist import MANIFEST
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
    elif not ecomai.ARTIFACT_STORAGE and not all(map(_is_there, lives)):
        found["models"] = DEGRADED
    if beat is None:
        found["scheduler"] = "none"
    elif abs(timezone.now() - beat) > BEAT_SILENT:
        found["scheduler"] = DEGRADED
    return found


def _is_there(path: str) -> bool:
    """Whether a folder is complete; `runs.verify` reads it each night, but anybody may ask this."""
    try:
        return (storage.local_path(path) / MANIFEST).is_file()
    except (OSError, ValueError):
        return False


def _cache() -> str:
    key, value = "ecomai:health", secrets.token_hex(4)
    try:
        cache = caches[ecomai.RECENT_CACHE]
        cache.set(key, value, 60)
        return OK if cache.get(key) is not None else DEGRADED
    except Exception:  # cache backends raise their client library's own exceptions
        return DEGRADED
