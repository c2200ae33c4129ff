"""Gowalla, the LightGCN split: `python -m benchmarks.gowalla --data DIR --json FILE`.

DIR holds gowalla/train.txt.gz and test.txt.gz (a line = user, then items; no times, no order). Full ranking of all
items without the training items; recall@20 = hits / all test items of the user; NDCG@20 with the ideal of
min(20, test items); mean over the users with a test item. The automatic choice validates inside the training part.
"""

from __future__ import annotations

import gzip
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from scipy import sparse

from benchmarks.automatic import automatic
from benchmarks.harness import CELLS, Outcome, ScoreRows, run
from django_ecomai.ml.columns import NEW_ITEMS
from django_ecomai.ml.evaluate.holdout import split_of
from django_ecomai.ml.evaluate.metrics import all_metrics
from django_ecomai.ml.evaluate.ranking import rank
from django_ecomai.ml.evaluate.split import TimeSplit
from django_ecomai.ml.frames import Interactions
from django_ecomai.ml.recommend.fold import Fitted
from django_ecomai.ml.recommend.recipe import Recipe, Source
from django_ecomai.ml.recommend.scoring import RecipeScores

OURS = "EcomAI (automatic choice)"
BARE = Recipe(trending_days=None, history_half_life_days=None, neighbours=300)
RECIPES = {
    "popularity": BARE,
    "item-item cosine (damped)": replace(BARE, sources=(Source("cosine", {"item_power": 0.4}),)),
    "local EASE": replace(BARE, sources=(Source("local_ease", {"companions": 200, "regularisation": 3.0}),)),
    "GF-CF": replace(BARE, sources=(Source("gfcf", {"rank": 512}),)),
}
MODELS = {
    **dict.fromkeys(RECIPES, False),
    "implicit ALS (256)": False,
    "implicit cosine": False,
    "implicit BM25": False,
    OURS: True,
}


def read(folder: Path) -> tuple[Interactions, Interactions]:
    """Training and test pairs; all times are 0."""
    parts = []
    for name in ("train", "test"):
        with gzip.open(folder / f"{name}.txt.gz", "rt") as file:
            lines = [[int(value) for value in line.split()] for line in file]
        users = np.repeat([line[0] for line in lines], [len(line) - 1 for line in lines])
        parts.append((users, np.array([item for line in lines for item in line[1:]])))
    sizes = {"n_users": int(max(users.max() for users, _ in parts)) + 1}
    sizes["n_items"] = int(max(items.max() for _, items in parts)) + 1
    train, test = (Interactions.build(users, items, np.zeros_like(users), **sizes) for users, items in parts)
    return train, test


def evaluate(dataset: str, model: str, folder: Path) -> Outcome:
    train, test = read(folder / dataset)
    split = split_of(train, test)
    details: dict[str, Any] = {}
    if model == OURS or model in RECIPES:
        ours = automatic(train) if model == OURS else None
        recipe = RECIPES[model] if ours is None else ours.recipe
        scorer = RecipeScores(split, Fitted(train, catalogue=None, now=split.cut, neighbours=recipe.neighbours))
        scores = scorer.scores(recipe, NEW_ITEMS) if ours is None else ours.scores(split, scorer)
        details = {} if ours is None else ours.details
        ranked = rank(scores, split, NEW_ITEMS, 20, scorer.popularity)
    else:
        from benchmarks.amazon import implicit_scores

        own = train.csr()[split.users]
        ranked = ranked_rows(implicit_scores(model, train.csr(), own), split)
    rows = split.rows(NEW_ITEMS)
    return all_metrics(ranked, split.truth[NEW_ITEMS][rows], ks=(20,)), details


def ranked_rows(scores: ScoreRows, split: TimeSplit, k: int = 20) -> np.ndarray:
    """Top ``k`` of dense scores without the training items, for the users with a new test item."""
    wanted = split.rows(NEW_ITEMS)
    masked = sparse.csr_matrix(split.bought)
    ranked = np.empty((len(wanted), k), dtype=np.int32)
    size = max(1, CELLS // masked.shape[1])
    for start in range(0, len(wanted), size):
        rows = wanted[start : start + size]
        values = np.array(scores(rows), dtype=np.float32)
        values[masked[rows].nonzero()] = -np.inf
        top = np.argpartition(-values, k, axis=1)[:, :k]
        order = np.argsort(-np.take_along_axis(values, top, axis=1), axis=1, kind="stable")
        ranked[start : start + len(rows)] = np.take_along_axis(top, order, axis=1)
    return ranked


def main(arguments: list[str] | None = None) -> None:
    run(__doc__, ["gowalla"], MODELS, evaluate, ("recall@20", "ndcg@20"), arguments, "benchmarks.gowalla")


if __name__ == "__main__":
    main()
