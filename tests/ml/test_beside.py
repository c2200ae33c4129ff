"""What asks for no recipe may be made before: the model is the same."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pytest

from django_ecomai.ml.recommend.beside import beside
from django_ecomai.ml.recommend.build import build, sources_fit
from django_ecomai.ml.recommend.content import Content
from django_ecomai.ml.recommend.cosine import Cosine
from django_ecomai.ml.recommend.recipe import Recipe, Source
from tests.ml.factories import START, id_map, shop, words

NOW = START + 120 * 86_400
RECIPE = Recipe(sources=(Source("cosine", {"half_life_days": 180.0, "item_power": 0.5}), Source("content", {}, 0.3)))
OTHER = Recipe(sources=(Source("sequential", {"window": 3}), Source("cosine", {"half_life_days": None})))
OTHER_NEIGHBOURS = replace(RECIPE, neighbours=7)


def test_a_model_is_the_same_whether_it_was_made_beside_or_not():
    about = {"catalogue": words(40), "now": NOW, "target_weight": 1.0}
    at_once = build(RECIPE, shop(), item_ids=id_map(40), **about)
    about["catalogue"] = words(40)
    with ThreadPoolExecutor(1) as thread:
        made = thread.submit(beside, shop(), language=RECIPE.language, **about)
        before = build(RECIPE, shop(), item_ids=id_map(40), made=made.result, **about)
    assert at_once.manifest == before.manifest
    assert sorted(at_once.arrays) == sorted(before.arrays)
    for name, array in at_once.arrays.items():
        np.testing.assert_array_equal(array, before.arrays[name], err_msg=name)
    assert (at_once.arrays["together_indices"] >= 0).any()


@pytest.mark.parametrize("fitted_for", [RECIPE, OTHER, OTHER_NEIGHBOURS], ids=["same", "another", "neighbours"])
def test_a_model_is_the_same_whatever_was_fitted_before_it(fitted_for: Recipe):
    about = {"catalogue": words(40), "now": NOW}
    at_once = build(RECIPE, shop(), item_ids=id_map(40), target_weight=1.0, **about)
    sources = sources_fit(fitted_for, shop(), **about)
    after = build(RECIPE, shop(), item_ids=id_map(40), target_weight=1.0, sources=lambda: sources, **about)
    assert at_once.manifest == after.manifest
    for name, array in at_once.arrays.items():
        np.testing.assert_array_equal(array, after.arrays[name], err_msg=name)


def test_sources_that_were_fitted_before_are_not_fitted_again(monkeypatch: pytest.MonkeyPatch):
    about = {"catalogue": words(40), "now": NOW}
    sources = sources_fit(RECIPE, shop(), **about)
    monkeypatch.setattr(Cosine, "fit", lambda *args, **keywords: pytest.fail("fitted again"))
    built = build(RECIPE, shop(), item_ids=id_map(40), target_weight=1.0, sources=lambda: sources, **about)
    assert (built.arrays["neighbours_indices"] >= 0).any()


def test_two_threads_that_ask_for_the_same_catalogue_share_one_calculation():
    catalogue = words(40)
    with ThreadPoolExecutor(2) as threads:
        one, other = threads.map(lambda number: Content().fit(shop(), catalogue=catalogue)._pairs(catalogue), range(2))
    assert one is other
