"""Counts with differential privacy: exact noise, bounded contributions, a threshold that hides single persons."""

from __future__ import annotations

import math
import random
from collections import Counter
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from django_ecomai.ml.private import (
    bounded_counts,
    discrete_laplace,
    noisy_counts,
    noisy_selection,
    selection_threshold,
)


@given(st.dictionaries(st.text(max_size=3), st.lists(st.integers(0, 20), max_size=15)), st.integers(1, 5))
def test_one_person_more_changes_at_most_so_many_cells_by_one(people: dict[str, list[int]], most: int) -> None:
    draw = random.Random(1).randrange
    with_all = bounded_counts(people, most=most, draw=draw)
    for cell, count in with_all.items():
        assert count <= sum(cell in cells for cells in people.values())
    assert sum(with_all.values()) == sum(min(most, len(set(cells))) for cells in people.values())
    alone = bounded_counts({"x": range(50)}, most=most, draw=draw)
    assert len(alone) == most and set(alone.values()) == {1}


def test_which_cells_of_a_busy_person_count_is_chance() -> None:
    draw = random.Random(1).randrange
    chosen = Counter(cell for _ in range(3000) for cell in bounded_counts({"x": range(6)}, most=2, draw=draw))
    assert all(900 < chosen[cell] < 1100 for cell in range(6))


@pytest.mark.parametrize("scale", [Fraction(1, 2), Fraction(2), Fraction(20, 3)])
def test_the_noise_is_the_discrete_laplace(scale: Fraction) -> None:
    draw = random.Random(7).randrange
    number = 20_000
    found = Counter(discrete_laplace(scale, draw=draw) for _ in range(number))
    ratio = math.exp(-1 / float(scale))
    for value in range(-4, 5):
        expected = (1 - ratio) / (1 + ratio) * ratio ** abs(value)
        assert found[value] / number == pytest.approx(expected, abs=5 * math.sqrt(expected / number))


@pytest.mark.parametrize(("epsilon", "delta", "most"), [(1, 1e-6, 10), (Fraction(1, 2), 1e-5, 1), (4, 0.01, 3)])
def test_the_threshold_is_the_least_that_hides_one_person(epsilon: Fraction, delta: float, most: int) -> None:
    least = selection_threshold(epsilon=Fraction(epsilon), delta=delta, most=most)
    ratio = math.exp(-float(epsilon) / most)

    def passes(at: int) -> float:
        return most * ratio ** (at - 1) / (1 + ratio)

    assert passes(least) <= delta * (1 + 1e-9)
    assert least == 2 or passes(least - 1) > delta


def test_a_pair_of_one_person_is_not_published_one_of_many_is() -> None:
    draw = random.Random(3).randrange
    counts = {("a", "b"): 500, ("c", "d"): 1}
    found = noisy_selection(counts, epsilon=Fraction(1), delta=1e-6, most=5, draw=draw)
    assert list(found) == [("a", "b")]
    assert abs(found["a", "b"] - 500) < 60


def test_every_known_cell_gets_a_number_whether_anybody_is_in_it_or_not() -> None:
    draw = random.Random(3).randrange
    found = noisy_counts({"a": 100, "secret": 50}, epsilon=Fraction(1), most=1, known=["a", "b", "c"], draw=draw)
    assert set(found) == {"a", "b", "c"} and abs(found["a"] - 100) < 15
    assert min(found.values()) >= 0


@pytest.mark.parametrize(
    "call",
    [
        lambda: bounded_counts({}, most=0),
        lambda: discrete_laplace(Fraction(0)),
        lambda: noisy_counts({}, epsilon=Fraction(0), most=1, known=[]),
        lambda: noisy_counts({}, epsilon=Fraction(1), most=0, known=[]),
        lambda: selection_threshold(epsilon=Fraction(1), delta=1.0, most=1),
    ],
)
def test_arguments_out_of_range_are_refused(call: object) -> None:
    with pytest.raises(ValueError):
        call()  # type: ignore[operator]
