"""What a price test of several products can tell by its end, held against simulated tests."""

from __future__ import annotations

from math import inf, sqrt
from typing import Any

import numpy as np
import pytest

from django_ecomai.ml.pricing.joint_power import JointPower, TwoPrices, joint_power
from django_ecomai.ml.pricing.paired import paired_difference
from django_ecomai.ml.pricing.price_test import told_per_period, width_after


def alike(n: int = 1, **fields: Any) -> TwoPrices:
    """Alike products at 2 % below and above 10.00 that cost 4.00 and sell 4 pieces a week, as chance has it."""
    given = {
        "low": 1 / 1.02, "high": 1.02, "left_low": 10 / 1.02 - 4, "left_high": 6.2, "rate": 4.0, "dispersion": 1.0,
        "alpha": 0.0, "rho": 0.0, "elasticity": -2.0, "sd": 0.4, **fields,
    }  # fmt: skip
    unit = np.asarray(given.pop("unit", np.arange(n)))
    return TwoPrices(**{name: np.broadcast_to(value, n) for name, value in given.items()}, unit=unit)


def power(n: int = 1, weeks: int = 12, **fields: Any) -> JointPower:
    return joint_power(alike(n, **fields), periods=weeks, wanted_df=2)


def test_one_product_learns_what_a_test_of_its_own_teaches() -> None:
    told = float(told_per_period(4.0, 1.3, 0.2, 0.3))
    after = width_after(0.4, told, 1 / 1.02, 1.02, 12)
    found = power(dispersion=1.3, alpha=0.2, rho=0.3)
    assert found.narrowed == pytest.approx(1 - after / (2 * 1.959963984540054 * 0.4))


def test_many_that_sell_rarely_tell_together_what_none_tells_alone() -> None:
    alone, together = power(), power(400)
    assert alone.narrowed < 0.01 and not alone.tells
    assert together.narrowed == pytest.approx(0.307, abs=0.001) and together.tells
    # a sum of 400 grows by 400, its chance by 20
    assert together.high == pytest.approx(400 * alone.high) and together.least < 21 * alone.least


def test_the_difference_today_is_that_of_the_ends_of_what_is_known() -> None:
    found = power(sd=0.0, elasticity=0.0)
    assert (found.low, found.high) == (pytest.approx(4 * (6.2 - (10 / 1.02 - 4))), pytest.approx(found.low))
    wide = power(elasticity=-1.0, sd=1 / 1.959963984540054)
    assert wide.high == pytest.approx(found.high) and wide.low == pytest.approx(power(sd=0.0).high)


def test_it_takes_pairs_of_weeks_for_a_verdict() -> None:
    assert (power(weeks=4).least, power(weeks=4).least_periods) == (inf, 6)
    assert power(weeks=6).least < inf
    assert (power(2, weeks=4).least < inf, power(2).least_periods) == (True, 4)
    # two products of one family count as one
    assert power(2, unit=[0, 0]).least_periods == 6
    # one that sells a hundred times as much decides nearly alone
    assert power(2, rate=np.array([400.0, 4.0])).least_periods == 6
    assert power(2, weeks=2).least == inf


@pytest.mark.parametrize(("rate", "alpha", "rho"), [(4.0, 0.0, 0.0), (20.0, 0.2, 0.0), (20.0, 0.2, 0.6)])
def test_the_least_difference_that_shows_is_that_of_simulated_tests(rate: float, alpha: float, rho: float) -> None:
    """Half of the width of the intervals that tests of ten products come to: demand varies by ``alpha`` around a level
    whose weeks err alike by ``rho``."""
    n, weeks, draw = 10, 12, np.random.default_rng(3)
    found = power(n, weeks, rate=rate, alpha=alpha, rho=rho)
    mean = [rate * (1 / 1.02) ** -2, rate * 1.02**-2]
    left = [10 / 1.02 - 4, 6.2]
    halves = []
    for _run in range(600):
        shock = np.empty((n, weeks))
        shock[:, 0] = draw.normal(size=n)
        for week in range(1, weeks):
            shock[:, week] = rho * shock[:, week - 1] + sqrt(1 - rho**2) * draw.normal(size=n)
        # lognormal around 1 with variance alpha
        size = sqrt(np.log1p(alpha))
        level = np.exp(size * shock - size**2 / 2)
        first_low = draw.random((n, weeks // 2)) < 0.5
        low = np.stack([first_low, ~first_low], axis=2).reshape(n, weeks)
        profit = draw.poisson(level * np.where(low, *mean)) * np.where(low, *left)
        two = profit.reshape(n, weeks // 2, 2)
        differences = np.where(first_low, 1, -1) * (two[:, :, 1] - two[:, :, 0])
        result = paired_difference(list(differences))
        halves.append((result.high - result.low) / 2)
    print(f"\nrate {rate}, alpha {alpha}, rho {rho}: worked out {found.least:.1f}, simulated {np.mean(halves):.1f}")
    assert found.least == pytest.approx(np.mean(halves), rel=0.05)
