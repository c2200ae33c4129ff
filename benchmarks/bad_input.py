"""What bad input costs: `python -m benchmarks.bad_input --json FILE`. Simulated (seeded, see ``simulated.py``).

Half of the events of a simulated shop are of one bad kind; the other half is usual. Each kind and size is settled
(`feedback.settle`) and built (`build`, a blend of cosine and sequential rules) in a process of its own. The last column
is the exponent e of ``CPU ~ n^e`` over the sizes: 1 is linear. No kind may cost more than the usual events by an order
of magnitude, and none may grow faster than they do.

- ``bot``: one visitor looks at everything, over and over. ``regular``: one customer buys over and over.
- ``toggler``: visitors who look at one product, put it into the cart and out again, over and over.
- ``everybody``: one product that every customer bought. ``twice``: every event came twice.
- ``one moment``: all events of one second. ``huge``: weights that overflow a float32, and NaN.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from django_ecomai.ml.frames import IdMap
from django_ecomai.ml.recommend.build import build
from django_ecomai.ml.recommend.feedback import settle
from django_ecomai.ml.recommend.recipe import Recipe, Source

from .simulated import SimulatedShop, simulate

SIZES = (200_000, 400_000, 800_000)
KINDS = ("usual", "bot", "regular", "toggler", "everybody", "twice", "one moment", "huge")
RECIPE = Recipe(sources=(Source("cosine"), Source("sequential")), neighbours=100)
#: Events per customer and per product of the usual half.
PER_USER, PER_ITEM = 25, 50
#: Events of one toggler.
TOGGLES = 10_000

Columns = tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]]


def events(kind: str, size: int) -> tuple[Columns, int, int]:
    """``(users, items, times, weights)`` of about ``size`` events, and how many users and items there are."""
    half = size // 2
    n_users, n_items = max(half // PER_USER, 2), max(half // PER_ITEM, 2)
    usual = _columns(simulate(n_users, n_items, half))
    draw = np.random.default_rng(1)
    users, items, times, weights = usual
    extra = len(users)
    bad: tuple[NDArray[Any], ...]
    if kind == "usual":
        bad = _columns(simulate(n_users, n_items, half, seed=2))
    elif kind in ("bot", "regular"):
        weight = 0.1 if kind == "bot" else 1.0
        bad = (np.full(extra, n_users), np.arange(extra) % n_items, np.sort(times), np.full(extra, weight))
    elif kind == "toggler":
        steps = np.array([0.1, 0.1, 0.5, -0.5])
        who = n_users + np.arange(extra) // TOGGLES
        bad = (who, who % n_items, np.sort(times), steps[np.arange(extra) % 4])
    elif kind == "everybody":
        bad = (np.arange(extra) % n_users, np.zeros(extra), times, np.ones(extra))
    elif kind == "twice":
        bad = usual
    elif kind == "one moment":
        bad = (draw.permutation(users), items, times, weights)
    else:
        bad = (users, items, times, draw.choice([np.nan, np.inf, 1e39, 1.0], extra))
    columns = [np.concatenate([one, np.asarray(other)]) for one, other in zip(usual, bad, strict=True)]
    if kind == "one moment":
        columns[2] = np.full(len(columns[2]), int(times[0]))
    whole = (columns[0].astype(np.int64), columns[1].astype(np.int64), columns[2].astype(np.int64))
    return (*whole, columns[3].astype(np.float64)), int(whole[0].max()) + 1, n_items


def _columns(shop: SimulatedShop) -> Columns:
    weights = np.array([0.1, 0.5, 1.0])[shop.kinds]
    return shop.users.astype(np.int64), shop.items.astype(np.int64), shop.times // 1000, weights


def measure(kind: str, size: int) -> dict[str, Any]:
    """CPU seconds of settling and of building, and the peak of the process in MB."""
    (users, items, times, weights), n_users, n_items = events(kind, size)
    began = _cpu()
    found = settle(users, items, times, weights, n_users=n_users, n_items=n_items)
    settled = _cpu()
    build(RECIPE, found.liked, item_ids=IdMap.from_ids(f"i{n}" for n in range(n_items)), refused=found.refused)
    done = _cpu()
    return {
        "dataset": kind,
        "model": "settle and build",
        "ours": True,
        "events": len(users),
        "metrics": {
            "liked": len(found.liked),
            "settle_s": round(settled - began, 2),
            "build_s": round(done - settled, 2),
        },
        "cpu_s": round(done - began, 2),
        "peak_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, 1),
    }


def exponent(rows: list[dict[str, Any]]) -> float:
    """e of ``cpu_s ~ events^e``, least squares in logarithms; NaN for fewer than two sizes."""
    if len(rows) < 2:
        return float("nan")
    sizes, costs = ([max(float(row[name]), 0.01) for row in rows] for name in ("events", "cpu_s"))
    return float(np.polyfit(np.log(sizes), np.log(costs), 1)[0])


def _cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def main(arguments: list[str] | None = None) -> list[dict[str, Any]]:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", type=Path, help="write the rows to this file")
    parser.add_argument("--sizes", type=int, nargs="*", default=list(SIZES), help="numbers of events")
    parser.add_argument("--kinds", nargs="*", default=list(KINDS), choices=list(KINDS))
    parser.add_argument("--child", nargs=2, metavar=("KIND", "SIZE"), help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if options.child:
        print(json.dumps(measure(options.child[0], int(options.child[1]))))
        return []
    rows: list[dict[str, Any]] = []
    for kind in options.kinds:
        for size in options.sizes:
            command = [sys.executable, "-m", "benchmarks.bad_input", "--child", kind, str(size)]
            done = subprocess.run(command, capture_output=True, text=True, check=True)
            rows.append(json.loads(done.stdout.strip().splitlines()[-1]))
        mine = [row for row in rows if row["dataset"] == kind]
        costs = "  ".join(f"{row['events']:>9,}: {row['cpu_s']:6.2f} CPU s {row['peak_mb']:5.0f} MB" for row in mine)
        print(f"{kind:11} {costs}  e = {exponent(mine):.2f}", flush=True)
    if options.json:
        options.json.write_text(json.dumps(rows, indent=1), encoding="utf-8")
    return rows


if __name__ == "__main__":
    main()
