"""Where demand gets lost between factory and distributor: ``python -m benchmarks.supply_chain --data DIR --json FILE``.

SupplyGraph (LGPL-2.1): pieces per day and product that were ordered, produced, issued by the factory and delivered,
over 221 days. There is no table of causes to be right about, so the question is whether what is found in the first
half holds in the second: ``same_stage`` is the share of products in which pieces wait longest in the same stage,
``waiting_there`` the share of the second half's waiting pieces that are in the stage named in the first half. Beside
it the stage in which most pieces wait over all products, and the last stage (what the customer sees).
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from benchmarks.harness import Outcome, run
from django_ecomai.ml.inventory.chain import flow

GATES = ("Sales Order", "Production ", "Factory Issue", "Delivery To distributor")
STAGES = ("order to production", "production to issue", "issue to delivery")
OURS = "EcomAI (constraining stage per product)"
MODELS = {OURS: True, "the slowest stage of all products": False, "the last stage": False}
SHOWN = ("same_stage", "waiting_there")


def read(folder: Path) -> NDArray[np.float64]:
    """Pieces [gates, n, days] of the products that have all four."""
    root = folder / "supplygraph" / "raw" / "Homogenoeus" / "Temporal Data" / "Unit"
    tables = [pd.read_csv(root / f"{name}.csv", index_col="Date") for name in GATES]
    common = [name for name in tables[0].columns if all(name in table.columns for table in tables)]
    return np.array([table[common].to_numpy(dtype=float).T for table in tables])


def evaluate(dataset: str, model: str, folder: Path) -> Outcome:
    """The stage named after the first half, against where pieces wait in the second."""
    pieces = read(folder)
    middle = pieces.shape[2] // 2
    before, after, whole = flow(pieces[:, :, :middle]), flow(pieces[:, :, middle:]), flow(pieces)
    named = before.inside.argmax(axis=0)
    if model != OURS:
        named = np.full(len(named), before.slowest if model.startswith("the slowest") else len(STAGES) - 1)
    known = (before.inside.sum(axis=0) > 0) & (after.inside.sum(axis=0) > 0)
    there = after.inside[named, np.arange(len(named))]
    metrics = {
        "same_stage": float((named == after.inside.argmax(axis=0))[known].mean()),
        "waiting_there": float(there[known].sum() / after.inside[:, known].sum()),
    }
    details: dict[str, Any] = {
        "products": int(known.sum()),
        "slowest": STAGES[whole.slowest],
        "loses most": STAGES[whole.constraining],
        "delivered": float(pieces[-1].sum() / pieces[0].sum()),
        "waiting_days": dict(zip(STAGES, whole.waiting_days.round(2).tolist(), strict=True)),
        "passed": dict(zip(STAGES, whole.passed.round(4).tolist(), strict=True)),
    }
    return metrics, details


def main(arguments: list[str] | None = None) -> list[dict[str, Any]]:
    return run(__doc__, ("supplygraph",), MODELS, evaluate, SHOWN, arguments, module="benchmarks.supply_chain")


if __name__ == "__main__":
    main(sys.argv[1:])
