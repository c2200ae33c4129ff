"""Run one claimed run in this process, whoever asked for it."""

from __future__ import annotations

import errno
import logging
import threading
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from typing import Any

from django.db import DatabaseError, InterfaceError, connection, transaction
from django.utils.translation import gettext as _

from django_ecomai.core.registry import job_kinds
from django_ecomai.runs.exceptions import RunCancelled, RunError, RunLost, WorkKept
from django_ecomai.runs.models import Run

from .context import RunContext
from .state import clean_text, log_bounded, run_finish

logger = logging.getLogger("django_ecomai.runs")
Listener = Callable[[float, str], None]


def execute_claimed(run: Run, *, listener: Listener | None = None) -> None:
    """Execute a run that this process has claimed and write how it ended. Only KeyboardInterrupt and SystemExit
    escape.
    """
    context = RunContext(run, listener=listener)
    verdict: WorkKept | None = None
    try:
        # Inside a caller's transaction a database error of the job must not poison it.
        savepoint = transaction.atomic() if connection.in_atomic_block else nullcontext()
        with savepoint, context.alive(), _captured(context):
            try:
                job_kinds.get(run.kind).execute(context)
            except WorkKept as error:  # failed, but past the savepoint: what it has written stays
                verdict = error
    except RunCancelled as error:
        _end(context, Run.State.CANCELLED, str(error))
    except RunLost as error:
        logger.warning("run %s: %s", run.pk, error)
    except (KeyboardInterrupt, SystemExit):
        _end(context, Run.State.FAILED, _("Stopped from outside before it was finished."))
        raise
    except Exception as error:  # the boundary: whatever a job raises becomes its visible outcome
        logger.error("run %s (%s) failed: %s", run.pk, run.kind, error, exc_info=not isinstance(error, RunError))
        _end(context, Run.State.FAILED, _first_line(error), error=traceback.format_exc())
    else:
        if verdict is not None:
            _end(context, Run.State.FAILED, str(verdict), error=str(verdict))
        else:
            _end(context, Run.State.DONE, run.message or _("Finished."))


def _end(context: RunContext, state: str, message: str, error: str = "") -> None:
    values: dict[str, Any] = {"message": clean_text(message)[:255], "error": log_bounded(error, 20_000)}
    if state == Run.State.DONE:
        values["progress"] = 1.0
    try:
        context.flush(**context.state())
        run_finish(run_id=context.run.pk, state=state, **values)
    except RunLost as lost:
        logger.warning("run %s: %s", context.run.pk, lost)
    except (DatabaseError, InterfaceError):
        # The connection may have died with the job (server restart): once more with a fresh one.
        if connection.in_atomic_block:
            raise
        connection.close()
        run_finish(run_id=context.run.pk, state=state, **values)


def _first_line(error: Exception) -> str:
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
        return _("The disk is full, and the job is not finished. Make room and start it again.")
    text = str(error).strip().splitlines()
    line = text[0] if text else ""
    return line if isinstance(error, RunError) and line else f"{type(error).__name__}: {line}".rstrip(": ")


class _RunLogHandler(logging.Handler):
    """Copies this thread's EcomAI warnings and errors into the run's log."""

    def __init__(self, context: RunContext) -> None:
        super().__init__(level=logging.WARNING)
        self.context = context
        self.thread = threading.get_ident()
        self.busy = False

    def emit(self, record: logging.LogRecord) -> None:
        if record.thread != self.thread or self.busy:
            return
        self.busy = True
        try:
            self.context.log(f"{record.levelname.lower()}: {record.getMessage()}")
        except (RunError, DatabaseError, InterfaceError):
            pass  # logging must not end a job; its next progress() will
        finally:
            self.busy = False


@contextmanager
def _captured(context: RunContext) -> Iterator[None]:
    root = logging.getLogger("django_ecomai")
    handler = _RunLogHandler(context)
    root.addHandler(handler)
    try:
        yield
    finally:
        root.removeHandler(handler)
