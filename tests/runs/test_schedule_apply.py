"""Regular work in django-celery-beat's own tables, which belong to the shop."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from .worker_project import Project, database

pytest.importorskip("django_celery_beat")
pytestmark = pytest.mark.slow


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Project]:
    apps = {"WORKER_APPS": "django_celery_beat"}
    with database(tmp_path, "sqlite", **apps) as url:
        made = Project(tmp_path, database=url, **apps)
        yield made
        made.close()


def tasks(project: Project) -> dict[str, dict[str, Any]]:
    rows = project.query(
        "SELECT p.*, c.hour, c.minute, i.every FROM django_celery_beat_periodictask p "
        "LEFT JOIN django_celery_beat_crontabschedule c ON c.id = p.crontab_id "
        "LEFT JOIN django_celery_beat_intervalschedule i ON i.id = p.interval_id"
    )
    return {row["name"]: row for row in rows}


def apply(project: Project, *arguments: str) -> dict[str, list[str]]:
    return json.loads(project.manage("ecomai_schedule", "--apply", "--json", *arguments).stdout)


OTHERS = (
    "from django_celery_beat.models import *\n"
    "i = IntervalSchedule.objects.create(every=5, period='minutes')\n"
    "PeriodicTask.objects.create(name='my newsletter', task='shop.newsletter', interval=i)\n"
    "PeriodicTask.objects.create(name='ecomai: lookalike', task='shop.other', interval=i)\n"
)


def test_entries_are_made_once_and_others_are_left_alone(project: Project) -> None:
    project.python(OTHERS)
    ours = ["ecomai: heartbeat", "ecomai: runs.verify", "ecomai: runs.prune", "ecomai: toy.train"]
    assert apply(project) == {"created": ours, "kept": [], "retired": []}
    first = tasks(project)
    train = first["ecomai: toy.train"]
    assert (train["task"], train["hour"], train["minute"], train["expire_seconds"]) == (
        "ecomai.run_scheduled", "3", "15", 3600
    )  # fmt: skip
    assert json.loads(train["kwargs"]) == {"kind": "toy.train", "channel": ""}
    assert (first["ecomai: heartbeat"]["every"], first["ecomai: heartbeat"]["expire_seconds"]) == (60, 55)
    assert apply(project) == {"created": [], "kept": ours, "retired": []}
    second = tasks(project)
    assert set(second) == {"my newsletter", "ecomai: lookalike", *ours}
    for name in ("my newsletter", "ecomai: lookalike"):
        assert second[name] == first[name]


def test_what_the_merchant_edited_stays_until_he_asks_for_the_default(project: Project) -> None:
    apply(project)
    project.python(
        "from django_celery_beat.models import *\n"
        "task = PeriodicTask.objects.get(name='ecomai: toy.train')\n"
        "task.crontab = CrontabSchedule.objects.create(hour='5', minute='0'); task.enabled = False\n"
        "task.kwargs = '{}'; task.save()"
    )
    apply(project)
    kept = tasks(project)["ecomai: toy.train"]
    assert (kept["hour"], bool(kept["enabled"]), json.loads(kept["kwargs"])["kind"]) == ("5", False, "toy.train")
    apply(project, "--reset")
    reset = tasks(project)["ecomai: toy.train"]
    assert (reset["hour"], reset["minute"], bool(reset["enabled"])) == ("3", "15", True)


def test_our_own_entry_of_a_job_that_is_gone_is_switched_off(project: Project) -> None:
    project.python(
        "from django_celery_beat.models import *\n"
        "i = IntervalSchedule.objects.create(every=5, period='minutes')\n"
        "for name, kwargs in (('gone', '{\"channel\": \"\"}'), ('uk', '{\"channel\": \"uk\"}'), ('odd', '[')):\n"
        "    PeriodicTask.objects.create(name='ecomai: ' + name, task='ecomai.run_scheduled', interval=i)\n"
        "    PeriodicTask.objects.filter(name='ecomai: ' + name).update(kwargs=kwargs)"
    )
    assert apply(project)["retired"] == ["ecomai: gone"]
    found = tasks(project)
    assert [bool(found[f"ecomai: {name}"]["enabled"]) for name in ("gone", "uk", "odd")] == [False, True, True]


def test_several_shops(project: Project) -> None:
    assert apply(project, "--channel", "de", "--channel", "uk")["created"] == [
        "ecomai: heartbeat",
        "ecomai: runs.verify",
        "ecomai: runs.prune",
        "ecomai: toy.train (de)",
        "ecomai: toy.train (uk)",
    ]
    assert apply(project, "--channel", "fr")["retired"] == []


def test_text_says_how_to_start_beat(project: Project) -> None:
    text = project.manage("ecomai_schedule").stdout
    assert "created  ecomai: toy.train" in text
    assert "DatabaseScheduler" in text
