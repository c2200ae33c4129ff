from __future__ import annotations

import numpy as np
import pytest

from django_ecomai.ml.pricing.elasticity import ElasticityOptions, fit_elasticities, reasons_counted
from django_ecomai.ml.pricing.panel import PricePanel
from django_ecomai.ml.pricing.price_test import suggest_tests
from tests.ml.pricing.factories import shop

SLOPES = [-1.0, -2.0, -3.0, -1.5, -2.5] * 4


@pytest.mark.parametrize("demand", ["poisson", "log"])
def test_known_elasticities_are_found(demand):
    found = fit_elasticities(shop(SLOPES), ElasticityOptions(demand=demand))
    assert found.accepted.all()
    off = np.abs(found.elasticity - SLOPES)
    assert off.mean() < 0.15
    assert (off < 1.96 * found.sd).mean() >= 0.85
    assert found.groups.tau == pytest.approx(0.7, abs=0.2)


def test_the_same_seed_gives_the_same_answer():
    one, two = (fit_elasticities(shop(SLOPES)) for _ in range(2))
    assert np.array_equal(one.elasticity, two.elasticity)


def test_slow_sellers_are_drawn_to_the_others():
    slow = np.arange(20) == 3
    panel = shop(SLOPES)
    units = np.where(slow[panel.product], np.floor(panel.units / 60), panel.units)
    thin = PricePanel.build(product=panel.product, period=panel.period, units=units, price=panel.price)
    found = fit_elasticities(thin)
    assert found.weight[3] < found.weight[~slow].min()
    assert found.sd[3] < found.own_sd[3]


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda p, mine: p.rows(~mine), "no_rows"),
        (lambda p, mine: p.rows(~mine | (p.period < 5)), "too_few_periods"),
    ],
)
def test_a_product_with_too_little_is_refused(change, reason):
    panel = shop(SLOPES)
    found = fit_elasticities(change(panel, panel.product == 2))
    assert found.reason[2] == reason
    assert np.isnan([found.elasticity[2], found.low[2], found.high[2]]).all()
    assert np.isfinite([found.fallback[2], found.fallback_sd[2]]).all()
    assert reasons_counted(found) == {reason: 1}


def changed(**columns):
    """The shop with other columns for its first product."""
    panel = shop(SLOPES)
    mine = panel.product == 0
    new = {name: np.where(mine, value, getattr(panel, name)) for name, value in columns.items()}
    values = {"units": panel.units, "price": panel.price, "promotion": panel.promotion, **new}
    return PricePanel.build(product=panel.product, period=panel.period, **values)


def test_a_price_that_never_varied_is_refused():
    assert fit_elasticities(changed(price=10.0)).reason[0] == "price_never_varied"


def test_hardly_any_sales_are_refused():
    panel = shop(SLOPES)
    assert fit_elasticities(changed(units=(panel.period == 3) * 1.0)).reason[0] == "too_few_sales"


def test_demand_that_rises_with_the_price_is_refused():
    panel = shop(SLOPES)
    found = fit_elasticities(changed(units=np.round(200 * (panel.price / 10) ** 3)))
    assert found.reason[0] == "implausible_sign"
    # and it does not move the others
    assert np.abs(found.elasticity[1:] - SLOPES[1:]).mean() < 0.15


def test_a_shop_without_rows_has_no_elasticities():
    empty = PricePanel.build(product=[], period=[], units=[], price=[], n_products=2)
    assert fit_elasticities(empty).reason.tolist() == ["no_rows", "no_rows"]


def test_prices_that_follow_the_demand_of_the_category_do_not_deceive():
    draw = np.random.default_rng(1)
    n, periods = 60, 52
    heat = draw.normal(0, 0.4, periods)
    log = 0.15 * heat + draw.choice([-0.1, 0.0, 0.1], (n, periods))
    units = draw.poisson(100 * np.exp(-2 * log + heat))
    panel = PricePanel.build(
        product=np.repeat(np.arange(n), periods), period=np.tile(np.arange(periods), n), units=units.ravel(),
        price=10 * np.exp(log).ravel(),
    )  # fmt: skip
    with_index = fit_elasticities(panel)
    without = fit_elasticities(panel, ElasticityOptions(category_periods=False))
    assert with_index.groups.shop_mean == pytest.approx(-2.0, abs=0.1)
    assert without.groups.shop_mean > -1.8


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_small_categories_and_half_a_year_do_not_draw_elasticities_towards_zero(seed):
    draw = np.random.default_rng(seed)
    categories, size, periods = 20, 8, 26
    n = categories * size
    category = np.repeat(np.arange(categories), size)
    heat = draw.normal(0, 0.4, (categories, periods))[category]
    log = 0.4 * heat + draw.choice([-0.1, 0.0, 0.1], (n, periods))
    units = draw.poisson(100 * np.exp(-2 * log + heat))
    panel = PricePanel.build(
        product=np.repeat(np.arange(n), periods), period=np.tile(np.arange(periods), n), units=units.ravel(),
        price=10 * np.exp(log).ravel(), category=category,
    )  # fmt: skip
    # with the others' prices left in the demand index the answer is -1.85 to -1.91
    assert fit_elasticities(panel).groups.shop_mean == pytest.approx(-2.0, abs=0.06)


def lasting_market(*, products=60, periods=60, rate=10.0, rho=0.5, seed=5):
    """Slow sellers whose demand has good and bad spells."""
    draw = np.random.default_rng(seed)
    spell = np.empty((products, periods))
    spell[:, 0] = draw.normal(0, 0.4, products)
    for at in range(1, periods):
        spell[:, at] = rho * spell[:, at - 1] + draw.normal(0, 0.4 * np.sqrt(1 - rho**2), products)
    log = draw.choice([-0.2, -0.1, 0.0, 0.1], (products, periods))
    units = draw.poisson(rate * np.exp(-2 * log + spell))
    return PricePanel.build(
        product=np.repeat(np.arange(products), periods), period=np.tile(np.arange(periods), products),
        units=units.ravel(), price=10 * np.exp(log).ravel(),
    )  # fmt: skip


def test_good_and_bad_spells_are_seen_beneath_the_chance_of_slow_sales():
    found = fit_elasticities(lasting_market())
    assert found.rho == pytest.approx(0.5, abs=0.1)
    # equal products: a log-normal spell with a standard deviation of 0.4 varies by exp(0.16) - 1
    assert np.median(found.alpha) == pytest.approx(np.exp(0.16) - 1, abs=0.03)
    assert np.ptp(found.alpha) < 0.15


def test_elasticities_are_not_drawn_in_by_what_products_have_in_common():
    draw = np.random.default_rng(4)
    n, periods = 60, 52
    slopes = np.tile([-1.0, -2.0, -3.0], 20)
    heat = draw.normal(0, 0.3, periods)
    promoted = draw.random((n, periods)) < 0.15
    log = 0.3 * heat - 0.2 * promoted + draw.choice([-0.05, 0.0, 0.05], (n, periods))
    units = draw.poisson(60 * np.exp(slopes[:, None] * log + heat + 0.3 * promoted))
    panel = PricePanel.build(
        product=np.repeat(np.arange(n), periods), period=np.tile(np.arange(periods), n), units=units.ravel(),
        price=10 * np.exp(log).ravel(), promotion=promoted.ravel(),
    )  # fmt: skip
    found = fit_elasticities(panel)
    gap = [found.own[slopes == slope].mean() for slope in (-1.0, -2.0, -3.0)]
    assert gap == pytest.approx([-1.0, -2.0, -3.0], abs=0.15)
    assert found.own_sd.mean() < 0.4


def promoted(lifts, rate):
    """Mean effect of promotions as found in categories of ten products, where it is ``lifts``."""
    draw = np.random.default_rng(6)
    n, periods = 10 * len(lifts), 40
    category = np.repeat(np.arange(len(lifts)), 10)
    promotion = draw.random((n, periods)) < 0.2
    log = -0.2 * promotion + draw.choice([-0.1, 0.0, 0.1], (n, periods))
    units = draw.poisson(rate * np.exp(-2 * log + np.array(lifts)[category][:, None] * promotion))
    panel = PricePanel.build(
        product=np.repeat(np.arange(n), periods), period=np.tile(np.arange(periods), n), units=units.ravel(),
        price=10 * np.exp(log).ravel(), promotion=promotion.ravel(), category=category,
    )  # fmt: skip
    return np.bincount(category, fit_elasticities(panel).promotion) / 10


def test_what_promotions_do_is_common_to_the_shop_as_far_as_categories_do_not_differ():
    # with the shop's mean counted as three products, categories are 0.025 apart by chance
    assert np.ptp(promoted([0.3] * 8, rate=8)) < 0.012
    apart = [-0.3, 0.0, 0.3, 0.9] * 2
    assert promoted(apart, rate=20) == pytest.approx(apart, abs=0.08)


@pytest.mark.parametrize("known", [True, False])
def test_stock_outs_do_not_flatten_demand(known):
    panel = shop(SLOPES, periods=60)
    out = (panel.units > 240) & (panel.period % 2 == 0)
    units = np.where(out, 200.0, panel.units)
    share = np.where(out, 200.0 / panel.units if known else np.nan, 1.0)
    blind = PricePanel.build(product=panel.product, period=panel.period, units=units, price=panel.price)
    told = PricePanel.build(product=panel.product, period=panel.period, units=units, price=panel.price, in_stock=share)
    wrong, right = (np.abs(fit_elasticities(one).elasticity - SLOPES).mean() for one in (blind, told))
    assert right < (0.1 if known else 0.3)
    assert right < wrong / 2


def test_an_unknown_demand_is_refused():
    with pytest.raises(ValueError, match="demand must be one of poisson, log"):
        fit_elasticities(shop([-2.0]), ElasticityOptions(demand="square"))


def test_rows_are_checked():
    good = {"product": [0, 0], "period": [1, 2], "units": [1.0, -2.0], "price": [2.0, 2.0]}
    assert PricePanel.build(**good).units.tolist() == [1.0, 0.0]
    assert len(PricePanel.build(**{**good, "price": [0.0, np.nan]})) == 0
    with pytest.raises(ValueError, match="two rows in one period"):
        PricePanel.build(**{**good, "period": [1, 1]})
    with pytest.raises(ValueError, match=r"units must be one number or \[2\]"):
        PricePanel.build(**{**good, "units": [1.0]})
    with pytest.raises(ValueError, match="product must be between 0 and 0"):
        PricePanel.build(**good | {"product": [0, 1]}, n_products=1)


def test_prices_within_half_a_per_cent_are_one_level():
    panel = PricePanel.build(
        product=[0, 0, 0, 1], period=[1, 2, 3, 1], units=1.0, price=[10.0, 10.02, 11.0, 5.0], n_products=3
    )
    assert panel.price_levels().tolist() == [2, 1, 0]


def test_a_price_test_is_suggested_where_nothing_is_known_and_is_long_enough():
    panel = shop(SLOPES, rate=40.0)
    found = fit_elasticities(
        PricePanel.build(
            product=panel.product, period=panel.period, units=panel.units,
            price=np.where(panel.product == 0, 10.0, panel.price),
        )
    )  # fmt: skip
    tests = suggest_tests(found, np.full(20, 10.0), wanted_width=1.6)
    assert 0 in tests.product
    assert (tests.width_before > 1.6).all()
    assert (tests.width_after <= 1.6 + 1e-9).all()
    assert (tests.low < 10).all() and (tests.high > 10).all()
    small, large = (suggest_tests(found, np.full(20, 10.0), wanted_width=1.6, steps=(step,)) for step in (0.1, 0.2))
    assert small.weeks[small.product == 0][0] > large.weeks[large.product == 0][0]
    with pytest.raises(ValueError, match="wanted_width"):
        suggest_tests(found, np.full(20, 10.0), wanted_width=0)


def test_a_price_test_goes_no_further_than_limits_allow_and_has_to_be_worth_its_while():
    panel = shop(SLOPES, rate=40.0)
    found = fit_elasticities(
        PricePanel.build(
            product=panel.product, period=panel.period, units=panel.units,
            price=np.where(panel.product == 0, 10.0, panel.price),
        )
    )  # fmt: skip
    prices = np.full(20, 10.0)
    free = suggest_tests(found, prices, wanted_width=1.0)
    assert 0 in free.product and (free.weeks % 2 == 0).all() and free.step[free.product == 0][0] > 0.04
    # a change of 10 % a day, from the lower price to the higher one
    tight = suggest_tests(found, prices, wanted_width=1.0, widest=np.sqrt(1.1) - 1)
    assert (tight.step <= np.sqrt(1.1) - 1 + 1e-12).all() and (tight.high / tight.low <= 1.1 + 1e-12).all()
    assert (tight.width_after <= 0.9 * tight.width_before).all()
    at = tight.product == 0
    assert tight.weeks[at][0] == 26 and tight.width_after[at][0] > 1.0
    # with hardly any room, and with none, no test is worth its while
    assert 0 not in suggest_tests(found, prices, wanted_width=1.0, widest=0.001).product
    assert not len(suggest_tests(found, prices, wanted_width=1.0, widest=np.zeros(20)).product)
    # where there is room enough, limits change nothing
    assert (suggest_tests(found, prices, wanted_width=1.0, widest=0.5).low == free.low).all()
