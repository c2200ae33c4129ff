"""Margins at proposed prices order recommendations, where the merchant wants that: from the proposal to the list."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest
from django.conf import LazySettings

from django_ecomai.recommend import config, steering
from django_ecomai.recommend.serving import recommendations
from django_ecomai.runs import live
from tests.recommend.factories import order, product
from tests.recommend.helpers import ids

from .factories import proposal_make

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def cold(settings: LazySettings, tmp_path: Path) -> Iterator[None]:
    """A process that has loaded nothing, and a shop of its own."""
    settings.ECOMAI = {
        **settings.ECOMAI, "ADAPTER": "tests.recommend.factories.MirrorShop", "ARTIFACT_DIR": str(tmp_path),
        "CONSENT": "django_ecomai.events.consent.always",
    }  # fmt: skip
    for one in (config.forget, live.live_reset, steering.forget):
        one()
    yield
    for one in (config.forget, live.live_reset, steering.forget):
        one()


def trending() -> list[str]:
    """What a page shows now; nothing of the minute before."""
    steering.forget()
    return ids(recommendations("trending"))


def test_of_two_equal_products_the_one_that_leaves_more_stands_first(settings: LazySettings) -> None:
    lean, rich = product("lean"), product("rich")
    for number in range(3):
        order(f"c{number}", ["lean", "rich"])
    order("c9", ["lean"])  # so that without margins the lean one is ahead, by little
    settings.ECOMAI = {**settings.ECOMAI, "PRICING_STEERS": False}
    before = trending()
    assert before == ["lean", "rich"]
    # 20 % and 80 % of the proposed price are left
    proposal_make(lean, new_price=Decimal(10), cost=Decimal(8))
    proposal_make(rich, new_price=Decimal(10), cost=Decimal(2))
    assert trending() == before
    settings.ECOMAI = {**settings.ECOMAI, "PRICING_STEERS": True}
    assert trending() == ["rich", "lean"]
    settings.ECOMAI = {**settings.ECOMAI, "PRICING_STEERS": False}
    assert trending() == before


@pytest.mark.parametrize("dear", ["a", "b"])
def test_exactly_equal_products_are_ordered_by_margin_either_way(dear: str, settings: LazySettings) -> None:
    rows = {name: product(name) for name in ("a", "b")}
    order("c", ["a", "b"])
    for name, row in rows.items():
        proposal_make(row, new_price=Decimal(10), cost=Decimal(2 if name == dear else 8))
    settings.ECOMAI = {**settings.ECOMAI, "PRICING_STEERS": True}
    assert trending()[0] == dear
