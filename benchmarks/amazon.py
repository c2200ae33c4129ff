"""Amazon Beauty and Toys, leave-one-out: `python -m benchmarks.amazon --data DIR --json FILE`.

DIR holds amazon-beauty/ and amazon-toys/ (``sequences.txt.gz``: a line = user, then items in time order;
``item_attributes.json.gz``). The last item is the test, the one before it the validation item. Models are fitted
on what is before both; the history at test time includes the validation item, as in the published tables. All items
that the user has not met are ranked, ties at their mean rank. "without order" is the same automatic procedure when the
order of the items is withheld. The automatic choice validates inside the training part and sees neither item.
"""

from __future__ import annotations

import gzip
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from benchmarks.automatic import Automatic, automatic
from benchmarks.harness import Outcome, ScoreRows, hit_metrics, run, target_ranks
from django_ecomai.ml.columns import NEW_ITEMS
from django_ecomai.ml.evaluate.holdout import split_of
from django_ecomai.ml.frames import Catalogue, Interactions
from django_ecomai.ml.recommend.fold import Fitted
from django_ecomai.ml.recommend.recipe import Recipe, Source
from django_ecomai.ml.recommend.scoring import RecipeScores

DATASETS = {"beauty": "amazon-beauty", "toys": "amazon-toys"}
OURS = "EcomAI (automatic choice)"
UNORDERED = "EcomAI without order"
RECIPES = {
    "popularity": Recipe(trending_days=None),
    "item-item cosine": Recipe(sources=(Source("cosine"),), history_half_life_days=None),
    "local EASE": Recipe(sources=(Source("local_ease"),), history_half_life_days=None),
    "sequential rules, decay .7": Recipe(
        sources=(Source("sequential"),), history_half_life_days=None, history_step_decay=0.7
    ),
}
MODELS = {
    **dict.fromkeys(RECIPES, False),
    "implicit ALS (64)": False,
    "implicit cosine": False,
    "implicit BM25": False,
    UNORDERED: False,
    OURS: True,
}


def read(folder: Path) -> tuple[list[list[int]], Catalogue]:
    """The item sequences, and the attributes as words."""
    with gzip.open(folder / "sequences.txt.gz", "rt") as file:
        sequences = [[int(item) for item in line.split()[1:]] for line in file]
    with gzip.open(folder / "item_attributes.json.gz", "rt") as file:
        attributes = json.load(file)
    n_items = max(map(max, sequences)) + 1
    titles = [" ".join(f"a{value}" for value in attributes.get(str(item), ())) for item in range(n_items)]
    return sequences, Catalogue.build(n_items, title=titles)


def interactions_of(sequences: list[list[int]], n_items: int, *, ordered: bool = True) -> Interactions:
    """Places 0, 1, 2 ... as times; all 0, and the items of each user sorted, when the order is withheld."""
    users = np.repeat(np.arange(len(sequences)), [len(sequence) for sequence in sequences])
    items = np.array([item for sequence in sequences for item in (sequence if ordered else sorted(sequence))])
    places = np.array([place for sequence in sequences for place in range(len(sequence))])
    times = places if ordered else np.zeros_like(places)
    return Interactions.build(users, items, times, n_users=len(sequences), n_items=n_items)


def evaluate(dataset: str, model: str, folder: Path) -> Outcome:
    sequences, catalogue = read(folder / DATASETS[dataset])
    n_items = len(catalogue)
    ordered = model != UNORDERED
    train = interactions_of([sequence[:-2] for sequence in sequences], n_items, ordered=ordered)
    history = interactions_of([sequence[:-1] for sequence in sequences], n_items, ordered=ordered)
    targets = np.array([sequence[-1] for sequence in sequences], dtype=np.int64)
    details = {}
    if model in (OURS, UNORDERED):
        ours = automatic(train, catalogue=catalogue, k=10)
        details = ours.details
        scores = recipe_scores(ours.recipe, train, history, catalogue, ours)
    elif model in RECIPES:
        scores = recipe_scores(RECIPES[model], train, history, catalogue)
    else:
        scores = implicit_scores(model, train.csr(), history.csr())
    ranks = target_ranks(scores, targets, history.csr(), n_items)
    return {**hit_metrics(ranks, 10), **hit_metrics(ranks, 20)}, details


def recipe_scores(
    recipe: Recipe,
    train: Interactions,
    history: Interactions,
    catalogue: Catalogue | None,
    ours: Automatic | None = None,
) -> ScoreRows:
    """Scores of every user's ``history`` by the recipe fitted on ``train``, through the table that would be served, in
    the order that was learned for it if ``ours`` has one."""
    users = np.arange(history.n_users, dtype=np.int32)
    split = replace(split_of(train, history), users=users, history=history, bought=history.csr())
    scorer = RecipeScores(split, Fitted(train, catalogue=catalogue, now=split.cut, neighbours=recipe.neighbours))
    if not recipe.sources:
        popular = scorer.popularity
        return lambda rows: np.tile(popular, (len(rows), 1))
    found = scorer.scores(recipe, NEW_ITEMS) if ours is None else ours.scores(split, scorer)
    return lambda rows: found.of(rows).toarray()


def implicit_scores(model: str, train: sparse.csr_matrix, history: sparse.csr_matrix) -> ScoreRows:
    """Peers of the `implicit` library with its defaults, on the same training part and histories."""
    from implicit.als import AlternatingLeastSquares
    from implicit.nearest_neighbours import BM25Recommender, CosineRecommender
    from threadpoolctl import threadpool_limits

    matrix = sparse.csr_matrix(train, dtype=np.float32)
    if model.startswith("implicit ALS"):
        with threadpool_limits(1, "blas"):
            factors = int(model.split("(")[1].rstrip(")"))
            als = AlternatingLeastSquares(factors=factors, iterations=15, random_state=0, num_threads=1)
            als.fit(matrix, show_progress=False)
            users = als.recalculate_user(np.arange(history.shape[0]), sparse.csr_matrix(history, dtype=np.float32))
        items = als.item_factors
        return lambda rows: users[rows] @ items.T
    peer = (CosineRecommender if model == "implicit cosine" else BM25Recommender)(K=300, num_threads=1)
    peer.fit(matrix, show_progress=False)
    similarity = sparse.csr_matrix(peer.similarity)

    def scores(rows: NDArray[np.int64]) -> NDArray[np.floating]:
        return np.asarray((history[rows] @ similarity).toarray())

    return scores


def main(arguments: list[str] | None = None) -> None:
    run(__doc__, list(DATASETS), MODELS, evaluate, ("hit_rate@10", "ndcg@10"), arguments, "benchmarks.amazon")


if __name__ == "__main__":
    main()
