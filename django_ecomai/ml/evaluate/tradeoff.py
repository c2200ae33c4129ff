"""What the sliders cost: accuracy of a model's ranked lists at several strengths of each, beside what they bring.

The lists are reordered by `recommend.rerank` as they are when a page is served, with one difference: how alike two
items are counts by category and brand alone, not by content.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from ..columns import ALL_ITEMS, NEW_ITEMS
from ..frames import Catalogue
from ..recommend.matrix import pair_matrix
from ..recommend.recipe import Recipe
from ..recommend.rerank import divergence, likeness, novel, rerank, shares
from ..recommend.scoring import RecipeScores
from .metrics import all_metrics
from .ranking import rank

STRENGTHS = (0.0, 0.25, 0.5, 0.75, 1.0)
#: Candidates that a list is reordered from (as when serving), and places that are judged.
DEPTH, PLACES = 48, 20
#: As when serving: the r-th candidate has the relevance 1 / (offset + r).
RANK_OFFSET = 10.0
SLIDERS = ("diversity", "novelty", "taste")
#: Test customers that are enough to see the cost.
MOST_USERS = 300

Rows = list[dict[str, float]]


def tradeoffs(
    ranked: NDArray[np.integer],
    truth: sparse.csr_matrix,
    history: sparse.csr_matrix,
    *,
    catalogue: Catalogue,
    popularity: NDArray[np.floating],
    places: int = PLACES,
    strengths: Iterable[float] = STRENGTHS,
) -> dict[str, Rows]:
    """By slider a row per strength: ``value``, ``recall``, ``ndcg`` (of the first ``places``), and what is gained.

    ``ranked`` [m, K] best first, -1 padded; ``truth`` and ``history`` [m, n_items] of the same customers. Gained:
    ``variety`` = mean of 1 - likeness over the pairs of a list, ``novelty`` = mean -log2 of the share of customers who
    had an item (one more than had it, over one more than there are), ``divergence`` = mean KL(history || list) over
    categories, in nats (less is better; over those customers whose history has a category).
    """
    strengths = list(strengths)
    lists = [row[row >= 0] for row in np.asarray(ranked)]
    tastes = [_taste(history, at, catalogue) for at in range(len(lists))]
    surprise = -np.log2((1.0 + popularity) / (1.0 + max(float(popularity.max(initial=0.0)), 1.0)))
    found: dict[str, Rows] = {}
    for slider in SLIDERS:
        found[slider] = []
        for strength in strengths:
            new = np.full((len(lists), places), -1, dtype=np.int64)
            for at, items in enumerate(lists):
                chosen = items[_reordered(items, slider, strength, catalogue, popularity, tastes[at], places)][:places]
                new[at, : len(chosen)] = chosen
            metrics = all_metrics(new, truth, ks=[places])
            found[slider].append(
                {
                    "value": strength,
                    "recall": metrics[f"recall@{places}"],
                    "ndcg": metrics[f"ndcg@{places}"],
                    "variety": _mean(_variety(row[row >= 0], catalogue) for row in new),
                    "novelty": _mean(float(surprise[row[row >= 0]].mean()) for row in new if (row >= 0).any()),
                    "divergence": _mean(
                        _divergence(row[row >= 0], taste, catalogue)
                        for row, taste in zip(new, tastes, strict=True)
                        if taste and (row >= 0).any()
                    ),
                }
            )
    return found


def tradeoffs_of(
    scorer: RecipeScores, recipe: Recipe, *, catalogue: Catalogue, max_users: int = MOST_USERS, random_state: int = 0
) -> dict[str, Any]:
    """Rank for at most ``max_users`` test customers of ``scorer``'s split, drawn, and measure `tradeoffs`.

    ``{"view", "users", "places", "sliders"}``; new items are judged where anybody bought one, else everything. Empty
    when there is no test customer.
    """
    split = scorer.split
    if len(split.users) > max_users:
        some = np.sort(np.random.default_rng(random_state).choice(len(split.users), max_users, replace=False))
        truth = {view: matrix[some] for view, matrix in split.truth.items()}
        split = replace(split, users=split.users[some], bought=split.bought[some], truth=truth)
        scorer = scorer.over(split)
    view = NEW_ITEMS if len(split.rows(NEW_ITEMS)) else ALL_ITEMS
    rows = split.rows(view)
    if not len(rows):
        return {}
    ranked = rank(scorer.scores(recipe, view), split, view, DEPTH, scorer.popularity)
    did = pair_matrix(split.train, split.train.weights)[split.users[rows]]
    sliders = tradeoffs(ranked, split.truth[view][rows], did, catalogue=catalogue, popularity=scorer.popularity)
    return {"view": view, "users": len(rows), "places": PLACES, "sliders": sliders}


def _reordered(
    items: NDArray[np.integer],
    slider: str,
    strength: float,
    catalogue: Catalogue,
    popularity: NDArray[np.floating],
    taste: dict[str, float],
    places: int,
) -> NDArray[np.int64]:
    relevance = 1.0 / (RANK_OFFSET + np.arange(len(items)))
    if slider == "novelty":
        return rerank(novel(relevance, popularity[items], strength), places)
    if slider == "diversity":
        return rerank(relevance, places, diversity=strength, similarity=_alike(items, catalogue))
    names = sorted(taste)
    if not names:
        return rerank(relevance, places)
    members = shares([[catalogue.category[item]] for item in items], names)
    return rerank(
        relevance, places, taste=strength, target=np.array([taste[name] for name in names]), memberships=members
    )


def _alike(items: NDArray[np.integer], catalogue: Catalogue) -> NDArray[np.float64]:
    return likeness(
        categories=[catalogue.category[item] for item in items],
        brands=[catalogue.brand[item].casefold() for item in items],
    )


def _taste(history: sparse.csr_matrix, row: int, catalogue: Catalogue) -> dict[str, float]:
    """Category -> its weight in what a customer did."""
    found: dict[str, float] = {}
    start, end = history.indptr[row], history.indptr[row + 1]
    for item, weight in zip(history.indices[start:end].tolist(), history.data[start:end].tolist(), strict=True):
        label = catalogue.category[item]
        if label and weight > 0:
            found[label] = found.get(label, 0.0) + weight
    return found


def _variety(items: NDArray[np.integer], catalogue: Catalogue) -> float:
    n = len(items)
    if n < 2:
        return 0.0
    alike = _alike(items, catalogue)
    return float(1.0 - (alike.sum() - n) / (n * (n - 1)))


def _divergence(items: NDArray[np.integer], taste: dict[str, float], catalogue: Catalogue) -> float:
    names = sorted(taste)
    target = np.array([taste[name] for name in names])
    mix = shares([[catalogue.category[item]] for item in items], names).mean(axis=0)
    return divergence(target / target.sum(), mix)


def _mean(values: Iterable[float]) -> float:
    found = list(values)
    return float(np.mean(found)) if found else 0.0
