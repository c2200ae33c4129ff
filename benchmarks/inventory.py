"""Order policies replayed against real demand: ``python -m benchmarks.inventory --data DIR --json FILE``.

Data and what is simulated: see `benchmarks.inventory_data`; the policies: `benchmarks.inventory_policies`. Every policy
orders from what it saw up to the day, then the true demand arrives; what is not in stock is a lost sale. All meet the
same lead times (five replications, common random numbers). ``cost`` is holding and ordering. A policy has a knob; turned
over its range on the test part it gives the cost-fill frontier, read at equal fill rates (share of pieces served; between
two knobs, costs are interpolated in logarithms). What else a policy can be told is chosen on the earlier part. There the
knob is also set so that 95 % are served: ``fill_rate`` is what that setting serves on the test part, ``fill_error`` how far
it is off. ``cost_at_equal_value`` is the cost at 95 % of the turnover. The clairvoyant has no knob: its cost is that of serving all.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks import inventory_policies as policies
from benchmarks.harness import Outcome, run
from benchmarks.inventory_data import DATASETS, World, read
from django_ecomai.ml.inventory.simulate import Decide, Replay, replay

OURS = "EcomAI (shared fill target)"
TARGET = 0.95
FILLS = (0.90, 0.95, 0.98)
CLAIRVOYANT = "clairvoyant"
STOCKPYL = "stockpyl (r, Q), true parameters"
MODELS = {
    OURS: True,
    "EcomAI, counting turnover": False,
    "EcomAI, one target for each": False,
    "static min/max": False,
    "days of cover": False,
    "normal safety stock": False,
    STOCKPYL: False,
    CLAIRVOYANT: False,
}
SHOWN = ("cost_at_equal_fill", "cost_at_90", "cost_at_98", "cost_at_equal_value", "fill_rate", "fill_error")
LOTS = "in lots that pay"
BASELINES: dict[str, Callable[[World, float], policies.Policy]] = {
    "static min/max": policies.static_min_max,
    "days of cover": policies.days_of_cover,
    "days of cover, " + LOTS: policies.days_of_cover_in_lots,
    "normal safety stock": policies.normal_safety_stock,
    "normal safety stock, " + LOTS: policies.normal_safety_stock_in_lots,
    STOCKPYL: policies.stockpyl_true,
    CLAIRVOYANT: policies.clairvoyant,
}
#: Lowest and highest setting of each knob and how many are tried.
KNOBS = {
    **dict.fromkeys(list(BASELINES)[:5], (0.02, 20.0, 24)),
    STOCKPYL: (0.05, 100.0, 12),
    "EcomAI, one target for each": (0.5, 0.999, 10),
    "EcomAI, counting turnover": (0.05, 100.0, 12),
    OURS: (0.05, 100.0, 12),
}
PRICED = (OURS, STOCKPYL)
def play(world: World, decide: Decide) -> Replay:
    """The part that counts, after the warm-up, from the same stock for every policy."""
    shape = world.shape
    usual = policies.smoothed(world.known(world.start), 60 / shape.days_per_period)
    return replay(
        demand=world.demand[:, world.start : shape.end],
        decide=decide,
        lead_days=world.lead,
        on_hand=np.ceil(usual * (world.times.mean() + shape.review)),
        review_days=shape.review,
        unit_cost=world.cost,
        order_cost=shape.order_cost,
        lost_per_piece=world.price - world.cost,
        warm_up=shape.warm,
        days_per_period=shape.days_per_period,
    )


def point(world: World, decide: Decide) -> dict[str, float]:
    """Fill rates and costs of one setting."""
    found = play(world, decide)
    turnover = (found.sold * world.price).sum() / (found.demand * world.price).sum()
    return {
        "fill": found.fill_rate,
        "value_fill": float(turnover),
        "cost": found.cost,
        "ordering": float(found.ordering.sum(axis=1).mean()),
        "lost_margin": float(found.lost_margin.sum(axis=1).mean()),
    }


def frontier(world: World, policy: policies.Policy, knobs: NDArray[np.float64]) -> list[dict[str, float]]:
    """One point per knob."""
    return [{"knob": float(knob), **point(world, policy(float(knob)))} for knob in knobs]


def at_fill(points: Sequence[dict[str, float]], fill: float, *, by: str = "fill", read_: str = "cost") -> float:
    """A number of the frontier at a fill rate, between two points in logarithms; NaN outside the frontier."""
    order = sorted(points, key=lambda one: one[by])
    x = np.array([-np.log(max(1 - one[by], 1e-6)) for one in order])
    y = np.log([max(one[read_], 1e-9) for one in order])
    return float(np.exp(np.interp(-np.log(1 - fill), x, y, left=np.nan, right=np.nan)))


def knobs_of(model: str, world: World) -> NDArray[np.float64]:
    """The range of a policy's knob; what a lost piece costs is counted in mean costs of a piece."""
    if model == CLAIRVOYANT:
        return np.ones(1)
    low, high, count = KNOBS[model]
    scale = float(world.cost.mean()) if model in PRICED else 1.0
    return np.geomspace(low, high, count) * scale


def made(world: World, dataset: str, model: str, told: Any) -> policies.Policy:
    """The policy with what it is told."""
    if model in BASELINES:
        return BASELINES[model](world, float(told))
    engine = policies.OurForecasts(world, dataset)
    ours = policies.Ours(world, engine, pooled=told)
    if model == "EcomAI, one target for each":
        return ours.each()
    return ours.shared(world.price if model == "EcomAI, counting turnover" else 1.0)


def evaluate(dataset: str, model: str, folder: Path) -> Outcome:
    """Choose and set the knob on the earlier part, then the frontier of the test part."""
    early = read(dataset, folder, part="validation")
    tried: dict[str, float] = {}
    best: tuple[float, Any, list[dict[str, float]]] = (np.inf, None, [])
    for told in TOLD[dataset][model]:
        points = frontier(early, made(early, dataset, model, told), knobs_of(model, early))
        cost = at_fill(points, TARGET) if len(points) > 1 else points[0]["cost"]
        tried[str(told)] = cost
        if best[1] is None or cost < best[0]:
            best = (cost, told, points)
    test = read(dataset, folder)
    policy = made(test, dataset, model, best[1])
    points = frontier(test, policy, knobs_of(model, test))
    metrics = {f"cost_at_{round(100 * fill)}": at_fill(points, fill) for fill in FILLS}
    metrics["cost_at_equal_fill"] = at_fill(points, TARGET)
    metrics["cost_at_equal_value"] = at_fill(points, TARGET, by="value_fill")
    if model == CLAIRVOYANT:
        metrics = dict.fromkeys(metrics, points[0]["cost"]) | {"fill_rate": points[0]["fill"], "fill_error": np.nan}
    else:
        knob = at_fill(best[2], TARGET, read_="knob") / float(early.cost.mean() if model in PRICED else 1.0)
        knob *= float(test.cost.mean() if model in PRICED else 1.0)
        metrics["fill_rate"] = point(test, policy(knob))["fill"]
        metrics["fill_error"] = metrics["fill_rate"] - TARGET
    details = {"told": best[1], "tried": tried, "frontier": points, "products": len(test.cost)}
    return metrics, details


def compared(rows: list[dict[str, Any]], dataset: str, shown: Sequence[str]) -> str:
    """Ours beside each baseline at equal fill rate."""
    known = {row["model"]: row["metrics"] for row in rows if row["dataset"] == dataset and row["metrics"]}
    if OURS not in known:
        return f"  {dataset}: nothing to compare"
    parts = [
        f"{name} {100 * (known[OURS][shown[0]] / known[name][shown[0]] - 1):+.1f} %" for name in known if name != OURS
    ]
    return f"  {dataset}: {shown[0]} of ours against {', '.join(parts)}"


def main(arguments: list[str] | None = None) -> list[dict[str, Any]]:
    return run(__doc__, DATASETS, MODELS, evaluate, SHOWN, arguments, module="benchmarks.inventory", compare=compared)


if __name__ == "__main__":
    main(sys.argv[1:])
