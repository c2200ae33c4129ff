"""Signed feedback: what takes what back, and that no input brings a model down."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from django_ecomai.ml.frames import Catalogue
from django_ecomai.ml.recommend.build import build
from django_ecomai.ml.recommend.content import Content
from django_ecomai.ml.recommend.copurchase import CoPurchase
from django_ecomai.ml.recommend.cosine import Cosine
from django_ecomai.ml.recommend.ease import Ease
from django_ecomai.ml.recommend.feedback import LARGEST, _once, settle
from django_ecomai.ml.recommend.gfcf import GFCF
from django_ecomai.ml.recommend.local_ease import LocalEase
from django_ecomai.ml.recommend.popularity import Popularity, popularity_score
from django_ecomai.ml.recommend.recipe import Recipe, Source
from django_ecomai.ml.recommend.repeat import Repeat
from django_ecomai.ml.recommend.sequential import Sequential
from django_ecomai.ml.recommend.serving import Scorer
from tests.ml.factories import DAY, START, id_map

VIEW, CART, BUY, REMOVE, RETURN, DISMISS = 0.1, 0.5, 1.0, -0.5, -1.0, -2.0


def said(*weights: float) -> tuple[list[float], list[float]]:
    """What stands and what is refused after one person said ``weights`` of one item, one after the other."""
    rows = len(weights)
    found = settle([0] * rows, [0] * rows, list(range(rows)), list(weights), n_users=1, n_items=1)
    return found.liked.weights.astype(float).round(3).tolist(), found.refused.weights.tolist()


@pytest.mark.parametrize(
    ("weights", "liked", "refused"),
    [
        ((VIEW, CART, BUY), [0.1, 0.5, 1.0], []),
        ((VIEW, CART, REMOVE), [0.1], []),
        ((CART, CART, REMOVE), [0.5], []),
        ((CART, REMOVE), [], [0.5]),
        ((BUY, REMOVE), [1.0], []),
        ((VIEW, BUY, RETURN), [], [1.0]),
        ((BUY, VIEW, BUY, RETURN), [1.0], []),
        ((VIEW, BUY, BUY, DISMISS), [], [2.0]),
        ((DISMISS,), [], [2.0]),
        ((DISMISS, VIEW), [0.1], []),
        ((VIEW, DISMISS, BUY, RETURN), [], [1.0]),
        ((np.nan, 0.0), [], []),
        ((np.inf, -np.inf), [], [LARGEST]),
    ],
)
def test_the_last_word_counts(weights, liked, refused):
    assert said(*weights) == (liked, refused)


def test_one_persons_word_is_not_anothers():
    found = settle([0, 1, 0], [0, 0, 1], [1, 2, 3], [1, -2, 1], n_users=2, n_items=2)
    assert list(zip(found.liked.users.tolist(), found.liked.items.tolist(), strict=True)) == [(0, 0), (0, 1)]
    assert found.refused.users.tolist() == [1]
    assert found.counts == {"liked": 2, "refused": 1}


def test_repetitions_count_once_and_heavy_people_are_capped():
    twice = settle([0] * 4, [0] * 4, [5, 5, 5, 6], [1, 1, 0.5, 1], n_users=1, n_items=1)
    assert sorted(twice.liked.weights.tolist()) == [0.5, 1.0, 1.0]
    robot = settle([0] * 9 + [1], [*range(9), 0], list(range(10)), [1] * 10, n_users=2, n_items=9, most_events=3)
    assert robot.liked.items.tolist() == [6, 7, 8, 0]


def test_baskets_stay_with_their_rows():
    found = settle([0, 0, 0], [0, 1, 2], [3, 1, 2], [1, 1, -1], n_users=1, n_items=3, baskets=[7, 8, -1])
    assert found.liked.baskets.tolist() == [8, 7]


def test_unequal_columns_are_refused():
    with pytest.raises(ValueError, match="one value per row"):
        settle([0], [0, 1], [1], [1], n_users=1, n_items=2)


def test_who_refused_lately_counts_against_what_is_popular():
    found = settle([0, 1, 2, 3], [0, 0, 0, 1], [START + 40 * DAY] * 4, [1, 1, -2, -2], n_users=4, n_items=2)
    now = START + 41 * DAY
    assert popularity_score(found.liked, now=now, refused=found.refused).tolist() == [1, 0]
    assert popularity_score(found.liked, now=now + 99 * DAY, window_days=30, refused=found.refused).tolist() == [0, 0]


MODELS = (
    Cosine(half_life_days=30), Ease(), GFCF(rank=4), LocalEase(), Sequential(), CoPurchase(min_support=1, min_llr=0),
    Content(), Popularity(half_life_days=10), Repeat(half_life_days=10, trend_power=1.0),
)  # fmt: skip
EDGE = st.sampled_from([0.1, 0.5, 1.0, -0.5, -1.0, -2.0, 1e38, 1e300, -1e300, np.inf, -np.inf, np.nan, 0.0, 1e-45])
ROWS = st.lists(
    st.tuples(st.integers(0, 4), st.integers(0, 5), st.sampled_from([0, START, START + DAY]), EDGE), max_size=30
)


@settings(max_examples=15, deadline=None)
@given(ROWS)
def test_every_model_survives_any_feedback(rows):
    users, items, times, weights = zip(*rows, strict=True) if rows else ((), (), (), ())
    found = settle(users, items, times, weights, n_users=5, n_items=6)
    pairs = set(zip(found.liked.users.tolist(), found.liked.items.tolist(), strict=True))
    assert not pairs & set(zip(found.refused.users.tolist(), found.refused.items.tolist(), strict=True))
    catalogue = Catalogue.build(6, title=["red mug"] * 6, price=[np.nan, -1, 1, 2, 1e300, np.inf])
    for model in MODELS:
        got, scores = model.fit(found.liked, catalogue=catalogue).recommend([0, 1, -1, 99], n=6)
        assert np.isfinite(scores).all()
        assert len(set(got.tolist())) == len(got) <= 6


@pytest.mark.parametrize(
    "rows",
    [
        [(user, 0, START, BUY) for user in range(50)],  # everybody bought one item
        [(0, item % 6, START, BUY) for item in range(5_000)],  # one customer, thousands of events
        [(0, 0, START, BUY)],
        [],
    ],
    ids=["bestseller", "heavy", "one", "none"],
)
def test_a_whole_artifact_of_such_data_answers(rows):
    users, items, times, weights = zip(*rows, strict=True) if rows else ((), (), (), ())
    found = settle(users, items, times, weights, n_users=50, n_items=6)
    recipe = Recipe(sources=(Source("cosine"), Source("ease")), trend_power=0.5, prior=0.3)
    built = build(recipe, found.liked, item_ids=id_map(6), refused=found.refused)
    scorer = Scorer(built.manifest, built.arrays)
    for answer in (scorer.for_history([0, 5]), scorer.buy_again([0]), scorer.trending(), scorer.cross_sell([0])):
        assert np.isfinite(answer.scores).all()
        assert len(set(answer.items.tolist())) == len(answer)


def test_a_customer_with_fifty_thousand_events_and_a_robot_with_a_million_views():
    random = np.random.default_rng(0)
    users = np.r_[np.zeros(50_000, int), np.ones(1_000_000, int), np.full(4, 2)]
    items = np.r_[random.integers(0, 500, 50_000), random.integers(0, 500, 1_000_000), [1, 2, 3, 4]]
    weights = np.r_[np.ones(50_000), np.full(1_000_000, 0.1), np.ones(4)]
    found = settle(users, items, np.arange(len(users)), weights, n_users=3, n_items=500)
    assert np.bincount(found.liked.users).tolist() == [10_000, 10_000, 4]
    assert np.isfinite(Cosine().fit(found.liked).neighbours_.scores).all()


@given(st.lists(st.tuples(st.integers(0, 2), st.integers(0, 2), st.integers(0, 1), st.sampled_from([0.2, 0.3, 4.0]))))
def test_the_first_of_equal_rows_stands_for_all(rows):
    columns = [np.array(column) for column in zip(*rows, strict=True)] if rows else [np.empty(0, dtype=np.int64)] * 4
    assert _once(*columns).tolist() == [place for place, row in enumerate(rows) if row not in rows[:place]]
