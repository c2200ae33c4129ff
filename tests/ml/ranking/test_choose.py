"""Whether an order is learned, from what, and that it cannot see what it is asked for."""

from __future__ import annotations

import sys
from dataclasses import replace

import numpy as np
import pytest

from django_ecomai.ml.evaluate.holdout import last_item_split, session_split
from django_ecomai.ml.evaluate.split import time_split
from django_ecomai.ml.frames import Interactions
from django_ecomai.ml.recommend.fold import Fitted
from django_ecomai.ml.recommend.ranking import choose, learn
from django_ecomai.ml.recommend.ranking.choose import (
    FOLDS,
    LEAST_CUSTOMERS,
    OFF,
    ON,
    SecondChoice,
    choose_second,
    split_candidates,
    window_cuts,
)
from django_ecomai.ml.recommend.ranking.groups import Extra, Groups, candidate_groups, nothing_extra
from django_ecomai.ml.recommend.ranking.learn import BoostMissing, fit_trees, lightgbm_module, list_values, monotone
from django_ecomai.ml.recommend.ranking.scores import RankedScores
from django_ecomai.ml.recommend.ranking.second_stage import SecondStage
from django_ecomai.ml.recommend.recipe import Recipe, Source
from django_ecomai.ml.recommend.tune import PAIRS, SEQUENCE, SESSIONS
from tests.ml.factories import DAY, START
from tests.ml.ranking.factories import ITEMS, RECIPE, fashion_shop, priced
from tests.ml.test_holdout import no_order, places

NOW = START + 300 * DAY
pytestmark = pytest.mark.xdist_group("second choice")  # what many look at is made by one worker, once


def learned(data: Interactions, **keywords) -> SecondChoice:
    return choose_second(data, RECIPE, catalogue=priced(), now=NOW, **keywords)


@pytest.fixture(scope="module")
def choice() -> SecondChoice:
    return learned(fashion_shop())


def test_it_passes_where_the_blend_can_be_improved(choice):
    assert choice.passed
    assert choice.facts["ranked"]["ndcg@20"] > 1.2 * choice.facts["blend"]["ndcg@20"]
    assert choice.facts["learner"] == learn.LAMBDARANK
    assert (choice.facts["windows"], choice.facts["customers"]) == (4, 959)
    assert 0 < len(choice.trees) <= learn.ROUNDS


def test_the_same_data_and_seed_give_the_same_trees(choice):
    again = learned(fashion_shop())
    assert again.facts == choice.facts
    for name, array in choice.trees.arrays().items():
        np.testing.assert_array_equal(again.trees.arrays()[name], array)


def test_without_lightgbm_scikit_learn_learns_and_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "lightgbm", None)
    choice = learned(fashion_shop())
    assert choice.facts["learner"] == learn.POINTWISE
    assert "pip install django-ecomai[boost]" in choice.facts["advice"]
    assert choice.passed
    with pytest.raises(BoostMissing, match=r"pip install django-ecomai\[boost\]"):
        lightgbm_module()


def test_a_missing_system_library_is_named(monkeypatch):
    def broken(name, *rest):
        if name == "lightgbm":
            raise OSError("libgomp.so.1: cannot open shared object file")
        return original(name, *rest)

    original = __import__
    monkeypatch.delitem(sys.modules, "lightgbm", raising=False)
    monkeypatch.setattr("builtins.__import__", broken)
    with pytest.raises(BoostMissing, match="apt-get install libgomp1"):
        lightgbm_module()


@pytest.mark.parametrize(
    ("keywords", "recipe", "code"),
    [
        ({"ranker": OFF}, RECIPE, "off"),
        ({}, Recipe(), "no_sources"),
    ],
)
def test_what_is_not_learned_says_why(keywords, recipe, code):
    choice = choose_second(fashion_shop(20), recipe, catalogue=None, now=NOW, **keywords)
    assert (choice.trees, choice.passed, choice.facts["code"]) == (None, False, code)
    assert len(choice.facts["reason"]) > 20


def test_too_few_customers_are_counted():
    choice = learned(fashion_shop(50))
    assert (choice.trees, choice.facts["code"]) == (None, "few")
    assert choice.facts["customers"] == 200 < LEAST_CUSTOMERS == choice.facts["least"]


def test_nothing_at_all():
    choice = choose_second(Interactions.empty(n_items=ITEMS), RECIPE, catalogue=priced(), now=NOW, ranker=ON)
    assert (choice.trees, choice.facts["code"]) == (None, "few")


@pytest.mark.parametrize(("shape", "data", "customers"), [(SEQUENCE, places, 564), (PAIRS, no_order, 600)])
def test_without_a_clock_customers_judge_each_other(shape, data, customers, monkeypatch):
    fitted: list[tuple[int, int]] = []
    original = choose.fit_trees

    def counted(groups: Groups, names, **keywords):
        fitted.append((len(groups.sizes), int(groups.labels.sum())))
        return original(groups, names, **keywords)

    monkeypatch.setattr(choose, "fit_trees", counted)
    shop = data(fashion_shop(600))
    choice = choose_second(shop, RECIPE, catalogue=priced(), now=NOW, shape=shape, k=10, ranker=ON)
    assert choice.trees is not None
    assert choice.facts["customers"] == customers  # 36 histories end with an item they had before
    assert {"recall@10", "ndcg@10"} == set(choice.facts["blend"]) == set(choice.facts["ranked"])
    *folds, everybody = fitted
    assert len(folds) == FOLDS
    assert everybody[0] == choice.facts["judged_customers"] == sum(len(part.sizes) for part in choice.groups)
    assert [everybody[0] - taught for taught, _ in folds] == [len(part.sizes) for part in choice.groups]
    owners = np.concatenate([part.owners for part in choice.groups])
    assert len(np.unique(owners)) == len(owners), "nobody judges what he taught"


def test_pairs_without_order_teach_no_order_unless_somebody_asks():
    choice = choose_second(no_order(fashion_shop(600)), RECIPE, catalogue=priced(), now=NOW, shape=PAIRS)
    assert (choice.trees, choice.facts["code"]) == (None, "pairs")


@pytest.mark.parametrize("shape", [SEQUENCE, SESSIONS])
def test_few_customers_without_a_clock_are_not_learned_from(shape):
    choice = choose_second(places(fashion_shop(60)), RECIPE, catalogue=priced(), now=NOW, shape=shape)
    assert (choice.trees, choice.facts["code"]) == (None, "few")
    assert choice.facts["customers"] == {SEQUENCE: 56, SESSIONS: 6}[shape]


def test_visits_are_ranked_by_what_session_neighbours_say_too(monkeypatch):
    monkeypatch.setattr(choose, "LEAST_CUSTOMERS", 20)
    visits = replace(RECIPE, sources=(*RECIPE.sources, Source("session_knn")))
    shop = places(fashion_shop(400))
    choice = choose_second(shop, visits, catalogue=priced(), now=NOW, shape=SESSIONS)
    assert choice.facts["customers"] == 40
    split = session_split(shop)
    candidates, maker = split_candidates(split, visits, priced(), 0.0, nothing_extra)
    assert {"cosine_score", "session_knn_score", "session_knn_rank"} < set(maker.names)
    groups = candidate_groups(candidates, maker)
    said = candidates.scorer.part(visits, visits.sources[1]).toarray()
    items, _ = candidates.of(int(groups.owners[0]), candidates.scores(groups.owners[:1]))
    expected = said[groups.owners[0], items]
    found = groups.features[: groups.sizes[0], maker.names.index("session_knn_score")]
    np.testing.assert_array_equal(np.nan_to_num(found), expected)
    stage = SecondStage(maker, choice.trees)
    served = RankedScores(candidates, stage).discovery(groups.owners[:1]).toarray()[0]
    learned = choice.trees.predict(groups.features[: groups.sizes[0]])
    assert served[items].argmax() == learned.argmax(), "what is tested is what was learned"


def test_what_the_choice_was_validated_on_need_not_be_fitted_again(monkeypatch):
    shop = places(fashion_shop(600))
    split = last_item_split(shop, max_users=choose.MOST_HELD_OUT)
    fitted = Fitted(split.train, catalogue=priced(), now=split.cut, neighbours=RECIPE.neighbours)
    options = {"catalogue": priced(), "now": NOW, "shape": SEQUENCE}
    again = choose_second(shop, RECIPE, **options)
    monkeypatch.setattr(choose, "Fitted", None)
    assert choose_second(shop, RECIPE, judged=(split, fitted), **options).facts == again.facts


def test_some_groups_keep_their_rows():
    groups = Groups(
        features=np.arange(12.0).reshape(6, 2),
        labels=np.array([0, 1, 0, 1, 1, 0], dtype=np.int8),
        sizes=np.array([2, 1, 3]),
        owners=np.array([7, 8, 9]),
        relevant=np.array([1, 4, 2]),
    )
    kept = groups.some(np.array([True, False, True]))
    assert kept.features[:, 0].tolist() == [0, 2, 6, 8, 10]
    assert kept.labels.tolist() == [0, 1, 1, 1, 0]
    assert (kept.sizes.tolist(), kept.owners.tolist(), kept.relevant.tolist()) == ([2, 3], [7, 9], [1, 2])


def test_a_taste_that_nobody_has_is_not_put_in_use():
    """Everybody buys at random: no order can beat another but by chance."""
    random = np.random.default_rng(0)
    data = fashion_shop()
    noise = Interactions.build(data.users, random.integers(0, ITEMS, len(data)), data.times, n_items=ITEMS)
    choice = choose_second(noise, RECIPE, catalogue=priced(), now=NOW)
    assert not choice.passed
    assert choice.trees is not None, "it was learned and found wanting"


def test_windows_end_at_now_and_leave_a_third_to_learn_from():
    data = fashion_shop(60)
    cuts, length = window_cuts(data, NOW)
    first = int(data.times[len(data) // 100])  # one order of 1970 would not make the shop fifty years old
    assert length == (NOW - first) // 10
    assert [round((NOW - cut) / length) for cut in cuts] == [4, 3, 2, 1]
    assert window_cuts(Interactions.empty(), NOW) == ([], 0)
    short = Interactions.build([0] * 200, [0] * 200, START + np.arange(200) * DAY // 10)
    assert window_cuts(short, START + 20 * DAY)[0] == [START + 6 * DAY, START + 13 * DAY][1:]


def groups_of(data: Interactions, cut: int, extra=nothing_extra) -> tuple[Groups, tuple[str, ...]]:
    split = time_split(data, cut, end=cut + 30 * DAY)
    candidates, maker = split_candidates(split, RECIPE, priced(), 0.0, extra)
    return candidate_groups(candidates, maker), maker.names


def test_features_never_see_the_label_period():
    """What is bought after the cut is exchanged: the labels change, no feature of any customer does."""
    data, cut = fashion_shop(), START + 200 * DAY
    items = np.where(data.times >= cut, (data.items + 7) % ITEMS, data.items)
    changed = Interactions.build(data.users, items, data.times, n_users=240, n_items=ITEMS)
    (first, names), (second, _) = groups_of(data, cut), groups_of(changed, cut)
    assert "history_age_days" in names
    both, at, other = np.intersect1d(first.owners, second.owners, return_indices=True)
    assert len(both) > 100
    starts = [np.cumsum(groups.sizes) - groups.sizes for groups in (first, second)]
    labels_differ = False
    for i, j in zip(at.tolist(), other.tolist(), strict=True):
        one = slice(starts[0][i], starts[0][i] + first.sizes[i])
        two = slice(starts[1][j], starts[1][j] + second.sizes[j])
        np.testing.assert_array_equal(first.features[one], second.features[two])
        labels_differ |= first.labels[one].tolist() != second.labels[two].tolist()
    assert labels_differ


def test_the_future_of_others_changes_nothing_that_is_learned_before_it():
    data = fashion_shop()
    users, times = np.arange(240), [NOW + DAY] * 240
    later = Interactions.build(np.r_[data.users, users], np.r_[data.items, users % ITEMS], np.r_[data.times, times])
    first, second = learned(data), learned(later)
    assert first.facts == second.facts
    np.testing.assert_array_equal(first.trees.threshold, second.trees.threshold)


def test_facts_are_asked_for_as_of_the_cut():
    asked = []

    def extra(moment: int) -> Extra:
        asked.append(moment)
        return Extra(in_stock=np.ones(ITEMS, np.float32))

    groups, names = groups_of(fashion_shop(), START + 200 * DAY, extra)
    assert asked == [START + 200 * DAY]
    assert set(groups.features[:, names.index("in_stock")]) == {1.0}


def test_what_was_bought_before_is_no_candidate_and_the_best_stand_first():
    data, cut = fashion_shop(), START + 200 * DAY
    split = time_split(data, cut, end=cut + 30 * DAY)
    candidates, maker = split_candidates(split, RECIPE, priced(), 0.0, nothing_extra)
    for row in range(20):
        items, values = candidates.of(row, candidates.scores(np.array([row])))
        assert not set(items.tolist()) & set(split.bought[row].indices.tolist())
        assert (np.diff(values) <= 0).all()
    groups = candidate_groups(candidates, maker)
    assert groups.sizes.sum() == len(groups.labels) == len(groups.features)
    assert groups.labels.sum() <= groups.relevant.sum()
    head = groups.head(5)
    assert head.sizes.max() == 5
    np.testing.assert_array_equal(head.features[:5], groups.features[:5])


def test_groups_are_counted_by_hand():
    groups = Groups(
        np.zeros((5, 1)), np.array([0, 1, 0, 1, 1], np.int8), np.array([2, 3]), np.arange(2), np.array([1, 4])
    )
    recall, ndcg = list_values(groups, np.array([0, 1, 0, 2, 1]), 2)
    assert recall.tolist() == [1, 0.5]
    assert ndcg.tolist() == [1, 1]
    recall, ndcg = list_values(groups, np.array([1, 0, 2, 1, 0]), 2)
    assert recall.tolist() == [1, 0.25]
    second = 1 / np.log2(3)
    assert ndcg == pytest.approx([second, second / (1 + second)])


def test_of_several_sure_gains_the_largest_is_taken():
    """60 lists: trees put the one true product first in three of four, last in the others. Half of the blend would be
    surer (8.0 standard errors), none of it gains three times as much (6.4)."""
    rows, size = np.arange(60), 12
    hit = np.where(rows % 3 == 0, 8, 3)
    labels = (np.arange(size) == hit[:, None]).astype(np.int8)
    learned = np.where(labels > 0, np.where(rows % 4 == 0, -100, 100)[:, None], -np.arange(size))
    groups = Groups(np.zeros((720, 1)), labels.ravel(), np.full(60, size), rows, np.ones(60, dtype=np.int64))
    facts = choose._judge(groups, learned.ravel().astype(float), 10)
    assert (facts["passed"], facts["blend_share"]) == (True, 0.0)
    assert facts["standard_errors"] == pytest.approx(6.42, abs=0.01)


def test_scores_may_only_help():
    assert monotone(("cosine_score", "cosine_rank", "price", "blend_rank")) == [1, -1, 0, -1]


def test_labels_of_one_kind_teach_nothing():
    groups = Groups(np.zeros((2, 1)), np.zeros(2, np.int8), np.array([2]), np.zeros(1, int), np.ones(1, int))
    with pytest.raises(ValueError, match="bought and some that were not"):
        fit_trees(groups, ("price",))
