"""Every recommender against the common behaviour, then what only one of them promises, against formulas."""

from __future__ import annotations

import numpy as np
import pytest

from django_ecomai.ml.frames import Interactions
from django_ecomai.ml.recommend.copurchase import CoPurchase
from django_ecomai.ml.recommend.cosine import Cosine
from django_ecomai.ml.recommend.ease import Ease, ease_weights, memory_needed
from django_ecomai.ml.recommend.matrix import decay, decayed_matrix, shop_decay
from django_ecomai.ml.recommend.popularity import Popularity, popularity_score, trend_boost
from django_ecomai.ml.recommend.repeat import LEAST_DUE, Repeat, due, repeat_scores, usual_intervals
from tests.ml.factories import DAY, START, checkerboard, shop
from tests.ml.item_models import ItemModelBehaviour, RecommenderBehaviour


class TestCosine(ItemModelBehaviour):
    def model(self):
        return Cosine(half_life_days=60)

    def test_the_formula(self):
        built = Interactions.build([0, 0, 1, 1, 1], [0, 1, 0, 1, 2], [1] * 5, weights=[1, 2, 1, 1, 3])
        dense = built.csr().toarray()
        damped = dense / dense.sum(1, keepdims=True) ** 0.4 / dense.sum(0, keepdims=True) ** 0.3
        table = Cosine(user_power=0.4, item_power=0.3).fit(built).neighbours_
        for item in range(3):
            expected = damped.T @ damped
            indices, scores = table.row(item)
            np.testing.assert_allclose(scores, expected[item, indices], rtol=1e-6)
            assert len(indices) == 2

    def test_ties_go_to_the_popular_then_to_the_lower_index(self):
        # items 1..3 share one customer each with item 0 at the same weight; item 3 has one more customer elsewhere
        built = Interactions.build([0, 0, 1, 1, 2, 2, 3], [0, 2, 0, 1, 0, 3, 3], [1] * 7)
        table = Cosine(user_power=0, item_power=0).fit(built).neighbours_
        assert table.row(0)[0].tolist() == [3, 1, 2]


class TestEase(ItemModelBehaviour):
    def model(self):
        return Ease(half_life_days=60)

    def test_the_closed_form(self):
        matrix = decayed_matrix(shop(), 60.0)
        dense = matrix.toarray()
        gram = dense.T @ dense
        inverse = np.linalg.inv(gram + 3.0 * np.diag(gram).mean() * np.eye(40))
        expected = -inverse / np.diag(inverse)
        np.fill_diagonal(expected, 0)
        np.testing.assert_allclose(ease_weights(matrix, 3.0), expected, atol=1e-10)
        table = self.model().fit(shop()).neighbours_
        indices, scores = table.row(5)
        np.testing.assert_allclose(scores, expected[5, indices], rtol=1e-5)

    def test_the_scale_of_weights_does_not_matter(self):
        small, large = Ease().fit(checkerboard()), Ease().fit(checkerboard(weight=1000.0))
        np.testing.assert_allclose(small.neighbours_.scores, large.neighbours_.scores, rtol=1e-5)

    def test_no_regularisation_is_refused(self):
        with pytest.raises(ValueError, match="must be positive"):
            Ease(regularisation=0).fit(checkerboard())

    def test_memory_grows_with_the_square(self):
        assert memory_needed(20_000) == 4 * memory_needed(10_000) == 4_000_000_000


class TestCoPurchase(ItemModelBehaviour):
    def model(self):
        return CoPurchase(min_support=1, min_llr=0.0)

    def test_support_lift_and_significance_by_hand(self):
        # 20 baskets: 8 with items 0 and 1, 2 with 0 alone, 10 with 2
        baskets = [b for b in range(8) for _ in range(2)] + [8, 9, *range(10, 20)]
        items = [0, 1] * 8 + [0, 0] + [2] * 10
        built = Interactions.build([0] * 28, items, [1] * 28, baskets=baskets)
        model = CoPurchase().fit(built)
        assert model.neighbours_.row(0)[0].tolist() == [1]
        assert model.support_[0, 0] == 8
        assert model.lift_[0, 0] == pytest.approx(8 * 20 / (10 * 8))
        # G2 of [[8, 2], [0, 10]]: 2 * sum(o * ln(o / e)), e = 4, 6, 4, 6
        g2 = 2 * (8 * np.log(8 / 4) + 2 * np.log(2 / 6) + 10 * np.log(10 / 6))
        assert model.neighbours_.row(0)[1][0] == pytest.approx(np.sqrt(g2), rel=1e-6)
        assert model.neighbours_.row(2)[0].tolist() == []

    def test_pairs_below_support_or_lift_are_left_out(self):
        twice = Interactions.build([0] * 44, [0, 1] * 2 + [2] * 40, [1] * 44, baskets=[0, 0, 1, 1, *range(2, 42)])
        assert CoPurchase(min_support=3).fit(twice).neighbours_.row(0)[0].tolist() == []
        assert CoPurchase(min_support=2).fit(twice).neighbours_.row(0)[0].tolist() == [1]
        everywhere = Interactions.build([0] * 40, [0, 1] * 20, [1] * 40, baskets=np.repeat(np.arange(20), 2))
        assert CoPurchase(min_llr=0).fit(everywhere).neighbours_.row(0)[0].tolist() == []

    def test_rows_outside_baskets_and_huge_baskets_do_not_count(self):
        outside = checkerboard()
        outside.baskets[:] = -1
        assert CoPurchase(min_support=1, min_llr=0).fit(outside).neighbours_.row(0)[0].tolist() == []
        assert CoPurchase(min_support=1, min_llr=0, max_basket=3).fit(checkerboard()).neighbours_.row(0)[0].size == 0

    def test_a_line_that_is_repeated_in_a_basket_counts_once(self):
        built = Interactions.build(
            [0] * 12, [0, 0, 1] * 3 + [2] * 3, [1] * 12, baskets=[0] * 3 + [1] * 3 + [2] * 3 + [3] * 3
        )
        model = CoPurchase(min_llr=0).fit(built)
        assert model.support_[0].tolist() == [3]


class TestPopularity(RecommenderBehaviour):
    personal = False

    def model(self):
        return Popularity()

    def test_a_window_looks_at_recent_customers_only(self):
        days = [0, 1, 2, 40, 41]
        built = Interactions.build([0, 1, 2, 0, 1], [0, 0, 0, 1, 1], [START + day * DAY for day in days])
        now = START + 42 * DAY
        assert Popularity().fit(built, now=now).scores_.tolist() == [3, 2]
        assert Popularity(window_days=30).fit(built, now=now).scores_.tolist() == [0, 2]
        assert Popularity(window_days=30).fit(built, now=now).recommend([])[0].tolist() == [1, 0]

    def test_a_half_life_and_weights(self):
        built = Interactions.build([0, 1], [0, 0], [START, START + 10 * DAY], weights=[2, 4])
        now = START + 20 * DAY
        assert popularity_score(built, now=now, half_life_days=10).tolist() == [2 / 4 + 4 / 2]
        assert popularity_score(built, now=now, half_life_days=10, weighted=False).tolist() == [1 / 4 + 1 / 2]

    def test_one_heavy_buyer_is_one_customer(self):
        built = Interactions.build([0] * 50 + [1, 2], [0] * 50 + [1, 1], [START] * 52)
        assert Popularity().fit(built).scores_.tolist() == [1, 2]

    def test_the_future_is_not_counted(self):
        built = Interactions.build([0, 1], [0, 1], [START, START + DAY])
        assert popularity_score(built, now=START + DAY - 1).tolist() == [1, 0]

    def test_the_trend_boost(self):
        boost = trend_boost(np.array([9.0, 0.0, 1.0]), np.array([10.0, 30.0, 10.0]), power=0.5, window_share=0.1)
        np.testing.assert_allclose(boost, [np.sqrt(10 / 2), np.sqrt(1 / 4), 1.0])
        assert trend_boost(np.ones(2), np.ones(2), power=0, window_share=1).tolist() == [1, 1]


class TestTrending(TestPopularity):
    def model(self):
        return Popularity(window_days=30, half_life_days=10)


class TestRepeat(RecommenderBehaviour):
    repeats = True

    def model(self):
        return Repeat(half_life_days=90, trend_power=0.5)

    def test_frequency_recency_and_boost(self):
        items, scores = repeat_scores([3, 3, 1, -1], ages_days=[0, 10, 20, 0], half_life_days=10)
        assert items.tolist() == [1, 3]
        assert scores.tolist() == [0.25, 1.5]
        boosted = repeat_scores([3, 1], boost=np.array([1.0, 2.0, 1.0, 0.0]))
        assert (boosted[0].tolist(), boosted[1].tolist()) == ([1], [2.0])

    def test_due_rises_to_the_interval_and_falls_after_it(self):
        # one purchase: the item's usual 16 days; three at gaps of 4: (8 + 2 * 16) / 4 = 10 days
        value = due(np.array([1.0, 16.0, 48.0, 10.0]), np.array([1.0, 16.0, 48.0, 18.0]), np.array([1, 1, 1, 3]), 16.0)
        rise = (1 / 16) ** 0.25 / (1 + (1 / 48) ** 2)
        np.testing.assert_allclose(value, [rise, 1 / (1 + 1 / 9), 0.5, 1 / (1 + 1 / 9)])
        assert due(np.array([0.0, 1e9]), np.array([0.0, 1e9]), np.ones(2), 16.0).tolist() == [LEAST_DUE, LEAST_DUE]

    def test_the_usual_interval_is_drawn_to_the_shops(self):
        days = [0, 4, 0, 16]  # item 0 after four days, item 1 after sixteen: eight is the shop's mean
        built = Interactions.build([0, 0, 0, 0], [0, 0, 1, 1], [START + day * DAY for day in days], n_items=3)
        expected = [8 * (4 / 8) ** (1 / 11), 8 * (16 / 8) ** (1 / 11), 8]
        np.testing.assert_allclose(usual_intervals(built), expected, rtol=1e-6)
        assert usual_intervals(Interactions.empty(n_items=2)).tolist() == pytest.approx([30, 30])

    def test_the_cycle_orders_what_was_bought_alike(self):
        interval = np.array([10.0, 100.0, 10.0], dtype=np.float32)
        items, scores = repeat_scores([0, 1, 2], ages_days=[10, 10, 90], interval=interval, cycle=1.0)
        assert items[np.argsort(-scores)].tolist() == [0, 1, 2]
        plain = repeat_scores([0, 1, 2], ages_days=[10, 10, 90], interval=interval)[1]
        assert plain.tolist() == [1, 1, 1]

    def test_the_boost_counts_recent_customers(self):
        days = [0, 1, 40]
        built = Interactions.build([0, 1, 2], [0, 0, 1], [START + day * DAY for day in days])
        assert Repeat(trend_power=1.0).fit(built).boost_.tolist() == [1, 2]

    @pytest.mark.parametrize("keyword", ["weights", "ages_days"])
    def test_unequal_lengths_are_refused(self, keyword):
        with pytest.raises(ValueError):
            repeat_scores([1, 2, 3], **{keyword: [1.0, 2.0]}, half_life_days=5)


def test_decay_halves_and_never_grows():
    times = np.array([START, START + DAY, START + 5 * DAY])
    assert decay(times, START + DAY, 1.0).tolist() == [0.5, 1.0, 1.0]
    assert decay(times, START, None).tolist() == [1.0, 1.0, 1.0]
    assert decay(times, START + 5000 * DAY, 1.0).tolist() == [2**-8] * 3, "the past is never forgotten altogether"
    with pytest.raises(ValueError, match="None for no decay"):
        decay(times, START, 0)


def test_silence_of_the_whole_shop_ages_at_most_by_one_half_life():
    imported = START + DAY * np.array([0, 1, 2])  # nothing for years, then a click
    clicked = START + 5000 * DAY
    assert shop_decay(np.r_[imported, clicked], 1.0).tolist() == [2**-3, 2**-2, 2**-1, 1.0]
    assert shop_decay(np.r_[imported, clicked], 10.0).tolist() == pytest.approx([2**-1.2, 2**-1.1, 2**-1, 1.0])
    busy = START + DAY * np.arange(5)
    assert shop_decay(busy, 2.0).tolist() == decay(busy, int(busy[-1]), 2.0).tolist()
    assert shop_decay(busy, None).tolist() == [1.0] * 5
    assert len(shop_decay(busy[:0], 3.0)) == 0


def test_a_few_clicks_after_years_do_not_outweigh_what_the_orders_said():
    """Fifteen customers bought 0 with 1, years ago; one visitor has just looked at 0 and 2."""
    buyers = np.repeat(np.arange(15), 2)
    built = Interactions.build(
        np.r_[buyers, 15, 15],
        np.r_[np.tile([0, 1], 15), 0, 2],
        np.r_[np.full(30, START), START + 5000 * DAY, START + 5000 * DAY],
        weights=np.r_[np.ones(30), 0.1, 0.1],
        n_items=4,
    )
    found = Cosine(half_life_days=60.0).fit(built).neighbours_
    assert found.indices[0, 0] == 1


def test_a_user_with_too_many_items_keeps_the_strongest():
    built = Interactions.build([0] * 5 + [1], [0, 1, 2, 3, 4, 0], [1] * 6, weights=[1, 5, 2, 4, 3, 1])
    matrix = decayed_matrix(built, None, max_items_per_user=2)
    assert matrix.toarray().tolist() == [[0, 5, 0, 4, 0], [1, 0, 0, 0, 0]]
