"""How fast recommendations are served: one visitor's answer over simulated tables, and the whole endpoint.

    python -m benchmarks.recommend_speed --json out.json

Tables of 100,000 and of 1,000,000 items (K = 100) are simulated and memory-mapped; what is served does not depend on
what was learned. Every visitor has 20 items of history and gets 20. Peers score the same history over the same table
(implicit's item-item model, a product of SciPy's sparse rows) or over 64 factors per item (a dense scan, as any
factor model needs). Times are per request: ``p50_ms`` and ``p99_ms`` by the clock, ``cpu_p50_ms`` and ``cpu_p99_ms`` by
the CPU, which a busy machine does not spoil. The endpoint needs PostgreSQL (``--database``); a database of its own is
made there and dropped.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from django_ecomai.ml.recommend.serving import Scorer

from .harness import line
from .speed_ranker import ranked
from .speed_table import HISTORY, SIZES, artifact, histories

REQUESTS = 3_000
WARM_UP = 1_000
#: CPU seconds after which a slow peer has answered enough, if it answered `LEAST` requests.
PATIENCE = 6.0
LEAST = 200
ANSWERS = 20
FACTORS = 64
#: name -> whether it is ours
MODELS = {
    "EcomAI": True,
    "EcomAI, with repeats": True,
    "EcomAI with learned order": True,
    "implicit item-item": False,
    "SciPy sparse rows": False,
    f"dense scan, {FACTORS} factors": False,
    "EcomAI: memory of a worker": True,
    "EcomAI with learned order: memory of a worker": True,
}
Serve = Callable[[Any], Any]


def main(arguments: list[str] | None = None) -> list[dict[str, Any]]:
    """The command; returns the rows."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, help="not needed: the tables are simulated")
    parser.add_argument("--work", type=Path, help="folder that keeps the tables (1.6 GB); default: a temporary one")
    parser.add_argument("--json", type=Path, help="write the rows to this file")
    parser.add_argument("--datasets", nargs="*", default=[*SIZES, "endpoint"], choices=[*SIZES, "endpoint"])
    parser.add_argument("--requests", type=int, default=REQUESTS)
    parser.add_argument("--rounds", type=int, default=5, help="of the endpoint's views in turn")
    parser.add_argument("--seconds", type=float, default=3.0, help="per view and round")
    parser.add_argument("--database", default="postgres://postgres@127.0.0.1:5432/postgres")
    parser.add_argument("--child", nargs=2, metavar=("DATASET", "MODEL"), help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if options.child:
        print(json.dumps(_child(*options.child, options.work, options.requests)))
        return []
    work = options.work or Path(tempfile.mkdtemp(prefix="ecomai-speed-"))
    try:
        rows = _rows(options, work)
    finally:
        if options.work is None:
            shutil.rmtree(work, ignore_errors=True)
    if options.json:
        options.json.write_text(json.dumps(rows, indent=1), encoding="utf-8")
    return rows


def _rows(options: argparse.Namespace, work: Path) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    for dataset in options.datasets:
        if dataset == "endpoint":
            from .speed_endpoint import measure

            found = measure(work / "shop", options.database, rounds=options.rounds, seconds=options.seconds)
        else:
            artifact(work, SIZES[dataset])
            found = [_in_a_process(dataset, model, work, options.requests) for model in MODELS]
        rows += found
        for row in found:
            print(line(row, list(row["metrics"])), flush=True)
    return rows


def _in_a_process(dataset: str, model: str, work: Path, requests: int) -> dict[str, Any]:
    command = [sys.executable, "-m", "benchmarks.recommend_speed", "--work", str(work), "--requests", str(requests)]
    # One thread each: a request of a web worker has one, and what BLAS starts beside it would be taken from others.
    env = {**os.environ, "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
    done = subprocess.run([*command, "--child", dataset, model], env=env, capture_output=True, text=True, check=False)
    row: dict[str, Any] = {"dataset": dataset, "model": model, "ours": MODELS[model], "metrics": {}}
    if done.returncode:
        return {**row, "error": (done.stderr.strip().splitlines() or ["no message"])[-1]}
    return row | json.loads(done.stdout.strip().splitlines()[-1])


def _child(dataset: str, model: str, work: Path, requests: int) -> dict[str, Any]:
    folder = artifact(work, SIZES[dataset])
    if model.endswith("memory of a worker"):
        from .speed_memory import measure_memory

        load: Callable[[], Scorer] = partial(Scorer.load, folder)
        if "learned" in model:
            load = partial(ranked, work, SIZES[dataset])
            load()  # written by now, so that neither of the two workers has to
        metrics = measure_memory(load, requests=2_000)
    else:
        asked, serve = _server(model, work, SIZES[dataset], requests)
        metrics = _timed(serve, asked)
    used = resource.getrusage(resource.RUSAGE_SELF)
    return {
        "metrics": metrics,
        "cpu_s": round(used.ru_utime + used.ru_stime, 2),
        "peak_mb": round(used.ru_maxrss / 1024, 1),
    }


def _timed(serve: Serve, asked: list[Any]) -> dict[str, float]:
    started = time.thread_time()
    for one in asked[:WARM_UP]:
        serve(one)
        if time.thread_time() - started > PATIENCE:
            break
    clock, cpu = [], []
    for one in asked:
        if sum(cpu) > PATIENCE * 1e9 and len(cpu) >= LEAST:
            break
        started, used = time.perf_counter_ns(), time.thread_time_ns()
        serve(one)
        cpu.append(time.thread_time_ns() - used)
        clock.append(time.perf_counter_ns() - started)
    return {
        f"{prefix}p{percent}_ms": round(float(np.percentile(times, percent)) / 1e6, 4)
        for prefix, times in (("", clock), ("cpu_", cpu))
        for percent in (50, 99)
    }


def _server(model: str, work: Path, n_items: int, requests: int) -> tuple[list[Any], Serve]:
    """The requests in the shape that the model takes, and the function that answers one."""
    scorer = ranked(work, n_items) if "learned" in model else Scorer.load(artifact(work, n_items))
    asked = histories(scorer, requests)
    if model in ("EcomAI", "EcomAI with learned order"):
        return asked, lambda one: scorer.for_history(one[0], ages_days=one[1], n=ANSWERS, exclude=one[0])
    if model == "EcomAI, with repeats":
        return asked, lambda one: scorer.for_customer(one[0], ages_days=one[1], n=ANSWERS)
    random = np.random.default_rng(0)
    weights = np.ones(HISTORY)
    if model.startswith("dense"):
        factors = random.normal(size=(scorer.n_items, FACTORS)).astype(np.float32)

        def scan(one: Any) -> Any:
            scores = factors @ factors[one[0]].mean(axis=0)
            scores[one[0]] = -np.inf
            best = np.argpartition(-scores, ANSWERS)[:ANSWERS]
            return best[np.argsort(-scores[best])]

        return asked, scan
    from scipy import sparse

    table = scorer._neighbours
    keep = table.indices >= 0
    starts = np.concatenate(([0], np.cumsum(keep.sum(axis=1))))
    matrix = sparse.csr_matrix((table.scores[keep], table.indices[keep], starts), shape=(scorer.n_items,) * 2)
    rows = [
        sparse.csr_matrix((weights[: len(one[0])], (np.zeros(len(one[0]), dtype=np.int32), one[0])),
                          shape=(1, scorer.n_items))
        for one in asked
    ]  # fmt: skip
    if model == "SciPy sparse rows":

        def product(row: Any) -> Any:
            scores = row @ matrix
            scores = scores.tocsr()
            known = np.isin(scores.indices, row.indices)
            values = np.where(known, -np.inf, scores.data)
            best = np.argpartition(-values, min(ANSWERS, len(values) - 1))[:ANSWERS]
            return scores.indices[best[np.argsort(-values[best])]]

        return rows, product
    from implicit.nearest_neighbours import ItemItemRecommender, NearestNeighboursScorer

    peer = ItemItemRecommender(K=table.indices.shape[1], num_threads=1)
    peer.similarity = matrix.astype(np.float64)
    peer.scorer = NearestNeighboursScorer(peer.similarity)
    return rows, lambda row: peer.recommend(0, row, N=ANSWERS, filter_already_liked_items=True)


if __name__ == "__main__":
    main()
