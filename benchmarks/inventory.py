"""Order policies replayed against real demand: ``python -m benchmarks.inventory --data DIR --json FILE``.

Data and what is simulated: see `benchmarks.inventory_data`; the policies: `benchmarks.inventory_policies`. Every policy
orders from what it saw up to the day, then the true demand arrives; what is not in stock is a lost sale. All meet the
same lead times (three replications, common random numbers). ``cost`` is holding and ordering.

A policy has a knob. Turned over its range on the test part it gives the cost-fill frontier, read at equal fill rates
(share of pieces served; between two settings costs are interpolated in logarithms). What else a policy can be told is
chosen on the earlier part. ``fill_rate`` is what a policy serves on the test part when it is asked for 95 % and knows
only the past: at every review the knob stands where 95 % of what was asked for since the part began, and in the earlier
part (which counts as four weeks or months), would have been served, and what the policy missed so far is asked for on
top; ``fill_error`` is how far that is off. ``cost_at_equal_value`` is the cost at 95 % of the turnover. The
clairvoyant has no knob: its cost is that of serving all.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks import inventory_policies as policies
from benchmarks.harness import Outcome, run
from benchmarks.inventory_data import DATASETS, World, read
from django_ecomai.ml.inventory.assortment import steered_fill
from django_ecomai.ml.inventory.simulate import Decide, LevelPolicy, Replay, replay

OURS = "EcomAI (shared fill target)"
TARGET = 0.95
FILLS = (0.90, 0.95, 0.98)
#: Products of each data set, drawn with a fixed seed.
SAMPLE = 1000
BY_DAY = ("sold_by_day", "asked_by_day")
CLAIRVOYANT = "clairvoyant"
STOCKPYL = "stockpyl (r, Q), true parameters"
LOTS = "in lots that pay"
TURNOVER = "EcomAI, counting turnover"
EACH = "EcomAI, one target for each"
BASELINES: dict[str, Callable[[World, float], policies.Policy]] = {
    "static min/max": policies.static_min_max,
    "days of cover": policies.days_of_cover,
    "days of cover, " + LOTS: policies.days_of_cover_in_lots,
    "normal safety stock": policies.normal_safety_stock,
    "normal safety stock, " + LOTS: policies.normal_safety_stock_in_lots,
    STOCKPYL: policies.stockpyl_true,
    CLAIRVOYANT: policies.clairvoyant,
}
MODELS = {OURS: True, TURNOVER: False, EACH: False, **dict.fromkeys(BASELINES, False)}
SHOWN = ("cost_at_equal_fill", "cost_at_90", "cost_at_98", "cost_at_equal_value", "fill_rate", "fill_error")
#: What may be told, the best of which is chosen on the earlier part: half-lives in periods, or our forecast engine.
HALF_LIVES: dict[str, tuple[float, ...]] = {"online_retail": (28.0, 60.0, 120.0), "carparts": (6.0, 12.0, 24.0)}
FORECASTS: dict[str, tuple[float | str, ...]] = {"online_retail": (40.0, "engine"), "carparts": (12.0,)}
#: Weeks or months in which what was missed is to be caught up; 4 was best on the earlier parts (of 2, 4 and 8).
CATCH_UP = 4
LOT_FACTORS = (1.0, 1.3)
#: Lowest and highest setting of each knob and how many are tried.
KNOBS = {
    **dict.fromkeys(list(BASELINES)[:5], (0.02, 20.0, 24)),
    STOCKPYL: (0.02, 5.0, 6),
    EACH: (0.5, 0.999, 10),
    TURNOVER: (0.02, 40.0, 14),
    OURS: (0.02, 40.0, 14),
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


def rolling(world: World, policy: policies.Policy, knobs: NDArray[np.float64], early: list[dict[str, float]]) -> float:
    """Fill rate when the knob is set anew at every review: to where ``TARGET`` would have been served.

    What each setting would have served since the warm-up counts by its demand, the earlier part as four weeks or
    months; between two settings levels are interpolated. What the policy itself has missed so far is asked for on top
    (``assortment.steered_fill``).
    """
    before = np.array([one["fill"] for one in early])
    epochs, shape = len(world.epochs), world.shape
    settings = [policy(float(knob)) for knob in knobs]
    levels = np.array(
        [[np.broadcast_to(one, (epochs, len(world.cost))) for one in (each.point, each.top)] for each in settings]
    )
    played = [play(world, each) for each in settings]
    window = CATCH_UP * (7 if shape.days_per_period == 1 else 1)
    chosen = np.empty(levels.shape[1:])
    own = np.zeros(world.demand.shape[1])
    for epoch, period in enumerate(world.epochs):
        past = slice(shape.warm, max(period - world.start, shape.warm))  # no policy made the first stock
        served, asked = (np.array([getattr(one, name)[:, past].sum() for one in played]) for name in BY_DAY)
        usual = float(world.demand[:, max(period - window, 0) : period].sum()) * len(played[0].asked_by_day)
        wanted = steered_fill(TARGET, asked=float(asked[0]), served=float(own[past].sum()), usual=usual)
        fills = (before * usual + served) / (usual + asked)
        place = np.interp(wanted, np.maximum.accumulate(fills), range(len(knobs)))
        low = int(min(place, len(knobs) - 2))
        between = levels[low, :, epoch] + (place - low) * (levels[low + 1, :, epoch] - levels[low, :, epoch])
        chosen[:, epoch:] = between[:, None]
        own = play(world, LevelPolicy(chosen[0], chosen[1], epoch_days=shape.review)).sold_by_day.sum(axis=0)
    return play(world, LevelPolicy(chosen[0], chosen[1], epoch_days=shape.review)).fill_rate


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
    return np.geomspace(low, high, count) * scale(model, world)


def scale(model: str, world: World) -> float:
    """What one unit of the knob is: the mean cost of a piece where it is a price."""
    return float(world.cost.mean()) if model in PRICED else 1.0


def options(dataset: str, model: str, world: World) -> Iterator[tuple[str, policies.Policy]]:
    """Everything the policy may be told, by name, and the policy told so."""
    if model in (STOCKPYL, CLAIRVOYANT):
        yield "the truth", BASELINES[model](world, 0.0)
    elif model in BASELINES:
        for life in HALF_LIVES[dataset]:
            yield f"half-life {life:g}", BASELINES[model](world, life)
    else:
        # The variants show what the shared target and its weight do: one forecast is enough for them.
        for told in FORECASTS[dataset] if model == OURS else FORECASTS[dataset][:1]:
            ours = policies.Ours(world, told)
            if model == EACH:
                yield str(told), ours.each()
                continue
            for factor in LOT_FACTORS:
                yield f"{told}, lots x {factor:g}", ours.shared(world.price if model == TURNOVER else 1.0, factor)


def evaluate(dataset: str, model: str, folder: Path) -> Outcome:
    """Choose and set the knob on the earlier part, then the frontier of the test part."""
    early, test = (read(dataset, folder, part=part, sample=SAMPLE, replications=3) for part in ("validation", "test"))
    by = "value_fill" if model == TURNOVER else "fill"
    tried: dict[str, list[dict[str, float]]] = {}
    for told, policy in options(dataset, model, early):
        tried[told] = frontier(early, policy, knobs_of(model, early))
    costs = {told: at_fill(points, TARGET, by=by) for told, points in tried.items()}
    chosen = min(costs, key=lambda told: np.nan_to_num(costs[told], nan=np.inf))
    policy = next(policy for told, policy in options(dataset, model, test) if told == chosen)
    points = frontier(test, policy, knobs_of(model, test))
    metrics = {f"cost_at_{round(100 * fill)}": at_fill(points, fill) for fill in FILLS}
    metrics["cost_at_equal_fill"] = at_fill(points, TARGET)
    metrics["cost_at_equal_value"] = at_fill(points, TARGET, by="value_fill")
    if model == CLAIRVOYANT:
        metrics = dict.fromkeys(metrics, points[0]["cost"]) | {"fill_rate": points[0]["fill"]}
    else:
        metrics["fill_rate"] = rolling(test, policy, knobs_of(model, test), tried[chosen])
    metrics["fill_error"] = metrics["fill_rate"] - TARGET
    details = {"told": chosen, "tried": costs, "frontier": points, "products": len(test.cost)}
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
