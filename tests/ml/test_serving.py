from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from django_ecomai.ml.evaluate.ranking import rank
from django_ecomai.ml.evaluate.split import time_split
from django_ecomai.ml.frames import Catalogue, IdMap, Interactions
from django_ecomai.ml.persist import ArtifactCorrupt, ArtifactFormat, save_arrays
from django_ecomai.ml.recommend.build import Built, build
from django_ecomai.ml.recommend.fold import Fitted
from django_ecomai.ml.recommend.recipe import Recipe, Source
from django_ecomai.ml.recommend.scoring import RecipeScores
from django_ecomai.ml.recommend.serving import Scored, Scorer
from tests.ml.factories import DAY, START, id_map, shop, words

RECIPE = Recipe(
    sources=(Source("ease", {"half_life_days": 60.0}), Source("content", {}, 0.3)),
    history_half_life_days=60.0,
    trend_power=0.5,
    repeat_half_life_days=120.0,
    repeat_trend_power=0.5,
    repeat_share=0.5,
)


def built(n_items: int = 40, *, catalogue: Catalogue | None = None, interactions: Interactions | None = None) -> Built:
    data = shop(n_items=n_items) if interactions is None else interactions
    catalogue = words(n_items) if catalogue is None else catalogue
    return build(RECIPE, data, item_ids=id_map(n_items), catalogue=catalogue)


def scorer(*args, **kwargs) -> Scorer:
    result = built(*args, **kwargs)
    return Scorer(result.manifest, result.arrays)


@pytest.fixture(scope="module")
def served() -> Scorer:
    return scorer()


def shelf(n_items: int, **columns) -> Scorer:
    """A shop without tastes: item i was bought by i customers, all on one day."""
    users, items = zip(*((user, item) for item in range(n_items) for user in range(item)), strict=True)
    data = Interactions.build(users, items, [START] * len(users), baskets=[-1] * len(users), n_items=n_items)
    return scorer(n_items, interactions=data, catalogue=Catalogue.build(n_items, **columns))


def test_a_loaded_artifact_answers_like_the_built_one(tmp_path, served):
    result = built()
    save_arrays(tmp_path / "a", result.arrays, result.manifest)
    loaded = Scorer.load(tmp_path / "a", verify=True)
    for history in ([0, 1], [25], []):
        mine, theirs = served.for_history(history), loaded.for_history(history)
        assert mine.items.tolist() == theirs.items.tolist()
        assert mine.scores.tolist() == theirs.scores.tolist()
    assert loaded.decode(loaded.encode(["item-003", "item-000"])) == ["item-003", "item-000"]
    assert loaded.encode(["?"]).tolist() == [-1]
    assert loaded.n_items == 40


def test_the_same_data_give_the_same_hash(tmp_path):
    digests = set()
    for n in range(2):
        result = built()
        digests.add(save_arrays(tmp_path / str(n), result.arrays, result.manifest))
    assert len(digests) == 1


def test_the_artifact_holds_items_only(served):
    result = built()
    per_item = {name for name in result.arrays if name != "category_names" and not name.startswith("context_")}
    assert {len(result.arrays[name]) for name in per_item} == {40}
    assert result.manifest["n_users"] == 120
    assert not [key for key in (*result.arrays, *result.manifest) if "user_id" in key or "customer" in key]


def test_discovery_follows_the_taste(served):
    low, high = served.for_history([0, 1, 2], n=5, exclude=[0, 1, 2]), served.for_history([30, 31], n=5)
    assert low.items.max() < 20 <= high.items.min()
    assert set(low.because.tolist()) <= {0, 1, 2}


@pytest.mark.parametrize(("prior", "cycle"), [(0.0, 0.0), (0.5, 0.0), (0.0, 1.0)])
def test_serving_ranks_as_the_offline_evaluation_does(prior, cycle):
    recipe, data = replace(RECIPE, prior=prior, repeat_cycle=cycle), shop()
    cut = START + 150 * DAY
    split = time_split(data, cut)
    fitted = Fitted(split.train, catalogue=words(40), now=cut, neighbours=RECIPE.neighbours)
    scores = RecipeScores(split, fitted)
    result = build(recipe, split.train, item_ids=id_map(40), catalogue=words(40), now=cut)
    live = Scorer(result.manifest, result.arrays)
    offline = {view: rank(scores.scores(recipe, view), split, view, 5, scores.popularity) for view in split.truth}
    for view in split.truth:
        for ranked, row in zip(offline[view], split.rows(view), strict=True):
            own = split.train.rows(split.train.users == split.users[row])
            ages = (cut - own.times) / DAY
            if view == "new_items":
                answer = live.for_history(own.items, ages_days=ages, n=5, exclude=own.items)
            elif view == "repeat_items":
                answer = live.buy_again(own.items, ages_days=ages, n=5)
            else:
                answer = live.for_customer(own.items, ages_days=ages, n=5)
            assert answer.items.tolist() == ranked[ranked >= 0][: len(answer)].tolist()
            assert len(answer) >= min(5, len(ranked[ranked >= 0])) - (view == "new_items") * 5


def test_popularity_as_a_prior_brings_in_what_everybody_wants():
    data = shop()
    result = build(replace(RECIPE, prior=100.0), data, item_ids=id_map(40), catalogue=words(40))
    live = Scorer(result.manifest, result.arrays)
    answer = live.for_history([0], n=5)
    assert answer.items.tolist() == live.trending(n=5).items.tolist()
    assert len(live.for_history([0], n=100)) == 40
    assert set(live.for_history([0], n=100).because.tolist()) == {0, -1}
    assert live.for_history([]).items.tolist() == live.for_history([-1]).items.tolist() == []


def test_recent_events_count_more(served):
    items = [0, 30]
    assert served.for_history(items, ages_days=[300, 0], n=1).items[0] >= 20
    assert served.for_history(items, ages_days=[0, 300], n=1).items[0] < 20
    assert served.for_history(items, [0.01, 1.0], n=1).items[0] >= 20


def test_an_item_that_is_seen_twice_counts_once_at_its_strongest(served):
    once, twice = served.for_history([0, 30], [1.0, 0.5]), served.for_history([0, 30, 30], [1.0, 0.5, 0.2])
    assert once.items.tolist() == twice.items.tolist()
    np.testing.assert_array_equal(once.scores, twice.scores)


def test_buy_again_only_offers_what_was_bought(served):
    again = served.buy_again([3, 3, 7, -1], ages_days=[10, 40, 10, 0], n=10)
    assert again.items.tolist() == [3, 7]
    assert again.because.tolist() == [3, 7]
    assert served.buy_again([]).items.tolist() == []


def test_a_customer_gets_both_and_purchases_may_differ_from_views(served):
    mixed = served.for_customer([0, 1], bought=[9], bought_ages_days=[5], n=40)
    assert 9 in mixed.items
    assert len(mixed) > 1
    assert mixed.because[mixed.items.tolist().index(9)] in (0, 1, 9)
    assert served.for_customer([], n=5).items.tolist() == []


def test_similar_products_are_of_the_same_kind_and_never_itself(served):
    found = served.similar(4, n=3)
    assert 4 not in found.items
    assert (found.items % 2 == 0).all()
    assert found.because.tolist() == [4, 4, 4]
    assert len(served.similar(-1)) == len(served.similar(1000)) == 0


def test_bought_together_never_offers_what_is_in_the_basket():
    baskets = [b for b in range(30) for _ in range(2)] + list(range(30, 60))
    items = [0, 1, 2, 3] * 15 + [4] * 30
    data = Interactions.build([0] * 90, items, [START] * 90, baskets=baskets, n_items=6)
    live = scorer(6, interactions=data, catalogue=Catalogue.build(6))
    assert live.bought_together(0).items.tolist() == [1]
    assert sorted(live.bought_together([0, 2]).items.tolist()) == [1, 3]
    assert live.bought_together([0, 1]).items.tolist() == []
    assert live.bought_together([0, 2], exclude=[1]).items.tolist() == [3]
    assert live.bought_together(4).items.tolist() == []
    assert live.lift[0, 0] == 4
    assert live.support[0, 0] == 15


def test_shelves_in_order_by_category_and_without_the_excluded():
    live = shelf(5, category=["a", "b", "a", "b", ""], created=[5, 1, 4, -1, 3])
    assert live.popular(n=3).items.tolist() == [4, 3, 2]
    assert live.trending(n=2, exclude=[4]).items.tolist() == [3, 2]
    assert live.trending(category="b").items.tolist() == [3, 1]
    assert live.trending(category="unknown").items.tolist() == []
    assert live.newest().items.tolist() == [0, 2, 4, 1]
    assert live.popular(n=0).items.tolist() == []
    assert live.popular(n=100).scores.tolist() == [4, 3, 2, 1, 0]
    assert live.popularity.tolist() == [0, 1, 2, 3, 4]


def test_items_that_are_not_for_sale_are_never_returned():
    active = [i != 3 for i in range(40)]
    live = scorer(
        catalogue=Catalogue.build(40, title=["red mug"] * 40, active=active, created=range(40), price=[2] * 40)
    )
    answers = [
        live.for_history([0, 1], n=40),
        live.similar(2, n=40),
        live.bought_together([1, 2], n=40),
        live.popular(n=40),
        live.newest(n=40),
        live.buy_again([3, 4]),
        live.for_customer([3, 4], n=40),
    ]
    assert not [answer for answer in answers if 3 in answer.items]
    assert live.prices.tolist() == [2] * 40


def test_a_product_nobody_met_yet_still_leads_somewhere():
    data = shop(n_items=40)
    data = Interactions.build(data.users, data.items, data.times, n_items=42)
    live = scorer(42, interactions=data)
    assert (live.for_history([40], n=3).items % 2 == 0).all()
    assert len(live.for_history([40], n=3)) == 3


def test_filling_goes_down_the_chain_without_repeating(served):
    first = served.for_history([0], n=2)
    filled = served.fill(first, 30, served.trending(n=30), served.popular(n=40), exclude=[5])
    assert filled.items[:2].tolist() == first.items.tolist()
    assert filled.because[:2].tolist() == [0, 0]
    assert filled.because[2:].tolist() == [-1] * 28
    assert len(set(filled.items.tolist())) == len(filled) == 30
    assert 5 not in filled.items
    assert len(served.fill(Scored(), 3)) == 0


def test_unequal_lengths_are_refused(served):
    with pytest.raises(ValueError, match="1 weights for a history of 2"):
        served.for_history([0, 1], [1.0])


@pytest.mark.parametrize("n_items", [0, 1])
def test_an_empty_shop_and_a_shop_with_one_product(n_items):
    live = scorer(n_items, interactions=Interactions.empty(n_items=n_items), catalogue=Catalogue.build(n_items))
    assert live.for_history([0]).items.tolist() == []
    assert live.similar(0).items.tolist() == live.bought_together(0).items.tolist() == []
    assert live.popular().items.tolist() == list(range(n_items))
    assert live.for_customer([0], n=5).items.tolist() == list(range(n_items))


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"kind": "forecast"}, ArtifactFormat),
        ({"recommend_format": 99}, ArtifactFormat),
    ],
)
def test_another_kind_of_artifact_is_refused(change, error):
    result = built()
    with pytest.raises(error, match="train again"):
        Scorer({**result.manifest, **change}, result.arrays)


def test_an_incomplete_or_misshaped_artifact_is_refused():
    result = built()
    with pytest.raises(ArtifactCorrupt, match="incomplete"):
        Scorer(result.manifest, {k: v for k, v in result.arrays.items() if k != "trending"})
    with pytest.raises(ArtifactCorrupt, match="39, 40"):
        Scorer(result.manifest, {**result.arrays, "trending": result.arrays["trending"][1:]})
    with pytest.raises(ArtifactCorrupt, match="incomplete"):
        Scorer(result.manifest, {**result.arrays, "similar_scores": result.arrays["similar_scores"][:, 1:]})


def test_build_refuses_maps_of_another_size():
    with pytest.raises(ValueError, match="each of the 40 items"):
        build(RECIPE, shop(), item_ids=IdMap.from_ids(["a"]))


histories = st.lists(st.integers(-2, 45), max_size=30)


@given(
    histories,
    st.integers(0, 50),
    st.lists(st.integers(-1, 45), max_size=45),
    st.sampled_from(["again", "all", "basket"]),
)
def test_never_an_excluded_or_repeated_item_and_never_more_than_asked(served, history, n, exclude, what):
    answers = [
        served.for_history(history, n=n, exclude=exclude),
        served.trending(n=n, exclude=exclude),
        {
            "again": served.buy_again,
            "all": served.for_customer,
            "basket": served.bought_together,
        }[what](history, n=n, exclude=exclude),
    ]
    answers.append(served.fill(answers[0], n, *answers[1:], exclude=exclude))
    for answer in answers:
        assert len(answer) <= n
        assert len(answer) == len(answer.scores) == len(answer.because)
        assert len(set(answer.items.tolist())) == len(answer)
        assert not set(answer.items.tolist()) & set(exclude)
        assert ((answer.items >= 0) & (answer.items < 40)).all()
        assert np.isfinite(answer.scores).all()


@given(st.lists(st.floats(allow_nan=True, allow_infinity=True), min_size=3, max_size=3))
def test_any_weight_gives_finite_scores(served, weights):
    answer = served.for_history([0, 1, 30], weights, ages_days=[1e9, -5, 0])
    assert np.isfinite(answer.scores).all()


@given(
    st.lists(st.tuples(st.integers(0, 39), st.integers(0, 4), st.integers(40, 2**31 - 1)), min_size=1, max_size=30),
    st.lists(st.integers(0, 39), min_size=1, max_size=8),
)
def test_neighbours_that_no_item_has_are_passed_over(served, damage, history):
    """As if a disk had lost some numbers: what is left answers the same."""
    rotten, gone = dict(served_arrays()), dict(served_arrays())
    for name in ("neighbours", "similar", "together", "complement", "better"):
        bad, without = rotten[f"{name}_indices"].copy(), rotten[f"{name}_indices"].copy()
        for row, place, value in damage:
            if place < bad.shape[1]:
                bad[row, place], without[row, place] = value, -1
        rotten[f"{name}_indices"], gone[f"{name}_indices"] = bad, without
    one, other = Scorer(served.manifest, rotten), Scorer(served.manifest, gone)
    item = history[0]
    for ask in (
        lambda scorer: scorer.for_history(history),
        lambda scorer: scorer.for_customer(history),
        lambda scorer: scorer.similar(item),
        lambda scorer: scorer.bought_together(history),
        lambda scorer: scorer.cross_sell(history),
        lambda scorer: scorer.upsell(item, price_band=(0.5, 2.0)),
    ):
        assert ask(one).items.tolist() == ask(other).items.tolist()
        assert ask(one).scores.tolist() == ask(other).scores.tolist()


def test_a_set_with_a_product_that_there_is_not_is_no_set(served):
    items = np.full((served.n_items, 3, 2), -1, dtype=np.int32)
    items[0] = [[1, 2], [served.n_items, 1], [3, -1]]
    numbers = {f"bundle_{name}": np.ones((served.n_items, 3), dtype=np.float32) for name in ("lift", "scores")}
    arrays = {**served_arrays(), **numbers, "bundle_items": items, "bundle_support": np.ones_like(items[:, :, 0])}
    assert [one.items for one in Scorer(served.manifest, arrays).bundles(0)] == [(0, 1, 2), (0, 3)]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("category", np.full(40, 9, dtype=np.int32)),
        ("context_items", np.full((1, 2), 40, dtype=np.int32)),
    ],
)
def test_what_is_read_whole_is_checked_when_it_is_loaded(served, name, value):
    context = {"context_names": np.array([b"country=DE"]), "context_items": np.zeros((1, 2), dtype=np.int32)}
    context |= {"context_scores": np.ones((1, 2), dtype=np.float32), "context_meetings": np.ones(1, dtype=np.float32)}
    arrays = {
        **served_arrays(),
        "category_names": np.array([b"a"]),
        "category": np.zeros(40, dtype=np.int32),
        **context,
    }
    Scorer(served.manifest, arrays)
    with pytest.raises(ArtifactCorrupt, match=name):
        Scorer(served.manifest, {**arrays, name: value})


@cache
def served_arrays():
    return built().arrays
