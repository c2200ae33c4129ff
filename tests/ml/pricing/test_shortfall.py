"""The fewest pieces that are no chance yet."""

from __future__ import annotations

from math import sqrt

import pytest
from scipy.stats import nbinom, poisson

from django_ecomai.ml.pricing.shortfall import least_pieces


@pytest.mark.parametrize(("mean", "sd"), [(5.5, 3.0), (56.0, 30.0), (140.0, 140.0), (70.0, 23.0), (1e5, 2e4)])
@pytest.mark.parametrize("chance", [0.00625, 0.3])
def test_it_is_the_quantile_of_the_negative_binomial(mean: float, sd: float, chance: float) -> None:
    size, share = mean**2 / (sd**2 - mean) if sd**2 > mean else 1e9, min(mean / sd**2, 1 - 1e-9)
    assert least_pieces(mean=mean, sd=sd, chance=chance) == nbinom.ppf(chance, size, share)


def test_without_a_deviation_beyond_chance_it_is_that_of_poisson() -> None:
    for mean in (3.0, 10.0, 70.0):
        found = least_pieces(mean=mean, sd=0.5 * sqrt(mean), chance=0.00625)
        assert found == poisson.ppf(0.00625, mean)


def test_of_little_none_can_tell() -> None:
    assert least_pieces(mean=0.0, sd=0.0, chance=0.00625) == 0
    assert least_pieces(mean=5.0, sd=sqrt(5.0), chance=0.00625) == 0  # none of five come in 0.67 %
    assert least_pieces(mean=5.1, sd=sqrt(5.1), chance=0.00625) == 1


def test_a_chance_that_is_none() -> None:
    with pytest.raises(ValueError, match="chance is 0"):
        least_pieces(mean=5.0, sd=1.0, chance=0)
