"""Lead times: own receipts, the supplier's, the promise, in this order of trust."""

from __future__ import annotations

import numpy as np
import pytest

from django_ecomai.ml.inventory.leadtime import LeadTimes


def fitted(days=(), products=(), **more):
    values = {"suppliers": [0, 0, 1, -1], "promised_days": [7, np.nan, 20, np.nan], **more}
    return LeadTimes(prior_spread=0.0).fit(days, products, **values)


def test_without_receipts_the_promise_counts_then_the_suppliers_usual_then_the_default():
    times = fitted(supplier_days=[9, np.nan])
    assert times.mean().tolist() == [7, 9, 20, 14]
    assert times.sample(50).mean(axis=1).tolist() == pytest.approx([7, 9, 20, 14])
    assert times.quantile(0.9).tolist() == pytest.approx([7, 9, 20, 14])


def test_receipts_pull_the_product_and_less_so_its_suppliers_other_products():
    times = fitted([30.0] * 15, [0] * 15)
    # 15 of 20 draws are own receipts; of the rest 15 of 20 are the supplier's, which are the same ones.
    assert times.mean()[0] == pytest.approx(0.9375 * 30 + 0.0625 * 7)
    assert times.mean()[1] == pytest.approx(0.75 * 30 + 0.25 * 14)
    assert times.mean()[2:].tolist() == [20, 14]
    assert times.sample(4000).mean(axis=1) == pytest.approx(times.mean(), rel=0.05)


def test_only_recent_receipts_speak():
    times = LeadTimes(prior_spread=0.0, recent=5).fit(
        [90.0] * 50 + [10.0] * 5, [0] * 55, suppliers=[-1], promised_days=[10]
    )
    assert times.mean().tolist() == [10]


def test_bad_receipts_and_promises_are_left_out():
    times = fitted([-3, np.nan, np.inf, 0, 5], [0, 0, 0, 0, 0], promised_days=[0, -4, np.nan, np.inf])
    assert times.dropped_ == 3
    assert times.receipts_.tolist() == [2, 0, 0, 0]
    assert np.all(np.isfinite(times.sample(100))) and np.all(times.sample(100) >= 0)
    assert times.mean()[3] == 14


def test_spread_of_the_promise():
    times = LeadTimes().fit(
        [], [], suppliers=[0, 1], promised_days=[20, 20], supplier_spread=[0.5, np.nan], supplier_days=[np.nan, 3]
    )
    drawn = times.sample(20_000)
    assert drawn.mean(axis=1) == pytest.approx([20, 20], rel=0.03)
    assert drawn.std(axis=1) == pytest.approx([10, 6], rel=0.06)


def test_a_part_of_the_products_has_the_luck_it_has_in_the_whole():
    times = LeadTimes().fit([5.0, 6.0, 30.0], [0, 0, 2], suppliers=[0, 0, 1, -1], promised_days=[7, 8, 9, 10])
    assert np.array_equal(times.sample(20, seed=3)[[1, 2]], times.sample(20, seed=3, rows=[1, 2]))
    assert not np.array_equal(times.sample(20, seed=3), times.sample(20, seed=4))


@pytest.mark.parametrize(
    ("days", "products", "more"),
    [
        ([1.0], [9], {}),
        ([1.0], [0, 1], {}),
        ([], [], {"promised_days": [1]}),
        ([], [], {"supplier_days": [1]}),
    ],
)
def test_numbers_out_of_range_are_said(days, products, more):
    with pytest.raises(ValueError, match="must be"):
        fitted(days, products, **more)


def test_parameters_are_checked():
    with pytest.raises(ValueError, match="concentration"):
        LeadTimes(concentration=0).fit([], [], suppliers=[0], promised_days=[1])
    with pytest.raises(ValueError, match="q must be"):
        fitted().quantile(1.2)


def test_who_delivered_counts_and_not_who_else_is_asked_for():
    # Receipts of products 0 (by suppliers 0 and 1) and 1 (by supplier 0); the offers are of supplier 0.
    days, items, by = [10.0, 40.0, 20.0], [0, 0, 1], [0, 1, 0]
    values = {"promised_days": [np.nan, np.nan], "receipt_suppliers": by, "supplier_days": [14.0, 14.0]}
    both = LeadTimes().fit(days, items, suppliers=[0, 0], **values)
    assert both.receipts_.tolist() == [1, 1]
    # Own 10 with weight 1/6, the supplier's mean 15 with 2/7 of the rest, else the prior.
    base = 2 / 7 * 15 + 5 / 7 * 14
    assert both.mean() == pytest.approx([10 / 6 + 5 / 6 * base, 20 / 6 + 5 / 6 * base])
    values["promised_days"] = [np.nan]
    alone = LeadTimes().fit(days, [-1, -1, 0], suppliers=[0], **values)
    assert alone.mean()[0] == both.mean()[1]
    assert np.array_equal(alone.sample(50, keys=[77])[0], both.sample(50, keys=[5, 77])[1])
    unknown = LeadTimes().fit(days, items, suppliers=[0, 0], **{**values, "promised_days": [np.nan] * 2,
                                                               "receipt_suppliers": [-1, 1, -1]})  # fmt: skip
    assert unknown.receipts_.tolist() == [1, 1] and unknown.mean()[0] == pytest.approx(10 / 6 + 5 / 6 * 14)
