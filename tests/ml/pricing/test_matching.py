"""Offers and products: what titles say, which pairs are looked at, and how sure a match is."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from django_ecomai.ml.pricing.matching.blocking import candidates
from django_ecomai.ml.pricing.matching.features import FEATURES, Listings, TextSpace, pair_features, said
from django_ecomai.ml.pricing.matching.model import LEAST, RULE_MOST, MatchModel, rule_probability
from django_ecomai.ml.pricing.matching.text import number_plain, read

TITLES = [
    "Red Lantern 20 cm",
    "Blue Lantern 20 cm",
    "Regency Cakestand 3 Tier",
    "Canon DSC-W55 camera 8 GB",
    "Canon DSC-W80 camera 8 GB",
]


def table(offers: Listings, products: Listings) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    space = TextSpace().fit([*said(offers), *said(products)])
    left, right = candidates(space, offers, products)
    return left, right, pair_features(space, offers, products, left, right)


def column(features: np.ndarray, name: str) -> np.ndarray:
    return features[:, FEATURES.index(name)]


def test_what_a_title_says() -> None:
    told = read("Canon DSC-W55 Caméra v2.0, 8 GB, 0.5 l (4-pack) 13102488")
    assert told.codes == {"dscw55", "13102488"}
    assert told.quantities == {("memory", 8192.0), ("volume", 500.0), ("pieces", 4.0)}
    assert {"canon", "camera", "8", "0.5"} <= set(told.words)
    assert {"2", "8", "4"} <= told.numbers
    assert read("500 ml").quantities == read("0,5 Liter").quantities


@pytest.mark.parametrize(("text", "plain"), [("2.0", "2"), ("2,50", "2.5"), ("007", "7"), ("0", "0"), ("0.00", "0")])
def test_numbers_lose_idle_zeros(text: str, plain: str) -> None:
    assert number_plain(text) == plain


def test_the_same_thing_in_other_words_is_the_likeliest() -> None:
    products = Listings.build(title=TITLES, price=[5, 5, 12, 200, 250])
    offers = Listings.build(title=["lantern, red (20cm)", "cake stand regency 3 tiers", "CANON DSC W80"],
                            price=[4.8, 11, 240])  # fmt: skip
    left, right, features = table(offers, products)
    chance = rule_probability(features)
    best = [int(right[left == at][chance[left == at].argmax()]) for at in range(3)]
    assert best == [0, 2, 4]
    assert chance.max() <= RULE_MOST


def test_codes_units_brands_and_prices_are_compared() -> None:
    titles = ["Lantern AB-100 500 ml", "Lantern AB-200 1 l"]
    offers = Listings.build(title=titles, brand=["Acme", "Acme"], price=[10, 5])
    products = Listings.build(title=["Lantern ab100 0.5 l"], brand=["ACME"], price=[10])
    left, _right, features = table(offers, products)
    first, second = int(np.flatnonzero(left == 0)[0]), int(np.flatnonzero(left == 1)[0])
    assert column(features, "codes_shared")[[first, second]].tolist() == [1, 0]
    assert column(features, "codes_differ")[[first, second]].tolist() == [0, 1]
    assert column(features, "units_agree")[[first, second]].tolist() == [1, 0]
    assert column(features, "units_differ")[[first, second]].tolist() == [0, 1]
    assert column(features, "brand_same").tolist() == [1, 1]
    assert column(features, "price_apart")[[first, second]] == pytest.approx([0, np.log(2)])


def test_an_unknown_price_says_nothing() -> None:
    _left, _right, features = table(
        Listings.build(title=["Red lantern"], price=[float("nan")]), Listings.build(title=["Red lantern"], price=[3])
    )
    assert column(features, "price_known").tolist() == [0] and column(features, "price_apart").tolist() == [0]


def test_a_pair_is_compared_with_its_rivals_of_one_competitor() -> None:
    offers = Listings.build(title=["red lantern", "red lantern large"])
    products = Listings.build(title=["red lantern", "blue lantern"])
    space = TextSpace().fit([*said(offers), *said(products)])
    left, right = np.array([0, 0, 1]), np.array([0, 1, 0])
    one = pair_features(space, offers, products, left, right)
    two = pair_features(space, offers, products, left, right, np.array([0, 1]))
    assert column(one, "offer_rank").tolist() == [0, 1, 0]
    assert column(one, "product_rank").tolist() == [0, 0, 1]
    assert column(two, "product_rank").tolist() == [0, 0, 0]
    assert column(one, "offer_gap")[0] == pytest.approx(-column(one, "offer_gap")[1])


def test_candidates_are_few_and_the_likest() -> None:
    products = Listings.build(title=[f"lantern number {at}" for at in range(300)])
    offers = Listings.build(title=["lantern number 123", "nothing alike zzz"])
    space = TextSpace().fit(said(products))
    left, right = candidates(space, offers, products, limit=5)
    assert (left == 0).sum() == 5 and right[left == 0][0] == 123
    none = candidates(space, Listings.build(title=[]), products)
    assert len(none[0]) == len(none[1]) == 0


def test_blocks_do_not_change_what_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    products = Listings.build(title=TITLES)
    offers = Listings.build(title=[title.lower() for title in TITLES])
    space = TextSpace().fit(said(products))
    whole = candidates(space, offers, products)
    monkeypatch.setattr("django_ecomai.ml.pricing.matching.blocking.CHUNK", 2)
    parts = candidates(space, offers, products)
    assert [one.tolist() for one in parts] == [one.tolist() for one in whole]


def pairs(number: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    draw = np.random.default_rng(seed)
    same = np.arange(number) % 3 == 0
    features = draw.normal(0, 0.2, (number, len(FEATURES)))
    features[:, FEATURES.index("words")] += same
    return features, same


@pytest.mark.parametrize("number", [150, 1200])
def test_it_learns_from_decided_pairs_and_is_sure_as_often_as_it_says(number: int) -> None:
    features, same = pairs(number)
    model = MatchModel().fit(features, same)
    fresh, truth = pairs(600, seed=1)
    chance = model.probability(fresh)
    assert ((chance > 0.5) == truth).mean() > 0.95
    assert abs(chance.mean() - truth.mean()) < 0.05
    assert model.beats_rule(features, same)[0]
    assert model.probability(np.empty((0, len(FEATURES)))).tolist() == []


def test_the_same_seed_gives_the_same_model() -> None:
    features, same = pairs(1200)
    one, two = (MatchModel(random_state=3).fit(features, same).probability(features) for _ in range(2))
    assert (one == two).all()


def test_too_few_decisions_and_wrong_shapes_are_refused() -> None:
    features, same = pairs(150)
    with pytest.raises(ValueError, match=f"{LEAST} pairs of either kind"):
        MatchModel().fit(features[:60], same[:60])
    with pytest.raises(ValueError, match="features must be"):
        MatchModel().fit(features[:, :3], same)
    with pytest.raises(ValueError, match="must be"):
        Listings.build(title=["a"], price=[1, 2])


@given(st.lists(st.text(max_size=30), min_size=1, max_size=6), st.lists(st.text(max_size=30), min_size=1, max_size=6))
def test_any_titles_give_finite_numbers(offers: list[str], products: list[str]) -> None:
    try:
        _left, _right, features = table(Listings.build(title=offers), Listings.build(title=products))
    except ValueError:
        return  # not one word
    assert np.isfinite(features).all()
    chance = rule_probability(features)
    assert ((chance >= 0) & (chance <= RULE_MOST)).all()
