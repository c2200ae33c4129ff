"""The state machine of a run. Every transition is one compare-and-set UPDATE, so two processes never both win.

queued -> running -> done | failed | cancelled;  queued -> cancelled | failed.
"""

from __future__ import annotations

import os
import socket
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from django.contrib.auth.models import AnonymousUser
from django.db import IntegrityError, connection, transaction
from django.db.models import DateTimeField, Value
from django.db.models.functions import Now
from django.utils import timezone
from django.utils.translation import gettext as _

from django_ecomai.conf import ecomai
from django_ecomai.core.registry import job_kinds
from django_ecomai.runs import storage
from django_ecomai.runs.models import Run
from django_ecomai.runs.signals import run_finished

from .clocks import clock_was_set

LOG_LIMIT = 64_000
ACTIVE = (Run.State.QUEUED, Run.State.RUNNING)
HEARTBEAT_SECONDS = 15.0


def worker_name() -> str:
    """``host:pid`` of this process, as it stands in ``Run.worker``."""
    return f"{socket.gethostname()[:100]}:{os.getpid()}"


def run_create(
    *, kind: str, channel: str = "", parameters: dict[str, Any] | None = None, user: Any = None, via: str = ""
) -> Run:
    """Write a queued run without starting it. Raises ``LookupError`` for a kind that nobody registered."""
    job_kinds.get(kind)
    if user is None or isinstance(user, AnonymousUser) or user.pk is None:
        user = None
    return Run.objects.create(
        kind=kind, channel=channel, parameters=parameters or {}, started_by=user, dispatched_via=via
    )


def run_active(*, kind: str, channel: str = "", parameters: dict[str, Any] | None = None) -> Run | None:
    """The newest queued or running run with the same parameters, if any."""
    runs = Run.objects.filter(kind=kind, channel=channel, state__in=ACTIVE).defer("log").order_by("-id")
    # Compared here: equality of JSON columns differs between databases.
    return next((run for run in runs[:20] if run.parameters == (parameters or {})), None)


def run_claim(*, run_id: int) -> bool:
    """queued -> running for this process. ``False`` when another process has it or a sibling is still running."""
    now = timezone.now()
    runs = Run.objects.filter(pk=run_id, state=Run.State.QUEUED)
    row = runs.values("kind", "channel").first()
    if row is None:
        return False
    runs_reap(kind=row["kind"], channel=row["channel"])
    if run_blocking(kind=row["kind"], channel=row["channel"]) is not None:
        return False
    try:
        with transaction.atomic():
            return bool(
                runs.update(
                    state=Run.State.RUNNING,
                    started_at=now,
                    heartbeat_at=database_now(),
                    worker=worker_name(),
                    progress=0.0,
                    message="",
                    cancel_requested=False,
                )
            )
    except IntegrityError:  # a sibling was claimed a moment ago: the unique constraint decides
        return False


def database_now() -> Any:
    """The present moment for a query: the database's clock, the only one that all machines share."""
    # SQLite is on this machine, and its own times have fewer digits than those that Django writes.
    return Value(timezone.now(), output_field=DateTimeField()) if connection.vendor == "sqlite" else Now()


def run_blocking(*, kind: str, channel: str) -> Run | None:
    """The run of that kind and channel which is running now."""
    return Run.objects.filter(kind=kind, channel=channel, state=Run.State.RUNNING).defer("log").first()


def run_finish(*, run_id: int, state: str, only: tuple[str, ...] = (Run.State.RUNNING,), **values: Any) -> bool:
    """End a run that is in one of the states ``only``; sends ``run_finished``. ``False`` when it had ended before."""
    changed = Run.objects.filter(pk=run_id, state__in=only).update(state=state, finished_at=timezone.now(), **values)
    if changed:
        run_finished.send_robust(Run, run=Run.objects.get(pk=run_id))
    return bool(changed)


def run_cancel(*, run: Run, user: Any = None) -> Run:
    """Stop a run: a queued one ends at once, a running one at its next sign of life. An ended run stays as it is."""
    message = _("Cancelled by %(user)s.") % {"user": user} if user else _("Cancelled.")
    ended = run_finish(run_id=run.pk, state=Run.State.CANCELLED, only=(Run.State.QUEUED,), message=str(message)[:255])
    if not ended:
        Run.objects.filter(pk=run.pk, state=Run.State.RUNNING).update(cancel_requested=True, message=_("Stopping …"))
    run.refresh_from_db()
    return run


def run_log_append(*, run_id: int, text: str) -> None:
    """Append to the stored log from outside the run itself; the oldest text gives way."""
    with transaction.atomic():
        run = Run.objects.select_for_update().only("log").filter(pk=run_id).first()
        if run is not None:
            Run.objects.filter(pk=run_id).update(log=log_bounded(run.log + text.rstrip("\n") + "\n"))


def clean_text(text: str) -> str:
    """``text`` as every database takes it: no NUL (PostgreSQL), no lone surrogates (names of files, broken CSV)."""
    return text.replace("\x00", "\N{REPLACEMENT CHARACTER}").encode("utf-8", "replace").decode()


def log_bounded(text: str, limit: int = LOG_LIMIT) -> str:
    """The last ``limit`` characters, cut at a line, with a note where something was cut off. NUL never reaches
    PostgreSQL.
    """
    text = clean_text(text)
    if len(text) <= limit:
        return text
    tail = text[-limit:]
    return "[…]\n" + tail[tail.find("\n") + 1 :]


def runs_reap(*, kind: str | None = None, channel: str | None = None) -> int:
    """Mark dead runs failed, which releases their lock; returns how many.

    Dead: no sign of life for ``RUN_STALE_MINUTES``; or, on this very machine, the process is gone and three heartbeats
    are missing (never by the process id alone: containers may share a host name). All times are the database's, so
    that machines whose clocks differ agree; after a jump of the clock living runs get time to report again.
    """
    running = Run.objects.filter(state=Run.State.RUNNING)
    if kind is not None:
        running = running.filter(kind=kind)
    if channel is not None:
        running = running.filter(channel=channel)
    patience, beats = timedelta(minutes=float(ecomai.RUN_STALE_MINUTES)), timedelta(seconds=3 * HEARTBEAT_SECONDS)
    rows = list(running.annotate(now=database_now()).values_list("pk", "heartbeat_at", "worker", "now"))
    doubtful = bool(rows) and clock_was_set(rows[0][-1])
    count = 0
    for pk, seen, worker, now in rows:
        if seen is not None and abs(now - seen) < beats:
            continue
        silent = seen is None or (now - seen > patience and not _fits_in_silence(worker, seen, now))
        if silent and not doubtful:
            message = _("No sign of life for %(minutes)s minutes: taken for dead. Start it again.") % {
                "minutes": ecomai.RUN_STALE_MINUTES
            }
        elif _is_gone(worker):
            message = _("The process was killed, often for lack of memory. Start it again.")
        elif seen is not None and seen > now:
            # The clock was set back: a dead run would hold its lock until the old time comes again.
            Run.objects.filter(pk=pk, heartbeat_at=seen).update(heartbeat_at=database_now())
            continue
        else:
            continue
        # heartbeat in the condition: a run that woke up in this moment lives on
        alive = Run.objects.filter(pk=pk, heartbeat_at=seen) if seen else Run.objects.filter(pk=pk)
        if alive.exists() and run_finish(run_id=pk, state=Run.State.FAILED, message=message[:255], error=message):
            count += 1
            if _is_gone(worker):
                storage.leftovers_remove(pk)
    return count


def _fits_in_silence(worker: str, seen: datetime, now: datetime) -> bool:
    """On SQLite a job has no heartbeat of its own between two reports; its process, which is on this machine, proves
    life.

    After a day the number may belong to another process.
    """
    here = worker.rpartition(":")[0] == worker_name().rpartition(":")[0]
    return connection.vendor == "sqlite" and here and not _is_gone(worker) and now - seen < timedelta(days=1)


def _is_gone(worker: str) -> bool:
    host, _colon, pid = worker.rpartition(":")
    if host != socket.gethostname()[:100] or not pid.isdigit() or os.name != "posix":
        return False
    try:
        os.kill(int(pid), 0)
    except ProcessLookupError:
        return True
    except (PermissionError, OverflowError):
        return False
    try:
        # A zombie: killed, and nobody reaped it, as in containers whose first process is no init.
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except (OSError, IndexError):
        return False
