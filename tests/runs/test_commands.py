"""The commands and what they print."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections import Counter
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import OperationalError

from django_ecomai.core.registry import Finding, doctor_checks, prunes
from django_ecomai.runs.management.commands import ecomai_work
from django_ecomai.runs.management.commands.ecomai_train import ProgressBar, resolve_kinds
from django_ecomai.runs.models import Heartbeat, Run
from django_ecomai.runs.schedule import beat_schedule
from django_ecomai.runs.services import RunContext, artifact_go_live, dispatch, run_create
from django_ecomai.runs.services.heartbeats import BEAT, worker_heartbeat_name

from .helpers import job, save

pytestmark = pytest.mark.django_db


def call(*arguments: str, code: int = 0, **options: Any) -> str:
    """Standard output and error of a command that ends with ``code``."""
    out = StringIO()
    try:
        call_command(*arguments, stdout=out, stderr=out, **options)
        ended = 0
    except SystemExit as leave:
        ended = int(leave.code or 0)
    assert ended == code, out.getvalue()
    return out.getvalue()


class TestTrain:
    def test_everything_that_has_a_model(self) -> None:
        trained: list[str] = []
        with (
            job(lambda context: trained.append("a"), name="a.train"),
            job(lambda context: trained.append("b"), name="b.train"),
            job(lambda context: trained.append("other"), name="c.sync"),
        ):
            assert [name for name in resolve_kinds([]) if name in ("a.train", "b.train", "c.sync")] == [
                "a.train",
                "b.train",
            ]
            text = call("ecomai_train", "a", "b.train", "c.sync")
        assert trained == ["a", "b", "other"]
        assert text.count("done. Finished.") == 3

    def test_the_channel_and_the_gate_reach_the_job(self, settings) -> None:
        seen: list[tuple[str, dict[str, Any]]] = []
        settings.ECOMAI = {**settings.ECOMAI, "CHANNEL": "de"}
        with job(lambda context: seen.append((context.channel, context.parameters)), name="a.train"):
            call("ecomai_train", "a")
            call("ecomai_train", "a", "--channel", "uk", "--no-gate", "--parameters", '{"budget": 3}')
            call("ecomai_train", "a", "--channel", "")
        assert seen == [("de", {}), ("uk", {"budget": 3, "no_gate": True}), ("", {})]

    def test_a_failure_is_exit_code_1_and_its_traceback(self) -> None:
        def execute(context: RunContext) -> None:
            raise ValueError("no rows")

        with job(execute, name="a.train"):
            text = call("ecomai_train", "a", code=1)
        assert "failed. ValueError: no rows" in text
        assert "Traceback" in text

    def test_another_training_is_running(self) -> None:
        from django.utils import timezone

        other = Run.objects.create(kind="a.train", state="running", heartbeat_at=timezone.now())
        with job(lambda context: None, name="a.train"):
            text = call("ecomai_train", "a", code=1)
        assert f"Not started: run #{other.pk} of the same job is still running." in text

    def test_json(self) -> None:
        def execute(context: RunContext) -> None:
            context.metrics(gate={"passed": True, "reason": "Better."})
            context.artifact_save(kind="toy", arrays={}, manifest={})

        with job(execute, name="a.train"):
            [row] = json.loads(call("ecomai_train", "a", "--json"))
        assert (row["kind"], row["state"], row["metrics"]["gate"]["reason"]) == ("a.train", "done", "Better.")
        assert [item["kind"] for item in row["artifacts"]] == ["toy"]
        assert row["seconds"] >= 0

    def test_the_gates_sentence_is_printed(self) -> None:
        with job(lambda context: context.metrics(gate={"reason": "Better by 18 %."}), name="a.train"):
            assert "Better by 18 %." in call("ecomai_train", "a")

    def test_names_that_do_not_exist(self, monkeypatch) -> None:
        with pytest.raises(CommandError, match=r"There is no job 'nothing'\. Known: "):
            call("ecomai_train", "nothing")
        with pytest.raises(CommandError, match="must be a JSON object"):
            call("ecomai_train", "--parameters", "[1]")
        from django_ecomai.runs.management.commands import ecomai_train

        monkeypatch.setattr(ecomai_train.job_kinds, "_items", {})
        with pytest.raises(CommandError, match="Nothing to train"):
            call("ecomai_train")


class Terminal(StringIO):
    """What OutputWrapper offers."""

    def __init__(self, tty: bool) -> None:
        super().__init__()
        self.tty = tty

    def isatty(self) -> bool:
        return self.tty

    def write(self, text: str, ending: str = "\n") -> int:
        return super().write(text + ending)


def test_a_bar_on_a_terminal() -> None:
    terminal = Terminal(tty=True)
    bar = ProgressBar(terminal, label="Train")  # type: ignore[arg-type]
    bar(0.5, "Fitting")
    bar(1.0, "x" * 200)
    bar.close()
    lines = terminal.getvalue().split("\r\x1b[K")
    assert lines[1] == f"Train [{'#' * 15}{'.' * 15}]  50 % 0:00 Fitting"
    assert len(lines[2].rstrip("\n")) == 118
    assert lines[2].endswith("\n")


def test_lines_into_a_file() -> None:
    terminal = Terminal(tty=False)
    bar = ProgressBar(terminal, label="Train")  # type: ignore[arg-type]
    for step in range(101):
        bar(step / 100, "Fitting")
    bar.close()
    lines = terminal.getvalue().splitlines()
    assert lines[0] == "Train: 0 % Fitting"
    assert len(lines) == 11
    assert lines[-1] == "Train: 100 % Fitting"


class TestWork:
    def test_one_run(self, monkeypatch) -> None:
        monkeypatch.setattr(ecomai_work, "_exit_on_term", lambda: None)
        with job(lambda context: None) as kind:
            run = run_create(kind=kind)
            assert call("ecomai_work", str(run.pk)) == f"run {run.pk} test.job: done Finished.\n"

    def test_a_failed_run_is_exit_code_1(self, monkeypatch) -> None:
        monkeypatch.setattr(ecomai_work, "_exit_on_term", lambda: None)
        run = Run.objects.create(kind="no.such")
        assert "failed" in call("ecomai_work", str(run.pk), code=1)

    def test_a_missing_run(self, monkeypatch) -> None:
        monkeypatch.setattr(ecomai_work, "_exit_on_term", lambda: None)
        with pytest.raises(CommandError, match="There is no run 4711"):
            call("ecomai_work", "4711")

    def test_a_child_of_a_test_run_leaves_the_real_database_alone(self, monkeypatch) -> None:
        monkeypatch.setenv("ECOMAI_PARENT_DATABASE", "postgresql::test_shop")
        with job(lambda context: None) as kind:
            run = run_create(kind=kind)
            with pytest.raises(CommandError, match="sees another database"):
                call("ecomai_work", str(run.pk))
        run.refresh_from_db()
        assert run.state == "queued"

    @pytest.mark.parametrize("arguments", [[], ["1", "--loop"], ["--loop", "--once"]])
    def test_one_thing_at_a_time(self, arguments: list[str]) -> None:
        with pytest.raises(CommandError, match="Type either"):
            call("ecomai_work", *arguments)

    def test_once_takes_what_is_queued_and_due(self) -> None:
        handlers = [signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)]
        try:
            with job(lambda context: None, schedule="* * * * *") as kind:
                first = run_create(kind=kind, parameters={"n": 1}, via="queue")
                call("ecomai_work", "--once")
                first.refresh_from_db()
                assert first.state == "done"
                assert set(Heartbeat.objects.values_list("name", flat=True)) == {worker_heartbeat_name(), BEAT}
        finally:
            for number, handler in zip((signal.SIGTERM, signal.SIGINT), handlers, strict=True):
                signal.signal(number, handler)

    @pytest.mark.parametrize(
        ("arguments", "channels"),
        [
            ([], {"de": 1}),
            (["--channel", "uk"], {"uk": 1}),
            (["--channel", "uk", "--channel", ""], {"uk": 1, "": 1}),
            (["--no-schedule"], {}),
        ],
    )
    def test_it_schedules_for_the_shops_it_is_told(
        self, settings, monkeypatch, arguments: list[str], channels: dict[str, int]
    ) -> None:
        settings.ECOMAI = {**settings.ECOMAI, "CHANNEL": "de"}
        monkeypatch.setattr(signal, "signal", lambda number, handler: None)
        with job(lambda context: None, schedule="* * * * *") as kind:
            call("ecomai_work", "--once", *arguments)
            assert Counter(Run.objects.filter(kind=kind).values_list("channel", flat=True)) == channels
        assert Heartbeat.objects.filter(name=BEAT).exists() is bool(channels)

    def test_a_long_training_does_not_silence_the_loop(self, monkeypatch) -> None:
        """The scheduler beats while a child is at work, and a database that is away then does not end the loop."""
        beats: list[bool] = []

        class Process:
            waits = 0

            def wait(self, timeout: float) -> int:
                self.waits += 1
                if self.waits < 3:
                    loop.last_due = ""  # a minute goes by
                    raise subprocess.TimeoutExpired("x", timeout)
                return 0

        loop = ecomai_work._Loop(interval=1, channels=("",), once=False)
        monkeypatch.setattr(dispatch.child, "start", lambda run_id: (Process(), None))
        with job(lambda context: None) as kind:
            run = run_create(kind=kind, via="queue")

            def started(process: Any) -> None:
                Heartbeat.objects.all().delete()
                loop.stop.set()
                loop.process = process

            monkeypatch.setattr(loop, "_started", started)
            monkeypatch.setattr(ecomai_work, "runs_tend", lambda: beats.append(True))
            loop._turn()
            Run.objects.filter(pk=run.pk).update(state="done")
        assert len(beats) == 3
        assert Heartbeat.objects.filter(name=BEAT).exists()

        def away() -> None:
            raise OperationalError("server restarts")

        monkeypatch.setattr(ecomai_work, "runs_tend", away)
        monkeypatch.setattr(ecomai_work.connection, "close", lambda: None)
        loop.last_due = ""
        loop._meanwhile()

    def test_a_lost_database_is_survived(self, monkeypatch, capsys) -> None:
        turns: list[int] = []
        loop = ecomai_work._Loop(interval=0.1, channels=("",), once=False)

        def turn() -> None:
            turns.append(1)
            if len(turns) == 1:
                raise OperationalError("server restarts")
            loop.stop.set()

        monkeypatch.setattr(loop, "_turn", turn)
        monkeypatch.setattr(signal, "signal", lambda number, handler: None)
        monkeypatch.setattr(loop.stop, "wait", lambda seconds: None)
        monkeypatch.setattr(ecomai_work.connection, "close", lambda: None)
        loop.run()
        assert len(turns) == 2
        assert "server restarts; trying again" in capsys.readouterr().err

    def test_the_second_signal_leaves(self) -> None:
        loop = ecomai_work._Loop(interval=1, channels=(), once=False)
        loop._asked_to_stop(signal.SIGTERM, None)
        assert (loop.stop.is_set(), loop.code) == (True, 0)
        with pytest.raises(SystemExit) as leave:
            loop._asked_to_stop(signal.SIGTERM, None)
        assert leave.value.code == 128 + signal.SIGTERM

    def test_the_second_signal_stops_the_child_first(self) -> None:
        class Process:
            terminated = 0

            def terminate(self) -> None:
                self.terminated += 1

        loop = ecomai_work._Loop(interval=1, channels=(), once=False)
        process = Process()
        loop._started(process)  # type: ignore[arg-type]
        loop._asked_to_stop(signal.SIGTERM, None)
        assert process.terminated == 0
        loop._asked_to_stop(signal.SIGTERM, None)
        assert (process.terminated, loop.code) == (1, 128 + signal.SIGTERM)


class TestPrune:
    def test_every_registered_prune_is_called_and_one_that_fails_stops_none(self) -> None:
        def broken() -> int:
            raise RuntimeError("table is gone")

        prunes.register("test.broken", broken)
        prunes.register("test.good", lambda: 7)
        try:
            text = call("ecomai_prune", code=1)
            outcome = json.loads(call("ecomai_prune", "--json", code=1))
        finally:
            prunes.unregister("test.broken")
            prunes.unregister("test.good")
        assert "test.broken failed: RuntimeError: table is gone" in text
        assert "test.good: 7 deleted" in text
        assert (outcome["artifacts"], outcome["runs"], outcome["test.good"]) == (0, 0, 7)

    def test_it_is_a_scheduled_job_too(self) -> None:
        from django_ecomai.core.registry import job_kinds
        from django_ecomai.runs.services import run_now

        assert job_kinds.get("runs.prune").schedule
        run = run_now(kind="runs.prune")
        assert (run.state, run.message) == ("done", "0 old rows and models deleted.")
        assert run.metrics["deleted"]["runs"] == 0

        def broken() -> int:
            raise RuntimeError("table is gone")

        prunes.register("test.broken", broken)
        try:
            run = run_now(kind="runs.prune")
        finally:
            prunes.unregister("test.broken")
        assert (run.state, run.message) == ("failed", "Could not clean up: test.broken. The log says why.")
        assert "test.broken: RuntimeError: table is gone" in run.log

    def test_old_runs_go_except_those_behind_a_live_model_or_in_progress(self, settings) -> None:
        from datetime import timedelta

        from django.utils import timezone

        settings.ECOMAI = {**settings.ECOMAI, "RUN_RETENTION_DAYS": 10}
        old, serving, queued, fresh = (
            Run.objects.create(kind="x", state=state) for state in ("done", "done", "queued", "failed")
        )
        Run.objects.exclude(pk=fresh.pk).update(created_at=timezone.now() - timedelta(days=11))
        artifact_go_live(artifact=save(run=serving))
        assert "runs: 1 deleted" in call("ecomai_prune")
        assert set(Run.objects.all()) == {serving, queued, fresh}
        assert old not in Run.objects.all()

    def test_workers_of_long_ago_are_forgotten(self) -> None:
        from datetime import timedelta

        from django.utils import timezone

        Heartbeat.objects.create(name="worker:old", seen_at=timezone.now() - timedelta(days=91))
        Heartbeat.objects.create(name="worker:new", seen_at=timezone.now() - timedelta(days=89))
        assert "heartbeats: 1 deleted" in call("ecomai_prune")
        assert Heartbeat.objects.get().name == "worker:new"


class TestDoctor:
    def test_text_with_next_steps_and_the_exit_code(self) -> None:
        doctor_checks.register(
            "test", lambda: [Finding("error", "The moon is gone", "since today", "Put it back."), Finding("odd", "Odd")]
        )
        try:
            text = call("ecomai_doctor", code=1)
        finally:
            doctor_checks.unregister("test")
        assert "ERROR  The moon is gone: since today" in text
        assert "odd  Odd" in text
        assert "Next:" in text
        assert " 1. Put it back." in text

    def test_json(self) -> None:
        from django.utils.translation import gettext_lazy

        doctor_checks.register("test", lambda: [Finding("error", gettext_lazy("Home"), data={"n": 1})])
        try:
            report = json.loads(call("ecomai_doctor", "--json", code=1))
        finally:
            doctor_checks.unregister("test")
        assert report["level"] == "error"
        [row] = [item for item in report["findings"] if item["check"] == "test"]
        assert row == {
            "check": "test",
            "level": "error",
            "title": "Home",
            "detail": "",
            "next_step": "",
            "url_name": "",
            "data": {"n": 1},
        }

    def test_settings_that_fail_their_checks_are_findings(self, settings) -> None:
        settings.ECOMAI = {**settings.ECOMAI, "ARTIFACT_STORAGE": "nowhere"}
        assert "(ecomai.E040)" in call("ecomai_doctor", code=1)


class TestSchedule:
    def test_print_is_python_that_settings_can_hold(self) -> None:
        with job(lambda context: None, schedule="15 3 * * *"):
            text = call("ecomai_schedule", "--print", "--channel", "de", "--channel", "uk")
        namespace: dict[str, Any] = {}
        exec(text, namespace)
        assert namespace["CELERY_BEAT_SCHEDULE"] == beat_schedule(channels=("de", "uk"))
        assert "15 3 * * *" in text

    def test_json(self) -> None:
        with job(lambda context: None, schedule="15 3 * * *") as kind:
            data = json.loads(call("ecomai_schedule", "--print", "--json"))
        assert data["beat_schedule"] == beat_schedule()
        [entry] = [item for item in data["jobs"] if item["kwargs"]["kind"] == kind]
        assert (entry["name"], entry["crontab"]) == ("ecomai: test.job", "15 3 * * *")

    def test_without_django_celery_beat_it_prints_and_cannot_apply(self, settings) -> None:
        assert "django_celery_beat" not in settings.INSTALLED_APPS
        assert "CELERY_BEAT_SCHEDULE" in call("ecomai_schedule")
        with pytest.raises(CommandError, match="pip install django-celery-beat"):
            call("ecomai_schedule", "--apply")
        from django_ecomai.runs.services.schedule import schedule_apply

        with pytest.raises(LookupError, match="not in INSTALLED_APPS"):
            schedule_apply()

    def test_importable_from_settings_before_django_is_set_up(self) -> None:
        code = (
            "import sys\n"
            "from django_ecomai.runs.schedule import beat_schedule\n"
            "entries = beat_schedule(queue='training')\n"
            "assert entries['ecomai: heartbeat']['options'] == {'expires': 55, 'queue': 'training'}\n"
            "assert entries['ecomai: due jobs']['task'] == 'ecomai.run_due'\n"
            "assert 'django.db' not in sys.modules and 'celery' not in sys.modules\n"
        )
        subprocess.run([sys.executable, "-c", code], check=True, cwd=Path(__file__).parents[2])
