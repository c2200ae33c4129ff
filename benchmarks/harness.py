"""What the recommendation benchmarks share: one subprocess per model, exact full rankings, one table."""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

#: Dense score cells in memory at once.
CELLS = 20_000_000
#: Scores [rows, n_items] of the test customers at these positions.
ScoreRows = Callable[[NDArray[np.int64]], NDArray[np.floating]]
#: ``(metrics, details)`` of one model.
Outcome = tuple[dict[str, float], dict[str, Any]]


def target_ranks(
    scores: ScoreRows, targets: NDArray[np.int64], masked: sparse.csr_matrix | None, n_items: int
) -> NDArray[np.float64]:
    """Rank of each row's one true item among all unmasked items; ties count at their mean rank."""
    ranks = np.empty(len(targets))
    size = max(1, CELLS // max(n_items, 1))
    for start in range(0, len(targets), size):
        rows = np.arange(start, min(start + size, len(targets)))
        values = np.array(scores(rows), dtype=np.float32)
        truth = values[np.arange(len(rows)), targets[rows]].copy()
        if masked is not None:
            values[masked[rows].nonzero()] = -np.inf
        above = (values > truth[:, None]).sum(axis=1)
        equal = (values == truth[:, None]).sum(axis=1)
        masked_target = ~(values[np.arange(len(rows)), targets[rows]] == truth)
        ranks[rows] = np.where(masked_target, n_items, 1 + above + (equal - 1) / 2)
    return ranks


def hit_metrics(ranks: NDArray[np.float64], k: int) -> dict[str, float]:
    """``hit_rate@k``, ``ndcg@k`` and ``mrr@k`` of one true item each."""
    inside = ranks <= k
    return {
        f"hit_rate@{k}": float(inside.mean()),
        f"ndcg@{k}": float(np.where(inside, 1 / np.log2(1 + ranks), 0).mean()),
        f"mrr@{k}": float(np.where(inside, 1 / ranks, 0).mean()),
    }


def run(
    description: str | None,
    datasets: Sequence[str],
    models: dict[str, bool],
    evaluate: Callable[[str, str, Path], Outcome],
    shown: Sequence[str],
    arguments: list[str] | None = None,
    module: str = "",
    together: bool = False,
    compare: Callable[[list[dict[str, Any]], str, Sequence[str]], str] | None = None,
) -> list[dict[str, Any]]:
    """The command: every model of ``models`` (name -> whether it is ours) in a process of its own, as table and JSON.

    ``evaluate(dataset, model, folder)`` runs in that process. A model that fails is a row with ``error``. With
    ``together`` one process scores all data sets: dataset "all", metrics ``{dataset: metrics}``; a data set that the
    model has nothing to say about is left out. ``compare`` says the line below a data set (default: `ratio`).
    """
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder that holds the data sets")
    parser.add_argument("--json", type=Path, help="write the rows to this file")
    parser.add_argument("--datasets", nargs="*", default=list(datasets), choices=list(datasets))
    parser.add_argument("--models", nargs="*", default=list(models), choices=list(models))
    parser.add_argument("--child", nargs=2, metavar=("DATASET", "MODEL"), help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if options.child:
        print(json.dumps(_child(evaluate, *options.child, options.data)))
        return []
    rows: list[dict[str, Any]] = []
    for process in ["all"] if together else options.datasets:
        for model in options.models:
            command = [sys.executable, "-m", module, "--data", str(options.data), "--child", process, model]
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            for row in _rows(done, options.datasets if together else [process], model, models[model], together):
                rows.append(row)
                print(line(row, shown), flush=True)
            if options.json:
                options.json.write_text(json.dumps(rows, indent=1), encoding="utf-8")
        for dataset in options.datasets if together else [process]:
            print((compare or ratio)(rows, dataset, shown), flush=True)
    return rows


def _rows(
    done: subprocess.CompletedProcess[str], datasets: Sequence[str], model: str, ours: bool, together: bool
) -> list[dict[str, Any]]:
    """What a finished process said, one row per data set."""
    if done.returncode:
        error = (done.stderr.strip().splitlines() or ["no message"])[-1]
        return [{"dataset": name, "model": model, "ours": ours, "metrics": {}, "error": error} for name in datasets]
    said = json.loads(done.stdout.strip().splitlines()[-1])
    if not together:
        return [{"dataset": datasets[0], "model": model, "ours": ours, **said}]
    found = said.pop("metrics")
    known = [name for name in datasets if name in found]
    return [{"dataset": name, "model": model, "ours": ours, **said, "metrics": found[name]} for name in known]


def _child(evaluate: Callable[[str, str, Path], Outcome], dataset: str, model: str, folder: Path) -> dict[str, Any]:
    started = time.perf_counter()
    metrics, details = evaluate(dataset, model, folder)
    used = resource.getrusage(resource.RUSAGE_SELF)
    return {
        "metrics": metrics,
        "cpu_s": round(used.ru_utime + used.ru_stime, 2),
        "wall_s": round(time.perf_counter() - started, 2),
        "peak_mb": round(used.ru_maxrss / 1024, 1),
        **({"details": details} if details else {}),
    }


def line(row: dict[str, Any], shown: Sequence[str]) -> str:
    """One row of the table; `*` marks ours."""
    head = f"{'*' if row['ours'] else ' '} {row['dataset']:22}{row['model']:34}"
    if "error" in row:
        return f"{head} failed: {row['error']}"
    numbers = "".join(f" {name} {row['metrics'][name]:.4f}" for name in shown if name in row["metrics"])
    return f"{head}{numbers}  {row['cpu_s']:7.1f} CPU s {row['peak_mb']:7.0f} MB"


def ratio(rows: list[dict[str, Any]], dataset: str, shown: Sequence[str]) -> str:
    """Ours beside the best peer of the data set."""
    mine = [row for row in rows if row["dataset"] == dataset and row["ours"] and row["metrics"]]
    peers = [row for row in rows if row["dataset"] == dataset and not row["ours"] and row["metrics"]]
    if not mine or not peers:
        return f"  {dataset}: nothing to compare"
    parts = []
    for name in shown:
        best = max(peers, key=lambda row: row["metrics"][name])
        parts.append(f"{name} {mine[0]['metrics'][name] / max(best['metrics'][name], 1e-12):.3f}x {best['model']}")
    return f"  {dataset}: ours is {', '.join(parts)}"
