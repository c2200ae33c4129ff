"""Runs from start to end in this process."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest
from django.contrib.auth.models import AnonymousUser, User
from django.db import transaction

from django_ecomai.core.registry import JobKind, job_kinds
from django_ecomai.runs.exceptions import RunError
from django_ecomai.runs.models import Run
from django_ecomai.runs.selectors import run_status, runs_recent
from django_ecomai.runs.services import RunContext, run_cancel, run_create, run_execute, run_now, run_start
from django_ecomai.runs.services.context import json_safe
from django_ecomai.runs.services.gate import gate_decide
from django_ecomai.runs.services.state import log_bounded, run_log_append, worker_name
from django_ecomai.runs.signals import run_finished

from .helpers import job

pytestmark = pytest.mark.django_db


def test_a_job_ends_done_with_what_it_reported() -> None:
    def execute(context: RunContext) -> None:
        assert context.channel == "uk"
        assert context.parameters == {"k": 3}
        context.progress(0.25, "Reading")
        context.log("read 3 rows")
        context.metrics(rows=3)
        context.metrics(evaluation=[{"model": "ours"}])

    user = User.objects.create_user("anna")
    with job(execute) as kind:
        run = run_now(kind=kind, channel="uk", parameters={"k": 3}, user=user)
    assert (run.state, run.progress, run.message, run.error) == ("done", 1.0, "Reading", "")
    assert run.metrics == {"rows": 3, "evaluation": [{"model": "ours"}]}
    assert run.log.rstrip().endswith("read 3 rows")
    assert (run.started_by, run.dispatched_via, run.worker) == (user, "inline", worker_name())
    assert run.created_at <= run.started_at <= run.finished_at


def test_an_error_is_stored_and_not_raised() -> None:
    def execute(context: RunContext) -> None:
        raise ZeroDivisionError("no rows\nat all")

    with job(execute) as kind:
        run = run_now(kind=kind)
    assert (run.state, run.message) == ("failed", "ZeroDivisionError: no rows")
    assert "Traceback" in run.error and "no rows" in run.error


def test_an_error_made_for_the_merchant_keeps_its_words() -> None:
    def execute(context: RunContext) -> None:
        raise RunError("There are no orders yet. Type: python manage.py ecomai_sync")

    with job(execute) as kind:
        assert run_now(kind=kind).message == "There are no orders yet. Type: python manage.py ecomai_sync"


def test_a_database_error_in_the_job_leaves_the_transaction_usable() -> None:
    def execute(context: RunContext) -> None:
        Run.objects.create(pk=context.run.pk, kind="x")  # the key exists

    with job(execute) as kind:
        run = run_now(kind=kind)
    assert run.state == "failed"
    assert "IntegrityError" in run.message


@pytest.mark.parametrize("stop", [KeyboardInterrupt, SystemExit])
def test_a_stop_from_outside_marks_the_run_and_goes_on(stop: type[BaseException]) -> None:
    def execute(context: RunContext) -> None:
        raise stop

    with job(execute) as kind:
        run = run_create(kind=kind)
        with pytest.raises(stop):
            run_execute(run_id=run.pk)
    run.refresh_from_db()
    assert (run.state, run.message) == ("failed", "Stopped from outside before it was finished.")


def test_an_unknown_kind_is_refused_with_the_known_ones() -> None:
    with pytest.raises(LookupError, match=r"No job kind named 'no\.such'"):
        run_start(kind="no.such")


def test_a_kind_that_this_worker_lacks_fails_the_run() -> None:
    run = Run.objects.create(kind="other.app")
    assert run_execute(run_id=run.pk).state == "failed"
    run.refresh_from_db()
    assert "No job kind named 'other.app'" in run.message


def test_an_anonymous_user_is_nobody() -> None:
    with job(lambda context: None) as kind:
        assert run_create(kind=kind, user=AnonymousUser()).started_by is None


def test_an_ended_run_is_not_executed_again() -> None:
    calls: list[int] = []
    with job(lambda context: calls.append(1)) as kind:
        run = run_now(kind=kind)
        again = run_execute(run_id=run.pk)
    assert calls == [1]
    assert again.finished_at == run.finished_at


def test_a_missing_run_is_named() -> None:
    with pytest.raises(Run.DoesNotExist):
        run_execute(run_id=4711)


def test_start_runs_after_commit(django_capture_on_commit_callbacks) -> None:
    calls: list[str] = []
    with job(lambda context: calls.append("ran")) as kind:
        with django_capture_on_commit_callbacks(execute=True):
            run = run_start(kind=kind)
            assert (run.state, calls) == ("queued", [])
        run.refresh_from_db()
    assert (run.state, calls) == ("done", ["ran"])


def test_a_rolled_back_start_runs_nothing(django_capture_on_commit_callbacks) -> None:
    calls: list[str] = []

    class Undo(Exception):
        pass

    with (
        job(lambda context: calls.append("ran")) as kind,
        django_capture_on_commit_callbacks(execute=True),
        pytest.raises(Undo),
        transaction.atomic(),
    ):
        run_start(kind=kind)
        raise Undo
    assert calls == []
    assert not Run.objects.exists()


def test_a_second_click_returns_the_same_run() -> None:
    with job(lambda context: None) as kind:
        first = run_start(kind=kind, parameters={"k": 1})
        assert run_start(kind=kind, parameters={"k": 1}) == first
        assert run_start(kind=kind, parameters={"k": 2}) != first
        assert run_start(kind=kind, channel="uk", parameters={"k": 1}) != first


def test_one_run_per_kind_and_channel_at_a_time() -> None:
    inner: list[Run] = []

    def execute(context: RunContext) -> None:
        if not context.parameters:
            inner.append(run_now(kind=context.run.kind, parameters={"inner": True}))
            inner.append(run_now(kind=context.run.kind, channel="uk", parameters={"inner": True}))

    with job(execute) as kind:
        outer = run_now(kind=kind)
    assert outer.state == "done"
    assert (inner[0].state, inner[0].message) == (
        "failed",
        f"Not started: run #{outer.pk} of the same job is still running.",
    )
    assert inner[1].state == "done"


def test_a_run_that_must_wait_stays_queued_and_starts_after_its_sibling(monkeypatch) -> None:
    spawned: list[int] = []
    monkeypatch.setattr("django_ecomai.runs.child.spawn", lambda run_id, on_exit: spawned.append(run_id))
    waiting: list[Run] = []

    def execute(context: RunContext) -> None:
        if not context.parameters:
            other = run_create(kind=context.run.kind, parameters={"second": True}, via="process")
            waiting.append(run_execute(run_id=other.pk))
            assert spawned == []

    with job(execute) as kind:
        outer = run_now(kind=kind)
    assert waiting[0].state == "queued"
    assert waiting[0].message == f"Waits for run #{outer.pk} of the same job to end."
    # The commit of the test's own transaction never comes: look at what waits for it.
    hooks = transaction.get_connection().run_on_commit
    assert len(hooks) == 1
    hooks[0][1]()
    assert spawned == [waiting[0].pk]


def test_cancel_a_queued_run() -> None:
    with job(lambda context: None) as kind:
        run = run_create(kind=kind)
        assert run_cancel(run=run, user="anna").state == "cancelled"
        assert run.message == "Cancelled by anna."
        assert run_execute(run_id=run.pk).state == "cancelled"


@pytest.mark.django_db(transaction=True)
def test_cancel_a_running_run_at_its_next_sign_of_life(monkeypatch) -> None:
    monkeypatch.setattr("django_ecomai.runs.services.context.WRITE_SECONDS", 0)
    reached: list[str] = []

    def execute(context: RunContext) -> None:
        run_cancel(run=Run.objects.get(pk=context.run.pk))
        context._checked = 0.0  # a second has passed
        context.check_cancelled()
        reached.append("not here")

    with job(execute) as kind:
        run = run_now(kind=kind)
    assert (run.state, run.message, reached) == ("cancelled", "Cancelled.", [])


@pytest.mark.django_db(transaction=True)
def test_cancel_is_noticed_by_progress(monkeypatch) -> None:
    monkeypatch.setattr("django_ecomai.runs.services.context.WRITE_SECONDS", 0)

    def execute(context: RunContext) -> None:
        Run.objects.filter(pk=context.run.pk).update(cancel_requested=True)
        context._checked = 0.0
        context.progress(0.5, "half")
        raise AssertionError("progress must have raised")

    with job(execute) as kind:
        assert run_now(kind=kind).state == "cancelled"


def test_an_ended_run_cannot_be_cancelled() -> None:
    with job(lambda context: None) as kind:
        run = run_now(kind=kind)
        assert run_cancel(run=run).state == "done"


@pytest.mark.django_db(transaction=True)
def test_a_run_that_was_taken_for_dead_keeps_that_verdict(monkeypatch) -> None:
    monkeypatch.setattr("django_ecomai.runs.services.context.WRITE_SECONDS", 0)
    reached: list[str] = []

    def execute(context: RunContext) -> None:
        Run.objects.filter(pk=context.run.pk).update(state="failed", message="taken for dead")
        context.progress(0.9)
        reached.append("not here")

    with job(execute) as kind:
        run = run_now(kind=kind)
    assert (run.state, run.message, reached) == ("failed", "taken for dead", [])


def test_even_a_finished_job_does_not_overwrite_that_verdict() -> None:
    def execute(context: RunContext) -> None:
        Run.objects.filter(pk=context.run.pk).update(state="failed", message="taken for dead")

    with job(execute) as kind:
        assert (run_now(kind=kind).message) == "taken for dead"


def test_progress_writes_are_throttled(monkeypatch, django_assert_num_queries) -> None:
    queries: list[int] = []

    def execute(context: RunContext) -> None:
        context.progress(0.0, "start")
        context._checked = context._written = float("inf")  # no time passes
        with django_assert_num_queries(0):
            for step in range(1000):
                context.progress(step / 1000, f"row {step}")
                context.log(f"row {step}")
        queries.append(1)

    with job(execute) as kind:
        run = run_now(kind=kind)
    assert (run.state, queries) == ("done", [1])
    assert run.message == "row 999"
    assert "row 999" in run.log


@pytest.mark.parametrize(("given", "kept"), [(-1, 0.0), (0.5, 0.5), (7, 1.0), (float("nan"), 0.0), (float("inf"), 1.0)])
def test_fractions_are_clipped(given: float, kept: float) -> None:
    seen: list[float] = []
    context = RunContext(Run.objects.create(kind="x", state="running"), listener=lambda f, m: seen.append(f))
    context.progress(given)
    assert seen == [kept]


def test_parts_fill_their_span() -> None:
    seen: list[tuple[float, str]] = []
    context = RunContext(Run.objects.create(kind="x", state="running"), listener=lambda f, m: seen.append((f, m)))
    report = context.part(0.5, 0.75)
    report(0)
    report(0.5, "half")
    report(2)
    assert seen == [(0.5, ""), (0.625, "half"), (0.75, "half")]


def test_progress_inside_the_jobs_own_transaction_is_left_to_the_thread(django_assert_num_queries) -> None:
    context = RunContext(Run.objects.create(kind="x", state="running"))
    context._written = 0.0
    with transaction.atomic(), django_assert_num_queries(0):
        context.progress(0.5, "inside")
    assert context._pending == {"progress": 0.5, "message": "inside"}


def test_the_log_is_bounded_and_cut_at_a_line() -> None:
    text = "".join(f"line {number}\n" for number in range(20_000))
    kept = log_bounded(text)
    assert len(kept) <= 64_000 + 4
    assert kept.startswith("[…]\nline ")
    assert kept.endswith("line 19999\n")
    assert log_bounded("a\x00b\n") == "a\N{REPLACEMENT CHARACTER}b\n"


def test_a_huge_log_stays_bounded_in_the_database() -> None:
    def execute(context: RunContext) -> None:
        for _number in range(200):
            context.log("x" * 1000)

    with job(execute) as kind:
        run = run_now(kind=kind)
    assert 60_000 < len(run.log) <= 64_004
    run_log_append(run_id=run.pk, text="last words")
    run.refresh_from_db()
    assert run.log.endswith("\nlast words\n")
    run_log_append(run_id=4711, text="nobody")  # a deleted run is no reason to fail


def test_our_own_log_records_of_this_thread_reach_the_run() -> None:
    def execute(context: RunContext) -> None:
        logging.getLogger("django_ecomai.anything").warning("3 rows were skipped")
        logging.getLogger("elsewhere").warning("not ours")

    with job(execute) as kind:
        run = run_now(kind=kind)
    assert "warning: 3 rows were skipped" in run.log
    assert "not ours" not in run.log


def test_run_finished_is_sent_once_and_a_bad_receiver_does_no_harm() -> None:
    heard: list[tuple[str, int]] = []

    def good(sender, run, **kwargs) -> None:
        heard.append((run.state, run.pk))

    def bad(sender, run, **kwargs) -> None:
        raise RuntimeError("receiver")

    run_finished.connect(bad)
    run_finished.connect(good)
    try:
        with job(lambda context: None) as kind:
            run = run_now(kind=kind)
    finally:
        run_finished.disconnect(bad)
        run_finished.disconnect(good)
    assert heard == [("done", run.pk)]


def test_json_safe() -> None:
    import numpy as np

    class Odd:
        def __str__(self) -> str:
            return "odd"

    assert json_safe({1: np.float32(0.5), "n": float("nan"), "i": float("inf"), "t": (1, True, None), "o": Odd()}) == {
        "1": 0.5,
        "n": None,
        "i": None,
        "t": [1, True, None],
        "o": "odd",
    }
    assert json_safe(np.array([[1, 2]])) == [[1, 2]]


def test_text_that_no_database_takes_is_cleaned() -> None:
    odd = "caf\udce9 \x00 end"

    def execute(context: RunContext) -> None:
        context.progress(0.5, odd)
        context.log(odd)
        context.metrics(**{odd: [odd, {odd: odd}], "path": Path(odd)})
        raise ValueError(odd)

    with job(execute) as kind:
        run = run_now(kind=kind)
    clean = "caf? \N{REPLACEMENT CHARACTER} end"
    assert (run.state, run.message) == ("failed", f"ValueError: {clean}")
    assert run.metrics == {clean: [clean, {clean: clean}], "path": clean}
    assert clean in run.log and clean in run.error


def test_the_gate_is_kept_with_the_run() -> None:
    def execute(context: RunContext) -> None:
        verdict = gate_decide(challenger={"r": 0.2}, live=None, baseline={"r": 0.1}, metric="r")
        assert context.gate(verdict) is True

    with job(execute) as kind:
        run = run_now(kind=kind)
    assert run.metrics["gate"]["passed"] is True
    assert run.metrics["gate"]["reason"] in run.log


def test_selectors() -> None:
    with job(lambda context: None) as kind:
        first, second = run_now(kind=kind), run_now(kind=kind, channel="uk")
    assert runs_recent(limit=1) == [second]
    assert runs_recent() == [second, first]
    status = run_status(run=second)
    assert (status["percent"], status["finished"], status["state"]) == (100, True, "done")


def test_registry_entries_of_tests_do_not_leak() -> None:
    with job(lambda context: None) as kind:
        assert isinstance(job_kinds.get(kind), JobKind)
    assert "test.job" not in job_kinds
