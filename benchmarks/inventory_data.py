"""The worlds of `benchmarks.inventory`: real demand, and what the data do not have, simulated from stated assumptions.

Real: demand per product and period (Online Retail: pieces per day, UCI, CC BY 4.0; car parts: pieces per month) and the
prices of Online Retail. **Simulated** (fixed seed, the same for every policy): suppliers (40, drawn per product), lead
times (gamma; Online Retail: supplier means uniform on 5 .. 25 days, variation .3; car parts: 1 .. 3 months, variation
.4), the 30 receipts per supplier from which policies learn them, unit cost (60 % of the price), prices of car parts
(lognormal around 20, sigma 1), cost per order line (1; car parts 2), holding (25 % of cost a year).
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from benchmarks.forecast_data import retail_lines
from django_ecomai.ml.inventory.leadtime import LeadTimes

Floats = NDArray[np.float64]
DATASETS = ("online_retail", "carparts")
SUPPLIERS, RECEIPTS = 40, 30


@dataclass(frozen=True)
class Shape:
    """When a part begins and ends (periods), and what is assumed."""

    begin: int
    end: int
    warm: int
    review: int
    least_sales: int
    order_cost: float
    days_per_period: float
    lead_means: tuple[float, float]
    lead_variation: float


@dataclass(frozen=True, eq=False)
class World:
    """n products. ``demand`` [n, periods]; the part that counts begins at ``begin`` and ends at ``end``, before it
    ``warm`` periods are played; policies see demand up to the period in which they decide. ``lead`` [R, n, periods]
    are the true lead times, the same for every policy; ``times`` is what is known of them."""

    demand: Floats
    price: Floats
    cost: Floats
    lead: NDArray[np.int64]
    times: LeadTimes
    shape: Shape

    @property
    def start(self) -> int:
        return self.shape.begin - self.shape.warm

    @property
    def epochs(self) -> range:
        """Periods in which orders are placed."""
        return range(self.start, self.shape.end, self.shape.review)

    def known(self, period: int) -> Floats:
        """Demand before ``period``; NaN before the first sale."""
        past = self.demand[:, :period]
        return np.where(np.cumsum(past, axis=1) > 0, past, np.nan)


def read(dataset: str, folder: Path, *, part: str = "test", sample: int | None = None, replications: int = 5) -> World:
    """The world of ``part`` "test" or "validation" (the quarter or year before); ``sample`` takes so many products.

    Products are those that sold often enough before the first order: what came later has no past to learn from.
    """
    demand, price, shape = {"online_retail": online_retail, "carparts": carparts}[dataset](folder, part)
    known = demand[:, : shape.begin - shape.warm]
    kept = np.flatnonzero((known > 0).sum(axis=1) >= shape.least_sales)
    if sample:
        kept = np.sort(np.random.default_rng(0).permutation(kept)[:sample])
    random = np.random.default_rng(20_111)
    n, periods = len(kept), shape.end - shape.begin + shape.warm
    means = random.uniform(*shape.lead_means, SUPPLIERS)
    supplier = random.integers(0, SUPPLIERS, n)
    received = np.concatenate(
        [random.choice(rows, RECEIPTS) for one in range(SUPPLIERS) if len(rows := np.flatnonzero(supplier == one))]
    )
    times = LeadTimes(default_days=float(np.mean(shape.lead_means))).fit(
        _lead_times(random, means[supplier[received]], shape),
        received,
        suppliers=supplier,
        promised_days=np.full(n, np.nan),
    )
    true = np.broadcast_to(means[supplier][:, None], (replications, n, periods))
    return World(demand[kept], price[kept], 0.6 * price[kept], _lead_times(random, true, shape), times, shape)


def _lead_times(random: np.random.Generator, means: Floats, shape: Shape) -> NDArray[np.int64]:
    form = shape.lead_variation**-2
    return np.rint(random.gamma(form, means / form)).astype(np.int64)


def online_retail(folder: Path, part: str) -> tuple[Floats, Floats, Shape]:
    """Pieces per day from 2010-12-01 to 2011-12-09; test from Monday 2011-09-05, validation the 13 weeks before."""
    lines = retail_lines(folder)
    first = lines["day"].min()
    column = (lines["day"] - first).dt.days.to_numpy()
    codes, _ = pd.factorize(lines["StockCode"], sort=True)
    demand = np.zeros((codes.max() + 1, column.max() + 1))
    np.add.at(demand, (codes, column), lines["Quantity"].to_numpy(dtype=float))
    test = (pd.Timestamp("2011-09-05") - first).days
    begin, end = (test, demand.shape[1]) if part == "test" else (test - 91, test)
    early = column < begin
    price = lines[early].groupby(codes[early])["UnitPrice"].median().reindex(range(len(demand)))
    shape = Shape(begin, end, 42, 7, 8, 1.0, 1.0, (5.0, 25.0), 0.3)
    return demand, price.fillna(1.0).to_numpy(dtype=float), shape


def carparts(folder: Path, part: str) -> tuple[Floats, Floats, Shape]:
    """Pieces per month, the parts with all 51 months; test the last 12 months, validation the 12 before."""
    demand = pd.read_csv(folder / "carparts" / "carparts.csv").drop(columns="Part").to_numpy(dtype=float)
    demand = demand[np.isfinite(demand).all(axis=1)]
    price = np.random.default_rng(51).lognormal(np.log(20), 1.0, len(demand))
    end = demand.shape[1] if part == "test" else demand.shape[1] - 12
    return demand, price, Shape(end - 12, end, 6, 1, 1, 2.0, 30.4, (1.0, 3.0), 0.4)
