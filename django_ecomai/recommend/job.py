"""The job "recommend.train": a thin caller; the work is imported when it runs, so that web processes stay light."""

from __future__ import annotations

from typing import Any


def train(context: Any) -> None:
    """Execute the job in a worker. See ``training.model_train``."""
    from .training import model_train

    model_train(context)
