from __future__ import annotations

import numpy as np
import pytest

from django_ecomai.ml.recommend.ratings import BIASES, FACTORS, GLOBAL_MEAN, RatingPredictor, Ratings, evaluate_ratings
from tests.ml.factories import DAY, START


def tastes(n_users: int = 60, n_items: int = 40, seed: int = 0) -> Ratings:
    """Some items are better, some customers kinder, and half of them like what the other half hates."""
    random = np.random.default_rng(seed)
    users, items = (grid.ravel() for grid in np.meshgrid(np.arange(n_users), np.arange(n_items), indexing="ij"))
    keep = random.random(len(users)) < 0.5
    users, items = users[keep], items[keep]
    sides = np.where(users % 2, 1, -1) * np.where(items % 2, 1, -1)
    values = 3 + 0.5 * (items % 4 == 0) - 0.5 * (users % 3 == 0) + sides + random.normal(0, 0.2, len(users))
    times = START + random.permutation(len(users)) * DAY
    return Ratings.build(users, items, np.clip(values, 1, 5), times)


def test_biases_by_hand():
    ratings = Ratings.build([0, 0, 1], [0, 1, 0], [5, 3, 4], [1, 2, 3])
    model = RatingPredictor(factors=0, item_prior=2.0, user_prior=1.0).fit(ratings)
    item = [1 / (2 + 2), -1 / (1 + 2)]  # left over from the mean of 4: 1, -1, 0
    user = [(0.75 - 2 / 3) / (2 + 1), -0.25 / (1 + 1)]
    assert model.predict([0, 1], [0, 0]) == pytest.approx([4 + item[0] + user[0], 4 + item[0] + user[1]])
    assert model.predict([1], [1]) == pytest.approx([4 + item[1] + user[1]])


def test_factors_find_what_biases_cannot():
    ratings = tastes()
    cut = int(ratings.times[int(len(ratings) * 0.85)])
    rows = {row["model"]: row for row in evaluate_ratings(ratings, cut)}
    assert list(rows) == [GLOBAL_MEAN, BIASES, FACTORS]
    assert [name for name, row in rows.items() if row["ours"]] == [FACTORS]
    assert {row["split"] for row in rows.values()} == {"ratings"}
    error = {name: row["metrics"]["rmse"] for name, row in rows.items()}
    assert error[FACTORS] < 0.5 * error[BIASES] < 0.55 * error[GLOBAL_MEAN]
    assert rows[FACTORS]["metrics"]["mae"] < error[FACTORS]


def test_stars_at_random_leave_the_biases_in_use():
    random = np.random.default_rng(1)
    n = 3000
    stars = Ratings.build(random.integers(0, 80, n), random.integers(0, 50, n), random.integers(1, 6, n), np.arange(n))
    rows = evaluate_ratings(stars, 2500)
    assert [row["model"] for row in rows if row["ours"]] == [BIASES]


def test_the_future_is_not_learned():
    ratings = tastes()
    cut = int(ratings.times[int(len(ratings) * 0.85)])
    before = evaluate_ratings(ratings, cut)
    values = np.where(ratings.times >= cut, 6 - ratings.values, ratings.values)
    turned = evaluate_ratings(Ratings.build(ratings.users, ratings.items, values, ratings.times), cut)
    assert before[2]["metrics"]["rmse"] < turned[2]["metrics"]["rmse"]
    assert [row["ours"] for row in before] == [row["ours"] for row in turned]


def test_the_forecast_stays_within_the_stars_and_strangers_get_the_mean():
    ratings = Ratings.build([0] * 5, np.arange(5), [5.0, 5, 5, 5, 1], np.arange(5))
    model = RatingPredictor(factors=2, item_prior=0.1, user_prior=0.1).fit(ratings)
    assert 1 <= model.predict([0], [0])[0] <= 5
    wide = Ratings(ratings.users, ratings.items, ratings.values, ratings.times, n_users=2, n_items=6)
    assert RatingPredictor(factors=2).fit(wide).predict([1], [5]) == pytest.approx([4.2])


def test_too_few_and_odd_input():
    few = Ratings.build([0, 1], [0, 1], [1, 5], [0, 1])
    assert evaluate_ratings(few, 1) == []
    assert evaluate_ratings(Ratings.build([], [], [], []), 0) == []
    with pytest.raises(ValueError, match="same length"):
        Ratings.build([0], [0, 1], [1], [0])
    with pytest.raises(ValueError, match="finite"):
        Ratings.build([0], [0], [np.nan], [0])
    with pytest.raises(ValueError, match="no ratings"):
        RatingPredictor().fit(Ratings.build([], [], [], []))


def test_the_same_seed_gives_the_same_factors():
    first, second = (RatingPredictor(random_state=3).fit(tastes()) for _ in range(2))
    np.testing.assert_array_equal(first.item_factors_, second.item_factors_)
