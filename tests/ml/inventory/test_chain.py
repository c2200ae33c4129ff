"""Suppliers, stages and flows, by hand."""

from __future__ import annotations

import numpy as np
import pytest

from django_ecomai.ml.inventory.chain import exposure, flow, margin_at_risk, scorecard, stages

from .factories import paths

NAN = np.nan


def lines(**more):
    values = {
        "supplier": [0, 0, 0, 0, 1, 1],
        "ordered": [0, 10, 20, 30, 80, 5],
        "due": [10, 20, 30, 90, 120, NAN],
        "received": [8, 25, 28, NAN, NAN, NAN],
        "quantity": [5, 5, 5, 5, 5, 0],
        "came": [5, 5, 3, 0, 0, 0],
        "today": 100.0,
        "suppliers": 3,
    }
    return scorecard(**{**values, **more})


def test_on_time_in_full_and_late_orders_by_age():
    found = lines()
    assert found.lines.tolist() == [4, 0, 0]
    assert found.on_time[0] == 0.5 and found.in_full[0] == 0.5 and found.on_time_in_full[0] == 0.25
    assert np.isnan(found.on_time_in_full[1:]).all()
    assert found.late.tolist() == [[0, 1, 1], [0, 0, 0], [0, 0, 0]]  # 10 and 70 days
    assert found.late_quantity.tolist() == [7, 0, 0]
    assert (found.lead_mean[0], found.lead_p90[0]) == (pytest.approx(31 / 3), pytest.approx(13.6))


def test_lead_times_that_get_longer_are_a_trend_one_late_container_is_not():
    ordered = np.arange(0, 300, 10.0)
    values = {"supplier": np.zeros(30, dtype=int), "ordered": ordered, "due": np.full(30, NAN)}
    values |= {"quantity": np.ones(30), "came": np.ones(30), "suppliers": 1}
    slower = lines(**values, received=ordered + 10 + ordered / 30)
    assert slower.trend[0] == pytest.approx(3)
    steady = ordered + 10.0
    steady[20] += 60
    assert lines(**values, received=steady).trend[0] == 0
    assert lines(**values, received=steady).on_time_in_full[0] == 1


def test_receipts_before_the_order_and_columns_of_other_lengths():
    assert np.isnan(lines(received=[-5.0, NAN, NAN, NAN, NAN, NAN]).lead_mean[0])
    with pytest.raises(ValueError, match="from 0"):
        lines(suppliers=1)
    with pytest.raises(ValueError, match=r"\[m\]"):
        lines(due=[1.0])


def test_the_stage_that_costs_most_constrains():
    moments = np.array([[0, 1, 5, 6], [0, 1, 5, 7], [0, 1, 25, 26], [0, 1, NAN, NAN], [9, 2, 6, 7]], dtype=float)
    found = stages(moments, cost_per_day=[1, 1, 10, 1, 1])
    assert found.count.tolist() == [4, 4, 4]
    assert found.mean.tolist() == [1, 9, 1.25]
    assert found.late_days.tolist() == [0, 20, 1] and found.cost.tolist() == [0, 200, 1]
    assert found.constraining == 1
    assert stages(moments).constraining == 1
    assert stages(np.full((2, 3), NAN)).constraining == -1
    assert stages(moments, allowed_days=[0, 30, 0], cost_per_day=1.0).constraining == 2
    with pytest.raises(ValueError, match="moments"):
        stages([1.0, 2.0])


def test_a_flow_loses_and_waits_between_its_gates():
    """The shape of SupplyGraph: sales orders, production, factory issue, delivery; days in columns."""
    asked = [[10.0] * 6, [4.0] * 6]
    made = [[8.0] * 6, [4.0] * 6]
    issued = [[0, 0, 8, 8, 8, 8.0], [4.0] * 6]
    delivered = [[0, 0, 8, 8, 8, 8.0], [4.0] * 6]
    found = flow([asked, made, issued, delivered], value=[1.0, 5.0])
    assert found.lost.tolist() == [[12, 0], [16, 0], [0, 0]]
    assert found.cost.tolist() == [12, 16, 0] and found.constraining == 1
    assert found.passed == pytest.approx([1 - 12 / 84, 1 - 16 / 72, 1])
    # Two days' production lies between production and issue once it flows.
    assert found.waiting_days[1] == pytest.approx((8 + 16 * 5) / 6 / (32 / 6 + 4))
    assert found.waiting_days[2] == 0
    assert found.inside[1].tolist() == [pytest.approx((8 + 16 * 5) / 6), 0] and found.slowest == 1
    assert flow(np.ones((2, 1, 3))).constraining == -1
    assert np.isfinite(flow([[[NAN, -4.0]], [[1.0, 1.0]]]).lost).all()
    with pytest.raises(ValueError, match="two gates"):
        flow(np.ones((1, 1, 3)))


def test_a_slip_costs_the_margin_of_what_runs_short():
    demand = paths([2.0, 2.0], lead=10, slip_days=[25, 25])
    found = margin_at_risk([20, 500], [3.0, 3.0], demand)
    assert found.at_risk[0] == pytest.approx(3 * 2 * 15, rel=0.1)
    assert found.slipped[0] == pytest.approx(3 * (2 * 25 - 20), rel=0.1)
    assert found.at_risk[1] == found.planned[1] == found.slipped[1] == 0


def test_a_slip_is_played_along_the_same_paths():
    # To the usual day: exactly what the plan loses, path by path.
    demand = paths([2.0, 0.3], lead=10, slip_days=[10, 10])
    assert demand.slipped is not None and (demand.slipped == demand.lead).all()
    assert margin_at_risk([5, 0], 3.0, demand).at_risk.tolist() == [0, 0]
    later = paths([2.0, 0.3], lead=10, slip_days=[20, 20])
    assert later.slipped is not None and (later.slipped >= later.lead).all()
    assert (later.lead == demand.lead).all()
    with pytest.raises(ValueError, match="slip_days"):
        margin_at_risk([5, 0], 3.0, paths([2.0, 0.3]))


def test_what_only_one_supplier_has():
    found = exposure([0, 0, 1, -1], [1, 2, 1, 0], [5.0, 7.0, 2.0, 9.0], suppliers=3)
    assert found.products.tolist() == [2, 1, 0] and found.earns.tolist() == [12, 2, 0]
    assert found.single_products.tolist() == [1, 1, 0] and found.single_earns.tolist() == [5, 2, 0]
    with pytest.raises(ValueError, match="below"):
        exposure([4], [1], [1.0], suppliers=2)
