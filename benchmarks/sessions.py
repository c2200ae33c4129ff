"""Next click in a session, Yoochoose 1/64 and Diginetica: `python -m benchmarks.sessions --data DIR --json FILE`.

DIR holds yoochoose64/ and diginetica/: ``train_sessions.txt.gz`` (a line = the items of one session, in order; later
lines are newer) and ``test_pairs.txt.gz`` (a prefix, a tab, the next item). Every test pair counts; all items are
ranked, nothing is masked, ties at their mean rank; an item that training never saw cannot be hit. VSKNN and VMIS-kNN
are written here and in the package after their papers: no package that installs beside us offers them. The automatic
choice validates on the last tenth of the training sessions.
"""

from __future__ import annotations

import gzip
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from benchmarks.automatic import automatic
from benchmarks.harness import Outcome, hit_metrics, run, target_ranks
from django_ecomai.ml.columns import NEW_ITEMS
from django_ecomai.ml.evaluate.holdout import next_item_split
from django_ecomai.ml.frames import Interactions
from django_ecomai.ml.recommend.fold import Fitted
from django_ecomai.ml.recommend.neighbours import strongest
from django_ecomai.ml.recommend.recipe import Recipe, Source
from django_ecomai.ml.recommend.scoring import RecipeScores
from django_ecomai.ml.recommend.sessions import SessionKNN
from django_ecomai.ml.recommend.tune import SESSIONS

DATASETS = ["yoochoose64", "diginetica"]
OURS = "EcomAI (automatic choice)"
RULES = "sequential rules, decay .7"
RECIPES = {
    RULES: Recipe(sources=(Source("sequential"),), history_half_life_days=None, history_step_decay=0.7, neighbours=300),
}
MODELS = {
    "popularity": False,
    "last item again": False,
    "Markov (next item)": False,
    "VSKNN (k 100)": False,
    "VSKNN (k 500)": False,
    "VMIS-kNN (k 500)": False,
    RULES: False,
    OURS: True,
}


class VSKNN(SessionKNN):
    """Ludewig and Jannach 2018, with the settings of session-rec: the latest 1000 sessions that share an item, linear
    weights by place, votes divided by the step of the newest shared item, no rarity."""

    def __init__(self, neighbours: int = 100) -> None:
        super().__init__(neighbours=neighbours, sample=1_000_000_000, idf=0.0)

    def _voices(self, likeness: sparse.csr_matrix, step: NDArray[np.floating]) -> NDArray[np.float64]:
        keep = np.zeros(likeness.nnz, dtype=bool)
        for a, b in pairwise(likeness.indptr):
            recent = strongest(likeness.indices[a:b], 1000)
            nearest = strongest(likeness.data[a:b][recent], self.neighbours, likeness.indices[a:b][recent])
            keep[a + recent[nearest]] = True
        return np.asarray(np.where(keep, likeness.data / (1 + step), 0.0))


def read(folder: Path) -> tuple[Interactions, Interactions, NDArray[np.int64]]:
    """Training sessions, test prefixes, next items."""
    with gzip.open(folder / "train_sessions.txt.gz", "rt") as file:
        sessions = [[int(item) for item in line.split()] for line in file]
    with gzip.open(folder / "test_pairs.txt.gz", "rt") as file:
        pairs = [line.rstrip("\n").split("\t") for line in file]
    prefixes = [[int(item) for item in prefix.split()] for prefix, _ in pairs]
    targets = np.array([int(item) for _, item in pairs], dtype=np.int64)
    n_items = max(max(map(max, sessions)), max(map(max, prefixes)), int(targets.max())) + 1
    return visits(sessions, n_items), visits(prefixes, n_items), targets


def visits(sessions: list[list[int]], n_items: int) -> Interactions:
    """One user per session, places as times."""
    users = np.repeat(np.arange(len(sessions)), [len(session) for session in sessions])
    items = np.array([item for session in sessions for item in session])
    places = np.array([place for session in sessions for place in range(len(session))])
    return Interactions.build(users, items, places, n_users=len(sessions), n_items=n_items)


def evaluate(dataset: str, model: str, folder: Path) -> Outcome:
    train, prefixes, targets = read(folder / dataset)
    n_items = train.n_items
    details: dict[str, Any] = {}
    if model.startswith(("VSKNN", "VMIS")):
        k = int(model.split("(k ")[1].rstrip(")"))
        knn = VSKNN(k) if model.startswith("VSKNN") else SessionKNN(neighbours=k, sample=1000)
        found = knn.fit(train).score_histories(prefixes)
    elif model == "last item again":
        last = newest(prefixes)
        found = sparse.csr_matrix((np.ones(len(last)), (np.arange(len(last)), last)), (len(last), n_items))
    elif model == "Markov (next item)":
        found = sparse.csr_matrix(transitions(train)[newest(prefixes)])
    elif model == "popularity":
        popular = np.bincount(train.items, minlength=n_items).astype(np.float32)
        ranks = target_ranks(lambda rows: np.tile(popular, (len(rows), 1)), targets, None, n_items)
        return metrics_of(ranks), details
    else:
        ours = automatic(train, shape=SESSIONS) if model == OURS else None
        recipe = RECIPES[model] if ours is None else ours.recipe
        split = next_item_split(train, prefixes, targets)
        fitted = Fitted(train, catalogue=None, now=split.cut, neighbours=recipe.neighbours)
        scorer = RecipeScores(split, fitted, folded=ours is None)
        scores = scorer.scores(recipe, NEW_ITEMS) if ours is None else ours.scores(split, scorer)
        details = {} if ours is None else ours.details
        ranks = target_ranks(lambda rows: scores.of(rows).toarray(), targets, None, n_items)
        return metrics_of(ranks), details
    return metrics_of(target_ranks(lambda rows: found[rows].toarray(), targets, None, n_items)), details


def newest(prefixes: Interactions) -> NDArray[np.int64]:
    """The newest item of each prefix."""
    order = np.lexsort((prefixes.times, prefixes.users))
    users = prefixes.users[order]
    return prefixes.items[order[np.r_[users[1:] != users[:-1], True]]].astype(np.int64)


def transitions(sessions: Interactions) -> sparse.csr_matrix:
    """How often each item was followed by each, itself included."""
    order = np.lexsort((sessions.times, sessions.users))
    users, items = sessions.users[order], sessions.items[order]
    same = users[1:] == users[:-1]
    shape = (sessions.n_items, sessions.n_items)
    return sparse.csr_matrix((np.ones(int(same.sum())), (items[:-1][same], items[1:][same])), shape=shape)


def metrics_of(ranks: NDArray[np.float64]) -> dict[str, float]:
    """With one true item, recall is the hit rate."""
    metrics = {**hit_metrics(ranks, 10), **hit_metrics(ranks, 20)}
    return {**metrics, "recall@10": metrics["hit_rate@10"], "recall@20": metrics["hit_rate@20"]}


def main(arguments: list[str] | None = None) -> None:
    run(__doc__, DATASETS, MODELS, evaluate, ("recall@20", "mrr@20"), arguments, "benchmarks.sessions")


if __name__ == "__main__":
    main()
