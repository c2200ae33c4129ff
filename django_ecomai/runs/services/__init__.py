"""Writes of the capability ``runs``: start, execute, cancel; artifacts, live pointer, gate; pruning, heartbeats."""

from __future__ import annotations

from .artifacts import artifact_go_live, artifact_rollback, artifact_save, artifact_withdraw, artifacts_purge
from .context import RunContext
from .dispatch import run_execute, run_now, run_scheduled, run_start, runs_execute_queued, runs_start_due, runs_tend
from .gate import GateVerdict, gate_decide
from .heartbeats import heartbeat_beat
from .prune import artifacts_prune, heartbeats_prune, prune_all, runs_prune
from .state import run_cancel, run_create, runs_reap

__all__ = [
    "GateVerdict",
    "RunContext",
    "artifact_go_live",
    "artifact_rollback",
    "artifact_save",
    "artifact_withdraw",
    "artifacts_prune",
    "artifacts_purge",
    "gate_decide",
    "heartbeat_beat",
    "heartbeats_prune",
    "prune_all",
    "run_cancel",
    "run_create",
    "run_execute",
    "run_now",
    "run_scheduled",
    "run_start",
    "runs_execute_queued",
    "runs_prune",
    "runs_reap",
    "runs_start_due",
    "runs_tend",
]
