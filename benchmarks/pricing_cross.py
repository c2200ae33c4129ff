"""What prices do to the sales of other products: ``python -m benchmarks.pricing_cross --data DIR --json FILE``.

``simulated_*`` are the **simulated** markets of `benchmarks.pricing_market`, with effects added between the five
products of a category that sell most, in every second category: ``mae`` of ours over pairs, and of the answer "none"
(``mae_none``), ``bias``, ``coverage_95``, how many pairs are given for use, and how many of those have no effect in
truth. Seeds below 300 were used to develop the model. Orange juice
(83 stores, 11 brands, categories are stores) is real: how many are given, and on the last fifth of the weeks, which
nothing was learned from, the mean square of what is left of demand without and with the effects, and the ``slope`` of
demand on what was told (1: as told).
"""

from __future__ import annotations

import argparse
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from benchmarks.by_size import spent
from benchmarks.pricing import orange_juice
from benchmarks.pricing_market import simulate
from django_ecomai.ml.pricing.cross import TOP, PairPrices, pair_prices
from django_ecomai.ml.pricing.elasticity import Z95, Elasticities, fit_elasticities
from django_ecomai.ml.pricing.panel import PricePanel

SEEDS, FIRST = 8, 300
MEANS = (0.0, 0.15, 0.3, 0.6)


def market(seed: int, weeks: int, mean: float) -> tuple[PricePanel, dict[tuple[int, int], float]]:
    """A market, and its effects by pair: gamma with this mean where there are any."""
    panel = simulate(seed, weeks=weeks).panel
    draw = np.random.default_rng([seed, 77])
    total = panel.total(panel.units)
    log = np.zeros((panel.n_products, weeks))
    centred = np.log(panel.price)
    log[panel.product, panel.period] = centred - panel.mean(centred)[panel.product]
    truth: dict[tuple[int, int], float] = {}
    moved = np.zeros_like(log)
    for category in range(int(panel.category.max()) + 1):
        members = np.flatnonzero(panel.category == category)
        best = members[np.argsort(-total[members])[:TOP]].tolist()
        for who in best:
            for other in best:
                if who != other:
                    truth[who, other] = mean * (category % 2) * draw.gamma(2.0, 0.5)
                    moved[who] += truth[who, other] * log[other]
    factor = np.exp(moved)[panel.product, panel.period].clip(0.1, 2.0)
    units = panel.units.astype(int)
    fewer = draw.binomial(units, np.minimum(factor, 1.0))
    more = units + draw.binomial(units, (factor - 1).clip(min=0.0))
    return replace(panel, units=np.where(factor < 1, fewer, more).astype(float)), truth


def simulated(weeks: int, mean: float, seeds: int = SEEDS) -> dict[str, float]:
    """Over all pairs for which anything can be estimated."""
    errors, inside, given, wrong, none = [], [], 0, 0, []
    for seed in range(FIRST, FIRST + seeds):
        panel, truth = market(seed, weeks, mean)
        found = pair_prices(panel, fit_elasticities(panel))
        true = np.array([truth.get(key, 0.0) for key in zip(found.product.tolist(), found.other.tolist(), strict=True)])
        known, used = found.reason != "price_never_varied", found.reason == ""
        errors += (found.elasticity - true)[known].tolist()
        inside += (np.abs(found.elasticity - true) <= Z95 * found.sd)[known].tolist()
        none += true[known].tolist()
        given, wrong = given + int(used.sum()), wrong + int((used & (true == 0)).sum())
    return {
        "pairs": len(errors), "mae": float(np.abs(errors).mean()), "mae_none": float(np.mean(none)),
        "bias": float(np.mean(errors)), "coverage_95": float(np.mean(inside)), "given": given, "given_wrong": wrong,
    }  # fmt: skip


def juice(folder: Path) -> dict[str, float]:
    """Learned from the first four fifths of the weeks."""
    whole, _names = orange_juice(folder)
    frame = pd.read_parquet(folder / "orange-juice" / "orangeJuice_yx.parquet", columns=["store", "brand"])
    _codes, keys = pd.factorize(frame["store"] * 100 + frame["brand"])
    _stores, store = np.unique((np.asarray(keys) // 100).astype(int), return_inverse=True)
    whole = replace(whole, category=store)
    early = whole.period <= np.quantile(whole.period, 0.8)
    found = fit_elasticities(whole.rows(early))
    pairs = pair_prices(whole.rows(early), found)
    told, left, who = _later(whole.rows(~early), found, pairs)
    slope = float(told @ left / (told @ told))
    score = np.bincount(store[who], told * (left - slope * told))
    used = pairs.reason == ""
    return {
        "pairs": len(used), "given": int(used.sum()), "mean": float(pairs.elasticity.mean()),
        "mse_without": float((left**2).mean()), "mse_with": float(((left - told) ** 2).mean()),
        "slope": slope, "slope_sd": float(np.sqrt((score**2).sum()) / (told @ told)),
    }  # fmt: skip


def _later(panel: PricePanel, found: Elasticities, pairs: PairPrices) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """What the effects given for use tell of later demand, what is left of it without them, and whose it is; both are
    cleared of the product's mean and its promotions."""
    slope = np.where(found.accepted, found.elasticity, found.fallback)
    log = np.log(panel.price)
    place = {key: row for row, key in enumerate(zip(panel.product.tolist(), panel.period.tolist(), strict=True))}
    effects: dict[int, list[tuple[int, float]]] = {}
    for at in np.flatnonzero(pairs.reason == "").tolist():
        effects.setdefault(int(pairs.product[at]), []).append((int(pairs.other[at]), float(pairs.elasticity[at])))
    parts = []
    for who, each in effects.items():
        rows = [
            row for row in np.flatnonzero(panel.product == who).tolist()
            if all((other, int(panel.period[row])) in place for other, _effect in each)
        ]  # fmt: skip
        if len(rows) < 8:
            continue
        told = np.array([sum(e * log[place[o, int(panel.period[row])]] for o, e in each) for row in rows])
        left = np.log(panel.units[rows] / panel.in_stock[rows]) - slope[who] * log[rows]
        controls = np.column_stack([np.ones(len(rows)), panel.promotion[rows]])
        pair = np.column_stack([told, left])
        pair = pair - controls @ np.linalg.lstsq(controls, pair, rcond=None)[0]
        parts.append((*pair.T, np.full(len(rows), who)))
    told, left, who_all = (np.concatenate(one) for one in zip(*parts, strict=True))
    return told, left, who_all


def main(arguments: list[str] | None = None) -> list[dict[str, Any]]:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, help="folder that holds orange-juice; without it only simulated markets")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--seeds", type=int, default=SEEDS)
    options = parser.parse_args(arguments)
    works: dict[str, Any] = {
        f"simulated_{weeks}w_{mean}": lambda weeks=weeks, mean=mean: simulated(weeks, mean, options.seeds)
        for weeks in (52, 104)
        for mean in MEANS
    }
    if options.data:
        works["orange_juice"] = lambda: juice(options.data)
    rows = []
    for name, work in works.items():
        metrics, numbers = spent(work)
        rows.append({"dataset": name, "model": "EcomAI", "ours": True, "metrics": metrics, **numbers})
        print(name, {key: round(value, 3) for key, value in metrics.items()}, flush=True)
    if options.json:
        options.json.write_text(json.dumps(rows, indent=1), encoding="utf-8")
    return rows


if __name__ == "__main__":
    main()
