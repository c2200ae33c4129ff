"""Complements, upgrades, bundles and contexts: the formulas, and what a scorer answers from them."""

from __future__ import annotations

import numpy as np
import pytest

from django_ecomai.ml.contexts import Contexts
from django_ecomai.ml.frames import Catalogue, Interactions
from django_ecomai.ml.persist import ArtifactCorrupt
from django_ecomai.ml.recommend.build import build
from django_ecomai.ml.recommend.bundles import bundles
from django_ecomai.ml.recommend.complements import complements, substitute_share, visit_matrix
from django_ecomai.ml.recommend.contextual import PRIOR, cell_name, context_arrays
from django_ecomai.ml.recommend.copurchase import CoPurchase, basket_matrix
from django_ecomai.ml.recommend.neighbours import NeighbourTable
from django_ecomai.ml.recommend.recipe import Recipe, Source
from django_ecomai.ml.recommend.serving import Scorer
from django_ecomai.ml.recommend.upgrades import upgrades
from tests.ml.factories import DAY, START, id_map, shop, words

OPTIONAL = ("complement", "better", "bundle", "context", "margin")


def baskets_of(*sets: tuple[int, ...], n_items: int) -> Interactions:
    """One basket per set, one customer each."""
    items = [item for one in sets for item in one]
    numbers = [number for number, one in enumerate(sets) for _ in one]
    return Interactions.build(numbers, items, numbers, baskets=numbers, n_items=n_items)


def table(rows: dict[int, dict[int, float]], n_items: int) -> NeighbourTable:
    width = max((len(row) for row in rows.values()), default=0)
    indices = np.full((n_items, width), -1, dtype=np.int32)
    scores = np.zeros((n_items, width), dtype=np.float32)
    for item, row in rows.items():
        indices[item, : len(row)], scores[item, : len(row)] = list(row), list(row.values())
    return NeighbourTable(indices, scores)


def scorer(**given: object) -> Scorer:
    interactions = given.pop("interactions", None)
    interactions = shop() if interactions is None else interactions
    n = interactions.n_items
    values = {"catalogue": words(n), "item_ids": id_map(n), "random_state": 0, **given}
    built = build(Recipe(sources=(Source("cosine"),)), interactions, **values)  # type: ignore[arg-type]
    return Scorer(built.manifest, built.arrays)


class TestComplements:
    def test_the_share_of_meetings_in_which_one_replaced_the_other(self):
        # 30 baskets, no visit, unlike: a complement; 5 baskets, 25 visits, alike: another choice
        share = substitute_share(np.array([30.0, 5.0]), np.array([0.0, 25.0]), np.array([0.0, 0.5]))
        assert share.tolist() == [0.0, (25 + 5) / 40]

    def test_alternatives_leave_and_the_rest_is_damped(self):
        views = [(user, item) for user in range(20) for item in (0, 1)]
        bought = [(100 + basket, item) for basket in range(5) for item in (0, 1, 2)]
        rows = views + bought
        numbers = [-1] * len(views) + [user for user, _ in bought]
        built = Interactions.build(
            [user for user, _ in rows], [item for _, item in rows], [START] * len(rows), baskets=numbers
        )
        together = table({0: {1: 4.0, 2: 2.0}}, 3)
        support = np.where(together.indices >= 0, 5, 0)
        # looked at with 1 in 20 visits and bought with it in 5 baskets: 20 / 35 of the meetings; with 2 never looked at
        found = complements(built, together, support, NeighbourTable.empty(3), popularity=np.ones(3))
        assert found.row(0)[0].tolist() == [2]
        assert found.row(0)[1].tolist() == [2.0]

    def test_likeness_is_the_prior_of_rare_pairs(self):
        together = table({0: {1: 4.0}}, 2)
        found = complements(
            Interactions.empty(2, 2), together, np.array([[10], [0]]), table({0: {1: 0.6}}, 2), popularity=np.ones(2)
        )
        np.testing.assert_allclose(found.row(0)[1], [4.0 * (1 - 6 / 20)], rtol=1e-6)

    def test_a_visit_ends_with_a_pause(self):
        built = Interactions.build([0, 0, 0, 1], [0, 1, 2, 2], [0, 1800, 3601, 0], baskets=[-1] * 4)
        assert visit_matrix(built).toarray().tolist() == [[1, 1, 0], [0, 0, 1], [0, 0, 1]]

    def test_cross_sell_leaves_out_the_cart_and_the_excluded(self):
        model = scorer()
        basket = [int(model._complement.indices[0, 0]), 0]
        found = model.cross_sell(basket, n=5, exclude=[3])
        assert len(found)
        assert not set(found.items.tolist()) & {*basket, 3}
        assert set(found.because.tolist()) <= set(basket)


class TestUpgrades:
    catalogue = Catalogue.build(
        6,
        category=["a", "a", "a", "a", "b", "a"],
        price=[10, 12, 15, 30, 12, np.nan],
        cost=[8, 9, 14, 5, 2, 1],
    )
    alike = table({0: {1: 1.0, 2: 0.9, 3: 0.9, 4: 0.9, 5: 0.9}}, 6)

    def test_more_margin_inside_the_band_and_the_category(self):
        # margins: 2, 3 (+50 %), 1 (less), 25 (too dear), other category, no price
        found = upgrades(self.catalogue, self.alike, popularity=np.ones(6, np.float32))
        assert found.row(0)[0].tolist() == [1]
        assert found.row(0)[1].tolist() == [1.0]

    def test_without_costs_the_price_decides(self):
        plain = Catalogue.build(6, category=self.catalogue.category, price=self.catalogue.price)
        found = upgrades(plain, self.alike, popularity=np.ones(6, np.float32))
        # likeness x rise: 1 * 0.2 < 0.9 * 0.5
        assert found.row(0)[0].tolist() == [2, 1]
        assert found.row(0)[1].tolist() == [1.0, 0.5]

    def test_better_reviews_are_a_reason_too(self):
        # stars span 2: +1 of them is half of the scale, which beats half of that margin; fewer stars are none
        given = {"price": [10, 11, 11, 11], "cost": [6, 6, 7, 7]}
        liked = Catalogue.build(4, stars=[3, np.nan, 4, 2], **given)
        alike = table({0: {1: 1.0, 2: 1.0, 3: 1.0}}, 4)
        found = upgrades(liked, alike, popularity=np.ones(4, np.float32))
        assert found.row(0)[0].tolist() == [2, 1]
        assert upgrades(Catalogue.build(4, **given), alike, popularity=np.ones(4, np.float32)).row(0)[0].tolist() == [1]

    def test_what_is_dearer_and_worse_reviewed_is_no_upgrade(self):
        plain = Catalogue.build(3, price=[10, 15, 15], stars=[4, 3.5, np.nan])
        found = upgrades(plain, table({0: {1: 1.0, 2: 1.0}}, 3), popularity=np.ones(3, np.float32))
        assert found.row(0)[0].tolist() == [2]

    def test_what_is_not_for_sale_and_what_is_hardly_alike_is_no_upgrade(self):
        plain = Catalogue.build(3, price=[10, 12, 12], active=[True, False, True])
        found = upgrades(plain, table({0: {1: 1.0, 2: 0.2}}, 3), popularity=np.ones(3, np.float32))
        assert found.row(0)[0].tolist() == []

    def test_a_narrower_band_when_asked(self):
        n = 4
        catalogue = Catalogue.build(n, title=["red mug"] * n, price=[10, 11, 14, 15.5])
        model = scorer(interactions=Interactions.empty(n_items=n), catalogue=catalogue)
        assert set(model.upsell(0).items.tolist()) == {1, 2, 3}
        assert set(model.upsell(0, price_band=(1.0, 1.45)).items.tolist()) == {1, 2}
        assert model.upsell(0, exclude=[1, 2]).items.tolist() == [3]
        assert len(model.upsell(3)) == 0
        assert len(model.upsell(-1)) == 0


class TestBundles:
    built = baskets_of(*[(0, 1, 2)] * 10, *[(0, 3)] * 4, *[(4,)] * 20, n_items=5)

    def test_three_that_hold_come_before_pairs(self):
        together = CoPurchase().fit(self.built).neighbours_
        found = bundles(basket_matrix(self.built, 200), together, active=np.ones(5, bool))
        assert sorted(found.items[0, 0].tolist()) == [1, 2]
        assert found.support[0, 0] == 10
        # 34 baskets: P(all) 10 / 34, alone 14, 10 and 10
        assert found.lift[0, 0] == pytest.approx(10 * 34**2 / (14 * 10 * 10))
        assert sorted(found.items[1, 0].tolist()) == [0, 2]
        assert (found.items[4] == -1).all()

    def test_a_pair_by_hand(self):
        built = baskets_of(*[(0, 1)] * 8, *[(0,)] * 2, *[(2,)] * 10, n_items=3)
        found = bundles(basket_matrix(built, 200), CoPurchase().fit(built).neighbours_, active=np.ones(3, bool))
        assert found.items[0].tolist() == [[1, -1], [-1, -1], [-1, -1]]
        assert found.support[0].tolist() == [8, 0, 0]
        assert found.lift[0, 0] == pytest.approx(8 * 20 / (10 * 8))

    def test_a_scorer_hands_out_only_what_is_for_sale(self):
        n = 5
        model = scorer(interactions=self.built, catalogue=Catalogue.build(n), item_ids=id_map(n))
        [first, *_] = model.bundles(0)
        assert (sorted(first.items), first.items[0], first.support) == ([0, 1, 2], 0, 10)
        gone = scorer(interactions=self.built, catalogue=Catalogue.build(n, active=[1, 1, 0, 1, 1]))
        assert gone.bundles(0)[0].items == (0, 1)
        assert model.bundles(0, n=0) == model.bundles(-1) == model.bundles(99) == ()


class TestContexts:
    def contexts(self) -> Contexts:
        # 40 meetings in DE (30 of them mobile) with item 0, 40 in FR with item 1
        columns = {
            "country": ["DE"] * 40 + ["FR"] * 40,
            "device": ["mobile"] * 30 + ["desktop"] * 10 + [""] * 40,
        }
        return Contexts.build([0] * 40 + [1] * 40, [START] * 80, columns=columns)

    def test_shares_are_drawn_to_the_wider_cells(self):
        arrays = context_arrays(self.contexts(), n_items=3, now=START, active=np.ones(3, bool))
        names = [name.decode() for name in arrays["context_names"]]
        assert names == [
            "country=DE", "country=DE|device=desktop", "country=DE|device=mobile", "country=FR",
            "device=desktop", "device=mobile",
        ]  # fmt: skip
        de = (40 + PRIOR / 2) / (40 + PRIOR)
        mobile = (30 + PRIOR / 2) / (30 + PRIOR)
        cell = (30 + PRIOR * (de + mobile) / 2) / (30 + PRIOR)
        scores = dict(zip(names, arrays["context_scores"][:, 0].tolist(), strict=True))
        assert scores["country=DE"] == pytest.approx(de)
        assert scores["country=DE|device=mobile"] == pytest.approx(cell)
        assert arrays["context_items"][names.index("country=FR")].tolist() == [1, 0]

    def test_old_meetings_fade_and_later_ones_do_not_count(self):
        contexts = Contexts.build(
            [0] * 40 + [1] * 30 + [2] * 99,
            [START - 30 * DAY] * 40 + [START] * 30 + [START + 1] * 99,
            columns={"country": ["DE"] * 169},
        )
        arrays = context_arrays(contexts, n_items=3, now=START, active=np.ones(3, bool))
        assert arrays["context_items"].tolist() == [[1, 0]]
        assert arrays["context_meetings"].tolist() == [50.0]

    def test_a_scorer_takes_the_narrowest_cell_it_has(self):
        n = 3
        model = scorer(
            interactions=Interactions.empty(n_items=n),
            catalogue=Catalogue.build(n),
            contexts=self.contexts(),
            now=START,
        )
        assert model.for_context(country="FR", device="watch", referrer="search").items.tolist() == [1, 0]
        assert model.for_context(country="DE", device="mobile", exclude=[0]).items.tolist() == [1]
        assert model.for_context(country="DE", n=1).items.tolist() == [0]
        assert len(model.for_context(country="MT")) == len(model.for_context()) == 0

    def test_trending_in_a_country_is_filled_with_the_shops(self):
        n = 4
        interactions = Interactions.build([0, 1, 2], [3, 3, 2], [START] * 3, n_items=n)
        catalogue = Catalogue.build(n, category=["a", "b", "a", "b"])
        model = scorer(interactions=interactions, catalogue=catalogue, contexts=self.contexts(), now=START)
        assert model.trending(country="FR").items.tolist() == [1, 0, 3, 2]
        assert model.trending(country="FR", category="b").items.tolist() == [1, 3]
        assert model.trending(country="XX").items.tolist() == model.trending().items.tolist()
        assert len(model.trending(country="FR", category="unknown")) == 0

    def test_several_categories_are_one_shelf(self):
        n = 5
        interactions = Interactions.build([0, 1, 2, 0, 1, 0], [3, 3, 3, 2, 2, 4], [START] * 6, n_items=n)
        catalogue = Catalogue.build(n, category=["a", "b", "a", "b", "c"])
        model = scorer(interactions=interactions, catalogue=catalogue, contexts=self.contexts(), now=START)
        assert model.popular(category=["a", "b"]).items.tolist() == [3, 2, 0, 1]
        assert model.popular(category=["a", "b", "unknown", "a"], n=2, exclude=[3]).items.tolist() == [2, 0]
        assert model.trending(category=["b", "c"], country="FR").items.tolist() == [1, 3, 4]
        assert len(model.trending(category=[])) == len(model.popular(category=["unknown"])) == 0

    @pytest.mark.parametrize("rows", [0, 5])
    def test_nothing_known(self, rows):
        contexts = Contexts.build([0] * rows, [START] * rows)
        arrays = context_arrays(contexts, n_items=2, now=START, active=np.ones(2, bool))
        assert arrays["context_names"].tolist() == []

    def test_bad_weights_are_dropped_and_bad_columns_refused(self):
        contexts = Contexts.build([0, 1, 2, 3], [1] * 4, weights=[1, np.nan, -1, 1e300])
        assert contexts.items.tolist() == [0]
        with pytest.raises(ValueError, match="unknown context"):
            Contexts.build([0], [1], columns={"age": ["9"]})
        with pytest.raises(ValueError, match="2 values for 1 rows"):
            Contexts.build([0], [1], columns={"country": ["DE", "FR"]})

    def test_names(self):
        assert cell_name({"device": "mobile", "country": "DE", "referrer": ""}) == "country=DE|device=mobile"


def test_an_artifact_without_the_arrays_answers_with_nothing():
    built = build(Recipe(), shop(), item_ids=id_map(40), catalogue=words(40))
    arrays = {name: array for name, array in built.arrays.items() if not name.startswith(OPTIONAL)}
    model = Scorer(built.manifest, arrays)
    assert len(model.cross_sell([0])) == len(model.upsell(0)) == len(model.for_context(country="DE")) == 0
    assert model.bundles(0) == ()
    assert model.trending(country="DE").items.tolist() == model.trending().items.tolist()


@pytest.mark.parametrize("name", ["complement_indices", "better_indices", "bundle_items"])
def test_a_misshaped_array_is_corrupt(name):
    built = build(Recipe(), shop(), item_ids=id_map(40), catalogue=words(40))
    with pytest.raises(ArtifactCorrupt):
        Scorer(built.manifest, {**built.arrays, name: built.arrays[name][:3]})
