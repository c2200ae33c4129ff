"""Drawings are valid SVG, whatever the title; shop text never becomes markup."""

from __future__ import annotations

import xml.etree.ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from example_project.shop.pictures import motif_for, picture_svg, picture_version
from example_project.shop.pictures.paint import brightness, mix, paint_for
from example_project.shop.pictures.registry import MOTIFS

SVG = "{http://www.w3.org/2000/svg}"
HOSTILE = [
    '"><script>alert(1)</script>',
    "<svg onload=alert(1)>",
    "]]><x>&amp;& ' \"",
    "METAL SIGN <img src=x onerror=y>",
    "javascript:alert(1) SIGN",
    "\x00\x08\ud800 MUG \uffff",
    "",
    "   ",
    "SET OF 999999999999999999999 MUGS",
    "x" * 10_000,
    "SIGN " + "&<>" * 50,
]


def parsed(name: str) -> ET.Element:
    return ET.fromstring(picture_svg(name))


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_titles_give_valid_svg_without_foreign_markup(name: str) -> None:
    root = parsed(name)
    assert root.tag == f"{SVG}svg"
    for element in root.iter():
        assert element.tag.removeprefix(SVG) in {
            "svg", "title", "defs", "pattern", "g", "path", "circle", "ellipse", "rect", "text", "tspan",
        }  # fmt: skip
        assert not [key for key in element.attrib if key.lower().startswith("on") or "href" in key]


@given(st.text(max_size=60))
def test_any_text_gives_valid_svg(name: str) -> None:
    assert parsed(name).get("viewBox") == "0 0 400 400"


@pytest.mark.parametrize("motif", MOTIFS, ids=lambda motif: motif.name)
def test_every_motif_draws_valid_svg_in_every_cloth(motif) -> None:
    for words in ("RED", "WHITE RETROSPOT", "UNION JACK", "BLUE PAISLEY", "GREEN GINGHAM", "PINK FLORAL", "KNITTED"):
        body = motif.draw(paint_for(words))
        ET.fromstring(f"<g>{body}</g>")
        assert "<path" in body or "<circle" in body or "<rect" in body or "<ellipse" in body


def test_there_are_many_kinds_of_goods() -> None:
    assert len({motif.name for motif in MOTIFS}) == len(MOTIFS) >= 50


@pytest.mark.parametrize(
    ("title", "motif"),
    [
        ("WHITE HANGING HEART T-LIGHT HOLDER", "tlight"),
        ("RABBIT NIGHT LIGHT", "nightlight"),
        ("WHITE METAL LANTERN", "lantern"),
        ("JUMBO BAG VINTAGE DOILY", "bag"),
        ("LUNCH BAG RED RETROSPOT", "lunchbag"),
        ("REGENCY CAKESTAND 3 TIER", "cakestand"),
        ("SET OF 3 CAKE TINS PANTRY DESIGN", "tin"),
        ("PACK OF 72 RETROSPOT CAKE CASES", "cupcake"),
        ("ROSES REGENCY TEACUP AND SAUCER", "teacup"),
        ("HOT WATER BOTTLE KEEP CALM", "hotwater"),
        ("PARTY BUNTING", "bunting"),
        ("PLEASE ONE PERSON METAL SIGN", "sign"),
        ("ALARM CLOCK BAKELIKE RED", "clock"),
        ("JAM MAKING SET WITH JARS", "jar"),
        ("DOORMAT KEEP CALM AND COME IN", "doormat"),
    ],
)
def test_the_thing_itself_decides_the_motif(title: str, motif: str) -> None:
    found = motif_for(title)
    assert found is not None
    assert found.name == motif


def test_words_choose_colours() -> None:
    assert paint_for("RED MUG").main == "#c8373c"
    assert paint_for("BLUE MUG WITH PINK HEART").accent == "#e58ba3"
    assert paint_for("RED RETROSPOT MUG").pattern == "dots"
    assert paint_for("UNION JACK CUSHION").pattern == "union"
    assert paint_for("PLAIN").pattern == ""


def test_a_sign_carries_its_own_words_escaped() -> None:
    texts = [element.text for element in parsed("GIN & TONIC METAL SIGN").iter(f"{SVG}tspan")]
    assert texts == ["GIN & TONIC"]


def test_a_set_is_drawn_as_three_pieces() -> None:
    assert picture_svg("SET OF 6 MUGS").count("translate(158 86) scale(.56)") == 1
    assert "scale(.56)" not in picture_svg("RED MUG")


def test_the_same_title_gives_the_same_picture_and_version() -> None:
    picture_svg.cache_clear()
    first = picture_svg("Red Mug")
    picture_svg.cache_clear()
    assert picture_svg("Red Mug") == first
    assert picture_version("Red Mug") == picture_version("Red Mug") != picture_version("Blue Mug")


def test_mixing_and_brightness() -> None:
    assert mix("#000000", "#ffffff", 0.5) == "#808080"
    assert mix("#102030", "#ffffff", 0) == "#102030"
    assert brightness("#ffffff") == pytest.approx(1)
    assert brightness("#000000") == 0
