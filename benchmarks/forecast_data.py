"""The data sets of `benchmarks.forecast` as long frames with their test parts.

- ``online_retail_weekly`` (UCI, CC BY 4.0): pieces per product and Monday week, three origins of four weeks each, the
  last ends on 2011-12-04. ``online_retail_daily``: pieces per day, the 28 days to 2011-12-04. Returns and codes that
  are no products are left out, so is an order that was cancelled in full on its day. Categories: there are none.
- ``walmart``: weekly sales per store and department in money, the last 13 weeks of the labelled part; holidays and
  markdowns are known ahead; a week without a row is a week without sales. Levels: store, department.
- ``m3_monthly`` (18 months), ``m4_weekly`` (13 weeks): the competitions' own test parts; dates are made up so that all
  series end together.
- ``carparts``: the last 12 months; parts without a value in them are left out.
"""

from __future__ import annotations

import zipfile
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

LEVELS = (10, 20, 30, 40, 50, 60, 70, 80, 90, 95)


@dataclass(frozen=True, eq=False)
class Cut:
    """One origin: what a model may see, and the truth after it. ``test`` and ``train``: unique_id, ds, y, ..."""

    train: pd.DataFrame
    test: pd.DataFrame
    frequency: str
    horizon: int
    season_length: int
    static: pd.DataFrame | None = None
    future: pd.DataFrame | None = None
    groups: pd.DataFrame | None = None

    def validation(self, steps: int = 1) -> Cut:
        """The same question asked ``steps`` horizons earlier, answered by the training part: what may be looked at
        often."""
        if steps > 1:
            return self.validation().validation(steps - 1)
        ends = np.sort(self.train["ds"].unique())[-self.horizon :]
        late = self.train["ds"].isin(ends)
        future = self.train[late].drop(columns="y") if self.future is not None else None
        began = self.train[~late & (self.train["y"] > 0)]["unique_id"].unique()
        kept = self.train[self.train["unique_id"].isin(began)]
        late = late[kept.index]
        test = _filled(kept[late][["unique_id", "ds", "y"]], began, ends)
        told = {"static": self.static, "groups": self.groups}
        told = {name: None if one is None else one[one["unique_id"].isin(began)] for name, one in told.items()}
        return replace(self, train=kept[~late], test=test, future=future, **told)

    def sampled(self, count: int, seed: int = 0) -> Cut:
        """``count`` series, drawn with a fixed seed."""
        ids = np.sort(self.train["unique_id"].unique())
        if len(ids) <= count:
            return self
        kept = set(np.random.default_rng(seed).permutation(ids)[:count])
        part = {
            name: None if (frame := getattr(self, name)) is None else frame[frame["unique_id"].isin(kept)]
            for name in ("train", "test", "static", "future", "groups")
        }
        return replace(self, **part)


def _filled(frame: pd.DataFrame, ids: Any, dates: Any) -> pd.DataFrame:
    """Every series at every date; no row = nothing sold. Rows with unknown y stay unknown."""
    grid = pd.MultiIndex.from_product([ids, dates], names=["unique_id", "ds"]).to_frame(index=False)
    return grid.merge(frame.fillna({"y": -1.0}), how="left").fillna({"y": 0.0}).replace({"y": {-1.0: np.nan}})


def retail_lines(folder: Path) -> pd.DataFrame:
    """Sold lines of Online Retail: StockCode, Description, Quantity, InvoiceDate, UnitPrice, Country."""
    file = folder / "online_retail.parquet"
    frame = pd.read_parquet(file if file.exists() else folder / "online-retail" / file.name)
    frame["StockCode"] = frame["StockCode"].astype(str).str.strip().str.upper()
    frame = frame[frame["StockCode"].str.fullmatch(r"\d{5}[A-Z]*")].copy()
    frame["day"] = frame["InvoiceDate"].dt.normalize()
    key = ["CustomerID", "StockCode", "day", "pieces"]
    frame["pieces"] = frame["Quantity"].abs()
    cancelled = frame["InvoiceNo"].astype(str).str.startswith("C")
    gone = frame[cancelled & frame["CustomerID"].notna()][key].drop_duplicates().assign(gone=True)
    sold = frame[~cancelled & (frame["Quantity"] > 0) & (frame["UnitPrice"] > 0)].merge(gone, how="left", on=key)
    return sold[sold["gone"].isna()]


def online_retail(folder: Path, frequency: str, horizon: int, origins: int) -> list[Cut]:
    lines = retail_lines(folder)
    day = lines["day"]
    lines = lines.assign(ds=day if frequency == "D" else day - pd.to_timedelta(day.dt.dayofweek, unit="D"))
    lines = lines[lines["ds"] < "2011-12-05"]
    lines["money"] = lines["Quantity"] * lines["UnitPrice"]
    sums = lines.groupby(["StockCode", "ds"], as_index=False).agg(
        y=("Quantity", "sum"), money=("money", "sum"), orders=("InvoiceNo", "nunique"), title=("Description", "first")
    )
    sums = sums.rename(columns={"StockCode": "unique_id"})
    sums["y"] = sums["y"].astype(float)
    sums["price_paid"] = sums["money"] / sums["y"]  # comes about with the sale: known only afterwards
    first = sums["ds"].min()
    step = pd.Timedelta(days=1 if frequency == "D" else 7)
    last = pd.Timestamp("2011-12-04" if frequency == "D" else "2011-11-28")
    cuts = []
    for number in reversed(range(origins)):
        end = last - number * horizon * step
        dates = pd.date_range(end - (horizon - 1) * step, end, freq=step)
        past = sums[sums["ds"] < dates[0]]
        ids = past["unique_id"].unique()
        test = _filled(sums[sums["ds"].isin(dates)][["unique_id", "ds", "y"]], ids, dates)
        static = past.groupby("unique_id", as_index=False).agg(title=("title", "last"), price=("price_paid", "median"))
        train = _until(past[["unique_id", "ds", "y", "price_paid", "orders"]], first, dates[0] - step, step)
        train["orders"] = train["orders"].fillna(0.0)
        cuts.append(Cut(train, test, frequency, horizon, 7 if frequency == "D" else 52, static))
    return cuts


def _until(frame: pd.DataFrame, first: Any, last: Any, step: Any) -> pd.DataFrame:
    """Every series from its first row to ``last`` with zeros where nothing was sold: what the peers need."""
    dates = pd.date_range(first, last, freq=step)
    wide = frame.pivot(index="unique_id", columns="ds", values="y").reindex(columns=dates)
    started = wide.notna().cumsum(axis=1) > 0
    y = wide.fillna(0.0).where(started).stack().dropna().rename("y").reset_index()
    y.columns = ["unique_id", "ds", "y"]
    rest = [name for name in frame.columns if name not in ("unique_id", "ds", "y")]
    return y.merge(frame[["unique_id", "ds", *rest]], how="left", on=["unique_id", "ds"]) if rest else y


def walmart(folder: Path) -> list[Cut]:
    outer = zipfile.ZipFile(folder / "walmart" / "walmart.zip")

    def table(name: str) -> pd.DataFrame:
        with outer.open(f"{name}.csv.zip") as file:
            return pd.read_csv(zipfile.ZipFile(file).open(f"{name}.csv"), parse_dates=["Date"])

    sales, features = table("train"), table("features")
    stores = pd.read_csv(outer.open("stores.csv"))
    for frame in (sales, features):
        frame["ds"] = frame["Date"] - pd.Timedelta(days=4)  # Friday's week begins on its Monday
    features["promotion"] = features.filter(like="MarkDown").fillna(0).clip(lower=0).sum(axis=1)
    features["holiday"] = features["IsHoliday"].astype(float)
    sales["unique_id"] = sales["Store"].astype(str) + "_" + sales["Dept"].astype(str)
    horizon, step = 13, pd.Timedelta(days=7)
    last = sales["ds"].max()
    dates = pd.date_range(last - (horizon - 1) * step, last, freq=step)
    y = sales.rename(columns={"Weekly_Sales": "y"})[["unique_id", "ds", "y"]]
    past = y[y["ds"] < dates[0]]
    known = past[past["y"] > 0]["unique_id"].unique()
    past = past[past["unique_id"].isin(known)]
    test = _filled(y[y["ds"].isin(dates)], known, dates)
    train = _until(past, past["ds"].min(), dates[0] - step, step)
    both = []
    for part in (train, test):
        part["Store"] = part["unique_id"].str.split("_").str[0].astype(int)
        both.append(part.merge(features[["Store", "ds", "promotion", "holiday"]], how="left", on=["Store", "ds"]))
    ids = pd.Series(known)
    groups = pd.DataFrame({"unique_id": known, "store": ids.str.split("_").str[0], "dept": ids.str.split("_").str[1]})
    static = groups.merge(stores.assign(store=stores["Store"].astype(str)), on="store")
    static = static.rename(columns={"dept": "category", "Type": "brand", "Size": "size"})
    static = static[["unique_id", "category", "brand", "size", "store"]]
    future = both[1][["unique_id", "ds", "promotion", "holiday"]]
    return [Cut(both[0].drop(columns="Store"), test[["unique_id", "ds", "y"]], "W", 13, 52, static, future, groups)]


def _aligned(series: dict[str, np.ndarray], tests: dict[str, np.ndarray], frequency: str, season: int) -> list[Cut]:
    """Series that end together at a made-up date."""
    horizon = len(next(iter(tests.values())))
    longest = max(map(len, series.values()))
    unit = "M" if frequency == "M" else "D"
    step = 7 if frequency == "W" else 1
    origin = np.datetime64("2000-01", "M") if frequency == "M" else np.datetime64("1950-01-02", "D")
    dates = (origin + step * np.arange(longest + horizon)).astype(f"datetime64[{unit}]").astype("datetime64[ns]")

    def long(parts: dict[str, np.ndarray], end: int) -> pd.DataFrame:
        return pd.concat(
            [
                pd.DataFrame({"unique_id": name, "ds": dates[end - len(values) : end], "y": values})
                for name, values in parts.items()
            ],
            ignore_index=True,
        )

    return [Cut(long(series, longest), long(tests, longest + horizon), frequency, horizon, season)]


def m3_monthly(folder: Path) -> list[Cut]:
    frame = pd.read_parquet(folder / "m-competitions" / "m1_m3.parquet")
    frame = frame[(frame["comp"] == "M3") & (frame["period"].str.upper() == "MONTHLY")]
    past = {row.series: np.array(row.x, dtype=float) for row in frame.itertuples()}
    after = {row.series: np.array(row.xx, dtype=float) for row in frame.itertuples()}
    return _aligned(past, after, "M", 12)


def m4_weekly(folder: Path) -> list[Cut]:
    parts = []
    for name in ("train", "test"):
        frame = pd.read_csv(folder / "m-competitions" / f"m4_weekly_{name}.csv.gz").set_index("V1")
        parts.append({key: row[~np.isnan(row)] for key, row in zip(frame.index, frame.to_numpy(float), strict=True)})
    return _aligned(parts[0], parts[1], "W", 52)


def carparts(folder: Path) -> list[Cut]:
    frame = pd.read_csv(folder / "carparts" / "carparts.csv").set_index("Part")
    frame.index = frame.index.astype(str)
    values = frame.to_numpy(float)
    past, after = values[:, :-12], values[:, -12:]
    kept = np.isfinite(after).any(axis=1) & (np.nan_to_num(past).sum(axis=1) > 0)
    dates = np.arange("1998-01", "2002-04", dtype="datetime64[M]").astype("datetime64[ns]")

    def long(part: np.ndarray, when: np.ndarray) -> pd.DataFrame:
        ids = np.repeat(frame.index.to_numpy()[kept], part.shape[1])
        return pd.DataFrame({"unique_id": ids, "ds": np.tile(when, kept.sum()), "y": part[kept].ravel()})

    train = long(past, dates[:-12])
    train = train[train["y"].notna()]
    began = train["y"].gt(0).groupby(train["unique_id"]).cummax()
    return [Cut(train[began], long(after, dates[-12:]), "M", 12, 12)]


#: Horizons that validation lies before the test part: the origins of one data set must not see each other's.
BEFORE = {"online_retail_weekly": 3, "online_retail_daily": 3}
READERS: dict[str, Callable[[Path], list[Cut]]] = {
    "online_retail_weekly": lambda folder: online_retail(folder, "W", 4, 3),
    "online_retail_daily": lambda folder: online_retail(folder, "D", 28, 1),
    "walmart": walmart,
    "m3_monthly": m3_monthly,
    "m4_weekly": m4_weekly,
    "carparts": carparts,
}
