"""What one model costs in a huge shop: `python -m benchmarks.model_size --data DIR --json FILE [--datasets 10M]`.

The interactions are simulated (seeded, see ``simulated.py``): this measures seconds and memory, not quality, and reads
nothing from DIR. Data sets are named by their number of events; per 10 events there is one item, per 50 one customer.
``neighbours``: mean number of neighbours that an item has in the table. The peer is the item-item cosine of `implicit`
(C++; one thread, K = 100), which needs OpenMP and has neither decay nor sequence nor significance.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np

from benchmarks.harness import Outcome, run
from benchmarks.simulated import simulate
from django_ecomai.ml.frames import IdMap, Interactions
from django_ecomai.ml.recommend.base import ItemModel
from django_ecomai.ml.recommend.build import build
from django_ecomai.ml.recommend.copurchase import CoPurchase
from django_ecomai.ml.recommend.cosine import Cosine
from django_ecomai.ml.recommend.local_ease import LocalEase
from django_ecomai.ml.recommend.recipe import Recipe, Source
from django_ecomai.ml.recommend.sequential import Sequential

DATASETS = {"1M": 1_000_000, "10M": 10_000_000}
PER_ITEM, PER_USER = 10, 50
IMPLICIT = "implicit, item-item cosine"
OURS: dict[str, Callable[[], ItemModel]] = {
    "cosine": lambda: Cosine(neighbours=100),
    "sequential rules": lambda: Sequential(neighbours=100),
    "bought together": CoPurchase,
    "local EASE": lambda: LocalEase(neighbours=100),
}
#: All that is stored of a blend as large shops choose it: folded table, likeness, bought together, complements, sets.
WHOLE = "whole model (sequential + cosine)"
MODELS = {**dict.fromkeys(OURS, True), WHOLE: True, IMPLICIT: False}


def interactions(events: int) -> Interactions:
    """The simulated shop as interactions; a visit is a basket."""
    shop = simulate(events // PER_USER, events // PER_ITEM, events)
    return Interactions.build(
        shop.users, shop.items, shop.times // 1000, baskets=shop.visits, n_users=shop.n_users, n_items=shop.n_items
    )


def evaluate(dataset: str, model: str, folder: Path) -> Outcome:
    """Fit one model; its seconds hold making the interactions, too."""
    rows = interactions(DATASETS[dataset])
    if model == IMPLICIT:
        return {"neighbours": _implicit(rows)}, {}
    if model == WHOLE:
        return {"neighbours": _whole(rows)}, {}
    fitted = OURS[model]().fit(rows, now=int(rows.times[-1]))
    return {"neighbours": float((fitted.neighbours_.indices >= 0).sum(axis=1).mean())}, {}


def _whole(rows: Interactions) -> float:
    recipe = Recipe(
        sources=(Source("sequential", {"half_life_days": 180.0}), Source("cosine", {"half_life_days": 180.0}, 0.3)),
        trend_power=0.25,
        neighbours=100,
    )
    ids = IdMap.from_ids(str(number) for number in range(rows.n_items))
    arrays = build(recipe, rows, item_ids=ids, now=int(rows.times[-1])).arrays
    return float((arrays["neighbours_indices"] >= 0).sum(axis=1).mean())


def _implicit(rows: Interactions) -> float:
    from implicit.nearest_neighbours import CosineRecommender
    from scipy import sparse

    cells = (np.ones(len(rows), dtype=np.float32), (rows.users, rows.items))
    model = CosineRecommender(K=100, num_threads=1)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it warns about a matrix that it makes itself
        model.fit(sparse.csr_matrix(cells, shape=(rows.n_users, rows.n_items)), show_progress=False)
    return float(np.diff(model.similarity.indptr).mean())


if __name__ == "__main__":
    run(__doc__, list(DATASETS), MODELS, evaluate, ("neighbours",), module="benchmarks.model_size")
