from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import numpy as np
import pytest
from scipy import sparse

from django_ecomai.ml.frames import Catalogue, Interactions
from django_ecomai.ml.recommend.content import Content, robust_log_price
from django_ecomai.ml.recommend.matrix import MOST_EQUAL, strongest_cells_of_rows
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


def test_later_fits_on_a_catalogue_equal_first_ones():
    draw = np.random.default_rng(5)
    titles = [" ".join(f"w{word}" for word in draw.integers(0, 6, 3)) for _ in range(60)]

    def catalogue() -> Catalogue:
        return Catalogue.build(60, title=titles, price=draw.permutation(np.repeat([10.0, 20.0], 30)))

    def shop(seed: int) -> Interactions:
        rows = np.random.default_rng(seed).integers(0, 60, 300)
        return Interactions.build(np.arange(300) % 40, rows, np.arange(300), n_items=60)

    shared = catalogue()
    prices = shared.price
    Content(neighbours=5).fit(shop(0), catalogue=shared)
    for seed, neighbours in ((1, 5), (2, 20), (3, 5), (4, 300)):
        own = Catalogue.build(60, title=titles, price=prices)
        later = Content(neighbours=neighbours).fit(shop(seed), catalogue=shared).neighbours_
        first = Content(neighbours=neighbours).fit(shop(seed), catalogue=own).neighbours_
        np.testing.assert_array_equal(later.indices, first.indices)
        np.testing.assert_array_equal(later.scores, first.scores)
    other = Content(neighbours=5, price_weight=0.0).fit(shop(1), catalogue=shared).neighbours_
    assert (other.scores != Content(neighbours=5).fit(shop(1), catalogue=shared).neighbours_.scores).any()


def test_products_that_are_all_alike_are_kept_in_bounds():
    alike = sparse.csr_matrix(np.ones((50, 50)))
    kept = strongest_cells_of_rows(iter([(0, alike[:20]), (20, alike[20:])]), 50, 3)
    assert set(np.diff(kept.indptr).tolist()) == {3 * MOST_EQUAL}
    strengths = sparse.csr_matrix(np.tile(np.r_[1:11, 10], (11, 1)).astype(float))
    exact = strongest_cells_of_rows(iter([(0, strengths)]), 11, 3)
    assert exact[0].indices.tolist() == [9, 10, 8]


class SlowStemmer:
    """Keeps the word while it works on it, as snowball's do, until another thread is at work too."""

    meet = Barrier(2)

    def stemWord(self, word: str) -> str:
        self.word = word
        self.meet.wait(timeout=30)
        return self.word.removesuffix("s")


def test_threads_do_not_mix_up_their_words(monkeypatch):
    monkeypatch.setattr("snowballstemmer.stemmer", lambda language: SlowStemmer())
    monkeypatch.setattr("snowballstemmer.algorithms", lambda: ["threadish"])
    with ThreadPoolExecutor(2) as pool:
        found = pool.map(lambda word: tokens(word, "threadish"), ["lampshades", "teacups"])
        assert list(found) == [["lampshade"], ["teacup"]]
