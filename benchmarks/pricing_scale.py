"""Guardrails under a million random proposals, and what a large catalogue costs.

``python -m benchmarks.pricing_scale``: ``--products`` (1,000,000) random proposals with random, often contradictory
limits, and ``violations`` among those that are let through; as many prices optimised over the posterior with stock; and
``--fitted`` (50,000) elasticities from a year of simulated weeks. No data set is needed.
"""

from __future__ import annotations

import argparse
import json
import resource
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.pricing_market import simulate
from django_ecomai.ml.pricing.elasticity import fit_elasticities
from django_ecomai.ml.pricing.guardrails import Limits, guard, violations
from django_ecomai.ml.pricing.optimise import Demand, optimise


def random_limits(n: int, seed: int) -> Limits:
    """Limits as a shop with careless settings has them: any of them may be missing or contradict another."""
    draw = np.random.default_rng(seed)

    def maybe(values: Any, missing: float) -> Any:
        return np.where(draw.random(n) < missing, np.nan, values)

    price = np.round(draw.lognormal(3, 1, n), 2)
    return Limits.build(
        price=maybe(price, 0.01),
        cost=maybe(price * draw.lognormal(-0.6, 0.4, n), 0.02),
        min_margin=draw.uniform(-0.1, 0.5, n),
        map_price=maybe(price * draw.lognormal(-0.2, 0.2, n), 0.7),
        list_price=maybe(price * draw.lognormal(0, 0.1, n), 0.2),
        corridor_low=draw.uniform(0.3, 1.0, n),
        corridor_high=draw.uniform(1.0, 1.6, n),
        max_change_day=maybe(draw.uniform(0, 0.3, n), 0.3),
        max_change_week=maybe(draw.uniform(0, 0.4, n), 0.3),
        price_week_ago=maybe(price * draw.lognormal(0, 0.05, n), 0.5),
        step=draw.choice([0.01, 0.05, 1.0], n),
        family=np.where(draw.random(n) < 0.3, draw.integers(0, max(n // 4, 1), n), -1),
    )


def fuzz(n: int) -> dict[str, float]:
    limits = random_limits(n, 0)
    target = limits.price * np.random.default_rng(1).lognormal(0, 0.5, n)
    found = guard(target, limits, endings=(99, 95))
    free = found.held == ""
    return {
        "proposals": n,
        "let_through": int(free.sum()),
        "violations": int(violations(found.price, limits)[free].sum()),
    }


def scale(n: int) -> dict[str, float]:
    draw = np.random.default_rng(2)
    price = np.round(draw.lognormal(3, 1, n), 2)
    limits = Limits.build(price=price, cost=price * 0.6, list_price=price, max_change_week=0.15)
    demand = Demand.build(
        path=draw.poisson(2.0, (n, 8)), elasticity=draw.normal(-2, 0.5, n), sd=0.4, cost=limits.cost,
        stock=draw.integers(0, 60, n),
    )  # fmt: skip
    found = optimise(demand, limits)
    return {"products": n, "moved": int((found.price != price).sum())}


def fitted(n: int) -> dict[str, float]:
    market = simulate(0, products=n, weeks=52, categories=max(n // 25, 1))
    before = time.process_time()
    found = fit_elasticities(market.panel)
    return {"products": n, "accepted": int(found.accepted.sum()), "fit_cpu_s": round(time.process_time() - before, 1)}


def main(arguments: list[str] | None = None) -> list[dict[str, Any]]:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--products", type=int, default=1_000_000)
    parser.add_argument("--fitted", type=int, default=50_000)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args(arguments)
    parts: dict[str, tuple[Callable[[int], dict[str, float]], int]] = {
        "guardrails": (fuzz, options.products),
        "optimise": (scale, options.products),
        "elasticities": (fitted, options.fitted),
    }
    rows = []
    for name, (part, size) in parts.items():
        if not size:
            continue
        before = time.process_time()
        metrics = part(size)
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        rows.append({"dataset": name, "model": "EcomAI", "ours": True, "metrics": metrics,
                     "cpu_s": round(time.process_time() - before, 1), "peak_mb": round(peak)})  # fmt: skip
        print(rows[-1], flush=True)
    if options.json:
        options.json.write_text(json.dumps(rows, indent=1), encoding="utf-8")
    return rows


if __name__ == "__main__":
    main(sys.argv[1:])
