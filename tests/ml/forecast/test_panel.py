"""Long frames become arrays: what is unknown, what is zero, what was not there yet."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from django_ecomai.ml.forecast.calendar import dates_of, periods_of
from django_ecomai.ml.forecast.panel import panel_build
from tests.ml.forecast.factories import long, weeks


def test_zeros_before_the_first_sale_are_trimmed_and_gaps_are_zero_demand():
    frame = long({"a": [0, 0, 3, 1, 2], "b": [1, 2, 3, 4, 5]})
    frame = frame[~((frame["unique_id"] == "a") & (frame["y"] == 1))]
    panel = panel_build(frame, frequency="W", horizon=2)
    np.testing.assert_array_equal(panel.y[0], [np.nan, np.nan, 3, 0, 2])
    assert panel.start.tolist() == [2, 0]


def test_a_stock_out_stays_unknown():
    panel = panel_build(long({"a": [3, np.nan, 2]}), frequency="W", horizon=1)
    np.testing.assert_array_equal(panel.y, [[3, np.nan, 2]])


def test_a_series_that_ends_early_sold_nothing_since():
    frame = pd.concat([long({"a": [3, 1]}), long({"b": [1, 1, 1, 1]})])
    np.testing.assert_array_equal(panel_build(frame, frequency="W", horizon=1).y[0], [3, 1, 0, 0])


def test_returns_and_duplicates():
    frame = pd.concat([long({"a": [3, 1]}), long({"a": [2, -5]})])
    np.testing.assert_array_equal(panel_build(frame, frequency="W", horizon=1).y, [[5, 1]])


@pytest.mark.parametrize(("frequency", "text"), [("D", "2024-02-29"), ("W", "2024-02-26"), ("M", "2024-02-01")])
def test_any_day_belongs_to_the_period_that_begins_with_its_first_day(frequency, text):
    number = periods_of(np.array(["2024-02-29"], dtype="datetime64[D]"), frequency)
    assert dates_of(number, frequency).astype(str).tolist() == [text]


def test_aware_and_naive_dates_give_the_same_days():
    frame = long({"a": [1, 2]})
    aware = frame.assign(ds=frame["ds"].dt.tz_localize("Europe/Berlin"))
    assert panel_build(aware, frequency="W", horizon=1).first == panel_build(frame, frequency="W", horizon=1).first


def test_regressors_are_carried_forward_and_told_ahead():
    frame = long({"a": [1, 1, 1]}).assign(price=[10.0, np.nan, 12.0])
    future = pd.DataFrame({"unique_id": ["a", "z"], "ds": weeks(5)[3:], "price": [9.0, 1.0]})
    panel = panel_build(frame, frequency="W", horizon=2, future=future)
    assert panel.regressors["price"].tolist() == [[10, 10, 12, 9, 9]]
    assert panel.ahead == ("price",)
    assert panel_build(frame, frequency="W", horizon=2).ahead == ()
    assert panel.until(1).regressors["price"].tolist() == [[10, 10, 12, 9, 9]]


def test_what_is_not_known_ahead_is_held_at_its_last_value_before_the_origin():
    frame = long({"a": [1, 1, 1, 1]}).assign(price_paid=[np.nan, 10.0, 8.0, 12.0], promotion=[0.0, 1.0, 0.0, 1.0])
    future = pd.DataFrame({"unique_id": "a", "ds": weeks(5)[4:], "promotion": [1.0]})
    panel = panel_build(frame, frequency="W", horizon=1, future=future)
    assert panel.since["price_paid"].tolist() == [1]
    past = panel.until(2)
    assert past.regressors["price_paid"].tolist() == [[10, 10, 10, 10, 10]]
    assert past.regressors["promotion"].tolist() == [[0, 1, 0, 1, 1]]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda frame: frame.drop(columns="y"), "no column 'y'"),
        (lambda frame: frame.assign(y="many"), "column 'y' is not numeric"),
        (lambda frame: frame.assign(colour="red"), "column 'colour' is not numeric"),
        (lambda frame: frame.assign(y=np.inf), "infinite"),
        (lambda frame: frame.assign(ds=pd.NaT), "ds is missing"),
        (lambda frame: frame.assign(unique_id=None), "unique_id is missing"),
    ],
)
def test_what_cannot_be_read_is_said_so(change, message):
    with pytest.raises(ValueError, match=message):
        panel_build(change(long({"a": [1, 2, 3]})), frequency="W", horizon=1)
