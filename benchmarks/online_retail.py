"""Recommendations on Online Retail (UCI, CC BY 4.0): `python -m benchmarks.online_retail --data DIR --json FILE`.

DIR holds online-retail/online_retail.parquet (or the file itself). Trained to 2011-09-30, tested on 2011-10-01 ..
2011-12-09. Left out: cancellations (invoices that begin with C), lines without a customer, quantities and prices that
are not positive, and codes that are not products (postage, fees, vouchers, manual corrections).

- ``online_retail`` (home): what customers known before the cut buy after it that is new to them; every model's
  list leaves out what the customer bought before. ``online_retail_repeat``: what they buy again.
  ``online_retail_all``: both.
- ``online_retail_product`` (product page): one product of a basket after the cut is looked at, the rest is the truth.
- ``online_retail_basket``: the first half of the lines is in the basket, the other half is the truth.

Peers of `implicit` learn from customers for the home page and from baskets for the other two. The automatic choice sees
nothing after the cut. On product page and basket ours is what these placements show: bought together, then the blend.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import sparse

from benchmarks.amazon import BUDGET, implicit_scores
from benchmarks.gowalla import ranked_rows
from benchmarks.harness import Outcome, run
from django_ecomai.ml.columns import ALL_ITEMS, NEW_ITEMS, REPEAT_ITEMS
from django_ecomai.ml.evaluate.holdout import views
from django_ecomai.ml.evaluate.metrics import all_metrics
from django_ecomai.ml.evaluate.ranking import Scores, rank
from django_ecomai.ml.evaluate.split import TimeSplit, time_split
from django_ecomai.ml.frames import Catalogue, IdMap, Interactions, encode_interactions
from django_ecomai.ml.recommend.auto import build, choose
from django_ecomai.ml.recommend.fold import Fitted
from django_ecomai.ml.recommend.matrix import pair_matrix
from django_ecomai.ml.recommend.recipe import Recipe, Source
from django_ecomai.ml.recommend.scoring import RecipeScores
from django_ecomai.ml.recommend.serving import Scorer

CUT = int(pd.Timestamp("2011-10-01", tz="UTC").timestamp())
OURS = "EcomAI (automatic choice)"
VIEWS = {"online_retail": NEW_ITEMS, "online_retail_repeat": REPEAT_ITEMS, "online_retail_all": ALL_ITEMS}
PLACES = ("online_retail_product", "online_retail_basket")
RECIPES = {
    "item-item cosine": Recipe(sources=(Source("cosine"),), history_half_life_days=None),
    "EASE": Recipe(sources=(Source("ease"),), history_half_life_days=None),
    "content (titles)": Recipe(sources=(Source("content"),), history_half_life_days=None),
    "iALS": Recipe(sources=(Source("ials"),), history_half_life_days=None),
}
WINDOWS = {"popularity (30 days)": 30.0, "popularity (all time)": None}
PERSONAL = "personal frequency"
MODELS = {
    **dict.fromkeys(WINDOWS, False),
    PERSONAL: False,
    **dict.fromkeys(RECIPES, False),
    "implicit ALS (64)": False,
    "implicit cosine": False,
    "implicit BM25": False,
    OURS: True,
}


def read(folder: Path) -> tuple[Interactions, IdMap, Catalogue]:
    """The cleaned shop as ``(interactions, items, catalogue)``; titles are the most frequent before the cut."""
    file = folder / "online_retail.parquet"
    frame = pd.read_parquet(file if file.exists() else folder / "online-retail" / file.name)
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


def evaluate(dataset: str, model: str, folder: Path) -> Outcome:
    """``{dataset: metrics}`` of all of them at once: the choice is made only once."""
    interactions, items, catalogue = read(folder)
    split = time_split(interactions, CUT)
    places = {name: basket_split(interactions, half=name == PLACES[1]) for name in PLACES}
    metrics: dict[str, Any] = {}
    details: dict[str, Any] = {}
    if model.startswith("implicit"):
        everything = [pair_matrix(split.train, np.ones(len(split.train))), baskets_of(split.train)]
        views_scored = (
            ("online_retail", split, everything[0]),
            *((name, places[name], everything[1]) for name in PLACES),
        )
        for name, part, matrix in views_scored:
            ranked = ranked_rows(implicit_scores(model, matrix, part.bought), part)
            metrics[name] = _scored(ranked, part, NEW_ITEMS)
        return metrics, details
    recipe = RECIPES.get(model, Recipe(trending_days=WINDOWS.get(model, 30.0)))
    if model == OURS:
        choice = choose(split.train, catalogue=catalogue, now=CUT, neighbours=300, budget=BUDGET)
        recipe = choice.recipe
        details = {"recipe": recipe.to_dict(), "name": recipe.name, "validation": choice.validation}
        details["tried"] = choice.tried
    fitted = Fitted(split.train, catalogue=catalogue, now=CUT, neighbours=recipe.neighbours)
    scorer = RecipeScores(split, fitted)
    for name, view in VIEWS.items():
        if model == OURS or (model == PERSONAL) == (view != NEW_ITEMS) or model in WINDOWS:
            asked = REPEAT_ITEMS if model == PERSONAL else view
            scores = (
                Scores(None, scorer.order(recipe.trending_days)) if model in WINDOWS else scorer.scores(recipe, asked)
            )
            metrics[name] = _scored(rank(scores, split, view, 20, scorer.popularity), split, view)
    if model == OURS:
        built = build(recipe, split.train, item_ids=items, catalogue=catalogue, now=CUT)
        served = Scorer(built.manifest, built.arrays)
        for name, place in places.items():
            metrics[name] = _scored(shown(served, place), place, NEW_ITEMS)
    elif model != PERSONAL:
        for name, place in places.items():
            scores = RecipeScores(place, fitted).scores(recipe, NEW_ITEMS)
            metrics[name] = _scored(rank(scores, place, NEW_ITEMS, 20, scorer.popularity), place, NEW_ITEMS)
    return metrics, details


def _scored(ranked: NDArray[np.int32], split: TimeSplit, view: str) -> dict[str, float]:
    return all_metrics(ranked, split.truth[view][split.rows(view)], ks=(10, 20))


def shown(served: Scorer, place: TimeSplit, k: int = 20) -> NDArray[np.int32]:
    """What the placement shows beside these products: bought together, then the blend, then what is trending."""
    ranked = np.full((len(place.rows(NEW_ITEMS)), k), -1, dtype=np.int32)
    for at, row in enumerate(place.rows(NEW_ITEMS)):
        own = place.bought[row].indices
        first = served.bought_together(own, n=k)
        rest = served.for_history(own, n=2 * k, exclude=own)
        found = served.fill(first, k, rest, served.trending(n=2 * k, exclude=own), exclude=own).items
        ranked[at, : len(found)] = found
    return ranked


def baskets_of(interactions: Interactions) -> sparse.csr_matrix:
    """Baskets x items (0 or 1)."""
    baskets = Interactions.build(
        np.unique(interactions.baskets, return_inverse=True)[1],
        interactions.items,
        n_items=interactions.n_items,
        times=interactions.times,
    )
    return pair_matrix(baskets, np.ones(len(baskets)))


def basket_split(interactions: Interactions, *, half: bool, most: int = 3000) -> TimeSplit:
    """Baskets after the cut as customers of their own: what is in them is ``bought``, what joins is the truth.

    ``half``: the first half of the lines is known, else one product drawn at random.
    """
    train, test = interactions.before(CUT), interactions.after(CUT)
    order = np.lexsort((np.arange(len(test)), test.baskets))
    pairs = test.baskets[order].astype(np.int64) * test.n_items + test.items[order]
    order = order[np.sort(np.unique(pairs, return_index=True)[1])]  # each product once
    basket, row = np.unique(test.baskets[order], return_inverse=True)
    place = np.arange(len(order)) - np.searchsorted(row, row)
    length = np.bincount(row)
    if half:
        known = place < (length[row] + 1) // 2
    else:
        random = np.random.default_rng(0).random(len(basket))
        known = place == np.floor(random * length).astype(np.int64)[row]
    shape = (len(basket), test.n_items)
    given, wanted = (
        sparse.csr_matrix((np.ones(int(part.sum())), (row[part], test.items[order[part]])), shape)
        for part in (known, ~known)
    )
    learnt = np.bincount(train.items, minlength=test.n_items) > 0
    usable = np.flatnonzero((length > 1) & ((given @ learnt.astype(float)) > 0))
    if len(usable) > most:
        usable = np.sort(np.random.default_rng(1).choice(usable, most, replace=False))
    given, wanted = given[usable], wanted[usable]
    cells = given.tocoo()
    history = Interactions.build(
        cells.row, cells.col, np.zeros(cells.nnz, int), n_users=len(usable), n_items=test.n_items
    )
    users = np.arange(len(usable), dtype=np.int32)
    return TimeSplit(train=train, cut=CUT, users=users, bought=given, truth=views(wanted, given), history=history)


def main(arguments: list[str] | None = None) -> list[dict[str, Any]]:
    columns = ("recall@20", "ndcg@20", "hit_rate@10", "ndcg@10", "coverage@20")
    datasets = [*VIEWS, *PLACES]
    return run(__doc__, datasets, MODELS, evaluate, columns, arguments, "benchmarks.online_retail", together=True)


if __name__ == "__main__":
    main()
