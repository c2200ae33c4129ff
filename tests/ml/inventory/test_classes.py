"""ABC and XYZ."""

from __future__ import annotations

import numpy as np
import pytest

from django_ecomai.ml.inventory.classes import abc_xyz


def test_the_few_that_bring_most_are_a_and_even_demand_is_x():
    even, wavy, rare = [5, 5, 5, 5], [1, 9, 2, 8], [0, 0, 0, 40]
    abc, xyz = abc_xyz([700, 100, 150, 50, 0], [even, wavy, rare, [0] * 4, [np.nan, 5, 5, np.nan]])
    assert abc.tolist() == ["A", "B", "A", "C", "C"]
    assert xyz.tolist() == ["X", "Y", "Z", "Z", "X"]


def test_nothing_of_value_is_all_c():
    abc, xyz = abc_xyz([0, -5, np.nan], np.zeros((3, 0)))
    assert abc.tolist() == ["C"] * 3 and xyz.tolist() == ["Z"] * 3


@pytest.mark.parametrize(
    "arguments",
    [{"value": [1], "demand": [1]}, {"value": [1], "demand": [[1]], "shares": (0.9, 0.8)}],
)
def test_shapes_and_borders_are_checked(arguments):
    with pytest.raises(ValueError, match="must"):
        abc_xyz(**arguments)
