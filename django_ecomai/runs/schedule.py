"""Regular work. Importable from ``settings.py``: nothing here needs loaded apps.

from django_ecomai.runs.schedule import beat_schedule
CELERY_BEAT_SCHEDULE = {**beat_schedule(), "my-own-task": {...}}
"""

from __future__ import annotations

from typing import Any

PREFIX = "ecomai: "
MINUTE = 60.0


def beat_schedule(*, channels: tuple[str, ...] = ("",), queue: str | None = None) -> dict[str, dict[str, Any]]:
    """Entries for ``CELERY_BEAT_SCHEDULE``: a heartbeat, and a look each minute at which job is due, per channel.

    Which jobs there are and when they run is asked in the worker (``JobKind.schedule``), so that a capability that is
    installed later needs no change here.
    """
    # An entry that was not taken within its minute is worthless: it must not pile up while no worker runs.
    options: dict[str, Any] = {"expires": 55, **({"queue": queue} if queue else {})}
    entries: dict[str, dict[str, Any]] = {
        f"{PREFIX}heartbeat": {"task": "ecomai.heartbeat", "schedule": MINUTE, "options": options}
    }
    for channel in channels:
        entries[_named("due jobs", channel)] = {
            "task": "ecomai.run_due",
            "schedule": MINUTE,
            "kwargs": {"channel": channel},
            "options": options,
        }
    return entries


def job_entries(*, channels: tuple[str, ...] = ("",)) -> list[dict[str, Any]]:
    """One entry per scheduled job kind and channel: ``name, task, crontab, kwargs``. Needs loaded apps."""
    from django_ecomai.core.registry import job_kinds

    entries: list[dict[str, Any]] = []
    for kind, job in job_kinds.items():
        if job.schedule:
            entries += [
                {
                    "name": _named(kind, channel),
                    "task": "ecomai.run_scheduled",
                    "crontab": job.schedule,
                    "kwargs": {"kind": kind, "channel": channel},
                    "help": str(job.label),
                }
                for channel in (channels if job.per_channel else ("",))
            ]
    return entries


def _named(what: str, channel: str) -> str:
    return f"{PREFIX}{what}{f' ({channel})' if channel else ''}"
