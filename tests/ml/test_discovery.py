"""A test judges the table that is stored: with the places of products nobody has met, as far as they existed then."""

from __future__ import annotations

import numpy as np

from django_ecomai.ml.columns import NEW_ITEMS
from django_ecomai.ml.evaluate.ranking import rank
from django_ecomai.ml.evaluate.run import CONTENT, OURS_NAME, evaluate_split
from django_ecomai.ml.evaluate.split import time_split
from django_ecomai.ml.frames import Catalogue
from django_ecomai.ml.recommend.base import distinct_users
from django_ecomai.ml.recommend.build import build
from django_ecomai.ml.recommend.discovery import known_at
from django_ecomai.ml.recommend.fold import Fitted
from django_ecomai.ml.recommend.recipe import Recipe, Source
from django_ecomai.ml.recommend.scoring import RecipeScores
from django_ecomai.ml.recommend.serving import Scorer
from tests.ml.factories import DAY, START, id_map, shop

CUT = START + 150 * DAY
NEWCOMER, LATER = 0, 39
RECIPE = Recipe(sources=(Source("cosine"),), history_half_life_days=None, neighbours=50)


def launch():
    """A shop whose first product nobody met before the cut, and whose last one was not there yet."""
    data = shop(80)
    early = (data.times < CUT) & np.isin(data.items, (NEWCOMER, LATER))
    created = np.full(40, START)
    created[LATER] = CUT + DAY
    catalogue = Catalogue.build(
        40,
        title=[f"{'lantern' if i < 20 else 'mug'} {i % 5}" for i in range(40)],
        category=["Lighting" if i < 20 else "Kitchen" for i in range(40)],
        created=created,
    )
    return data.rows(~early), catalogue


def test_the_lists_of_a_test_are_those_that_the_model_of_that_day_would_serve():
    data, catalogue = launch()
    split = time_split(data, CUT)
    fitted = Fitted(split.train, catalogue=catalogue, now=CUT, neighbours=RECIPE.neighbours)
    scorer = RecipeScores.as_served(split, fitted)
    tested = rank(scorer.scores(RECIPE, NEW_ITEMS), split, NEW_ITEMS, 15, scorer.popularity)
    of_the_day = Catalogue.build(
        40, title=catalogue.title, category=catalogue.category, created=catalogue.created,
        active=np.arange(40) != LATER,
    )  # fmt: skip
    built = build(RECIPE, split.train, item_ids=id_map(40), catalogue=of_the_day, now=CUT)
    served = Scorer(built.manifest, built.arrays)
    assert NEWCOMER in tested and LATER not in tested
    for place, row in enumerate(split.rows(NEW_ITEMS)):
        own = split.train.items[split.train.users == split.users[row]]
        answer = served.for_history(np.unique(own), n=15, exclude=split.bought[row].indices)
        assert answer.items.tolist() == tested[place].tolist()[: len(answer)]


def test_what_was_created_later_or_is_of_unknown_age_and_was_never_met_has_no_place():
    catalogue = Catalogue.build(4, created=[1, 9, -1, -1], active=[True, True, True, True])
    assert known_at(catalogue, np.array([0, 0, 0, 2]), 5).tolist() == [True, False, False, True]
    assert known_at(None, np.zeros(4), 5) is None


def test_an_evaluation_counts_newcomers_and_its_single_models_do_not():
    data, catalogue = launch()
    with_places = evaluate_split(data, CUT, recipe=RECIPE, catalogue=catalogue, sliders=True)
    split = time_split(data, CUT)
    fitted = Fitted(split.train, catalogue=catalogue, now=CUT, neighbours=RECIPE.neighbours)
    plain = RecipeScores(split, fitted)
    assert (distinct_users(split.train)[[NEWCOMER, LATER]] == 0).all()
    table = plain.fitted.served(RECIPE, plain.popularity)
    assert not table[:, NEWCOMER].nnz
    ours = with_places.row(NEW_ITEMS, OURS_NAME)["metrics"]
    assert with_places.row(NEW_ITEMS, CONTENT)["metrics"]["recall@20"] >= 0
    assert with_places.tradeoffs["sliders"]["taste"][0]["recall"] == ours["recall@20"]
