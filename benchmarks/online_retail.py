"""Recommendations on Online Retail (UCI, CC BY 4.0): `python -m benchmarks.online_retail --data DIR --json FILE`.

Trained to 2011-09-30, tested on 2011-10-01 .. 2011-12-09. Left out: cancellations (invoices that begin with C), lines
without a customer, quantities and prices that are not positive, and codes that are not products (postage, fees,
vouchers, manual corrections). Customers: known before the cut, with a purchase after it. In ``new_items`` every model's
list leaves out what the customer bought before. The automatic choice never sees the test part.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from django_ecomai.ml.columns import SPLITS
from django_ecomai.ml.evaluate.run import Evaluation, evaluate_split
from django_ecomai.ml.frames import Catalogue, IdMap, Interactions, encode_interactions
from django_ecomai.ml.recommend.recipe import Recipe, Source

CUT = int(pd.Timestamp("2011-10-01", tz="UTC").timestamp())
PEERS = {
    "item-item cosine": Recipe(sources=(Source("cosine"),), history_half_life_days=None),
    "EASE": Recipe(sources=(Source("ease"),), history_half_life_days=None),
    "content (titles)": Recipe(sources=(Source("content"),), history_half_life_days=None),
}
SHOWN = ("recall@20", "ndcg@20", "hit_rate@10", "precision@10", "map@20", "mrr@20", "coverage@20")


def read(folder: Path) -> tuple[Interactions, IdMap, Catalogue]:
    """The cleaned shop as ``(interactions, items, catalogue)``; titles are the most frequent before the cut."""
    frame = pd.read_parquet(folder / "online_retail.parquet")
    frame["StockCode"] = frame["StockCode"].astype(str).str.strip().str.upper()
    cancelled = frame["InvoiceNo"].astype(str).str.startswith("C")
    product = frame["StockCode"].str.fullmatch(r"\d{5}[A-Z]*")
    valid = frame["CustomerID"].notna() & (frame["Quantity"] > 0) & (frame["UnitPrice"] > 0)
    frame = frame[~cancelled & product & valid]
    seconds = frame["InvoiceDate"].astype("datetime64[s]").astype("int64").to_numpy()
    interactions, _, items = encode_interactions(
        frame["CustomerID"].astype(int).astype(str).tolist(),
        frame["StockCode"].tolist(),
        seconds,
        basket_ids=frame["InvoiceNo"].astype(str).tolist(),
    )
    known = frame[seconds < CUT]
    ids = items.decode(np.arange(len(items)))
    titles = known.groupby("StockCode")["Description"].agg(lambda column: column.mode().iat[0])
    prices = known.groupby("StockCode")["UnitPrice"].median()
    catalogue = Catalogue.build(
        len(items), title=titles.reindex(ids).fillna("").tolist(), price=prices.reindex(ids).to_numpy()
    )
    return interactions, items, catalogue


def table(evaluation: Evaluation) -> str:
    """The rows as text, one block per split, `*` marks ours."""
    lines = []
    for split in SPLITS:
        rows = [row for row in evaluation.rows if row["split"] == split]
        lines += [f"\n{split} ({rows[0]['users']} customers)", f"  {'model':30}" + "".join(f"{m:>14}" for m in SHOWN)]
        for row in rows:
            numbers = "".join(f"{row['metrics'][name]:14.4f}" for name in SHOWN)
            lines.append(f"{'*' if row['ours'] else ' '} {row['model']:30}{numbers}")
    return "\n".join(lines)


def main(arguments: list[str] | None = None) -> dict[str, Any]:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder that holds online_retail.parquet")
    parser.add_argument("--json", type=Path, help="write rows, choice and times to this file")
    parser.add_argument("--verbose", action="store_true", help="print every recipe that is tried")
    options = parser.parse_args(arguments)
    interactions, items, catalogue = read(options.data)
    started, cpu = time.perf_counter(), time.process_time()
    evaluation = evaluate_split(
        interactions,
        CUT,
        catalogue=catalogue,
        extra_recipes=PEERS,
        progress=(lambda fraction, message: print(f"{fraction:4.0%} {message}")) if options.verbose else None,
    )
    seconds = {"wall": time.perf_counter() - started, "cpu": time.process_time() - cpu}
    print(f"{len(interactions)} purchases, {len(items)} products, chosen: {evaluation.recipe.name}")
    print(table(evaluation))
    for split, baseline in (("new_items", "popular (30 days)"), ("repeat_items", "personal frequency")):
        ours, naive = evaluation.row(split)["metrics"], evaluation.row(split, baseline)["metrics"]
        ratios = ", ".join(f"{m} {ours[m] / naive[m]:.2f}x" for m in ("recall@20", "ndcg@20"))
        print(f"{split}: ours beside {baseline}: {ratios}")
    print(f"choice, fits and evaluation: {seconds['wall']:.1f} s, {seconds['cpu']:.1f} CPU s")
    choice = evaluation.choice
    result = {
        "counts": evaluation.counts,
        "seconds": seconds,
        "recipe": evaluation.recipe.to_dict(),
        "tried": choice.tried if choice else [],
        "evaluation": evaluation.rows,
    }
    if options.json:
        options.json.write_text(json.dumps(result, indent=1), encoding="utf-8")
    return result


if __name__ == "__main__":
    main()
