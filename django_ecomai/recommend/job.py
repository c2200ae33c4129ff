"""The jobs: thin callers; the work is imported when it runs, so that web processes stay light."""

from __future__ import annotations

from typing import Any


def train(context: Any) -> None:
    """Execute the job "recommend.train" in a worker. See ``training.model_train``."""
    from .training import model_train

    model_train(context)


def count_values(context: Any) -> None:
    """Execute the job "recommend.value" in a worker. See ``values.values_count``."""
    from .values import values_count

    values_count(context)


def prefer(context: Any) -> None:
    """Execute the job "recommend.preferences" in a worker. See ``preferences.preferences_compute``."""
    from .preferences import preferences_compute

    preferences_compute(context)
