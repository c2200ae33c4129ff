"""What a job sees of its run: progress, log, results, artifacts, and whether it should stop."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from typing import Any

from django.db import DatabaseError, InterfaceError, OperationalError, connection
from django.utils.translation import gettext as _

from django_ecomai.runs.exceptions import RunCancelled, RunLost
from django_ecomai.runs.models import Artifact, LiveArtifact, Run

from .gate import GateVerdict
from .state import HEARTBEAT_SECONDS, clean_text, database_now, log_bounded

logger = logging.getLogger("django_ecomai.runs")
WRITE_SECONDS = 0.5
NEWS_SECONDS = 0.1
TICK_SECONDS = 1.0


class RunContext:
    """Handed to ``JobKind.execute(context)``. All methods may be called often: writes are throttled."""

    def __init__(self, run: Run, *, listener: Callable[[float, str], None] | None = None) -> None:
        self.run = run
        self.channel: str = run.channel
        self.parameters: dict[str, Any] = dict(run.parameters or {})
        self._listener = listener
        self._lock = threading.Lock()
        self._pending: dict[str, Any] = {}
        self._log = run.log
        self._written = 0.0
        self._checked = time.monotonic()
        self._stop: RunCancelled | RunLost | None = None
        self._depth = len(connection.atomic_blocks)

    # -- what jobs call

    def progress(self, fraction: float, message: str = "") -> None:
        """Report ``fraction`` done (0..1; values outside are clipped). Raises ``RunCancelled`` when asked to stop."""
        value = min(1.0, max(0.0, float(fraction)))
        value = 0.0 if value != value else value  # NaN
        text = clean_text(str(message))[:255] if message else self.run.message
        is_news = text != self.run.message
        with self._lock:
            self._pending |= {"progress": value, "message": text}
            self.run.progress, self.run.message = value, text
        if self._listener is not None:
            self._listener(value, text)
        # What is going on must be read before the long step begins, not after it.
        self._write_throttled(NEWS_SECONDS if is_news else WRITE_SECONDS)

    def part(self, start: float, end: float) -> Callable[..., None]:
        """A ``progress(fraction, message="")`` that fills the span from ``start`` to ``end`` of this run."""

        def report(fraction: float, message: str = "") -> None:
            self.progress(start + (end - start) * min(1.0, max(0.0, float(fraction))), message)

        return report

    def log(self, text: str) -> None:
        """Add a line to the run's log; the log is bounded, the oldest lines give way."""
        with self._lock:
            self._log = log_bounded(f"{self._log}{time.strftime('%H:%M:%S')} {text}\n")
            self._pending["log"] = self._log
        self._write_throttled()

    def metrics(self, **values: Any) -> None:
        """Merge JSON values into ``Run.metrics``, e.g. ``evaluation=[{"model", "ours", "split", "metrics"}, …]``."""
        with self._lock:
            self.run.metrics = {**(self.run.metrics or {}), **json_safe(values)}
            self._pending["metrics"] = self.run.metrics
        self._write_throttled()

    def gate(self, verdict: GateVerdict) -> bool:
        """Keep the verdict of the quality gate with the run, say it in the log, and return whether it passed."""
        self.metrics(gate=verdict.as_dict())
        self.log(verdict.reason)
        return verdict.passed

    def check_cancelled(self) -> None:
        """Raise ``RunCancelled`` (or ``RunLost``) when the run should stop; asks the database at most once a second."""
        now = time.monotonic()
        if self._stop is None and now - self._checked >= 1.0:
            self._checked = now
            self._look()
        if self._stop is not None:
            raise self._stop

    def artifact_save(
        self,
        *,
        kind: str,
        arrays: Mapping[str, Any],
        manifest: Mapping[str, Any],
        metrics: dict[str, Any] | None = None,
        data_until: datetime | None = None,
        passed_gate: bool = False,
    ) -> Artifact:
        """Write a model to disk and register it; it is not live yet. See ``services.artifact_save``."""
        from .artifacts import artifact_save

        return artifact_save(
            kind=kind,
            channel=self.channel,
            arrays=arrays,
            manifest=manifest,
            metrics=metrics,
            data_until=data_until,
            passed_gate=passed_gate,
            run=self.run,
        )

    def go_live(self, artifact: Artifact, *, force: bool = False) -> LiveArtifact:
        """Let ``artifact`` serve. ``force`` (or a run started with ``no_gate``) goes live without having passed the
        gate.
        """
        from .artifacts import artifact_go_live

        live = artifact_go_live(
            artifact=artifact, user=self.run.started_by, force=force or bool(self.parameters.get("no_gate"))
        )
        self.log(_("Now live: %(artifact)s") % {"artifact": artifact})
        return live

    # -- what the executor calls

    def flush(self, **values: Any) -> None:
        """Write everything pending, with ``values`` on top. Raises ``RunLost`` when the run is not ours any more."""
        with self._lock:
            pending, self._pending = {**self._pending, **values}, {}
        self._written = time.monotonic()
        if not self._update(pending):
            self._look()
            if isinstance(self._stop, RunLost):
                raise self._stop

    def state(self) -> dict[str, Any]:
        """All that was reported so far: the last word, should a rolled back transaction have taken earlier writes
        along.
        """
        return {
            "progress": self.run.progress,
            "message": self.run.message,
            "metrics": self.run.metrics,
            "log": self._log,
        }

    @contextmanager
    def alive(self) -> Iterator[None]:
        """Beat and flush from a thread with its own connection, so that a long fit or transaction still shows life."""
        self._depth = len(connection.atomic_blocks)
        if connection.vendor == "sqlite":
            # There a second writer makes a job fail that streams rows and writes. Its process proves life instead.
            yield
            return
        stop = threading.Event()
        thread = threading.Thread(target=self._keep_alive, args=(stop,), name="ecomai-run", daemon=True)
        thread.start()
        try:
            yield
        finally:
            stop.set()
            thread.join(timeout=5)

    def _keep_alive(self, stop: threading.Event) -> None:
        beat = time.monotonic()
        try:
            while not stop.wait(TICK_SECONDS):
                with self._lock:
                    pending, self._pending = self._pending, {}
                due = time.monotonic() - beat >= HEARTBEAT_SECONDS
                if not pending and not due:
                    continue
                try:
                    self._update(pending)
                    self._look()
                    beat = time.monotonic()
                except (DatabaseError, InterfaceError) as error:
                    # A writer holds the database (SQLite) or it restarts: the next tick tries again.
                    logger.debug("run %s: heartbeat not written: %s", self.run.pk, error)
                    with self._lock:
                        self._pending = {**pending, **self._pending}
                    connection.close()
        finally:
            connection.close()

    def _write_throttled(self, seconds: float = 0.0) -> None:
        if self._stop is not None:
            raise self._stop
        # Inside a transaction of the job the row would stay locked and invisible until its end: leave it to the thread.
        if len(connection.atomic_blocks) > self._depth or time.monotonic() - self._written < (seconds or WRITE_SECONDS):
            return
        with self._lock:
            pending = dict(self._pending)
        try:
            self.flush()
        except OperationalError as error:
            # SQLite cannot write on a connection whose streaming read began before another's write: the next call may.
            logger.debug("run %s: progress left for later: %s", self.run.pk, error)
            with self._lock:
                self._pending = {**pending, **self._pending}
            return
        self.check_cancelled()

    def _update(self, values: dict[str, Any]) -> int:
        return Run.objects.filter(pk=self.run.pk, state=Run.State.RUNNING).update(heartbeat_at=database_now(), **values)

    def _look(self) -> None:
        row = Run.objects.filter(pk=self.run.pk).values_list("state", "cancel_requested").first()
        if row is None:
            # Not visible from another connection is no proof: the row may be part of an open transaction.
            if not connection.in_atomic_block and threading.current_thread().name != "ecomai-run":
                self._stop = RunLost(_("The run was deleted while it ran."))
        elif row[0] != Run.State.RUNNING:
            self._stop = RunLost(_("The run was ended by somebody else: %(state)s.") % {"state": row[0]})
        elif row[1]:
            self._stop = RunCancelled(_("Cancelled."))


def json_safe(value: Any) -> Any:
    """``value`` with numpy scalars and arrays as plain numbers and lists, and NaN or infinity as ``None`` (JSON has
    neither).
    """
    if isinstance(value, Mapping):
        return {clean_text(str(key)): json_safe(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [json_safe(item) for item in value]
    if hasattr(value, "tolist") and not isinstance(value, str | bytes):
        return json_safe(value.tolist())
    if isinstance(value, float):
        return value if abs(value) != float("inf") and value == value else None
    if isinstance(value, str):
        return clean_text(value)
    if value is None or isinstance(value, bool | int):
        return value
    if isinstance(value, datetime):
        return value.isoformat()
    return clean_text(str(value))
