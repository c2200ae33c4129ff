"""Curves and the market as pictures: every number is told, nothing breaks on odd ones."""

from __future__ import annotations

import math
import xml.etree.ElementTree as xml
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from django_ecomai.pricing.pictures import curve_picture, market_strip

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
