"""What serving session neighbours would cost: `python -m benchmarks.speed_sessions --json FILE`. Simulated.

One visitor's 20 answers by VMIS-kNN over memory-mapped arrays with numpy alone: the latest ``sample`` visits of each
item of the visit, the ``neighbours`` most alike of them, and their items. 1,000,000 visits of 2 to 30 items out of
100,000 (popularity falls as rank to -.8, lengths geometric, seed 0). CPU milliseconds of the thread, the best of three:
other work on the machine disturbs them least. A visitor's answer of today stands in `benchmarks.recommend_speed`; this
would come on top, as the session neighbours are blended with the tables.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

#: Visits looked at per item and neighbours kept: what the automatic choice tries first, and cheaper ones.
SETTINGS = ((1000, 500), (500, 100), (100, 100))
LENGTHS = (3, 5, 20)
_BITS = 6  # places of a visit's items fit into so many


class Visits:
    """Visits as mapped arrays: the items of each, and for each item its visits, the newest last."""

    def __init__(self, folder: Path, *, items: int, visits: int, random_state: int = 0) -> None:
        rng = np.random.default_rng(random_state)
        chance = 1 / np.arange(1, items + 1) ** 0.8
        self.cumulated = np.cumsum(chance / chance.sum())
        length = rng.geometric(0.2, visits).clip(2, 30)
        met = np.searchsorted(self.cumulated, rng.random(int(length.sum()))).astype(np.int32).clip(0, items - 1)
        owner = np.repeat(np.arange(visits, dtype=np.int32), length)
        order = np.lexsort((owner, met))
        first = np.searchsorted(met[order], np.arange(items + 1))
        arrays = {"met": met, "bounds": np.r_[0, np.cumsum(length)], "visits": owner[order], "first": first}
        for name, array in arrays.items():
            np.save(folder / f"{name}.npy", array)
        self.met, self.bounds, self.visits, self.first = (
            np.asarray(np.load(folder / f"{name}.npy", mmap_mode="r")) for name in arrays
        )
        self.rarity = np.log((visits + 1) / np.maximum(np.diff(first), 1)).astype(np.float32)
        self.rng = rng

    def history(self, length: int) -> NDArray[np.int64]:
        """Different items, the newest first."""
        found = np.searchsorted(self.cumulated, self.rng.random(length)).clip(0, len(self.rarity) - 1)
        return np.unique(found)[::-1]

    def answer(self, history: NDArray[np.int64], *, sample: int, neighbours: int, n: int = 20) -> NDArray[np.int64]:
        """The ``n`` best items by the neighbours' votes."""
        weight = 1 - np.arange(len(history)) / len(history)
        parts = [self.visits[max(self.first[i], self.first[i + 1] - sample) : self.first[i + 1]] for i in history]
        place = np.repeat(np.arange(len(history)), [len(part) for part in parts])
        key = (np.concatenate(parts).astype(np.int64) << _BITS) | place
        key.sort()
        place = key & ((1 << _BITS) - 1)
        starts = _starts(key >> _BITS)
        if not len(starts):
            return np.empty(0, dtype=np.int64)
        likeness, newest, visit = np.add.reduceat(weight[place], starts), place[starts], (key >> _BITS)[starts]
        if len(visit) > neighbours:
            near = np.argpartition(-likeness, neighbours)[:neighbours]
            likeness, newest, visit = likeness[near], newest[near], visit[near]
        voice = likeness * np.maximum(1 - newest / 10, 0)
        begin = self.bounds[visit]
        count = self.bounds[visit + 1] - begin
        cells = np.repeat(begin - np.r_[0, np.cumsum(count)[:-1]], count) + np.arange(count.sum())
        item = self.met[cells].astype(np.int64)
        vote = np.repeat(voice, count) * self.rarity[item]
        order = np.argsort(item, kind="stable")
        starts = _starts(item[order])
        total = np.add.reduceat(vote[order], starts)
        best = np.argsort(-total, kind="stable")[:n]
        return np.asarray(item[order][starts][best])


def _starts(ordered: NDArray[np.integer]) -> NDArray[np.int64]:
    """Where each value of an ordered array begins."""
    return np.flatnonzero(np.r_[True, ordered[1:] != ordered[:-1]]) if len(ordered) else np.empty(0, dtype=np.int64)


def measure(visits: Visits, requests: int) -> list[dict[str, Any]]:
    """A row per length of the visit and setting: CPU milliseconds, median and 99th percentile."""
    rows = []
    for length in LENGTHS:
        for sample, neighbours in SETTINGS:
            asked = [visits.history(length) for _ in range(requests)]
            for history in asked:  # pages are read once
                visits.answer(history, sample=sample, neighbours=neighbours)
            times = []
            for history in asked:
                best = np.inf
                for _ in range(3):
                    began = time.thread_time()
                    visits.answer(history, sample=sample, neighbours=neighbours)
                    best = min(best, time.thread_time() - began)
                times.append(1000 * best)
            p50, p99 = (round(float(np.percentile(times, q)), 3) for q in (50, 99))
            setting = {"visit": length, "sample": sample, "neighbours": neighbours}
            rows.append({"dataset": "100k", "model": "VMIS-kNN, numpy", "ours": False, **setting,
                         "metrics": {"p50_ms": p50, "p99_ms": p99}})  # fmt: skip
    return rows


def main(arguments: list[str] | None = None) -> list[dict[str, Any]]:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", type=Path, help="write the rows to this file")
    parser.add_argument("--items", type=int, default=100_000)
    parser.add_argument("--visits", type=int, default=1_000_000)
    parser.add_argument("--requests", type=int, default=400)
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as folder:
        rows = measure(Visits(Path(folder), items=options.items, visits=options.visits), options.requests)
    for row in rows:
        said = f"{row['visit']:2d} items, {row['sample']:4d} visits of each, {row['neighbours']:3d} neighbours"
        print(f"{said}: CPU ms p50 {row['metrics']['p50_ms']:.2f}, p99 {row['metrics']['p99_ms']:.2f}")
    if options.json:
        options.json.write_text(json.dumps(rows, indent=1), encoding="utf-8")
    return rows


if __name__ == "__main__":
    main()
