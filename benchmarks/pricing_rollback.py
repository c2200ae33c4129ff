"""The test behind roll-backs on real sales: ``python -m benchmarks.pricing_rollback [--file PARQUET]``.

Online Retail (the example shop's file), six moments in its last half year: products whose price then stays the same,
expected to sell what they sold in a mean week of the eight before (as a proposal does without a forecast), chance as
learned up to then. How often would one of four weekly looks take the price back (``wrong``: nothing had happened;
``halved``, ``quarter`` and ``stopped``: that part of the real sales is left)? ``told``: at one look at least it would
show if nothing were sold. `LEVEL_SD` and `MEMORY` of `django_ecomai.pricing.watching` were chosen on products at even
places so that ``wrong`` is at most 2.5 %; those at odd places are printed beside them. Products that never sell again
after the four weeks are left out: the file has no stock, and what is out of stock or of the range is no price's fault.
``canaries``: sums of 300 random groups of so many products in two weeks, seen once.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from math import sqrt
from types import SimpleNamespace

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
FILE = "example_project/data/online_retail.parquet"
MEMORY_WEEKS, WEEKS = 8, 4
PARTS = {"wrong": 1.0, "halved": 0.5, "quarter": 0.25, "stopped": 0.0}


@dataclass(frozen=True, eq=False)
class Moment:
    """Products [n] whose price stays: ``week`` pieces expected in each, ``sold`` [n, WEEKS], variance of ``chance`` per
    piece and deviation of the ``level``, and whether a product is at an ``odd`` place."""

    week: Floats
    sold: Floats
    chance: Floats
    level: Floats
    odd: NDArray[np.bool_]


def moments(path: str) -> list[Moment]:
    import pandas as pd

    from django_ecomai.ml.pricing.elasticity import fit_elasticities
    from django_ecomai.ml.pricing.panel import PricePanel
    from django_ecomai.pricing.watching import noise

    lines = pd.read_parquet(path)
    lines = lines[(lines["Quantity"] > 0) & (lines["UnitPrice"] > 0)]
    at = pd.to_datetime(lines["InvoiceDate"])
    week = ((at - at.min()).dt.days // 7).astype(int)
    product, names = pd.factorize(lines["StockCode"])
    by = pd.DataFrame({"p": product, "w": week, "units": lines["Quantity"], "price": lines["UnitPrice"]}).groupby(
        ["p", "w"]
    )
    cells = by.agg(units=("units", "sum"), price=("price", "median")).reset_index()
    n, last = len(names), int(week.max())
    units, price = np.zeros((n, last + 1)), np.full((n, last + 1), np.nan)
    units[cells["p"], cells["w"]], price[cells["p"], cells["w"]] = cells["units"], cells["price"]
    price = pd.DataFrame(price).ffill(axis=1).to_numpy()
    found = []
    for cut in range(last - 26, last - WEEKS, 4):
        known = np.maximum.accumulate(units[:, :cut] > 0, axis=1)
        rows, columns = np.nonzero(known & np.isfinite(price[:, :cut]))
        fit = fit_elasticities(
            PricePanel.build(
                product=rows, period=columns, units=units[rows, columns], price=price[rows, columns], n_products=n
            )
        )
        mean = units[:, cut - MEMORY_WEEKS : cut].mean(axis=1)
        moved = np.abs(price[:, cut : cut + WEEKS] / price[:, [cut - 1]] - 1).max(axis=1)
        kept = fit.accepted & known[:, max(cut - 16, 0)] & (moved < 0.03) & (mean > 0)
        kept &= units[:, cut + WEEKS :].sum(axis=1) > 0
        pairs = [
            noise(
                SimpleNamespace(dispersion=float(fit.dispersion[k]), alpha=float(fit.alpha[k]), rho=fit.rho),
                week=float(mean[k]),
            )
            for k in np.flatnonzero(kept)
        ]
        chance, level = np.array(pairs).T
        found.append(Moment(mean[kept], units[kept, cut : cut + WEEKS], chance, level, np.flatnonzero(kept) % 2 == 1))
    return found


def looks(found: Sequence[Moment], *, odd: bool) -> dict[str, float]:
    """Shares in per cent, over all moments."""
    from django_ecomai.ml.pricing.shortfall import least_pieces
    from django_ecomai.pricing.watching import ALARMS, SHOP_SD

    number = told = 0
    fell = dict.fromkeys(PARTS, 0)
    for one in found:
        sold = one.sold.cumsum(axis=1)
        for k in np.flatnonzero(one.odd == odd):
            expected = one.week[k] * np.arange(1, WEEKS + 1)
            part = sqrt(one.level[k] ** 2 + SHOP_SD**2)
            floors = np.array(
                [least_pieces(mean=e, sd=sqrt(one.chance[k] * e + (part * e) ** 2), chance=ALARMS) for e in expected]
            )
            number, told = number + 1, told + bool(floors.any())
            for name, share in PARTS.items():
                fell[name] += bool((share * sold[k] < floors).any())
    shares = {name: 100 * count / max(told, 1) for name, count in fell.items()}
    return {"products": number, "told": 100 * told / max(number, 1), **shares}


def canaries(found: Sequence[Moment], size: int) -> dict[str, float]:
    """Sums of random groups after two weeks, as `families_as_one` adds them up."""
    from django_ecomai.ml.pricing.shortfall import least_pieces
    from django_ecomai.pricing.watching import ALARMS, SHOP_SD

    draw, number = np.random.default_rng(1), 0
    fell = dict.fromkeys(PARTS, 0)
    for one in found:
        for _ in range(300):
            k = draw.choice(len(one.week), size, replace=False)
            expected, sold = 2 * one.week[k], one.sold[k, :2].sum()
            total = float(expected.sum())
            own = float((one.chance[k] * expected + (one.level[k] * expected) ** 2).sum())
            floor = least_pieces(mean=total, sd=sqrt(own + (SHOP_SD * total) ** 2), chance=ALARMS)
            number += 1
            for name, share in PARTS.items():
                fell[name] += share * sold < floor
    return {name: 100 * count / number for name, count in fell.items()}


def main() -> None:
    import django

    django.setup()
    ask = argparse.ArgumentParser(description=__doc__)
    ask.add_argument("--file", default=FILE)
    found = moments(ask.parse_args().file)
    for odd, name in ((False, "chosen on"), (True, "tested on")):
        print(name, {key: round(value, 1) for key, value in looks(found, odd=odd).items()})
    for size in (5, 20, 100):
        print("canaries", size, {key: round(value, 1) for key, value in canaries(found, size).items()})


if __name__ == "__main__":
    main()
