"""Small jobs and artifacts that the tests of ``runs`` share."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from django_ecomai.core.registry import JobKind, job_kinds
from django_ecomai.runs.models import Artifact, LiveArtifact
from django_ecomai.runs.services import RunContext, artifact_save


@contextmanager
def job(execute: Callable[[RunContext], None], *, name: str = "test.job", **values: Any) -> Iterator[str]:
    """A job kind that exists inside the block."""
    job_kinds.register(name, JobKind(execute=execute, label=f"Job {name}", **values))
    try:
        yield name
    finally:
        job_kinds.unregister(name)


def save(value: float = 1.0, *, kind: str = "toy", channel: str = "", **values: Any) -> Artifact:
    """A small model that passed the gate; ``value`` makes it distinguishable."""
    return artifact_save(
        kind=kind,
        channel=channel,
        arrays={"weights": np.full(4, value, dtype=np.float32)},
        manifest={"model": "toy", "value": value},
        **{"passed_gate": True, **values},
    )


def live_artifact(kind: str = "toy", channel: str = "") -> Artifact | None:
    """The model that serves."""
    live = LiveArtifact.objects.select_related("artifact").filter(kind=kind, channel=channel).first()
    return live.artifact if live else None
