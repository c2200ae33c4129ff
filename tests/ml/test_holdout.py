"""Splits and the choice without a clock."""

from __future__ import annotations

import numpy as np
import pytest

from django_ecomai.ml.evaluate.holdout import block_split, last_item_split, next_item_split, session_split, split_of
from django_ecomai.ml.frames import Interactions
from django_ecomai.ml.recommend.auto import choose, choose_and_build, data_shape
from django_ecomai.ml.recommend.fold import Fitted
from django_ecomai.ml.recommend.ranking.groups import feature_maker
from django_ecomai.ml.recommend.recipe import Recipe, Source
from django_ecomai.ml.recommend.scoring import RecipeScores, steps_back, user_history
from django_ecomai.ml.recommend.serving import Scorer
from django_ecomai.ml.recommend.serving import steps_back as served_steps_back
from tests.ml.factories import id_map, shop


def places(data: Interactions) -> Interactions:
    """The same histories, with places instead of moments."""
    order = np.lexsort((np.arange(len(data)), data.users))
    users = data.users[order]
    place = np.arange(len(users)) - np.searchsorted(users, users)
    return Interactions.build(users, data.items[order], place, n_users=data.n_users, n_items=data.n_items)


def no_order(data: Interactions) -> Interactions:
    pairs = np.unique(np.column_stack([data.users, data.items]), axis=0)
    return Interactions.build(*pairs.T, np.zeros(len(pairs), int), n_users=data.n_users, n_items=data.n_items)


def test_the_last_item_is_the_truth():
    data = Interactions.build([0, 0, 0, 1, 2, 2], [5, 6, 7, 5, 6, 6], [0, 1, 2, 0, 0, 1])
    split = last_item_split(data)
    assert split.users.tolist() == [0, 2]
    assert split.truth["all"].toarray()[:, 5:].tolist() == [[0, 0, 1], [0, 1, 0]]
    assert split.truth["new_items"].toarray()[:, 5:].tolist() == [[0, 0, 1], [0, 0, 0]]
    assert split.bought.toarray()[:, 5:].tolist() == [[1, 1, 0], [0, 1, 0]]
    assert len(split.train) == 4
    assert len(last_item_split(places(shop()), max_users=7).users) == 7


def test_pairs_are_held_out_whole_and_nobody_loses_everything():
    data = no_order(shop())
    split = block_split(data, share=0.5, max_users=50)
    assert len(split.users) == 50
    assert split.truth["repeat_items"].nnz == 0
    assert set(split.users.tolist()) < set(split.train.users.tolist())
    assert len(block_split(data, share=0.5).users) > 110
    assert 0.3 < split.truth["all"].nnz / (split.truth["all"].nnz + split.bought.nnz) < 0.6
    assert len(np.unique(split.train.users)) == 120


def test_a_block_holds_what_is_alike():
    random = np.random.default_rng(0)
    groups = [np.arange(10), np.arange(10, 20)]
    rows = [(user, item) for user in range(60) for item in random.choice(groups[user % 2], 6, replace=False)]
    rows += [(user, item) for user in range(60, 70) for group in groups for item in random.choice(group, 4, False)]
    data = Interactions.build(*np.array(rows).T, np.zeros(len(rows), int), n_users=70, n_items=20)
    split = block_split(data, share=0.5)
    both = split.truth["new_items"][split.users >= 60]
    assert both.sum(axis=1).ravel().tolist() == [[4.0] * 10]
    assert all(len(set(row.indices // 10)) == 1 for row in both)
    assert {1, 0} == {int(row.indices[0]) // 10 for row in both}


def test_sessions_are_unseen_and_their_prefix_is_the_history():
    data = places(shop())
    split = session_split(data, share=0.25)
    assert split.history is not None
    assert len(split.users) == split.history.n_users == 30
    assert set(split.train.users.tolist()) == set(range(90))
    assert split.truth["all"].sum(axis=1).tolist() == [[1.0]] * 30
    for row in (0, 29):
        own = data.items[data.users == 90 + row]
        prefix = split.history.items[split.history.users == row]
        np.testing.assert_array_equal(prefix, own[: len(prefix)])
        assert split.truth["all"][row].indices.tolist() == [own[len(prefix)]]


@pytest.mark.parametrize("split", [last_item_split, block_split, session_split])
def test_nothing_to_hold_out(split):
    one, two = Interactions.build([0], [0], [0]), Interactions.build([0, 1], [0, 0], [0, 0])
    for data in (Interactions.empty(2, 2), one, two):
        assert len(split(data).users) == 0


def test_the_shape_of_the_data():
    assert data_shape(shop()) == "time"
    assert data_shape(places(shop())) == "sequence"
    assert data_shape(no_order(shop())) == "pairs"
    assert data_shape(Interactions.empty()) == "time"


@pytest.mark.parametrize("change", [places, no_order])
def test_the_choice_without_a_clock(change):
    data = change(shop())
    choice = choose(data, budget=30)
    assert choice.recipe.sources
    assert choice.validation["shape"] == data_shape(data)
    assert len(choice.tried) <= 30
    assert sum(row["chosen"] for row in choice.tried) == 1
    assert {row["part"] for row in choice.tried} == {"new_items"}
    kinds = {source["kind"] for row in choice.tried for source in row["recipe"]["sources"]}
    assert ("sequential" in kinds) == (change is places)
    built = choose_and_build(data, item_ids=id_map(40), budget=30)[1]
    assert len(Scorer(built.manifest, built.arrays).for_history([1, 2], n=5)) == 5


def test_the_choice_for_sessions():
    choice = choose(places(shop(400)), shape="sessions", budget=40)
    kinds = {source["kind"] for row in choice.tried for source in row["recipe"]["sources"]}
    assert {"session_knn", "sequential", "cosine"} <= kinds
    with pytest.raises(ValueError, match="cannot be folded"):
        fitted = Fitted(shop(), catalogue=None, now=0, neighbours=5)
        fitted.table(Recipe(sources=(Source("session_knn"),)), fitted.customers)


def test_steps_back_count_different_later_items():
    data = Interactions.build([0, 0, 0, 1, 0, 1], [3, 2, 3, 1, 0, 2], [1, 2, 3, 3, 4, 5])
    assert steps_back(data).tolist() == [1, 2, 1, 1, 0, 0]
    weights = user_history(data, None, 0.5).toarray()
    assert weights.tolist() == [[1, 0, 0.25, 0.5], [0, 0.5, 1, 0]]
    assert steps_back(Interactions.empty()).tolist() == []


def test_the_served_steps_are_those_of_the_training():
    assert served_steps_back(np.array([3, 2, 3, 0], dtype=np.int32)).tolist() == [1, 2, 1, 0]
    ages = [0.0, 1.0, 2.0, 3.0]
    assert served_steps_back(np.array([0, 3, 2, 3], dtype=np.int32), ages).tolist() == [0, 1, 2, 1]
    assert served_steps_back(np.array([5, -1, 7], dtype=np.int32)).tolist()[::2] == [1, 0]
    with pytest.raises(ValueError, match="2 ages for a history of 1 items"):
        served_steps_back(np.array([1], dtype=np.int32), [1.0, 2.0])


RICH = Recipe(
    sources=(
        Source("cosine"),
        Source("sequential", {"backward": 0.3}, 0.5),
        Source("gfcf", {"gram": 0.0, "rank": 6}, 0.7),
        Source("local_ease", {"companions": 20}, 0.4),
    ),
    history_half_life_days=None,
    history_step_decay=0.7,
    source_power=0.2,
    target_power=-0.1,
)


def test_what_is_validated_is_what_is_served():
    from django_ecomai.ml.recommend.build import build

    data = places(shop())
    split = split_of(data, data)
    fitted = Fitted(data, catalogue=None, now=int(data.times[-1]), neighbours=200)
    users = np.arange(5)
    folded = RecipeScores(split, fitted).scores(RICH, "new_items").of(users).toarray()
    added = RecipeScores(split, fitted, folded=False).scores(RICH, "new_items").of(users).toarray()
    built = build(RICH, data, item_ids=id_map(40))
    live = Scorer(built.manifest, built.arrays)
    for user in users:
        history = data.items[data.users == user]
        served = live.for_history(history, n=40)
        expected = folded[user] / folded[user].max()
        np.testing.assert_allclose(served.scores / served.scores[0], expected[served.items], rtol=1e-4)
        # nothing is pruned with forty items, except an item from its own row
        assert np.corrcoef(added[user], folded[user])[0, 1] > 0.9


def test_rows_that_nobody_here_needs_are_not_made():
    """Three customers: their lists are those of the whole table, and so are the features of what they met."""
    data = places(shop())
    split = split_of(data, data.rows(data.users < 3))
    fitted = Fitted(data, catalogue=None, now=int(data.times[-1]), neighbours=40)
    own = np.unique(split.train.rows(split.train.users < 3).items).astype(np.int64)
    table, whole = (fitted.table(RICH, fitted.customers, items) for items in (own, None))
    assert 0 < len(own) < 40
    np.testing.assert_array_equal(table.indices[own], whole.indices[own])
    np.testing.assert_allclose(table.scores[own], whole.scores[own], rtol=1e-5)
    assert (np.delete(table.indices, own, axis=0) == -1).all()
    lists = [
        RecipeScores(split, fitted, own_rows=sparing).scores(RICH, "new_items").of(np.arange(3)).toarray()
        for sparing in (True, False)
    ]
    np.testing.assert_allclose(*lists, rtol=1e-5)
    some, every = (feature_maker(RICH, fitted, items=items).tables for items in (own, None))
    for one, other in zip(some, every, strict=True):
        np.testing.assert_array_equal(one.indices[own][:, :5], other.indices[own][:, :5])


def test_unseen_visits_have_one_next_item_and_no_mask():
    history = Interactions.build([0, 0, 1], [1, 2, 3], [0, 1, 0], n_users=2, n_items=40)
    split = next_item_split(shop(), history, np.array([2, 0]))
    assert split.bought.nnz == 0
    assert split.truth["new_items"].nonzero()[1].tolist() == [2, 0]


def test_a_table_beside_session_neighbours_counts_by_its_weight():
    split = session_split(places(shop(400)))
    fitted = Fitted(split.train, catalogue=None, now=split.cut, neighbours=40)
    scorer = RecipeScores(split, fitted, folded=False)
    alone, table = Source("session_knn"), Source("sequential")

    def scores(*sources):
        return (
            scorer.scores(Recipe(sources=sources, history_half_life_days=None), "new_items").of(np.arange(5)).toarray()
        )

    visits, rules = scores(alone), scores(table)
    expected = visits + 0.3 * rules / rules.max(axis=1, keepdims=True)
    np.testing.assert_allclose(scores(alone, Source("sequential", weight=0.3)), expected, rtol=1e-9)
    assert visits.max(axis=1).tolist() == [1.0] * 5
