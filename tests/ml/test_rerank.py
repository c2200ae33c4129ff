"""Variety, novelty, calibration and trying out: exact values, and what must hold for any list."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from django_ecomai.ml.recommend.rerank import divergence, draw, likeness, novel, rerank, shares, unit

floats = st.floats(allow_nan=True, allow_infinity=True)
strengths = st.floats(0, 1)


def test_unit_scales_to_the_list_and_takes_nan_for_the_least() -> None:
    assert unit([2, 6, 4]).tolist() == [0, 1, 0.5]
    assert unit([3, math.nan, 5]).tolist() == [0, 0, 1]
    assert unit([7, 7]).tolist() == [1, 1]
    assert unit([]).tolist() == []


def test_mmr_takes_the_best_then_what_is_unlike_it() -> None:
    alike = np.array([[1, 0.9, 0.0], [0.9, 1, 0.0], [0.0, 0.0, 1]])

    # after item 0: item 1 has .5 * .8 - .5 * .9 = -.05, item 2 has .5 * 0 - 0 = 0
    assert rerank([1.0, 0.8, 0.0], 3, diversity=0.5, similarity=alike).tolist() == [0, 2, 1]
    # .9 * .8 - .1 * .9 = .63 against 0
    assert rerank([1.0, 0.8, 0.0], 3, diversity=0.1, similarity=alike).tolist() == [0, 1, 2]


def test_divergence_is_zero_for_equal_mixes_and_finite_for_a_missing_category() -> None:
    assert divergence([0.7, 0.3], [0.7, 0.3]) == 0
    # .7 log(.7 / .007): the smoothing leaves a hundredth of the wanted share; .3 log(.3 / (.99 + .003))
    assert divergence([0.7, 0.3], [0.0, 1.0]) == pytest.approx(0.7 * math.log(100) + 0.3 * math.log(0.3 / 0.993))


def test_full_calibration_shows_the_categories_in_the_customers_proportion() -> None:
    labels = [["lamps"]] * 6 + [["mugs"]] * 6
    members = shares(labels, ["lamps", "mugs"])
    target = np.array([0.75, 0.25])

    plain = rerank(range(12, 0, -1), 4, taste=0.0, target=target, memberships=members)[:4]
    calibrated = rerank(range(12, 0, -1), 4, taste=1.0, target=target, memberships=members)[:4]

    assert plain.tolist() == [0, 1, 2, 3]  # lamps only
    assert sorted(labels[one][0] for one in calibrated) == ["lamps", "lamps", "lamps", "mugs"]


def test_an_item_of_two_categories_counts_half_for_each() -> None:
    assert shares([["a", "b"], ["b", "x"], ["x"]], ["a", "b"]).tolist() == [[0.5, 0.5], [0, 1], [0, 0]]


def test_novelty_is_self_information() -> None:
    # counts 0, 1, 3: log2 of 1, 2, 4 = 0, 1, 2
    assert novel([1, 1, 1], [0, 1, 3], 1.0).tolist() == [1, 0.5, 0]
    assert novel([0, 2, 1], [0, 1, 3], 0.0).tolist() == [0, 1, 0.5]
    assert novel([0, 2, 1], [0, 1, 3], 0.5).tolist() == [0.5, 0.75, 0.25]


def test_likeness_adds_category_brand_and_content() -> None:
    found = likeness(categories=["a", "a", ""], brands=["x", "y", ""], content={(0, 2): 0.5})

    assert found == pytest.approx(np.array([[1, 0.5, 0.15], [0.5, 1, 0], [0.15, 0, 1]]))


def test_the_chance_of_a_draw_is_logged_exactly() -> None:
    chosen, chances = draw([3.0, 1.0], 2, seed=[1], uniform=0.2)

    first = {0: 0.8 * 0.75 + 0.1, 1: 0.8 * 0.25 + 0.1}
    assert sorted(chosen.tolist()) == [0, 1]
    assert chances.tolist() == pytest.approx([first[int(chosen[0])], 1.0])


def test_draws_come_as_often_as_their_chance_says() -> None:
    taken = np.array([draw([6.0, 3.0, 1.0], 1, seed=[number], uniform=0.2)[0][0] for number in range(4000)])
    expected = 0.8 * np.array([0.6, 0.3, 0.1]) + 0.2 / 3

    assert np.bincount(taken, minlength=3) / 4000 == pytest.approx(expected, abs=0.03)


class Told:
    """In place of a generator: the numbers that were written down."""

    def __init__(self, *numbers: float) -> None:
        self.numbers = iter(numbers)

    def random(self) -> float:
        return next(self.numbers)


@given(
    st.lists(st.floats(0, 10), min_size=1, max_size=5),
    st.lists(st.integers(-1, 1), min_size=5, max_size=5),
    st.tuples(st.integers(0, 2), st.integers(0, 2)),
)
@settings(max_examples=10, deadline=None)
def test_with_room_for_few_of_a_label_every_draw_comes_exactly_as_often_as_its_chance_says(
    weights: list[float], labels: list[int], room: tuple[int, int]
) -> None:
    """All outcomes of two draws over an even grid of random numbers, against the product of the chances."""
    labels, grid = labels[: len(weights)], (np.arange(40) + 0.5) / 40
    share: dict[tuple[int, ...], float] = {}
    said: dict[tuple[int, ...], float] = {}
    for one in grid:
        for other in grid:
            with pytest.MonkeyPatch.context() as patch:
                patch.setattr(np.random, "default_rng", lambda seed, one=one, other=other: Told(one, other))
                chosen, chances = draw(weights, 2, seed=[0], labels=labels, room=room)
            outcome = tuple(chosen.tolist())
            share[outcome] = share.get(outcome, 0) + 1 / 1600
            said[outcome] = float(np.prod(chances))
            for label in (0, 1):
                assert sum(labels[item] == label for item in outcome) <= room[label]
    assert sum(said.values()) <= 1 + 1e-9
    for outcome, seen in share.items():
        assert seen == pytest.approx(said[outcome], abs=0.06)
    drawable = [item for item in range(len(weights)) if labels[item] < 0 or room[labels[item]] > 0]
    assert (len(next(iter(share))) == 0) == (not drawable)


@given(st.lists(floats, max_size=12), st.integers(-1, 15), strengths, strengths, st.data())
def test_any_list_stays_complete_and_the_same_question_has_the_same_answer(
    relevance: list[float], k: int, diversity: float, taste: float, data: st.DataObject
) -> None:
    n = len(relevance)
    labels = [data.draw(st.sampled_from(["", "a", "b"])) for _ in range(n)]
    members = shares([[label] for label in labels], ["a", "b"])
    alike = likeness(categories=labels, brands=labels)

    def again() -> list[int]:
        return rerank(relevance, k, diversity=diversity, similarity=alike, taste=taste, target=np.array([0.6, 0.4]),
                      memberships=members).tolist()  # fmt: skip

    assert sorted(again()) == list(range(n))
    assert again() == again()


@given(st.lists(st.floats(-1e300, 1e300), min_size=1, max_size=12))
def test_strength_zero_keeps_the_order(relevance: list[float]) -> None:
    alike = np.ones((len(relevance), len(relevance)))
    scaled = unit(relevance)

    assert rerank(relevance, 5, diversity=0.0, similarity=alike).tolist() == np.argsort(-scaled, kind="stable").tolist()


@given(st.lists(floats, max_size=10), st.integers(0, 12), st.integers(0, 2**40))
def test_draws_are_different_items_with_a_chance(weights: list[float], m: int, seed: int) -> None:
    chosen, chances = draw(weights, m, seed=[seed])
    again, _ = draw(weights, m, seed=[seed])

    assert len(chosen) == len(set(chosen.tolist())) == min(m, len(weights))
    assert ((chances > 0) & (chances <= 1)).all()
    assert chosen.tolist() == again.tolist()
