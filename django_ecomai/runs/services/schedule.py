"""Writes the regular work into django-celery-beat, by name; entries of others are never touched."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

from django.apps import apps
from django.conf import settings
from django.db import transaction

from django_ecomai.conf import ecomai
from django_ecomai.runs.schedule import PREFIX, job_entries

BEAT_APP = "django_celery_beat"


@dataclass
class ScheduleReport:
    """Names of entries that were created, kept as the merchant has edited them, or retired (our own, of a job that is
    gone).
    """

    created: list[str] = field(default_factory=list)
    kept: list[str] = field(default_factory=list)
    retired: list[str] = field(default_factory=list)


def schedule_apply(*, channels: tuple[str, ...] = ("",), reset: bool = False) -> ScheduleReport:
    """Create what is missing; an existing entry keeps its times and switch unless ``reset``.

    Raises ``LookupError`` when django-celery-beat is not installed.
    """
    if not apps.is_installed(BEAT_APP):
        raise LookupError("django_celery_beat is not in INSTALLED_APPS.")
    task_model = apps.get_model(BEAT_APP, "PeriodicTask")
    report = ScheduleReport()
    with transaction.atomic():
        wanted = set()
        for entry in [_heartbeat_entry(), *job_entries(channels=channels)]:
            wanted.add(entry["name"])
            values = _values(entry)
            existing = task_model.objects.filter(name=entry["name"]).first()
            if existing is None:
                task_model.objects.create(name=entry["name"], **values)
                report.created.append(entry["name"])
                continue
            # task and arguments belong to us, the time and the switch to the merchant
            keep = () if reset else ("crontab", "interval", "enabled", "description")
            for name, value in values.items():
                if name not in keep:
                    setattr(existing, name, value)
            if reset:
                existing.clocked = existing.solar = None
                existing.interval = values.get("interval")
                existing.crontab = values.get("crontab")
            existing.save()
            report.kept.append(entry["name"])
        for gone in task_model.objects.filter(
            name__startswith=PREFIX, task__startswith="ecomai.", enabled=True
        ).exclude(name__in=wanted):
            if _is_of_these(gone.kwargs, channels):
                gone.enabled = False
                gone.save()
                report.retired.append(gone.name)
    return report


def _heartbeat_entry() -> dict[str, Any]:
    return {"name": f"{PREFIX}heartbeat", "task": "ecomai.heartbeat", "crontab": "", "kwargs": {}, "help": ""}


def _values(entry: dict[str, Any]) -> dict[str, Any]:
    values: dict[str, Any] = {
        "task": entry["task"],
        "kwargs": json.dumps(entry["kwargs"]),
        "queue": ecomai.CELERY_QUEUE,
        "enabled": True,
        "description": entry["help"],
    }
    if entry["crontab"]:
        minute, hour, day, month, weekday = entry["crontab"].split()
        values["crontab"], _created = _first_or_create(
            "CrontabSchedule",
            minute=minute,
            hour=hour,
            day_of_month=day,
            month_of_year=month,
            day_of_week=weekday,
            timezone=settings.TIME_ZONE or "UTC",
        )
        values["expire_seconds"] = 3600
    else:
        values["interval"], _created = _first_or_create("IntervalSchedule", every=60, period="seconds")
        values["expire_seconds"] = 55
    return values


def _first_or_create(model: str, **values: Any) -> tuple[Any, bool]:
    """``get_or_create`` that bears the duplicates which django-celery-beat's tables allow."""
    manager = apps.get_model(BEAT_APP, model).objects
    found = manager.filter(**values).first()
    return (found, False) if found else (manager.create(**values), True)


def _is_of_these(kwargs: str, channels: tuple[str, ...]) -> bool:
    try:
        return json.loads(kwargs or "{}").get("channel", "") in channels
    except (ValueError, AttributeError):
        return False
