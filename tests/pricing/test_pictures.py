"""Curves and the market as pictures: every number is told, nothing breaks on odd ones."""

from __future__ import annotations

import math
import xml.etree.ElementTree as xml
from decimal import Decimal
from typing import Any

from django.utils import translation
from hypothesis import given
from hypothesis import strategies as st

from django_ecomai.pricing.models import PriceProposal
from django_ecomai.pricing.pictures import curve_picture, market_strip
from django_ecomai.pricing.row_numbers import curve_of

numbers = st.one_of(st.none(), st.floats(allow_nan=True, allow_infinity=True), st.just(0.0))


def coordinates(svg: str) -> list[float]:
    """All pixels of a picture."""
    found = []
    for element in xml.fromstring(svg).iter():
        for name in ("x", "y", "x1", "x2", "y1", "y2", "cx", "cy"):
            found += [float(element.attrib[name])] if name in element.attrib else []
        for point in element.attrib.get("points", "").split():
            found += [float(one) for one in point.split(",")]
    return found


def picture(**changes: Any) -> str:
    values = {
        "prices": [9.0, 10.0, 11.0], "values": [47.0, 40.0, 34.0], "title": "Demand", "currency": "EUR",
        "marks": [("today", 10.0, "today"), ("proposed", 10.5, "proposed")], **changes,
    }  # fmt: skip
    return curve_picture(**values)


def test_a_curve_tells_its_height_at_every_mark_and_its_best() -> None:
    svg = picture()
    assert 'aria-label="Demand: today 10.00: 40; proposed 10.50: 37; highest 47 at 9.00"' in svg
    assert svg.count("<circle") == 2 and "ecomai-band" not in svg
    assert "ecomai-band" in picture(band=([45.0, 38.0, 30.0], [50.0, 42.0, 40.0]))


def test_prices_are_written_in_the_readers_language() -> None:
    with translation.override("de"):
        svg = picture(marks=[("heute", 10.25, "today")])
        assert "heute 10,25" in svg and "9,00 EUR" in svg and "10.25" not in svg


def test_losses_have_a_minus_sign() -> None:
    svg = picture(values=[-47.0, 40.0, -34.0], marks=[("today", 9.0, "today")])
    assert "today 9.00: −47;" in svg and ">−47</text>" in svg and "-47" not in svg


def test_labels_of_near_prices_stand_aside() -> None:
    near = [("today", 10.0, "today"), ("lowest", 10.01, "market"), ("median", 10.02, "market"),
            ("proposed", 14.0, "proposed")]  # fmt: skip
    drawn = xml.fromstring(market_strip(marks=near, title="Market", currency="EUR"))
    told = [(one.text, one.attrib["text-anchor"]) for one in drawn.iter("text")]
    assert told == [("today 10.00", "end"), ("lowest 10.01", "middle"), ("median 10.02", "start"),
                    ("proposed 14.00", "middle")]  # fmt: skip


def test_titles_and_labels_are_escaped() -> None:
    svg = picture(title="<b>", marks=[("<i>", 10.0, "today")])
    assert "<b>" not in svg and "<i>" not in svg


def test_without_two_points_there_is_no_curve() -> None:
    for prices, values in (([], []), ([1.0], [1.0]), ([1.0, 2.0], [None, 3.0]), ([1.0, math.nan], [1.0, 2.0])):
        assert picture(prices=prices, values=values) == ""
    assert market_strip(marks=[("today", 10.0, "today")], title="Market", currency="EUR") == ""


@given(st.lists(st.tuples(numbers, numbers, numbers, numbers), max_size=8), st.lists(numbers, max_size=3))
def test_odd_numbers_never_leave_the_page(rows: list[tuple[Any, ...]], prices: list[Any]) -> None:
    marks = [("mark", price, "today") for price in prices if price is not None]
    svg = picture(
        prices=[row[0] for row in rows], values=[row[1] for row in rows], marks=marks,
        band=([row[2] for row in rows], [row[3] for row in rows]),
    )  # fmt: skip
    for drawn in (svg, market_strip(marks=marks, title="Market", currency="EUR")):
        assert all(math.isfinite(one) for one in coordinates(drawn)) if drawn else True


def test_a_curve_is_made_of_the_numbers_that_its_row_was_worked_out_with() -> None:
    made = {"low": 8.0, "high": 12.0, "path": 40.0, "stock": None, "left": 5.0, "elasticity": -2.0, "sd": 0.0}
    row = PriceProposal(old_price=Decimal(10), tax=0.25, curve=made)
    found = curve_of(row)
    assert len(found["prices"]) == 21 and (found["prices"][0], found["prices"][10]) == (8.0, 10.0)
    # 40 pieces at 10 are 40 / 0.8 ** 2 at 8, each of which leaves (8 - 5) / 1.25
    assert (found["units"][0], found["units"][10]) == (62.5, 40.0)
    assert found["profit"][0] == found["profit_low"][0] == found["profit_high"][0] == 150.0
    assert row.curve_shown == found
    row.curve = {**made, "stock": 50.0}
    assert (row.curve_shown["units"][0], row.curve_shown["profit"][0]) == (50.0, 120.0)
    row.curve = {**made, "sd": 0.5}
    wide = row.curve_shown
    assert wide["profit_low"][0] < wide["profit"][0] < wide["profit_high"][0]
    # rows without, and those that hold the curve itself
    assert curve_of(PriceProposal(curve={})) == {}
    assert curve_of(PriceProposal(old_price=Decimal(10), curve={"prices": [9.0]})) == {"prices": [9.0]}
