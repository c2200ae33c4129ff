"""Features of products, cold items and the next category: formulas by hand, and that nothing strange breaks them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from django_ecomai.ml.frames import Catalogue, Interactions
from django_ecomai.ml.recommend.build import build
from django_ecomai.ml.recommend.coldmap import (
    BOLD,
    FRESH_DAYS,
    ColdMap,
    collaborative_factors,
    freshness,
    nearest_known,
)
from django_ecomai.ml.recommend.content import Content
from django_ecomai.ml.recommend.cosine import Cosine, damp
from django_ecomai.ml.recommend.features import (
    attribute_labels,
    category_labels,
    item_features,
    latent,
    weighted_labels,
)
from django_ecomai.ml.recommend.matrix import decayed_matrix
from django_ecomai.ml.recommend.next_category import NextCategory, habits
from django_ecomai.ml.recommend.recipe import Recipe, Source
from django_ecomai.ml.recommend.serving import Scorer
from tests.ml.factories import DAY, START, id_map, shop
from tests.ml.test_intents import table


class TestFeatures:
    def test_ancestors_count_less_the_higher_they_are(self):
        catalogue = Catalogue.build(2, category=["Lamps", ""], category_path=[["Light", "Home", "light"], []])
        assert category_labels(catalogue) == [{"lamps": 1.0, "light": 0.5, "home": 0.25}, {}]

    def test_a_sibling_is_more_alike_than_a_cousin(self):
        paths = [["light"], ["light"], ["sound"], ["sound"]]
        catalogue = Catalogue.build(4, category=["lamps", "lamps", "lamps2", "lamps2"], category_path=paths)
        near = Catalogue.build(4, category=["lamps", "torch", "lamps", "torch"], category_path=[["light"]] * 4)
        alike = item_features(catalogue) @ item_features(catalogue).T
        assert alike[0, 1] == pytest.approx(0.25)  # category_weight ** 2
        assert alike[0, 2] == 0
        between = item_features(near) @ item_features(near).T
        assert 0 < between[0, 1] < between[0, 2]

    def test_attributes_as_labels(self):
        labels = attribute_labels(
            [{"Colour": " Dark  Red ", "sizes": [38, 40], "vegan": True, "spec": {"volt": "12 V", "deep": {"x": 1}}}]
        )
        assert labels == [
            {"colour=dark red": 1.0, "sizes=38": 1.0, "sizes=40": 1.0, "vegan=true": 1.0, "spec.volt=12 v": 1.0}
        ]

    def test_what_says_nothing_is_left_out(self):
        values = {"product_id": 7, "EAN": "40", "image url": "x", "empty": "", "none": None, "nan": float("nan"),
                  "long": "x" * 81, "": "y"}  # fmt: skip
        assert attribute_labels([values]) == [{}]
        assert len(attribute_labels([{"tags": list(range(5000))}])[0]) == 64
        assert attribute_labels([{"valid": "ja", "humidity": "dry"}])[0] == {"valid=ja": 1.0, "humidity=dry": 1.0}

    def test_near_numbers_share_a_bin_and_outliers_do_not_matter(self):
        watts = [10, 11, 20, 21, 40, "41", 60, 61, 80, 81, 100, 1e12]
        labels = attribute_labels([{"watt": one} for one in watts])
        assert set(labels[0]) & set(labels[1])
        assert not set(labels[0]) & set(labels[10])
        assert all(len(one) == 2 for one in labels)

    def test_the_weight_of_a_label(self):
        # of three products two share "a"; "b" and "c" stand alone and connect nothing
        matrix = weighted_labels([{"a": 1.0, "b": 1.0}, {"a": 0.5, "c": 1.0}, {}])
        assert matrix.toarray().tolist() == [[1.0], [1.0], [0.0]]

    def test_attributes_make_products_alike(self):
        catalogue = Catalogue.build(4, attributes=[{"wood": "oak"}, {"wood": "oak"}, {"wood": "elm"}, {"wood": "elm"}])
        found = Content().fit(Interactions.empty(n_items=4), catalogue=catalogue).neighbours_
        assert [found.row(item)[0].tolist() for item in range(4)] == [[1], [0], [3], [2]]
        nothing = Content(attribute_weight=0).fit(Interactions.empty(n_items=4), catalogue=catalogue)
        assert nothing.neighbours_.row(0)[0].tolist() == []

    def test_latent_dimensions_are_the_best_of_their_rank_and_the_same_every_time(self):
        features = item_features(Catalogue.build(6, title=["red mug", "red lamp", "blue mug", "blue", "mug", "red"]))
        places = latent(features, 2)
        left, values, _ = np.linalg.svd(features.toarray())
        best = left[:, :2] * values[:2] ** 2 @ left[:, :2].T
        np.testing.assert_allclose(places @ places.T, best, atol=1e-8)
        np.testing.assert_array_equal(places, latent(features, 2))
        assert latent(features[:, :0], 3).shape == (6, 0)

    def test_latent_weight_adds_the_cosine_of_the_latent_places(self):
        catalogue = Catalogue.build(5, title=["red mug", "red lamp", "blue mug", "blue lamp", "mug red blue"])
        features = Content().features(catalogue)
        places = latent(features, 2)
        places /= np.linalg.norm(places, axis=1, keepdims=True)
        model = Content(latent_weight=0.5, rank=2).fit(Interactions.empty(n_items=5), catalogue=catalogue)
        indices, scores = model.neighbours_.row(0)
        expected = (features @ features.T).toarray()[0] + 0.5 * places @ places[0]
        np.testing.assert_allclose(scores, expected[indices], rtol=1e-5)

    @settings(max_examples=40, deadline=None)
    @given(
        st.lists(
            st.dictionaries(
                st.text(max_size=5),
                st.recursive(
                    st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=9),
                    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
                    max_leaves=5,
                ),
                max_size=4,
            ),
            max_size=5,
        )
    )
    def test_any_json_gives_finite_features(self, attributes):
        matrix = item_features(Catalogue.build(len(attributes), attributes=attributes))
        assert np.isfinite(matrix.data).all()


class TestColdMap:
    def test_factors_approximate_the_damped_cosine(self):
        interactions = shop(n_users=60, n_items=20)
        factors = collaborative_factors(interactions, 8)
        _, values, right = np.linalg.svd(damp(decayed_matrix(interactions, None), 0.5, 0.5).toarray())
        best = right[:8].T * values[:8] ** 2 @ right[:8]
        np.testing.assert_allclose(factors @ factors.T, best, atol=1e-8)

    def test_a_linear_world_is_learned(self):
        random = np.random.default_rng(0)
        places, mapping = random.normal(size=(50, 4)), random.normal(size=(4, 3))
        customers = np.r_[np.full(40, 100.0), np.zeros(10)]
        factors = places @ mapping
        factors[40:] = 1e9  # what nobody met teaches nothing
        model = ColdMap(strengths=(1e-6, 1.0)).fit(places, factors, customers)
        assert model.strength_ == 1e-6
        np.testing.assert_allclose(model.predict(places[40:]), places[40:] @ mapping, atol=1e-4)

    def test_noise_asks_for_a_stronger_ridge(self):
        random = np.random.default_rng(0)
        model = ColdMap(strengths=(1e-6, 1000.0)).fit(
            random.normal(size=(40, 20)), random.normal(size=(40, 2)), np.ones(40)
        )
        assert model.strength_ == 1000.0

    def test_only_known_products_speak_for_a_cold_one(self):
        content = table({0: {1: 3.0, 2: 1.0, 3: 9.0}}, 4)
        near = nearest_known(content, np.array([True, True, True, False]))
        assert near.toarray()[0].tolist() == [0, 0.75, 0.25, 0]

    def cold_shop(self) -> tuple[Interactions, Catalogue]:
        """`shop`, whose items 0..19 are lanterns and 20..39 mugs, with two more of each that nobody met."""
        known = shop()
        titles = ["brass lantern"] * 20 + ["coffee mug"] * 20 + ["brass lantern", "coffee mug"] * 2
        more = Interactions.build(
            known.users, known.items, known.times, baskets=known.baskets, n_users=known.n_users, n_items=44
        )
        return more, Catalogue.build(44, title=titles)

    def test_a_cold_item_is_a_candidate_and_a_history(self):
        interactions, catalogue = self.cold_shop()
        built = build(Recipe(sources=(Source("cosine"),)), interactions, item_ids=id_map(44), catalogue=catalogue)
        scorer = Scorer(built.manifest, built.arrays)
        for history, own, other in (([0, 1, 2], (40, 42), (41, 43)), ([25], (41, 43), (40, 42))):
            found = scorer.for_history(history, n=44)
            score = dict(zip(found.items.tolist(), found.scores.tolist(), strict=True))
            assert min(score[item] for item in own) > 5 * max(score.get(item, 0.0) for item in other)
        assert set(scorer.for_history([40], n=5).items.tolist()) <= set(range(20))
        assert set(scorer.similar(40, n=20).items.tolist()) <= set(range(20)) | {42}
        assert {40, 42} & set(scorer.similar(0, n=44).items.tolist())

    def test_rows_stay_sorted_and_nothing_that_is_not_for_sale_joins(self):
        interactions, catalogue = self.cold_shop()
        gone = Catalogue.build(44, title=catalogue.title, active=np.arange(44) != 40)
        built = build(Recipe(sources=(Source("cosine"),)), interactions, item_ids=id_map(44), catalogue=gone)
        indices, scores = built.arrays["neighbours_indices"], built.arrays["neighbours_scores"]
        assert (np.diff(scores, axis=1) <= 0).all()
        assert 40 not in indices
        assert 42 in indices

    def test_a_shop_where_everything_is_known_is_left_alone(self):
        interactions = shop()
        catalogue = Catalogue.build(40, title=["brass lantern"] * 40)
        built = build(Recipe(sources=(Source("cosine"),)), interactions, item_ids=id_map(40), catalogue=catalogue)
        alone = Cosine(neighbours=200).fit(interactions).neighbours_
        np.testing.assert_array_equal(built.arrays["neighbours_indices"], alone.indices)


class TestNextCategory:
    def regulars(self, customers: int = 60) -> tuple[Interactions, np.ndarray]:
        """Each customer orders every ten days from his own of three categories; items 0..8, three per category."""
        rows = [
            (user, (user % 3) * 3 + visit % 3, START + (visit * 10 + user % 7) * DAY)
            for user in range(customers)
            for visit in range(20)
        ]
        users, items, times = zip(*rows, strict=True)
        return Interactions.build(users, items, times, n_items=9), np.repeat(np.arange(3), 3)

    def test_habits_are_learned_and_rows_add_up(self):
        purchases, category = self.regulars()
        now = int(purchases.times[-1]) + 1
        model = NextCategory().fit(purchases, category, now=now)
        found = model.predict(purchases, category, np.array([2, 0, 1]), now=now)
        assert found.argmax(axis=1).tolist() == [2, 0, 1]
        np.testing.assert_allclose(found.sum(axis=1), 1)
        assert (found.max(axis=1) > 0.9).all()
        again = (
            NextCategory().fit(purchases, category, now=now).predict(purchases, category, np.array([2, 0, 1]), now=now)
        )
        np.testing.assert_array_equal(found, again)

    def test_alternation_is_more_than_habit_can_tell(self):
        # everybody buys from category 0 and 1 in turn: the most frequent one is right half of the time
        rows = [(user, visit % 2, START + (visit * 10 + user % 10) * DAY) for user in range(80) for visit in range(24)]
        users, items, times = zip(*rows, strict=True)
        purchases = Interactions.build(users, items, times)
        tested = NextCategory().evaluate(purchases, np.arange(2), cut=START + 205 * DAY)
        assert tested["ours"].accuracy > 0.95
        assert tested["habit"].accuracy < 0.7
        assert tested["ours"].log_loss < tested["habit"].log_loss
        assert tested["ours"].customers == 80

    def test_habits_by_hand(self):
        inputs = np.zeros((1, 2, 10))
        inputs[0, :, 0], inputs[0, :, -2] = [4, 0], [0.5, 0.5]
        np.testing.assert_allclose(habits(inputs, prior=4), [[6 / 8, 2 / 8]])

    @pytest.mark.parametrize("rows", [[], [(0, 0, START)], [(0, 0, START), (0, 1, START + DAY)]])
    def test_little_data_answers_with_habits(self, rows):
        users, items, times = zip(*rows, strict=True) if rows else ((), (), ())
        purchases = Interactions.build(users, items, times, n_users=1, n_items=2)
        now = START + 2 * DAY
        model = NextCategory().fit(purchases, np.array([0, -1]), now=now)
        found = model.predict(purchases, np.array([0, -1]), np.array([0]), now=now)
        assert found.tolist() == ([[1.0]] if rows else [[]])
        assert model.evaluate(purchases, np.array([0, -1]), cut=now) == {}


def test_boldness_fades_with_age_down_to_the_expected_value():
    ages = np.array([np.nan, -3.0, 0.0, FRESH_DAYS / 2, 1000.0])
    assert freshness(ages) == pytest.approx([1, 1, 1, 0.5**0.5, 1 / BOLD])


def test_what_nobody_wanted_for_long_stands_below_what_is_new():
    """Items 0 and 1 are alike and were met by nobody: one came in today, the other long ago."""
    data = shop(80)
    data = data.rows(~np.isin(data.items, (0, 1)))
    now = int(data.times[-1])
    created = np.full(40, START)
    created[0] = now
    catalogue = Catalogue.build(
        40, title=["lantern" if i < 20 else "mug" for i in range(40)], category=["a"] * 20 + ["b"] * 20, created=created
    )
    recipe = Recipe(sources=(Source("cosine"),), history_half_life_days=None, neighbours=50)
    built = build(recipe, data, item_ids=id_map(40), catalogue=catalogue, now=now)
    answer = Scorer(built.manifest, built.arrays).for_history([5, 6, 7], n=40)
    scores = dict(zip(answer.items.tolist(), answer.scores.tolist(), strict=True))
    assert scores[0] == pytest.approx(BOLD * scores[1], rel=1e-3)
