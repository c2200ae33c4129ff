"""The search for the weights of a blend, and the halving around it."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import sparse

from django_ecomai.ml.columns import NEW_ITEMS
from django_ecomai.ml.evaluate.holdout import block_split, last_item_split
from django_ecomai.ml.evaluate.metrics import all_metrics
from django_ecomai.ml.evaluate.ranking import rank
from django_ecomai.ml.recommend.fold import no_progress
from django_ecomai.ml.recommend.recipe import Recipe, Source
from django_ecomai.ml.recommend.search import Search, every, objective
from django_ecomai.ml.recommend.tune import PAIRS, SEQUENCE, _steps
from django_ecomai.ml.recommend.weights import Pool, pool, search_weights
from tests.ml.factories import shop
from tests.ml.test_holdout import no_order, places

GOOD = sparse.csr_matrix(np.array([[0, 0, 3.0, 2, 1], [3, 2, 1, 0, 0]]))
BAD = sparse.csr_matrix(np.array([[0, 0, 1.0, 2, 3], [1, 2, 3, 0, 0]]))
BOUGHT = sparse.csr_matrix(np.array([[0, 0, 0, 0, 1.0], [0, 0, 0, 0, 0]]))
TRUTH = sparse.csr_matrix(np.array([[0, 0, 1.0, 0, 0], [1, 0, 0, 0, 1]]))


def table(*parts: sparse.csr_matrix, k: int = 2) -> Pool:
    return pool([part.copy() for part in parts], BOUGHT.copy(), TRUTH.copy(), k)


def test_a_pool_holds_the_candidates_that_were_not_bought():
    built = table(GOOD, BAD)
    assert built.present.tolist() == [[True, True, False], [True, True, True]]
    assert built.scores[0].tolist() == [[3, 2, 0], [3, 2, 1]]
    assert built.scores[1].tolist() == [[1, 2, 0], [1, 2, 3]]
    assert built.hit.tolist() == [[True, False, False], [True, False, False]]
    assert built.relevant.tolist() == [1, 2], "a true item that nobody proposes still counts"


def test_the_value_is_that_of_the_metrics():
    built = table(GOOD, BAD)
    recall = (1 + 1 / 2) / 2
    ndcg = (1 + 1 / (1 + 1 / np.log2(3))) / 2
    assert built.value(np.array([1.0, 0.0])) == pytest.approx(np.sqrt(recall * ndcg))
    assert built.value(np.array([0.0, 1.0])) == pytest.approx(np.sqrt(0.5 * 0.5 / np.log2(3)))


def test_customers_out_of_reach_count_without_a_row():
    """A third customer wants what nobody proposes: no weights can help him, and he counts as nothing found."""
    nobody = sparse.csr_matrix(np.array([[0, 1.0, 0, 0, 0]]))
    built = pool(
        [sparse.csr_matrix(sparse.vstack([part, nobody])) for part in (GOOD, BAD)],
        sparse.csr_matrix(sparse.vstack([BOUGHT, nobody * 0])),
        sparse.csr_matrix(sparse.vstack([TRUTH, sparse.csr_matrix(np.array([[0, 0, 0, 1.0, 0]]))])),
        2,
    )
    both = table(GOOD, BAD)
    assert (built.customers, both.customers) == (3, 2)
    np.testing.assert_array_equal(built.scores, both.scores)
    for weights in (np.array([1.0, 0.0]), np.array([0.2, 1.0])):
        assert built.value(weights) == pytest.approx(both.value(weights) * 2 / 3)


def test_weights_climb_to_the_source_that_knows():
    worse = sparse.csr_matrix(BAD * 1.5)  # the better source needs more than its weight to be in front
    built = table(GOOD, worse)
    weights, tried = search_weights(built, np.array([0.0, 1.0]))
    assert weights[0] >= 2 * weights[1]
    assert built.value(weights) == built.value(np.array([1.0, 0.0]))
    assert tried > 5
    again, _ = search_weights(built, np.array([0.0, 1.0]))
    np.testing.assert_array_equal(weights, again)


def test_an_empty_pool_has_no_value():
    nothing = sparse.csr_matrix((0, 5))
    built = pool([nothing], nothing, nothing, 20)
    assert built.value(np.array([1.0])) == 0.0
    assert search_weights(built, np.array([1.0]))[0].tolist() == [1.0]


def test_the_pool_ranks_as_the_evaluation_does():
    split = block_split(no_order(shop(400)), share=0.4)
    search = Search(split, None, Recipe(history_half_life_days=None), 60, 5, 0.0, no_progress)
    recipe = Recipe(
        sources=(Source("cosine"), Source("gfcf", {"gram": 0.0, "rank": 6}, 0.4)),
        history_half_life_days=None,
    )
    rows = split.rows(NEW_ITEMS)
    parts = [search.scorer.part(recipe, source)[rows] for source in recipe.sources]
    built = pool(parts, split.bought[rows], split.truth[NEW_ITEMS][rows], 5)
    ranked = rank(search.scorer.scores(recipe, NEW_ITEMS), split, NEW_ITEMS, 5, search.scorer.popularity)
    metrics = all_metrics(ranked, split.truth[NEW_ITEMS][rows], ks=(5,))
    assert built.value(np.array([1.0, 0.4])) == pytest.approx(objective(metrics, 5), rel=1e-3)


class Known:
    """In place of a search: the value of every fading per step is known."""

    def __init__(self, values: dict[float, float]) -> None:
        self.values = values
        self.asked: list[float] = []

    def best(self, view: str, recipes: list[Recipe], incumbent: Recipe, *, margin: float) -> Recipe:
        (recipe,) = recipes
        self.asked.append(recipe.history_step_decay)
        old, new = (self.values.get(one.history_step_decay, 0.0) for one in (incumbent, recipe))
        return recipe if new > old * margin else incumbent


def test_the_fading_per_step_is_followed_for_as_long_as_it_helps():
    known = Known({0.65: 1.0, 0.5: 1.1, 0.35: 1.2, 0.2: 1.1, 0.8: 1.5})
    start = Recipe(history_step_decay=0.65)
    assert _steps(known, start, SEQUENCE, 0.15).history_step_decay == 0.35
    assert known.asked == [0.5, 0.35, 0.2]
    known = Known({0.65: 1.0, 0.8: 1.1, 0.95: 1.2})
    assert _steps(known, start, SEQUENCE, 0.15).history_step_decay == 0.95
    assert known.asked == [0.5, 0.8, 0.95], "1 would not fade at all"
    for recipe, shape in ((start, PAIRS), (Recipe(), SEQUENCE)):
        assert _steps(known, recipe, shape, 0.15) is recipe


def test_halving_asks_a_sample_first_and_everybody_about_the_survivors():
    split = last_item_split(places(shop(400)))
    search = Search(split, None, Recipe(history_half_life_days=None), 60, 20, 0.0, no_progress)
    recipes = [
        Recipe(sources=(Source("sequential", {"window": window}),), history_half_life_days=None)
        for window in (1, 2, 3, 4, 5)
    ]
    best = search.halved(NEW_ITEMS, recipes)
    rough = [row for row in search.tried if row["rough"]]
    exact = [row for row in search.tried if not row["rough"]]
    assert len(rough) == 5
    assert len(exact) == 2
    assert {row["users"] for row in rough} == {len(every(split, 3).rows(NEW_ITEMS))}
    assert max(row["users"] for row in rough) < min(row["users"] for row in exact)
    assert best in recipes
    assert [row["recipe"] for row in search.tried if row["chosen"]] == [best.to_dict()]


def test_few_customers_are_not_divided():
    split = last_item_split(places(shop(100)))
    search = Search(split, None, Recipe(), 60, 20, 0.0, no_progress)
    search.halved(NEW_ITEMS, [Recipe(trending_days=days) for days in (1.0, 2.0, 3.0, 4.0)])
    assert [row["rough"] for row in search.tried] == [False] * 4


def test_weighing_never_makes_a_recipe_worse_and_counts_as_one_evaluation():
    split = last_item_split(places(shop(400)))
    search = Search(split, None, Recipe(history_half_life_days=None), 60, 20, 0.0, no_progress)
    start = Recipe(sources=(Source("cosine"),), history_half_life_days=None)
    search.best(NEW_ITEMS, [start])
    found = search.weighed(start, [Source("sequential"), Source("gfcf", {"gram": 0.0, "rank": 6})])
    assert len(search.tried) <= 2
    assert search.moves > 10
    assert search.known(NEW_ITEMS, found) >= search.known(NEW_ITEMS, start)
    search.limit = len(search.tried)
    assert search.weighed(start, [Source("sequential")]) is start
