"""Behaviour that every model owes its callers, and what each one should find."""

from __future__ import annotations

import numpy as np
import pytest

from django_ecomai.ml.forecast.base import SeriesModel
from django_ecomai.ml.forecast.models.intermittent import ADIDA, IMAPA, SBA, TSB, Croston
from django_ecomai.ml.forecast.models.linear import LinearRegression
from django_ecomai.ml.forecast.models.simple import MovingAverage, SeasonalNaive, Zero
from django_ecomai.ml.forecast.models.smoothing import DampedTrend, HoltWinters, SimpleSmoothing, initial
from django_ecomai.ml.forecast.models.theta import DynamicTheta
from django_ecomai.ml.forecast.registry import MODELS, model_build


def panel(seed: int = 0) -> np.ndarray:
    random = np.random.default_rng(seed)
    y = random.poisson(5, (6, 40)).astype(float)
    y[1, :15] = np.nan
    y[2, 20:25] = np.nan
    y[3] *= random.random(40) < 0.2
    return y


class SeriesModelBehaviour:
    model_class: type[SeriesModel]
    #: Whether a constant series is forecast as that constant.
    constant = True

    def test_fit_returns_the_model_and_keeps_its_parameters(self):
        model = self.model_class()
        before = model.get_params()
        assert model.fit(panel(), season_length=4) is model
        assert model.get_params() == before
        assert repr(model).startswith(self.model_class.__name__)

    def test_every_series_gets_a_finite_forecast_that_is_not_negative(self):
        found = self.model_class().fit(panel(), season_length=4).predict(9)
        assert found.shape == (6, 9)
        assert np.isfinite(found).all()
        assert (found >= 0).all()

    def test_series_do_not_see_each_other(self):
        y = panel()
        together = self.model_class().fit(y, season_length=4).predict(5)
        for row in range(len(y)):
            alone = self.model_class().fit(y[row : row + 1], season_length=4).predict(5)
            np.testing.assert_allclose(alone[0], together[row], rtol=1e-9, atol=1e-9)

    def test_a_second_fit_forgets_the_first(self):
        model = self.model_class().fit(panel(1), season_length=4)
        model.fit(panel(), season_length=4)
        np.testing.assert_array_equal(model.predict(3), self.model_class().fit(panel(), season_length=4).predict(3))

    def test_a_constant_series_stays_what_it_is(self):
        found = self.model_class().fit(np.full((1, 30), 7.0), season_length=1).predict(3)
        expected = 7.0 if self.constant else found[0, 0]
        np.testing.assert_allclose(found, np.full((1, 3), expected), rtol=0.02)

    def test_zeros_stay_zero(self):
        np.testing.assert_allclose(self.model_class().fit(np.zeros((2, 12)), season_length=4).predict(4), 0, atol=1e-9)

    @pytest.mark.parametrize("length", [0, 1, 2, 3])
    def test_short_histories(self, length):
        found = self.model_class().fit(np.full((2, length), 3.0), season_length=12).predict(20)
        assert found.shape == (2, 20)
        assert np.isfinite(found).all()

    def test_nothing_known_and_no_series(self):
        assert (self.model_class().fit(np.full((1, 8), np.nan), season_length=4).predict(2) == 0).all()
        assert self.model_class().fit(np.empty((0, 8)), season_length=4).predict(2).shape == (0, 2)

    def test_the_unit_does_not_matter(self):
        y = panel()
        small = self.model_class().fit(y, season_length=4).predict(5)
        large = self.model_class().fit(1000 * y, season_length=4).predict(5)
        np.testing.assert_allclose(large, 1000 * small, rtol=1e-6, atol=1e-6)

    def test_what_cannot_be_fitted_is_refused(self):
        with pytest.raises(ValueError, match="series x periods"):
            self.model_class().fit(np.ones(5))
        with pytest.raises(ValueError, match="infinite"):
            self.model_class().fit(np.full((1, 5), np.inf))
        with pytest.raises(ValueError, match="season_length is 0"):
            self.model_class().fit(np.ones((1, 5)), season_length=0)
        with pytest.raises(ValueError, match="horizon is 0"):
            self.model_class().fit(np.ones((1, 5))).predict(0)


def behaviour(kind: type[SeriesModel], constant: bool = True) -> type:
    return type(f"Test{kind.__name__}", (SeriesModelBehaviour,), {"model_class": kind, "constant": constant})


TestZero = behaviour(Zero, constant=False)
TestMovingAverage = behaviour(MovingAverage)
TestSeasonalNaive = behaviour(SeasonalNaive)
TestSimpleSmoothing = behaviour(SimpleSmoothing)
TestDampedTrend = behaviour(DampedTrend)
TestHoltWinters = behaviour(HoltWinters)
TestDynamicTheta = behaviour(DynamicTheta)
TestCroston = behaviour(Croston)
TestSBA = behaviour(SBA, constant=False)
TestTSB = behaviour(TSB)
TestADIDA = behaviour(ADIDA)
TestIMAPA = behaviour(IMAPA)
TestLinearRegression = behaviour(LinearRegression)


def test_every_model_of_the_registry_is_tested():
    tested = {value.model_class for value in globals().values() if hasattr(value, "model_class")}
    assert {type(model_build(name)) for name in MODELS} <= tested
    with pytest.raises(ValueError, match="unknown model 'x': use some of zero"):
        model_build("x")


def test_croston_and_its_relatives_on_a_worked_example():
    y = np.array([[0.0, 2, 0, 0, 4, 0]])
    # sizes 2 then 2 + .5 * (4 - 2) = 3; the first interval is 2, the next 3: 2 + .5 * (3 - 2) = 2.5
    assert Croston(alpha=0.5).fit(y).predict(1)[0, 0] == pytest.approx(3 / 2.5)
    assert SBA(alpha=0.5).fit(y).predict(1)[0, 0] == pytest.approx(0.75 * 3 / 2.5)


def test_tsb_falls_when_nothing_is_sold_any_more():
    y = np.concatenate([np.full(20, 3.0), np.zeros(30)])[None, :]
    tsb, croston = TSB().fit(y).predict(1)[0, 0], Croston().fit(y).predict(1)[0, 0]
    assert tsb < 0.5 < 2.5 < croston


def test_smoothing_follows_the_recursion():
    y = np.array([[10.0, 12, 11, 13, 20]])
    level = 11.5  # mean of the first four
    for value in y[0]:
        level += 0.4 * (value - level)
    assert SimpleSmoothing(alphas=(0.4,)).fit(y).predict(2)[0].tolist() == pytest.approx([level, level])


@pytest.mark.parametrize("kind", [DampedTrend, HoltWinters, DynamicTheta, LinearRegression])
def test_a_trend_is_carried_on(kind):
    y = np.arange(10.0, 50.0)[None, :]
    found = kind().fit(y).predict(3)[0]
    assert found[0] > 46
    assert found[2] > found[0]


@pytest.mark.parametrize(
    "kind", [SeasonalNaive, SimpleSmoothing, DampedTrend, HoltWinters, DynamicTheta, LinearRegression]
)
def test_a_season_is_found(kind):
    y = (50 + 20 * np.sin(2 * np.pi * np.arange(60) / 12))[None, :]
    truth = 50 + 20 * np.sin(2 * np.pi * np.arange(60, 72) / 12)
    assert np.abs(kind().fit(y, season_length=12).predict(12)[0] - truth).max() < 6


def test_below_two_seasons_the_seasonal_naive_is_the_moving_average():
    y = np.arange(20.0)[None, :]
    np.testing.assert_array_equal(
        SeasonalNaive().fit(y, season_length=12).predict(3), MovingAverage().fit(y, season_length=12).predict(3)
    )


def test_imapa_is_the_mean_over_aggregation_levels():
    y = np.tile([0.0, 0, 6], 8)[None, :]
    assert IMAPA().fit(y).predict(1)[0, 0] == pytest.approx(2, rel=0.25)
    assert ADIDA().fit(y).predict(1)[0, 0] == pytest.approx(2, rel=0.01)


def test_regression_reads_price_and_promotion():
    random = np.random.default_rng(0)
    price = np.exp(random.normal(2, 0.2, (1, 110)))
    promotion = (random.random((1, 110)) < 0.2).astype(float)
    y = 100 - 30 * (np.log(price) - np.log(price[:, :100]).mean()) + 15 * promotion
    model = LinearRegression(ridge=0.01).fit_with(y[:, :100], {"price": price, "promotion": promotion})
    assert model.coefficients_["price"][0] == pytest.approx(-30, abs=0.5)
    assert model.coefficients_["promotion"][0] == pytest.approx(15, abs=0.5)
    np.testing.assert_allclose(model.predict(10), y[:, 100:], atol=1)


@pytest.mark.parametrize("season_length", [1, 12])
def test_holt_winters_without_a_season_is_the_damped_trend(season_length):
    """Below two seasons: the states of the same recursion without a season."""
    y = np.array([4.0, 9, 3, 8, 6, 12, 5, 11, 7, 14, 8, 13, 6, 15])
    model = HoltWinters(alphas=(0.2,), betas=(0.1,), gammas=(0.4,)).fit(y[None, :], season_length=season_length)
    before, slope = initial(y[None, :])
    level, trend = float(before[0]), float(slope[0])
    for value in y:
        ahead = level + 0.97 * trend
        level, trend = ahead + 0.2 * (value - ahead), 0.97 * trend + 0.2 * 0.1 * (value - ahead)
    assert model.predict(2)[0] == pytest.approx([level + 0.97 * trend, level + (0.97 + 0.97**2) * trend])
