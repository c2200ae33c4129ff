"""How heavy work leaves the request: inline, a detached child process, or Celery. A broker is never waited for."""

from __future__ import annotations

import logging
import subprocess
import threading
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from django.db import DatabaseError, InterfaceError, connection, transaction
from django.db.models import Exists, OuterRef, QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _

from django_ecomai.conf import ecomai
from django_ecomai.core.registry import job_kinds, minutely
from django_ecomai.runs import broker, child, storage
from django_ecomai.runs.crontab import last_due
from django_ecomai.runs.models import Run

from .execute import Listener, execute_claimed
from .heartbeats import heartbeat_beat
from .state import ACTIVE, run_active, run_blocking, run_claim, run_create, run_finish, run_log_append, runs_reap

logger = logging.getLogger("django_ecomai.runs")
INLINE, PROCESS, CELERY, QUEUE = "inline", "process", "celery", "queue"
SKEW = timedelta(minutes=10)
_LOOK = 5.0  # seconds between two calls of ``meanwhile``
WAYS = (INLINE, PROCESS, CELERY, QUEUE)


def run_start(
    *,
    kind: str,
    channel: str = "",
    parameters: dict[str, Any] | None = None,
    user: Any = None,
    via: str | None = None,
) -> Run:
    """Write a run and start it after commit; returns at once unless it runs inline.

    ``via``: ``inline``, ``process``, ``celery``, ``queue`` (an ``ecomai_work --loop`` takes it) or ``None`` for the
    setting ``DISPATCH``. When the same work (kind, channel, parameters) is queued or running already, that run is
    returned and nothing is started. A broker that does not answer neither delays nor fails the caller. Raises
    ``LookupError`` for an unknown kind, ``ValueError`` for an unknown ``via``.
    """
    chosen = dispatch_way(via)
    runs_reap(kind=kind, channel=channel)
    active = run_active(kind=kind, channel=channel, parameters=parameters)
    if active is not None:
        return active
    run = run_create(kind=kind, channel=channel, parameters=parameters, user=user, via=chosen)
    transaction.on_commit(partial(_dispatch, run.pk, chosen), robust=True)
    run.refresh_from_db()
    return run


def run_now(
    *,
    kind: str,
    channel: str = "",
    parameters: dict[str, Any] | None = None,
    user: Any = None,
    listener: Listener | None = None,
) -> Run:
    """Create a run and execute it in this process before returning it (commands, tests, scheduled tasks).

    When another run of that kind and channel is in progress, the new one is failed with a message that says so.
    """
    run = run_create(kind=kind, channel=channel, parameters=parameters, user=user, via=INLINE)
    return run_execute(run_id=run.pk, listener=listener)


def run_execute(*, run_id: int, listener: Listener | None = None) -> Run:
    """Execute a queued run in this process and return it as it ended; errors of the job are stored, never raised.

    A run that another process has taken is returned untouched. While a sibling (same kind and channel) is running,
    the run stays queued and is started when the sibling ends; one that was to run inline fails with a message
    instead. Raises ``Run.DoesNotExist``.
    """
    while not run_claim(run_id=run_id):
        run = Run.objects.get(pk=run_id)
        if run.state != Run.State.QUEUED or _wait_for_sibling(run):
            run.refresh_from_db()
            return run
    run = Run.objects.select_related("started_by").get(pk=run_id)
    try:
        execute_claimed(run, listener=listener)
    finally:
        _start_next(run)
    return Run.objects.get(pk=run_id)


def run_scheduled(*, kind: str, channel: str = "", parameters: dict[str, Any] | None = None) -> Run | None:
    """Execute regular work in this process, or do nothing (``None``) while the previous round is still under way."""
    runs_reap(kind=kind, channel=channel)
    if Run.objects.filter(kind=kind, channel=channel, state__in=ACTIVE).exists():
        logger.info("%s is still under way: this round is left out", kind)
        return None
    return run_now(kind=kind, channel=channel, parameters=parameters)


def runs_execute_queued(*, limit: int = 10) -> int:
    """Execute queued runs in this process, oldest first; returns how many it took. Used by ``ecomai_work --loop``."""
    runs_reap()
    taken = 0
    for pk in Run.objects.filter(state=Run.State.QUEUED).order_by("id").values_list("pk", flat=True)[:limit]:
        if run_execute(run_id=pk).state != Run.State.QUEUED:
            taken += 1
    return taken


def runs_claimable(*, limit: int = 10) -> list[int]:
    """Keys of queued runs whose way is free, oldest first, one per kind and channel."""
    running = Run.objects.filter(state=Run.State.RUNNING, kind=OuterRef("kind"), channel=OuterRef("channel"))
    rows = Run.objects.filter(~Exists(running), state=Run.State.QUEUED).order_by("id")
    first: dict[tuple[str, str], int] = {}
    for pk, kind, channel in rows.values_list("pk", "kind", "channel")[: limit * 10]:
        first.setdefault((kind, channel), pk)
    return list(first.values())[:limit]


def run_in_child(
    *,
    run_id: int,
    started: Callable[[Any], None] = lambda process: None,
    meanwhile: Callable[[], None] = lambda: None,
) -> None:
    """Execute a run in a child process and wait for it: what it needs of memory goes with it.

    ``started`` receives the ``Popen``; ``meanwhile`` is called every few seconds until it ends. Without a way to start
    one the run is executed here.
    """
    try:
        process, output = child.start(run_id)
    except child.SpawnError as error:
        logger.warning("run %s is executed in this process: %s", run_id, error)
        run_execute(run_id=run_id)
        return
    started(process)
    while True:
        try:
            code = process.wait(timeout=_LOOK)
            break
        except subprocess.TimeoutExpired:
            meanwhile()
    _child_ended(run_id, code, child.output_take(output))


def runs_start_due(
    *, now: datetime | None = None, channel: str = "", start: Callable[..., Run] = run_start
) -> list[Run]:
    """Start every job kind whose schedule has come up since its last run; returns the runs.

    A kind that never ran waits for its next regular time; one that was missed (machine off) is made up for once.
    """
    moment = now or timezone.now()
    started = []
    for name, job in job_kinds.items():
        if not job.schedule:
            continue
        where = channel if job.per_channel else ""
        due = last_due(job.schedule, timezone.localtime(moment) if timezone.is_aware(moment) else moment)
        # A run from the future (the clock was set back since) must not hold up the schedule until its time has come;
        # one from a machine whose clock is a little ahead counts.
        runs = Run.objects.filter(kind=name, channel=where, created_at__lte=moment + SKEW)
        last = runs.order_by("-id").values_list("created_at", flat=True).first()
        fresh = due is not None and (moment - due).total_seconds() < 600
        if due is not None and ((last is None and fresh) or (last is not None and last < due)):
            started.append(start(kind=name, channel=where))
    return started


def dispatch_way(via: str | None = None) -> str:
    """Which way work takes: ``via`` or the setting; ``auto`` is Celery with a broker, else a child process.

    Tests set ``DISPATCH`` to ``inline``; a child that was started all the same leaves at once, see ``child``.
    """
    way = via or ecomai.DISPATCH
    if way == "auto":
        way = CELERY if broker.is_configured() else PROCESS
    if way not in WAYS:
        raise ValueError(f"cannot dispatch via {way!r}: choose from {', '.join(WAYS)}")
    if way == CELERY and broker.is_eager():
        return INLINE
    return way


def _dispatch(run_id: int, way: str) -> None:
    if way == INLINE:
        run_execute(run_id=run_id)
    elif way == CELERY:
        _in_thread(partial(_through_celery, run_id))
    elif way == PROCESS:
        _through_process(run_id)


def _in_thread(work: Callable[[], None]) -> threading.Thread:
    """Not a daemon: a short command must not exit before its message is out. The broker's timeouts bound it."""

    def body() -> None:
        try:
            work()
        except (DatabaseError, InterfaceError):
            logger.exception("a run could not be handed over; it stays queued")
        finally:
            connection.close()

    thread = threading.Thread(target=body, name="ecomai-dispatch")
    thread.start()
    return thread


def _through_celery(run_id: int) -> None:
    try:
        broker.publish("ecomai.run_execute", args=[run_id])
    except broker.BrokerError as error:
        logger.warning("run %s: %s; it is started as a child process instead", run_id, error)
        run_log_append(
            run_id=run_id,
            text=_("The message broker did not answer (%(error)s). Started as a child process instead.")
            % {"error": error},
        )
        _through_process(run_id)


def _through_process(run_id: int) -> None:
    Run.objects.filter(pk=run_id, state=Run.State.QUEUED).update(dispatched_via=PROCESS)
    try:
        child.spawn(run_id, on_exit=partial(_child_ended, run_id))
    except child.SpawnError as error:
        logger.error("run %s stays queued: %s", run_id, error)
        Run.objects.filter(pk=run_id, state=Run.State.QUEUED).update(
            message=_("Could not be started by itself. Type: python manage.py ecomai_work %(id)s") % {"id": run_id}
        )
        run_log_append(run_id=run_id, text=str(error))


def _child_ended(run_id: int, code: int, output: str) -> None:
    """A child that ended without a word (killed, out of memory, broken import) leaves a failed run, not a hanging
    one.
    """
    if code == 0:
        return
    if code < 0:
        message = _("The process was killed by signal %(signal)s, often for lack of memory.") % {"signal": -code}
    else:
        message = _("The process ended with exit code %(code)s. The log says more.") % {"code": code}
    ended = run_finish(
        run_id=run_id,
        state=Run.State.FAILED,
        only=(Run.State.QUEUED, Run.State.RUNNING),
        message=message,
        error=message,
    )
    if ended:
        storage.leftovers_remove(run_id)
    if ended and output:
        run_log_append(run_id=run_id, text=output)
    if ended:
        _start_next(Run.objects.get(pk=run_id))


def _wait_for_sibling(run: Run) -> bool:
    """Say that the run waits, or end it when it was to run inline; ``False`` when the way is free after all."""
    sibling = run_blocking(kind=run.kind, channel=run.channel)
    if sibling is None:
        return False
    name = f"#{sibling.pk}"
    if run.dispatched_via == INLINE:
        message = _("Not started: run %(sibling)s of the same job is still running.") % {"sibling": name}
        run_finish(run_id=run.pk, state=Run.State.FAILED, only=(Run.State.QUEUED,), message=message, error=message)
        return True
    message = _("Waits for run %(sibling)s of the same job to end.") % {"sibling": name}
    Run.objects.filter(pk=run.pk, state=Run.State.QUEUED).update(message=message)
    # It may have ended before it could read this message: then nobody else would start the waiting run.
    return run_blocking(kind=run.kind, channel=run.channel) is not None


def _start_next(run: Run) -> None:
    """Start the oldest run that waited for this one."""
    try:
        waiting = _waiting().filter(kind=run.kind, channel=run.channel).first()
        if waiting is not None:
            transaction.on_commit(partial(_dispatch, waiting.pk, waiting.dispatched_via), robust=True)
    except (DatabaseError, InterfaceError):
        logger.exception("could not start the run that waited for %s", run.pk)


def _waiting() -> QuerySet[Run]:
    """Runs that met a running sibling and wait for it; ``ecomai_work --loop`` finds those of the queue by itself."""
    runs = Run.objects.filter(state=Run.State.QUEUED, dispatched_via__in=(PROCESS, CELERY)).exclude(message="")
    return runs.defer("log").order_by("id")


def runs_tend() -> int:
    """Bury the dead, start what waited for them and do what capabilities do every minute; returns how many died.

    Called every minute by the heartbeat.
    """
    died = runs_reap()
    started = set()
    for run in _waiting()[:50]:
        key = (run.kind, run.channel)
        if key not in started and run_blocking(kind=run.kind, channel=run.channel) is None:
            started.add(key)
            transaction.on_commit(partial(_dispatch, run.pk, run.dispatched_via), robust=True)
    for name, work in minutely.items():
        try:
            work()
        except Exception:  # another capability's code: the others have their turn
            logger.exception("the work of every minute of %s failed", name)
    return died


def worker_seen() -> None:
    """Note this worker's sign of life; a database that is away is no reason to fail."""
    try:
        heartbeat_beat()
    except (DatabaseError, InterfaceError):
        logger.warning("heartbeat not written", exc_info=True)
