"""What the sliders cost on lists that are written down, and on a shop that is split in time."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import sparse

from django_ecomai.ml.evaluate.split import time_split
from django_ecomai.ml.evaluate.tradeoff import STRENGTHS, tradeoffs, tradeoffs_of
from django_ecomai.ml.frames import Catalogue, Interactions
from django_ecomai.ml.recommend.fold import Fitted
from django_ecomai.ml.recommend.recipe import Recipe, Source
from django_ecomai.ml.recommend.scoring import RecipeScores
from tests.ml.factories import DAY, shop, words

# Items 0..3 are lamps of one brand, 4..5 mugs; the model likes lamps, the customer had one of each and buys mug 4.
CATALOGUE = Catalogue.build(6, category=["lamp"] * 4 + ["mug"] * 2, brand=["a"] * 6)
RANKED = np.array([[0, 1, 2, 3, 4, 5]])
TRUTH = sparse.csr_matrix(([1.0], ([0], [4])), shape=(1, 6))
HISTORY = sparse.csr_matrix(([1.0, 1.0], ([0, 0], [0, 4])), shape=(1, 6))
POPULARITY = np.array([31.0, 31, 31, 31, 0, 0])


def scorer(data: Interactions, cut: int) -> RecipeScores:
    split = time_split(data, cut)
    return RecipeScores.as_served(split, Fitted(split.train, catalogue=words(40), now=cut, neighbours=50))


def found(slider: str) -> dict[float, dict[str, float]]:
    rows = tradeoffs(RANKED, TRUTH, HISTORY, catalogue=CATALOGUE, popularity=POPULARITY, places=2)[slider]
    return {row["value"]: row for row in rows}


def test_the_rows_are_those_of_the_asked_strengths_and_zero_is_the_model_itself() -> None:
    for slider in ("diversity", "novelty", "taste"):
        assert tuple(found(slider)) == STRENGTHS
        # lamps 0 and 1 only: alike by category and brand; -log2(32 / 32); KL((.5, .5) || (1, 0))
        plain = found(slider)[0.0]
        assert (plain["recall"], plain["ndcg"], plain["novelty"]) == (0, 0, 0)
        assert plain["variety"] == pytest.approx(0.3)
        assert plain["divergence"] == pytest.approx(0.5 * math.log(0.5 / 0.995) + 0.5 * math.log(0.5 / 0.005))


def test_full_variety_and_full_taste_show_one_of_each() -> None:
    for slider in ("diversity", "taste"):
        full = found(slider)[1.0]
        assert full["recall"] == 1
        assert full["ndcg"] == pytest.approx(1 / math.log2(3))
        assert full["variety"] == pytest.approx(0.8)
        assert full["divergence"] == pytest.approx(0)


def test_full_novelty_shows_what_nobody_has() -> None:
    full = found("novelty")[1.0]

    assert (full["recall"], full["ndcg"]) == (1, 1)
    assert full["novelty"] == pytest.approx(5)  # log2(32)


def test_a_customer_without_a_category_has_no_taste_to_miss() -> None:
    nothing = sparse.csr_matrix((1, 6))
    rows = tradeoffs(RANKED, TRUTH, nothing, catalogue=CATALOGUE, popularity=POPULARITY, places=2)["taste"]

    assert {(row["recall"], row["divergence"]) for row in rows} == {(0, 0)}


def test_measured_on_a_split_in_time_it_is_the_models_own_accuracy_at_zero() -> None:
    data = shop(n_items=40)
    recipe = Recipe(sources=(Source("cosine", {}),))
    cut = int(data.times.max()) - 5 * DAY

    measured = tradeoffs_of(scorer(data, cut), recipe, catalogue=words(40))
    again = tradeoffs_of(scorer(data, cut), recipe, catalogue=words(40))

    assert measured == again
    assert measured["users"] > 0
    at_zero = {slider: (rows[0]["recall"], rows[0]["ndcg"]) for slider, rows in measured["sliders"].items()}
    assert len(set(at_zero.values())) == 1
    assert 0 < at_zero["taste"][0] <= 1
    for slider, gain in (("diversity", "variety"), ("novelty", "novelty")):
        rows = measured["sliders"][slider]
        assert rows[-1][gain] >= rows[0][gain]
    assert tradeoffs_of(scorer(data, int(data.times.max()) + DAY), recipe, catalogue=words(40)) == {}
