"""Local EASE at size: batches, their Gram matrices, and how many companions are affordable."""

from __future__ import annotations

import numpy as np
import pytest

from django_ecomai.ml.recommend import local_ease, local_grams
from django_ecomai.ml.recommend.base import distinct_users
from django_ecomai.ml.recommend.cosine import gram_blocks
from django_ecomai.ml.recommend.local_ease import affordable, local_weights
from django_ecomai.ml.recommend.local_grams import LocalGrams
from django_ecomai.ml.recommend.matrix import decayed_matrix, table_from_blocks
from tests.ml.factories import shop


@pytest.fixture
def matrix():
    return decayed_matrix(shop(), None)


def companions_of(matrix, k):
    return table_from_blocks(gram_blocks(matrix), matrix.shape[1], k, distinct_users(shop()))


@pytest.mark.parametrize("head", [0, 5, 2000])
def test_gram_matrices_are_those_of_the_items_in_their_places_whatever_is_in_the_head(matrix, monkeypatch, head):
    monkeypatch.setattr(local_grams, "HEAD", head)
    grams = LocalGrams(matrix)
    exact = (matrix.T @ matrix).toarray()
    for items in ([3, 17, 30, 8], [8, 2], [39], list(range(40))):
        gram = grams.of(np.array(items))
        places = grams.place[items]
        assert sorted(places.tolist()) == list(range(len(items)))
        np.testing.assert_allclose(gram[np.ix_(places, places)], exact[np.ix_(items, items)], rtol=1e-5)
        assert grams.place[-1] == len(items)
        assert not gram[-1].any() and not gram[:, -1].any()


@pytest.mark.parametrize(("together", "cells"), [(1, 4_000_000), (7, 100), (1000, 1)])
def test_how_items_are_batched_does_not_change_their_weights(matrix, monkeypatch, together, cells):
    companions = companions_of(matrix, 9)
    usual = local_weights(matrix, companions, 3.0).toarray()
    monkeypatch.setattr(local_ease, "MOST_TOGETHER", together)
    monkeypatch.setattr(local_ease, "BATCH_CELLS", cells)
    monkeypatch.setattr(local_grams, "HEAD", 3)
    np.testing.assert_allclose(local_weights(matrix, companions, 3.0).toarray(), usual, atol=1e-6)


def test_every_item_is_in_one_batch_with_all_its_companions(matrix, monkeypatch):
    monkeypatch.setattr(local_ease, "MOST_TOGETHER", 12)
    companions = companions_of(matrix, 5)
    counts = np.full(40, 5)
    seen: list[int] = []
    for part, union in local_ease._batches(companions.indices, counts, np.arange(40)):
        seen += part.tolist()
        assert len(part) == 1 or len(union) <= 12
        assert sorted(union.tolist()) == sorted({*part.tolist(), *companions.indices[part].ravel().tolist()})
    assert seen == list(range(40))


def test_fewer_companions_are_taken_only_where_all_are_too_many(monkeypatch):
    counts, met = np.array([100, 100, 100, 3]), np.array([2, 5, 50, 9])
    assert affordable(counts, met).tolist() == [100, 100, 100, 3]
    monkeypatch.setattr(local_ease, "MOST_CELLS", 20_000)
    assert affordable(counts, met).tolist() == [32, 80, 100, 3]
    monkeypatch.setattr(local_ease, "MOST_CELLS", 1)
    assert affordable(counts, met).tolist() == [8, 10, 100, 3]


def test_a_capped_item_has_the_weights_of_its_strongest_companions_alone(matrix, monkeypatch):
    monkeypatch.setattr(local_ease, "MOST_CELLS", 0)
    monkeypatch.setattr(local_ease, "PER_USER", (0,))
    monkeypatch.setattr(local_ease, "LEAST_COMPANIONS", 4)
    capped = local_weights(matrix, companions_of(matrix, 20), 3.0).toarray()
    monkeypatch.undo()
    np.testing.assert_allclose(capped, local_weights(matrix, companions_of(matrix, 4), 3.0).toarray(), atol=1e-6)
