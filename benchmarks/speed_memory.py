"""How much memory a web worker gains by a model: two forked workers that answer the same visitors, as in production.

What both have mapped is counted once for the machine, not for each; Linux only.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from django_ecomai.ml.recommend.serving import Scorer

from .speed_table import histories


def measure_memory(load: Callable[[], Scorer], requests: int) -> dict[str, float]:
    """Growth in MB of one of two workers, from before ``load`` to after ``requests`` requests.

    ``worker_mb``: what no other process shares (USS) while both live. ``own_mb``: pages that were written, which
    cannot be given back. ``mapped_mb``: pages of the files that this worker has touched; the system shares them and
    drops them when it needs room.
    """
    asked = histories(load(), requests)
    to_child, from_parent = os.pipe(), os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            kept = _serve(load, asked)
            os.write(from_parent[1], b"1")
            os.read(to_child[0], 1)
            os._exit(0 if kept else 1)
        except BaseException:
            os._exit(2)
    before = _smaps()
    kept = _serve(load, asked)
    os.read(from_parent[0], 1)
    after = _smaps()
    os.write(to_child[1], b"1")
    _pid, status = os.waitpid(pid, 0)
    if os.waitstatus_to_exitcode(status) or not kept:
        raise RuntimeError("the other worker failed")

    def grown(*names: str) -> float:
        return round(sum(after[name] - before[name] for name in names) / 1024, 1)

    return {
        "worker_mb": grown("Private_Clean", "Private_Dirty"),
        "own_mb": grown("Private_Dirty"),
        "mapped_mb": grown("Shared_Clean", "Private_Clean"),
    }


def _serve(load: Callable[[], Scorer], asked: list) -> Scorer:
    scorer = load()
    for number, (items, ages) in enumerate(asked):
        scorer.for_history(items, ages_days=ages, exclude=items)
        scorer.trending(category=f"c{number % 1_000:04d}")
        scorer.newest(exclude=items)
    return scorer


def _smaps() -> dict[str, int]:
    """This process's pages in kB by kind."""
    lines = Path("/proc/self/smaps_rollup").read_text(encoding="utf-8").splitlines()[1:]
    return {line.split(":")[0]: int(line.split()[1]) for line in lines}
