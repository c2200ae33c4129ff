"""Sequential rules, local EASE and GF-CF: the common behaviour, then each against its formula."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import sparse

from django_ecomai.ml.frames import Interactions
from django_ecomai.ml.recommend.ease import ease_weights
from django_ecomai.ml.recommend.features import latent
from django_ecomai.ml.recommend.gfcf import GFCF, strongest_cells
from django_ecomai.ml.recommend.local_ease import LocalEase, local_weights
from django_ecomai.ml.recommend.matrix import decayed_matrix, table_from_blocks
from django_ecomai.ml.recommend.neighbours import NeighbourTable
from django_ecomai.ml.recommend.sequential import Sequential, last_events
from django_ecomai.ml.recommend.sessions import SessionKNN
from django_ecomai.ml.recommend.spectrum import right_vectors
from tests.ml.factories import checkerboard, shop
from tests.ml.item_models import ItemModelBehaviour, RecommenderBehaviour


class TestSequential(ItemModelBehaviour):
    def model(self):
        return Sequential(backward=0.5)

    def test_the_formula(self):
        built = Interactions.build([0, 0, 0, 1, 1], [0, 1, 2, 1, 2], [1, 2, 3, 1, 2])
        table = Sequential().fit(built).neighbours_
        root = np.sqrt([1, 2, 2])
        assert table.row(0)[0].tolist() == [1, 2]
        np.testing.assert_allclose(table.row(0)[1], [1 / root[0] / root[1], 0.5 / root[0] / root[2]], rtol=1e-6)
        assert table.row(1)[0].tolist() == [2]
        np.testing.assert_allclose(table.row(1)[1], [2 / 2], rtol=1e-6)
        assert table.row(2)[0].tolist() == []

    def test_backward_reads_the_pairs_against_their_order(self):
        built = Interactions.build([0, 0], [0, 1], [1, 2])
        assert Sequential(damping=0, backward=0.25).fit(built).neighbours_.row(1)[1].tolist() == [0.25]

    def test_the_window_and_the_weaker_weight(self):
        built = Interactions.build([0] * 4, [0, 1, 2, 3], [1, 2, 3, 4], weights=[1, 3, 2, 1])
        table = Sequential(window=2, damping=0).fit(built).neighbours_
        assert table.row(0)[0].tolist() == [1, 2]
        assert table.row(1)[1].tolist() == [2.0, 0.5]

    def test_users_do_not_follow_each_other(self):
        built = Interactions.build([0, 1], [0, 1], [1, 2])
        assert Sequential().fit(built).neighbours_.row(0)[0].tolist() == []

    def test_only_the_last_events_of_a_crawler_speak(self):
        built = Interactions.build([0, 1, 0, 0], [0, 1, 2, 3], [1, 2, 3, 4])
        assert last_events(built, 2).tolist() == [2, 3, 1]


class TestLocalEase(ItemModelBehaviour):
    def model(self):
        return LocalEase(companions=30, half_life_days=60)

    def test_with_all_items_as_companions_each_column_is_its_ridge(self):
        matrix = decayed_matrix(shop(), None)
        dense = matrix.toarray()
        gram = dense.T @ dense
        penalty = 2.0 * np.diag(gram).mean()
        companions = NeighbourTable(
            np.array([[i for i in range(40) if i != j] for j in range(40)], dtype=np.int32), np.ones((40, 39), "f4")
        )
        weights = local_weights(matrix, companions, 2.0).toarray()
        for target in (0, 17, 39):
            rest = companions.indices[target]
            solution = np.linalg.solve(gram[np.ix_(rest, rest)] + penalty * np.eye(39), gram[rest, target])
            np.testing.assert_allclose(weights[rest, target], np.maximum(solution, 0), atol=1e-5)
            assert weights[target, target] == 0

    def test_it_is_ease_when_nothing_is_left_out(self):
        # the columns of EASE are the ridges over all other items
        matrix = decayed_matrix(shop(), None)
        exact = ease_weights(matrix, 3.0)
        table = LocalEase(companions=39, regularisation=3.0).fit(shop()).neighbours_
        for item in (3, 30):
            indices, scores = table.row(item)
            np.testing.assert_allclose(scores, exact[item, indices], atol=1e-5)

    def test_only_companions_have_weights(self):
        companions = NeighbourTable(np.array([[1], [-1], [0]], dtype=np.int32), np.ones((3, 1), "f4"))
        built = Interactions.build([0, 0, 0, 1, 1], [0, 1, 2, 0, 2], [1] * 5)
        weights = local_weights(built.csr(), companions, 1.0)
        assert sorted(zip(*weights.nonzero(), strict=True)) == [(0, 2), (1, 0)]

    def test_no_regularisation_is_refused(self):
        with pytest.raises(ValueError, match="must be positive"):
            LocalEase(regularisation=0).fit(checkerboard())

    def test_the_scale_of_weights_does_not_matter(self):
        small, large = LocalEase().fit(checkerboard()), LocalEase().fit(checkerboard(weight=1000.0))
        np.testing.assert_allclose(small.neighbours_.scores, large.neighbours_.scores, rtol=1e-4)


class TestGFCF(ItemModelBehaviour):
    def model(self):
        return GFCF(rank=2)

    def test_the_formula(self):
        dense = shop().csr().toarray()
        damped = dense / dense.sum(1, keepdims=True) ** 0.4 / dense.sum(0, keepdims=True) ** 0.3
        vectors = np.linalg.svd(damped)[2][:5].T
        scale = dense.sum(0) ** 0.3
        expected = 2 * damped.T @ damped + 0.7 * (vectors / scale[:, None]) @ (vectors * scale[:, None]).T
        model = GFCF(rank=5, low_pass=0.7, gram=2.0, user_power=0.4, item_power=0.3, neighbours=39).fit(shop())
        for item in (0, 25):
            indices, scores = model.neighbours_.row(item)
            np.testing.assert_allclose(scores, expected[item, indices], rtol=0.02, atol=0.002)

    def test_the_factors_are_the_low_pass_part(self):
        model = GFCF(rank=4, low_pass=1.0, gram=0.0, neighbours=39)
        left, right = model.fit_factors(shop())
        assert left.shape == right.shape == (40, 4)
        indices, scores = model.fit(shop()).neighbours_.row(7)
        # of float32, whose last digits depend on the machine's BLAS
        np.testing.assert_allclose(scores, (right @ left[7])[indices], rtol=1e-4, atol=1e-7)


class TestSessionKNN(RecommenderBehaviour):
    def model(self):
        return SessionKNN(neighbours=50, sample=100)

    def test_the_formula(self):
        sessions = Interactions.build([0, 0, 1, 1, 2, 2, 2], [0, 1, 1, 2, 0, 1, 3], [0, 1, 0, 1, 0, 1, 2])
        model = SessionKNN().fit(sessions)
        found, scores = model.candidates([0, 1])
        # newest item 1 weighs 1, item 0 one half; every session shares item 1, the newest: no vote is discounted
        rarity = np.log(4 / np.array([2, 3, 1, 1]))
        expected = {0: 1.5 * 2, 1: 1.5 + 1 + 1.5, 2: 1.0, 3: 1.5}
        assert {item: pytest.approx(value * rarity[item], rel=1e-6) for item, value in expected.items()} == dict(
            zip(found.tolist(), scores.tolist(), strict=True)
        )

    def test_an_older_shared_item_counts_less_and_only_the_nearest_vote(self):
        sessions = Interactions.build([0, 0, 1, 1], [0, 2, 1, 3], [0, 1, 0, 1])
        scores = dict(zip(*(part.tolist() for part in SessionKNN(idf=0).fit(sessions).candidates([0, 1])), strict=True))
        assert scores == {0: pytest.approx(0.45), 2: pytest.approx(0.45), 1: pytest.approx(1), 3: pytest.approx(1)}
        assert SessionKNN(neighbours=1, idf=0).fit(sessions).recommend([0, 1])[0].tolist() == [1, 3]

    def test_only_the_latest_sessions_of_an_item_are_looked_at(self):
        sessions = Interactions.build([0, 0, 1, 1], [0, 2, 0, 3], [0, 1, 0, 1])
        assert sorted(SessionKNN(sample=1).fit(sessions).candidates([0])[0].tolist()) == [0, 3]

    def test_many_visits_at_once_are_the_same_as_one_by_one(self):
        data = shop()
        model = self.model().fit(data)
        visits = Interactions.build([0, 0, 2], [1, 30, 5], [0, 1, 0], n_users=3, n_items=40)
        scores = model.score_histories(visits)
        assert scores.shape == (3, 40)
        assert scores[1].nnz == 0
        for row, history in ((0, [1, 30]), (2, [5])):
            found, values = model.candidates(history)
            np.testing.assert_allclose(scores[row].toarray().ravel()[found], values, rtol=1e-6)


def test_right_vectors_are_orthonormal_and_never_more_than_there_are():
    vectors = right_vectors(shop().csr(), 10)
    np.testing.assert_allclose(vectors.T @ vectors, np.eye(10), atol=1e-4)
    assert right_vectors(checkerboard(6).csr(), 500).shape[1] <= 6
    assert right_vectors(Interactions.empty(2, 3).csr(), 5).shape == (3, 0)


@pytest.mark.parametrize("k", [1, 5, 40, 1000, 2000])
def test_strongest_cells_keeps_what_exact_pruning_needs(k):
    dense = np.random.default_rng(3).standard_normal((6, 2000)).round(2).astype(np.float32)
    dense[2] = 0
    dense[3] = 1
    exact = np.sort(dense, axis=1)[:, ::-1][:, :k]
    for row, kept in enumerate(strongest_cells(dense, k)):
        wanted = exact[row][exact[row] > 0]
        np.testing.assert_array_equal(np.sort(kept.data)[::-1][: len(wanted)], wanted)
    assert table_from_blocks(iter([(0, strongest_cells(dense[:, :6], 3))]), 6, 3, np.zeros(6)).indices.shape == (6, 3)


def test_fewer_directions_than_asked_for_are_the_same_ones_every_time():
    matrix = sparse.csr_matrix(np.outer(np.arange(90) % 7, np.arange(100) % 5).astype(float))

    found = [latent(matrix, 20) for _ in range(3)]

    assert found[0].shape == (90, 1)
    assert found[0].tobytes() == found[1].tobytes() == found[2].tobytes()
    assert np.allclose(found[0] @ found[0].T, (matrix @ matrix.T).toarray(), rtol=1e-4)
