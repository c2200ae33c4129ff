"""What can go wrong with runs and artifacts, named."""

from __future__ import annotations


class RunError(Exception):
    """Base of the errors of this capability; the message is written for the merchant."""


class RunCancelled(RunError):
    """The merchant asked to stop: raised inside a job at its next sign of life."""


class WorkKept(RunError):
    """The run failed, so that somebody looks, but what it has written is right and must stay."""


class RunLost(RunError):
    """The run is not ours any more: it was taken for dead and marked failed, or its row was deleted."""


class GateNotPassed(RunError):
    """An artifact that lost against the model in use was asked to go live."""


class NothingToRollBack(RunError):
    """No earlier model is there to put live."""
