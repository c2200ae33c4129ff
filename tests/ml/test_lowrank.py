"""Truncated SVD and iALS against their formulas."""

from __future__ import annotations

import numpy as np
import pytest

from django_ecomai.ml.frames import Interactions
from django_ecomai.ml.recommend.fold import Fitted, low_rank
from django_ecomai.ml.recommend.lowrank import IALS, TruncatedSVD
from django_ecomai.ml.recommend.recipe import Recipe, Source
from tests.ml.factories import checkerboard, shop
from tests.ml.item_models import ItemModelBehaviour


class TestTruncatedSVD(ItemModelBehaviour):
    def model(self):
        return TruncatedSVD(rank=2)

    def test_the_rows_are_those_of_the_projection(self):
        vectors = np.linalg.svd(shop().csr().toarray())[2][:4].T
        table = TruncatedSVD(rank=4, neighbours=39).fit(shop()).neighbours_
        for item in (0, 25):
            indices, scores = table.row(item)
            np.testing.assert_allclose(scores, (vectors @ vectors[item])[indices], rtol=0.02, atol=0.002)


class TestIALS(ItemModelBehaviour):
    def model(self):
        return IALS(rank=2, iterations=6)

    def test_every_customer_solves_his_own_ridge(self):
        model = IALS(rank=5, regularisation=0.02, unobserved=0.3, iterations=2)
        model.fit_factors(shop())
        dense = shop().csr().toarray()
        dense /= dense.max()
        items = model.item_factors_.astype(np.float64)
        for user in (0, 77):
            own = np.flatnonzero(dense[user])
            weighted = items[own] * dense[user][own, None]
            penalty = 0.02 * (len(own) + 0.3 * 40)
            left = 0.3 * items.T @ items + weighted.T @ items[own] + penalty * np.eye(5)
            expected = np.linalg.solve(left, weighted.sum(axis=0))
            np.testing.assert_allclose(model.user_factors_[user], expected, rtol=1e-3, atol=1e-4)

    def test_a_history_alone_is_scored_as_its_customer_would_be(self):
        model = IALS(rank=2, iterations=6).fit(shop())
        left, right = model.factors_
        folded = shop().csr().toarray() @ left @ right.T
        trained = model.user_factors_ @ model.item_factors_.T
        assert np.mean([np.corrcoef(a, b)[0, 1] for a, b in zip(folded, trained, strict=True)]) > 0.95

    @pytest.mark.parametrize("options", [{"regularisation": 0.0}, {"unobserved": 0.0}])
    def test_what_cannot_be_solved_is_refused(self, options):
        with pytest.raises(ValueError, match="must be positive"):
            IALS(**options).fit(checkerboard())

    def test_the_scale_of_weights_does_not_matter(self):
        small, large = IALS(rank=2).fit(checkerboard()), IALS(rank=2).fit(checkerboard(weight=1000.0))
        np.testing.assert_allclose(small.neighbours_.scores, large.neighbours_.scores, rtol=1e-3)

    @pytest.mark.parametrize("data", [Interactions.empty(n_items=3), Interactions.build([0], [1], [0], n_items=3)])
    def test_hardly_any_data(self, data):
        assert IALS(rank=8).fit(data).neighbours_.n_items == 3


def test_they_are_folded_as_factors_and_give_the_same_table_alone():
    data = shop()
    for source in (Source("svd", {"rank": 3}), Source("ials", {"rank": 3})):
        assert low_rank(source)
        fitted = Fitted(data, catalogue=None, now=int(data.times[-1]), neighbours=39)
        table = fitted.table(Recipe(sources=(source,)), fitted.customers)
        alone = source.model(39).fit(data).neighbours_
        for item in (1, 33):
            found, scores = table.row(item)
            expected = dict(zip(*(part.tolist() for part in alone.row(item)), strict=True))
            ratio = scores / np.array([expected[one] for one in found.tolist()])
            np.testing.assert_allclose(ratio, ratio[0], rtol=1e-3)


def test_a_narrower_filter_is_a_part_of_the_wider_one():
    data = checkerboard()
    params = {"gram": 0.0, "rank": 6}
    fitted = Fitted(data, catalogue=None, now=int(data.times[-1]), neighbours=9)
    fitted.factors(Source("gfcf", params))
    left, right = fitted.factors(Source("gfcf", {**params, "rank": 2}))
    alone = Fitted(data, catalogue=None, now=0, neighbours=9).factors(Source("gfcf", {**params, "rank": 2}))
    np.testing.assert_allclose(left @ right.T, alone[0] @ alone[1].T, atol=1e-4)
