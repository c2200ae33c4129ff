"""The columns of the second stage, worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from django_ecomai.ml.recommend.neighbours import NeighbourTable
from django_ecomai.ml.recommend.ranking.facts import ItemFacts
from django_ecomai.ml.recommend.ranking.features import HISTORY, FeatureMaker, History

N = 6


def facts(**columns) -> ItemFacts:
    unknown = {name: np.full(N, np.nan, np.float32) for name in ("ctr", "cvr", "in_stock", "margin")}
    known = {
        "popularity": np.arange(N, dtype=np.float32),
        "trend": np.ones(N, np.float32),
        "age_days": np.full(N, 10, np.float32),
        "price": np.array([10, 20, 40, 5, np.nan, 10], np.float32),
        "category": np.array([0, 0, 1, 1, -1, 0], np.int32),
    }
    return ItemFacts(**{**unknown, **known, **columns})


def maker(**columns) -> FeatureMaker:
    """Item 0 leads to 2 (2.0) and 3 (1.0), item 1 to 3 (4.0); by texts 0 is like 3 (0.5)."""
    company = np.full((N, 2), -1, np.int32), np.zeros((N, 2), np.float32)
    company[0][0], company[1][0] = [2, 3], [2, 1]
    company[0][1, 0], company[1][1, 0] = 3, 4
    texts = np.full((N, 1), -1, np.int32), np.zeros((N, 1), np.float32)
    texts[0][0, 0], texts[1][0, 0] = 3, 0.5
    tables = [NeighbourTable(*company), NeighbourTable(*texts)]
    return FeatureMaker(["cosine", "content"], tables, [1.0, 2.0], facts(**columns), content=1)


def column(made: FeatureMaker, rows: np.ndarray, name: str) -> list[float]:
    return rows[:, made.names.index(name)].tolist()


def test_columns_by_hand():
    made = maker()
    history = History.of(np.array([0, 1]), np.array([0.5, 1.0]), np.array([30.0, 2.0]))
    rows = made.make(np.array([3, 2, 4]), np.array([6.0, 1.0, 0.5]), history)
    assert rows.shape == (3, len(made.names))
    of = {name: column(made, rows, name) for name in made.names}
    # item 3: 0.5 x 1 + 1 x 4; item 2: 0.5 x 2; item 4: nothing
    assert of["cosine_score"][:2] == [4.5, 1.0]
    assert np.isnan(of["cosine_score"][2])
    assert of["cosine_rank"][:2] == [1, 2]
    assert of["content_score"][0] == 0.25
    # item 1 was met last: it leads to item 3 alone; weighed alike, item 0 says 1 and item 1 says 4
    assert of["cosine_newest_score"][0] == 4
    assert np.isnan(of["cosine_newest_score"][1:]).all()
    assert of["cosine_plain_score"][:2] == [5, 2]
    assert of["content_plain_score"][0] == 0.5
    assert of["sources"] == [2, 1, 0]
    assert of["met_weight"] == [0, 0, 0]
    assert of["blend_score"] == pytest.approx([1, 1 / 6, 1 / 12])
    assert of["blend_rank"] == [1, 2, 3]
    assert of["speakers"] == [2, 1, 0]
    # item 1 said most about 3 (4 against 0.5 x (1 + 2 x 0.5)), item 0 about 2
    assert of["because_age_days"][:2] == [2, 30]
    assert of["because_weight"][:2] == [1, 0.5]
    assert np.isnan(of["because_age_days"][2])
    assert of["content_similarity"] == [0.5, 0, 0]
    assert of["price_to_usual"][:2] == pytest.approx([np.log(5 / 15), np.log(40 / 15)])
    assert np.isnan(of["price_to_usual"][2])
    assert of["category_share"][:2] == [0, 0]
    assert np.isnan(of["category_share"][2])
    assert of["history_items"] == [2, 2, 2]
    assert of["history_age_days"] == [2, 2, 2]
    assert of["popularity"] == [3, 2, 4]
    assert np.isnan(of["ctr"]).all() and np.isnan(of["position"]).all()


def test_what_was_met_last_may_be_several_things_or_unknown():
    made = maker()
    items, blend = np.array([3, 2]), np.array([2.0, 1.0])
    order = History.of(np.array([0, 1, 2]), np.ones(3), np.array([1.0, 1.0, 9.0]))
    assert column(made, made.make(items, blend, order), "cosine_newest_score") == [5, 2]
    assert column(made, made.make(items, blend, order), "met_weight") == [0, 1]
    undated = History.of(np.array([0, 1]), np.ones(2), np.full(2, np.nan))
    assert np.isnan(column(made, made.make(items, blend, undated), "cosine_newest_score")).all()
    assert column(made, made.make(items, blend, undated), "cosine_plain_score") == [5, 2]


def test_a_source_without_a_table_is_told_from_outside():
    known = maker()
    made = FeatureMaker(known.source_names, known.tables, known.weights, facts(), content=1, others=["session_knn"])
    history = History.of(np.array([0]), np.ones(1), np.ones(1))
    rows = made.make(np.array([3, 2, 4]), np.array([3.0, 2.0, 1.0]), history, others=np.array([[0.0, 0.25, 1.0]]))
    score, rank = (column(made, rows, f"session_knn_{what}") for what in ("score", "rank"))
    assert (score[1:], rank[1:]) == ([0.25, 1.0], [2, 1])
    assert np.isnan([score[0], rank[0]]).all()
    assert column(made, rows, "sources") == [2, 2, 1]


def test_a_category_of_the_history_counts_by_weight():
    made = maker()
    history = History.of(np.array([0, 3]), np.array([3.0, 1.0]), np.array([1.0, 1.0]))
    rows = made.make(np.array([5, 2]), np.array([1.0, 1.0]), history)
    assert column(made, rows, "category_share") == [0.75, 0.25]


def test_positions_are_known_in_training_only():
    made = maker()
    history = History.of(np.array([0]), np.array([1.0]), np.array([1.0]))
    rows = made.make(np.array([3, 2]), np.array([2.0, 1.0]), history, positions=np.array([4.0, 1.0]))
    assert column(made, rows, "position") == [4, 1]
    assert np.isnan(column(made, made.make(np.array([3]), np.array([2.0]), history), "position")).all()


def test_what_the_shop_knows_reaches_the_columns():
    made = maker(
        in_stock=np.array([1, 0, 1, 0, 1, np.nan], np.float32), margin=np.full(N, 0.25, np.float32),
        ctr=np.full(N, 0.5, np.float32),
    )  # fmt: skip
    rows = made.make(np.array([2, 3, 5]), np.ones(3), History.of(np.array([0]), np.ones(1), np.ones(1)))
    assert column(made, rows, "in_stock")[:2] == [1, 0]
    assert np.isnan(column(made, rows, "in_stock")[2])
    assert column(made, rows, "margin") == [0.25] * 3
    assert column(made, rows, "ctr") == [0.5] * 3


def test_nothing_in_the_history_leaves_the_visitor_unknown():
    made = maker()
    nobody = History.of(np.empty(0, np.int64), np.empty(0), np.empty(0))
    rows = made.make(np.array([2, 3]), np.array([2.0, 1.0]), nobody)
    assert np.isnan(column(made, rows, "cosine_score")).all()
    assert np.isnan(column(made, rows, "history_items")).all()
    assert made.make(np.empty(0, np.int64), np.empty(0), nobody).shape == (0, len(made.names))


def test_the_history_keeps_the_strongest_and_drops_what_weighs_nothing():
    kept = History.of(np.array([4, 5, 6, 7]), np.array([1.0, 0.0, 4.0, np.nan]), np.array([3.0, 1.0, 2.0, 1.0]))
    assert kept.items.tolist() == [6, 4]
    assert kept.weights.tolist() == [1, 0.25]
    long = History.of(np.arange(200), np.ones(200), np.arange(200.0)[::-1])
    assert long.items.tolist() == list(range(199, 199 - HISTORY, -1)), "of equals the newest"


@given(st.permutations([1, 2, 3, 4, 5]), st.integers(1, 5))
def test_the_order_of_the_candidates_does_not_change_their_columns(order, size):
    made = maker()
    history = History.of(np.array([0, 1]), np.array([0.5, 1.0]), np.array([30.0, 2.0]))
    items = np.array(order[:size])
    blend = 10.0 - items
    rows = made.make(items, blend, history)
    best_first = np.argsort(items)
    np.testing.assert_array_equal(rows[best_first], made.make(items[best_first], blend[best_first], history))
