"""Which way work takes, and what happens when a way is closed. Real processes and brokers: ``test_processes``."""

from __future__ import annotations

import subprocess
import sys
import threading
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from celery import Celery
from django.contrib.auth.models import User
from django.core import mail
from django.db import DatabaseError, OperationalError
from django.test import override_settings
from django.utils import timezone

from django_ecomai.runs import broker, child, storage, tasks
from django_ecomai.runs.models import Run
from django_ecomai.runs.selectors import heartbeats
from django_ecomai.runs.services import (
    dispatch,
    heartbeat_beat,
    run_create,
    run_start,
    runs_execute_queued,
    runs_reap,
    runs_start_due,
    runs_tend,
    state,
)
from django_ecomai.runs.services.heartbeats import worker_heartbeat_name
from django_ecomai.runs.services.state import run_claim, worker_name

from .helpers import job

pytestmark = pytest.mark.django_db


@pytest.fixture
def celery_app() -> Any:
    """A Celery app that is the current one inside the test."""
    from celery import _state

    before = _state.default_app, _state._tls.current_app
    app = Celery("test", set_as_current=True)
    yield app
    _state.default_app, _state._tls.current_app = before
    app.close()


@pytest.fixture
def commits(django_capture_on_commit_callbacks) -> Any:
    return partial(django_capture_on_commit_callbacks, execute=True)


class TestWay:
    def test_a_mailbox_in_memory_makes_no_test(self, settings, celery_app, monkeypatch) -> None:
        """As on a staging server that keeps its mail in memory."""
        settings.ECOMAI = {**settings.ECOMAI, "DISPATCH": "auto"}
        monkeypatch.setattr(mail, "outbox", [], raising=False)
        assert dispatch.dispatch_way() == "process"

    def test_auto_without_broker_is_a_child_process(self, settings, celery_app) -> None:
        settings.ECOMAI = {**settings.ECOMAI, "DISPATCH": "auto"}
        assert dispatch.dispatch_way() == "process"

    def test_auto_with_broker_is_celery(self, settings, celery_app) -> None:
        settings.ECOMAI = {**settings.ECOMAI, "DISPATCH": "auto"}
        celery_app.conf.broker_url = "redis://127.0.0.1:1/0"
        assert dispatch.dispatch_way() == "celery"
        assert dispatch.dispatch_way("inline") == "inline"

    def test_the_environment_may_name_the_broker(self, settings, celery_app, monkeypatch) -> None:
        settings.ECOMAI = {**settings.ECOMAI, "DISPATCH": "auto"}
        monkeypatch.setenv("CELERY_BROKER_URL", "redis://127.0.0.1:1/0")
        assert dispatch.dispatch_way() == "celery"

    def test_eager_celery_runs_inline(self, settings, celery_app) -> None:
        celery_app.conf.broker_url = "redis://127.0.0.1:1/0"
        celery_app.conf.task_always_eager = True
        assert dispatch.dispatch_way("celery") == "inline"

    def test_an_unknown_way_is_refused(self) -> None:
        with pytest.raises(ValueError, match="cannot dispatch via 'pigeon': choose from inline"):
            run_start(kind="x", via="pigeon")

    def test_a_broken_celery_configuration_is_no_broker(self, celery_app, caplog) -> None:
        celery_app.config_from_object("no_such_celery_config")
        assert broker.is_configured() is False
        assert broker.is_eager() is False
        assert "Celery configuration cannot be read" in caplog.text


class TestCeleryWay:
    @pytest.fixture(autouse=True)
    def in_this_thread(self, monkeypatch) -> None:
        monkeypatch.setattr(dispatch, "_in_thread", lambda work: work())

    def test_the_message_names_the_run_only(self, settings, celery_app, monkeypatch, commits) -> None:
        sent: list[tuple[str, dict[str, Any]]] = []
        settings.ECOMAI = {**settings.ECOMAI, "CELERY_QUEUE": "training"}
        celery_app.conf.broker_url = "memory://"
        monkeypatch.setattr(celery_app, "send_task", lambda name, **options: sent.append((name, options)))
        with job(lambda context: None) as kind, commits():
            run = run_start(kind=kind, via="celery")
            assert sent == []
        [(name, options)] = sent
        assert name == "ecomai.run_execute"
        assert options.pop("connection") is not None
        assert options == {"args": [run.pk], "retry": False, "ignore_result": True, "queue": "training"}
        run.refresh_from_db()
        assert (run.state, run.dispatched_via) == ("queued", "celery")

    @pytest.mark.parametrize("url", ["redis://127.0.0.1:1/0", "amqp://127.0.0.1:1//", "nonsense://x", "sqs://"])
    def test_a_closed_broker_gives_a_child_process_and_a_word(self, celery_app, monkeypatch, commits, url: str) -> None:
        spawned: list[int] = []
        monkeypatch.setattr(child, "spawn", lambda run_id, on_exit: spawned.append(run_id))
        celery_app.conf.broker_url = url
        with job(lambda context: None) as kind, commits():
            run = run_start(kind=kind, via="celery")
        run.refresh_from_db()
        assert spawned == [run.pk]
        assert (run.state, run.dispatched_via) == ("queued", "process")
        assert "Started as a child process instead." in run.log

    def test_when_both_ways_are_closed_the_run_says_what_to_type(self, celery_app, monkeypatch, commits) -> None:
        def refuse(run_id: int, on_exit: Any) -> None:
            raise child.SpawnError("no more processes")

        monkeypatch.setattr(child, "spawn", refuse)
        celery_app.conf.broker_url = "redis://127.0.0.1:1/0"
        with job(lambda context: None) as kind, commits():
            run = run_start(kind=kind, via="celery")
        run.refresh_from_db()
        assert (run.state, run.message) == (
            "queued",
            f"Could not be started by itself. Type: python manage.py ecomai_work {run.pk}",
        )
        assert "no more processes" in run.log


def test_the_dispatching_thread_survives_a_lost_database(caplog) -> None:
    def lost() -> None:
        raise OperationalError("gone")

    dispatch._in_thread(lost).join()
    assert "could not be handed over" in caplog.text


def test_a_work_that_takes_its_time_does_not_hold_the_caller() -> None:
    go_on = threading.Event()

    def slow() -> None:
        assert go_on.wait(10)

    thread = dispatch._in_thread(slow)
    assert thread.is_alive()
    go_on.set()
    thread.join()


class TestChild:
    def test_the_command_and_its_environment(self, monkeypatch) -> None:
        started: list[tuple[list[str], dict[str, Any]]] = []
        ended: list[tuple[int, str]] = []
        done = threading.Event()

        class Process:
            pid = 4711

            def __init__(self, command: list[str], **options: Any) -> None:
                started.append((command, options))
                options["stdout"].write(b"said something \xff")

            def wait(self) -> int:
                return 3

        monkeypatch.setattr(subprocess, "Popen", Process)
        monkeypatch.setenv("RUN_MAIN", "true")
        monkeypatch.setenv("DJANGO_SETTINGS_MODULE", "tests.projects.everything.settings")

        def on_exit(code: int, output: str) -> None:
            ended.append((code, output))
            done.set()

        assert child.spawn(12, on_exit=on_exit) == 4711
        assert done.wait(10)
        [(command, options)] = started
        assert command == [sys.executable, "-m", "django", "ecomai_work", "12"]
        assert options["start_new_session"] is True
        assert options["stdin"] == subprocess.DEVNULL
        environment = options["env"]
        assert environment["DJANGO_SETTINGS_MODULE"] == "tests.projects.everything.settings"
        assert environment["PYTHONPATH"].split(":")[: len(sys.path)] == [path or str(Path.cwd()) for path in sys.path]
        assert "RUN_MAIN" not in environment
        assert ended == [(3, "said something \N{REPLACEMENT CHARACTER}")]
        assert not list((storage.root() / ".output").iterdir())

    def test_no_process_can_be_started(self, monkeypatch) -> None:
        def full(*args: Any, **options: Any) -> None:
            raise BlockingIOError("Resource temporarily unavailable")

        monkeypatch.setattr(subprocess, "Popen", full)
        with pytest.raises(child.SpawnError, match="no child process could be started: Resource"):
            child.spawn(1, on_exit=lambda code, output: None)

    def test_settings_made_in_code(self, monkeypatch) -> None:
        monkeypatch.setattr(child, "settings_module", lambda: "")
        with pytest.raises(child.SpawnError, match="settings were configured in code"):
            child.spawn(1, on_exit=lambda code, output: None)

    def test_a_folder_that_cannot_be_written_costs_the_output_only(self, settings, tmp_path, caplog) -> None:
        (tmp_path / "file").write_text("")
        settings.ECOMAI = {**settings.ECOMAI, "ARTIFACT_DIR": str(tmp_path / "file")}
        assert child._output_path(1) is None
        assert "is not kept" in caplog.text

    def test_the_interpreter_behind_a_server(self, monkeypatch) -> None:
        assert child.python() == sys.executable
        monkeypatch.setattr(sys, "executable", "/usr/bin/uwsgi")
        assert child.python().endswith(("python3", "python.exe"))

    def test_a_database_that_is_away_when_a_child_ends(self, caplog) -> None:
        class Process:
            def wait(self) -> int:
                return 1

        def away(code: int, output: str) -> None:
            raise DatabaseError("gone")

        child._watch(Process(), None, away)  # type: ignore[arg-type]
        assert "could not be noted" in caplog.text


class TestChildEnded:
    def run(self, state: str = "running") -> Run:
        return Run.objects.create(kind="test.job", state=state, heartbeat_at=timezone.now())

    def test_well(self) -> None:
        run = self.run("queued")  # it waits for a sibling
        dispatch._child_ended(run.pk, 0, "")
        run.refresh_from_db()
        assert run.state == "queued"

    @pytest.mark.parametrize(
        ("code", "message"),
        [
            (-9, "The process was killed by signal 9, often for lack of memory."),
            (1, "The process ended with exit code 1. The log says more."),
        ],
    )
    def test_without_a_word(self, code: int, message: str) -> None:
        run = self.run()
        dispatch._child_ended(run.pk, code, "Traceback")
        run.refresh_from_db()
        assert (run.state, run.message, run.log) == ("failed", message, "Traceback\n")

    def test_a_run_that_noted_its_end_keeps_it(self) -> None:
        run = self.run("done")
        dispatch._child_ended(run.pk, 1, "Traceback")
        run.refresh_from_db()
        assert (run.state, run.log) == ("done", "")

    def test_a_deleted_run(self) -> None:
        dispatch._child_ended(4711, 1, "Traceback")


class TestDeadRuns:
    def run(self, minutes: float | None, worker: str = "elsewhere:1") -> Run:
        seen = None if minutes is None else timezone.now() - timedelta(minutes=minutes)
        return Run.objects.create(kind="test.job", state="running", heartbeat_at=seen, worker=worker)

    def test_a_silent_one_fails_and_frees_its_place(self) -> None:
        run = self.run(16)
        with job(lambda context: None) as kind:
            second = run_create(kind=kind)
            assert run_claim(run_id=second.pk)
        run.refresh_from_db()
        assert (run.state, run.message) == (
            "failed",
            "No sign of life for 15 minutes: taken for dead. Start it again.",
        )

    @pytest.mark.parametrize("minutes", [0.1, 1, 14])
    def test_one_on_another_machine_has_time(self, minutes: float) -> None:
        run = self.run(minutes)
        assert runs_reap() == 0
        run.refresh_from_db()
        assert run.state == "running"

    def test_one_that_lives_here_has_time(self) -> None:
        self.run(14, worker_name())
        assert runs_reap() == 0

    def test_one_whose_process_is_gone_here(self) -> None:
        process = subprocess.Popen([sys.executable, "-c", ""])
        process.wait()
        host = worker_name().rpartition(":")[0]
        young = self.run(0.1, f"{host}:{process.pid}")
        assert runs_reap() == 0  # its number alone proves nothing
        Run.objects.filter(pk=young.pk).update(heartbeat_at=timezone.now() - timedelta(minutes=1))
        assert runs_reap(kind="other") == 0
        assert runs_reap(kind="test.job", channel="uk") == 0
        assert runs_reap(kind="test.job", channel="") == 1

    def test_on_sqlite_a_living_process_is_proof_enough_for_a_day(self, monkeypatch) -> None:
        run = self.run(60, worker_name())
        monkeypatch.setattr(state, "connection", SimpleNamespace(vendor="sqlite"))
        assert runs_reap() == 0
        Run.objects.filter(pk=run.pk).update(heartbeat_at=timezone.now() - timedelta(hours=25))
        assert runs_reap() == 1
        monkeypatch.setattr(state, "connection", SimpleNamespace(vendor="postgresql"))
        self.run(60, worker_name())
        assert runs_reap() == 1

    @pytest.mark.parametrize("worker", ["", "nonsense", "host:x", "host:-1"])
    def test_strange_worker_names(self, worker: str) -> None:
        self.run(1, worker)
        assert runs_reap() == 0

    def test_one_that_never_reported(self) -> None:
        self.run(None)
        assert runs_reap() == 1

    @override_settings(ECOMAI={"RUN_STALE_MINUTES": 1})
    def test_the_patience_is_a_setting(self) -> None:
        self.run(1.1)
        assert runs_reap() == 1


class TestWaiting:
    """Runs that met a running sibling."""

    @pytest.fixture
    def spawned(self, monkeypatch) -> list[int]:
        started: list[int] = []
        monkeypatch.setattr(child, "spawn", lambda run_id, on_exit: started.append(run_id))
        return started

    def test_the_tender_starts_one_per_job_once_the_sibling_is_dead(self, spawned, commits) -> None:
        dead = Run.objects.create(kind="test.job", state="running")
        waiting = [
            Run.objects.create(kind="test.job", dispatched_via="process", message="Waits for run #1 …")
            for _number in range(2)
        ]
        Run.objects.create(kind="test.job", dispatched_via="queue", message="Waits …")
        Run.objects.create(kind="test.job", dispatched_via="process")  # was dispatched a moment ago
        with commits():
            assert runs_tend() == 1
        dead.refresh_from_db()
        assert (dead.state, spawned) == ("failed", [waiting[0].pk])

    def test_the_tender_leaves_those_whose_sibling_lives(self, spawned, commits) -> None:
        Run.objects.create(kind="test.job", state="running", heartbeat_at=timezone.now())
        Run.objects.create(kind="test.job", dispatched_via="process", message="Waits …")
        with commits():
            assert runs_tend() == 0
        assert spawned == []

    def test_a_sibling_that_ends_in_between_leaves_nobody_waiting(self, monkeypatch) -> None:
        sibling = Run.objects.create(kind="test.job", state="running", heartbeat_at=timezone.now())
        blocking, asked = dispatch.run_blocking, []

        def ends_after_the_first_look(**key: Any) -> Run | None:
            found = blocking(**key)
            asked.append(found)
            Run.objects.filter(pk=sibling.pk).update(state="done")
            return found

        monkeypatch.setattr(dispatch, "run_blocking", ends_after_the_first_look)
        with job(lambda context: None) as kind:
            run = run_create(kind=kind, via="process")
            assert dispatch.run_execute(run_id=run.pk).state == "done"
        assert asked == [sibling, None]

    def test_a_database_that_is_away_when_the_next_is_sought(self, monkeypatch, caplog) -> None:
        def away() -> None:
            raise OperationalError("gone")

        monkeypatch.setattr(dispatch, "_waiting", away)
        dispatch._start_next(Run.objects.create(kind="test.job", state="done"))
        assert "could not start the run that waited" in caplog.text


class TestQueue:
    def test_oldest_first_until_empty(self) -> None:
        order: list[int] = []
        with job(lambda context: order.append(context.run.pk)) as kind:
            runs = [run_create(kind=kind, parameters={"n": number}, via="queue") for number in range(3)]
            assert runs_execute_queued(limit=2) == 2
            assert runs_execute_queued() == 1
            assert runs_execute_queued() == 0
        assert order == [run.pk for run in runs]

    def test_one_that_must_wait_is_not_counted(self) -> None:
        Run.objects.create(kind="test.job", state="running", heartbeat_at=timezone.now())
        with job(lambda context: None) as kind:
            run_create(kind=kind, via="queue")
            assert runs_execute_queued() == 0

    def test_claimable_are_those_whose_way_is_free(self) -> None:
        Run.objects.create(kind="a", state="running", heartbeat_at=timezone.now())
        Run.objects.create(kind="a")
        uk = Run.objects.create(kind="a", channel="uk")
        b = [Run.objects.create(kind="b") for _number in range(2)]
        c = Run.objects.create(kind="c")
        assert dispatch.runs_claimable() == [uk.pk, b[0].pk, c.pk]
        assert dispatch.runs_claimable(limit=1) == [uk.pk]

    def test_where_no_child_can_be_started_the_loop_does_it_itself(self, monkeypatch, caplog) -> None:
        def refuse(run_id: int) -> None:
            raise child.SpawnError("no more processes")

        monkeypatch.setattr(child, "start", refuse)
        with job(lambda context: None) as kind:
            run = run_create(kind=kind, via="queue")
            dispatch.run_in_child(run_id=run.pk)
        run.refresh_from_db()
        assert run.state == "done"
        assert "executed in this process: no more processes" in caplog.text


class TestDue:
    """Monday 2026-11-23, 03:20 UTC; the job is due at 03:15."""

    now = datetime(2026, 11, 23, 3, 20, tzinfo=UTC)

    def start(self, last: datetime | None, now: datetime | None = None) -> list[Run]:
        with job(lambda context: None, schedule="15 3 * * *") as kind:
            if last is not None:
                run = Run.objects.create(kind=kind, state="done")
                Run.objects.filter(pk=run.pk).update(created_at=last)
            with job(lambda context: None, name="never.scheduled"):
                started = runs_start_due(now=now or self.now, start=partial(run_start, via="queue"))
        return [run for run in started if run.kind == kind]

    def test_since_yesterday(self) -> None:
        [run] = self.start(self.now - timedelta(days=1))
        assert (run.kind, run.state) == ("test.job", "queued")

    def test_not_twice(self) -> None:
        assert self.start(self.now - timedelta(minutes=4)) == []

    def test_a_missed_time_is_made_up_for(self) -> None:
        assert len(self.start(self.now - timedelta(days=3), now=self.now + timedelta(hours=9))) == 1

    def test_the_first_time_waits_for_its_hour(self) -> None:
        assert self.start(None, now=self.now + timedelta(hours=9)) == []
        assert len(self.start(None)) == 1

    def test_one_run_for_all_shops(self) -> None:
        start = partial(run_start, via="queue")
        with job(lambda context: None, name="test.all", schedule="15 3 * * *", per_channel=False) as kind:
            found = [
                run.channel
                for channel in ("de", "uk")
                for run in runs_start_due(now=self.now, channel=channel, start=start)
                if run.kind == kind
            ]
            Run.objects.filter(kind=kind).update(created_at=self.now)
            assert [run for run in runs_start_due(now=self.now, channel="fr", start=start) if run.kind == kind] == []
        assert set(found) == {""}
        assert Run.objects.filter(kind=kind).count() == 1


class TestTasks:
    def test_execute(self) -> None:
        with job(lambda context: None) as kind:
            run = run_create(kind=kind, via="celery")
            assert tasks.run_execute_task(run.pk) == "done"
        assert list(heartbeats()) == [worker_heartbeat_name()]

    def test_scheduled(self) -> None:
        seen: list[tuple[str, dict[str, Any]]] = []
        with job(lambda context: seen.append((context.channel, context.parameters))) as kind:
            assert tasks.run_scheduled(kind, channel="uk", parameters={"k": 1}) == "done"
        assert seen == [("uk", {"k": 1})]

    def test_scheduled_leaves_a_round_out_while_the_last_is_under_way(self) -> None:
        Run.objects.create(kind="test.job", channel="uk", state="running", heartbeat_at=timezone.now())
        with job(lambda context: None) as kind:
            assert tasks.run_scheduled(kind, channel="uk") == ""
            assert tasks.run_scheduled(kind) == "done"
        assert Run.objects.count() == 2

    def test_due(self, monkeypatch) -> None:
        """At noon nothing is scheduled: what is due depends on the clock, also on that of whoever runs the tests."""
        monkeypatch.setattr(timezone, "now", lambda: datetime(2026, 11, 25, 12, 0, tzinfo=UTC))
        assert tasks.run_due(channel="nowhere") == 0

    def test_heartbeat(self) -> None:
        tasks.heartbeat()
        tasks.heartbeat()
        assert set(heartbeats()) == {"beat", worker_heartbeat_name()}

    def test_names_that_are_promised(self) -> None:
        names = {"ecomai.run_execute", "ecomai.run_scheduled", "ecomai.run_due", "ecomai.heartbeat"}
        assert names == {
            item.name for item in (tasks.run_execute_task, tasks.run_scheduled, tasks.run_due, tasks.heartbeat)
        }
        assert tasks.run_execute_task.acks_late is False

    def test_a_heartbeat_that_cannot_be_written_fails_nothing(self, monkeypatch, caplog) -> None:
        def away() -> None:
            raise OperationalError("gone")

        monkeypatch.setattr(dispatch, "heartbeat_beat", away)
        dispatch.worker_seen()
        assert "heartbeat not written" in caplog.text


def test_heartbeats_of_long_names() -> None:
    heartbeat_beat(name="x" * 300)
    assert list(heartbeats()) == ["x" * 128]


def test_a_user_is_kept_with_the_run(commits) -> None:
    user = User.objects.create_user("anna")
    with job(lambda context: None) as kind, commits():
        run = run_start(kind=kind, user=user)
    assert run.started_by == user
