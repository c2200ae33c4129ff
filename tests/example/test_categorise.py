"""Titles land on the shelf a merchant would choose."""

from __future__ import annotations

import pytest

from example_project.shop.categorise import FIRST, LAST, LATER, OTHER, SHELVES, coverage, shelf_for
from example_project.shop.load import read_source, source_products


@pytest.mark.parametrize(
    ("title", "shelf"),
    [
        ("WHITE HANGING HEART T-LIGHT HOLDER", "T-Light Holders"),
        ("RABBIT NIGHT LIGHT", "Lanterns & Lights"),
        ("WHITE METAL LANTERN", "Lanterns & Lights"),
        ("REGENCY CAKESTAND 3 TIER", "Baking & Cakes"),
        ("JUMBO BAG RED RETROSPOT", "Shoppers & Totes"),
        ("LUNCH BAG VINTAGE DOILY", "Lunch Bags & Boxes"),
        ("ROSES REGENCY TEACUP AND SAUCER", "Tea & Coffee"),
        ("HOT WATER BOTTLE KEEP CALM", "Hot Water Bottles & Warmers"),
        ("PARTY BUNTING", "Bunting & Party"),
        ("PAPER CHAIN KIT 50'S CHRISTMAS", "Christmas Gifts & Table"),
        ("ROTATING CHRISTMAS TREE DECORATION", "Tree & Hanging Decorations"),
        ("PLEASE ONE PERSON METAL SIGN", "Signs & Wall Art"),
        ("DOORMAT UNION FLAG", "Cushions & Doormats"),
        ("ALARM CLOCK BAKELIKE RED", "Clocks, Frames & Mirrors"),
        ("AMETHYST DIAMANTE NECKLACE", "Necklaces & Bracelets"),
        ("PINK CRYSTAL SKULL PHONE CHARM", "Purses & Travel"),
        ("SET OF 6 SPICE TINS PANTRY DESIGN", "Tins, Jars & Cookware"),
        ("WRAP ENGLISH ROSE", "Cards, Wrap & Ribbons"),
        ("VINTAGE SNAP CARDS", "Toys & Games"),
        ("GARDENERS KNEELING PAD KEEP CALM", "Cushions & Doormats"),
        ("Red  Metal   lantern", "Lanterns & Lights"),
        ("QWERTZ", OTHER),
        ("", OTHER),
    ],
)
def test_shelf(title: str, shelf: str) -> None:
    assert shelf_for(title) == shelf


def test_every_rule_names_a_shelf_of_the_tree() -> None:
    known = {shelf for _, shelf in SHELVES}
    assert {shelf for shelf, _ in (*FIRST, *LATER, *LAST)} <= known
    assert len(known) == len(SHELVES)
    assert 10 <= len({department for department, _ in SHELVES}) <= 20


def test_the_sample_is_covered() -> None:
    counts = coverage(one.title for one in source_products(read_source()).values() if not one.is_service)
    assert counts[OTHER] / sum(counts.values()) < 0.12
    assert all(counts[shelf] >= 20 for _, shelf in SHELVES)
