"""What stands beside a product or a cart: how it is tested, and that what is tested is what is served."""

from __future__ import annotations

import numpy as np
import pytest

from django_ecomai.ml.columns import BASKET_PAGE, NEW_ITEMS, PRODUCT_PAGE
from django_ecomai.ml.evaluate.baskets import basket_split, beside_scores
from django_ecomai.ml.evaluate.ranking import rank
from django_ecomai.ml.evaluate.run import OURS_NAME, POPULAR_30, TOGETHER, evaluate_split
from django_ecomai.ml.frames import Interactions
from django_ecomai.ml.recommend.auto import build
from django_ecomai.ml.recommend.copurchase import CoPurchase
from django_ecomai.ml.recommend.fold import Fitted
from django_ecomai.ml.recommend.recipe import Recipe, Source
from django_ecomai.ml.recommend.scoring import RecipeScores
from django_ecomai.ml.recommend.serving import Scorer

from .factories import DAY, START, id_map, shop

CUT = START + 150 * DAY
RECIPE = Recipe(sources=(Source("cosine"),), history_half_life_days=30.0, history_step_decay=0.9, neighbours=40)


def test_one_product_is_known_or_the_first_half_of_the_basket():
    data = shop(60)
    half = basket_split(data, CUT, page=BASKET_PAGE)
    one = basket_split(data, CUT, page=PRODUCT_PAGE)
    after = data.after(CUT)
    assert set(np.diff(half.bought.indptr)) == set(np.diff(half.truth[NEW_ITEMS].indptr)) == {2}
    assert set(np.diff(one.bought.indptr)) == {1}
    assert set(np.diff(one.truth[NEW_ITEMS].indptr)) == {3}
    assert half.bought.shape[0] == len(np.unique(after.baskets))
    assert half.bought.multiply(half.truth["all"]).nnz == 0


def test_the_past_lies_as_far_back_as_it_did_when_the_order_was_placed():
    bought = Interactions.build([0, 0, 0, 0], [0, 1, 2, 3], [0, 10, 50, 50], baskets=[0, 1, 2, 2], n_items=4)
    place = basket_split(bought.rows(np.array([0, 1, 2, 3])), 40, page=BASKET_PAGE)
    assert len(place.users) == 0  # nothing that is known of this basket was met before the cut
    bought = Interactions.build([0, 0, 0, 0], [0, 2, 2, 3], [0, 10, 50, 50], baskets=[0, 1, 2, 2], n_items=4)
    place = basket_split(bought, 40, page=BASKET_PAGE)
    assert place.bought.indices.tolist() == [2]
    assert place.truth[NEW_ITEMS].indices.tolist() == [3]
    rows = sorted(zip(place.history.times.tolist(), place.history.items.tolist(), strict=True))
    assert rows == [(-10, 0), (0, 2), (40, 2)]
    unknown = basket_split(bought, 40, page=BASKET_PAGE, past=False)
    assert unknown.history.items.tolist() == [2]


def test_rows_without_a_basket_and_of_little_weight_are_no_orders():
    bought = Interactions.build(
        [0, 0, 0, 0], [0, 1, 0, 1], [0, 0, 50, 50], weights=[1, 1, 1, 0.1], baskets=[0, 0, 1, 1], n_items=2
    )
    assert len(basket_split(bought, 40, page=BASKET_PAGE, target_weight=1.0).users) == 0
    visits = Interactions.build([0, 0, 0, 0], [0, 1, 0, 1], [0, 0, 50, 50], baskets=[-1] * 4, n_items=2)
    assert len(basket_split(visits, 40, page=BASKET_PAGE).users) == 0
    with pytest.raises(ValueError, match="page is 'home'"):
        basket_split(bought, 40, page="home")


def test_what_is_tested_is_what_is_served():
    data = shop(60)
    place = basket_split(data, CUT, page=BASKET_PAGE)
    fitted = Fitted(place.train, catalogue=None, now=CUT, neighbours=RECIPE.neighbours)
    scorer = RecipeScores(place, fitted)
    together = CoPurchase().fit(place.train, now=CUT).neighbours_
    tested = rank(beside_scores(scorer, RECIPE, together), place, NEW_ITEMS, 10, scorer.popularity)
    built = build(RECIPE, place.train, item_ids=id_map(40), now=CUT)
    served = Scorer(built.manifest, built.arrays)
    for row in range(0, len(place.users), 7):
        steps = place.history.rows(np.flatnonzero(place.history.users == row))
        scored, _ = served.beside(
            place.bought[row].indices, history=steps.items, ages_days=(CUT - steps.times) / DAY, n=10
        )
        assert scored.items.tolist() == tested[row].tolist()[: len(scored)]
        assert len(scored) == 10


def test_baskets_hold_both_only_where_it_is_said():
    data = shop(60)
    built = build(RECIPE, data, item_ids=id_map(40))
    served = Scorer(built.manifest, built.arrays)
    alone = set(served.bought_together([0, 1], n=40).items.tolist())
    scored, together = served.beside([0, 1], history=[30, 31], ages_days=[3.0, 2.0], n=40, exclude=[2])
    assert not {0, 1, 2} & set(scored.items.tolist())
    assert {item for item, both in zip(scored.items.tolist(), together, strict=True) if both} == alone - {2}
    assert set(scored.because[together].tolist()) <= {0, 1}
    assert set(scored.because[~together].tolist()) <= {0, 1, 30, 31}
    assert {30, 31} & set(scored.because[~together].tolist())
    assert len(served.beside([-1], n=5)[0]) == len(served.beside([], n=5)[0]) == 0


def test_the_evaluation_has_rows_for_product_and_cart_pages():
    found = evaluate_split(shop(80), CUT, recipe=RECIPE, extra_recipes={"live": RECIPE})
    for page in (PRODUCT_PAGE, BASKET_PAGE):
        ours = found.row(page)
        assert ours["model"] == OURS_NAME
        assert ours["metrics"]["recall@20"] == found.row(page, "live")["metrics"]["recall@20"]
        assert ours["metrics"]["recall@10"] > found.row(page, POPULAR_30)["metrics"]["recall@10"]
        assert found.row(page, TOGETHER)["users"] == ours["users"]
