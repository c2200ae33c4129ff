"""What a training costs as a shop grows: from synced orders and events in the database to the model that serves.

``python -m benchmarks.training_size --data DIR --json FILE [--database postgres://...] [--plot FILE.svg]``

The shop is simulated (seeded, see ``simulated.py``): this measures seconds and memory, not quality. Every size is
loaded into an empty database (not measured), then trained in a process of its own by the job ``recommend.train``; the
last size once more after 1 % more events have come, with the log that the first training kept. The table ends with
the exponent e of ``cost ~ n^e`` fitted over the sizes, and the same of ``n log n``. ``DIR`` takes the database and
the models; nothing is read from it.
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

from .plot import cost_chart
from .simulated import simulate

SIZES = (312_500, 625_000, 1_250_000, 2_500_000, 5_000_000)
#: Events per customer and per product, at every size.
PER_USER, PER_ITEM = 50, 100
#: Share of the events that come after the first training.
LATER = 0.01


def main(arguments: list[str] | None = None) -> list[dict[str, Any]]:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="scratch folder for the database and the models")
    parser.add_argument("--json", type=Path, help="write the rows to this file")
    parser.add_argument("--database", default="sqlite", help="sqlite, or a postgres:// URL of a database to be emptied")
    parser.add_argument("--sizes", type=int, nargs="*", default=list(SIZES), help="numbers of events")
    parser.add_argument("--budget", type=int, help="recipes that are tried at most; default: that of the job")
    parser.add_argument("--plot", type=Path, help="draw the rows as SVG")
    parser.add_argument("--stage", nargs=2, metavar=("STAGE", "EVENTS"), help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if options.stage:
        print(json.dumps(_stage(options, options.stage[0], int(options.stage[1]))))
        return []
    options.data.mkdir(parents=True, exist_ok=True)
    rows: list[dict[str, Any]] = []
    for size in options.sizes:
        for stage in ("load", "train", "later", "again")[: 4 if size == options.sizes[-1] else 2]:
            result = _child(options, stage, size)
            if stage in ("train", "again"):
                rows.append(_row(options, stage, size, result))
                print(_line(rows[-1]), flush=True)
                if options.json:
                    options.json.write_text(json.dumps(rows, indent=1), encoding="utf-8")
    first = [row for row in rows if row["model"] == "first training" and "error" not in row]
    if len(first) > 1:
        print(f"  cpu_s ~ n^{exponent(first, 'cpu_s'):.2f}; n log n would be n^{_n_log_n(first):.2f} over these sizes")
    if options.plot and first:
        options.plot.write_text(cost_chart(first), encoding="utf-8")
    return rows


def exponent(rows: list[dict[str, Any]], cost: str) -> float:
    """e of ``cost ~ events^e`` by least squares in logarithms."""
    events = np.log([row["events"] for row in rows])
    return float(np.polyfit(events, np.log([row[cost] for row in rows]), 1)[0])


def _n_log_n(rows: list[dict[str, Any]]) -> float:
    return exponent([{"events": row["events"], "cost": row["events"] * np.log(row["events"])} for row in rows], "cost")


def _child(options: argparse.Namespace, stage: str, size: int) -> dict[str, Any]:
    command = [sys.executable, "-m", "benchmarks.training_size", "--data", str(options.data)]
    command += ["--database", options.database, "--stage", stage, str(size)]
    command += [] if options.budget is None else ["--budget", str(options.budget)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        return {"error": (done.stderr.strip().splitlines() or ["no message"])[-1]}
    return dict(json.loads(done.stdout.strip().splitlines()[-1]))


def _stage(options: argparse.Namespace, stage: str, size: int) -> dict[str, Any]:
    """One step of a size, in a process of its own: its peak of memory is its own."""
    from . import simulated_database

    simulated_database.configure(options.data, options.database)
    if stage in ("train", "again"):
        result = simulated_database.train(options.budget)
        used = resource.getrusage(resource.RUSAGE_SELF)
        return {
            **result,
            "cpu_s": round(used.ru_utime + used.ru_stime, 1),
            "peak_mb": round(used.ru_maxrss / 1024),
        }
    shop = simulate(size // PER_USER, size // PER_ITEM, size)
    if stage == "load":
        from django_ecomai.events.log_store import log_forget

        simulated_database.load(shop, options.data)
        log_forget()
    else:
        rows = np.flatnonzero(shop.kinds < 2)
        simulated_database.events(shop, rows[-int(len(rows) * LATER) :], salt=1)
    return {}


def _row(options: argparse.Namespace, stage: str, size: int, result: dict[str, Any]) -> dict[str, Any]:
    database = options.database.split(":")[0]
    name = "first training" if stage == "train" else "training again, 1 % more events"
    head = {"dataset": f"simulated, {database}", "model": name, "ours": True, "events": size, "metrics": {}}
    return {**head, "users": size // PER_USER, "items": size // PER_ITEM, **result}


def _line(row: dict[str, Any]) -> str:
    head = f"* {row['dataset']:22}{row['events']:>10,} events {row['users']:>8,} users {row['items']:>7,} items"
    if "error" in row:
        return f"{head} {row['model']} failed: {row['error']}"
    parts = ", ".join(f"{name} {seconds:g}" for name, seconds in row["seconds"].items())
    return (
        f"{head}  {row['model']:32}{row['cpu_s']:7.1f} CPU s {row['wall_s']:7.1f} s {row['peak_mb']:6} MB"
        f"  ({parts}; {row['evaluations']} recipes)"
    )


if __name__ == "__main__":
    main()
