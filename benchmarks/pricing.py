"""Price elasticities beside named peers: ``python -m benchmarks.pricing --data DIR --json FILE``.

``simulated_*`` are **simulated** markets (`benchmarks.pricing_market`) of 200 products and so many weeks, whose true
elasticities are known: ``bias`` and ``mae`` over all products whose price ever moved (where ours refuses, the mean of
the category stands in), ``coverage_95`` of the intervals that a model gives, ``refused`` the share of those products
without an answer and ``named`` the share of products with one price ever that were refused. The other rows are real
data, whose truth nobody knows: ``elasticity`` is the mean over products, with its 95 % interval. The peers
(`benchmarks.pricing_peers`) are told the same controls, the mean demand of the rest of the category included.
``simulated_together_*`` and so on are the **simulated** markets of `benchmarks.pricing_market.STRESS`.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from benchmarks import pricing_peers as peers
from benchmarks.harness import Outcome, run
from benchmarks.pricing_market import STRESS, simulate
from django_ecomai.ml.pricing.elasticity import Z95, ElasticityOptions, fit_elasticities, reasons_counted
from django_ecomai.ml.pricing.panel import PricePanel

Floats = NDArray[np.float64]
OURS = "EcomAI (Poisson)"
OURS_LOG = "EcomAI (log)"
OURS_ALONE = "EcomAI, each product alone"
OURS_BLIND = "EcomAI, no control of the category"
OPTIONS = {
    OURS: ElasticityOptions(),
    OURS_LOG: ElasticityOptions(demand="log"),
    OURS_ALONE: ElasticityOptions(),
    OURS_BLIND: ElasticityOptions(category_periods=False),
}
#: Options of `simulate`.
MARKETS: dict[str, dict[str, Any]] = {f"simulated_{weeks}w": {"weeks": weeks} for weeks in (26, 52, 104)} | {
    f"simulated_{name}_{weeks}w": {"weeks": weeks, **options} for name, options in STRESS.items() for weeks in (26, 52)
}
REAL = ("orange_juice", "online_retail_elasticity")
#: How many markets of each length, from this seed on, and how many slow peers get. Seeds below 300 were used to develop
#: the models.
SEEDS, SLOW_SEEDS, FIRST_SEED = 100, 10, 300
SLOW = ("Poisson GLM, each product", *(name for name in peers.PEERS if name.startswith(("EconML", "DoubleML"))))
MODELS = {**dict.fromkeys(OPTIONS, False), OURS: True, **dict.fromkeys(peers.PEERS, False)}
SHOWN = ("bias", "mae", "coverage_95", "refused", "named", "elasticity", "low", "high")


def answers(model: str, panel: PricePanel) -> tuple[Floats, Floats, NDArray[np.bool_], dict[str, int]]:
    """Elasticity, its standard deviation and whether it is given [n] of every product, and why others have none."""
    if model not in OPTIONS:
        mean, sd = peers.PEERS[model](panel)
        return mean, sd, np.isfinite(mean), {}
    found = fit_elasticities(panel, OPTIONS[model])
    if model == OURS_ALONE:
        return np.where(found.accepted, found.own, np.nan), found.own_sd, found.accepted, reasons_counted(found)
    mean = np.where(found.accepted, found.elasticity, found.fallback)
    return mean, found.sd, found.accepted, reasons_counted(found)


def simulated(model: str, weeks: int, seeds: int = SEEDS, first: int = FIRST_SEED, **stress: Any) -> Outcome:
    """Means over the markets of the seeds; ``stress``: options of `simulate`."""
    rows, reasons = [], {}
    for seed in range(first, first + seeds):
        market = simulate(seed, weeks=weeks, **stress)
        mean, sd, given, why = answers(model, market.panel)
        moved = market.varied
        filled = np.where(np.isfinite(mean), mean, np.nanmean(mean[given]))
        error, off = (filled - market.truth)[moved], np.abs(mean - market.truth)
        inside = (off <= Z95 * sd)[moved & given]
        still = ~moved
        rows.append(
            [error.mean(), np.abs(error).mean(), inside.mean(), 1 - given[moved].mean(), 1 - given[still].mean()]
        )
        reasons = {name: reasons.get(name, 0) + why.get(name, 0) for name in {*reasons, *why}}
    values, spread = np.mean(rows, axis=0), np.std(rows, axis=0, ddof=1) / np.sqrt(seeds)
    names = ("bias", "mae", "coverage_95", "refused", "named")
    details = {
        "seeds": seeds,
        "first_seed": first,
        "standard_error": dict(zip(names, spread.tolist(), strict=True)),
        "reasons": reasons,
    }
    return dict(zip(names, values.tolist(), strict=True)), details


def orange_juice(folder: Path) -> tuple[PricePanel, list[str]]:
    """Store x brand as products, brands as categories."""
    frame = pd.read_parquet(folder / "orange-juice" / "orangeJuice_yx.parquet").astype("float64")
    prices = frame[[f"price{one}" for one in range(1, 12)]].to_numpy()
    brand = frame["brand"].to_numpy().astype(int) - 1
    product, keys = pd.factorize(frame["store"] * 100 + frame["brand"])
    panel = PricePanel.build(
        product=product,
        period=frame["week"].to_numpy().astype(int),
        units=np.exp(frame["logmove"].to_numpy()) / 64,  # ounces -> cartons of 64 oz
        price=prices[np.arange(len(frame)), brand] * 64,
        promotion=np.maximum(frame["feat"].to_numpy(), frame["deal"].to_numpy() > 0),
        category=(np.asarray(keys) % 100).astype(int) - 1,
    )
    return panel, [f"brand {one}" for one in range(1, 12)]


def online_retail(folder: Path) -> tuple[PricePanel, list[str]]:
    """United Kingdom, product x week; the price of a week is the median of its days, so that one bulk order does not
    set it. Weeks without a sale are not in the data and have no price."""
    frame = pd.read_parquet(folder / "online-retail-elasticity" / "ecom_sample_clean.parquet")
    frame = frame[(frame["Country"] == "United Kingdom") & (frame["UnitPrice"] > 0) & (frame["Quantity"] > 0)]
    week = (frame["Date"] - frame["Date"].min()).dt.days // 7
    grouped = frame.assign(week=week).groupby(["StockCode", "week"])
    weekly = grouped.agg(units=("Quantity", "sum"), price=("UnitPrice", "median")).reset_index()
    product, _ = pd.factorize(weekly["StockCode"])
    panel = PricePanel.build(
        product=product,
        period=weekly["week"].to_numpy(),
        units=weekly["units"].to_numpy(),
        price=weekly["price"].to_numpy(),
    )
    return panel, ["all"]


READ = {"orange_juice": orange_juice, "online_retail_elasticity": online_retail}


def real(dataset: str, model: str, folder: Path) -> Outcome:
    """The mean elasticity over products (ours: of the shop; peers: their own mean), and per category in the details."""
    panel, names = READ[dataset](folder)
    if model in OPTIONS:
        found = fit_elasticities(panel, OPTIONS[model])
        groups = found.groups
        given = found.accepted
        mean, sd = groups.category_mean.mean(), float(np.sqrt((groups.category_sd**2).sum()) / len(names))
        each = zip(names, groups.category_mean.tolist(), groups.category_sd.tolist(), strict=True)
        if model == OURS_ALONE:
            mean, sd = float(found.own[given].mean()), float(found.own[given].std() / np.sqrt(given.sum()))
        details: dict[str, Any] = {
            "products": panel.n_products,
            "categories": {name: [round(a, 3), round(b, 3)] for name, a, b in each},
            "reasons": reasons_counted(found),
            "between_products": groups.tau,
        }
        refused = 1 - given.mean()
    else:
        every, errors = peers.PEERS[model](panel)
        mean, sd = peers.pooled(every, errors, panel, by_category="each category" in model)
        by = [float(np.nanmean(every[panel.category == one])) for one in range(len(names))]
        details = {"categories": dict(zip(names, by, strict=True))}
        refused = 1 - np.isfinite(every).mean()
    metrics = {"elasticity": float(mean), "low": float(mean - Z95 * sd), "high": float(mean + Z95 * sd)}
    return {**metrics, "refused": float(refused)}, details


def evaluate(dataset: str, model: str, folder: Path) -> Outcome:
    if dataset not in MARKETS:
        return real(dataset, model, folder)
    return simulated(model, seeds=SLOW_SEEDS if model in SLOW else SEEDS, **MARKETS[dataset])


def compared(rows: list[dict[str, Any]], dataset: str, shown: Sequence[str]) -> str:
    """Ours beside the best peer by MAE."""
    known = {row["model"]: row["metrics"] for row in rows if row["dataset"] == dataset and row["metrics"]}
    others = {name: one["mae"] for name, one in known.items() if name in peers.PEERS and "mae" in one}
    if OURS not in known or not others:
        return ""
    best = min(others, key=lambda name: others[name])
    return f"  {dataset}: mae of ours {100 * (known[OURS]['mae'] / others[best] - 1):+.1f} % against {best}"


def main(arguments: list[str] | None = None) -> list[dict[str, Any]]:
    return run(
        __doc__, (*MARKETS, *REAL), MODELS, evaluate, SHOWN, arguments, module="benchmarks.pricing", compare=compared
    )


if __name__ == "__main__":
    main(sys.argv[1:])
