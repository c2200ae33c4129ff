"""The thread that shows life while a job fits, and what it does when the database is busy."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable

import pytest
from django.db import OperationalError, transaction
from django.utils import timezone

from django_ecomai.runs.models import Run
from django_ecomai.runs.services import RunContext, run_now
from django_ecomai.runs.services import context as module
from django_ecomai.runs.services.execute import execute_claimed

from .helpers import job

pytestmark = pytest.mark.django_db(transaction=True)
needs_server = pytest.mark.skipif(
    os.environ.get("ECOMAI_TEST_BACKEND") != "postgres", reason="on SQLite nobody but the job writes"
)


@pytest.fixture(autouse=True)
def quick(monkeypatch) -> None:
    monkeypatch.setattr(module, "TICK_SECONDS", 0.01)
    monkeypatch.setattr(module, "HEARTBEAT_SECONDS", 0.05)


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.005)


def written(context: RunContext) -> tuple[float, str]:
    """What stands in the database."""
    return Run.objects.values_list("progress", "message").get(pk=context.run.pk)


@needs_server
def test_a_silent_job_beats() -> None:
    beats: list[object] = []

    def execute(context: RunContext) -> None:
        def later() -> bool:
            beats.append(Run.objects.values_list("heartbeat_at", flat=True).get(pk=context.run.pk))
            return len(set(beats)) > 2

        until(later)

    with job(execute) as kind:
        assert run_now(kind=kind).state == "done"
    assert all(beats)


@needs_server
def test_progress_inside_the_jobs_transaction_is_written_by_the_thread() -> None:
    def execute(context: RunContext) -> None:
        context._written = time.monotonic()
        with transaction.atomic():
            context.progress(0.5, "inside")
            until(lambda: written(context) == (0.5, "inside"))

    with job(execute) as kind:
        run = run_now(kind=kind)
    assert (run.state, run.error) == ("done", "")


@needs_server
def test_a_cancel_reaches_a_job_that_asks_without_a_query(django_assert_num_queries) -> None:
    def execute(context: RunContext) -> None:
        Run.objects.filter(pk=context.run.pk).update(cancel_requested=True)
        until(lambda: context._stop is not None)
        with django_assert_num_queries(0):
            context.check_cancelled()

    with job(execute) as kind:
        assert run_now(kind=kind).state == "cancelled"


@needs_server
def test_a_busy_database_is_tried_again(monkeypatch) -> None:
    def execute(context: RunContext) -> None:
        update, failures = context._update, []

        def busy(values: dict[str, object]) -> int:
            if threading.current_thread().name == "ecomai-run" and len(failures) < 3:
                failures.append(1)
                raise OperationalError("database is locked")
            return update(values)

        monkeypatch.setattr(context, "_update", busy)
        context._written = time.monotonic()
        context.log("kept")
        until(lambda: "kept" in Run.objects.get(pk=context.run.pk).log)
        assert len(failures) == 3

    with job(execute) as kind:
        run = run_now(kind=kind)
    assert (run.state, run.error) == ("done", "")


def test_progress_that_cannot_be_written_now_is_written_later(monkeypatch) -> None:
    def execute(context: RunContext) -> None:
        update = context._update

        def locked(values: dict[str, object]) -> int:
            raise OperationalError("database is locked")

        monkeypatch.setattr(context, "_update", locked)
        context._written = 0.0
        context.progress(0.3, "first")
        monkeypatch.setattr(context, "_update", update)
        context._written = 0.0
        context.progress(0.4)
        assert written(context) == (0.4, "first")

    with job(execute) as kind:
        run = run_now(kind=kind)
    assert (run.state, run.error) == ("done", "")


def test_news_are_written_sooner_than_numbers(monkeypatch) -> None:
    def execute(context: RunContext) -> None:
        context.progress(0.1, "Reading")
        context._written = time.monotonic() - 0.2
        context.progress(0.2)
        assert written(context) == (0.1, "Reading")
        context.progress(0.3, "Fitting")
        assert written(context) == (0.3, "Fitting")

    monkeypatch.setattr(module, "WRITE_SECONDS", 3600)
    with job(execute) as kind:
        run = run_now(kind=kind)
    assert (run.state, run.error) == ("done", "")


def test_a_deleted_run_ends_the_job() -> None:
    reached: list[str] = []

    def execute(context: RunContext) -> None:
        Run.objects.filter(pk=context.run.pk).delete()
        context._checked = 0.0
        context.check_cancelled()
        reached.append("not here")

    run = Run.objects.create(kind="test.job", state="running", heartbeat_at=timezone.now())
    with job(execute):
        execute_claimed(run)
    assert reached == []


def test_the_end_is_written_with_a_fresh_connection_when_the_old_one_died(monkeypatch) -> None:
    def execute(context: RunContext) -> None:
        def dead(**values: object) -> None:
            raise OperationalError("server closed the connection unexpectedly")

        monkeypatch.setattr(context, "flush", dead)

    with job(execute) as kind:
        assert run_now(kind=kind).state == "done"


@pytest.mark.skipif(os.environ.get("ECOMAI_TEST_BACKEND") == "postgres", reason="about SQLite")
def test_on_sqlite_there_is_no_second_writer() -> None:
    names: list[str] = []
    with job(lambda context: names.extend(thread.name for thread in threading.enumerate())) as kind:
        run_now(kind=kind)
    assert "ecomai-run" not in names


def test_no_thread_stays_behind() -> None:
    with job(lambda context: None) as kind:
        run_now(kind=kind)
    assert [thread.name for thread in threading.enumerate() if thread.name == "ecomai-run"] == []
