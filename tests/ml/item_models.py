"""Behaviour that every recommender owes its callers, run against each of them by `test_item_models`."""

from __future__ import annotations

import numpy as np
import pytest

from django_ecomai.ml.frames import Catalogue, Interactions
from django_ecomai.ml.persist import load_arrays, save_arrays
from django_ecomai.ml.recommend.base import Recommender
from tests.ml.factories import checkerboard, shop, words


class RecommenderBehaviour:
    """Subclass it, return a fresh model from `model`, and say whether it personalises."""

    #: Recommends by taste: on a checkerboard nothing of the other colour.
    personal = True
    #: Recommends only what is in the history.
    repeats = False

    def model(self) -> Recommender:
        raise NotImplementedError

    def fitted(self, interactions: Interactions) -> Recommender:
        return self.model().fit(interactions, catalogue=words(interactions.n_items))

    def test_fit_returns_the_model_and_keeps_its_parameters(self):
        model = self.model()
        before = model.get_params()
        assert model.fit(checkerboard(), catalogue=words(10)) is model
        assert model.get_params() == before
        assert repr(model).startswith(type(model).__name__)

    def test_checkerboard_keeps_to_its_colour(self):
        items, scores = self.fitted(checkerboard(10)).recommend([0, 2], n=10, exclude=[] if self.repeats else [0, 2])
        assert len(items)
        if self.personal:
            assert set(items.tolist()) <= {0, 2, 4, 6, 8}
        if self.personal and not self.repeats:
            assert set(items.tolist()) == {4, 6, 8}
        assert (np.diff(scores) <= 0).all()

    def test_more_requested_than_available(self):
        items, scores = self.fitted(checkerboard(6)).recommend([0], n=1000)
        assert len(items) == len(scores) <= 6
        assert len(set(items.tolist())) == len(items)
        assert ((items >= 0) & (items < 6)).all()

    @pytest.mark.parametrize("n", [0, 1, 3])
    def test_never_more_than_asked(self, n):
        assert len(self.fitted(checkerboard()).recommend([0, 2, 4], n=n)[0]) <= n

    def test_excluded_items_never_come_back(self):
        model = self.fitted(checkerboard())
        assert not set(model.recommend([0, 2], n=10, exclude=[2, 4, 5])[0].tolist()) & {2, 4, 5}
        assert model.recommend([0, 2], n=10, exclude=range(10))[0].tolist() == []

    def test_save_and_load_give_the_same_answers(self, tmp_path):
        model = self.fitted(shop())
        save_arrays(tmp_path / "a", model.arrays(), {"params": model.get_params()})
        manifest, arrays = load_arrays(tmp_path / "a", verify=True)
        again = type(model).from_arrays(manifest["params"], arrays)
        for history in ([0], [3, 30], [39, 1, 1]):
            for mine, theirs in zip(model.recommend(history), again.recommend(history), strict=True):
                np.testing.assert_array_equal(mine, theirs)
        assert again.n_items_ == 40

    def test_the_same_data_give_the_same_artifact(self, tmp_path):
        digests = {save_arrays(tmp_path / str(n), self.fitted(shop()).arrays(), {}) for n in range(2)}
        assert len(digests) == 1

    def test_a_second_fit_forgets_the_first(self):
        model = self.fitted(shop())
        model.fit(checkerboard(), catalogue=words(10))
        np.testing.assert_array_equal(model.recommend([0, 2])[0], self.fitted(checkerboard()).recommend([0, 2])[0])

    @pytest.mark.parametrize("n_items", [0, 1, 5])
    def test_no_interactions(self, n_items):
        model = self.model().fit(Interactions.empty(n_items=n_items), catalogue=Catalogue.build(n_items))
        items, _ = model.recommend([0, 1], n=3)
        assert len(items) <= min(n_items, 3)

    def test_one_user_and_one_item(self):
        model = self.model().fit(Interactions.build([0], [0], [5]), catalogue=Catalogue.build(1, title=["Mug"]))
        assert set(model.recommend([0], n=5)[0].tolist()) <= {0}
        assert model.recommend([0], n=5, exclude=[0])[0].tolist() == []

    def test_unknown_items_are_ignored(self):
        model = self.fitted(checkerboard())
        known, with_unknown = model.recommend([0, 2]), model.recommend([0, -1, 2, 10, 99])
        np.testing.assert_array_equal(known[0], with_unknown[0])
        assert self.fitted(checkerboard()).recommend([-1])[0].tolist() == model.recommend([])[0].tolist()

    def test_identical_timestamps(self):
        items, _ = self.fitted(checkerboard(same_moment=True)).recommend([0, 2], n=3)
        assert len(items) == (2 if self.repeats else 3)

    @pytest.mark.parametrize("weight", [3e38, 1e-38])
    def test_extreme_weights_stay_finite(self, weight):
        model = self.fitted(checkerboard(weight=weight))
        for array in model.arrays().values():
            assert np.isfinite(array).all()
        items, scores = model.recommend([0, 2], [weight, weight])
        assert np.isfinite(scores).all()
        assert len(items)

    def test_a_crawler_that_saw_everything_changes_nothing_much(self):
        base = checkerboard()
        crowd = Interactions.build(
            np.r_[base.users, np.full(10, 10)],
            np.r_[base.items, np.arange(10)],
            np.r_[base.times, np.full(10, base.times[-1])],
            baskets=np.r_[base.users, np.full(10, 10)],
        )
        items, _ = self.fitted(crowd).recommend([0, 2], n=3, exclude=[] if self.repeats else [0, 2])
        if self.personal:
            assert set(items.tolist()) <= {0, 2, 4, 6, 8}

    def test_a_catalogue_of_another_size_is_refused(self):
        with pytest.raises(ValueError, match="the catalogue has 3 rows for 10 items"):
            self.model().fit(checkerboard(), catalogue=words(3))


class ItemModelBehaviour(RecommenderBehaviour):
    """Item-item models also know neighbours."""

    def test_neighbours_are_sorted_padded_and_never_the_item_itself(self):
        table = self.fitted(shop()).neighbours_
        assert table.indices.dtype == np.int32
        assert table.scores.dtype == np.float32
        for item in range(40):
            indices, scores = table.row(item)
            assert item not in indices
            assert len(set(indices.tolist())) == len(indices)
            assert (np.diff(scores) <= 0).all()
            assert (scores > 0).all()
        padded = table.indices < 0
        assert (table.scores[padded] == 0).all()

    def test_similar_is_a_row_of_the_table(self):
        model = self.fitted(checkerboard())
        items, scores = model.similar(0, n=2)
        assert len(items) == len(scores) == 2
        assert model.similar(-1)[0].tolist() == model.similar(99)[0].tolist() == []

    def test_no_more_neighbours_than_asked_for(self):
        model = self.model()
        model.neighbours = 2
        assert model.fit(checkerboard(), catalogue=words(10)).neighbours_.indices.shape[1] == 2
