"""Demand forecasts against named peers: ``python -m benchmarks.forecast --data DIR --json FILE``.

Data sets: see `benchmarks.forecast_data`. Peers (statsforecast, mlforecast + LightGBM, Prophet) run with
``--peer-python PATH``, the interpreter of an environment with ``pip install django-ecomai[bench-forecast]``
(statsforecast needs pandas < 3); without it, or with ``--no-peers``, ours stands beside the trivial forecasts only.
One process per model and origin; it gets files that hold nothing of the test part. ``--validate`` asks one horizon
earlier: everything that was chosen, was chosen there. ``--sample N`` takes N series. ``--slow-sample N`` gives the
slow peers (`SLOW`) a sample of N series of every origin, Prophet never gets more than `PROPHET` of the last origin;
ours learns from all series as ever, and how it does on these very series stands beside them in a row of its own.
``--rows FILE ...`` takes the rows of models that ran before from there instead of running them again: slow peers do
not change with our engine.

RMSSE, WRMSSE (mean over the levels, weighted by volume), WAPE, bias, MASE, scaled pinball loss over 20 probabilities,
coverage of the 80 and 95 % intervals, ``pit_80`` (share of the randomised PIT between .1 and .9: what coverage means
for counts), each also per class of demand.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from benchmarks.forecast_data import BEFORE, LEVELS, READERS, Cut
from benchmarks.forecast_peers import MODELS as PEERS
from django_ecomai.ml.forecast.demand import CLASSES, classify
from django_ecomai.ml.forecast.metrics import (
    coverage,
    interval_quantiles,
    naive_scales,
    pinball,
    point_metrics,
    randomised_pit,
    rmsse_per_series,
)

OURS = "EcomAI (automatic blend)"
TRIVIAL = ("all zero", "moving average", "seasonal naive (ours)")
#: Series that Prophet gets at most: it takes seconds for each.
PROPHET = 100
#: Peers that may be given a sample.
SLOW = ("DynamicOptimizedTheta", "AutoTheta", "AutoETS", "AutoCES")
SHOWN = ("rmsse", "wrmsse", "wape", "bias", "pinball", "coverage_80", "coverage_95", "pit_80")
PROBABILITIES = interval_quantiles(LEVELS)


def main(arguments: list[str] | None = None) -> list[dict[str, Any]]:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder that holds the data sets")
    parser.add_argument("--json", type=Path, help="write the rows to this file")
    parser.add_argument("--sets", nargs="*", default=list(READERS), choices=list(READERS))
    parser.add_argument("--models", nargs="*", default=[OURS, *TRIVIAL, *PEERS], choices=[OURS, *TRIVIAL, *PEERS])
    parser.add_argument("--peers", action=argparse.BooleanOptionalAction, default=True)
    parser.add_argument("--peer-python", default=sys.executable, help="interpreter that has the peers")
    parser.add_argument("--sample", type=int, help="series per data set")
    parser.add_argument("--slow-sample", type=int, help="series of a data set that slow peers get")
    parser.add_argument("--rows", type=Path, nargs="*", default=[], help="JSON files of earlier runs on the same data")
    parser.add_argument("--validate", action="store_true", help="ask one horizon earlier, where looking is free")
    options = parser.parse_args(arguments)
    rows: list[dict[str, Any]] = []
    earlier = [row for file in options.rows for row in json.loads(file.read_text(encoding="utf-8"))]
    known = {(row["dataset"], row["model"]): row for row in earlier if "error" not in row}
    for dataset in options.sets:
        cuts: list[Cut] = []
        for model in options.models:
            if model in PEERS and not options.peers:
                continue
            python = options.peer_python if model in PEERS else sys.executable
            if (dataset, model) not in known:
                cuts = cuts or _cuts(dataset, options)
            rows.append(known.get((dataset, model)) or _row(dataset, model, cuts, python, options.slow_sample))
            print(line(rows[-1]), flush=True)
            for beside in on_samples(rows[-1]):
                print(line(beside), flush=True)
            if options.json:
                options.json.write_text(json.dumps(rows, indent=1), encoding="utf-8")
        print(ratio(rows, dataset), flush=True)
    return rows


def _cuts(dataset: str, options: argparse.Namespace) -> list[Cut]:
    cuts = READERS[dataset](options.data)
    if options.validate:
        cuts = [cut.validation(BEFORE.get(dataset, 1)) for cut in cuts]
    return [cut.sampled(options.sample) for cut in cuts] if options.sample else cuts


def _row(dataset: str, model: str, cuts: list[Cut], python: str, slow_sample: int | None = None) -> dict[str, Any]:
    """All origins of one model; a model that fails is a row with ``error``. Ours holds in ``details.samples`` how it
    does on the series that only some get."""
    head = {"dataset": dataset, "model": model, "ours": model == OURS}
    whole = cuts
    if model == "Prophet":
        cuts = [cut.sampled(PROPHET) for cut in cuts[-1:]]
    elif model in SLOW and slow_sample:
        cuts = [cut.sampled(slow_sample) for cut in cuts]
    parts, cpu, peak, series = [], 0.0, 0.0, 0
    samples: dict[str, list[dict[str, float]]] = {}
    for cut in cuts:
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            ids = _write(cut, folder)
            module = "benchmarks.forecast_peers" if model in PEERS else "benchmarks.forecast_ours"
            before = resource.getrusage(resource.RUSAGE_CHILDREN)
            command = [python, "-m", module, str(folder), model]
            environment = {**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "NIXTLA_ID_AS_COL": "1"}
            done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
            after = resource.getrusage(resource.RUSAGE_CHILDREN)
            if done.returncode:
                return {**head, "metrics": {}, "error": (done.stderr.strip().splitlines() or ["no message"])[-1]}
            cpu += after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
            peak = max(peak, float((folder / "peak").read_text()) if (folder / "peak").exists() else 0.0)
            out = np.load(folder / "out.npz")
            series = len(ids)
            parts.append(scored(cut, ids, out["mean"], out["quantiles"]))
            if model == OURS:
                wanted = [slow_sample, PROPHET if cut is cuts[-1] else None]
                for count in {count for count in wanted if count and count < series}:
                    samples.setdefault(str(count), []).append(on_sample(cut, count, ids, out))
    metrics = {name: float(np.nanmean([part["all"][name] for part in parts])) for name in parts[0]["all"]}
    classes: dict[str, Any] = {}
    for kind in CLASSES:
        found = [part[kind] for part in parts if kind in part]
        if found:
            classes[kind] = {name: _finite_mean([one[name] for one in found]) for name in found[0]}
    details: dict[str, Any] = {"classes": classes, "series": series, "origins": len(cuts)}
    if cuts is not whole and cuts[0] is not whole[-len(cuts)]:  # `Cut.sampled` gives a small set back as it is
        details["sample"] = series
    if samples:
        details["samples"] = {
            count: {name: _finite_mean([one[name] for one in found]) for name in found[0]}
            for count, found in samples.items()
        }
    return {**head, "metrics": metrics, "cpu_s": round(cpu, 2), "peak_mb": round(peak, 1), "details": details}


def on_sample(cut: Cut, count: int, ids: list[str], out: Mapping[str, np.ndarray]) -> dict[str, float]:
    """How forecasts of all series do on the sample that some peers get."""
    part = cut.sampled(count)
    kept = sorted(part.train["unique_id"].unique())
    at = np.searchsorted(ids, kept)
    return scored(part, kept, out["mean"][at], out["quantiles"][at])["all"]


def on_samples(row: dict[str, Any]) -> list[dict[str, Any]]:
    """Rows of ours on the samples that some peers get."""
    samples = row.get("details", {}).get("samples", {})
    head = {"dataset": row["dataset"], "ours": False, "cpu_s": row.get("cpu_s"), "peak_mb": row.get("peak_mb")}
    return [{**head, "model": f"EcomAI, {count} series", "metrics": found} for count, found in samples.items()]


def _finite_mean(values: list[float]) -> float:
    finite = [value for value in values if np.isfinite(value)]
    return float(np.mean(finite)) if finite else float("nan")


def _write(cut: Cut, folder: Path) -> list[str]:
    """What a model may see, as files; returns the ids in order."""
    ids = sorted(cut.train["unique_id"].unique())
    for name in ("train", "static", "future", "groups"):
        frame = getattr(cut, name)
        if frame is not None:
            frame.to_parquet(folder / f"{name}.parquet")
    meta = {
        "frequency": cut.frequency,
        "horizon": cut.horizon,
        "season_length": cut.season_length,
        "probabilities": list(PROBABILITIES),
        "ids": ids,
    }
    (folder / "meta.json").write_text(json.dumps(meta), encoding="utf-8")
    return ids


def _wide(frame: pd.DataFrame, ids: list[str]) -> np.ndarray:
    return frame.pivot(index="unique_id", columns="ds", values="y").reindex(ids).to_numpy(float)


def scored(cut: Cut, ids: list[str], mean: np.ndarray, quantiles: np.ndarray) -> dict[str, dict[str, float]]:
    """Metrics of all series and of each class of demand (as it was at the cut)."""
    history, actual = _wide(cut.train, ids), _wide(cut.test, ids)
    code = classify(np.maximum(history, 0)).code
    found = {"all": _scored(actual, mean, quantiles, history)}
    found["all"]["wrmsse"] = hierarchical_rmsse(cut, ids, actual, mean, history)
    for kind, name in enumerate(CLASSES):
        rows = code == kind
        if rows.any():
            found[name] = _scored(actual[rows], mean[rows], quantiles[rows], history[rows])
    return found


def _scored(actual: np.ndarray, mean: np.ndarray, quantiles: np.ndarray, history: np.ndarray) -> dict[str, float]:
    by_q = {q: quantiles[:, :, place] for place, q in enumerate(PROBABILITIES)}
    pit = randomised_pit(actual, by_q)
    return {
        **point_metrics(actual, mean, history),
        "pinball": pinball(actual, by_q, history),
        "coverage_80": coverage(actual, by_q[0.1], by_q[0.9]),
        "coverage_95": coverage(actual, by_q[0.025], by_q[0.975]),
        "pit_80": float(((pit > 0.1) & (pit < 0.9)).mean()),
    }


def hierarchical_rmsse(cut: Cut, ids: list[str], actual: np.ndarray, mean: np.ndarray, history: np.ndarray) -> float:
    """WRMSSE, mean over series, groups and total; the upper forecasts are the sums."""
    groups = [np.arange(len(ids)), np.zeros(len(ids), dtype=int)]
    if cut.groups is not None:
        known = cut.groups.set_index("unique_id").reindex(ids)
        groups += [pd.factorize(known[name])[0] for name in known.columns]
    found = []
    for group in groups:
        sums = [np.zeros((group.max() + 1, part.shape[1])) for part in (actual, mean, history)]
        for total, part in zip(sums, (actual, mean, history), strict=True):
            np.add.at(total, group, np.nan_to_num(part))
        if len(sums[0]) == len(ids):
            sums = [actual, mean, history]
        weight = np.nansum(sums[2][:, -actual.shape[1] :], axis=1)
        error = rmsse_per_series(sums[0], sums[1], naive_scales(sums[2])[1])
        usable = np.isfinite(error)
        found.append(float((error[usable] * weight[usable]).sum() / weight[usable].sum()))
    return float(np.mean(found))


def line(row: dict[str, Any]) -> str:
    """One row of the table; `*` marks ours."""
    head = f"{'*' if row['ours'] else ' '} {row['dataset']:22}{row['model']:26}"
    if "error" in row:
        return f"{head} failed: {row['error']}"
    numbers = "".join(f" {name} {row['metrics'][name]:.4f}" for name in SHOWN)
    return f"{head}{numbers}  {row['cpu_s']:7.1f} CPU s {row['peak_mb']:6.0f} MB"


def ratio(rows: list[dict[str, Any]], dataset: str) -> str:
    """Ours beside the best statsforecast model of each measure, and beside AutoETS's time."""
    here = [row for row in rows if row["dataset"] == dataset and row["metrics"]]
    mine = [row for row in here if row["ours"]]
    peers = [row for row in here if row["model"] in PEERS[:-2] and row["model"] != "SeasonalNaive"]
    if not mine or not peers:
        return f"  {dataset}: no peers to compare with"
    samples = mine[0].get("details", {}).get("samples", {})

    def against(row: dict[str, Any], name: str) -> float:
        """Ours over this peer, on the same series."""
        on = samples.get(str(row.get("details", {}).get("sample")), mine[0]["metrics"])
        return float(on[name] / row["metrics"][name])

    parts = []
    for name in ("rmsse", "pinball"):
        best = max(peers, key=lambda row: against(row, name))
        parts.append(f"{name} {100 * (against(best, name) - 1):+.1f} % of {best['model']}")
    slow = [row for row in peers if row["model"] == "AutoETS" and "sample" not in row.get("details", {})]
    if slow:
        parts.append(f"CPU {mine[0]['cpu_s'] / max(slow[0]['cpu_s'], 1e-9):.3f} of AutoETS")
    return f"  {dataset}: {', '.join(parts)}"


if __name__ == "__main__":
    main()
