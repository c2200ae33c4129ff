"""The ranker in an artifact: what is served is what was tested, and nothing that must not be returned comes back."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from django_ecomai.ml.columns import SECONDS_PER_DAY
from django_ecomai.ml.evaluate.ranking import rank
from django_ecomai.ml.evaluate.run import BLEND, OURS_NAME, Evaluation, evaluate_split
from django_ecomai.ml.evaluate.split import time_split
from django_ecomai.ml.persist import ArtifactCorrupt, save_arrays
from django_ecomai.ml.recommend.build import Built, build
from django_ecomai.ml.recommend.ranking.choose import Order, choose_second, split_candidates
from django_ecomai.ml.recommend.ranking.groups import nothing_extra
from django_ecomai.ml.recommend.ranking.scores import RankedScores
from django_ecomai.ml.recommend.ranking.second_stage import KEY, PREFIX, SecondStage, joined_order
from django_ecomai.ml.recommend.recipe import Recipe, Source
from django_ecomai.ml.recommend.serving import Scorer
from tests.ml.factories import DAY, START, id_map
from tests.ml.ranking.factories import ITEMS, RECIPE, fashion_shop, priced

CUT = START + 270 * DAY


@lru_cache
def order() -> Order:
    """Learned before the cut; the names are those of every maker of this recipe."""
    data = fashion_shop().before(CUT)
    choice = choose_second(data, RECIPE, catalogue=priced(), now=CUT)
    split = time_split(fashion_shop(), CUT)
    _, maker = split_candidates(split, RECIPE, priced(), 0.0, nothing_extra)
    return Order(choice.trees, 0.3, maker.names)


@lru_cache
def built() -> Built:
    data = fashion_shop().before(CUT)
    stage = order().stage
    with pytest.MonkeyPatch.context() as patch:
        # Products nobody has met are placed when a model is built; the tested lists do not know them.
        patch.setattr("django_ecomai.ml.recommend.discovery.with_cold", lambda table, *rest, **options: table)
        return build(
            RECIPE, data, item_ids=id_map(ITEMS), catalogue=priced(), now=CUT,
            second=lambda recipe, fit: stage(recipe, fit),
        )  # fmt: skip


@lru_cache
def served() -> Scorer:
    return Scorer(built().manifest, built().arrays)


@lru_cache
def evaluation() -> Evaluation:
    return evaluate_split(fashion_shop(), CUT, catalogue=priced(), recipe=RECIPE, ranker="on")


def test_it_is_served_as_it_was_tested():
    """The lists of the test equal those of the artifact that is fitted to the same past."""
    data = fashion_shop()
    split = time_split(data, CUT)
    candidates, maker = split_candidates(split, RECIPE, priced(), 0.0, nothing_extra)
    ranked = RankedScores(candidates, SecondStage(maker, order().trees, blend_share=0.3))
    blend = candidates.scorer.scores(RECIPE, "new_items")
    view = "new_items"
    lists = rank(ranked.of(RECIPE, view, blend), split, view, 10, candidates.scorer.popularity)
    plain = rank(blend, split, view, 10, candidates.scorer.popularity)
    rows = split.rows(view)
    assert len(rows) > 100
    assert (lists != plain).any(axis=1).mean() > 0.9
    for place, row in enumerate(rows.tolist()):
        own = split.train.rows(split.train.users == split.users[row])
        ages = (CUT - own.times) / SECONDS_PER_DAY
        answer = served().for_history(own.items, own.weights, ages_days=ages, n=10, exclude=own.items)
        assert answer.items.tolist() == lists[place][: len(answer)].tolist()


def test_the_evaluation_shows_both_and_what_may_serve():
    result = evaluation()
    assert result.second is not None and result.second.passed
    for view in ("new_items", "all"):
        ours, blend = result.row(view), result.row(view, BLEND)
        assert ours["metrics"]["recall@20"] > blend["metrics"]["recall@20"]
        assert [row["model"] for row in result.rows if row["split"] == view and row["ours"]] == [OURS_NAME]
    errors = result.row("new_items")["metrics"]
    assert errors["brier"] == pytest.approx(errors["rmse"] ** 2)
    assert errors["brier"] < result.row("new_items", BLEND)["metrics"]["brier"]
    assert 0 <= errors["ece"] < 0.2
    assert set(result.orders) == {OURS_NAME}


def test_it_can_be_switched_off():
    result = evaluate_split(fashion_shop(), CUT, catalogue=priced(), budget=3, ranker="off")
    assert result.orders == {}
    assert result.second.facts["code"] == "off"
    assert BLEND not in {row["model"] for row in result.rows}


def test_an_artifact_survives_the_disk_and_has_one_hash(tmp_path):
    hashes = {save_arrays(tmp_path / str(n), built().arrays, built().manifest) for n in range(2)}
    assert len(hashes) == 1
    loaded = Scorer.load(tmp_path / "0", verify=True)
    mine, theirs = served().for_history([50, 51], n=20), loaded.for_history([50, 51], n=20)
    assert mine.items.tolist() == theirs.items.tolist()
    assert mine.scores.tolist() == theirs.scores.tolist()
    assert {"sources", "weights", "features"} < set(built().manifest[KEY])


def test_the_scores_are_those_of_the_blend_in_another_order():
    plain = Scorer({**built().manifest, KEY: None}, built().arrays)
    learned, blend = served().for_history([50, 60], n=100), plain.for_history([50, 60], n=100)
    assert learned.items.tolist() != blend.items.tolist()
    assert set(learned.items.tolist()) == set(blend.items.tolist())
    assert learned.scores.tolist() == blend.scores.tolist()
    reason = dict(zip(blend.items.tolist(), blend.because.tolist(), strict=True))
    assert [reason[item] for item in learned.items.tolist()] == learned.because.tolist()


def test_a_ranker_of_another_version_gives_way_to_the_blend():
    plain = Scorer({**built().manifest, KEY: None}, built().arrays)
    newer = {**built().manifest, KEY: {**built().manifest[KEY], "format": 99}}
    other = {**built().manifest, KEY: {**built().manifest[KEY], "features": ["something else"]}}
    for manifest in (newer, other):
        answer = Scorer(manifest, built().arrays).for_history([50])
        assert answer.items.tolist() == plain.for_history([50]).items.tolist()


@pytest.mark.parametrize("name", ["feature", "source0_indices", "age_days"])
def test_a_damaged_ranker_is_a_damaged_artifact(name):
    arrays = {key: array for key, array in built().arrays.items() if key != PREFIX + name}
    with pytest.raises(ArtifactCorrupt):
        Scorer(built().manifest, arrays)
    with pytest.raises(ArtifactCorrupt):
        Scorer(built().manifest, {**arrays, PREFIX + name: built().arrays[PREFIX + name][:-1]})


def test_an_order_of_another_recipe_is_refused():
    other = Recipe(sources=(Source("cosine"), Source("sequential")), neighbours=100)
    with pytest.raises(ValueError, match="another recipe"):
        build(other, fashion_shop(), item_ids=id_map(ITEMS), catalogue=priced(), second=order().stage)


@given(
    st.lists(st.integers(-2, ITEMS + 5), max_size=30),
    st.sets(st.integers(-1, ITEMS - 1), max_size=40),
    st.integers(0, 40),
    st.booleans(),
    st.randoms(use_true_random=False),
)
@settings(deadline=None, max_examples=60)
def test_never_an_excluded_or_repeated_item_never_more_than_asked(history, exclude, n, dated, random):
    ages = [random.uniform(0, 400) for _ in history] if dated else None
    known = [item if item < ITEMS else -1 for item in history]
    first = served().for_history(known, ages_days=ages, n=n, exclude=sorted(exclude))
    again = served().for_history(known, ages_days=ages, n=n, exclude=sorted(exclude))
    assert len(first) <= n
    assert len(set(first.items.tolist())) == len(first)
    assert not set(first.items.tolist()) & exclude
    assert first.items.tolist() == again.items.tolist()
    mixed = served().for_customer(known, ages_days=ages, n=n, exclude=sorted(exclude))
    assert len(mixed) <= n
    assert not set(mixed.items.tolist()) & exclude


@given(st.lists(st.floats(-5, 5), min_size=1, max_size=30))
def test_the_joined_order_lies_between_the_two(learned):
    scores = np.array(learned)
    assert joined_order(scores, 1.0).tolist() == list(range(len(scores)))
    assert joined_order(scores, 0.0).tolist() == np.argsort(-scores, kind="stable").tolist()
    assert sorted(joined_order(scores, 0.5).tolist()) == list(range(len(scores)))


def test_two_ranks_are_joined_by_hand():
    # blend 1, 2, 3; trees 3, 1, 2: sums of 1 / (9 + rank) at equal shares
    assert joined_order(np.array([0.0, 2.0, 1.0]), 0.5).tolist() == [1, 0, 2]
