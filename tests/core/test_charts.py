"""Charts: well-formed, escaped, readable without eyes, and silent about nothing."""

from __future__ import annotations

import json
import math
from decimal import Decimal
from html.parser import HTMLParser
from typing import Any
from xml.etree import ElementTree

import pytest
from django.test import override_settings
from django.utils import translation
from django.utils.formats import number_format
from hypothesis import example, given
from hypothesis import strategies as st

from django_ecomai.core.charts import NumberWriter, bar_chart, canvas_chart, format_value, line_chart, sparkline

FLOATS = st.floats(allow_nan=True, allow_infinity=True)
NUMBERS = st.lists(st.none() | FLOATS | st.integers(-(10**12), 10**12), max_size=40)
# XML knows no control characters; Django escapes markup, not those.
TEXT = st.text(st.characters(exclude_categories=["Cs", "Cc", "Co", "Cn"]), max_size=40)


def points(svg: str) -> list[list[tuple[float, float]]]:
    root = ElementTree.fromstring(svg)
    return [
        [tuple(float(part) for part in pair.split(",")) for pair in line.attrib["points"].split()]  # type: ignore[misc]
        for line in root.iter("polyline")
    ]


def test_sparkline_draws_from_left_to_right_and_from_zero() -> None:
    svg = sparkline([0, 5, 10], title="Orders", width=106, height=26)
    assert points(svg) == [[(3.0, 23.0), (53.0, 13.0), (103.0, 3.0)]]
    assert points(sparkline([10, 10], title="x", width=106, height=26)) == [[(3.0, 3.0), (103.0, 3.0)]]
    assert points(sparkline([-10, 10], title="x", width=106, height=26)) == [[(3.0, 23.0), (103.0, 3.0)]]


def test_gaps_break_the_line_and_lonely_points_are_dots() -> None:
    assert points(sparkline([0, None, 0, 0], title="x", width=66, height=26)) == [
        [(3.0, 23.0), (3.0, 23.0)],
        [(43.0, 23.0), (63.0, 23.0)],
    ]


def test_screen_readers_hear_the_numbers() -> None:
    root = ElementTree.fromstring(sparkline([3, None, Decimal("1.5"), 1200], title="Orders"))
    assert root.attrib["role"] == "img"
    assert root.attrib["aria-label"] == "Orders: From 3 to 1,200; lowest 1.50, highest 1,200."
    assert [child.tag for child in root][:2] == ["title", "desc"]
    assert root[0].text == "Orders"
    assert "No data yet." in sparkline([], title="Orders")
    assert "No data yet." in sparkline([None, math.nan], title="Orders")


@given(NUMBERS, TEXT)
def test_sparkline_stays_inside_and_well_formed(values: list[Any], title: str) -> None:
    svg = sparkline(values, title=title)
    assert ElementTree.fromstring(svg)[0].text in (title, None)
    for run in points(svg):
        for x, y in run:
            assert 0 <= x <= 120 and 0 <= y <= 28


@given(st.lists(st.tuples(TEXT, st.none() | FLOATS), max_size=40), TEXT)
def test_bars_and_lines_are_well_formed(rows: list[Any], title: str) -> None:
    for svg in (bar_chart(rows, title=title), line_chart(rows, title=title)):
        root = ElementTree.fromstring(svg)
        assert root.attrib["role"] == "img" and root.attrib["aria-label"].startswith(title)
        for bar in root.iter("rect"):
            assert 0 <= float(bar.attrib["width"]) <= 170.1


def test_bars_tell_label_and_number() -> None:
    root = ElementTree.fromstring(bar_chart([("Home", 50), ("Product", 25), ("Cart", -3)], title="Clicks"))
    assert [float(bar.attrib["width"]) for bar in root.iter("rect")] == [170.0, 85.0, 0.0]
    assert [entry.text for entry in root.iter("text")] == ["Home", "50", "Product", "25", "Cart", "-3"]
    assert root.attrib["aria-label"] == "Clicks: Home 50; Product 25; Cart -3"
    assert len(list(ElementTree.fromstring(bar_chart([("a", 1)] * 50, title="x", limit=7)).iter("rect"))) == 7
    long = [entry.text for entry in ElementTree.fromstring(bar_chart([("x" * 30, 1)], title="t")).iter("text")]
    assert long == ["x" * 19 + "…", "1"]


def test_bars_have_room_for_long_labels_and_name_their_unit() -> None:
    root = ElementTree.fromstring(bar_chart([("X" * 40, 1)], title="t", width=640, label_width=240, unit="EUR"))
    assert [entry.text for entry in root.iter("text")] == ["X" * 29 + "…", "1 EUR"]
    assert root.attrib["aria-label"] == f"t: {'X' * 40} 1 EUR"


def test_line_chart_names_its_ends_and_its_top() -> None:
    root = ElementTree.fromstring(line_chart([("1 May", 1), ("2 May", 300), ("3 May", 2)], title="Orders"))
    assert [entry.text for entry in root.iter("text")] == ["1 May", "3 May", "300"]


@pytest.mark.parametrize("evil", ["<script>alert(1)</script>", '" onload="alert(1)', "</svg><b>", "{{ 7 }}", "&amp;"])
def test_nothing_of_the_shop_becomes_markup(evil: str) -> None:
    svgs = [
        sparkline([1], title=evil),
        bar_chart([(evil, 1)], title=evil),
        line_chart([(evil, 1), (evil, 2)], title=evil),
    ]
    for svg in svgs:
        root = ElementTree.fromstring(svg)
        assert root[0].text == evil
        assert {entry.tag for entry in root.iter()} <= {"svg", "title", "desc", "polyline", "text", "rect", "line"}
        assert not any(name.startswith("on") for entry in root.iter() for name in entry.attrib)
    page = canvas_chart(kind="bar", labels=[evil], series=[(evil, [1])], title=evil)
    parsed = Parsed(page)
    assert "script" not in parsed.tags and "b" not in parsed.tags
    assert json.loads(parsed.attributes["data-ecomai-chart"])["labels"] == [evil]


class Parsed(HTMLParser):
    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: dict[str, str] = {}
        self.texts: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes |= {name: value or "" for name, value in attrs}

    def handle_data(self, data: str) -> None:
        if data.strip():
            self.texts.append(data.strip())


def test_canvas_carries_its_numbers_as_data_and_as_a_table() -> None:
    html = canvas_chart(
        kind="line",
        labels=["Mon", "Tue"],
        series=[("Clicks", [1, Decimal("2.5")]), ("Orders", [math.nan, None])],
        title="Last days",
        label_heading="Day",
    )
    parsed = Parsed(html)
    assert json.loads(parsed.attributes["data-ecomai-chart"]) == {
        "type": "line",
        "labels": ["Mon", "Tue"],
        "series": [{"label": "Clicks", "data": [1.0, 2.5]}, {"label": "Orders", "data": [None, None]}],
    }
    assert parsed.texts[-9:] == ["Day", "Clicks", "Orders", "Mon", "1", "–", "Tue", "2.50", "–"]
    assert "script" not in parsed.tags and "style" not in parsed.attributes
    assert parsed.tags.count("caption") == 1 and html.count('scope="col"') == 3 and html.count('scope="row"') == 2


def test_canvas_refuses_what_it_cannot_draw() -> None:
    with pytest.raises(ValueError, match="'pie' is none of line, bar"):
        canvas_chart(kind="pie", labels=[], series=[], title="x")
    with pytest.raises(ValueError, match="'a' has 1 values for 2 labels"):
        canvas_chart(kind="bar", labels=["x", "y"], series=[("a", [1])], title="x")
    assert "No data yet." in canvas_chart(kind="bar", labels=[], series=[], title="x")


@pytest.mark.parametrize(
    ("value", "english", "german"),
    [
        (None, "–", "–"),
        (0, "0", "0"),
        (1234567, "1,234,567", "1.234.567"),
        (12.345, "12.35", "12,35"),
        (-0.5, "-0.50", "-0,50"),
    ],
)
def test_numbers_are_written_as_people_write_them(value: Any, english: str, german: str) -> None:
    assert format_value(value) == english
    with translation.override("de"):
        assert format_value(value) == german


# Between thousands a comma, a point, a space, an apostrophe or, in Hindi, nothing; groups of other sizes are Django's.
LANGUAGES = st.sampled_from(["en", "de", "fr", "de-ch", "hi", "ar", "pt-br"])


@given(FLOATS | st.integers(-(10**17), 10**17) | st.decimals(-(10**9), 10**9), LANGUAGES)
@example(99.995, "de")
@example(999.5, "fr")
@example(-0.0, "en")
@example(-0.001, "en")
@example(1e15, "de-ch")
@example(-1234567, "hi")
@example(True, "en")
def test_numbers_are_those_of_django(value: Any, language: str) -> None:
    with translation.override(language):
        places = 0 if abs(value) >= 100 or (not math.isnan(value) and float(value).is_integer()) else 2
        shown = round(value, places)
        assert NumberWriter().value(value) == number_format(shown, decimal_pos=places, force_grouping=True)


@given(st.floats(0, 1e7), st.sampled_from([0, 1]), LANGUAGES, st.booleans())
def test_so_are_those_with_so_many_places(value: float, places: int, language: str, grouped: bool) -> None:
    shown = round(value, places)
    with translation.override(language), override_settings(USE_THOUSAND_SEPARATOR=grouped):
        assert NumberWriter().places(shown, places) == number_format(shown, decimal_pos=places)


def test_a_writer_keeps_the_language_it_was_made_in() -> None:
    with translation.override("de"):
        writer = NumberWriter()
    with translation.override("en"):
        assert (writer.language, writer.value(1234567), writer.value(0.5)) == ("de", "1.234.567", "0,50")
