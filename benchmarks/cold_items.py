"""Products that nobody has met: `python -m benchmarks.cold_items --data DIR --json FILE`.

DIR holds online-retail/ and amazon-beauty/. A tenth of the products (seed 0) is hidden from training with all that
happened to them. ``recall@20`` and ``ndcg@20``: only hidden products are ranked for everybody who met one of them and
something else; ``recall_all@20``: all products that are new to a customer are ranked for what he bought after the cut
(Online Retail: the last 30 days before 2011-10-01; Beauty: everybody's last item), hidden and known ones together.
"their true popularity" is not knowable: it looks at the hidden interactions, the same order for everybody.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from benchmarks import amazon, online_retail
from benchmarks.harness import Outcome, run
from django_ecomai.ml.columns import SECONDS_PER_DAY
from django_ecomai.ml.evaluate.holdout import last_item_split
from django_ecomai.ml.frames import Catalogue, IdMap, Interactions
from django_ecomai.ml.recommend.base import distinct_users
from django_ecomai.ml.recommend.build import build
from django_ecomai.ml.recommend.content import Content
from django_ecomai.ml.recommend.cosine import Cosine
from django_ecomai.ml.recommend.matrix import decayed_matrix, pair_matrix, table_to_csr
from django_ecomai.ml.recommend.neighbours import NeighbourTable
from django_ecomai.ml.recommend.recipe import Recipe, Source

DATASETS = ("online_retail", "beauty")
MODELS = {
    "newest": False,
    "content": False,
    "their true popularity": False,
    "company alone": False,
    "EcomAI, cold items placed": True,
}
RECIPE = Recipe(sources=(Source("cosine"),), history_half_life_days=None)
HIDDEN, MOST_USERS = 0.1, 5000


def read(dataset: str, folder: Path) -> tuple[Interactions, Interactions, Catalogue]:
    """What happened before the cut, what was bought after it, and the catalogue."""
    if dataset == "online_retail":
        everything, _, catalogue = online_retail.read(folder / "online-retail")
        known = everything.before(online_retail.CUT)
        cut = online_retail.CUT - 30 * SECONDS_PER_DAY
        return known.before(cut), known.after(cut), catalogue
    sequences, catalogue = amazon.read(folder / amazon.DATASETS["beauty"])
    known = amazon.interactions_of([one[:-1] for one in sequences], len(catalogue))
    split = last_item_split(known)
    truth = sparse.coo_matrix(split.truth["all"])
    later = Interactions.build(
        split.users[truth.row], truth.col, np.full(truth.nnz, split.cut), n_users=known.n_users, n_items=known.n_items
    )
    return split.train, later, catalogue


def evaluate(dataset: str, model: str, folder: Path) -> Outcome:
    """One model on one data set."""
    past, later, catalogue = read(dataset, folder)
    random = np.random.default_rng(0)
    met = np.flatnonzero(distinct_users(past))
    hidden = np.zeros(past.n_items, dtype=bool)
    hidden[random.choice(met, int(HIDDEN * len(met)), replace=False)] = True
    train, unseen = past.rows(~hidden[past.items]), past.rows(hidden[past.items])
    history, own = decayed_matrix(train, None), binary(past)
    truth = binary(unseen)[:, hidden]
    everybody = some((np.diff(truth.indptr) > 0) & (np.diff(history.indptr) > 0), random)
    scored = scores(model, train, unseen, catalogue, history[everybody])
    metrics = recall(scored[:, hidden], truth[everybody].toarray() > 0)
    new = sparse.csr_matrix(binary(later) - binary(later).multiply(own))
    new.eliminate_zeros()
    buyers = some((np.diff(new.indptr) > 0) & (np.diff(history.indptr) > 0), random)
    scored = scores(model, train, unseen, catalogue, history[buyers])
    scored[own[buyers].nonzero()] = -1
    metrics["recall_all@20"] = recall(scored, new[buyers].toarray() > 0)["recall@20"]
    return metrics, {"hidden": int(hidden.sum()), "customers": len(everybody)}


def scores(
    model: str, train: Interactions, unseen: Interactions, catalogue: Catalogue, history: sparse.csr_matrix
) -> NDArray[np.float64]:
    """Scores [customers, items]."""
    n = train.n_items
    if model == "newest":
        first = np.full(n, np.inf)
        np.minimum.at(first, unseen.items, unseen.times.astype(float))
        first[np.isinf(first)] = 0.0
        return np.tile(first, (history.shape[0], 1))
    if model == "their true popularity":
        return np.tile(distinct_users(unseen).astype(np.float64), (history.shape[0], 1))
    if model == "content":
        table = Content(neighbours=400).fit(train, catalogue=catalogue).neighbours_
    elif model == "company alone":
        table = Cosine().fit(train).neighbours_
    else:
        ids = IdMap.from_ids(f"{item:07d}" for item in range(n))
        arrays = build(RECIPE, train, item_ids=ids, catalogue=catalogue).arrays
        table = NeighbourTable(arrays["neighbours_indices"], arrays["neighbours_scores"])
    return np.asarray((history @ table_to_csr(table)).toarray())


def recall(scored: NDArray[np.float64], truth: NDArray[np.bool_], k: int = 20) -> dict[str, float]:
    """``recall@k`` (of all that is true) and ``ndcg@k``; ties in random order."""
    scored = scored + np.random.default_rng(1).random(scored.shape) * 1e-9
    top = np.argsort(-scored, axis=1)[:, :k]
    hits = np.take_along_axis(truth, top, axis=1)
    gain = 1 / np.log2(np.arange(2, k + 2))
    ideal = np.array([gain[: min(k, count)].sum() for count in truth.sum(axis=1)])
    return {
        f"recall@{k}": float((hits.sum(axis=1) / truth.sum(axis=1)).mean()),
        f"ndcg@{k}": float(((hits * gain).sum(axis=1) / ideal).mean()),
    }


def binary(interactions: Interactions) -> sparse.csr_matrix:
    """Users x items of ones."""
    return pair_matrix(interactions, np.ones(len(interactions)))


def some(mask: NDArray[np.bool_], random: np.random.Generator) -> NDArray[np.int64]:
    """At most `MOST_USERS` of the marked users."""
    users = np.flatnonzero(mask)
    return users if len(users) <= MOST_USERS else np.sort(random.choice(users, MOST_USERS, replace=False))


if __name__ == "__main__":
    run(__doc__, DATASETS, MODELS, evaluate, ("recall@20", "ndcg@20", "recall_all@20"), module="benchmarks.cold_items")
