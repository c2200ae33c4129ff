"""What the doctor says about jobs and models, and the system checks."""

from __future__ import annotations

import shutil
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.core.checks import run_checks
from django.db import DatabaseError, connection
from django.utils import timezone

from django_ecomai.core.registry import Finding, doctor_checks
from django_ecomai.runs import broker, checks, doctor, storage
from django_ecomai.runs.models import Artifact, Heartbeat, Run
from django_ecomai.runs.services import artifact_go_live

from .helpers import job, save

pytestmark = pytest.mark.django_db


def found(deep: bool = True) -> dict[str, Finding]:
    """This capability's findings by title."""
    return {str(item.title): item for name, item in doctor.doctor_report(deep=deep) if name.startswith("runs.")}


def seen(name: str, **ago: float) -> None:
    Heartbeat.objects.update_or_create(name=name, defaults={"seen_at": timezone.now() - timedelta(**ago)})


@pytest.fixture
def way(monkeypatch) -> Any:
    return lambda value: monkeypatch.setattr(doctor, "dispatch_way", lambda: value)


def test_a_fresh_installation() -> None:
    findings = found()
    assert findings["Jobs run inside the request that starts them"].level == "ok"
    assert findings["No model has been trained yet"].next_step == (
        "Type: python manage.py ecomai_sync, then: python manage.py ecomai_train"
    )


def test_a_broken_check_hides_no_other() -> None:
    def no_table() -> list[Finding]:
        with connection.cursor() as cursor:
            cursor.execute("SELECT * FROM no_such_table")
        return []

    def other() -> list[Finding]:
        raise KeyError("bug")

    doctor_checks.register("test.db", no_table)
    doctor_checks.register("test.bug", other)
    doctor_checks.register("test.last", lambda: [Finding("ok", f"{Run.objects.count()} runs")])
    try:
        report = dict(doctor.doctor_report())
    finally:
        for name in ("test.db", "test.bug", "test.last"):
            doctor_checks.unregister(name)
    assert (report["test.db"].level, report["test.db"].title) == ("error", "The check “test.db” itself failed")
    assert "no_such_table" in report["test.db"].detail
    assert report["test.bug"].detail == "KeyError: 'bug'"
    assert report["test.last"].title == "0 runs"


def test_only_the_command_looks_deep(monkeypatch) -> None:
    depths: list[bool] = []
    doctor_checks.register("test", lambda: depths.append(doctor.is_deep()) or [])
    try:
        doctor.doctor_report()
        doctor.doctor_report(deep=True)
    finally:
        doctor_checks.unregister("test")
    assert (depths, doctor.is_deep()) == ([False, True], False)


class TestFolder:
    def test_that_cannot_be_written(self, settings, tmp_path: Path) -> None:
        (tmp_path / "file").write_text("")
        settings.ECOMAI = {**settings.ECOMAI, "ARTIFACT_DIR": str(tmp_path / "file" / "x")}
        assert found()["The folder for models cannot be written"].level == "error"


class TestWorkers:
    def test_a_broker_that_is_away(self, way, monkeypatch) -> None:
        way("celery")
        monkeypatch.setattr(broker, "answers", lambda: "ConnectionRefusedError: nobody")
        finding = found()["The message broker does not answer"]
        assert (finding.level, finding.detail) == ("error", "ConnectionRefusedError: nobody")
        seen("worker:a", seconds=5)
        assert "The message broker does not answer" not in found(deep=False)  # a page does not wait for it

    def test_no_worker_yet(self, way, monkeypatch) -> None:
        way("celery")
        monkeypatch.setattr(broker, "answers", lambda: "")
        seen("beat", seconds=1)
        assert found()["No worker has been seen yet"].next_step == "Type: celery -A <project> worker"
        way("queue")
        assert found()["No worker has been seen yet"].next_step == "Type: python manage.py ecomai_work --loop"

    def test_workers_that_were_seen(self, way, monkeypatch) -> None:
        way("celery")
        monkeypatch.setattr(broker, "answers", lambda: "")
        seen("worker:a", minutes=5)
        seen("worker:b", days=3)
        finding = found()["Jobs run in Celery workers"]
        assert finding.detail == "a (5 minutes ago), b (3 days ago)"
        assert list(finding.data["workers"]) == ["worker:a", "worker:b"]

    def test_the_broker_is_really_asked(self, monkeypatch) -> None:
        monkeypatch.setenv("CELERY_BROKER_URL", "redis://127.0.0.1:1/0")
        assert "Connection refused" in broker.answers() or "Error" in broker.answers()
        monkeypatch.setenv("CELERY_BROKER_URL", "memory://")
        assert broker.answers() == ""


class TestScheduler:
    @pytest.fixture(autouse=True)
    def scheduled(self) -> Any:
        with job(lambda context: None, schedule="15 3 * * *"):
            yield

    def test_never_seen(self) -> None:
        finding = found()["Nothing is scheduled"]
        assert (finding.level, finding.data) == ("info", {"beat_seen_at": None})
        assert "Last time: never." in finding.detail
        Run.objects.create(kind="test.job", state="done")
        finding = found()["Nothing is scheduled"]
        assert (finding.level, "Last time: 0 seconds ago." in finding.detail) == ("warning", True)
        assert doctor.scheduler_silence() is None  # no banner: nothing has fallen silent

    def test_alive(self) -> None:
        seen("beat", seconds=90)
        assert found()["The scheduler works"].level == "ok"

    def test_silent(self) -> None:
        seen("beat", hours=5)
        finding = found()["The scheduler is silent"]
        assert (finding.level, finding.detail) == ("warning", "Last sign of life: 5 hours ago.")


def test_runs_that_nobody_takes() -> None:
    first, second = Run.objects.create(kind="a"), Run.objects.create(kind="b")
    Run.objects.update(created_at=timezone.now() - timedelta(minutes=20))
    Run.objects.create(kind="c")
    finding = found()["2 jobs wait and nobody takes them"]
    assert finding.detail == f"Run #{first.pk} (a) since 20 minutes ago."
    assert second.state == "queued"


def test_the_last_run_of_a_kind_failed() -> None:
    now = timezone.now()
    Run.objects.create(kind="a", state="failed", finished_at=now, message="old trouble")
    Run.objects.create(kind="a", state="done", finished_at=now)
    failed = Run.objects.create(kind="b", state="failed", finished_at=now, message="no rows")
    Run.objects.create(kind="b", state="queued")
    with job(lambda context: None, name="b"):
        finding = found()["“Job b” failed the last time"]
    assert finding.detail == f"#{failed.pk}, 0 seconds ago: no rows"
    assert "old trouble" not in str([item.detail for item in found().values()])


class TestModels:
    def test_live_and_fresh(self) -> None:
        artifact = save(channel="uk")
        artifact_go_live(artifact=artifact)
        finding = found()["The model “toy (uk)” is live"]
        assert (finding.level, finding.data["sha256"]) == ("ok", artifact.sha256)

    def test_old(self) -> None:
        artifact = save()
        artifact_go_live(artifact=artifact)
        Artifact.objects.update(created_at=timezone.now() - timedelta(days=8))
        finding = found()["The model “toy” is old"]
        assert (finding.level, finding.detail) == ("warning", "8 days ago")

    def test_a_changed_byte_is_found_by_the_deep_look_only(self) -> None:
        artifact = save()
        artifact_go_live(artifact=artifact)
        path = storage.local_path(artifact.path) / "weights.npy"
        content = bytearray(path.read_bytes())
        content[-1] ^= 1
        path.write_bytes(content)
        assert "was changed after it was written" in found()["The model “toy” is damaged"].detail
        assert "The model “toy” is live" in found(deep=False)

    def test_a_missing_folder_is_found_at_once(self) -> None:
        artifact = save()
        artifact_go_live(artifact=artifact)
        shutil.rmtree(storage.local_path(artifact.path))
        assert found(deep=False)["The model “toy” is damaged"].level == "error"

    def test_a_folder_that_only_the_storage_has_is_not_missed(self, settings) -> None:
        settings.STORAGES = {**settings.STORAGES, "models": {"BACKEND": "django.core.files.storage.InMemoryStorage"}}
        settings.ECOMAI = {**settings.ECOMAI, "ARTIFACT_STORAGE": "models"}
        artifact = save()
        artifact_go_live(artifact=artifact)
        shutil.rmtree(storage.local_path(artifact.path))
        assert "The model “toy” is live" in found(deep=False)
        assert "The model “toy” is live" in found()


class TestSystemChecks:
    def ids(self, **options: Any) -> set[str]:
        return {str(message.id) for message in run_checks(tags=["ecomai"], **options)}

    def test_a_sound_configuration(self) -> None:
        assert not {name for name in self.ids() if name[8:10] == "03"}

    def test_the_folder(self, settings, tmp_path: Path) -> None:
        (tmp_path / "file").write_text("")
        settings.ECOMAI = {**settings.ECOMAI, "ARTIFACT_DIR": str(tmp_path / "file")}
        assert "ecomai.W040" in self.ids()

    def test_the_storage(self, settings, tmp_path: Path) -> None:
        settings.ECOMAI = {**settings.ECOMAI, "ARTIFACT_STORAGE": "nowhere"}
        assert "ecomai.E040" in self.ids()
        options = {"location": settings.ECOMAI["ARTIFACT_DIR"]}
        settings.STORAGES = {
            **settings.STORAGES,
            "same": {"BACKEND": "django.core.files.storage.FileSystemStorage", "OPTIONS": options},
            "other": {"BACKEND": "django.core.files.storage.FileSystemStorage", "OPTIONS": {"location": str(tmp_path)}},
        }
        settings.ECOMAI = {**settings.ECOMAI, "ARTIFACT_STORAGE": "same"}
        assert "ecomai.E041" in self.ids()
        settings.ECOMAI = {**settings.ECOMAI, "ARTIFACT_STORAGE": "other"}
        assert not {"ecomai.E040", "ecomai.E041"} & self.ids()

    def test_celery_without_broker(self, settings, monkeypatch) -> None:
        settings.ECOMAI = {**settings.ECOMAI, "DISPATCH": "celery"}
        monkeypatch.setattr(broker, "is_configured", lambda: False)
        [message] = checks.check_dispatch(None)
        assert (message.id, message.hint) == (
            "ecomai.W041",
            "Set CELERY_BROKER_URL and create a Celery app, or use ECOMAI['DISPATCH'] = 'process'.",
        )
        settings.CELERY_BROKER_URL = "redis://"
        [message] = checks.check_dispatch(None)
        assert "import it in the project's __init__.py" in str(message.hint)
        monkeypatch.setattr(broker, "is_configured", lambda: True)
        assert checks.check_dispatch(None) == []

    def test_a_child_process_needs_a_settings_module(self, settings, monkeypatch) -> None:
        settings.ECOMAI = {**settings.ECOMAI, "DISPATCH": "process"}
        monkeypatch.setenv("DJANGO_SETTINGS_MODULE", "shop.settings")
        assert checks.check_dispatch(None) == []
        monkeypatch.delenv("DJANGO_SETTINGS_MODULE")
        assert [message.id for message in checks.check_dispatch(None)] == ["ecomai.W043"]

    def test_inline_in_production(self, settings) -> None:
        assert "ecomai.W042" not in self.ids()
        assert "ecomai.W042" in self.ids(include_deployment_checks=True)
        settings.ECOMAI = {**settings.ECOMAI, "DISPATCH": "auto"}
        assert "ecomai.W042" not in self.ids(include_deployment_checks=True)

    def test_a_schedule_that_cannot_be_read(self) -> None:
        with job(lambda context: None, schedule="61 * * * *"):
            assert "ecomai.E042" in self.ids()
        with job(lambda context: None, schedule="15 3 * * *"):
            assert "ecomai.E042" not in self.ids()

    def test_no_check_touches_the_database(self, settings, monkeypatch) -> None:
        def refuse(*args: Any, **options: Any) -> None:
            raise DatabaseError("not in a check")

        monkeypatch.setattr(connection, "ensure_connection", refuse)
        monkeypatch.setattr(connection, "cursor", refuse)
        for check in (
            checks.check_artifact_dir,
            checks.check_artifact_storage,
            checks.check_dispatch,
            checks.check_dispatch_deploy,
            checks.check_schedules,
        ):
            check(None)
