"""What the tests of prices share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from django.conf import LazySettings
from django.test import Client

from tests.clients import boss_client

from .adapters import LIVE, SHOP, LiveShop, PricedShop


@pytest.fixture
def boss() -> Client:
    """Who may do everything."""
    return boss_client()


@pytest.fixture
def shop(settings: LazySettings) -> Iterator[PricedShop]:
    """A shop that takes prices, and remembers them."""
    SHOP.written, SHOP.broken = [], set()
    settings.ECOMAI = {**settings.ECOMAI, "ADAPTER": "tests.pricing.adapters.SHOP"}
    yield SHOP


@pytest.fixture
def live_shop(settings: LazySettings) -> LiveShop:
    """A shop that takes prices and is asked for those of now."""
    LIVE.empty()
    settings.ECOMAI = {**settings.ECOMAI, "ADAPTER": "tests.pricing.adapters.LIVE"}
    return LIVE


@pytest.fixture
def reading_shop(settings: LazySettings) -> None:
    """A shop that takes no prices."""
    settings.ECOMAI = {**settings.ECOMAI, "ADAPTER": "tests.pricing.adapters.READING"}
