from __future__ import annotations

import numpy as np
import pytest
from scipy import sparse

from django_ecomai.ml.evaluate.ranking import Scores, order_by, rank
from django_ecomai.ml.evaluate.split import time_split
from django_ecomai.ml.frames import Interactions


def small() -> Interactions:
    # user 0 bought 0, 1 then 1, 2; user 1 bought 0 then nothing; user 2 is new after the cut; user 3 viewed 3, bought 3
    users = [0, 0, 1, 3, 0, 0, 2, 3]
    items = [0, 1, 0, 3, 1, 2, 4, 3]
    times = [1, 2, 3, 4, 10, 11, 12, 13]
    weights = [1, 1, 1, 0.1, 1, 1, 1, 1]
    return Interactions.build(users, items, times, weights=weights)


def view(split, name: str) -> dict[int, list[int]]:
    matrix = split.truth[name]
    return {int(split.users[row]): matrix[row].indices.tolist() for row in split.rows(name)}


def test_the_three_views_of_the_truth():
    split = time_split(small(), 10)
    assert split.users.tolist() == [0, 3]
    assert view(split, "all") == {0: [1, 2], 3: [3]}
    assert view(split, "new_items") == {0: [2]}
    assert view(split, "repeat_items") == {0: [1], 3: [3]}
    assert split.train.times.max() == 4


def test_only_purchases_are_bought_when_views_weigh_less():
    split = time_split(small(), 10, target_weight=1.0)
    assert view(split, "new_items") == {0: [2], 3: [3]}
    assert view(split, "repeat_items") == {0: [1]}


def test_the_end_is_not_included():
    assert view(time_split(small(), 10, end=11), "all") == {0: [1]}


def test_a_sample_of_customers_is_repeatable():
    rows = np.arange(50)
    built = Interactions.build(np.r_[rows, rows], np.zeros(100, int), np.r_[rows * 0, rows * 0 + 5])
    first, second = (time_split(built, 5, max_users=10, random_state=3).users for _ in range(2))
    assert first.tolist() == second.tolist() == sorted(first.tolist())
    assert len(first) == 10


def test_rankings_are_masked_filled_and_padded():
    split = time_split(small(), 10)  # user 0 bought items 0 and 1
    scores = Scores(sparse.csr_matrix(np.array([[9.0, 1, 0, 0, 5], [0, 0, 0, 2, 0]])), np.array([3, 2, 1, 0, 4]))
    popularity = np.zeros(5)
    assert rank(scores, split, "new_items", 4, popularity).tolist() == [[4, 3, 2, -1]]
    assert rank(scores, split, "repeat_items", 3, popularity).tolist() == [[0, 1, -1], [3, -1, -1]]
    assert rank(scores, split, "all", 4, popularity).tolist() == [[0, 4, 1, 3], [3, 2, 1, 0]]


def test_without_scores_the_order_ranks_also_what_was_bought():
    split = time_split(small(), 10)
    assert rank(Scores(None, np.array([4, 1, 3, 0, 2])), split, "repeat_items", 2, np.zeros(5)).tolist() == [
        [1, 0],
        [3, -1],
    ]


def test_ties_go_to_the_popular_then_to_the_lower_index():
    split = time_split(small(), 10)
    scores = Scores(sparse.csr_matrix(np.array([[0, 0, 1.0, 1, 1], [0.0] * 5])), np.arange(5))
    assert rank(scores, split, "new_items", 3, np.array([0, 0, 1, 1, 2])).tolist() == [[4, 2, 3]]
    assert order_by(np.array([1, 2, 2, 0]), np.array([0, 1, 5, 0])).tolist() == [2, 1, 0, 3]


def test_nobody_returns():
    split = time_split(small(), 100)
    assert len(split.users) == 0
    assert rank(Scores(None, np.arange(5)), split, "all", 2, np.zeros(5)).shape == (0, 2)


@pytest.mark.parametrize("cut", [0, 10])
def test_no_interactions_split_into_nothing(cut):
    split = time_split(Interactions.empty(n_users=3, n_items=2), cut)
    assert len(split.users) == len(split.train) == 0


def test_small_blocks_change_nothing(monkeypatch):
    from django_ecomai.ml.evaluate.run import evaluate_split
    from django_ecomai.ml.recommend import matrix
    from django_ecomai.ml.recommend.recipe import Recipe, Source
    from tests.ml.factories import DAY, START, shop, words

    sources = tuple(Source(kind) for kind in ("cosine", "ease", "content", "copurchase"))
    recipe = Recipe(sources=sources, trend_power=0.5)
    whole = evaluate_split(shop(), START + 150 * DAY, catalogue=words(40), recipe=recipe)
    monkeypatch.setattr(matrix, "BLOCK_CELLS", 130)
    assert evaluate_split(shop(), START + 150 * DAY, catalogue=words(40), recipe=recipe).rows == whole.rows
