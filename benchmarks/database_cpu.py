"""CPU seconds of PostgreSQL on the same machine: of the processes that serve one database, parallel workers too."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

#: Seconds between two looks: what a process does after the last one it is seen in is not counted.
EVERY = 0.5
_QUERY = "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"


@contextmanager
def database_cpu() -> Iterator[dict[str, float]]:
    """A dict whose ``seconds`` hold, afterwards, what PostgreSQL spent meanwhile; NaN where its processes cannot be
    seen (another machine, another container)."""
    from django.db import connection

    found = {"seconds": float("nan")}
    if connection.vendor != "postgresql":
        yield found
        return
    first: dict[int, float] = {}
    last: dict[int, float] = {}
    begun, ended = threading.Event(), threading.Event()

    def look(cursor: Any) -> None:
        cursor.execute(_QUERY)
        for (pid,) in cursor.fetchall():
            spent = _seconds(pid)
            if spent is not None:
                # who comes later than the first look has spent nothing before
                first.setdefault(pid, 0.0 if begun.is_set() else spent)
                last[pid] = spent

    def watch() -> None:
        try:
            with connection.cursor() as cursor:  # this thread has a connection of its own
                look(cursor)
                begun.set()
                while not ended.wait(EVERY):
                    look(cursor)
                look(cursor)
        finally:
            begun.set()
            connection.close()

    connection.ensure_connection()
    thread = threading.Thread(target=watch, name="database-cpu", daemon=True)
    thread.start()
    begun.wait()
    try:
        yield found
    finally:
        ended.set()
        thread.join()
        if last:
            found["seconds"] = sum(spent - first[pid] for pid, spent in last.items())


def _seconds(pid: int) -> float | None:
    """User and system time of a process, ``None`` where it is not there."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    except OSError:
        return None
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
