from __future__ import annotations

import numpy as np
import pytest

from django_ecomai.ml.evaluate.run import COLLABORATIVE, CONTENT, OURS_NAME, evaluate_split
from django_ecomai.ml.frames import Catalogue, Interactions
from django_ecomai.ml.persist import save_arrays
from django_ecomai.ml.recommend import tune
from django_ecomai.ml.recommend.auto import choose, choose_and_build
from django_ecomai.ml.recommend.recipe import Recipe, Source
from django_ecomai.ml.recommend.serving import Scorer
from tests.ml.factories import DAY, START, id_map, shop, words


def test_the_choice_is_validated_recorded_and_within_budget():
    seen = []
    choice = choose(
        shop(), catalogue=words(40), budget=60, progress=lambda fraction, text: seen.append((fraction, text))
    )
    assert choice.recipe.sources, "two tastes: popularity cannot win"
    assert 30 < len(choice.tried) <= 60
    for part in ("new_items", "repeat_items", "all"):
        rows = [row for row in choice.tried if row["part"] == part]
        chosen = [row for row in rows if row["chosen"]]
        assert len(chosen) == 1
        objective = [row["metrics"]["recall@20"] * row["metrics"]["ndcg@20"] for row in rows]
        best = chosen[0]["metrics"]["recall@20"] * chosen[0]["metrics"]["ndcg@20"]
        assert best >= max(objective) / 1.003**10
    assert (
        Recipe.from_dict(next(row for row in choice.tried if row["part"] == "all" and row["chosen"])["recipe"])
        == choice.recipe
    )
    assert {row["name"] for row in choice.tried} >= {"popular (30 days)", "personal frequency"}
    assert choice.validation["users"] == 120
    assert [fraction for fraction, _ in seen] == sorted(fraction for fraction, _ in seen)


def test_the_choice_is_deterministic(tmp_path):
    digests, names = set(), set()
    for n in range(2):
        choice, built = choose_and_build(shop(), item_ids=id_map(40), catalogue=words(40), budget=25)
        digests.add(save_arrays(tmp_path / str(n), built.arrays, built.manifest))
        names.add(str(choice.tried))
    assert len(digests) == len(names) == 1


@pytest.mark.parametrize("budget", [0, 1, 5, 12])
def test_the_budget_counts_evaluations(budget):
    choice = choose(shop(), catalogue=words(40), budget=budget)
    assert len(choice.tried) == budget
    built = choose_and_build(shop(), item_ids=id_map(40), budget=budget)[1]
    assert built.manifest["n_items"] == 40


def test_a_small_budget_tries_less_of_each_kind_and_still_comes_to_blends():
    tried = {budget: choose(shop(), catalogue=words(40), budget=budget).tried for budget in (60, 24)}
    sources = {budget: [row["recipe"]["sources"] for row in rows] for budget, rows in tried.items()}
    of_one = {
        budget: [one[0]["kind"] for one in found if len(one) == 1].count("cosine") for budget, found in sources.items()
    }
    assert of_one[24] < of_one[60]
    assert {one[0]["kind"] for one in sources[60] if len(one) == 1} == {
        one[0]["kind"] for one in sources[24] if len(one) == 1
    }
    blends = [[source["kind"] for source in one] for one in sources[24] if len(one) > 1]
    assert blends
    assert all(len(set(kinds)) == len(kinds) for kinds in blends), "one of a kind is enough"


def test_a_small_budget_leaves_the_low_pass_filter_to_smaller_shops(monkeypatch):
    monkeypatch.setattr(tune, "LOW_RANK_ITEMS", 480)

    def kinds(budget: int) -> set[str]:
        tried = choose(shop(n_items=240), budget=budget).tried
        return {source["kind"] for row in tried for source in row["recipe"]["sources"]}

    assert "gfcf" in kinds(30)  # up to 240 products
    assert "gfcf" not in kinds(29)


def test_what_does_not_fit_into_the_memory_is_not_tried():
    def kinds(memory_mb: int) -> set[str]:
        tried = choose(shop(n_items=400), budget=30, memory_mb=memory_mb).tried
        return {source["kind"] for row in tried for source in row["recipe"]["sources"]}

    assert "ease" in kinds(2)  # 8 bytes x 400 x 400 and a quarter: 1.6 MB
    assert "ease" not in kinds(1)


def test_nothing_after_the_cut_can_change_the_choice():
    data, cut = shop(), START + 150 * DAY
    changed = Interactions.build(
        data.users,
        np.where(data.times >= cut, data.items[::-1], data.items),
        data.times,
        baskets=data.baskets,
        n_items=40,
    )
    first, second = (evaluate_split(d, cut, catalogue=words(40), budget=20) for d in (data, changed))
    assert first.recipe == second.recipe
    assert first.choice.tried == second.choice.tried
    assert first.row("new_items")["metrics"] != second.row("new_items")["metrics"]


@pytest.mark.parametrize(
    "data",
    [
        Interactions.empty(n_items=3),
        Interactions.empty(),
        Interactions.build([0], [0], [START], n_items=3),
        Interactions.build([0, 1, 2], [0, 1, 2], [START] * 3),
        Interactions.build([0] * 30, [0, 1, 2] * 10, START + np.arange(30) * DAY),
        Interactions.build(np.arange(90), [0, 1, 2] * 30, START + np.arange(90) * DAY),
    ],
    ids=["no interactions", "nothing at all", "one", "one moment", "one customer", "nobody returns"],
)
def test_too_little_data_falls_back_and_says_why(data):
    catalogue = words(data.n_items)
    choice, built = choose_and_build(data, item_ids=id_map(data.n_items), catalogue=catalogue)
    assert choice.tried == []
    assert len(choice.validation["reason"]) > 20
    live = Scorer(built.manifest, built.arrays)
    assert sorted(live.fill(live.for_history([0]), 10, live.trending(), exclude=[]).items.tolist()) == list(
        range(data.n_items)
    )


def test_one_item_bought_by_everybody():
    days = np.tile(np.arange(0, 100, 10), 40)
    data = Interactions.build(np.repeat(np.arange(40), 10), np.zeros(400, int), START + days * DAY)
    choice, built = choose_and_build(data, item_ids=id_map(1), catalogue=Catalogue.build(1, title=["Mug"]))
    assert {row["part"] for row in choice.tried} == {"repeat_items", "all"}
    assert Scorer(built.manifest, built.arrays).buy_again([0]).items.tolist() == [0]


def test_a_shop_where_taste_says_nothing_gets_popularity():
    random = np.random.default_rng(5)
    users = np.repeat(np.arange(300), 8)
    share = 0.75 ** np.arange(60)
    items = random.choice(60, p=share / share.sum(), size=len(users))
    data = Interactions.build(users, items, START + random.integers(0, 200 * DAY, len(users)), n_items=60)
    choice = choose(data)
    naive = max(row["metrics"]["recall@20"] for row in choice.tried if row["name"].startswith("popular"))
    chosen = next(row for row in choice.tried if row["part"] == "new_items" and row["chosen"])
    assert chosen["metrics"]["recall@20"] >= naive * 0.97


def test_only_purchases_are_the_target():
    data = shop()
    views = Interactions.build(
        np.r_[data.users, data.users],
        np.r_[data.items, (data.items + 1) % 40],
        np.r_[data.times, data.times],
        weights=np.r_[np.ones(len(data)), np.full(len(data), 0.1)],
    )
    choice = choose(views, target_weight=1.0, budget=8)
    assert choice.validation["users"] == 120
    assert len(choice.tried) == 8


def test_the_evaluation_table():
    cut = START + 150 * DAY
    live = Recipe(sources=(Source("cosine"),))
    result = evaluate_split(shop(), cut, catalogue=words(40), budget=30, extra_recipes={"live": live})
    naive = {"popular (30 days)", "popular (all time)", "personal frequency"}
    models = {*naive, COLLABORATIVE, CONTENT, "live", OURS_NAME}
    for split in ("new_items", "repeat_items", "all"):
        rows = [row for row in result.rows if row["split"] == split]
        assert {row["model"] for row in rows} == models
        assert [row["model"] for row in rows if row["ours"]] == [OURS_NAME]
        assert len({row["users"] for row in rows}) == 1
        for row in rows:
            assert {f"{name}@{k}" for k in (10, 20) for name in ("precision", "recall", "f1", "hit_rate")} < set(
                row["metrics"]
            )
    ours, naive = result.row("new_items")["metrics"], result.row("new_items", "popular (30 days)")["metrics"]
    assert ours["recall@10"] > 1.5 * naive["recall@10"]
    assert result.counts["test_users"] == 120
    with pytest.raises(KeyError, match="no row of nobody"):
        result.row("all", "nobody")


def test_a_given_recipe_is_tested_without_choosing():
    recipe = Recipe(sources=(Source("cosine", {"item_power": 0.3}),))
    result = evaluate_split(shop(), START + 150 * DAY, recipe=recipe, ks=(5,))
    assert result.choice is None
    assert result.recipe == recipe
    assert set(result.row("all")["metrics"]) == {
        f"{name}@5"
        for name in (
            *("precision", "recall", "f1", "hit_rate", "ndcg", "map", "mrr", "coverage"),
            *("novelty", "gini", "long_tail", "popularity_lift"),
        )
    }


def test_evaluating_a_shop_without_history_gives_zeros():
    result = evaluate_split(Interactions.empty(n_items=2), START)
    assert {value for row in result.rows for value in row["metrics"].values()} == {0.0}


def test_a_recipe_survives_json():
    import json

    recipe = Recipe(sources=(Source("ease", {"half_life_days": None}, 0.5), Source("content")), trend_power=0.5)
    assert Recipe.from_dict(json.loads(json.dumps(recipe.to_dict()))) == recipe
    with pytest.raises(ValueError, match=r"unknown recipe keys \['magic'\]"):
        Recipe.from_dict({"magic": 1})
    with pytest.raises(ValueError, match="unknown source 'magic'"):
        Source("magic").model(10)


def test_recipes_have_names_a_merchant_can_read():
    assert Recipe(trending_days=None).name == "popular (all time)"
    assert Recipe().name == "popular (30 days)"
    two = Recipe(sources=(Source("cosine", {"item_power": 0.3}), Source("content", {}, 0.3)), trend_power=0.5)
    assert two.name == "cosine(item_power=0.3) + 0.3 x content() + trend^0.5 + history half-life 180 d"


def test_the_language_of_the_texts_reaches_the_model():
    catalogue = Catalogue.build(3, title=["Kerze", "Kerzen", "Tasse"])
    data = Interactions.empty(n_items=3)
    for language, neighbours in (("german", [1]), ("english", [])):
        choice, built = choose_and_build(data, item_ids=id_map(3), catalogue=catalogue, language=language)
        assert choice.recipe.language == language
        assert Scorer(built.manifest, built.arrays).similar(0).items.tolist() == neighbours


def test_clocks_that_ran_ahead_or_fell_back_to_1970_change_nothing():
    data = shop()
    now = int(data.times[-1])
    odd = Interactions.build(
        np.r_[data.users, 0, 1],
        np.r_[data.items, 0, 1],
        np.r_[data.times, now + 10_000 * DAY, 0],
        baskets=np.r_[data.baskets, 10_000, 10_001],
    )
    usual, other = (choose(one, catalogue=words(40), now=now, budget=60) for one in (data, odd))
    assert other.recipe == usual.recipe
    assert abs(other.validation["cut"] - usual.validation["cut"]) < DAY
    built = [choose_and_build(one, item_ids=id_map(40), now=now, budget=1)[1] for one in (data, odd)]
    np.testing.assert_array_equal(built[0].arrays["trending"], built[1].arrays["trending"])
