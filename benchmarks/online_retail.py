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
nothing after the cut. On product page and basket ours is what these placements show: "bought together" and the blend,
half each, which know what the customer did before the cut. ``ALONE`` is the same without the customer's past, as the
peers are asked (most get worse when they are told it), and ``TOGETHER`` what was served before: bought together,
then the blend.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import sparse

from benchmarks.amazon import implicit_scores
from benchmarks.automatic import Automatic, automatic
from benchmarks.gowalla import ranked_rows
from benchmarks.harness import Outcome, run
from django_ecomai.ml.columns import (
    ALL_ITEMS,
    BASKET_PAGE,
    NEW_ITEMS,
    PRODUCT_PAGE,
    REPEAT_ITEMS,
    SECONDS_PER_DAY,
)
from django_ecomai.ml.evaluate.baskets import basket_split
from django_ecomai.ml.evaluate.metrics import all_metrics
from django_ecomai.ml.evaluate.ranking import Scores, rank
from django_ecomai.ml.evaluate.split import TimeSplit, time_split
from django_ecomai.ml.frames import Catalogue, IdMap, Interactions, encode_interactions
from django_ecomai.ml.recommend.auto import build
from django_ecomai.ml.recommend.fold import Fitted
from django_ecomai.ml.recommend.matrix import pair_matrix
from django_ecomai.ml.recommend.ranking.choose import AUTO, OFF
from django_ecomai.ml.recommend.recipe import Recipe, Source
from django_ecomai.ml.recommend.scoring import RecipeScores
from django_ecomai.ml.recommend.serving import Scorer

CUT = int(pd.Timestamp("2011-10-01", tz="UTC").timestamp())
OURS = "EcomAI (automatic choice)"
ALONE, TOGETHER = "EcomAI, past unknown", "bought together, then the blend"
VIEWS = {"online_retail": NEW_ITEMS, "online_retail_repeat": REPEAT_ITEMS, "online_retail_all": ALL_ITEMS}
PLACES = {"online_retail_product": PRODUCT_PAGE, "online_retail_basket": BASKET_PAGE}
MOST_BASKETS = 3000
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
    TOGETHER: False,
    ALONE: False,
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
    places = {
        name: basket_split(interactions, CUT, page=page, most=MOST_BASKETS, past=model == OURS)
        for name, page in PLACES.items()
    }
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
    ours: Automatic | None = None
    if model in (OURS, ALONE, TOGETHER):
        # the placements do not take the learned order: their lists are a mix with what is bought together
        ours = automatic(split.train, catalogue=catalogue, now=CUT, ranker=AUTO if model == OURS else OFF)
        recipe, details = ours.recipe, ours.details
        built = build(recipe, split.train, item_ids=items, catalogue=catalogue, now=CUT)
        served = Scorer(built.manifest, built.arrays)
        show = one_after_the_other if model == TOGETHER else shown
        for name, place in places.items():
            metrics[name] = _scored(show(served, place), place, NEW_ITEMS)
    if model in (ALONE, TOGETHER):
        return metrics, {}
    fitted = Fitted(split.train, catalogue=catalogue, now=CUT, neighbours=recipe.neighbours)
    # Ours as it is stored, with products that nobody has met in their places.
    scorer = RecipeScores.as_served(split, fitted) if model == OURS else RecipeScores(split, fitted)
    for name, view in VIEWS.items():
        if model == OURS or (model == PERSONAL) == (view != NEW_ITEMS) or model in WINDOWS:
            asked = REPEAT_ITEMS if model == PERSONAL else view
            if model in WINDOWS:
                scores = Scores(None, scorer.order(recipe.trending_days))
            elif ours is not None:
                scores = ours.scores(split, scorer, view)
            else:
                scores = scorer.scores(recipe, asked)
            metrics[name] = _scored(rank(scores, split, view, 20, scorer.popularity), split, view)
    if model not in (OURS, PERSONAL):
        for name, place in places.items():
            scores = RecipeScores(place, fitted).scores(recipe, NEW_ITEMS)
            metrics[name] = _scored(rank(scores, place, NEW_ITEMS, 20, scorer.popularity), place, NEW_ITEMS)
    return metrics, details


def _scored(ranked: NDArray[np.int32], split: TimeSplit, view: str) -> dict[str, float]:
    return all_metrics(ranked, split.truth[view][split.rows(view)], ks=(10, 20))


def shown(served: Scorer, place: TimeSplit, k: int = 20) -> NDArray[np.int32]:
    """What the placement shows beside these products: `Scorer.beside`, then what is trending."""
    ranked = np.full((len(place.rows(NEW_ITEMS)), k), -1, dtype=np.int32)
    assert place.history is not None
    order = np.argsort(place.history.users, kind="stable")
    starts = np.searchsorted(place.history.users[order], np.arange(len(place.users) + 1))
    for at, row in enumerate(place.rows(NEW_ITEMS)):
        own = place.bought[row].indices
        steps = order[starts[row] : starts[row + 1]]
        first, _ = served.beside(
            own,
            history=place.history.items[steps],
            weights=place.history.weights[steps],
            ages_days=(place.cut - place.history.times[steps]) / SECONDS_PER_DAY,
            n=k,
        )
        found = served.fill(first, k, served.trending(n=2 * k, exclude=own), exclude=own).items
        ranked[at, : len(found)] = found
    return ranked


def one_after_the_other(served: Scorer, place: TimeSplit, k: int = 20) -> NDArray[np.int32]:
    """What the placement showed before both were mixed: bought together, then the blend, then what is trending."""
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


def main(arguments: list[str] | None = None) -> list[dict[str, Any]]:
    columns = ("recall@20", "ndcg@20", "hit_rate@10", "ndcg@10", "coverage@20")
    datasets = [*VIEWS, *PLACES]
    return run(__doc__, datasets, MODELS, evaluate, columns, arguments, "benchmarks.online_retail", together=True)


if __name__ == "__main__":
    main()
