"""Jobs of every temper."""

import os
import signal
import sys
import time
from typing import Any

from django.apps import AppConfig


def train(context: Any) -> None:
    """A small real training: least squares by numpy, an artifact, live."""
    import numpy as np

    random = np.random.default_rng(0)
    x, weights = random.normal(size=(500, 8)), np.arange(8, dtype=float)
    context.progress(0.2, "Fitting")
    found, *_rest = np.linalg.lstsq(x, x @ weights, rcond=None)
    artifact = context.artifact_save(
        kind="toy", arrays={"weights": found.round(6)}, manifest={"model": "least squares"}, passed_gate=True
    )
    context.go_live(artifact)
    context.metrics(rows=500, heavy=sorted({"scipy", "sklearn", "pandas"} & set(sys.modules)))


def die(context: Any) -> None:
    """As the kernel does when memory runs out."""
    context.progress(0.5, "About to die")
    sys.stderr.write("last words before the kill\n")
    sys.stderr.flush()
    os.kill(os.getpid(), signal.SIGKILL)


def wait(context: Any) -> None:
    """Goes on until somebody cancels it."""
    for step in range(600):
        context.progress(step / 600, f"Waiting {step}")
        time.sleep(0.1)


class JobsConfig(AppConfig):
    name = "tests.projects.worker.jobs"
    label = "worker_jobs"

    def ready(self) -> None:
        from django_ecomai.core.registry import JobKind, job_kinds

        job_kinds.register("toy.train", JobKind(train, "Toy model", schedule="15 3 * * *"))
        job_kinds.register("toy.die", JobKind(die, "Dies"))
        job_kinds.register("toy.wait", JobKind(wait, "Waits"))
