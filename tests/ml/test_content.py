from __future__ import annotations

import numpy as np
import pytest

from django_ecomai.ml.frames import Catalogue, Interactions
from django_ecomai.ml.recommend.content import Content, robust_log_price
from django_ecomai.ml.recommend.text import tfidf, tokens
from tests.ml.factories import words
from tests.ml.item_models import ItemModelBehaviour


class TestContent(ItemModelBehaviour):
    def model(self):
        return Content()


def similar(catalogue: Catalogue, item: int, **parameters) -> list[int]:
    model = Content(**parameters).fit(Interactions.empty(n_items=len(catalogue)), catalogue=catalogue)
    return model.similar(item)[0].tolist()


def test_words_are_folded_normalised_and_stemmed():
    assert tokens("Candles, CANDLE & candle's") == ["candl"] * 3
    assert tokens("ＨＯＭＥ Straße 12") == ["home", "strass", "12"]
    assert tokens("Kerzen Kerze", "german") == ["kerz", "kerz"]
    assert tokens("candles", "klingon") == ["candles"]
    assert tokens("") == tokens("--- !!") == []
    assert tokens("灯笼 лампа") == ["灯笼", "лампа"]


def test_tfidf_by_hand():
    matrix = tfidf([["red", "mug"], ["red", "red", "mug"], ["only"], []]).toarray()
    weight = np.log(1 + 5 / 2)
    second = np.array([weight, weight * (1 + np.log(2))])  # columns in alphabetical order: mug, red
    np.testing.assert_allclose(matrix[0], [np.sqrt(0.5), np.sqrt(0.5)])
    np.testing.assert_allclose(matrix[1], second / np.linalg.norm(second))
    assert matrix[2:].tolist() == [[0, 0], [0, 0]]


def test_words_that_are_everywhere_say_nothing():
    documents = [["gift", f"n{i // 2}"] for i in range(12)]
    assert tfidf(documents).shape == (12, 6)
    assert tfidf(documents, max_share=1.0).shape == (12, 7)


def test_a_new_product_finds_its_kind_without_any_customer():
    assert set(similar(words(6), 0)) == {2, 4}


def test_category_and_brand_connect_products_without_common_words():
    catalogue = Catalogue.build(
        4, title=["sun", "moon", "star", "sky"], category=["a", "a", "b", ""], brand=["", "x", "X ", ""]
    )
    assert similar(catalogue, 1) == [0, 2]
    assert similar(catalogue, 3) == []


def test_of_two_equal_texts_the_nearer_price_wins():
    catalogue = Catalogue.build(4, title=["oak table"] * 4, price=[10, 1000, 12, None])
    assert similar(catalogue, 0)[-1] == 1
    assert set(similar(catalogue, 0)) == {1, 2, 3}


def test_the_price_distance_is_robust():
    scaled = robust_log_price(np.array([1.0, 10.0, 100.0, np.nan]))
    np.testing.assert_allclose(scaled[:3], [-1 / 1.4826, 0, 1 / 1.4826])
    assert np.isnan(scaled[3])
    assert robust_log_price(np.array([5.0, 5.0])).tolist() == [0, 0]
    assert np.isnan(robust_log_price(np.full(2, np.nan))).all()


@pytest.mark.parametrize(
    "catalogue",
    [
        Catalogue.build(0),
        Catalogue.build(1, title=["alone"]),
        Catalogue.build(3, title=["", None, "  "]),
        Catalogue.build(2, title=["!!!", "???"], description=["🏮", "🏮🏮"]),
    ],
)
def test_nothing_to_compare_gives_no_neighbours(catalogue):
    model = Content().fit(Interactions.empty(n_items=len(catalogue)), catalogue=catalogue)
    assert model.neighbours_.indices.shape == (len(catalogue), 0)


def test_without_a_catalogue_nothing_is_learned():
    assert Content().fit(Interactions.build([0], [0], [1])).recommend([0])[0].tolist() == []
