"""Elasticities that others have published, computed again, beside ours: ``python -m benchmarks.pricing_published --data
DIR --json FILE [--datasets ...]``.

``oj`` (three brands of orange juice): ordinary least squares with brand effects, and for each brand with and without
advertising. The file has neither store nor week, but its rows are those of three brands of ``orangeJuice_yx`` in the
same order (checked), which has both: with them ours can be fitted. ``orange_juice_cross`` (all eleven brands): what
own price and the other ten do to a brand, by least squares with store effects, and by ours. ``online_retail``: the
numbers of a known notebook (github.com/larsroemheld/causalinf_ex_elasticity) as it sets them up, and ours.
All of it is real data, whose truth nobody knows. Tables are printed as Markdown.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from benchmarks.by_size import spent
from benchmarks.pricing import online_retail as weekly
from benchmarks.pricing import orange_juice
from django_ecomai.ml.pricing.cross import pair_prices
from django_ecomai.ml.pricing.elasticity import Z95, ElasticityOptions, fit_elasticities
from django_ecomai.ml.pricing.panel import PricePanel

Floats = NDArray[np.float64]
Codes = NDArray[np.int64]
#: A row: model, what was published, estimates, their standard errors.
Row = tuple[str, tuple[float, ...] | None, Floats, Floats | None]
#: Brands of ``oj.csv`` and their numbers in ``orangeJuice_yx``.
BRANDS = {"dominicks": 10, "minute.maid": 5, "tropicana": 1}
PUBLISHED = {"all": -3.14, "plain": (-2.77, -1.99, -2.04), "advertised": (-3.24, -3.57, -3.50)}
NAMES = (
    "Tropicana Premium 64", "Tropicana Premium 96", "Florida's Natural 64", "Tropicana 64", "Minute Maid 64",
    "Minute Maid 96", "Citrus Hill 64", "Tree Fresh 64", "Florida Gold 64", "Dominicks 64", "Dominicks 128",
)  # fmt: skip


def least_squares(y: Floats, x: Floats, cluster: Codes) -> tuple[Floats, Floats]:
    """Coefficients [k] and their standard errors, clustered (CR1)."""
    inverse = np.linalg.pinv(x.T @ x)
    b = inverse @ (x.T @ y)
    score = x * (y - x @ b)[:, None]
    _, group = np.unique(cluster, return_inverse=True)
    size = int(group.max()) + 1
    total = np.column_stack([np.bincount(group, score[:, at], size) for at in range(x.shape[1])])
    variance = inverse @ (total.T @ total) @ inverse * size / max(size - 1, 1)
    return b, np.sqrt(np.maximum(np.diag(variance), 0.0))


def without(values: Floats, effects: list[Codes], weight: Floats | None = None, rounds: int = 200) -> Floats:
    """Values [m] or [m, k] with the (weighted) means of every effect taken off in turn until none is left."""
    each = np.ones(len(values)) if weight is None else weight
    left = np.array(values, dtype=np.float64).reshape(len(values), -1)
    size = [np.bincount(code, each) for code in effects]
    for _ in range(rounds):
        moved = 0.0
        for code, total in zip(effects, size, strict=True):
            for at in range(left.shape[1]):
                mean = np.bincount(code, each * left[:, at]) / np.maximum(total, 1e-300)
                left[:, at] -= mean[code]
                moved = max(moved, float(np.abs(mean).max()))
        if moved < 1e-7 or len(effects) == 1:
            break
    return left.reshape(np.shape(values))


def poisson(y: Floats, x: Floats, effects: list[Codes], cluster: Codes) -> tuple[float, float]:
    """The coefficient of x in a Poisson regression with those effects, by weighted least squares again and again
    (Correia, Guimaraes and Zylkin, 2020), and its standard error, clustered."""
    mean, b = (y + y.mean()) / 2, 0.0
    for _ in range(60):
        eta = np.log(mean)
        z = eta + (y - mean) / mean
        left = without(np.column_stack([z, x]), effects, mean, rounds=25)
        before, b = b, float((mean * left[:, 0] * left[:, 1]).sum() / (mean * left[:, 1] ** 2).sum())
        mean = np.exp(np.clip(z - (left[:, 0] - b * left[:, 1]), -30, 30))
        if abs(b - before) < 1e-5:
            break
    score = np.bincount(cluster, left[:, 1] * (y - mean))
    return b, float(np.sqrt((score**2).sum()) / (mean * left[:, 1] ** 2).sum())


def juice_rows(folder: Path) -> pd.DataFrame:
    """``oj.csv`` with the store and week of each row."""
    small = pd.read_csv(folder / "orange-juice" / "oj.csv")
    large = pd.read_parquet(folder / "orange-juice" / "orangeJuice_yx.parquet").astype("float64")
    parts = []
    for name, number in BRANDS.items():
        one, other = small[small["brand"] == name].reset_index(drop=True), large[large["brand"] == number]
        if len(one) != len(other) or not np.allclose(one["sales"], np.exp(other["logmove"].to_numpy())):
            raise ValueError(f"rows of {name} are not those of brand {number}")
        parts.append(one.assign(store=other["store"].to_numpy(), week=other["week"].to_numpy().astype(int)))
    return pd.concat(parts, ignore_index=True)


def by_brand(panel: PricePanel, brand: Codes, options: ElasticityOptions | None = None) -> tuple[Floats, Floats, int]:
    """Means of ours over the stores of each brand, their standard errors, and how many products had no answer.

    The error is that of the products' own estimates, with stores for clusters: those drawn together hardly differ.
    """
    found = fit_elasticities(panel, options or ElasticityOptions())
    parts = [np.flatnonzero(found.accepted & (brand == one)) for one in range(int(brand.max()) + 1)]
    sd = np.array([found.own[one].std(ddof=1) / np.sqrt(len(one)) for one in parts])
    return np.array([found.elasticity[one].mean() for one in parts]), sd, int((~found.accepted).sum())


def oj(folder: Path) -> list[Row]:
    frame = juice_rows(folder)
    y, p = np.log(frame["sales"].to_numpy()), np.log(frame["price"].to_numpy())
    feat = frame["feat"].to_numpy(dtype=float)
    brand, names = pd.factorize(frame["brand"], sort=True)
    product, store, week = (
        pd.factorize(one)[0] for one in (brand * 1000 + frame["store"], frame["store"], brand * 1000 + frame["week"])
    )
    is_brand = (brand[:, None] == np.arange(len(names))).astype(float)
    both = np.column_stack([is_brand * (1 - feat)[:, None], is_brand * feat[:, None]])
    b, sd = least_squares(y, np.column_stack([p, is_brand]), store)
    rows: list[Row] = [("OLS, brand effects, one slope", (PUBLISHED["all"],), b[:1], sd[:1])]
    plain = least_squares(y, np.column_stack([both * p[:, None], both]), store)
    slopes = {"OLS, brands with and without advertising": plain}
    for name, effects in (("OLS, stores", [product]), ("OLS, stores and weeks", [product, week])):
        left = without(np.column_stack([y, p[:, None] * both, both[:, 3:]]), effects)
        slopes[f"{name} of each brand"] = least_squares(left[:, 0], left[:, 1:], store)
    first = np.unique(product, return_index=True)[1]
    brand_of, store_of = brand[first], store[first]
    panel = PricePanel.build(
        product=product, period=frame["week"], units=frame["sales"] / 64, price=frame["price"], promotion=feat,
        category=brand_of,
    )  # fmt: skip
    ours = {
        "EcomAI, a brand in all stores is a category": (panel, ElasticityOptions()),
        "EcomAI, a store is a category": (replace(panel, category=store_of), ElasticityOptions()),
        "EcomAI, no control of the category": (panel, ElasticityOptions(category_periods=False)),
    }
    for which, kind in enumerate(("plain", "advertised")):
        place = slice(3 * which, 3 * which + 3)
        for name, (b, sd) in slopes.items():
            rows.append((f"{name}: {kind}", PUBLISHED[kind] if b is plain[0] else None, b[place], sd[place]))
        for name, (whole, options) in ours.items():
            mean, sd, refused = by_brand(whole.rows((whole.promotion > 0.5) == bool(which)), brand_of, options)
            rows.append((f"{name}: {kind} ({refused} of 249 refused)", None, mean, sd))
    for name, (whole, options) in ours.items():
        mean, sd, refused = by_brand(whole, brand_of, options)
        rows.append((f"{name}: all weeks ({refused} of 249 refused)", None, mean, sd))
    return rows


def orange_juice_cross(folder: Path) -> list[dict[str, Any]]:
    """For each brand: own price, and the mean effect of the others' over the pairs that ours looks at."""
    frame = pd.read_parquet(folder / "orange-juice" / "orangeJuice_yx.parquet").astype("float64")
    panel, _ = orange_juice(folder)
    _codes, keys = pd.factorize(frame["store"] * 100 + frame["brand"])
    brand_of = (np.asarray(keys) % 100).astype(int) - 1
    _stores, store_of = np.unique((np.asarray(keys) // 100).astype(int), return_inverse=True)
    by_store = replace(panel, category=store_of)
    own, own_store = by_brand(panel, brand_of), by_brand(by_store, brand_of)
    pairs = pair_prices(by_store, fit_elasticities(by_store))
    who, other = brand_of[pairs.product], brand_of[pairs.other]
    rows = []
    for brand, name in enumerate(NAMES):
        part = frame[frame["brand"] == brand + 1]
        store, week = (pd.factorize(part[one])[0] for one in ("store", "week"))
        prices = np.log(part[[f"price{one}" for one in range(1, 12)]].to_numpy())
        columns = np.column_stack([part["logmove"], prices, part["deal"] > 0, part["feat"]]).astype(float)
        left = without(columns, [store])
        b, sd = least_squares(left[:, 0], left[:, 1:], store)
        left = without(columns, [store, week])
        by_week, by_week_sd = least_squares(left[:, 0], left[:, 1:], store)
        mine, rest = who == brand, np.arange(11) != brand
        rows.append({
            "brand": name,
            "own_ols": b[brand], "own_ols_sd": sd[brand], "own_ols_weeks": by_week[brand],
            "own_ols_weeks_sd": by_week_sd[brand], "own_by_brand": own[0][brand], "own_by_brand_sd": own[1][brand],
            "own_by_store": own_store[0][brand], "own_by_store_sd": own_store[1][brand],
            "cross_ols": b[:11][rest].mean(), "cross_ols_above_0": int((b[:11] - Z95 * sd[:11] > 0)[rest].sum()),
            "pairs": int(mine.sum()), "given": int((pairs.reason[mine] == "").sum()),
            "cross_ols_same": float(b[other[mine]].mean()) if mine.any() else None,
            "cross": float(pairs.elasticity[mine].mean()) if mine.any() else None,
        })  # fmt: skip
    return rows


def forest_dml(frame: pd.DataFrame, seed: int) -> float:
    """As the notebook ends: demand and price against their product's mean, forests on half of the rows at random, the
    other half's residuals; rows whose price is told to 1 % are left out. Its words of descriptions are not learned."""
    from sklearn.ensemble import RandomForestRegressor

    by = frame.groupby("StockCode")
    p = (np.log(frame["UnitPrice"]) - np.log(by["UnitPrice"].transform("mean"))).to_numpy()
    q = (np.log(frame["Quantity"].astype(float)) - np.log(by["Quantity"].transform("mean"))).to_numpy()
    date = frame["Date"].dt
    x = np.column_stack([
        date.month, date.day, date.dayofweek, pd.factorize(frame["Country"])[0], pd.factorize(frame["StockCode"])[0],
        (frame["Date"] - by["Date"].transform("min")).dt.days, by["UnitPrice"].transform("mean"),
    ]).astype(float)  # fmt: skip
    half = np.random.default_rng(seed).permutation(len(frame)) % 2
    found = []
    for out in range(2):
        learn, held = half != out, half == out
        model = RandomForestRegressor(20, min_samples_leaf=3, max_samples=0.2, random_state=seed, n_jobs=1)
        p_left, q_left = (one[held] - model.fit(x[learn], one[learn]).predict(x[held]) for one in (p, q))
        kept = np.abs(p_left) >= 0.01
        found.append(float(p_left[kept] @ q_left[kept] / (p_left[kept] @ p[held][kept])))
    return float(np.mean(found))


def _stopped(frame: pd.DataFrame, p: Floats, q: Floats) -> float:
    """The notebook's least squares: conjugate gradients that stop at 0.001, the default of its time."""
    from scipy import sparse
    from sklearn.linear_model import Ridge
    from sklearn.preprocessing import OneHotEncoder

    effects = OneHotEncoder().fit_transform(frame[["StockCode", "Date", "Country"]].astype(str))
    x = sparse.hstack([effects, sparse.csr_matrix(p[:, None])]).tocsr()
    model = Ridge(1e-20, fit_intercept=False, max_iter=100_000, solver="sparse_cg", tol=1e-3)
    return float(model.fit(x, q).coef_[-1])


def _paid(folder: Path, panel: PricePanel) -> Floats:
    """Turnover by pieces [m] of the weeks that `benchmarks.pricing.online_retail` has."""
    frame = pd.read_parquet(folder / "online-retail-elasticity" / "ecom_sample_clean.parquet")
    frame = frame[(frame["Country"] == "United Kingdom") & (frame["UnitPrice"] > 0) & (frame["Quantity"] > 0)]
    week = (frame["Date"] - frame["Date"].min()).dt.days // 7
    total = frame.assign(week=week).groupby(["StockCode", "week"])[["revenue", "Quantity"]].sum()
    if len(total) != len(panel) or not np.array_equal(total["Quantity"].to_numpy(dtype=float), panel.units):
        raise ValueError("the weeks differ")
    return (total["revenue"] / total["Quantity"]).to_numpy(dtype=float)


def online_retail(folder: Path) -> list[Row]:
    frame = pd.read_parquet(folder / "online-retail-elasticity" / "ecom_sample_clean.parquet")
    frame = frame[frame.groupby("StockCode")["UnitPrice"].transform("std") > 0]
    p, q = np.log(frame["UnitPrice"].to_numpy()), np.log(frame["Quantity"].to_numpy(dtype=float))
    product, date, country = (pd.factorize(frame[one])[0] for one in ("StockCode", "Date", "Country"))
    rows: list[Row] = []

    def add(name: str, published: float | None, value: float, sd: float | None = None) -> None:
        told = None if published is None else (published,)
        rows.append((name, told, np.array([value]), None if sd is None else np.array([sd])))

    b, sd = least_squares(q, np.column_stack([p, np.ones(len(p))]), product)
    add("Naive: OLS of rows", -0.61, b[0], sd[0])
    bins = pd.DataFrame({"p": p, "q": q}).groupby(pd.qcut(p, 15), observed=True).mean()
    add("Naive: line through the means of 15 equal bins", -0.61, np.polyfit(bins["p"], bins["q"], 1)[0])
    effects, units = [product, date, country], frame["Quantity"].to_numpy(dtype=float)
    add("Poisson, effects of product, day, country", -2.88, *poisson(units, p, effects, product))
    left = without(np.column_stack([q, p]), effects)
    b, sd = least_squares(left[:, 0], left[:, 1:], product)
    add("Log-linear, the same effects", None, b[0], sd[0])
    add("The same by a solver that stops early, as published", -1.77, _stopped(frame, p, q))
    add("Double machine learning, forests", -1.8, forest_dml(frame, 0))
    panel, _ = weekly(folder)
    week = panel.period - panel.period.min()
    told = poisson(panel.units, np.log(panel.price), [panel.product, week], panel.product)
    add("Poisson, effects of product and week: weeks, United Kingdom", None, *told)
    paid = replace(panel, price=_paid(folder, panel))
    told = poisson(paid.units, np.log(paid.price), [paid.product, week], paid.product)
    add("The same, the price of a week is what was paid for a piece", None, *told)
    found = fit_elasticities(paid)
    add("EcomAI (Poisson), that price", None, found.groups.category_mean[0], found.groups.category_sd[0])
    for name, demand in (("EcomAI (Poisson)", "poisson"), ("EcomAI (log)", "log")):
        found = fit_elasticities(panel, ElasticityOptions(demand=demand))
        add(f"{name}, the same weeks", None, found.groups.category_mean[0], found.groups.category_sd[0])
        sold = np.where(found.accepted, panel.total(panel.units), 0.0)
        add(f"{name}, products counted by pieces sold", None, np.nan_to_num(found.elasticity) @ sold / sold.sum())
    return rows


WORKS: dict[str, Callable[[Path], list[Any]]] = {
    "oj": oj,
    "orange_juice_cross": orange_juice_cross,
    "online_retail": online_retail,
}


def shown(rows: list[Any]) -> str:
    """As a Markdown table."""
    if isinstance(rows[0], dict):
        lines = [list(rows[0]), *(list(row.values()) for row in rows)]
        cells = [[one if isinstance(one, str) else "–" if one is None else
                  str(one) if isinstance(one, int) else f"{one:.3f}" for one in line] for line in lines]  # fmt: skip
    else:
        most = max(len(row[2]) for row in rows)
        cells = [["model", "published", *(sorted(BRANDS) if most > 1 else ["here (95 % interval)"])]]
        for name, told, value, sd in rows:
            each = [f"{one:.2f}" for one in value]
            if sd is not None:
                each = [f"{a:.2f} ({a - Z95 * s:.2f} .. {a + Z95 * s:.2f})" for a, s in zip(value, sd, strict=True)]
            published = "–" if told is None else " / ".join(f"{one:.2f}" for one in told)
            cells.append([name, published, *each, *[""] * (most - len(each))])
    cells.insert(1, ["---", *["---:"] * (len(cells[0]) - 1)])
    return "\n".join(f"| {' | '.join(line)} |" for line in cells)


def main(arguments: list[str] | None = None) -> list[dict[str, Any]]:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--datasets", nargs="*", default=list(WORKS), choices=list(WORKS))
    options = parser.parse_args(arguments)
    rows = []
    for dataset in options.datasets:
        found, numbers = spent(lambda name=dataset: WORKS[name](options.data))
        print(f"{dataset} ({numbers['cpu_s']} CPU s, {numbers['peak_mb']} MB)\n\n{shown(found)}\n", flush=True)
        for row in found:
            if isinstance(row, dict):
                metrics = {key: value for key, value in row.items() if key != "brand" and value is not None}
                rows.append({"dataset": dataset, "model": row["brand"], "ours": True, "metrics": metrics, **numbers})
                continue
            names = sorted(BRANDS) if len(row[2]) > 1 else ["elasticity"]
            metrics: dict[str, float] = dict(zip(names, map(float, row[2]), strict=True))
            for part, values in (("published", row[1]), ("sd", row[3])):
                metrics |= (
                    {} if values is None else {f"{part}_{n}": float(v) for n, v in zip(names, values, strict=True)}
                )
            ours = row[0].startswith("EcomAI")
            rows.append({"dataset": dataset, "model": row[0], "ours": ours, "metrics": metrics, **numbers})
    if options.json:
        options.json.write_text(json.dumps(rows, indent=1, default=float), encoding="utf-8")
    return rows


if __name__ == "__main__":
    main()
