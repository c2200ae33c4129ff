"""What lists are like, worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import sparse

from django_ecomai.ml.evaluate.beyond import Shelf, beyond_accuracy, diversity, gini
from django_ecomai.ml.frames import Catalogue
from tests.ml.factories import shop, words

LISTS = np.array([[0, 1], [0, 3], [2, -1]])


def shelf(customers=(8, 4, 2, 0), n_customers: int = 16, vectors=None, for_sale=(True,) * 4) -> Shelf:
    return Shelf(np.array(customers, float), n_customers, vectors, np.array(for_sale))


def history(*rows: set[int], n_items: int = 4) -> sparse.csr_matrix:
    dense = np.zeros((len(rows), n_items))
    for row, items in enumerate(rows):
        dense[row, list(items)] = 1
    return sparse.csr_matrix(dense)


def test_three_lists_by_hand():
    metrics = beyond_accuracy(LISTS, shelf(), history({1}, {2, 3}, set()), 2)
    assert metrics == pytest.approx(
        {
            # items 0, 1, 0, 3, 2: half, a quarter, half, 1/32 (nobody counts as half a customer), an eighth
            "novelty@2": (1 + 2 + 1 + 5 + 3) / 5,
            # shown 2, 1, 1, 1 times; sorted 1 1 1 2: (2 i - 5) x = -3 - 1 + 1 + 6 over 4 x 5
            "gini@2": 3 / 20,
            # 0 has 8 of 14 customers and 1 begins below 80 %: items 2 and 3 are the tail
            "long_tail@2": 2 / 5,
            # lists of the two with a history: means 6 and 4; they bought 4 and 1 on average
            "popularity_lift@2": 5 / 2.5 - 1,
        }
    )


def test_diversity_is_one_minus_the_mean_cosine():
    vectors = sparse.csr_matrix([[1.0, 0.0], [0.0, 1.0], [1.0, 0.0], [0.6, 0.8]])
    assert diversity(np.array([[0, 1]]), vectors) == 1
    assert diversity(np.array([[0, 2]]), vectors) == 0
    assert diversity(np.array([[0, 2, 1]]), vectors) == pytest.approx(1 - 1 / 3)
    assert diversity(np.array([[0, 3], [1, -1], [-1, -1]]), vectors) == pytest.approx(0.4), "one item has no pair"
    assert "diversity@2" in beyond_accuracy(LISTS, shelf(vectors=vectors), history(set(), set(), set()), 2)


def test_always_the_same_is_unequal_and_what_is_not_for_sale_is_no_choice():
    assert gini(np.array([[0], [0], [0]]), shelf()) == pytest.approx(0.75)
    assert gini(np.array([[0], [0]]), shelf(for_sale=(True, False, False, False))) == 0


def test_nothing_recommended_is_zero():
    nothing = beyond_accuracy(np.full((2, 3), -1), shelf(), history({0}, {1}), 3)
    assert set(nothing.values()) == {0.0}
    assert beyond_accuracy(np.empty((0, 3), int), shelf(n_customers=0), history(), 3)["novelty@3"] == 0


def test_the_shelf_of_a_shop():
    known = Shelf.of(shop(), words(40))
    assert (known.n_customers, known.vectors.shape[0]) == (120, 40)
    lengths = np.sqrt(known.vectors.multiply(known.vectors).sum(axis=1))
    assert np.asarray(lengths).ravel() == pytest.approx(np.ones(40))
    assert diversity(np.array([[0, 2, 4]]), known.vectors) == pytest.approx(0), "all of them lanterns"
    assert Shelf.of(shop(), None).vectors is None
    assert Shelf.of(shop(), Catalogue.build(40)).vectors is None


@given(st.lists(st.permutations(range(6)), min_size=1, max_size=5), st.integers(1, 6))
def test_shares_are_shares(rankings, k):
    lists = np.array(rankings)
    known = Shelf(np.arange(6.0), 9, None, np.ones(6, bool))
    metrics = beyond_accuracy(lists, known, history(*({0} for _ in rankings), n_items=6), k)
    assert 0 <= metrics[f"gini@{k}"] < 1
    assert 0 <= metrics[f"long_tail@{k}"] <= 1
    assert metrics[f"novelty@{k}"] >= 0
