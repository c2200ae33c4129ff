"""The demo's forecast and its purchase suggestions: made in child processes while the recommender trains."""

from __future__ import annotations

import threading
import time
from typing import Any

from django.db import connection

from django_ecomai.runs.models import Run
from django_ecomai.runs.services import run_start

FORECAST, REPLENISH = "forecast.train", "inventory.replenish"
KINDS = (FORECAST, REPLENISH)
# Enough to see and to plan with; a shop of one's own uses the defaults.
PARAMETERS: dict[str, dict[str, Any]] = {FORECAST: {"windows": 1, "learned": False, "horizon": 13}, REPLENISH: {}}
_POLL = 0.3


class Beside:
    """The two runs, one after the other, each in a process of its own, watched by a thread."""

    def __init__(self) -> None:
        self.message = ""
        self.thread = threading.Thread(target=self._work, name="demo-planning", daemon=True)
        self.thread.start()

    def _work(self) -> None:
        try:
            for kind in KINDS:
                run = run_start(kind=kind, parameters=PARAMETERS[kind], via="process")
                while run.state in (Run.State.QUEUED, Run.State.RUNNING):
                    self.message = run.message
                    time.sleep(_POLL)
                    run.refresh_from_db()
                if run.state != Run.State.DONE:
                    return  # what it ended as is read by who waits
        finally:
            connection.close()


def is_done(kind: str) -> bool:
    """Whether such a run has ended well before."""
    return Run.objects.filter(kind=kind, state=Run.State.DONE).exists()


def begin() -> Beside | None:
    """Start beside what comes next; ``None`` when it is done, or where a child process could not see our rows."""
    if connection.in_atomic_block or all(is_done(kind) for kind in KINDS):
        return None
    return Beside()
